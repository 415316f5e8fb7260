/* A set of deltas of one base, read side by side in spans, so that nothing holds a whole
 * state: for their norms, and to aggregate them. */
#ifndef LNSPI_DELTA_DELTA_SET_H
#define LNSPI_DELTA_DELTA_SET_H

#include "base/progress.h"
#include "delta/stage_reader.h"

#define LNSPI_DELTA_SET_MAX 1024 /* deltas of a set */

typedef struct lnspi_delta_set_item {
  const lnsp_delta *delta;
  int32_t first;    /* its first reader: there is one for each of its stages */
  int32_t status;   /* LNSP_OK, or why it is left out; never set back */
  double norm;      /* of result - base over all parameters; after lnspi_delta_set_norms */
  double most;      /* the largest |result - base| */
  double scale, weight; /* for whoever aggregates; 1 at first */
  float *change;    /* LNSPI_DELTA_SPAN: result - base of the span */
} lnspi_delta_set_item;

typedef struct lnspi_delta_set {
  lnspi_block block;
  const lnsp_model *base;
  int32_t count;    /* deltas */
  int32_t stages;   /* of all deltas together */
  int32_t skip;     /* 1: a delta that is refused is left out instead of failing the call */
  lnspi_delta_set_item *one;
  lnspi_stage_reader *reader;
  uint8_t *work;    /* LNSPI_CODEC_READ_BYTES a reader */
  uint8_t *reached; /* a stage: whether it changes the current tensor */
  double *column;   /* room for one number of each delta */
  lnspi_progress *progress; /* of elements of one delta; or NULL */
} lnspi_delta_set;

/* Allocates by the allocator of options; a block in options is not used. Refuses deltas of
 * other models: base_hash is that of base. */
int32_t lnspi_delta_set_open(lnspi_delta_set *s, const lnsp_model *base,
                             const uint8_t base_hash[LNSP_HASH_BYTES],
                             const lnsp_delta *const *deltas, int32_t count, int32_t skip,
                             const lnsp_options *options, lnsp_error *error);
void lnspi_delta_set_close(lnspi_delta_set *s);

/* start, then for each tensor of the graph in order: tensor, and next for all of its spans
 * (base: the base's values of it), which fills the change of every delta that is not left
 * out. end checks that nothing remains. start may be called again. */
int32_t lnspi_delta_set_start(lnspi_delta_set *s, lnsp_error *error);
void lnspi_delta_set_tensor(lnspi_delta_set *s, int32_t index);
int32_t lnspi_delta_set_next(lnspi_delta_set *s, int32_t index, const float *base,
                             int32_t count, lnsp_error *error);
int32_t lnspi_delta_set_end(lnspi_delta_set *s, lnsp_error *error);

/* Reads all deltas once, and sets norm and most. */
int32_t lnspi_delta_set_norms(lnspi_delta_set *s, lnsp_error *error);

#endif
