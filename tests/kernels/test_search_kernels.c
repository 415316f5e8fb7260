/* Products of queries with row-major vectors, and the selection above a level: the
 * reference kernels against plain sums; every kernel set that runs here against the
 * reference, bit by bit. */
#include "kernel_check.h"

#include "base/fpenv.h"
#include "kernels/dispatch.h"
#include "kernels/kernels.h"

#define LNSPI_X(result, name, parameters) static void test_kernel_##name(void);
LNSPI_KERNEL_NEAR_LIST(LNSPI_X)
#undef LNSPI_X

static const int64_t widths[] = {1, 2, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 100, 130, 384};
static const int64_t heights[] = {0, 1, 2, 3, 4, 5, 15, 16, 17, 18, 31, 40};
static const int64_t queries[] = {0, 1, 2, 3, 4, 5, 7, 9};
#define COUNT(list) (int)(sizeof list / sizeof list[0])

static int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

/* Queries with a stride of their own, zeros after each. */
static float *query_rows(int64_t n, int64_t width, int64_t ld, int kind) {
  float *x = take(n ? (n - 1) * ld + round_up(width, 16) : 0);
  for (int64_t q = 0; q < n; q++)
    for (int64_t i = 0; i < (q + 1 < n ? ld : round_up(width, 16)); i++)
      x[q * ld + i] = i < width ? value(kind) : i < round_up(width, 16) ? 0 : NAN;
  return x;
}

static uint16_t half(int kind) {
  uint32_t bits = draw() & 0xffff;
  uint16_t h;
  float f = value(PLAIN);
  ref->f32_to_f16(&h, &f, 1);
  if (kind == SPECIAL && draw() % 64 == 0) return draw() % 2 ? 0x7c00 : 0xfe01;
  if (kind == PLAIN || (bits & 0x7c00) == 0x7c00) return h;
  return (uint16_t)bits; /* zeros, subnormals, large ones */
}

/* ---- the reference ---- */

static void test_reference_sums(void) {
  at_end = 1;
  for (int w = 0; w < COUNT(widths); w++) {
    const int64_t width = widths[w], ld = round_up(width, 16);
    float *v = values(5 * width, PLAIN), *x = query_rows(3, width, ld, PLAIN), y[3 * 8];
    float *wide = take(width);
    uint16_t *h = take_bytes((size_t)(5 * width) * 2);
    for (int64_t i = 0; i < 5 * width; i++) h[i] = half(PLAIN);
    for (int type = 0; type < 2; type++) {
      if (type == 0) ref->near_f32(v, 5, width, x, ld, 3, y, 8);
      if (type == 1) ref->near_f16(h, 5, width, x, ld, 3, y, 8);
      for (int64_t q = 0; q < 3; q++)
        for (int64_t r = 0; r < 5; r++) {
          double sum = 0;
          if (type == 0) memcpy(wide, v + r * width, (size_t)width * sizeof *wide);
          if (type == 1) ref->f16_to_f32(wide, h + r * width, width);
          for (int64_t i = 0; i < width; i++) sum += (double)wide[i] * (double)x[q * ld + i];
          CHECK_NEAR(y[q * 8 + r], sum, 1e-5);
          CHECK(same1(y[q * 8 + r], ref->dot(wide, x + q * ld, width)));
        }
    }
    CHECK(slots_close());
  }
}

static int8_t *codes(int64_t n, int least) {
  int8_t *c = take_bytes((size_t)n);
  for (int64_t i = 0; i < n; i++) {
    const uint32_t u = draw() % 8;
    const int top = draw() % 2 ? 127 : least;
    c[i] = (int8_t)(u == 0 ? top : (int)(draw() % 255) - 127);
  }
  return c;
}

typedef struct byte_case {
  int8_t *v, *x;
  float *scale, *s;
  int32_t *sum;
  int64_t ld;
} byte_case;

static byte_case make_bytes(int64_t rows, int64_t width, int64_t n) {
  byte_case c;
  c.ld = round_up(width, 64);
  c.v = codes(rows * width, -128);
  c.x = codes(n * c.ld, -127);
  c.scale = values(rows, PLAIN);
  c.s = values(n, PLAIN);
  c.sum = take_bytes((size_t)n * sizeof *c.sum);
  for (int64_t q = 0; q < n; q++) {
    c.sum[q] = 0;
    for (int64_t i = 0; i < c.ld; i++) {
      if (i >= width) c.x[q * c.ld + i] = 0;
      c.sum[q] += c.x[q * c.ld + i];
    }
  }
  return c;
}

static void test_reference_bytes(void) {
  for (int w = 0; w < COUNT(widths); w++) {
    const int64_t width = widths[w];
    byte_case c = make_bytes(5, width, 3);
    float y[3 * 8];
    ref->near_i8(c.v, c.scale, 5, width, c.x, c.ld, c.s, c.sum, 3, y, 8);
    for (int64_t q = 0; q < 3; q++)
      for (int64_t r = 0; r < 5; r++) {
        double sum = 0;
        for (int64_t i = 0; i < width; i++) sum += c.v[r * width + i] * c.x[q * c.ld + i];
        CHECK(same1(y[q * 8 + r], (float)sum * (c.s[q] * c.scale[r])));
      }
    CHECK(slots_close());
  }
}

/* The largest sums that fit: 65,536 codes of -128 and 127. */
static void test_wide_bytes(void) {
  const int64_t width = 65536;
  for (int32_t i = 0; (set = lnspi_dispatch_at(i)) != NULL; i++) {
    if (!lnspi_dispatch_can_run(set)) continue;
    int8_t *v = take_bytes((size_t)width), *x = take_bytes((size_t)width);
    for (int sign = -1; sign < 2; sign += 2) {
      const float scale = 1, s = 1;
      const int32_t sum = (int32_t)(sign * 127 * width);
      float y = 0;
      memset(v, -128, (size_t)width);
      memset(x, sign * 127, (size_t)width);
      set->near_i8(v, &scale, 1, width, x, width, &s, &sum, 1, &y, 1);
      CHECK_SAY(y == (float)(-128 * 127 * sign * width), "%s gives %g", set->name, (double)y);
    }
    CHECK(slots_close());
  }
}

/* ---- the sets ---- */

/* What lies between the queries' results stays as it was: 7. */
static float *results(int64_t n) {
  float *y = take(n);
  for (int64_t i = 0; i < n; i++) y[i] = 7;
  return y;
}

typedef struct near_case {
  int64_t width, rows, count, ld, ldy, all;
  int kind;
  float *a, *b; /* of the reference, of the set */
} near_case;

static void each_case(void (*run)(near_case *c)) {
  for (at_end = 0; at_end < 2; at_end++)
    for (int w = 0; w < COUNT(widths); w++)
      for (int r = 0; r < COUNT(heights); r++)
        for (int n = 0; n < COUNT(queries); n++) {
          near_case c = {widths[w],
                         heights[r],
                         queries[n],
                         round_up(widths[w], 16) + 16 * (n % 2),
                         heights[r] + 3,
                         0,
                         (w + r + n) % KINDS,
                         NULL,
                         NULL};
          c.all = c.count ? (c.count - 1) * c.ldy + c.rows : 0;
          c.a = results(c.all);
          c.b = results(c.all);
          run(&c);
          CHECK_SAY(same(c.a, c.b, c.all), "%s: width %lld, %lld rows, %lld queries", set->name,
                    (long long)c.width, (long long)c.rows, (long long)c.count);
          CHECK(slots_close());
        }
}

static void run_f32(near_case *c) {
  float *v = values(c->rows * c->width, c->kind);
  float *x = query_rows(c->count, c->width, c->ld, c->kind);
  ref->near_f32(v, c->rows, c->width, x, c->ld, c->count, c->a, c->ldy);
  set->near_f32(v, c->rows, c->width, x, c->ld, c->count, c->b, c->ldy);
}

static void run_f16(near_case *c) {
  uint16_t *v = take_bytes((size_t)(c->rows * c->width) * 2);
  for (int64_t i = 0; i < c->rows * c->width; i++) v[i] = half(c->kind);
  float *x = query_rows(c->count, c->width, c->ld, c->kind);
  ref->near_f16(v, c->rows, c->width, x, c->ld, c->count, c->a, c->ldy);
  set->near_f16(v, c->rows, c->width, x, c->ld, c->count, c->b, c->ldy);
}

static void run_i8(near_case *c) {
  byte_case b = make_bytes(c->rows, c->width, c->count);
  ref->near_i8(b.v, b.scale, c->rows, c->width, b.x, b.ld, b.s, b.sum, c->count, c->a, c->ldy);
  set->near_i8(b.v, b.scale, c->rows, c->width, b.x, b.ld, b.s, b.sum, c->count, c->b, c->ldy);
}

static void test_kernel_near_f32(void) { each_case(run_f32); }
static void test_kernel_near_f16(void) { each_case(run_f16); }
static void test_kernel_near_i8(void) { each_case(run_i8); }

static void test_kernel_above(void) {
  for (at_end = 0; at_end < 2; at_end++)
    for (int64_t n = 0; n < 70; n++)
      for (int level = 0; level < 6; level++) {
        const float levels[] = {-INFINITY, -1, -0.0f, .5f, FLT_MAX, 0x1p-149f};
        float *x = values(n, SPECIAL);
        int32_t *a = take_bytes((size_t)n * sizeof *a), *b = take_bytes((size_t)n * sizeof *b);
        if (n > 2) x[draw() % (uint32_t)n] = levels[level];
        const int64_t expected = ref->above(x, n, levels[level], a);
        int64_t found = 0;
        for (int64_t i = 0; i < n; i++)
          if (x[i] > levels[level]) CHECK(found < expected && a[found++] == i);
        CHECK_INT(found, expected);
        CHECK_INT(set->above(x, n, levels[level], b), expected);
        CHECK(!expected || !memcmp(a, b, (size_t)expected * sizeof *a));
        CHECK(slots_close());
      }
}

int main(void) {
  if (!slots_open()) {
    printf("not ok no memory with guard pages\n");
    return 1;
  }
  lnspi_fpenv saved = lnspi_fpenv_enter();
  RUN(test_reference_sums);
  RUN(test_reference_bytes);
  RUN(test_wide_bytes);
  RUN_KERNELS(LNSPI_KERNEL_NEAR_LIST)
  lnspi_fpenv_leave(saved);
  FINISH();
}
