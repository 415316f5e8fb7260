/* A delta: what changed between two models of one architecture. */
#ifndef LNSPI_DELTA_DELTA_H
#define LNSPI_DELTA_DELTA_H

#include "delta/codec.h"
#include "format/file.h"
#include "format/writer.h"
#include "run/model.h"

struct lnsp_delta {
  lnspi_block block;
  lnsp_graph *graph;
  const lnspi_codec *codec;
  uint8_t base[LNSP_HASH_BYTES];
  uint8_t result[LNSP_HASH_BYTES];
  int64_t changed_count;
  uint64_t words;     /* of the payload */
  uint8_t *changed;   /* one byte a tensor of the graph */
  char *runs;         /* the same as text: lnsp.delta.tensors */
  uint32_t *payload;
};

/* delta.c; options: already read */
int32_t lnspi_delta_make(const lnsp_model *base, const lnsp_model *next,
                         const lnsp_options *options, lnsp_delta **out,
                         lnsp_problem *problem);
int32_t lnspi_delta_apply(const lnsp_delta *delta, const lnsp_model *base,
                          const lnsp_options *options, lnsp_model **out,
                          lnsp_problem *problem);
int32_t lnspi_delta_invert(const lnsp_delta *delta, const lnsp_options *options,
                           lnsp_delta **out, lnsp_problem *problem);
void lnspi_delta_release(lnsp_delta *delta);

/* Bytes of a handle; row: with room for the longest row, which make needs. */
int32_t lnspi_delta_bytes(const lnsp_graph *graph, uint64_t words, int row, uint64_t *bytes,
                          lnsp_problem *problem);
/* Sets up the handle in its block, whose graph is in place at memory +
 * LNSPI_HANDLE_BYTES, and copies changed. *row (nullable) as asked for above. */
lnsp_delta *lnspi_delta_place(const lnspi_block *block, lnsp_graph *graph,
                              const lnspi_codec *codec, const uint8_t *changed,
                              uint64_t words, float **row);

/* wire.c: the file. What the header says, and where its texts are kept. */
#define LNSPI_DELTA_PAIRS 7
#define LNSPI_DELTA_WRITER_BYTES 1024 /* room for a writer of one tensor */

typedef struct lnspi_delta_header {
  lnsp_tensor tensor;
  lnsp_pair pairs[LNSPI_DELTA_PAIRS];
  char checksum[65], base[65], result[65];
} lnspi_delta_header;

/* The header with its checksum. Both serialise the same way: once into the
 * hash, once to where it goes. */
int32_t lnspi_delta_seal(const lnsp_delta *delta, lnspi_delta_header *header,
                         lnsp_problem *problem);
/* The payload into a writer that was opened with the header; closes it. */
int32_t lnspi_delta_stream(const lnsp_delta *delta, lnsp_writer *writer,
                           lnsp_problem *problem);
/* Bytes of the whole file. */
int32_t lnspi_delta_file_bytes(const lnsp_delta *delta, uint64_t *bytes,
                               lnsp_problem *problem);
/* Checks and reads a file that is open. */
int32_t lnspi_delta_read(lnsp_file *file, const lnsp_options *options, lnsp_delta **out,
                         lnsp_problem *problem);

#endif
