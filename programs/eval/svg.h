/* A chart of lines. */
#ifndef EVAL_SVG_H
#define EVAL_SVG_H

#define SVG_LINES 16

typedef struct svg_line {
  const char *name;
  const double *x, *y;
  int count;
} svg_line;

typedef struct svg_chart {
  const char *title, *x_label, *y_label;
  int log_x;
  int line_count;
  svg_line line[SVG_LINES];
} svg_chart;

/* Writes charts one below another. */
void svg_write(const char *path, const svg_chart *charts, int count);

#endif
