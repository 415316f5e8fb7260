/* Every kernel set that runs here against the reference, bit by bit.
 * build/tests/kernels/test_kernels --time prints how long the kernels take instead. */
#include "kernel_check.h"
#include "clock.h"
#include "half_check.h"

#include "base/bytes.h"
#include "base/cpu.h"
#include "base/fpenv.h"
#include "kernels/dispatch.h"
#include "kernels/kernels.h"
#include "kernels/packed.h"

static const int64_t lengths[] = {0,  1,  2,   3,   4,   5,   6,   7,   8,   9,   10, 11,
                                  12, 13, 14,  15,  16,  17,  18,  19,  20,  23,  24, 25,
                                  28, 29, 31,  32,  33,  40,  47,  48,  49,  63,  64, 65,
                                  79, 96, 100, 127, 128, 129, 255, 257, 384, 1000};
enum { LENGTHS = sizeof lengths / sizeof lengths[0] };

static void check_outside(int64_t n) {
  CHECK_SAY(slots_close(), "wrote outside, n %lld", (long long)n);
}

/* Runs the block for every placement, kind of values and length n. */
#define EACH(kinds)                                 \
  for (at_end = 0; at_end < 2; at_end++)            \
    for (int kind = 0; kind < (kinds); kind++)      \
      for (int index = 0; index < LENGTHS; index++) \
        for (int64_t n = lengths[index], once = 1; once; once = 0, check_outside(n))
#define EQUAL(a, b, n_)                                                                      \
  CHECK_SAY(same((a), (b), (n_)), "%s, n %lld, %s, kind %d: differs from the reference", #b, \
            (long long)(n_), at_end ? "end" : "start", kind)

/* ---- one test a kernel: test_kernel_NAME for each NAME of the list ---- */

#define LNSPI_X(result, name, parameters) static void test_kernel_##name(void);
LNSPI_KERNEL_FLOAT_LIST(LNSPI_X)
#undef LNSPI_X

static const int64_t row_counts[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 19};
static const int64_t in_widths[] = {1, 3, 16, 17, 40, 130, 300};
static const int64_t out_widths[] = {1, 16, 17, 32, 48, 50, 64, 65, 96, 112, 128, 176};
enum {
  ROWS = sizeof row_counts / sizeof row_counts[0],
  INS = sizeof in_widths / sizeof in_widths[0],
  OUTS = sizeof out_widths / sizeof out_widths[0]
};

/* Packed weights, finite as all weights are, with zero pads. */
static float *weights(int64_t in, int64_t out, int kind) {
  int64_t n = lnspi_packed_floats(in, out);
  float *w = take(n), *row = malloc((size_t)in * sizeof(float));
  memset(w, 0, (size_t)n * sizeof(float));
  for (int64_t o = 0; o < out && row; o++) {
    for (int64_t k = 0; k < in; k++) {
      row[k] = value(kind);
      if (!isfinite(row[k])) row[k] = (float)k;
    }
    lnspi_packed_from_rows(w, in, out, o, 1, row, in);
  }
  free(row);
  return w;
}

static void check_linear(int64_t rows, int64_t in, int64_t out, int kind) {
  int64_t r16 = lnspi_round16(out), ldx = in + rows % 3, ldy = r16 + 16 * (rows % 2);
  float *w = weights(in, out, kind), *x = values((rows - 1) * ldx + in, kind);
  float *bias = rows % 4 ? values(r16, kind) : NULL;
  float *y = values((rows - 1) * ldy + r16, PLAIN), *z = copy(y, (rows - 1) * ldy + r16);
  float *one = take(r16);
  int64_t n = (rows - 1) * ldy + r16;
  ref->linear(w, bias, x, ldx, y, ldy, rows, in, out);
  set->linear(w, bias, x, ldx, z, ldy, rows, in, out);
  CHECK_SAY(same(y, z, n), "linear rows %d in %d out %d", (int)rows, (int)in, (int)out);
  for (int64_t r = 0; r < rows; r++) {
    set->linear(w, bias, x + r * ldx, ldx, one, r16, 1, in, out);
    CHECK_SAY(same(one, y + r * ldy, r16), "linear row %d of %d alone, in %d out %d", (int)r,
              (int)rows, (int)in, (int)out);
  }
  CHECK(slots_close());
}

/* Sums of nothing but zeros of either sign: where weights of zero inputs are not read,
 * a -0 must be as if they were. */
static void linear_zeros(void) {
  enum { IN = 21, OUT = 80 };
  for (int times = 0; times < 64; times++) {
    float *w = weights(IN, OUT, PLAIN), *x = take(IN), *bias = take(OUT);
    float *y = take(OUT), *z = take(OUT);
    for (int k = 0; k < IN; k++) x[k] = draw() % 2 ? 0.0f : -0.0f;
    for (int o = 0; o < OUT; o++) bias[o] = -0.0f;
    for (int64_t i = 0; i < IN * OUT; i++)
      if (draw() % 8) w[i] = fabsf(w[i]); /* so that some sums of -0 stay so */
    for (int k = 0; k < IN && times % 2; k++) x[k] = k % 20 ? -0.0f : x[k];
    ref->linear(w, bias, x, IN, y, OUT, 1, IN, OUT);
    set->linear(w, bias, x, IN, z, OUT, 1, IN, OUT);
    CHECK_SAY(same(y, z, OUT), "linear: sums of zeros");
    CHECK(slots_close());
  }
}

static void test_kernel_linear(void) {
  linear_zeros();
  for (at_end = 0; at_end < 2; at_end++)
    for (int b = 0; b < ROWS; b++)
      for (int i = 0; i < INS; i++)
        for (int o = 0; o < OUTS; o++)
          check_linear(row_counts[b], in_widths[i], out_widths[o], (b + i + o) % KINDS);
  check_linear(3, 0, 5, PLAIN); /* no inputs: the bias */
}

static void check_linear_dx(int64_t rows, int64_t in, int64_t out, int kind) {
  int64_t r16 = lnspi_round16(out), i16 = lnspi_round16(in);
  int64_t ldd = r16 + 16 * (rows % 2), lddx = i16 + 16 * (rows % 3);
  int pad = (int)(rows + in) % 2;
  int64_t nd = (rows - 1) * ldd + r16, n = (rows - 1) * lddx + (pad ? i16 : in);
  float *w = weights(in, out, kind), *d = values(nd, kind);
  for (int64_t r = 0; r < rows; r++)
    for (int64_t o = out; o < r16; o++) d[r * ldd + o] = 0;
  float *y = values(n, PLAIN), *z = copy(y, n), *one = take(pad ? i16 : in);
  ref->linear_dx(w, d, ldd, y, lddx, rows, in, out, 0, in, pad);
  set->linear_dx(w, d, ldd, z, lddx, rows, in, out, 0, in, pad);
  CHECK_SAY(same(y, z, n), "linear_dx rows %d in %d out %d", (int)rows, (int)in, (int)out);
  for (int64_t k0 = 0, kn = 1; k0 < in; k0 += kn, kn = 2 * kn + 1) { /* share by share */
    if (kn > in - k0) kn = in - k0;
    for (int64_t i = 0; i < n; i++) z[i] = 7;
    set->linear_dx(w, d, ldd, z, lddx, rows, in, out, k0, kn, pad);
    int sound = 1;
    for (int64_t r = 0; r < rows; r++)
      for (int64_t i = 0; i < (pad ? i16 : in); i++) {
        const int mine = i >= k0 && (i < k0 + kn || (i >= in && k0 + kn == in));
        sound &= same1(z[r * lddx + i], mine ? y[r * lddx + i] : 7);
      }
    CHECK_SAY(sound, "linear_dx of %d inputs from %d on", (int)kn, (int)k0);
  }
  for (int64_t r = 0; r < rows; r++) {
    set->linear_dx(w, d + r * ldd, ldd, one, lddx, 1, in, out, 0, in, pad);
    CHECK_SAY(same(one, y + r * lddx, pad ? i16 : in), "linear_dx row %d of %d alone", (int)r,
              (int)rows);
  }
  CHECK(slots_close());
}

static void test_kernel_linear_dx(void) {
  for (at_end = 0; at_end < 2; at_end++)
    for (int b = 0; b < ROWS; b++)
      for (int i = 0; i < INS; i++)
        for (int o = 0; o < OUTS; o++)
          check_linear_dx(row_counts[b], in_widths[i], out_widths[o], (b + i + o) % KINDS);
}

static void test_kernel_grad_strip(void) {
  static const int64_t kns[] = {0, 1, 2, 5, 6, 7, 12, 13, 64};
  for (at_end = 0; at_end < 2; at_end++)
    for (int64_t lanes = 16; lanes <= 64; lanes += 16)
      for (int b = 0; b < ROWS; b++)
        for (int k = 0; k < 9; k++) {
          int64_t rows = row_counts[b], kn = kns[k], ldd = lanes + 16 * (b % 3);
          int64_t ldx = kn + b % 2;
          int kind = (b + k) % KINDS, add = (b + k) & 1;
          float *d = values((rows - 1) * ldd + lanes, kind);
          float *x = values((rows - 1) * ldx + kn, kind);
          float *g = values(kn * lanes, kind), *h = copy(g, kn * lanes);
          ref->grad_strip(g, lanes, d, ldd, x, ldx, rows, kn, add);
          set->grad_strip(h, lanes, d, ldd, x, ldx, rows, kn, add);
          EQUAL(g, h, kn * lanes);
          CHECK(slots_close());
        }
}

/* Roots of numbers from all over the range of floats, wherever they are taken by steps.
 * A wrong one shows in one of the quotients. */
static void adam_roots(void) {
  static const float numerators[] = {1, 1.25f, 1.5f, 1.75f};
  const lnspi_adam a = {1, 0, 1, 0, 1, 1, 0, 1, 1, 0};
  enum { N = 1024 };
  float *g = values(N, 0), *w = values(N, 0), *m = values(N, 0), *v = values(N, 0);
  float *w2 = values(N, 0), *m2 = values(N, 0), *v2 = values(N, 0);
  for (uint32_t start = 1; start < 0x7f800000u - N; start += N * 2039)
    for (int q = 0; q < 4; q++) {
      for (uint32_t i = 0; i < N; i++) {
        g[i] = w[i] = w2[i] = 0;
        m[i] = m2[i] = numerators[q];
        v[i] = v2[i] = lnspi_bits_float(start + i);
      }
      ref->adam(w, m, v, g, N, &a);
      set->adam(w2, m2, v2, g, N, &a);
      CHECK_SAY(same(w, w2, N), "a root of one of the %d floats from %08x on differs", N,
                (unsigned)start);
    }
  check_outside(N);
}

static void test_kernel_adam(void) {
  adam_roots();
  for (int variant = 0; variant < 3; variant++) EACH(KINDS) {
      lnspi_adam a = {.9f, .1f, .999f, .0316227768f, 1e-3f, 1.5f, 1e-8f, 1, 1, 0};
      if (variant == 1) a.l2 = .01f, a.scale = .7f;
      if (variant == 2) a.decay = .99f, a.eps = 0;
      float *g = values(n, kind), *w = values(n, kind);
      float *m = values(n, kind), *v = values(n, kind);
      for (int64_t i = 0; i < n; i++) v[i] = v[i] < 0 ? -v[i] : v[i];
      float *w2 = copy(w, n), *m2 = copy(m, n), *v2 = copy(v, n);
      ref->adam(w, m, v, g, n, &a);
      set->adam(w2, m2, v2, g, n, &a);
      EQUAL(w, w2, n);
      EQUAL(m, m2, n);
      EQUAL(v, v2, n);
    }
}

/* Against grad_strip and adam of the reference. */
static void test_kernel_grad_adam(void) {
  static const int64_t inputs[] = {1, 2, 7, 8, 16, 21}, rows_of_[] = {1, 2, 5, 16, 32, 37, 260};
  for (int64_t lanes = 16; lanes <= 64; lanes += 16)
    for (int which = 0; which < 6 * 7; which++)
      for (int kind = 0; kind < KINDS; kind++)
        for (int variant = 0; variant < 3; variant++) {
          const int64_t kn = inputs[which % 6], rows = rows_of_[which / 6], n = lanes * kn;
          const int64_t ldd = lanes + 16, ldx = kn + 3;
          lnspi_adam a = {.9f, .1f, .999f, .0316227768f, 1e-3f, 1.5f, 1e-8f, 1, 1, 0};
          if (variant == 1) a.l2 = .01f, a.scale = .7f;
          if (variant == 2) a.decay = .99f, a.eps = 0;
          float *d = values(rows * ldd, kind), *x = values(rows * ldx, kind), *g = values(n, 0);
          float *w = values(n, kind), *m = values(n, kind), *v = values(n, kind);
          for (int64_t i = 0; i < n; i++) v[i] = v[i] < 0 ? -v[i] : v[i];
          float *w2 = copy(w, n), *m2 = copy(m, n), *v2 = copy(v, n);
          ref->grad_strip(g, lanes, d, ldd, x, ldx, rows, kn, 0);
          ref->adam(w, m, v, g, n, &a);
          set->grad_adam(w2, m2, v2, lanes, d, ldd, x, ldx, rows, kn, &a);
          CHECK_SAY(same(w, w2, n) && same(m, m2, n) && same(v, v2, n),
                    "%lld lanes, %lld inputs, %lld rows, kind %d: differs from the reference",
                    (long long)lanes, (long long)kn, (long long)rows, kind);
          check_outside(n);
        }
}

static void test_kernel_sgd(void) {
  for (int variant = 0; variant < 6; variant++) EACH(KINDS) {
      lnspi_sgd a = {.05f, 0, 1, 1, 0, 0, 0};
      if (variant > 0) a.momentum = .9f, a.undamped = .8f;
      if (variant == 2) a.nesterov = 1;
      if (variant == 3) a.first = 1;
      if (variant == 4) a.first = a.nesterov = 1, a.l2 = .01f, a.scale = .3f;
      if (variant == 5) a.momentum = 0, a.l2 = .01f, a.scale = .3f;
      float *g = values(n, kind), *w = values(n, kind), *b = values(n, kind);
      float *w2 = copy(w, n), *b2 = copy(b, n);
      ref->sgd(w, a.momentum != 0 ? b : NULL, g, n, &a);
      set->sgd(w2, a.momentum != 0 ? b2 : NULL, g, n, &a);
      EQUAL(w, w2, n);
      EQUAL(b, b2, n);
    }
}

static void test_kernel_ema(void) {
  EACH(KINDS) {
    float *w = values(n, kind), *e = values(n, kind), *e2 = copy(e, n);
    ref->ema(e, w, n, .05f);
    set->ema(e2, w, n, .05f);
    EQUAL(e, e2, n);
  }
}

/* y = f(a, b), also with y one of them */
#define BINARY(name)                                                                \
  static void test_kernel_##name(void) {                                            \
    EACH(KINDS) {                                                                   \
      float *a = values(n, kind), *b = values(n, kind), *y = take(n), *z = take(n); \
      float *a2 = copy(a, n), *b2 = copy(b, n);                                     \
      ref->name(y, a, b, n);                                                        \
      set->name(z, a, b, n);                                                        \
      EQUAL(y, z, n);                                                               \
      set->name(a2, a2, b, n);                                                      \
      EQUAL(y, a2, n);                                                              \
      set->name(b2, a, b2, n);                                                      \
      EQUAL(y, b2, n);                                                              \
    }                                                                               \
  }
BINARY(add)
BINARY(mul)

static void test_kernel_scale(void) {
  EACH(KINDS) {
    float *x = values(n, kind), *y = take(n), *z = take(n), a = value(PLAIN);
    ref->scale(y, a, x, n);
    set->scale(z, a, x, n);
    EQUAL(y, z, n);
    set->scale(x, a, x, n);
    EQUAL(y, x, n);
  }
}

static void test_kernel_axpy(void) {
  EACH(KINDS) {
    float *x = values(n, kind), *y = values(n, kind), *z = copy(y, n), a = value(PLAIN);
    ref->axpy(y, a, x, n);
    set->axpy(z, a, x, n);
    EQUAL(y, z, n);
  }
}

#define SUM1(name, first)                                               \
  static void test_kernel_##name(void) {                                \
    EACH(KINDS) {                                                       \
      if (n < (first)) continue;                                        \
      float *x = values(n, kind);                                       \
      if (kind == HARD && n > 2) /* only negative values, only zeros */ \
        for (int64_t i = 0; i < n; i++)                                 \
          x[i] = n % 2 ? -fabsf(x[i]) : (draw() & 1) ? 0.0f : -0.0f;    \
      CHECK_SAY(same1((float)ref->name(x, n), (float)set->name(x, n)),  \
                #name " n %lld kind %d", (long long)n, kind);           \
    }                                                                   \
  }
#define SUM2(name)                                                                      \
  static void test_kernel_##name(void) {                                                \
    EACH(KINDS) {                                                                       \
      float *a = values(n, kind), *b = values(n, kind);                                 \
      CHECK_SAY(same1(ref->name(a, b, n), set->name(a, b, n)), #name " n %lld kind %d", \
                (long long)n, kind);                                                    \
    }                                                                                   \
  }
SUM1(sum, 0)
SUM1(max_abs, 0)
SUM1(maximum, 1)
SUM2(dot)
SUM2(diff2)

/* One infinity or NaN in every place. */
static void test_kernel_finite(void) {
  static const float wrong[] = {INFINITY, -INFINITY, NAN};
  EACH(2) {
    float *x = values(n, kind);
    CHECK_INT(set->finite(x, n), 1);
    for (int64_t i = 0; i < n; i++) {
      float old = x[i];
      x[i] = wrong[i % 3];
      CHECK_INT(set->finite(x, n), 0);
      CHECK(set->max_abs(x, n) == INFINITY || i % 3 == 2);
      CHECK((set->max_abs(x, n) != set->max_abs(x, n)) == (i % 3 == 2));
      CHECK((set->maximum(x, n) != set->maximum(x, n)) == (i % 3 == 2));
      x[i] = 3e38f;
      CHECK(set->maximum(x, n) == 3e38f);
      x[i] = old;
    }
  }
}

static void test_kernel_column_sum(void) {
  for (int64_t rows = 0; rows < 5; rows++) EACH(KINDS) {
      int64_t ld = n + rows;
      float *d = values(rows ? (rows - 1) * ld + n : 0, kind);
      float *g = values(n, kind), *h = copy(g, n);
      ref->column_sum(g, d, ld, rows, n);
      set->column_sum(h, d, ld, rows, n);
      EQUAL(g, h, n);
    }
}

static void test_kernel_softmax(void) {
  EACH(KINDS) {
    float *x = values(n, kind), *y = take(n), *z = take(n);
    if (kind == SPECIAL) /* masked out */
      for (int64_t i = 0; i < n; i++) x[i] = draw() % 3 ? x[i] : -INFINITY;
    ref->softmax(y, x, n);
    set->softmax(z, x, n);
    EQUAL(y, z, n);
    set->softmax(x, x, n);
    EQUAL(y, x, n);
  }
}

static void test_kernel_softmax_dx(void) {
  EACH(KINDS) {
    float *y = values(n, kind), *dy = values(n, kind), *a = take(n), *b = take(n);
    ref->softmax_dx(a, dy, y, n);
    set->softmax_dx(b, dy, y, n);
    EQUAL(a, b, n);
    set->softmax_dx(dy, dy, y, n);
    EQUAL(a, dy, n);
  }
}

static void test_kernel_layernorm(void) {
  for (int plain = 0; plain < 2; plain++) EACH(KINDS) {
      if (!n) continue;
      float *x = values(n, kind), *w = values(n, kind), *b = values(n, kind);
      float *y = take(n), *z = take(n), *s = take(2), *t = take(2);
      ref->layernorm(y, x, plain ? NULL : w, plain ? NULL : b, n, 1e-5f, s);
      set->layernorm(z, x, plain ? NULL : w, plain ? NULL : b, n, 1e-5f, t);
      EQUAL(y, z, n);
      EQUAL(s, t, 2);
    }
}

static void test_kernel_layernorm_dx(void) {
  for (int variant = 0; variant < 4; variant++) EACH(KINDS) {
      if (!n) continue;
      int with_w = variant & 1, with_g = variant >= 2;
      float *x = values(n, kind), *dy = values(n, kind), *w = values(n, kind);
      float *a = take(n), *b = take(n), *s = take(2);
      float *gw = values(n, kind), *gb = values(n, kind);
      float *gw2 = copy(gw, n), *gb2 = copy(gb, n), *gw3 = copy(gw, n), *gb3 = copy(gb, n);
      ref->layernorm(a, x, NULL, NULL, n, 1e-5f, s);
      ref->layernorm_dx(a, dy, x, with_w ? w : NULL, s, n, with_g ? gw : NULL, gb);
      set->layernorm_dx(b, dy, x, with_w ? w : NULL, s, n, with_g ? gw2 : NULL, gb2);
      EQUAL(a, b, n);
      EQUAL(gw, gw2, n);
      EQUAL(gb, gb2, n);
      if (!with_g) continue;
      set->layernorm_dx(NULL, dy, x, with_w ? w : NULL, s, n, gw3, gb3);
      EQUAL(gw, gw3, n);
      EQUAL(gb, gb3, n);
    }
}

static void test_kernel_unit(void) {
  EACH(KINDS) {
    float *x = values(n, kind), *y = take(n), *z = take(n);
    for (int64_t i = 0; i < n && index % 5 == 0; i++) x[i] = 0;
    float m = ref->unit(y, x, n, 1e-12f);
    CHECK(same1(m, set->unit(z, x, n, 1e-12f)));
    EQUAL(y, z, n);
    CHECK(same1(m, set->unit(x, x, n, 1e-12f)));
    EQUAL(y, x, n);
  }
}

static void test_kernel_unit_dx(void) {
  for (int inside = 0; inside < 2; inside++) EACH(KINDS) {
      float *y = values(n, kind), *dy = values(n, kind), *a = take(n), *b = take(n);
      float m = inside ? 1.7f : 1e-12f;
      ref->unit_dx(a, dy, y, m, n, 1e-12f);
      set->unit_dx(b, dy, y, m, n, 1e-12f);
      EQUAL(a, b, n);
      set->unit_dx(dy, dy, y, m, n, 1e-12f);
      EQUAL(a, dy, n);
    }
}

static void test_kernel_act(void) {
  for (int f = LNSPI_ACT_RELU; f <= LNSPI_ACT_SOFTPLUS; f++) {
    EACH(KINDS) {
      float *x = values(n, kind), *y = take(n), *z = take(n);
      ref->act(f, y, x, n);
      set->act(f, z, x, n);
      EQUAL(y, z, n);
      set->act(f, x, x, n);
      EQUAL(y, x, n);
    }
    /* every 9973rd float */
    for (uint64_t u = 0, kind = 0; u < 1ull << 32; u += 9973 * 1000) {
      float *x = take(1000), *y = take(1000), *z = take(1000);
      for (uint32_t i = 0; i < 1000; i++) x[i] = lnspi_bits_float((uint32_t)u + i * 9973);
      ref->act(f, y, x, 1000);
      set->act(f, z, x, 1000);
      CHECK_SAY(same(y, z, 1000), "activation %d from bits %08x", f, (unsigned)(u + kind));
      CHECK(slots_close());
    }
  }
}

static void test_kernel_act_dx(void) {
  for (int f = LNSPI_ACT_RELU; f <= LNSPI_ACT_SOFTPLUS; f++) {
    EACH(KINDS) {
      float *x = values(n, kind), *dy = values(n, kind), *a = take(n), *b = take(n);
      ref->act_dx(f, a, dy, x, n);
      set->act_dx(f, b, dy, x, n);
      EQUAL(a, b, n);
      set->act_dx(f, dy, dy, x, n);
      EQUAL(a, dy, n);
    }
    for (uint64_t u = 0; u < 1ull << 32; u += 9967 * 1000) {
      float *x = take(1000), *dy = values(1000, PLAIN), *a = take(1000), *b = take(1000);
      for (uint32_t i = 0; i < 1000; i++) x[i] = lnspi_bits_float((uint32_t)u + i * 9967);
      ref->act_dx(f, a, dy, x, 1000);
      set->act_dx(f, b, dy, x, 1000);
      CHECK_SAY(same(a, b, 1000), "slope of activation %d from bits %08x", f, (unsigned)u);
      CHECK(slots_close());
    }
  }
}

static void test_kernel_flush(void) {
  EACH(KINDS) {
    float *x = values(n, kind), *y = take(n);
    set->flush(y, x, n);
    set->flush(x, x, n);
    for (int64_t i = 0; i < n; i++) CHECK(!(fabsf(y[i]) < FLT_MIN) || !lnspi_float_bits(y[i]));
    EQUAL(y, x, n);
  }
  static const float in[6] = {-0.0f, 0x1.fffffcp-127f, -0x1p-149f, 0x1p-126f, -0x1p-126f, NAN};
  static const float out[6] = {0.0f, 0.0f, 0.0f, 0x1p-126f, -0x1p-126f, NAN};
  float y[6];
  set->flush(y, in, 6);
  CHECK(same(y, out, 6));
}

static void test_kernel_f16_to_f32(void) { check_widen(set->f16_to_f32, 5); }
static void test_kernel_bf16_to_f32(void) { check_widen(set->bf16_to_f32, 8); }
static void test_kernel_f32_to_f16(void) { check_narrow(set->f32_to_f16, 5); }
static void test_kernel_f32_to_bf16(void) { check_narrow(set->f32_to_bf16, 8); }

/* ---- --time: microseconds, the best of many ---- */

enum { LAYERS = 4, PARAMETERS = 545088, STRIP = 32, MOST_ROWS = 256 };
static const int64_t widths[LAYERS + 1] = {384, 256, 192, 256, 384};
static float *layer[LAYERS], *rows_of[LAYERS + 1], *state_of[3], *row_x, *row_d, *strip;

static void run_forward(int64_t rows) {
  for (int l = 0; l < LAYERS; l++) {
    int64_t in = widths[l], out = widths[l + 1];
    set->linear(layer[l], NULL, rows_of[l], in, rows_of[l + 1], out, rows, in, out);
    if (l + 1 < LAYERS) set->act(LNSPI_ACT_RELU, rows_of[l + 1], rows_of[l + 1], rows * out);
  }
}

static void run_backward(int64_t rows) {
  for (int l = LAYERS - 1; l > 0; l--)
    set->linear_dx(layer[l], rows_of[l + 1], widths[l + 1], rows_of[l], widths[l], rows,
                   widths[l], widths[l + 1], 0, widths[l], 0);
}

static void run_update(int64_t rows) {
  const lnspi_adam a = {.9f, .1f, .999f, .0316227768f, 1e-6f, 1, 1e-8f, 1, 1, 0};
  int64_t inputs = PARAMETERS / 64;
  for (int64_t k = 0; k < inputs; k += STRIP) {
    int64_t kn = inputs - k < STRIP ? inputs - k : STRIP;
    set->grad_strip(strip, 64, row_d, 64, row_x + k, inputs, rows, kn, 0);
    set->adam(state_of[0] + 64 * k, state_of[1] + 64 * k, state_of[2] + 64 * k, strip, 64 * kn,
              &a);
  }
}

static void run_gelu(int64_t rows) { set->act(LNSPI_ACT_GELU, strip, state_of[0], rows); }

static void time_one(const char *what, void (*run)(int64_t), int64_t rows) {
  double best = 1e30, from = clock_microseconds();
  run(rows);
  int times = 1 + (int)(200 / (clock_microseconds() - from + 1));
  do {
    double start = clock_microseconds();
    for (int i = 0; i < times; i++) run(rows);
    double t = (clock_microseconds() - start) / times;
    best = t < best ? t : best;
  } while (clock_microseconds() - from < 500e3);
  printf("%-7s %-34s %10.2f us\n", set->name, what, best);
  fflush(stdout);
}

static float *some(int64_t n, float scale) {
  float *p = malloc((size_t)n * sizeof(float) + 64);
  if (!p) exit(1);
  p += (64 - (uintptr_t)p % 64) / sizeof(float); /* where the library puts them */
  for (int64_t i = 0; i < n; i++) p[i] = value(PLAIN) * scale;
  return p;
}

static int time_all(void) {
  for (int l = 0; l < LAYERS; l++) layer[l] = some(widths[l] * widths[l + 1], 0.1f);
  for (int l = 0; l <= LAYERS; l++) rows_of[l] = some(MOST_ROWS * widths[l], 1);
  for (int i = 0; i < 3; i++) state_of[i] = some(PARAMETERS, 1);
  for (int64_t i = 0; i < PARAMETERS; i++) state_of[2][i] = fabsf(state_of[2][i]);
  row_x = some(32 * (PARAMETERS / 64), 1);
  row_d = some(32 * 64, 1);
  strip = some(STRIP * 64, 1);
  for (int32_t i = 0; (set = lnspi_dispatch_at(i)) != NULL; i++) {
    if (!lnspi_dispatch_can_run(set)) continue;
    time_one("linear 384-256-192-256-384, 1 row", run_forward, 1);
    time_one("the same, 32 rows", run_forward, 32);
    time_one("the same, 256 rows", run_forward, MOST_ROWS);
    time_one("backward to the inputs, 1 row", run_backward, 1);
    time_one("the same, 32 rows", run_backward, 32);
    time_one("Adam on 545,088 weights, 1 row", run_update, 1);
    time_one("the same, 32 rows", run_update, 32);
    time_one("GELU of 2,048 values", run_gelu, 2048);
  }
  return 0;
}

int main(int count, char **words) {
  if (count > 1) {
    if (count == 2 && !strcmp(words[1], "--time")) return time_all();
    printf("usage: test_kernels [--time]\n");
    return 2;
  }
  if (!slots_open()) {
    printf("not ok no memory with guard pages\n");
    return 1;
  }
  lnspi_fpenv saved = lnspi_fpenv_enter();
  RUN_KERNELS(LNSPI_KERNEL_FLOAT_LIST)
  lnspi_fpenv_leave(saved);
  FINISH();
}
