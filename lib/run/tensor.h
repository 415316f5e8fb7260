/* Vectors of the caller copied into padded rows, and back. */
#ifndef LNSPI_RUN_TENSOR_H
#define LNSPI_RUN_TENSOR_H

#include "base/tasks.h"
#include "kernels/kernels.h"

/* A tensor that lnspi_batch_check_tensor passed, and the rows for its vectors: row
 * r * concepts + c has concept c of row r, and +0 from the width up to ld. */
typedef struct lnspi_tensor_rows {
  const lnsp_tensor *tensor;
  const char *role; /* its name in messages */
  float *rows;
  int64_t ld;
} lnspi_tensor_rows;

/* Copies each tensor of a list into its rows; refuses NaN and infinities. What was copied
 * before a refusal stays. tasks may be NULL. */
int32_t lnspi_tensor_load(const lnspi_tensor_rows *list, int32_t count, const lnspi_kernels *k,
                          const lnspi_tasks *tasks, lnsp_error *error);

/* Copies rows into a checked tensor. */
void lnspi_tensor_store(const lnsp_tensor *tensor, const lnspi_tasks *tasks, const float *rows,
                        int64_t ld);

#endif
