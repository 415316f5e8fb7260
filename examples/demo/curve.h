/* The picture of the demo: two learning curves as SVG. */
#ifndef CURVE_H
#define CURVE_H

#define CURVE_POINTS 64

typedef struct curve {
  int count;
  double step[CURVE_POINTS];
  double fresh[CURVE_POINTS]; /* held-out cosine, new domain */
  double old[CURVE_POINTS];   /* the same, old domain        */
  char title[128], subtitle[128];
} curve;

/* 0, or -1 if the file could not be written. */
int curve_write(const curve *c, const char *path);

#endif
