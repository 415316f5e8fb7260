/* The parts of `lnsp eval --5cat`: eval_five.c runs it, eval_five_report.c tells. */
#ifndef EVAL_FIVE_H
#define EVAL_FIVE_H

#include "eval.h"
#include "five_cat.h"

typedef struct five_set {
  const char *name; /* VAL or OOD */
  data d;
  five_bank bank;
  float *vectors;
  int32_t *order, *place, *windows;
  int64_t rows;
  five_result result[EVAL_MOST];
} five_set;

typedef struct five_job {
  eval_job *job;
  five_setting setting;
  int64_t samples;
  int set_count;
  five_set set[2];
} five_job;

int five_report(const five_job *f);
/* Offset sweep and rollout, a line a predictor and set. */
int five_svg(const five_job *f, const char *path);

#endif
