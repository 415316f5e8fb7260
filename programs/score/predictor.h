/* A model, or a baseline that needs none. */
#ifndef SCORE_PREDICTOR_H
#define SCORE_PREDICTOR_H

#include "cli/args.h"
#include "data/data.h"
#include "lnsp.h"

#define PREDICTOR_WEIGHTS 128 /* of weighted=...: most concepts of a context */

typedef struct predictor {
  const char *name;   /* as the table shows it */
  const char *output; /* of a model: which of its outputs */
  int kind;           /* predictor.c */
  lnsp_model *model;
  lnsp_session *session;
  const lnsp_tensor *mask; /* of the rows that it runs, or NULL; score_predictor sets it */
  int64_t width;      /* of what it predicts */
  int64_t batch;      /* most rows a call */
  uint64_t random;
  int weight_count;
  double weights[PREDICTOR_WEIGHTS];
  double lambda;      /* of ridge */
  float *fitted;      /* by predictor_fit: the mean [out], or W [in, out] */
  int64_t fitted_in, fitted_out;
} predictor;

/* "copy-last", "mean", "weighted=.1,.9", "random", "train-mean" or "ridge=1". 0 or an exit
 * status. */
void predictor_baseline(const char *text, uint64_t seed, predictor *p);
/* A model file; output NULL: "output". */
void predictor_model(const args *a, const char *path, const char *output, predictor *p);
/* A session of someone else's, which outlives p. */
void predictor_borrow(predictor *p, lnsp_session *session, int64_t batch);
/* Whether it learns from data first, and doing so: predict_fit.c. spec: vectors and how
 * they are read; which rows, --fit-rows and --fit-target-rows say. */
int predictor_fits(const predictor *p);
void predictor_fit(const args *a, predictor *p, const data_spec *spec);
/* Gets ready for contexts of this shape; 0 or an exit status. */
void predictor_ready(const args *a, predictor *p, int64_t batch, int64_t concepts,
                     int64_t width);
/* Rows of input [rows, width] or [rows, concepts, width] (or ids) into out, of which rank
 * and dims say the shape. first: number of the first row in the data, for the refusal. */
void predictor_run(predictor *p, const lnsp_tensor *input, lnsp_tensor *out, int64_t first);
void predictor_close(predictor *p);

#endif
