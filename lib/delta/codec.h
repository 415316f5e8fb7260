/* Delta codecs: how a change of weights is encoded. A new one is a file in codecs/ and a line
 * in codecs/list.h.
 *
 * A codec gets the elements of the tensors that a delta changes, tensor after tensor in the
 * order of the graph, row-major, in spans of at most LNSPI_DELTA_SPAN; a reader has them in
 * the same spans. So nothing holds a whole state. Writing: scan and scan_end for each pass,
 * start, then for each tensor its own passes, tensor, and put for every span, end. Reading:
 * start, tensor, get, end. */
#ifndef LNSPI_DELTA_CODEC_H
#define LNSPI_DELTA_CODEC_H

#include <stdint.h>

#include "base/unknown.h"
#include "delta/bitstream.h"
#include "graph/graph.h"

#define LNSPI_DELTA_SPAN 256 /* elements; a power of two, so that blocks fit into it */
#define LNSPI_CODEC_ARGUMENTS 1
#define LNSPI_CODEC_READ_BYTES 8832 /* the most that reading with any codec needs */

typedef struct lnspi_codec lnspi_codec;

/* A codec and its numbers: "int4 block=64". */
typedef struct lnspi_codec_config {
  const lnspi_codec *codec;
  double real[LNSPI_CODEC_ARGUMENTS];
} lnspi_codec_config;

/* A payload while it is written or read. */
typedef struct lnspi_coder {
  const lnspi_codec_config *config;
  void *work;              /* the codec's own: its write_bytes or read_bytes */
  uint8_t *payload;
  uint64_t capacity, used; /* bytes of the payload; of them written or read so far */
  uint64_t elements;       /* of all tensors in the payload */
  int32_t back;            /* reading: from the result to the base; exact codecs only */
  lnspi_bitstream bits;
} lnspi_coder;

/* Elements of one tensor. Writing: change is the wanted one, and becomes the one that was
 * coded; next becomes base + change. An exact codec reads next instead, and no change.
 * Reading: from base to next, and change if the codec is not exact. next may be base. */
typedef struct lnspi_codec_span {
  const float *base;
  float *next, *change;
  int32_t count;
} lnspi_codec_span;

struct lnspi_codec {
  const char *name;
  const char *help;
  const char *keys; /* base/setting.h; NULL: none */
  /* A sentence on what is wrong with the numbers, or NULL. May be NULL. */
  const char *(*refuse)(const double *real);
  int32_t exact;         /* 1: the result is next to the bit, and it can be inverted */
  int32_t passes;        /* scans of all tensors before anything is written */
  int32_t tensor_passes; /* scans of a tensor before it is written */
  uint32_t write_bytes, read_bytes; /* of work, the same on every host; all zeros at first */
  /* The most bytes of a payload. */
  uint64_t (*bound)(const lnspi_codec_config *config, uint64_t elements, uint64_t tensors);
  /* The scans; NULL if there are none. scan_end comes before the next pass, or the tensor. */
  void (*scan)(lnspi_coder *coder, int32_t pass, const float *change, int32_t count);
  void (*scan_end)(lnspi_coder *coder, int32_t pass);
  /* coder->bits is ready before start, unless exact. */
  int32_t (*start)(lnspi_coder *coder, int writing);
  void (*tensor)(lnspi_coder *coder, const lnspi_weight *weight, int writing); /* or NULL */
  int32_t (*put)(lnspi_coder *coder, const lnspi_codec_span *span);
  int32_t (*get)(lnspi_coder *coder, const lnspi_codec_span *span);
  int32_t (*end)(lnspi_coder *coder, int writing); /* or NULL */
};

const lnspi_codec *lnspi_codec_at(int32_t index); /* NULL past the end */
int32_t lnspi_codec_find(lnspi_unknown *name); /* or -1, after offering all */

#endif
