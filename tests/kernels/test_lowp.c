/* Weights in bfloat16, float16 and int8: their packing; the reference kernels against
 * plain sums; every kernel set that runs here against the reference, bit by bit.
 * build/tests/kernels/test_lowp --time prints how long the kernels take instead. */
#include "kernel_check.h"
#include "clock.h"

#include "base/bytes.h"
#include "base/fpenv.h"
#include "kernels/dispatch.h"
#include "kernels/kernels.h"
#include "kernels/lowp.h"
#include "kernels/packed.h"
#include "kernels/scalar.h"

#define LNSPI_X(result, name, parameters) static void test_kernel_##name(void);
LNSPI_KERNEL_LOWP_LIST(LNSPI_X)
#undef LNSPI_X

static const int32_t types[] = {LNSP_BF16, LNSP_F16, LNSP_I8};

/* A weight that each type can hold: no overflow, but subnormals and ties. */
static float weight(int kind) {
  float f = value(PLAIN);
  if (kind == PLAIN) return f;
  switch (draw() % 12) {
    case 0: return 0.0f;
    case 1: return -0.0f;
    case 2: return f * 0x1p-15f;  /* float16: subnormal */
    case 3: return f * 0x1p-24f;  /* the least */
    case 4: return f * 0x1p-127f; /* bfloat16: subnormal */
    case 5: return (float)(int32_t)(draw() % 512) * 0x1p-25f + 0x1p-26f;
    case 6: return 1.0f + (float)(int32_t)(draw() % 64) * 0x1p-9f; /* ties */
    case 7: return f * 60000;
    default: return f * 4;
  }
}

static float *weight_rows(int64_t in, int64_t out, int kind) {
  float *rows = take(in * out);
  for (int64_t i = 0; i < in * out; i++) rows[i] = weight(kind);
  return rows;
}

static void *packed(int32_t dtype, const float *rows, int64_t in, int64_t out) {
  size_t bytes = (size_t)lnspi_lowp_bytes(dtype, in, out);
  void *w = take_bytes(bytes);
  memset(w, 0, bytes);
  lnspi_lowp_pack_rows(dtype, w, in, out, 0, out, rows, in);
  return w;
}

/* What the packed matrix stands for, in float32 panels. */
static float *widened(int32_t dtype, const void *w, int64_t in, int64_t out) {
  int64_t n = lnspi_packed_floats(in, out);
  float *wide = take(n), *row = malloc((size_t)in * sizeof(float) + 1);
  memset(wide, 0, (size_t)n * sizeof(float));
  for (int64_t o = 0; o < out && row; o++) {
    lnspi_lowp_unpack_rows(dtype, w, in, out, o, 1, row, in);
    lnspi_packed_from_rows(wide, in, out, o, 1, row, in);
  }
  free(row);
  return wide;
}

/* ---- packing ---- */

static const int64_t in_widths[] = {1, 2, 3, 4, 5, 7, 16, 17, 40, 63, 66, 130};
static const int64_t out_widths[] = {1,  15, 16, 17, 31,  32,  33, 48,
                                     50, 64, 65, 96, 112, 128, 176};
enum {
  INS = sizeof in_widths / sizeof in_widths[0],
  OUTS = sizeof out_widths / sizeof out_widths[0]
};

/* By the double's own rounding to a spacing, which is exact: ties to even. */
static float near(float f, int32_t dtype) {
  int e;
  if (f == 0) return f;
  frexp(f, &e);
  int low = dtype == LNSP_F16 ? -24 : -133, ulp = e - (dtype == LNSP_F16 ? 11 : 8);
  return (float)ldexp(nearbyint(ldexp((double)f, -(ulp > low ? ulp : low))),
                      ulp > low ? ulp : low);
}

static void check_halves(int32_t dtype, int64_t in, int64_t out, int kind) {
  float *rows = weight_rows(in, out, kind), *back = take(in * out);
  uint8_t *w = packed(dtype, rows, in, out);
  int64_t n = lnspi_round32(out);
  for (int64_t o = 0; o < n; o++)
    for (int64_t k = 0; k < in; k++) {
      int64_t p = o / 64, l = o % 64, lanes = n - 64 * p < 64 ? n - 64 * p : 64;
      const uint8_t *at = w + 128 * p * in + 2 * k * lanes + l / 32 * 64;
      uint32_t word;
      uint16_t half;
      float f;
      if (dtype == LNSP_BF16) {
        memcpy(&word, at + l % 16 * 4, 4);
        f = lnspi_bits_float(l % 32 < 16 ? word << 16 : word >> 16 << 16);
      } else {
        memcpy(&half, at + l % 32 * 2, 2);
        ref->f16_to_f32(&f, &half, 1);
      }
      CHECK(same1(f, o < out ? near(rows[o * in + k], dtype) : 0.0f));
    }
  lnspi_lowp_unpack_rows(dtype, w, in, out, 0, out, back, in);
  for (int64_t i = 0; i < in * out; i++) CHECK(same1(back[i], near(rows[i], dtype)));
  void *again = packed(dtype, back, in, out);
  CHECK(!memcmp(w, again, (size_t)lnspi_lowp_bytes(dtype, in, out)));
  CHECK(slots_close());
}

static void test_pack_halves(void) {
  for (at_end = 0; at_end < 2; at_end++)
    for (int i = 0; i < INS; i++)
      for (int o = 0; o < OUTS; o++)
        for (int t = 0; t < 2; t++)
          check_halves(types[t], in_widths[i], out_widths[o], (i + o) % 2 ? HARD : PLAIN);
}

static void check_bytes(int64_t in, int64_t out, int kind) {
  float *rows = weight_rows(in, out, kind), *back = take(in * out);
  if (kind == HARD) rows[draw() % (uint32_t)(in * out)] = 3e38f;
  if (kind == HARD && out > 1) memset(rows + in, 0, (size_t)in * sizeof(float));
  uint8_t *w = packed(LNSP_I8, rows, in, out);
  int8_t *codes = take_bytes((size_t)in);
  void *again = take_bytes((size_t)lnspi_lowp_bytes(LNSP_I8, in, out));
  memset(again, 0, (size_t)lnspi_lowp_bytes(LNSP_I8, in, out));
  lnspi_lowp_unpack_rows(LNSP_I8, w, in, out, 0, out, back, in);
  int64_t r16 = lnspi_round16(out), padded = lnspi_round4(in);
  for (int64_t o = 0; o < r16; o++) {
    float scale, top = 0;
    int32_t sum, expected = 0;
    memcpy(&scale, w + 4 * o, 4);
    memcpy(&sum, w + 4 * (r16 + o), 4);
    for (int64_t k = 0; k < in && o < out; k++) top = fmaxf(top, fabsf(rows[o * in + k]));
    CHECK(same1(scale, top / 127.0f));
    if (o < out) CHECK(same1(lnspi_lowp_get_codes(w, in, out, o, codes), scale));
    for (int64_t k = 0; k < padded; k++) {
      int64_t p = o / 64, lanes = r16 - 64 * p < 64 ? r16 - 64 * p : 64;
      int8_t q = (int8_t)w[8 * r16 + 64 * p * padded + (k / 4 * lanes + o % 64) * 4 + k % 4];
      int real = o < out && k < in;
      double x = real ? (double)rows[o * in + k] : 0;
      CHECK_INT(q, top >= 0x1p-120f ? nearbyint(x * (double)(127.0f / top)) : 0);
      CHECK(!real || codes[k] == q);
      CHECK(!real || same1(back[o * in + k], (float)q * scale));
      expected += q;
    }
    CHECK_INT(sum, expected);
    if (o < out) lnspi_lowp_put_codes(again, in, out, o, codes, scale);
  }
  CHECK(!memcmp(w, again, (size_t)lnspi_lowp_bytes(LNSP_I8, in, out)));
  CHECK(slots_close());
}

static void test_pack_bytes(void) {
  for (at_end = 0; at_end < 2; at_end++)
    for (int i = 0; i < INS; i++)
      for (int o = 0; o < OUTS; o++) {
        check_bytes(in_widths[i], out_widths[o], PLAIN);
        check_bytes(in_widths[i], out_widths[o], HARD);
      }
}

/* Some rows at a time, with a stride, give the same bytes; and nothing else moves. */
static void test_pack_parts(void) {
  for (int t = 0; t < 3; t++)
    for (int o = 0; o < OUTS; o++) {
      int64_t in = 9, out = out_widths[o], stride = 12;
      size_t bytes = (size_t)lnspi_lowp_bytes(types[t], in, out);
      CHECK_INT(bytes % 64, 0);
      float *rows = weight_rows(in, out, PLAIN), *wide = take(out * stride), *back = take(in);
      for (int64_t i = 0; i < out * in; i++) wide[i / in * stride + i % in] = rows[i];
      void *w = packed(types[t], rows, in, out);
      uint8_t *part = take_bytes(bytes);
      memset(part, 0, bytes);
      for (int64_t first = (out - 1) / 7 * 7; first >= 0; first -= 7)
        lnspi_lowp_pack_rows(types[t], part, in, out, first, out - first < 7 ? out - first : 7,
                             wide + first * stride, stride);
      CHECK(!memcmp(w, part, bytes));
      for (int64_t i = 0; i < out; i++) { /* once more, over what is there */
        lnspi_lowp_unpack_rows(types[t], part, in, out, i, 1, back, in);
        if (types[t] != LNSP_I8) lnspi_lowp_pack_rows(types[t], part, in, out, i, 1, back, in);
      }
      CHECK(!memcmp(w, part, bytes));
      CHECK(slots_close());
    }
}

/* ---- the reference against plain sums ---- */

static void test_reference_halves(void) {
  static const int64_t widths[] = {1, 5, 16, 31, 33, 48, 70, 100};
  at_end = 1;
  for (int i = 0; i < 8; i++)
    for (int j = 0; j < 8; j++)
      for (int t = 0; t < 2; t++) {
        int64_t in = widths[i], out = widths[j], r16 = lnspi_round16(out);
        float *rows = weight_rows(in, out, HARD), *bias = values(r16, HARD);
        float *x = values(in, HARD), *y = take(r16), *z = take(r16), *d = values(r16, HARD);
        float *dx = take(in), *dz = take(in);
        for (int64_t o = out; o < r16; o++) bias[o] = d[o] = 0;
        void *w = packed(types[t], rows, in, out);
        (types[t] == LNSP_F16 ? ref->linear_f16 : ref->linear_bf16)(w, bias, x, in, y, r16, 1,
                                                                    in, out);
        for (int64_t o = 0; o < out; o++) {
          float s = bias[o];
          for (int64_t k = 0; k < in; k++)
            s = lnspi_scalar_fma(near(rows[o * in + k], types[t]), x[k], s);
          CHECK(same1(y[o], s));
        }
        float *wide = widened(types[t], w, in, out);
        ref->linear(wide, bias, x, in, z, r16, 1, in, out);
        CHECK(same(y, z, r16));
        if (types[t] == LNSP_BF16) {
          ref->linear_dx_bf16(w, d, r16, dx, in, 1, in, out, 0);
          ref->linear_dx(wide, d, r16, dz, in, 1, in, out, 0, in, 0);
          CHECK(same(dx, dz, in));
        }
        CHECK(slots_close());
      }
}

static void test_reference_bytes(void) {
  at_end = 1;
  for (int i = 0; i < INS; i++)
    for (int j = 0; j < OUTS; j++) {
      int64_t in = in_widths[i], out = out_widths[j], r16 = lnspi_round16(out);
      float *rows = weight_rows(in, out, PLAIN), *bias = values(r16, PLAIN);
      float *x = values(in, PLAIN), *y = take(r16), top = 0;
      void *w = packed(LNSP_I8, rows, in, out);
      void *scratch = take(lnspi_lowp_scratch_floats(LNSP_I8, 1, in));
      int8_t *codes = take_bytes((size_t)in);
      ref->linear_i8(w, bias, x, in, y, r16, 1, in, out, scratch);
      for (int64_t k = 0; k < in; k++) top = fmaxf(top, fabsf(x[k]));
      for (int64_t o = 0; o < out; o++) {
        float scale = lnspi_lowp_get_codes(w, in, out, o, codes);
        int64_t sum = 0;
        double plain = (double)bias[o], most = 0;
        for (int64_t k = 0; k < in; k++) {
          double q = top > 0 ? nearbyint((double)x[k] * (double)(127.0f / top)) : 0;
          sum += (int64_t)q * codes[k];
          plain += (double)rows[o * in + k] * (double)x[k];
          most = fmax(most, fabs((double)rows[o * in + k]));
        }
        CHECK(same1(y[o], lnspi_scalar_fma((float)sum, top / 127.0f * scale, bias[o])));
        /* each factor is off by half a code at most */
        CHECK_NEAR(y[o], plain, (double)in * most * (double)top / 127 * 1.01);
      }
      CHECK(slots_close());
    }
}

/* ---- each kernel of each set ---- */

typedef void linear16(const void *w, const float *bias, const float *x, int64_t ldx, float *y,
                      int64_t ldy, int64_t rows, int64_t in, int64_t out);

static void check_linear16(int32_t dtype, linear16 *f, linear16 *plain, int64_t rows,
                           int64_t in, int64_t out, int kind) {
  int64_t r16 = lnspi_round16(out), ldx = in + rows % 3, ldy = r16 + 16 * (rows % 2);
  int64_t n = (rows - 1) * ldy + r16;
  void *w = packed(dtype, weight_rows(in, out, kind ? HARD : PLAIN), in, out);
  float *x = values((rows - 1) * ldx + in, kind), *bias = rows % 4 ? values(r16, kind) : NULL;
  float *y = values(n, PLAIN), *z = copy(y, n), *one = take(r16);
  plain(w, bias, x, ldx, y, ldy, rows, in, out);
  f(w, bias, x, ldx, z, ldy, rows, in, out);
  CHECK_SAY(same(y, z, n), "type %d rows %d in %d out %d", dtype, (int)rows, (int)in, (int)out);
  f(w, bias, x + (rows - 1) * ldx, ldx, one, r16, 1, in, out);
  CHECK_SAY(same(one, y + (rows - 1) * ldy, r16), "type %d, the last of %d rows, in %d out %d",
            dtype, (int)rows, (int)in, (int)out);
  CHECK(slots_close());
}

/* Inputs that are zero are passed over by some sets at one row, and that shows only in
 * the sign of a zero: from the bias, from products of zeros or too small to be one. */
static void check_zeros(int32_t dtype, linear16 *f, linear16 *plain, int64_t in, int64_t out) {
  static const float tiny[] = {0.0f, -0.0f, 0x1p-149f, -0x1p-149f, 1.0f, -1.0f};
  int64_t r16 = lnspi_round16(out);
  float *rows = weight_rows(in, out, PLAIN), *x = take(in), *bias = take(r16);
  float *y = take(r16), *z = take(r16);
  for (int64_t i = 0; i < in * out; i++)
    if (draw() % 4) rows[i] = (draw() & 1 ? 1.0f : -1.0f) * (draw() & 1 ? 0x1p-14f : 0);
  void *w = packed(dtype, rows, in, out);
  for (int round = 0; round < 20; round++) {
    for (int64_t k = 0; k < in; k++) x[k] = tiny[draw() % (round % 2 ? 2 : round % 4 ? 4 : 6)];
    for (int64_t o = 0; o < r16; o++) bias[o] = round < 10 ? -0.0f : tiny[draw() % 4];
    plain(w, bias, x, in, y, r16, 1, in, out);
    f(w, bias, x, in, z, r16, 1, in, out);
    CHECK_SAY(same(y, z, r16), "type %d in %d out %d: zeros", dtype, (int)in, (int)out);
  }
  CHECK(slots_close());
}

/* Every width from 1 to 70 and some wider; few and many rows. */
static void each_linear16(int32_t dtype, linear16 *f, linear16 *plain) {
  int count = 0;
  for (at_end = 0; at_end < 2; at_end++) {
    for (int64_t out = 1; out <= 70; out++, count++)
      for (int64_t rows = 1; rows <= 9; rows++)
        check_linear16(dtype, f, plain, rows, 1 + (count * 7 + rows) % 70, out, count % KINDS);
    for (int64_t in = 1; in <= 70; in++, count++)
      for (int64_t rows = 1; rows <= 26; rows += 5)
        check_linear16(dtype, f, plain, rows, in, out_widths[count % OUTS], count % KINDS);
    for (int i = 0; i < OUTS; i++)
      check_zeros(dtype, f, plain, in_widths[i % INS], out_widths[i]);
    check_zeros(dtype, f, plain, 1200, 50);
    check_linear16(dtype, f, plain, 3, 300, 176, PLAIN);
    check_linear16(dtype, f, plain, 2, 1029, 80, HARD);
    check_linear16(dtype, f, plain, 13, 257, 192, HARD);
    check_linear16(dtype, f, plain, 70, 129, 112, PLAIN);
    check_linear16(dtype, f, plain, 2, 0, 5, PLAIN); /* no inputs: the bias */
    check_linear16(dtype, f, plain, 1, 0, 64, PLAIN);
  }
}

static void test_kernel_linear_bf16(void) {
  each_linear16(LNSP_BF16, set->linear_bf16, ref->linear_bf16);
}

static void test_kernel_linear_f16(void) {
  each_linear16(LNSP_F16, set->linear_f16, ref->linear_f16);
}

static void check_linear_dx_bf16(int64_t rows, int64_t in, int64_t out, int kind) {
  int64_t r16 = lnspi_round16(out), i16 = lnspi_round16(in);
  int64_t ldd = r16 + 16 * (rows % 2), lddx = i16 + 16 * (rows % 3);
  int pad = (int)(rows + in) % 2;
  int64_t nd = (rows - 1) * ldd + r16, n = (rows - 1) * lddx + (pad ? i16 : in);
  void *w = packed(LNSP_BF16, weight_rows(in, out, kind ? HARD : PLAIN), in, out);
  float *d = values(nd, kind), *y = values(n, PLAIN), *z = copy(y, n);
  for (int64_t r = 0; r < rows; r++)
    for (int64_t o = out; o < r16; o++) d[r * ldd + o] = 0;
  ref->linear_dx_bf16(w, d, ldd, y, lddx, rows, in, out, pad);
  set->linear_dx_bf16(w, d, ldd, z, lddx, rows, in, out, pad);
  CHECK_SAY(same(y, z, n), "rows %d in %d out %d", (int)rows, (int)in, (int)out);
  CHECK(slots_close());
}

static void test_kernel_linear_dx_bf16(void) {
  check_linear_dx_bf16(7, 18, 2100, PLAIN); /* too wide for some shortcuts */
  int count = 0;
  for (at_end = 0; at_end < 2; at_end++)
    for (int64_t width = 1; width <= 70; width++)
      for (int64_t rows = 1; rows <= 9; rows++, count++) {
        check_linear_dx_bf16(rows, width, out_widths[count % OUTS], count % KINDS);
        check_linear_dx_bf16(rows, in_widths[count % INS], width, count % KINDS);
      }
}

enum { ZERO = KINDS, TINY, TIES, ONE_HUGE, SCALES };

/* A row of each kind for quantising. */
static void fill_row(float *x, int64_t n, int kind) {
  for (int64_t k = 0; k < n; k++) {
    x[k] = value(kind < KINDS ? kind : PLAIN);
    if (kind == ZERO) x[k] = draw() & 1 ? 0.0f : -0.0f;
    if (kind == TINY) x[k] *= draw() & 1 ? 0x1p-119f : 0x1p-130f;
    if (kind == TIES) x[k] = (float)((int32_t)(draw() % 253) - 126) + (draw() & 1 ? 0.5f : 0);
  }
  if (kind == TIES) x[draw() % (uint32_t)n] = 127;
  if (kind == TINY && n > 3)
    x[draw() % (uint32_t)n] = draw() & 1 ? 0x1p-120f : 0x1.fffffep-121f;
  if (kind == ONE_HUGE) x[draw() % (uint32_t)n] = draw() & 1 ? FLT_MAX : -3e30f;
}

static void check_linear_i8(int64_t rows, int64_t in, int64_t out, int kind) {
  int64_t r16 = lnspi_round16(out), ldx = in + rows % 3, ldy = r16 + 16 * (rows % 2);
  int64_t n = (rows - 1) * ldy + r16;
  void *w = packed(LNSP_I8, weight_rows(in, out, kind % 2), in, out);
  float *x = take((rows - 1) * ldx + in), *bias = rows % 4 ? values(r16, PLAIN) : NULL;
  for (int64_t r = 0; r < rows; r++) fill_row(x + r * ldx, in, (int)(kind + r) % SCALES);
  float *y = values(n, PLAIN), *z = copy(y, n), *one = take(r16);
  void *scratch = take(lnspi_lowp_scratch_floats(LNSP_I8, rows, in));
  void *least = take(lnspi_lowp_scratch_floats(LNSP_I8, 1, in));
  ref->linear_i8(w, bias, x, ldx, y, ldy, rows, in, out, scratch);
  set->linear_i8(w, bias, x, ldx, z, ldy, rows, in, out, scratch);
  CHECK_SAY(same(y, z, n), "rows %d in %d out %d kind %d", (int)rows, (int)in, (int)out, kind);
  set->linear_i8(w, bias, x + (rows - 1) * ldx, ldx, one, r16, 1, in, out, least);
  CHECK_SAY(same(one, y + (rows - 1) * ldy, r16), "the last of %d rows, in %d out %d",
            (int)rows, (int)in, (int)out);
  CHECK(slots_close());
}

/* The largest sums: all codes at an end of their range. */
static void check_extremes(int64_t in, float x_sign, float w_sign) {
  float *rows = take(in * 2), *x = take(in), y[16], z[16];
  for (int64_t k = 0; k < in; k++) {
    x[k] = x_sign != 0 ? x_sign : k % 2 ? 1.0f : -1.0f;
    rows[k] = rows[in + k] = w_sign != 0 ? w_sign : k % 2 ? 1.0f : -1.0f;
  }
  void *w = packed(LNSP_I8, rows, in, 2);
  void *scratch = take(lnspi_lowp_scratch_floats(LNSP_I8, 1, in));
  ref->linear_i8(w, NULL, x, in, y, 16, 1, in, 2, scratch);
  set->linear_i8(w, NULL, x, in, z, 16, 1, in, 2, scratch);
  CHECK(same(y, z, 16));
  double sign = x_sign == w_sign ? 1 : x_sign == 0 || w_sign == 0 ? 0 : -1;
  CHECK_NEAR(z[1], sign * (double)in, (double)in * 1e-6);
  CHECK(slots_close());
}

static void test_kernel_linear_i8(void) {
  int count = 0;
  for (at_end = 0; at_end < 2; at_end++) {
    for (int64_t width = 1; width <= 70; width++)
      for (int64_t rows = 1; rows <= 9; rows++, count++) {
        check_linear_i8(rows, 1 + (count * 11) % 140, width, count % SCALES);
        if (rows % 2) check_linear_i8(rows, width, out_widths[count % OUTS], count % SCALES);
      }
    check_linear_i8(13, 300, 176, PLAIN);
    check_linear_i8(70, 257, 112, PLAIN);
    check_linear_i8(200, 64, 64, PLAIN);
    check_linear_i8(48, 192, 48, PLAIN);
    for (int x = -1; x <= 1; x++)
      for (int v = -1; v <= 1; v++) check_extremes(30000, (float)x, (float)v);
  }
}

/* 65,536 inputs, the most: the sum needs 31 bits, the sets' own sums all 32. */
static void test_widest(void) {
  int64_t in = LNSPI_I8_INPUTS;
  size_t bytes = (size_t)lnspi_lowp_bytes(LNSP_I8, in, 1);
  float *x = malloc((size_t)in * sizeof(float)), y[16];
  void *w = calloc(1, bytes);
  void *scratch = malloc((size_t)lnspi_lowp_scratch_floats(LNSP_I8, 1, in) * sizeof(float));
  CHECK(x && w && scratch);
  for (int sign = 0; sign < 4 && x && w && scratch; sign++) {
    for (int64_t k = 0; k < in; k++) x[k] = sign & 1 ? -1.0f : 1.0f;
    lnspi_lowp_pack_rows(LNSP_I8, w, in, 1, 0, 1, x, in);
    for (int64_t k = 0; k < in; k++) x[k] = sign & 2 ? -1.0f : 1.0f;
    for (int32_t i = 0; (set = lnspi_dispatch_at(i)) != NULL; i++) {
      if (!lnspi_dispatch_can_run(set)) continue;
      set->linear_i8(w, NULL, x, in, y, 16, 1, in, 1, scratch);
      float expected = sign == 0 || sign == 3 ? 65536.0f : -65536.0f;
      CHECK_NEAR(y[0], expected, 0.05);
    }
  }
  free(x);
  free(w);
  free(scratch);
}

/* ---- --time: microseconds, the best of many ---- */

enum { MOST_ROWS = 256, MOST_LAYERS = 4 };
typedef struct work {
  const char *name;
  int layers;
  int64_t widths[MOST_LAYERS + 1];
} work;
static const work works[] = {{"384-256-192-256-384", 4, {384, 256, 192, 256, 384}},
                             {"768-1536-768", 2, {768, 1536, 768}}};

static void *aligned(size_t bytes) {
  uint8_t *p = calloc(1, bytes + 64);
  if (!p) exit(1);
  return p + (64 - (uintptr_t)p % 64);
}

static void run_work(const work *job, int32_t dtype, void *const *w, float *const *x,
                     void *scratch, int64_t rows) {
  for (int l = 0; l < job->layers; l++) {
    int64_t in = job->widths[l], out = job->widths[l + 1];
    float *y = x[l + 1];
    switch (dtype) {
      case LNSP_F32: set->linear(w[l], NULL, x[l], in, y, out, rows, in, out); break;
      case LNSP_BF16: set->linear_bf16(w[l], NULL, x[l], in, y, out, rows, in, out); break;
      case LNSP_F16: set->linear_f16(w[l], NULL, x[l], in, y, out, rows, in, out); break;
      default: set->linear_i8(w[l], NULL, x[l], in, y, out, rows, in, out, scratch); break;
    }
    if (l + 1 < job->layers) set->act(LNSPI_ACT_RELU, y, y, rows * out);
  }
}

static void run_dx(const work *job, int32_t dtype, void *const *w, float *const *x,
                   int64_t rows) {
  for (int l = job->layers - 1; l > 0; l--) {
    int64_t in = job->widths[l], out = job->widths[l + 1];
    if (dtype == LNSP_F32)
      set->linear_dx(w[l], x[l + 1], out, x[l], in, rows, in, out, 0, in, 0);
    else
      set->linear_dx_bf16(w[l], x[l + 1], out, x[l], in, rows, in, out, 0);
  }
}

static void time_work(const work *job, int32_t dtype, int dx) {
  static const int64_t batches[] = {1, 2, 4, 8, 32, 256};
  static const char *const names[] = {"f32", "f16", "bf16", "", "i8"};
  void *w[MOST_LAYERS];
  float *x[MOST_LAYERS + 1];
  for (int l = 0; l <= job->layers; l++) {
    x[l] = aligned((size_t)(MOST_ROWS * job->widths[l]) * sizeof(float));
    for (int64_t i = 0; i < MOST_ROWS * job->widths[l]; i++) x[l][i] = value(PLAIN);
  }
  for (int l = 0; l < job->layers; l++) {
    int64_t in = job->widths[l], out = job->widths[l + 1];
    float *row = aligned((size_t)in * sizeof(float));
    w[l] = aligned(dtype == LNSP_F32 ? (size_t)lnspi_packed_floats(in, out) * sizeof(float)
                                     : (size_t)lnspi_lowp_bytes(dtype, in, out));
    for (int64_t o = 0; o < out; o++) {
      for (int64_t k = 0; k < in; k++) row[k] = value(PLAIN) * 0.05f;
      if (dtype == LNSP_F32)
        lnspi_packed_from_rows(w[l], in, out, o, 1, row, in);
      else
        lnspi_lowp_pack_rows(dtype, w[l], in, out, o, 1, row, in);
    }
  }
  void *scratch = aligned((size_t)lnspi_lowp_scratch_floats(LNSP_I8, MOST_ROWS, 1536) * 4);
  printf("%-10s %-20s %-4s %s:", set->name, job->name, names[dtype - 1], dx ? "dx" : "fwd");
  for (int b = 0; b < 6; b++) {
    double best = 1e30, from = clock_microseconds();
    do {
      int times = batches[b] < 8 ? 20 : 1;
      double start = clock_microseconds();
      for (int i = 0; i < times; i++) {
        if (dx)
          run_dx(job, dtype, w, x, batches[b]);
        else
          run_work(job, dtype, w, x, scratch, batches[b]);
      }
      double t = (clock_microseconds() - start) / times;
      best = t < best ? t : best;
    } while (clock_microseconds() - from < 200e3);
    printf("  %lld: %.2f", (long long)batches[b], best);
    fflush(stdout);
  }
  printf(" us\n");
}

static int time_all(const char *isa) {
  for (int32_t i = 0; (set = lnspi_dispatch_at(i)) != NULL; i++) {
    if (!lnspi_dispatch_can_run(set)) continue;
    if (isa ? strcmp(isa, set->name) : set == ref) continue;
    for (size_t j = 0; j < sizeof works / sizeof works[0]; j++) {
      time_work(&works[j], LNSP_F32, 0);
      for (int t = 0; t < 3; t++) time_work(&works[j], types[t], 0);
      time_work(&works[j], LNSP_F32, 1);
      time_work(&works[j], LNSP_BF16, 1);
    }
  }
  return 0;
}

int main(int count, char **words) {
  if (count > 1) {
    if (!strcmp(words[1], "--time")) return time_all(count > 2 ? words[2] : NULL);
    printf("usage: test_kernels_compact [--time [SET]]\n");
    return 2;
  }
  if (!slots_open()) {
    printf("not ok no memory with guard pages\n");
    return 1;
  }
  lnspi_fpenv saved = lnspi_fpenv_enter();
  RUN(test_pack_halves);
  RUN(test_pack_bytes);
  RUN(test_pack_parts);
  RUN(test_reference_halves);
  RUN(test_reference_bytes);
  RUN_KERNELS(LNSPI_KERNEL_LOWP_LIST)
  RUN(test_widest);
  lnspi_fpenv_leave(saved);
  FINISH();
}
