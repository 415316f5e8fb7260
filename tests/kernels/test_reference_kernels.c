/* The reference kernels against the formulas, packing, and which kernel set is chosen. */
#include "kernel_check.h"

#include "base/bytes.h"
#include "base/cpu.h"
#include "base/fpenv.h"
#include "kernels/dispatch.h"
#include "kernels/kernels.h"
#include "kernels/packed.h"

/* ---- the reference against the formulas, with the C library's fmaf ---- */

static float by_the_book_tree(const float *p) {
  return ((p[0] + p[8]) + (p[4] + p[12]) + ((p[2] + p[10]) + (p[6] + p[14]))) +
         ((p[1] + p[9]) + (p[5] + p[13]) + ((p[3] + p[11]) + (p[7] + p[15])));
}

static void test_reference_matrices(void) {
  enum { IN = 37, OUT = 83, R = 96, B = 5 };
  static float m[OUT][IN], w[R * IN], x[B][IN], bias[R], d[B][R];
  static float y[B][R], dx[B][48], g[IN * 32];
  memset(w, 0, sizeof w);
  memset(d, 0, sizeof d);
  for (int o = 0; o < OUT; o++)
    for (int k = 0; k < IN; k++) m[o][k] = value(PLAIN);
  for (int r = 0; r < B; r++) {
    for (int k = 0; k < IN; k++) x[r][k] = value(PLAIN);
    for (int o = 0; o < OUT; o++) d[r][o] = value(PLAIN);
  }
  for (int o = 0; o < R; o++) bias[o] = o < OUT ? value(PLAIN) : 0;
  lnspi_packed_from_rows(w, IN, OUT, 0, OUT, m[0], IN);
  ref->linear(w, bias, x[0], IN, y[0], R, B, IN, OUT);
  ref->linear_dx(w, d[0], R, dx[0], 48, B, IN, OUT, 0, IN, 1);
  ref->grad_strip(g, 32, d[0] + 64, R, x[0], IN, B, IN, 0);
  for (int r = 0; r < B; r++) {
    for (int o = 0; o < R; o++) {
      float s = bias[o];
      for (int k = 0; k < IN && o < OUT; k++) s = fmaf(m[o][k], x[r][k], s);
      CHECK(same1(y[r][o], s));
    }
    for (int k = 0; k < IN; k++) {
      float p[16] = {0};
      for (int o = 0; o < R; o++) p[o % 16] = fmaf(o < OUT ? m[o][k] : 0, d[r][o], p[o % 16]);
      CHECK(same1(dx[r][k], by_the_book_tree(p)));
    }
    for (int k = IN; k < 48; k++) CHECK_INT(lnspi_float_bits(dx[r][k]), 0);
  }
  for (int k = 0; k < IN; k++)
    for (int l = 0; l < 32; l++) {
      float s = 0;
      for (int r = 0; r < B; r++) s = fmaf(d[r][64 + l], x[r][k], s);
      CHECK(same1(g[k * 32 + l], s));
    }
}

static void test_reference_sums(void) {
  for (int64_t n = 0; n < 70; n++) {
    float a[70], b[70], s[16] = {0}, p[16] = {0}, q[16] = {0};
    for (int64_t i = 0; i < 70; i++) a[i] = value(HARD) * 1e-3f, b[i] = value(HARD) * 1e-3f;
    for (int64_t i = 0; i < lnspi_round16(n); i++) {
      float u = i < n ? a[i] : 0, v = i < n ? b[i] : 0;
      s[i % 16] = s[i % 16] + u;
      p[i % 16] = fmaf(u, v, p[i % 16]);
      q[i % 16] = fmaf(u - v, u - v, q[i % 16]);
    }
    CHECK(same1(ref->sum(a, n), by_the_book_tree(s)));
    CHECK(same1(ref->dot(a, b, n), by_the_book_tree(p)));
    CHECK(same1(ref->diff2(a, b, n), by_the_book_tree(q)));
  }
}

static float flushed(float x) { return fabsf(x) < FLT_MIN ? 0 : x; }

static void test_reference_optimizers(void) {
  for (int i = 0; i < 10000; i++) {
    lnspi_adam a = {.9f, .1f, .999f, .0316227768f, 1e-3f, 1.5f, 1e-8f, .7f, .99f, .01f};
    lnspi_sgd c = {.05f, .9f, .8f, .7f, .01f, 1, 0};
    float g0 = value(HARD), w = value(HARD), m = value(HARD), b = value(HARD);
    float v = fabsf(value(HARD));
    float w2 = w, m2 = m, v2 = v, w3 = w, b3 = b;
    ref->adam(&w2, &m2, &v2, &g0, 1, &a);
    ref->sgd(&w3, &b3, &g0, 1, &c);
    float g = fmaf(a.l2, w, g0 * a.scale);
    m = flushed(fmaf(a.beta1, m, a.c1 * g));
    float t = a.s2 * g;
    v = flushed(fmaf(t, t, a.beta2 * v));
    CHECK(same1(m, m2) && same1(v, v2));
    CHECK(same1(w2, fmaf(-a.step, m / fmaf(sqrtf(v), a.rsqrt_bc2, a.eps), w * a.decay)));
    b = flushed(fmaf(c.momentum, b, c.undamped * g));
    CHECK(same1(b, b3));
    CHECK(same1(w3, fmaf(-c.lr, fmaf(c.momentum, b, g), w)));
  }
}

/* Forward and backward of the normalisations in double; central differences. */
static double loss_in_double(int what, const float *x, const float *w, const float *b,
                             const float *c, int n, int moved, double by) {
  double v[64], s = 0, mean = 0, var = 0, top = -1e30, loss = 0;
  for (int i = 0; i < n; i++) v[i] = (double)x[i] + (i == moved ? by : 0);
  for (int i = 0; i < n; i++) {
    mean += v[i] / n;
    top = v[i] > top ? v[i] : top;
  }
  for (int i = 0; i < n; i++) var += (v[i] - mean) * (v[i] - mean) / n;
  for (int i = 0; i < n; i++) s += what == 0 ? exp(v[i] - top) : v[i] * v[i];
  for (int i = 0; i < n; i++) {
    double y = what == 0   ? exp(v[i] - top) / s
               : what == 1 ? v[i] / sqrt(s)
                           : (v[i] - mean) / sqrt(var + 1e-5) * (double)w[i] + (double)b[i];
    loss += y * (double)c[i];
  }
  return loss;
}

static void test_reference_norms(void) {
  enum { N = 37 };
  for (int what = 0; what < 3; what++) {
    float x[N], w[N], b[N], c[N], y[N], dx[N], stats[2], gw[N] = {0}, gb[N] = {0}, m = 0;
    for (int i = 0; i < N; i++)
      x[i] = value(PLAIN), w[i] = value(PLAIN), b[i] = value(PLAIN), c[i] = value(PLAIN);
    if (what == 0) ref->softmax(y, x, N), ref->softmax_dx(dx, c, y, N);
    if (what == 1) m = ref->unit(y, x, N, 1e-12f), ref->unit_dx(dx, c, y, m, N, 1e-12f);
    if (what == 2) {
      ref->layernorm(y, x, w, b, N, 1e-5f, stats);
      ref->layernorm_dx(dx, c, x, w, stats, N, gw, gb);
    }
    double loss = 0;
    for (int i = 0; i < N; i++) loss += (double)y[i] * (double)c[i];
    CHECK_NEAR(loss, loss_in_double(what, x, w, b, c, N, -1, 0), 2e-6);
    for (int i = 0; i < N; i++) {
      double h = 1e-5, slope = loss_in_double(what, x, w, b, c, N, i, h) -
                               loss_in_double(what, x, w, b, c, N, i, -h);
      CHECK_NEAR(dx[i], slope / (2 * h), 2e-6);
      if (what == 2) {
        CHECK(same1(gb[i], c[i]));
        CHECK(same1(gw[i], fmaf(c[i], (x[i] - stats[0]) * stats[1], 0)));
      }
    }
  }
}

/* ---- packing, choosing ---- */

static void test_pack(void) {
  static const int64_t outs[] = {1, 16, 17, 63, 64, 65, 130};
  for (int t = 0; t < 7; t++)
    for (int64_t in = 1; in < 20; in += 6) {
      int64_t out = outs[t], stride = in + t % 3, r16 = lnspi_round16(out);
      float *rows = values(out * stride, PLAIN), *back = copy(rows, out * stride);
      float *packed = take(lnspi_packed_floats(in, out));
      memset(packed, 0, (size_t)lnspi_packed_floats(in, out) * sizeof(float));
      for (int64_t first = 0; first < out; first += 10)
        lnspi_packed_from_rows(packed, in, out, first, out - first < 10 ? out - first : 10,
                               rows + first * stride, stride);
      for (int64_t o = 0; o < r16; o++)
        for (int64_t k = 0; k < in; k++) {
          int64_t p = o / 64, n = r16 - 64 * p < 64 ? r16 - 64 * p : 64;
          float expected = o < out ? rows[o * stride + k] : 0;
          CHECK(same1(packed[64 * p * in + k * n + o % 64], expected));
        }
      for (int64_t o = 0; o < out; o++)
        for (int64_t k = 0; k < in; k++) back[o * stride + k] = 7;
      for (int64_t first = 0; first < out; first += 7)
        lnspi_packed_to_rows(packed, in, out, first, out - first < 7 ? out - first : 7,
                             back + first * stride, stride);
      CHECK(same(rows, back, out * stride));
      CHECK(slots_close());
    }
}

static void test_pick(void) {
  lnsp_error error = {0};
  const lnspi_kernels *k = NULL, *widest = NULL, *bytes = NULL, *last = NULL;
  CHECK(lnspi_dispatch_at(-1) == NULL);
  for (int32_t i = 0; (k = lnspi_dispatch_at(i)) != NULL; i++, last = k) {
    int runs = lnspi_dispatch_can_run(k);
    if (runs && !bytes) bytes = k;
    if (runs && !widest && !(k->features & (LNSPI_CPU_AMX | LNSPI_CPU_AVX512VNNI))) widest = k;
    CHECK(lnspi_dispatch_select(k->name, &error) == (runs ? k : NULL));
    if (!runs) CHECK_INT(error.code, LNSP_E_UNSUPPORTED);
  }
  CHECK(lnspi_dispatch_at(1000) == NULL);
  CHECK(lnspi_dispatch_at(0) != NULL);
  CHECK(last == NULL || last == ref || lnspi_dispatch_at(0) == ref);
  CHECK(lnspi_dispatch_select(NULL, NULL) == widest);
  CHECK(lnspi_dispatch_select_for(NULL, LNSPI_DISPATCH_INT8, NULL) == bytes);
  CHECK(lnspi_dispatch_select("", NULL) == widest);
  CHECK(lnspi_dispatch_select("auto", NULL) == widest);
  CHECK(lnspi_dispatch_select("scalar", NULL) == ref);
  CHECK(lnspi_dispatch_select("scala", &error) == NULL);
  CHECK_INT(error.code, LNSP_E_UNKNOWN);
  CHECK(lnspi_dispatch_select("scalars", &error) == NULL);
  CHECK(lnspi_dispatch_select("AVX2", &error) == NULL);
}

int main(void) {
  if (!slots_open()) {
    printf("not ok no memory with guard pages\n");
    return 1;
  }
  lnspi_fpenv saved = lnspi_fpenv_enter();
  RUN(test_reference_matrices);
  RUN(test_reference_sums);
  RUN(test_reference_optimizers);
  RUN(test_reference_norms);
  RUN(test_pack);
  RUN(test_pick);
  lnspi_fpenv_leave(saved);
  FINISH();
}
