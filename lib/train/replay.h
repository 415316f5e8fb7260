/* Gaussian replay: statistics of old unit vectors, and draws from them. */
#ifndef LNSPI_TRAIN_REPLAY_H
#define LNSPI_TRAIN_REPLAY_H

#include "base/block.h"
#include "kernels/kernels.h"

struct lnsp_replay {
  lnspi_block block;
  const lnspi_kernels *k;
  int64_t width;
  int64_t rows;          /* that the statistics are of                         */
  int32_t finished;
  int32_t reserved;
  float *statistics;     /* lnspi_replay_floats: mean, then factor             */
  float *scratch;        /* 2 * round16(width) floats                          */
  float *batch;          /* LNSPI_REPLAY_BATCH rows (opened: 1), stride
                            round16(width)                                     */
  double *sum;           /* while gathering, NULL in an opened handle: of the  */
  double *product;       /* rows, and of x[i] x[j], lower triangle by rows     */
};

#define LNSPI_REPLAY_MAX_WIDTH 65536
#define LNSPI_REPLAY_EPS 1e-12f /* the least length that has a direction */
#define LNSPI_REPLAY_BATCH 8 /* rows gathered at a time; not part of the result */

/* A handle: with gathering it can add and finish, else the caller
 * fills in the statistics and rows, checks, and sets finished. options: already
 * read. */
int32_t lnspi_replay_create(int64_t width, int gathering, const lnsp_options *options,
                            lnsp_replay **out, lnsp_error *error);
void lnspi_replay_release(lnsp_replay *replay);

/* Adds rows of unit length that are in replay->batch. */
void lnspi_replay_gather(lnsp_replay *replay, int64_t count);

/* Mean and factor from the sums. */
void lnspi_replay_finish(lnsp_replay *replay);

/* Row number row of the factor, row + 1 numbers, out of or into the statistics
 * (which hold it by columns, as draws use it). */
void lnspi_replay_factor_read(const lnsp_replay *replay, int64_t row, uint16_t *to);
void lnspi_replay_factor_write(lnsp_replay *replay, int64_t row, const uint16_t *from);

/* LNSP_E_FORMAT unless the statistics can be those of unit vectors. */
int32_t lnspi_replay_check(const lnsp_replay *replay, lnsp_error *error);

/* Floats that hold the finished statistics of a width: the mean (padded to 16)
 * and the factor's lower triangle by columns as float16, rounded up. */
int64_t lnspi_replay_floats(int64_t width);

/* Copies finished statistics into such memory. */
void lnspi_replay_copy(const lnsp_replay *replay, float *to);

/* Draws rows unit vectors, a function of the statistics, seed and step alone:
 * z = normal(0,1) from the counter generator (node 0xfffffff0, element row *
 * round16(width) + i), v[i] = fma chain over j <= i ascending of L[i][j] * z[j]
 * starting at mean[i], then unit. ld >= width; pads are set to +0. scratch:
 * 2 * round16(width) floats. */
void lnspi_replay_draw(const lnspi_kernels *k, const float *statistics, int64_t width,
                       uint64_t seed, uint64_t step, int64_t rows, float *out, int64_t ld,
                       float *scratch);

/* The same for row number row alone. */
void lnspi_replay_draw_row(const lnspi_kernels *k, const float *statistics, int64_t width,
                           uint64_t seed, uint64_t step, int64_t row, float *out, int64_t ld,
                           float *scratch);

#endif
