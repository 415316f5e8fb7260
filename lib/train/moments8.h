/* Moments in 8 bits. */
#ifndef LNSPI_TRAIN_MOMENTS8_H
#define LNSPI_TRAIN_MOMENTS8_H

#include "run/state.h"
#include "train/trainer.h"

/* One of the moments, as values. */
typedef struct lnspi_moments8_values {
  const lnsp_trainer *trainer;
  int32_t m, negative; /* 1 after a negative square was taken for the scales */
} lnspi_moments8_values;

/* Moments in 8 bits. A block is 128 consecutive elements as they follow each other in a
 * panel of 64 outputs of a matrix, or in a flat tensor; the last may be shorter. */
void lnspi_moments8_place_blocks(const lnsp_graph *graph, int64_t *block_at);
int64_t lnspi_moments8_block_count(const lnsp_graph *graph);

/* For the update of elements from element on, the first of a block, of a weight. */
lnspi_moments8 lnspi_moments8_at(const lnsp_trainer *trainer, int32_t weight, int64_t element,
                                 const uint32_t key[2]);
double lnspi_moments8_max_abs(const lnsp_trainer *trainer, int32_t m); /* |m| or sqrt(v) */
lnspi_row_read lnspi_moments8_read; /* user: lnspi_moments8_values */

/* Values into a zeroed moment, in two rounds over all rows: first the largest of each
 * block, from which finish makes the scales, then the codes, rounded to nearest. What
 * read gave comes back to the same bits. */
lnspi_row_write lnspi_moments8_write_scales, lnspi_moments8_write_codes;
void lnspi_moments8_finish_scales(const lnspi_moments8_values *values);

#endif
