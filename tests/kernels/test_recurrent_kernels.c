/* Steps of recurrent layers: the reference kernels against their definition in double,
 * forward and backward, and every kernel set that runs here against them, bit by bit. */
#include "kernel_check.h"

#include "kernels/kernels.h"

#define LNSPI_X(result, name, parameters) static void test_kernel_##name(void);
LNSPI_KERNEL_RECURRENT_LIST(LNSPI_X)
#undef LNSPI_X

static const int64_t lengths[] = {0, 1, 7, 15, 16, 17, 31, 48, 100, 512};
enum { LENGTHS = sizeof lengths / sizeof lengths[0] };

#define EACH                               \
  for (int kind = 0; kind < KINDS; kind++) \
    for (int e = 0; e < 2; e++)            \
      for (int t = 0; t < LENGTHS && (at_end = e, 1); t++)
#define EQUAL(a, b, n) CHECK_SAY(same((a), (b), (n)), "%s, kind %d, n %d", #a, kind, (int)(n))

/* pieces of n, ld apart; what lies between must stay */
static void check_forward(int pieces, int gates, int kind, int64_t n, int64_t gap) {
  const int64_t ld = n + gap, all = pieces * ld, from = gates * ld;
  float *g = values(all, kind), *g2 = copy(g, all), *c = values(from, kind);
  float *h = values(n, kind), *y = take(n), *z = take(n);
  if (gates == 3) {
    ref->gru(g, ld, c, ld, h, y, n);
    set->gru(g2, ld, c, ld, h, z, n);
  } else {
    ref->lstm(g, ld, c, ld, h, y, n);
    set->lstm(g2, ld, c, ld, h, z, n);
  }
  EQUAL(g, g2, all);
  EQUAL(y, z, n);
  CHECK(slots_close());
}

static void check_backward(int pieces, int gates, int kind, int64_t n, int64_t gap) {
  const int64_t ld = n + gap, all = pieces * ld;
  float *g = values(all, kind), *g2 = copy(g, all), *h = values(n, kind);
  float *d = values(n, kind), *d2 = copy(d, n), *cell = values(n, kind), *cell2 = copy(cell, n);
  if (gates == 3) {
    ref->gru_dx(g, ld, d, h, n);
    set->gru_dx(g2, ld, d2, h, n);
  } else {
    ref->lstm_dx(g, ld, d, cell, h, n);
    set->lstm_dx(g2, ld, d2, cell2, h, n);
  }
  EQUAL(g, g2, all);
  EQUAL(d, d2, n);
  EQUAL(cell, cell2, n);
  CHECK(slots_close());
}

static void test_kernel_gru(void) {
  EACH for (int gap = 0; gap < 4; gap += 3) check_forward(4, 3, kind, lengths[t], gap);
}

static void test_kernel_gru_dx(void) {
  EACH for (int gap = 0; gap < 4; gap += 3) check_backward(4, 3, kind, lengths[t], gap);
}

static void test_kernel_lstm(void) {
  EACH for (int gap = 0; gap < 4; gap += 3) check_forward(6, 4, kind, lengths[t], gap);
}

static void test_kernel_lstm_dx(void) {
  EACH for (int gap = 0; gap < 4; gap += 3) check_backward(6, 4, kind, lengths[t], gap);
}

/* ---- against double ---- */

static double logistic(double x) { return 1 / (1 + exp(-x)); }

/* v: GRU a_r, a_z, a_n, c_n, h; LSTM a_i, a_f, a_g, a_o, cell. b weighs the LSTM's cell. */
static double step_in_double(int lstm, const double v[5], double b) {
  if (!lstm) {
    double z = logistic(v[1]);
    return (1 - z) * tanh(v[2] + logistic(v[0]) * v[3]) + z * v[4];
  }
  double cell = logistic(v[1]) * v[4] + logistic(v[0]) * tanh(v[2]);
  return logistic(v[3]) * tanh(cell) + b * cell;
}

static void check_slope(int lstm, const double v[5], int which, double b, double d,
                        float have) {
  double up[5], down[5], h = 1e-5;
  memcpy(up, v, sizeof up);
  memcpy(down, v, sizeof down);
  up[which] += h;
  down[which] -= h;
  CHECK_NEAR(have, d * (step_in_double(lstm, up, b) - step_in_double(lstm, down, b)) / (2 * h),
             2e-6);
}

/* What the state gives is in c: zeros but for the GRU's q. */
static void test_reference_steps(void) {
  for (int i = 0; i < 400; i++)
    for (int lstm = 0; lstm < 2; lstm++) {
      float g[6] = {0}, c[4] = {0}, d = 1.5f, cell, y;
      float dcell = lstm ? .75f : 0; /* b = dcell / d */
      double v[5];
      for (int j = 0; j < 5; j++) v[j] = (double)(3 * value(PLAIN));
      for (int j = 0; j < 4; j++) g[j] = (float)v[j];
      for (int j = 0; j < 5; j++) v[j] = (double)(float)v[j];
      cell = (float)v[4];
      if (!lstm) g[3] = 0, c[2] = (float)v[3];
      if (lstm)
        ref->lstm(g, 1, c, 1, &cell, &y, 1);
      else
        ref->gru(g, 1, c, 1, &cell, &y, 1);
      CHECK_NEAR(y, step_in_double(lstm, v, 0), 5e-7);
      if (lstm)
        ref->lstm_dx(g, 1, &d, &dcell, &cell, 1);
      else
        ref->gru_dx(g, 1, &d, &cell, 1);
      for (int j = 0; j < 4; j++) check_slope(lstm, v, j, lstm ? .5 : 0, 1.5, g[j]);
      check_slope(lstm, v, 4, lstm ? .5 : 0, 1.5, lstm ? dcell : d);
    }
}

int main(void) {
  if (!slots_open()) return 1;
  RUN(test_reference_steps);
  RUN_KERNELS(LNSPI_KERNEL_RECURRENT_LIST)
  FINISH();
}
