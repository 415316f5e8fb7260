/* The parts of `lnsp eval --5cat`: cat5_run.c runs it, cat5_report.c prints. */
#ifndef EVAL_CAT5_RUN_H
#define EVAL_CAT5_RUN_H

#include <stdint.h>

#include "data/data.h"
#include "eval/eval.h"
#include "common/cat5.h"

typedef struct cat5_set {
  const char *name; /* VAL or OOD */
  data d;
  cat5_bank bank;
  float *vectors;
  int32_t *order, *place, *windows;
  int64_t rows;
  cat5_result result[EVAL_MOST];
} cat5_set;

typedef struct cat5_job {
  eval_job *job;
  cat5_setting setting;
  int64_t samples;
  int set_count;
  cat5_set set[2];
} cat5_job;

void cat5_report(const cat5_job *f);
/* Offset sweep and rollout, a line a predictor and set. */
void cat5_svg(const cat5_job *f, const char *path);

#endif
