/* The losses in double, straight from their formulas, to take differences of. */
#ifndef LOSS_REFERENCE_H
#define LOSS_REFERENCE_H

#include <math.h>
#include <stdint.h>

#include "kernels/random.h"

/* x[operand][rows * width], as in the loss's list; a set has SET vectors a row, a context
 * has CONTEXT vectors for SHARE rows (the last has fewer). */
#define SET 3
#define CONTEXT 2
#define SHARE 2

typedef double reference(double *const x[], int64_t rows, int64_t width, const float *real);

static double dot(const double *a, const double *b, int64_t n) {
  double s = 0;
  for (int64_t i = 0; i < n; i++) s += a[i] * b[i];
  return s;
}

static double ref_cos(const double *a, const double *b, int64_t n) {
  return dot(a, b, n) / fmax(sqrt(dot(a, a, n)), 1e-12) / fmax(sqrt(dot(b, b, n)), 1e-12);
}

static double ref_mse(double *const x[], int64_t rows, int64_t width, const float *real) {
  double s = 0;
  (void)real;
  for (int64_t i = 0; i < rows * width; i++) s += (x[0][i] - x[1][i]) * (x[0][i] - x[1][i]);
  return s / (double)(rows * width);
}

static double ref_cosine(double *const x[], int64_t rows, int64_t width, const float *real) {
  double s = 0;
  (void)real;
  for (int64_t r = 0; r < rows; r++) s += ref_cos(x[0] + r * width, x[1] + r * width, width);
  return 1 - s / (double)rows;
}

static double ref_alignment(double *const x[], int64_t rows, int64_t width, const float *real) {
  return real[0] > 0 ? ref_mse(x, rows, width, real) : ref_cosine(x, rows, width, real);
}

static double ref_distance(const double *a, const double *b, int64_t n) {
  double s = 0;
  for (int64_t i = 0; i < n; i++) s += (a[i] - b[i] + 1e-6) * (a[i] - b[i] + 1e-6);
  return sqrt(s);
}

static double ref_triplet(double *const x[], int64_t rows, int64_t width, const float *real) {
  double s = 0;
  for (int64_t r = 0; r < rows; r++) {
    const double *a = x[0] + r * width, *p = x[1] + r * width, *n = x[2] + r * width;
    double h = real[1] > 0
                   ? (double)real[0] + ref_distance(a, p, width) - ref_distance(a, n, width)
                   : (double)real[0] - ref_cos(a, p, width) + ref_cos(a, n, width);
    s += h > 0 ? h : 0;
  }
  return s / (double)rows;
}

static double ref_huber(double *const x[], int64_t rows, int64_t width, const float *real) {
  double s = 0, delta = (double)real[0];
  for (int64_t i = 0; i < rows * width; i++) {
    double e = fabs(x[0][i] - x[1][i]);
    s += e <= delta ? e * e / 2 : delta * (e - delta / 2);
  }
  return s / (double)(rows * width);
}

static double ref_bce(double *const x[], int64_t rows, int64_t width, const float *real) {
  double s = 0;
  (void)real;
  for (int64_t i = 0; i < rows * width; i++) s += log1p(exp(x[0][i])) - x[1][i] * x[0][i];
  return s / (double)(rows * width);
}

/* All pairs, a row with itself too. */
static double ref_kernel(const double *a, const double *b, int64_t rows, int64_t width,
                         double sigma) {
  double s = 0;
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < rows; j++) {
      double d = 0;
      for (int64_t e = 0; e < width; e++) d += pow(a[i * width + e] - b[j * width + e], 2);
      s += exp(-d / (2 * sigma * sigma));
    }
  return s / (double)(rows * rows);
}

static double ref_mmd(double *const x[], int64_t rows, int64_t width, const float *real) {
  const double sigma = (double)real[0];
  return ref_kernel(x[0], x[0], rows, width, sigma) +
         ref_kernel(x[1], x[1], rows, width, sigma) -
         2 * ref_kernel(x[0], x[1], rows, width, sigma);
}

/* cos of row r with vector j of operand o */
static double ref_with(double *const x[], int64_t r, int o, int64_t each, int64_t j,
                       int64_t n) {
  return ref_cos(x[0] + r * n, x[o] + (r * each + j) * n, n);
}

/* All rows are one sequence. */
static double ref_attention(double *const x[], int64_t rows, int64_t width, const float *real) {
  double s = 0;
  (void)real;
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < rows; j++)
      if (i != j) s += pow(dot(x[0] + i * width, x[0] + j * width, width), 2);
  return rows > 1 ? s / (double)(rows * (rows - 1)) : 0;
}

/* The permutations are those of the counter generator, element by element from the end. */
#define LOSS_PASS 41
#define LOSS_MOST_ROWS 16
static double ref_sampled(double *const x[], int64_t rows, int64_t width, const float *real) {
  const double tau = (double)real[0];
  double sum[LOSS_MOST_ROWS], total = 0;
  for (int64_t r = 0; r < rows; r++) sum[r] = exp(ref_with(x, r, 1, 1, 0, width) / tau);
  for (uint32_t s = 0; s < (uint32_t)real[1]; s++) {
    int64_t order[LOSS_MOST_ROWS];
    for (int64_t i = 0; i < rows; i++) order[i] = i;
    for (int64_t i = rows - 1; i > 0; i--) {
      uint64_t draw = lnspi_random((uint64_t)real[2], LOSS_PASS, 0xfffffe00u + s, (uint32_t)i);
      int64_t j = (int64_t)(draw * (uint64_t)(i + 1) >> 32), kept = order[i];
      order[i] = order[j];
      order[j] = kept;
    }
    for (int64_t r = 0; r < rows; r++)
      sum[r] += exp(ref_cos(x[0] + r * width, x[1] + order[r] * width, width) / tau);
  }
  for (int64_t r = 0; r < rows; r++)
    total += log(sum[r]) - ref_with(x, r, 1, 1, 0, width) / tau;
  return total / (double)rows;
}

static double ref_diversity(double *const x[], int64_t rows, int64_t width, const float *real) {
  double s = 0;
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < rows; j++) {
      if (i == j) continue;
      double c = ref_cos(x[0] + i * width, x[0] + j * width, width);
      s += real[0] < .5f ? c * c : real[0] < 1.5f ? c : fmax(c - (double)real[1], 0);
    }
  return s / (double)(rows * (rows - 1));
}

static double ref_softplus(double x) { return x > 20 ? x : log1p(exp(x)); }

static double ref_in_context(double *const x[], int64_t r, int64_t j, int64_t n) {
  return ref_cos(x[0] + r * n, x[2] + (r / SHARE * CONTEXT + j) * n, n);
}

static double ref_gap(double *const x[], int64_t r, int64_t n) {
  return ref_with(x, r, 1, 1, 0, n) - ref_with(x, r, 2, 1, 0, n);
}

static double ref_margin(double *const x[], int64_t rows, int64_t width, const float *real) {
  double s = 0;
  for (int64_t r = 0; r < rows; r++) s += fmax((double)real[0] - ref_gap(x, r, width), 0);
  return s / (double)rows;
}

static double ref_margin_smooth(double *const x[], int64_t rows, int64_t width,
                                const float *real) {
  double s = 0, gamma = (double)real[1];
  for (int64_t r = 0; r < rows; r++)
    s += ref_softplus(gamma * ((double)real[0] - ref_gap(x, r, width))) / gamma;
  return s / (double)rows;
}

static double ref_margin_ratio(double *const x[], int64_t rows, int64_t width,
                               const float *real) {
  double s = 0, gamma = (double)real[2], part = (double)real[3];
  for (int64_t r = 0; r < rows; r++) {
    double gap = ref_gap(x, r, width);
    double size = fabs(ref_with(x, r, 1, 1, 0, width)) + fabs(ref_with(x, r, 2, 1, 0, width));
    s += part * ref_softplus(gamma * ((double)real[0] - gap)) / gamma +
         (1 - part) * ref_softplus(gamma * ((double)real[1] - gap / (size + 1e-6))) / gamma;
  }
  return s / (double)rows;
}

static double ref_micro_direction(double *const x[], int64_t rows, int64_t width,
                                  const float *real) {
  double s = 0;
  for (int64_t r = 0; r < rows; r++)
    s += ref_softplus((double)real[0] * (ref_in_context(x, r, CONTEXT - 1, width) -
                                         ref_with(x, r, 1, 1, 0, width) + (double)real[1]));
  return s / (double)rows;
}

static double ref_anticopy(double *const x[], int64_t rows, int64_t width, const float *real) {
  double s = 0;
  for (int64_t r = 0; r < rows; r++)
    for (int64_t j = 0; j < CONTEXT; j++)
      s += fmax((double)real[0] - ref_with(x, r, 1, 1, 0, width) +
                    ref_in_context(x, r, j, width),
                0) /
           CONTEXT;
  return s / (double)rows;
}

static double ref_future(double *const x[], int64_t rows, int64_t width, const float *real) {
  double s = 0;
  for (int64_t r = 0; r < rows; r++)
    for (int64_t j = 0; j < SET; j++)
      s += fmax((double)real[0] - ref_with(x, r, 1, 1, 0, width) +
                    ref_with(x, r, 2, SET, j, width),
                0);
  return s / (double)rows;
}

static double ref_floor(double *const x[], int64_t rows, int64_t width, const float *real) {
  double s = 0;
  for (int64_t r = 0; r < rows; r++)
    s += pow(fmax((double)real[0] - ref_with(x, r, 1, 1, 0, width), 0), 2);
  return s / (double)rows;
}

static double ref_teacher_floor(double *const x[], int64_t rows, int64_t width,
                                const float *real) {
  double s = 0;
  int64_t low = 0;
  for (int64_t r = 0; r < rows; r++) {
    double c = ref_with(x, r, 1, 1, 0, width);
    if (c >= (double)real[0]) continue;
    low++;
    s += 1 - c;
  }
  return low ? s / (double)low : 0;
}

static double ref_orthogonality(double *const x[], int64_t rows, int64_t width,
                                const float *real) {
  double s = 0;
  (void)real;
  for (int64_t r = 0; r < rows; r++) s += pow(ref_with(x, r, 1, 1, 0, width), 2);
  return s / (double)rows;
}

static double ref_norm(double *const x[], int64_t rows, int64_t width, const float *real) {
  double s = 0;
  (void)real;
  for (int64_t r = 0; r < rows; r++)
    s += pow(sqrt(dot(x[0] + r * width, x[0] + r * width, width)) - 1, 2);
  return s / (double)rows;
}

static double ref_cosine_mse(double *const x[], int64_t rows, int64_t width,
                             const float *real) {
  return (double)real[0] * ref_cosine(x, rows, width, real) +
         (double)real[1] * ref_mse(x, rows, width, real);
}

static double ref_rehearsal(double *const x[], int64_t rows, int64_t width, const float *real) {
  return ref_cosine(x, rows, width, real) +
         (double)real[0] * (double)width * ref_mse(x, rows, width, real);
}

/* mean and deviation of column i, of rows at unit length or as they are */
static void ref_column(const double *x, int64_t rows, int64_t width, int64_t i, int raw,
                       double *mean, double *sigma) {
  double s = 0, square = 0;
  for (int64_t r = 0; r < rows; r++) {
    double v = x[r * width + i];
    if (!raw) v /= sqrt(dot(x + r * width, x + r * width, width));
    s += v;
    square += v * v;
  }
  *mean = s / (double)rows;
  *sigma = sqrt((square - s * s / (double)rows) / (double)(rows - 1));
}

static double ref_moment(double *const x[], int64_t rows, int64_t width, const float *real) {
  double s = 0, m[2], d[2];
  (void)real;
  for (int64_t i = 0; i < width; i++) {
    for (int o = 0; o < 2; o++) ref_column(x[o], rows, width, i, 1, &m[o], &d[o]);
    s += pow(m[0] - m[1], 2) + pow(d[0] - d[1], 2);
  }
  return s / (double)width;
}

static double ref_variance(double *const x[], int64_t rows, int64_t width, const float *real) {
  double s = 0, m, d;
  for (int64_t i = 0; i < width; i++) {
    ref_column(x[0], rows, width, i, real[0] > 0, &m, &d);
    s += fmax(1 - d, 0);
  }
  return s / (double)width;
}

static double ref_hard(double *const x[], int64_t rows, int64_t width, const float *real) {
  int64_t k = (int64_t)real[0] < rows - 1 ? (int64_t)real[0] : rows - 1;
  double s = 0;
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < rows; j++) {
      double c = ref_cos(x[0] + i * width, x[1] + j * width, width);
      int64_t above = 0;
      for (int64_t o = 0; o < rows; o++)
        above += o != i && ref_cos(x[0] + i * width, x[1] + o * width, width) > c;
      if (i != j && above < k) s += fmax(c - (1 - (double)real[1]), 0);
    }
  return s / (double)(rows * k);
}

/* The target and SET others, by cosine or by product. */
static double ref_candidates(double *const x[], int64_t rows, int64_t width, double tau,
                             int product) {
  double s = 0;
  for (int64_t r = 0; r < rows; r++) {
    double sum = 0, own = 0;
    for (int64_t j = -1; j < SET; j++) {
      const double *p = x[0] + r * width;
      const double *c = j < 0 ? x[1] + r * width : x[2] + (r * SET + j) * width;
      double score = (product ? dot(p, c, width) : ref_cos(p, c, width)) / tau;
      if (j < 0) own = score;
      sum += exp(score);
    }
    s += log(sum) - own;
  }
  return s / (double)rows;
}

static double ref_listwise(double *const x[], int64_t rows, int64_t width, const float *real) {
  return ref_candidates(x, rows, width, (double)real[0], 1);
}

static double ref_own(double *const x[], int64_t rows, int64_t width, const float *real) {
  return ref_candidates(x, rows, width, (double)real[0], 0);
}

static double ref_nce_way(double *const x[], int64_t rows, int64_t width, double tau, int back,
                          int set) {
  double s = 0;
  for (int64_t i = 0; i < rows; i++) {
    double sum = 0, own = 0;
    for (int64_t j = 0; j < rows; j++) {
      int64_t p = back ? j : i, t = back ? i : j;
      double score = ref_cos(x[0] + p * width, x[1] + t * width, width) / tau;
      if (i == j) own = score;
      sum += exp(score);
    }
    for (int64_t j = 0; j < set; j++) sum += exp(ref_with(x, i, 3, SET, j, width) / tau);
    s += log(sum) - own;
  }
  return s / (double)rows;
}

static double ref_nce(double *const x[], int64_t rows, int64_t width, const float *real) {
  return ref_nce_way(x, rows, width, (double)real[0], 0, real[3] > 0 ? SET : 0);
}

static double ref_nce_both(double *const x[], int64_t rows, int64_t width, const float *real) {
  return ref_nce_way(x, rows, width, (double)real[0], 0, 0) +
         ref_nce_way(x, rows, width, (double)real[0], 1, 0);
}

#endif
