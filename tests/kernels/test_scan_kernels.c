/* The kernels of the selective scan: the reference against the formulas in double, every
 * kernel set that runs here against the reference, bit by bit.
 * build/tests/kernels/test_scan_kernels --time prints how long the kernels take instead. */
#include "kernel_check.h"
#include "clock.h"

#include "base/bytes.h"
#include "base/fpenv.h"
#include "kernels/dispatch.h"
#include "kernels/kernels.h"
#include "kernels/scalar.h"

#define LNSPI_X(result, name, parameters) static void test_kernel_##name(void);
LNSPI_KERNEL_SCAN_LIST(LNSPI_X)
#undef LNSPI_X

static const int64_t step_counts[] = {1, 2, 3, 5, 17};
static const int64_t state_counts[] = {1, 2, 15, 16, 17, 40};
enum {
  STEPS = sizeof step_counts / sizeof step_counts[0],
  STATES = sizeof state_counts / sizeof state_counts[0]
};

/* What goes into one call, and comes out of it. */
typedef struct block {
  int64_t steps, states, ldb;
  float *u, *delta, *rate, *b, *dy, *y, *du, *ddelta, *db, *drate, *work;
} block;

static block take_block(int64_t steps, int64_t states, int kind) {
  block k;
  k.steps = steps;
  k.states = states;
  k.ldb = states + steps % 3;
  k.u = values(16 * steps, kind);
  k.delta = values(16 * steps, kind);
  k.rate = values(16 * states, kind);
  k.b = values((steps - 1) * k.ldb + states, kind);
  k.dy = values(16 * steps, kind);
  k.y = take(16 * steps);
  k.du = take(16 * steps);
  k.ddelta = take(16 * steps);
  k.db = values(16 * steps * states, kind);
  k.drate = values(16 * states, kind);
  k.work = take(32 * steps);
  for (int64_t i = 0; i < 16 * steps && kind == PLAIN; i++) k.delta[i] = fabsf(k.delta[i]) * 4;
  for (int64_t i = 0; i < 16 * states && kind == PLAIN; i++) k.rate[i] = -fabsf(k.rate[i]);
  return k;
}

static block outputs_of(const block *from) {
  block k = *from;
  k.y = take(16 * k.steps);
  k.du = take(16 * k.steps);
  k.ddelta = take(16 * k.steps);
  k.db = copy(from->db, 16 * k.steps * k.states);
  k.drate = copy(from->drate, 16 * k.states);
  k.work = take(32 * k.steps);
  return k;
}

static void run_scan(const lnspi_kernels *by, const block *k) {
  by->scan(k->y, k->u, k->delta, k->rate, k->b, k->ldb, k->steps, k->states);
}

static void run_scan_dx(const lnspi_kernels *by, const block *k) {
  by->scan_dx(k->du, k->ddelta, k->db, k->drate, k->dy, k->u, k->delta, k->rate, k->b, k->ldb,
              k->steps, k->states, k->work);
}

static void each_block(void (*check)(block *k)) {
  for (at_end = 0; at_end < 2; at_end++)
    for (int kind = 0; kind < KINDS; kind++)
      for (int s = 0; s < STEPS; s++)
        for (int n = 0; n < STATES; n++) {
          block k = take_block(step_counts[s], state_counts[n], kind);
          check(&k);
          CHECK(slots_close());
        }
}

static void compare_scan(block *k) {
  const block other = outputs_of(k);
  run_scan(ref, k);
  run_scan(set, &other);
  CHECK_SAY(same(k->y, other.y, 16 * k->steps), "scan, %d steps, %d states: other bits",
            (int)k->steps, (int)k->states);
}

static void compare_scan_dx(block *k) {
  const block other = outputs_of(k);
  run_scan_dx(ref, k);
  run_scan_dx(set, &other);
  CHECK_SAY(same(k->du, other.du, 16 * k->steps) &&
                same(k->ddelta, other.ddelta, 16 * k->steps) &&
                same(k->db, other.db, 16 * k->steps * k->states) &&
                same(k->drate, other.drate, 16 * k->states),
            "scan_dx, %d steps, %d states: other bits", (int)k->steps, (int)k->states);
}

static void test_kernel_scan(void) { each_block(compare_scan); }

static void test_kernel_scan_dx(void) { each_block(compare_scan_dx); }

static void test_kernel_scan_rates(void) {
  for (at_end = 0; at_end < 2; at_end++)
    for (int kind = 0; kind < KINDS; kind++)
      for (int n = 0; n < STATES; n++)
        for (int64_t lanes = 1; lanes <= 16; lanes += 5) {
          const int64_t states = state_counts[n];
          float *a = values(lanes * states, kind), *x = take(16 * states),
                *y = take(16 * states);
          ref->scan_rates(x, a, states, lanes);
          set->scan_rates(y, a, states, lanes);
          CHECK(same(x, y, 16 * states));
          for (int64_t i = 0; i < 16 * states; i++)
            CHECK(i % 16 < lanes || lnspi_float_bits(y[i]) == 0);
          CHECK(slots_close());
        }
}

static void test_kernel_mul_add(void) {
  for (at_end = 0; at_end < 2; at_end++)
    for (int kind = 0; kind < KINDS; kind++)
      for (int64_t n = 0; n < 70; n++) {
        float *a = values(n, kind), *b = values(n, kind), *y = values(n, kind), *z = copy(y, n);
        for (int64_t i = 0; i < n; i++) z[i] = lnspi_scalar_fma(a[i], b[i], z[i]);
        set->mul_add(y, a, b, n);
        CHECK(same(y, z, n));
        CHECK(slots_close());
      }
}

/* ---- the reference against its definition ---- */

static int close_to(float have, double want, double scale, double by) {
  return fabs((double)have - want) <= by * (scale + fabs(want));
}

/* With one state, u = 1, 0, 0, ... and b = 1, y_t is the product of the decays. */
static void test_power(void) {
  double worst = 0;
  at_end = 0;
  for (double x = -100; x <= 127; x += 0x1.0p-7 + 1e-5) {
    const double exact = exp2((double)(float)x);
    float u[32] = {0}, delta[32], y[32], rate[16], b[2] = {1, 1};
    for (int l = 0; l < 16; l++) u[l] = rate[l] = 1, delta[l] = delta[16 + l] = (float)x;
    ref->scan(y, u, delta, rate, b, 1, 2, 1);
    worst = fmax(worst, fabs((double)y[16] - exact) / exact * 0x1p23);
  }
  printf("# power: %.3f of 2^-23\n", worst);
  CHECK(worst < 1);
  float u[32] = {1}, delta[32] = {0}, y[32], rate[16] = {-INFINITY}, b[2] = {1, 1};
  delta[16] = 1;
  ref->scan(y, u, delta, rate, b, 1, 2, 1);
  CHECK(y[16] == 0x1p-100f);
  rate[0] = 0;
  ref->scan(y, u, delta, rate, b, 1, 2, 1);
  CHECK(y[16] == 1);
  delta[16] = NAN;
  ref->scan(y, u, delta, rate, b, 1, 2, 1);
  CHECK(y[16] != y[16]);
}

static void check_formulas(const block *k, int l) {
  const int64_t steps = k->steps, states = k->states;
  double h[64], d[64], g, du[64] = {0}, s[64] = {0}, y[64] = {0};
  for (int64_t n = 0; n < states; n++) {
    const double rate = (double)k->rate[16 * n + l];
    double drate = 0;
    for (int64_t t = 0; t < steps; t++) {
      d[t] = exp2(rate * (double)k->delta[16 * t + l]);
      h[t] =
          (t ? d[t] * h[t - 1] : 0) + (double)k->u[16 * t + l] * (double)k->b[t * k->ldb + n];
      y[t] += h[t];
    }
    g = 0;
    for (int64_t t = steps - 1; t >= 0; t--) {
      g = (double)k->dy[16 * t + l] + (t + 1 < steps ? d[t + 1] * g : 0);
      du[t] += g * (double)k->b[t * k->ldb + n];
      CHECK(close_to(k->db[16 * (n * steps + t) + l], g * (double)k->u[16 * t + l], 1, 1e-5));
      if (t == 0) break;
      drate += (double)k->delta[16 * t + l] * g * h[t - 1] * d[t];
      s[t] += rate * g * h[t - 1] * d[t] * 0.69314718055994531;
    }
    CHECK(close_to(k->drate[16 * n + l], drate, 10, 1e-5));
  }
  for (int64_t t = 0; t < steps; t++) {
    CHECK(close_to(k->y[16 * t + l], y[t], 10, 1e-5));
    CHECK(close_to(k->du[16 * t + l], du[t], 10, 1e-5));
    CHECK(close_to(k->ddelta[16 * t + l], s[t], 10, 1e-5));
  }
}

static void test_formulas(void) {
  at_end = 0;
  for (int s = 0; s < STEPS; s++)
    for (int n = 0; n < STATES; n++) {
      block k = take_block(step_counts[s], state_counts[n], PLAIN);
      memset(k.db, 0, (size_t)(16 * k.steps * k.states) * sizeof(float));
      memset(k.drate, 0, (size_t)(16 * k.states) * sizeof(float));
      run_scan(ref, &k);
      run_scan_dx(ref, &k);
      for (int l = 0; l < 16; l++) check_formulas(&k, l);
      CHECK(slots_close());
    }
}

static void test_rates(void) {
  float a[3 * 5], rate[16 * 5];
  for (int i = 0; i < 15; i++) a[i] = -8 + (float)i;
  ref->scan_rates(rate, a, 5, 3);
  for (int l = 0; l < 3; l++)
    for (int n = 0; n < 5; n++)
      CHECK(
          close_to(rate[16 * n + l], -exp((double)a[5 * l + n]) * 1.4426950408889634, 0, 3e-7));
}

/* ---- how long they take ---- */

static void time_one(const char *what, void (*run)(const lnspi_kernels *, const block *),
                     const block *k) {
  double best = 1e30;
  for (int i = 0; i < 2000; i++) {
    const double from = clock_microseconds();
    run(set, k);
    best = fmin(best, clock_microseconds() - from);
  }
  printf("%-10s %-8s %8.2f us\n", set->name, what, best);
}

static void run_rates(const lnspi_kernels *by, const block *k) {
  by->scan_rates(k->drate, k->rate, k->states, 16);
}

static int time_all(void) {
  printf("16 channels, 128 states, 5 steps\n");
  for (int32_t i = 0; (set = lnspi_dispatch_at(i)) != NULL; i++) {
    if (!lnspi_dispatch_can_run(set)) continue;
    block k = take_block(5, 128, PLAIN);
    time_one("rates", run_rates, &k);
    time_one("scan", run_scan, &k);
    time_one("scan_dx", run_scan_dx, &k);
    slots_close();
  }
  return 0;
}

int main(int count, char **words) {
  if (!slots_open()) {
    printf("not ok no memory with guard pages\n");
    return 1;
  }
  if (count > 1) return strcmp(words[1], "--time") ? 2 : time_all();
  lnspi_fpenv saved = lnspi_fpenv_enter();
  RUN(test_power);
  RUN(test_rates);
  RUN(test_formulas);
  RUN_KERNELS(LNSPI_KERNEL_SCAN_LIST)
  lnspi_fpenv_leave(saved);
  FINISH();
}
