/* Fresh values from the weights' initial distributions. */
#include "run/init.h"

#include "kernels/random.h"
#include "run/state.h"
#include "run/weight.h"

/* exp(x) for x in [-10, 0], and the sine of x in [0, 65536), in double and by IEEE
 * operations alone: the C library's differ from host to host. To 1e-12. */
static double init_exp(double x) {
  double y = 1;
  for (int i = 12; i > 0; i--) y = 1 + x / 1024 / i * y;
  for (int i = 0; i < 10; i++) y *= y;
  return y;
}

static double init_sine(double x) {
  const double turns = x * 0.15915494309189535; /* 1 / 2 pi */
  const int64_t whole = (int64_t)(2 * turns + 0.5); /* half turns */
  const double high = 3.1415926534682512, low = 1.2154201013012384e-10; /* pi */
  double r = x - (double)whole * high, y = 1;
  r -= (double)whole * low;
  for (int i = 12; i > 0; i--) y = 1 - r * r / (2 * i * (2 * i + 1)) * y;
  return whole & 1 ? -r * y : r * y;
}

/* The table of sinusoidal positions ("Attention is all you need", 2017), elements from
 * first on: sine and cosine of t / 10000^(2j / d) by turns. */
static void init_waves(int64_t first, int64_t count, int64_t d, float *row) {
  for (int64_t i = 0; i < count; i++) {
    const int64_t t = (first + i) / d, c = (first + i) % d;
    const double angle =
        (double)t * init_exp(-9.210340371976184 * (double)(c / 2 * 2) / (double)d);
    row[i] = (float)init_sine(angle + (c & 1 ? 1.5707963267948966 : 0));
  }
}

static void init_row(const lnspi_weight *weight, uint64_t seed, int32_t index, int64_t r,
                     int64_t columns, float *row) {
  const uint32_t element = (uint32_t)(r * columns);
  switch (weight->init) {
    case LNSPI_INIT_UNIFORM:
      lnspi_random_uniform(row, columns, weight->amount, seed, 0, (uint32_t)index, element);
      break;
    case LNSPI_INIT_NORMAL:
      lnspi_random_normal(row, columns, seed, 0, (uint32_t)index, element);
      for (int64_t c = 0; c < columns; c++) row[c] = weight->centre + row[c] * weight->amount;
      break;
    case LNSPI_INIT_LIST:
      for (int64_t c = 0; c < columns; c++) row[c] = weight->start[r * columns + c];
      break;
    case LNSPI_INIT_WAVES:
      init_waves(r * columns, columns, weight->dims[weight->rank - 1], row);
      break;
    default:
      for (int64_t c = 0; c < columns; c++) row[c] = weight->init == LNSPI_INIT_ONE ? 1.f : 0.f;
  }
}

int32_t lnspi_init_weight(const lnsp_graph *graph, int32_t index, uint64_t seed, void *state,
                          float *row, lnspi_progress *progress, lnsp_error *error) {
  const lnspi_weight *weight = &graph->weights[index];
  const int64_t rows = lnspi_weight_rows(weight), columns = lnspi_weight_columns(weight);
  for (int64_t r = 0; r < rows; r++) {
    init_row(weight, seed, index, r, columns, row);
    int32_t status = lnspi_state_write_checked(weight, state, r, row, error);
    if (!status) status = lnspi_progress_add(progress, (uint64_t)columns, error);
    if (status) return status;
  }
  return LNSP_OK;
}

int32_t lnspi_init(const lnsp_graph *graph, uint64_t seed, void *state, float *row,
                   const lnsp_options *options, lnsp_error *error) {
  lnspi_progress progress;
  lnspi_progress_begin(&progress, options, (uint64_t)graph->parameter_count);
  for (int32_t i = 0; i < graph->weight_count; i++) {
    int32_t status = lnspi_init_weight(graph, i, seed, state, row, &progress, error);
    if (status) return status;
  }
  return LNSP_OK;
}
