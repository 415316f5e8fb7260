/* A delta: what changed between two versions of the weights of one architecture. It has
 * stages, each a codec's payload, which are applied one after the other: one stage when it is
 * made, more after a merge. */
#ifndef LNSPI_DELTA_DELTA_H
#define LNSPI_DELTA_DELTA_H

#include "delta/codec.h"
#include "run/model.h"

#define LNSPI_DELTA_STAGES 64

typedef struct lnspi_delta_stage {
  lnspi_codec_config config;
  int32_t back;         /* 1: applied from its result to its base */
  uint8_t *tensors;     /* one byte a tensor of the graph: 1 if the stage changes it */
  uint64_t at, bytes;   /* its part of the delta's payload */
} lnspi_delta_stage;

struct lnsp_delta {
  lnspi_block block;
  lnsp_graph *graph;
  uint8_t base[LNSP_HASH_BYTES];   /* hash of the weights that it applies to */
  uint8_t result[LNSP_HASH_BYTES]; /* and of those that come out */
  int64_t changed_count;  /* parameters whose bits differ; -1: unknown */
  int32_t stage_count;
  int32_t reserved;
  uint64_t bytes, capacity; /* of the payload: used, allocated */
  uint64_t text_bytes;
  lnspi_delta_stage *stages;
  char *text;             /* the stages as text, of at most text_bytes */
  uint8_t *payload;
  void *work;             /* the codec's, while the delta is made */
  char codec[128];        /* the codecs of the stages, for people */
  uint64_t nonce;         /* stamp: see lnsp_delta_stamp */
  char sender[LNSP_SENDER_BYTES];
  int32_t has_mac, reserved_mac;
  uint8_t digest[LNSP_HASH_BYTES]; /* of the file; set when stamped or read */
  uint8_t mac[LNSP_HASH_BYTES];
};

/* What a handle has room for. */
typedef struct lnspi_delta_shape {
  int32_t stages, reserved;
  uint64_t payload, text, work; /* bytes */
} lnspi_delta_shape;

int32_t lnspi_delta_bytes(const lnsp_graph *graph, const lnspi_delta_shape *shape,
                          uint64_t *bytes, lnsp_error *error);

/* Sets a delta up in its block, whose graph is in place at memory + LNSPI_HANDLE_BYTES. */
lnsp_delta *lnspi_delta_place(const lnspi_block *block, lnsp_graph *graph,
                              const lnspi_delta_shape *shape);

/* An empty delta with its own copy of the graph. */
int32_t lnspi_delta_blank(const lnsp_graph *graph, const lnspi_delta_shape *shape,
                          const lnsp_options *options, lnsp_delta **out, lnsp_error *error);
void lnspi_delta_release(lnsp_delta *delta);

/* Refuses models of different networks, and models stored as I8, whose weights are codes. */
int32_t lnspi_delta_check_models(const lnsp_model *base, const lnsp_model *next,
                                 lnsp_error *error);

/* The way back, from result to base; only of exact stages. */
int32_t lnspi_delta_invert(const lnsp_delta *delta, const lnsp_options *options,
                           lnsp_delta **out, lnsp_error *error);

/* One delta with the stages of all; each must begin where the one before it ends. */
int32_t lnspi_delta_merge(const lnsp_delta *const *deltas, int32_t count,
                          const lnsp_options *options, lnsp_delta **out, lnsp_error *error);

/* Refuses a model that is not the delta's base: another network, or other weights. */
int32_t lnspi_delta_check_base(const lnsp_delta *delta, const lnsp_model *base,
                               lnsp_error *error);

/* The norm of the change, and the largest change of one parameter. */
int32_t lnspi_delta_norms(const lnsp_delta *delta, const lnsp_model *base,
                          const lnsp_options *options, double *norm, double *most,
                          lnsp_error *error);

#endif
