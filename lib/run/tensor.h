/* Tensors of the caller */
#ifndef LNSPI_RUN_TENSOR_H
#define LNSPI_RUN_TENSOR_H

#include "base/tasks.h"
#include "kernels/kernels.h"

/* 1 if every element of a tensor lies within half the address space of the first:
 * then no offset overflows. */
int lnspi_tensor_within_reach(const lnsp_tensor *tensor);

/* Checks a tensor's type, rank, dims and strides; batch and concepts are set from
 * it, or checked where they are not 0. role names it in messages. */
int32_t lnspi_tensor_check(const lnsp_tensor *tensor, const char *role, int64_t width,
                           int64_t *batch, int64_t *concepts, lnsp_error *error);

/* Copies a checked tensor's batch * concepts vectors into padded rows, refusing
 * NaN and infinities, and back. tasks may be NULL. */
int32_t lnspi_tensor_load(const lnsp_tensor *tensor, const char *role, const lnspi_kernels *k,
                          const lnspi_tasks *tasks, float *rows, int64_t ld, lnsp_error *error);
void lnspi_tensor_store(const lnsp_tensor *tensor, const lnspi_tasks *tasks, const float *rows,
                        int64_t ld);
const lnsp_tensor *lnspi_tensor_find(const lnsp_tensor *tensors, int32_t count,
                                     const char *name);

#endif
