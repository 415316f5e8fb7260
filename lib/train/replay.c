/* Gaussian replay: statistics of old unit vectors, and draws from them.
 *
 * To keep what a network learned on old data without keeping the data, training mixes in
 * vectors drawn from a normal distribution with the old mean and covariance, normalised to
 * length 1. The statistics of width d are d means and a triangular factor L with L L^T =
 * covariance, as float16: for 384 numbers 150 kB, whatever the number of rows.
 *
 * Gathering adds x and x x^T in double. The product of two floats is exact in double, so that
 * every addition is rounded once, in the order of the rows, and batches of any size give the
 * same bits. Cancellation in E[xx] - E[x]E[x] is harmless for unit vectors in double.
 *
 * The factor is Cholesky's. A covariance of fewer rows than dimensions is singular: a pivot
 * below 1e-12 of the mean variance counts as zero and its column becomes zero, which for a
 * positive semidefinite matrix is exact. Such a direction is never drawn.
 *
 * A draw is v = mean + L z with z from the counter generator, so it depends on seed, step and
 * row alone and can be repeated by whoever has the statistics. The factor is kept by columns
 * because a draw adds column after column (axpy); eight rows share each widened column. A
 * factor from a file is checked: for unit vectors |mean|^2 plus all variances must be 1. */
#include "train/replay.h"

#include <math.h>

#include "base/error.h"
#include "base/min_max.h"
#include "kernels/random.h"
#include "run/engine.h"

#define REPLAY_HANDLE_BYTES 512 /* counted for the struct on every host */
#define REPLAY_GROUP 8        /* rows drawn together; at most 16 */
#define REPLAY_NODE 0xfffffff0u /* the counter generator's node of the draws */
/* A pivot below this share of the mean variance counts as zero: the vectors do
 * not reach that direction (fewer rows than dimensions, a dead element). */
#define REPLAY_RANK_TOLERANCE 1e-12

static int64_t replay_triangle(int64_t n) { return n * (n + 1) / 2; }

int64_t lnspi_replay_floats(int64_t width) {
  return lnspi_round16(width) + (replay_triangle(width) + 1) / 2;
}

/* Column j of a factor kept by columns: rows j to width - 1. */
static int64_t replay_column(int64_t width, int64_t j) {
  return j * width - replay_triangle(j - 1);
}

static uint16_t *replay_factor(const lnsp_replay *replay) {
  return (uint16_t *)(void *)(replay->statistics + lnspi_round16(replay->width));
}

static lnsp_replay *replay_lay_out(lnspi_arena *arena, int64_t width, int gathering,
                                   lnsp_replay *pieces) {
  uint64_t ld = (uint64_t)lnspi_round16(width);
  lnsp_replay *replay = LNSPI_ARENA_STRUCT(arena, lnsp_replay, REPLAY_HANDLE_BYTES);
  pieces->statistics =
      lnspi_arena_alloc(arena, (uint64_t)lnspi_replay_floats(width), sizeof(float));
  pieces->scratch = lnspi_arena_alloc(arena, 2 * ld, sizeof(float));
  pieces->batch =
      lnspi_arena_alloc(arena, (gathering ? LNSPI_REPLAY_BATCH : 1) * ld, sizeof(float));
  if (!gathering) return replay;
  pieces->sum = lnspi_arena_alloc(arena, (uint64_t)width, sizeof(double));
  pieces->product = lnspi_arena_alloc(arena, (uint64_t)replay_triangle(width), sizeof(double));
  return replay;
}

int32_t lnspi_replay_create(int64_t width, int gathering, const lnsp_options *options,
                            lnsp_replay **out, lnsp_error *error) {
  lnsp_replay pieces, *replay;
  lnspi_block block;
  lnspi_arena arena;
  if (width < 1 || width > LNSPI_REPLAY_MAX_WIDTH)
    return lnspi_error_set(error, LNSP_E_LIMIT, NULL, "replay has width %lld: give 1 to %d",
                           (long long)width, LNSPI_REPLAY_MAX_WIDTH);
  memset(&arena, 0, sizeof arena);
  memset(&pieces, 0, sizeof pieces);
  int32_t status = lnspi_engine_choose_kernels(options->isa, 0, &pieces.k, error);
  if (status) return status;
  replay_lay_out(&arena, width, gathering, &pieces);
  if (arena.failed)
    return lnspi_error_set(error, LNSP_E_MEMORY, NULL,
                           "replay of width %lld is too large for this machine",
                           (long long)width);
  status = lnspi_block_open(&block, options, arena.used, error);
  if (status) return status;
  memset(&arena, 0, sizeof arena);
  arena.base = block.memory;
  arena.capacity = block.bytes;
  replay = replay_lay_out(&arena, width, gathering, &pieces);
  *replay = pieces;
  replay->block = block;
  replay->width = width;
  *out = replay;
  return LNSP_OK;
}

void lnspi_replay_release(lnsp_replay *replay) {
  if (replay) lnspi_block_close(&replay->block);
}

/* The product of two floats is exact in double, so each term is rounded once, in
 * the order of the rows, however they come in batches. */
void lnspi_replay_gather(lnsp_replay *replay, int64_t count) {
  int64_t ld = lnspi_round16(replay->width);
  for (int64_t r = 0; r < count; r++) {
    const float *x = replay->batch + r * ld;
    for (int64_t i = 0; i < replay->width; i++) replay->sum[i] += (double)x[i];
  }
  double *product = replay->product;
  for (int64_t i = 0; i < replay->width; i++) {
    for (int64_t r = 0; r < count; r++) { /* the row of products stays near */
      const float *x = replay->batch + r * ld;
      double xi = (double)x[i];
      for (int64_t j = 0; j <= i; j++) product[j] += xi * (double)x[j];
    }
    product += i + 1;
  }
  replay->rows += count;
}

/* Sums to covariances; returns the mean variance. */
static double replay_covariance(lnsp_replay *replay) {
  double n = (double)replay->rows, trace = 0, *product = replay->product;
  for (int64_t i = 0; i < replay->width; i++) {
    double mean = replay->sum[i] / n;
    for (int64_t j = 0; j <= i; j++) {
      double shift = mean * (replay->sum[j] / n);
      product[j] = product[j] / n - shift;
    }
    trace += product[i];
    product += i + 1;
  }
  return trace / (double)replay->width;
}

/* Cholesky in place, row by row. A direction without variance gets a column of
 * zeros, which for a covariance (positive semidefinite) is its exact factor. */
static void replay_cholesky(double *a, int64_t n, double least) {
  for (int64_t i = 0; i < n; i++) {
    double *row = a + replay_triangle(i);
    for (int64_t j = 0; j <= i; j++) {
      const double *other = a + replay_triangle(j);
      double rest = row[j];
      for (int64_t k = 0; k < j; k++) {
        double term = row[k] * other[k];
        rest -= term;
      }
      if (j < i)
        row[j] = other[j] > 0 ? rest / other[j] : 0;
      else
        row[j] = rest > least ? sqrt(rest) : 0;
    }
  }
}

void lnspi_replay_finish(lnsp_replay *replay) {
  int64_t width = replay->width;
  double least = replay_covariance(replay) * REPLAY_RANK_TOLERANCE;
  replay_cholesky(replay->product, width, least > 0 ? least : 0);
  for (int64_t i = 0; i < width; i++)
    replay->statistics[i] = (float)(replay->sum[i] / (double)replay->rows);
  for (int64_t i = 0; i < width; i++) {
    const double *row = replay->product + replay_triangle(i);
    float *wide = replay->scratch;
    uint16_t *half = (uint16_t *)(void *)(wide + lnspi_round16(width));
    for (int64_t j = 0; j <= i; j++) wide[j] = (float)row[j];
    replay->k->f32_to_f16(half, wide, i + 1);
    lnspi_replay_factor_write(replay, i, half);
  }
  replay->finished = 1;
}

void lnspi_replay_factor_read(const lnsp_replay *replay, int64_t row, uint16_t *to) {
  const uint16_t *factor = replay_factor(replay);
  for (int64_t j = 0; j <= row; j++) to[j] = factor[replay_column(replay->width, j) + row - j];
}

void lnspi_replay_factor_write(lnsp_replay *replay, int64_t row, const uint16_t *from) {
  uint16_t *factor = replay_factor(replay);
  for (int64_t j = 0; j <= row; j++)
    factor[replay_column(replay->width, j) + row - j] = from[j];
}

/* For unit vectors |mean|^2 plus all variances is 1; float16 keeps 11 bits. */
int32_t lnspi_replay_check(const lnsp_replay *replay, lnsp_error *error) {
  const uint16_t *factor = replay_factor(replay);
  double total = 0;
  if (!replay->k->finite(replay->statistics, replay->width))
    return lnspi_error_set(error, LNSP_E_NOT_FINITE, "mean",
                           "the mean has a NaN or infinity: the file is damaged");
  for (int64_t i = 0; i < replay->width; i++)
    total += (double)replay->statistics[i] * (double)replay->statistics[i];
  for (int64_t j = 0; j < replay->width; j++) {
    int64_t count = replay->width - j;
    float *wide = replay->scratch;
    replay->k->f16_to_f32(wide, factor + replay_column(replay->width, j), count);
    if (!replay->k->finite(wide, count))
      return lnspi_error_set(error, LNSP_E_NOT_FINITE, "factor",
                             "the factor has a NaN or infinity: the file is damaged");
    if (wide[0] < 0)
      return lnspi_error_set(
          error, LNSP_E_FORMAT, "factor",
          "the factor's diagonal is negative at row %lld: the file is damaged", (long long)j);
    for (int64_t i = 0; i < count; i++) total += (double)wide[i] * (double)wide[i];
  }
  if (!(total > .98 && total < 1.02))
    return lnspi_error_set(
        error, LNSP_E_FORMAT, NULL,
        "mean and factor cannot be those of unit vectors (their squares do not sum to 1): "
        "gather them with lnsp_replay_add");
  return LNSP_OK;
}

void lnspi_replay_copy(const lnsp_replay *replay, float *to) {
  memcpy(to, replay->statistics, (size_t)lnspi_replay_floats(replay->width) * sizeof(float));
}

/* All v[i] take column j before column j + 1: the chain of each v[i] ascends. A
 * few rows at a time share the widened column; their normals come in pieces. */
static void replay_draw_group(const lnspi_kernels *k, const float *statistics, int64_t width,
                              uint64_t seed, uint64_t step, int64_t first, int64_t count,
                              float *out, int64_t ld, float *scratch) {
  int64_t padded = lnspi_round16(width), piece = padded / count;
  const uint16_t *factor = (const uint16_t *)(const void *)(statistics + padded);
  float *z = scratch, *column = scratch + padded;
  for (int64_t r = 0; r < count; r++)
    memcpy(out + r * ld, statistics, (size_t)width * sizeof(float));
  for (int64_t start = 0; start < width; start += piece) {
    int64_t columns = lnspi_min_i64(width - start, piece);
    for (int64_t r = 0; r < count; r++)
      lnspi_random_normal(z + r * piece, columns, seed, step, REPLAY_NODE,
                          (uint32_t)((first + r) * padded + start));
    for (int64_t j = start; j < start + columns; j++) {
      k->f16_to_f32(column, factor, width - j);
      for (int64_t r = 0; r < count; r++)
        k->axpy(out + r * ld + j, z[r * piece + j - start], column, width - j);
      factor += width - j;
    }
  }
  for (int64_t r = 0; r < count; r++) {
    float *v = out + r * ld;
    k->unit(v, v, width, LNSPI_REPLAY_EPS);
    for (int64_t i = width; i < ld; i++) v[i] = 0;
  }
}

void lnspi_replay_draw_row(const lnspi_kernels *k, const float *statistics, int64_t width,
                           uint64_t seed, uint64_t step, int64_t row, float *out, int64_t ld,
                           float *scratch) {
  replay_draw_group(k, statistics, width, seed, step, row, 1, out, ld, scratch);
}

void lnspi_replay_draw(const lnspi_kernels *k, const float *statistics, int64_t width,
                       uint64_t seed, uint64_t step, int64_t rows, float *out, int64_t ld,
                       float *scratch) {
  for (int64_t r = 0; r < rows; r += REPLAY_GROUP)
    replay_draw_group(k, statistics, width, seed, step, r,
                      lnspi_min_i64(rows - r, REPLAY_GROUP), out + r * ld, ld, scratch);
}
