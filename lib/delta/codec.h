/* Delta codecs: how a change of weights is written down. A new one is a file in codecs/
 * and a line in codecs/list.h. A codec is handed the elements of the tensors that a delta
 * is about, tensor after tensor in canonical order, row-major, in spans of at most
 * LNSPI_DELTA_SPAN; a reader has them in the same spans. So nothing holds a whole state. */
#ifndef LNSPI_DELTA_CODEC_H
#define LNSPI_DELTA_CODEC_H

#include <stdint.h>

#include "delta/bitstream.h"
#include "graph/graph.h"

#define LNSPI_DELTA_SPAN 256     /* a power of two: blocks fit into it */
#define LNSPI_CODEC_ARGUMENTS 1
#define LNSPI_CODEC_READ_BYTES 8832 /* the most that reading with any codec needs */

typedef struct lnspi_codec lnspi_codec;

/* A codec and its numbers: "int4 block=64". */
typedef struct lnspi_codec_config {
  const lnspi_codec *codec;
  double real[LNSPI_CODEC_ARGUMENTS];
} lnspi_codec_config;

/* Someone who writes or reads. work has write_bytes or read_bytes of the codec. */
typedef struct lnspi_coder {
  const lnspi_codec_config *setting;
  void *work;
  uint8_t *payload;          /* out: to write; then in: what is read */
  uint64_t capacity, used;   /* bytes of the payload; of them written or read */
  uint64_t elements;         /* of the tensors that the payload is about */
  int32_t back;              /* reading: from the result to the base */
  lnspi_bitstream bits;
} lnspi_coder;

/* Elements of one tensor. Writing: change, what is wanted, becomes what was coded, and
 * next is base + change; an exact codec takes next as it is, and no change. Reading: base
 * is given, change (where not exact) and next come out. next may be base. */
typedef struct lnspi_codec_span {
  const float *base;
  float *next, *change;
  int32_t count;
} lnspi_codec_span;

struct lnspi_codec {
  const char *name;
  const char *help;
  struct {
    const char *key; /* NULL: none */
    double initial, low, high;
  } argument[LNSPI_CODEC_ARGUMENTS];
  /* A sentence on what is wrong with the numbers, or NULL. May be NULL. */
  const char *(*refuse)(const double *real);
  int32_t exact;         /* 1: the result is next to the bit, and the way back is known */
  int32_t passes;        /* scans of everything before it is written */
  int32_t tensor_passes; /* scans of a tensor before it is written */
  uint32_t write_bytes, read_bytes; /* of work, the same on every host; it begins as zeros */
  uint64_t (*bound)(const lnspi_codec_config *setting, uint64_t elements, uint64_t tensors);
  /* Scans; may be NULL. pass_end comes before the next pass, or the tensor itself. */
  void (*scan)(lnspi_coder *coder, int32_t pass, const float *change, int32_t count);
  void (*scan_end)(lnspi_coder *coder, int32_t pass);
  /* bits is set up before start, unless exact. */
  int32_t (*start)(lnspi_coder *coder, int writing);
  void (*tensor)(lnspi_coder *coder, const lnspi_weight *weight, int writing); /* or NULL */
  int32_t (*put)(lnspi_coder *coder, const lnspi_codec_span *span);
  int32_t (*get)(lnspi_coder *coder, const lnspi_codec_span *span);
  int32_t (*end)(lnspi_coder *coder, int writing); /* or NULL */
};

const lnspi_codec *lnspi_codec_at(int32_t index); /* NULL past the end */

#endif
