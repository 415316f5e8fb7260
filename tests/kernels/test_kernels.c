/* Every kernel set that runs here against the reference, bit by bit; the reference
 * against the formulas of kernels.h; half precision, packing, the choice of a set.
 * build/tests/kernels/test_kernels --time prints how long the kernels take instead. */
#include "kernel_check.h"
#include "clock.h"

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

/* ---- 16-bit floats, against definitions by whole numbers and ldexp ---- */

static float half_value(unsigned h, int exponent_bits) {
  int fraction_bits = 15 - exponent_bits, bias = (1 << (exponent_bits - 1)) - 1;
  int e = (int)(h & 0x7fff) >> fraction_bits;
  int m = (int)(h & ((1u << fraction_bits) - 1));
  double v;
  if (e == (1 << exponent_bits) - 1)
    v = m ? (double)NAN : (double)INFINITY;
  else
    v = e ? ldexp(m + (1 << fraction_bits), e - bias - fraction_bits)
          : ldexp(m, 1 - bias - fraction_bits);
  return (float)(h & 0x8000 ? -v : v);
}

/* The nearest 16-bit value by search; ties to even; beyond the largest and half a
 * step: infinity. The order of the patterns is the order of the values. */
static unsigned half_nearest(float f, int exponent_bits) {
  unsigned low = 0, top = ((1u << exponent_bits) - 1) << (15 - exponent_bits);
  unsigned sign = lnspi_float_bits(f) >> 31 << 15;
  double a = fabs((double)f);
  if (f != f) return 0xffff;
  if (a == (double)INFINITY) return sign | top;
  unsigned high = top; /* value(low) <= a; the largest pattern stands for its limit */
  while (high - low > 1) {
    unsigned middle = (low + high) / 2;
    if ((double)half_value(middle, exponent_bits) <= a)
      low = middle;
    else
      high = middle;
  }
  double below = (double)half_value(low, exponent_bits);
  double step = high == top ? below - (double)half_value(low - 1, exponent_bits)
                            : (double)half_value(high, exponent_bits) - below;
  if (a - below > step / 2 || (a - below == step / 2 && (low & 1))) low = high;
  return sign | low;
}

typedef void widen(float *, const uint16_t *, int64_t);
typedef void narrow(uint16_t *, const float *, int64_t);

static void check_widen(widen *f, int exponent_bits) {
  static uint16_t x[65536];
  static float y[65536];
  for (unsigned i = 0; i < 65536; i++) x[i] = (uint16_t)i;
  f(y, x, 65536);
  int wrong = 0;
  for (unsigned i = 0; i < 65536; i++) wrong += !same1(y[i], half_value(i, exponent_bits));
  CHECK_INT(wrong, 0);
  for (at_end = 0; at_end < 2; at_end++)
    for (int64_t n = 0; n < 70; n++) {
      uint16_t *p = take_bytes((size_t)n * 2);
      if (n) memcpy(p, x + 15360 + n, (size_t)n * 2);
      float *q = take(n);
      f(q, p, n);
      CHECK(same(q, y + 15360 + n, n));
      CHECK(slots_close());
    }
}

static void check_narrow1(narrow *f, const float *x, int64_t n, int exponent_bits) {
  uint16_t y[64];
  f(y, x, n);
  for (int64_t i = 0; i < n; i++) {
    unsigned expected = half_nearest(x[i], exponent_bits);
    float v = half_value(y[i], exponent_bits);
    int right = expected == 0xffff ? v != v : y[i] == expected;
    CHECK_SAY(right, "%a becomes %04x, expected %04x", (double)x[i], y[i], expected);
  }
}

static void check_narrow(narrow *f, int exponent_bits) {
  float x[64];
  int64_t n = 0;
  for (uint64_t u = 0; u < 1ull << 32; u += 20011) { /* a sweep */
    x[n++] = lnspi_bits_float((uint32_t)u);
    if (n == 64) check_narrow1(f, x, n, exponent_bits), n = 0;
  }
  for (unsigned h = 0; h < 65535; h++) { /* each value, and the tie above it */
    float a = half_value(h, exponent_bits), b = half_value(h + 1, exponent_bits);
    if (a != a || b != b || (h & 0x7fff) == 0x7fff) continue;
    float tie = (float)(0.5 * ((double)a + (double)b));
    x[0] = a, x[1] = tie, x[2] = nextafterf(tie, a), x[3] = nextafterf(tie, b);
    check_narrow1(f, x, 4, exponent_bits);
  }
  static const float edge[] = {65504,      65519.99609375f, 65520,    FLT_MAX,
                               INFINITY,   -INFINITY,       NAN,      0x1p-149f,
                               -0x1p-149f, -0.0f,           0x1p-25f, 0x1.000002p-25f};
  check_narrow1(f, edge, 12, exponent_bits);
  for (at_end = 0; at_end < 2; at_end++)
    for (n = 0; n < 64; n++) {
      float *p = values(n, HARD);
      uint16_t *q = take_bytes((size_t)n * 2), r[64];
      f(q, p, n);
      for (int64_t i = 0; i < n; i++) {
        f(r, p + i, 1);
        CHECK_INT(q[i], r[0]);
      }
      CHECK(slots_close());
    }
}

static void test_kernel_f16_to_f32(void) { check_widen(set->f16_to_f32, 5); }
static void test_kernel_bf16_to_f32(void) { check_widen(set->bf16_to_f32, 8); }
static void test_kernel_f32_to_f16(void) { check_narrow(set->f32_to_f16, 5); }
static void test_kernel_f32_to_bf16(void) { check_narrow(set->f32_to_bf16, 8); }

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
  RUN(test_reference_matrices);
  RUN(test_reference_sums);
  RUN(test_reference_optimizers);
  RUN(test_reference_norms);
  RUN(test_pack);
  RUN(test_pick);
  RUN_KERNELS(LNSPI_KERNEL_FLOAT_LIST)
  lnspi_fpenv_leave(saved);
  FINISH();
}
