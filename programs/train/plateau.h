/* What is done about a measure that is looked at again and again: the learning rate falls
 * when it no longer gets better, and training ends. No file and no handle: numbers alone. */
#ifndef TRAIN_PLATEAU_H
#define TRAIN_PLATEAU_H

#include <stdint.h>

/* PyTorch's ReduceLROnPlateau for a loss, threshold_mode rel. */
typedef struct plateau {
  double factor, threshold, min_lr;
  int64_t patience, cooldown;
  double best;                /* so far; infinite before the first */
  int64_t bad, cooling;       /* looks since then; looks to wait yet */
} plateau;

void plateau_start(plateau *p);
/* After a look: the rate that follows from this one. */
double plateau_look(plateau *p, double loss, double lr);

/* Early stopping, and which weights are best: larger is better where rises is 1. */
typedef struct watch {
  int rises;
  int64_t patience;    /* looks without a better one that end it; 0: none do */
  double best;
  int64_t looks, bad;
} watch;

/* 1 if this value is the best so far; equal ones and NaN are not better. */
int watch_look(watch *w, double value);
int watch_over(const watch *w);

#endif
