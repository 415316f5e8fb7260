/* Row-major weights into panels of 64 outputs and back. */
#ifndef LNSPI_KERNELS_PACKED_H
#define LNSPI_KERNELS_PACKED_H

#include <stdint.h>

/* Rows first..first+count-1 of a row-major matrix [out][in] into its packed
 * form and back; strides of src and dst rows are in floats. Pad lanes must be
 * zero beforehand and are not touched. */
void lnspi_packed_from_rows(float *packed, int64_t in, int64_t out, int64_t first,
                            int64_t count, const float *rows, int64_t stride);
void lnspi_packed_to_rows(const float *packed, int64_t in, int64_t out, int64_t first,
                          int64_t count, float *rows, int64_t stride);

#endif
