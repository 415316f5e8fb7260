/* Baselines that learn from data in one go: the mean of the targets, and ridge regression
 * from the whole context, min |X W - Y|^2 + lambda |W|^2. */
/* Hot: built for speed. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/memory.h"
#include "cli/progress.h"
#include "cli/refuse.h"
#include "data/data.h"
#include "data/tensor.h"
#include "score/predictor.h"

#define FIT_ROWS 64    /* rows whose products are summed in float32, then in double */
#define FIT_MOST 16384 /* numbers in a context */
#define FIT_LANES 16

typedef struct fit_job {
  data d;
  int64_t in, out;      /* numbers of a context, of a target */
  double *gram, *cross; /* [in, in] lower triangle, [in, out] */
  float *x, *y;         /* a block, [in, FIT_ROWS] and [out, FIT_ROWS] */
} fit_job;

static double fit_product(const float *a, const float *b) {
  float sum[FIT_LANES] = {0};
  double all = 0;
  int r, lane;
  for (r = 0; r < FIT_ROWS; r += FIT_LANES)
    for (lane = 0; lane < FIT_LANES; lane++) sum[lane] += a[r + lane] * b[r + lane];
  for (lane = 0; lane < FIT_LANES; lane++) all += (double)sum[lane];
  return all;
}

static void fit_block(fit_job *f, int64_t count) {
  const float *x = data_batch(&f->d, "input")->data, *y = data_batch(&f->d, "target")->data;
  int64_t i, j, r;

  for (i = 0; i < f->in; i++)
    for (r = 0; r < FIT_ROWS; r++) f->x[i * FIT_ROWS + r] = r < count ? x[r * f->in + i] : 0;
  for (i = 0; i < f->out; i++)
    for (r = 0; r < FIT_ROWS; r++) f->y[i * FIT_ROWS + r] = r < count ? y[r * f->out + i] : 0;
  for (i = 0; i < f->in; i++) {
    for (j = 0; j <= i; j++)
      f->gram[i * f->in + j] += fit_product(f->x + i * FIT_ROWS, f->x + j * FIT_ROWS);
    for (j = 0; j < f->out; j++)
      f->cross[i * f->out + j] += fit_product(f->x + i * FIT_ROWS, f->y + j * FIT_ROWS);
  }
}

/* Cholesky in place: gram = L L^T. 0: it is not positive. */
static int fit_factor(double *g, int64_t n) {
  int64_t i, j, k;
  for (i = 0; i < n; i++)
    for (j = 0; j <= i; j++) {
      const double *a = g + i * n, *b = g + j * n;
      double sum[4] = {0, 0, 0, 0}, rest;
      for (k = 0; k + 4 <= j; k += 4) {
        sum[0] += a[k] * b[k];
        sum[1] += a[k + 1] * b[k + 1];
        sum[2] += a[k + 2] * b[k + 2];
        sum[3] += a[k + 3] * b[k + 3];
      }
      for (; k < j; k++) sum[0] += a[k] * b[k];
      rest = a[j] - ((sum[0] + sum[1]) + (sum[2] + sum[3]));
      if (i == j && !(rest > 0)) return 0;
      g[i * n + j] = i == j ? sqrt(rest) : rest / b[j];
    }
  return 1;
}

/* Solves L L^T W = W for n rows of W and all its columns at once: down, then up. */
static void fit_solve(const double *l, double *w, int64_t n, int64_t columns) {
  int64_t pass, i, j, k, c;
  for (pass = 0; pass < 2; pass++)
    for (i = 0; i < n; i++) {
      j = pass ? n - 1 - i : i;
      for (k = pass ? j + 1 : 0; k < (pass ? n : j); k++) {
        const double factor = pass ? l[k * n + j] : l[j * n + k];
        for (c = 0; c < columns; c++) w[j * columns + c] -= factor * w[k * columns + c];
      }
      for (c = 0; c < columns; c++) w[j * columns + c] /= l[j * n + j];
    }
}

static void fit_ridge(fit_job *f, predictor *p) {
  int64_t first, i;

  if (f->in > FIT_MOST)
    refuse(
        "ridge takes contexts of up to %d numbers, and these have %lld: choose fewer columns",
        FIT_MOST, (long long)f->in);
  f->gram = memory_new(f->in * f->in, sizeof *f->gram);
  f->cross = memory_new(f->in * f->out, sizeof *f->cross);
  f->x = memory_new(f->in * FIT_ROWS, sizeof *f->x);
  f->y = memory_new(f->out * FIT_ROWS, sizeof *f->y);
  p->fitted = memory_new(f->in * f->out, sizeof *p->fitted);
  for (first = 0; first < f->d.rows; first += FIT_ROWS) {
    const int64_t left = f->d.rows - first, count = left < FIT_ROWS ? left : FIT_ROWS;
    data_read(&f->d, NULL, first, count);
    fit_block(f, count);
    progress_show("%s: %lld of %lld rows", p->name, (long long)first, (long long)f->d.rows);
  }
  progress_clear();
  for (i = 0; i < f->in; i++) f->gram[i * f->in + i] += p->lambda;
  if (!fit_factor(f->gram, f->in))
    refuse("the contexts of --fit-rows do not determine %s: take a larger number, as in "
           "ridge=10",
           p->name);
  fit_solve(f->gram, f->cross, f->in, f->out); /* cross becomes W */
  for (i = 0; i < f->in * f->out; i++) p->fitted[i] = (float)f->cross[i];
}

void predictor_fit(const args *a, predictor *p, const data_spec *spec) {
  data_spec own = *spec;
  fit_job f;

  own.rows = args_value(a, "--fit-rows");
  own.target_rows = args_value(a, "--fit-target-rows");
  if (!own.input || !own.rows)
    refuse_usage("the baseline %s learns from data: give --input, --fit-rows and "
                 "--fit-target-rows",
                 p->name);
  memset(&f, 0, sizeof f);
  data_open(&f.d, a, &own);
  data_need(&f.d, "input");
  data_need(&f.d, "target");
  data_reserve(&f.d, FIT_ROWS);
  p->fitted_in = f.in = tensor_elements(data_batch(&f.d, "input")) / FIT_ROWS;
  p->fitted_out = f.out = tensor_elements(data_batch(&f.d, "target")) / FIT_ROWS;
  if (p->lambda > 0) {
    fit_ridge(&f, p);
  } else {
    const float *target = data_batch(&f.d, "target")->data;
    double *sum = memory_new(f.out, sizeof *sum);
    int64_t first, r, i;

    p->fitted = memory_new(f.out, sizeof *p->fitted);
    for (first = 0; first < f.d.rows; first += FIT_ROWS) {
      const int64_t left = f.d.rows - first, count = left < FIT_ROWS ? left : FIT_ROWS;
      data_read(&f.d, NULL, first, count);
      for (r = 0; r < count; r++)
        for (i = 0; i < f.out; i++) sum[i] += (double)target[r * f.out + i];
    }
    for (i = 0; i < f.out; i++) p->fitted[i] = (float)(sum[i] / (double)f.d.rows);
    free(sum);
  }
  free(f.gram);
  free(f.cross);
  free(f.x);
  free(f.y);
  data_close(&f.d);
}
