/* The state: all tensors of a graph, packed, in one piece of memory. */
#ifndef LNSPI_RUN_STATE_H
#define LNSPI_RUN_STATE_H

#include "base/blake2s.h"
#include "base/progress.h"
#include "graph/graph.h"

/* The longest row of any tensor. */
int64_t lnspi_state_longest_row(const lnsp_graph *graph);

/* Copies rows first..first+count-1 of a tensor out of or into a state, by its type.
 * rows is contiguous. */
void lnspi_state_read(const lnspi_weight *weight, const void *state, int64_t first,
                      int64_t count, float *rows);
void lnspi_state_write(const lnspi_weight *weight, void *state, int64_t first, int64_t count,
                       const float *rows);

/* Refuses a row with a value that is not finite or too large for type. */
int32_t lnspi_state_check_row(const lnspi_weight *weight, int32_t type, int64_t row,
                              const float *values, lnsp_error *error);

/* lnspi_state_write of one row, after that check for the weight's type. */
int32_t lnspi_state_write_checked(const lnspi_weight *weight, void *state, int64_t row,
                                  const float *values, lnsp_error *error);

/* One row of an LNSP_I8 weight, as codes and their scale. */
void lnspi_state_write_codes(const lnspi_weight *weight, void *state, int64_t row,
                             const int8_t *codes, float scale);
float lnspi_state_read_codes(const lnspi_weight *weight, const void *state, int64_t row,
                             int8_t *codes);

/* One value. */
float lnspi_state_read_value(const lnspi_weight *weight, const void *state, int64_t row,
                             int64_t column);

/* Elements first..first+count-1 of a tensor, row-major as if it were one row: out of a
 * state of any type, or into one where the tensor is LNSP_F32. */
void lnspi_state_read_span(const lnspi_weight *weight, const void *state, int64_t first,
                           int64_t count, float *values);
void lnspi_state_write_span(const lnspi_weight *weight, void *state, int64_t first,
                            int64_t count, const float *values);

/* All of a state into a zeroed one of an equal graph, whose types may be others. row
 * has room for the longest row. */
int32_t lnspi_state_copy(const lnsp_graph *from_graph, const void *from,
                         const lnsp_graph *to_graph, void *to, float *row,
                         lnspi_progress *progress, lnsp_error *error);

/* lnspi_state_read and write for such an array. */
void lnspi_state_read_array(const lnspi_weight *weight, const float *array, int64_t first,
                            int64_t count, float *rows);
void lnspi_state_write_array(const lnspi_weight *weight, float *array, int64_t first,
                             int64_t count, const float *rows);

/* An array that is not made of floats: gives columns first..first+count-1 of a row of a
 * tensor, or takes a whole row. */
typedef void lnspi_row_read(const void *user, const lnspi_weight *weight, int64_t row,
                            int64_t first, int64_t count, float *values);

typedef void lnspi_row_write(void *user, const lnspi_weight *weight, int64_t row,
                             const float *values);

/* Adds name, rank, dims and values of every tensor, in canonical order, to a
 * hash. The hash of a model is BLAKE2s over exactly this: it does not depend on the
 * type in which the values are stored. If progress is cancelled, the hash is worthless. */
void lnspi_state_hash(const lnsp_graph *graph, const void *state, lnspi_blake2s *hash,
                      lnspi_progress *progress);

/* The same in pieces: a tensor, then all of its values, row-major. */
void lnspi_state_hash_tensor(const lnspi_weight *weight, lnspi_blake2s *hash);
void lnspi_state_hash_values(const float *values, int64_t count, lnspi_blake2s *hash);
void lnspi_state_hash_array(const lnsp_graph *graph, const float *array, lnspi_blake2s *hash,
                            lnspi_progress *progress);
void lnspi_state_hash_rows(const lnsp_graph *graph, lnspi_row_read *read, const void *user,
                           lnspi_blake2s *hash, lnspi_progress *progress);

/* Reads one tensor of a state (nullable: only checks name and count). */
int32_t lnspi_state_read_tensor(const lnsp_graph *graph, const void *state, const char *name,
                                float *out, int64_t count, lnsp_error *error);

#endif
