/* Helpers of the losses that compare every row with every target of the batch.
 *
 * Rows of outputs and targets are brought to unit length; targets are packed like a weight
 * matrix, so that all cosines are one product by the kernels that run the network: same speed,
 * same order of sums on every host. The gradient of outputs is the product with the slopes the
 * other way, in strips of 16 rows; that of targets is summed row by row in a fixed order.
 * Lengths of rows are kept for the derivative of the normalisation. */
#include "train/losses/similarity.h"

#include "base/min_max.h"
#include "kernels/packed.h"
#include "train/losses/pair.h"

#define SIMILARITY_MOST_ROWS ((int64_t)1 << 24)

static int64_t similarity_scores_ld(int64_t rows, int64_t extra) {
  return lnspi_round16(rows + extra);
}

int64_t lnspi_similarity_floats(const lnspi_loss_call *shape, int64_t extra) {
  int64_t rows = shape->rows;
  if (rows > SIMILARITY_MOST_ROWS)
    return INT64_MAX / 4 * 3; /* that lnspi_arena_alloc refuses */
  return lnspi_pair_floats(rows + LNSPI_SIMILARITY_ROWS + 1, shape->width) +
         lnspi_packed_floats(shape->width, rows) + rows * similarity_scores_ld(rows, extra) +
         2 * lnspi_round16(rows);
}

lnspi_similarity lnspi_similarity_open(const lnspi_loss_call *call, int64_t extra) {
  lnspi_similarity batch;
  int64_t n = call->rows, packed = lnspi_packed_floats(call->width, n);
  batch.ld = lnspi_round16(call->width);
  batch.lds = similarity_scores_ld(n, extra);
  batch.q = call->scratch;
  batch.toward = batch.q + n * batch.ld;
  batch.work = batch.toward + LNSPI_SIMILARITY_ROWS * batch.ld;
  batch.packed = batch.work + batch.ld;
  batch.s = batch.packed + packed;
  batch.norm[0] = batch.s + n * batch.lds;
  batch.norm[1] = batch.norm[0] + lnspi_round16(n);
  batch.more = batch.norm[1] + lnspi_round16(n);
  memset(batch.packed, 0, (size_t)packed * sizeof(float));
  for (int64_t r = 0; r < n; r++) {
    batch.norm[0][r] = lnspi_pair_unit(call, 0, r, batch.q + r * batch.ld);
    batch.norm[1][r] = lnspi_pair_unit(call, 1, r, batch.work);
    lnspi_packed_from_rows(batch.packed, call->width, n, r, 1, batch.work, batch.ld);
  }
  call->k->linear(batch.packed, NULL, batch.q, batch.ld, batch.s, batch.lds, n, call->width, n);
  return batch;
}

/* The targets' side: toward is the sum over rows of slope times row. */
static void similarity_push_targets(const lnspi_loss_call *call, const lnspi_similarity *batch,
                                    float factor) {
  float *u = batch->work, *toward = batch->toward, *work = batch->toward + batch->ld;
  for (int64_t j = 0; j < call->rows; j++) {
    memset(toward, 0, (size_t)batch->ld * sizeof(float));
    for (int64_t i = 0; i < call->rows; i++)
      call->k->axpy(toward, batch->s[i * batch->lds + j], batch->q + i * batch->ld,
                    call->width);
    lnspi_packed_to_rows(batch->packed, call->width, call->rows, j, 1, u, batch->ld);
    lnspi_pair_push(call, 1, j, factor, toward, u, batch->norm[1][j], work);
  }
}

static void similarity_push_rows(const lnspi_loss_call *call, const lnspi_similarity *batch,
                                 float factor) {
  int64_t n = call->rows;
  for (int64_t first = 0; first < n; first += LNSPI_SIMILARITY_ROWS) {
    int64_t count = lnspi_min_i64(n - first, LNSPI_SIMILARITY_ROWS);
    call->k->linear_dx(batch->packed, batch->s + first * batch->lds, batch->lds, batch->toward,
                       batch->ld, count, call->width, n, 0, call->width, 1);
    for (int64_t r = 0; r < count; r++)
      lnspi_pair_push(call, 0, first + r, factor, batch->toward + r * batch->ld,
                      batch->q + (first + r) * batch->ld, batch->norm[0][first + r],
                      batch->work);
  }
}

void lnspi_similarity_push(const lnspi_loss_call *call, const lnspi_similarity *batch,
                           float factor) {
  if (call->d[0]) similarity_push_rows(call, batch, factor);
  if (call->d[1]) similarity_push_targets(call, batch, factor);
}
