/* A delta: what changed between two states of one architecture. It has stages that are
 * applied one after the other, each a codec's payload; one as it is made, more after merge. */
#ifndef LNSPI_DELTA_DELTA_H
#define LNSPI_DELTA_DELTA_H

#include "delta/codec.h"
#include "run/model.h"

#define LNSPI_DELTA_STAGES 64

typedef struct lnspi_delta_stage {
  lnspi_codec_config setting;
  int32_t back;         /* 1: applied from its result to its base */
  uint8_t *tensors;     /* one byte a tensor of the graph: the payload is about it */
  uint64_t at, bytes;   /* its part of the payload */
} lnspi_delta_stage;

struct lnsp_delta {
  lnspi_block block;
  lnsp_graph *graph;
  uint8_t base[LNSP_HASH_BYTES];
  uint8_t result[LNSP_HASH_BYTES];
  int64_t changed_count;  /* parameters whose bits differ; -1 not known */
  int32_t stage_count;
  int32_t reserved;
  uint64_t bytes, capacity; /* of the payload: used, there are */
  uint64_t text_bytes;
  lnspi_delta_stage *stages;
  char *text;             /* lnsp.delta.stages */
  uint8_t *payload;
  void *work;             /* the codec's, while the delta is made */
  char codec[128];        /* the stages' settings, for people */
  uint64_t nonce;         /* stamp: see lnsp_delta_stamp */
  char sender[LNSP_SENDER_BYTES];
  int32_t has_mac, reserved_mac;
  uint8_t digest[LNSP_HASH_BYTES]; /* of the file; once it was stamped or read */
  uint8_t mac[LNSP_HASH_BYTES];
};

/* Texts */

/* The handle */

/* What a handle has room for. */
typedef struct lnspi_delta_shape {
  int32_t stages, reserved;
  uint64_t payload, text, work; /* bytes */
} lnspi_delta_shape;

int32_t lnspi_delta_bytes(const lnsp_graph *graph, const lnspi_delta_shape *shape,
                          uint64_t *bytes, lnsp_error *error);

/* Sets it up in its block, whose graph is in place at memory + LNSPI_HANDLE_BYTES. */
lnsp_delta *lnspi_delta_place(const lnspi_block *block, lnsp_graph *graph,
                              const lnspi_delta_shape *shape);

/* A handle with its own copy of the graph. */
int32_t lnspi_delta_blank(const lnsp_graph *graph, const lnspi_delta_shape *shape,
                          const lnsp_options *options, lnsp_delta **out, lnsp_error *error);
void lnspi_delta_release(lnsp_delta *delta);

/* Refuses two networks, and models whose weights are only codes. */
int32_t lnspi_delta_check_models(const lnsp_model *base, const lnsp_model *next,
                                 lnsp_error *error);
int32_t lnspi_delta_invert(const lnsp_delta *delta, const lnsp_options *options,
                           lnsp_delta **out, lnsp_error *error);

/* The stages of all, one delta's result being the next one's base. */
int32_t lnspi_delta_merge(const lnsp_delta *const *deltas, int32_t count,
                          const lnsp_options *options, lnsp_delta **out, lnsp_error *error);

/* The change of a stage, tensor after tensor in spans */

/* Refuses a base that is not the delta's: another network, or other weights. */
int32_t lnspi_delta_check_base(const lnsp_delta *delta, const lnsp_model *base,
                               lnsp_error *error);

/* Deltas of others, see lnsp.h */

int32_t lnspi_delta_norms(const lnsp_delta *delta, const lnsp_model *base,
                          const lnsp_options *options, double *norm, double *most,
                          lnsp_error *error);

/* The file. What the header says, and where its texts are kept. */

#endif
