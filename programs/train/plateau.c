/* Plateaus, early stopping: watch.h. */
#include "train/plateau.h"

#include <math.h>

#define PLATEAU_LEAST_FALL 1e-8 /* a smaller fall of the rate is none: PyTorch's eps */

void plateau_start(plateau *p) {
  p->best = HUGE_VAL;
  p->bad = p->cooling = 0;
}

double plateau_look(plateau *p, double loss, double lr) {
  double lower;
  if (loss < p->best * (1 - p->threshold)) {
    p->best = loss;
    p->bad = 0;
  } else {
    p->bad++;
  }
  if (p->cooling > 0) {
    p->cooling--;
    p->bad = 0;
  }
  if (p->bad <= p->patience) return lr;
  p->bad = 0;
  p->cooling = p->cooldown;
  lower = lr * p->factor > p->min_lr ? lr * p->factor : p->min_lr;
  return lr - lower > PLATEAU_LEAST_FALL ? lower : lr;
}

int watch_look(watch *w, double value) {
  const int better = !isnan(value) && (w->looks == 0 || isnan(w->best) ||
                                       (w->rises ? value > w->best : value < w->best));
  w->looks++;
  w->bad = better ? 0 : w->bad + 1;
  if (better || w->looks == 1) w->best = value;
  return better;
}

int watch_over(const watch *w) { return w->patience > 0 && w->bad >= w->patience; }
