/* Delta codecs: how a difference of two states is written down. A new one is a
 * file in codecs/ and a line in codecs/list.h. */
#ifndef LNSPI_DELTA_CODEC_H
#define LNSPI_DELTA_CODEC_H

#include "run/model.h"

/* changed: the tensors (in canonical order) that a delta says something about, one
 * byte each, 1 or 0. Models may be stored in different types: what counts are their
 * values as float32. */
typedef struct lnspi_codec {
  const char *name;     /* lnsp.delta.kind */
  const char *help;
  int32_t exact;        /* 1: apply gives the result's bits */
  /* Marks the tensors to write; returns the payload's words. */
  uint64_t (*measure)(const lnsp_model *base, const lnsp_model *next, uint8_t *changed);
  /* Writes the payload; row has room for the longest row. */
  void (*encode)(const lnsp_model *base, const lnsp_model *next, const uint8_t *changed,
                 uint32_t *payload, float *row);
  /* Refuses a payload that cannot be one. */
  int32_t (*check)(const lnsp_graph *graph, const uint8_t *changed, const uint32_t *payload,
                   uint64_t words, lnsp_problem *problem);
  /* Parameters whose bits the payload changes. */
  int64_t (*count)(const uint32_t *payload, uint64_t words);
  /* Fills a zeroed model; refuses values that are not finite or that its type does not
   * hold. row as above. */
  int32_t (*apply)(const lnsp_model *base, const uint8_t *changed, const uint32_t *payload,
                   lnsp_model *result, float *row, lnsp_problem *problem);
  /* The payload that leads back, in place; NULL where there is none. */
  void (*invert)(uint32_t *payload, uint64_t words);
} lnspi_codec;

const lnspi_codec *lnspi_codec_at(int32_t index); /* NULL past the end */
const lnspi_codec *lnspi_codec_find(const char *name);

#endif
