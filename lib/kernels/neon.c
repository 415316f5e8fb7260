/* The kernel set for AArch64 (Advanced SIMD is always there). ARMv7 NEON flushes
 * subnormals and has no set of its own.
 *
 * Four vectors hold the 16 lanes in which kernels.h orders every sum. LV_MAX and LV_MIN are a
 * comparison and a selection, because the instructions fmax and fmin treat NaN and signed zero
 * otherwise than those of x86 do. What each LV_ macro means is in the README.md of this
 * folder. */
/* Hot: built for speed. */
#include "base/cpu.h"
#include "kernels/kernels.h"
#include "kernels/lowp.h"
#include "kernels/noise.h"

#include <string.h>
#include "kernels/common.h"

#if LNSPI_ARM_SETS
#include <arm_neon.h>

#define LV_F(name) neon_##name
#define LV_T(name) neon_##name
#define LV_W 4
#define LV_V float32x4_t
#define LV_I int32x4_t
#define LV_M uint32x4_t
#define LV_LOAD(p) vld1q_f32(p)
#define LV_LOADN(p, n) neon_load((p), (n))
#define LV_STORE(p, v) vst1q_f32((p), (v))
#define LV_STOREN(p, n, v) neon_store((p), (n), (v))
#define LV_LOAD16(p) vreinterpretq_s32_u32(vmovl_u16(vld1_u16(p)))
#define LV_STORE16(p, i) vst1_u16((p), vmovn_u32(vreinterpretq_u32_s32(i)))
#define LV_LOAD32(p) vreinterpretq_s32_u32(vld1q_u32(p))
#define LV_STORE32(p, i) vst1q_u32((p), vreinterpretq_u32_s32(i))
#define LV_LOADI8(p) neon_load_i8(p)
#define LV_LOADU8(p) neon_load_u8(p)
#define LV_STORE8(p, i) neon_store8((p), (i))
#define LV_SET(f) vdupq_n_f32(f)
#define LV_FMA(a, b, c) vfmaq_f32((c), (a), (b))
#define LV_MUL(a, b) vmulq_f32((a), (b))
#define LV_ADD(a, b) vaddq_f32((a), (b))
#define LV_SUB(a, b) vsubq_f32((a), (b))
#define LV_DIV(a, b) vdivq_f32((a), (b))
#define LV_SQRT(a) vsqrtq_f32(a)
#define LV_MAX(a, b) vbslq_f32(vcgtq_f32((a), (b)), (a), (b))
#define LV_MIN(a, b) vbslq_f32(vcltq_f32((a), (b)), (a), (b))
#define LV_ABS(a) vabsq_f32(a)
#define LV_NEG(a) vnegq_f32(a)
#define LV_SIGN(a, s) vbslq_f32(vdupq_n_u32(0x80000000u), (s), (a))
#define LV_LT(a, b) vcltq_f32((a), (b))
#define LV_GT(a, b) vcgtq_f32((a), (b))
#define LV_NAN(a) vmvnq_u32(vceqq_f32((a), (a)))
#define LV_HMAX(a) vmaxvq_f32(a)
#define LV_MAXABS(a, b) vmaxq_f32((a), vabsq_f32(b))
#define LV_SELECT(m, a, b) vbslq_f32((m), (a), (b))
#define LV_CLEAR(m, v) vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(v), (m)))
#define LV_BITS(v) vreinterpretq_s32_f32(v)
#define LV_FLOAT(i) vreinterpretq_f32_s32(i)
#define LV_TOFLOAT(i) vcvtq_f32_s32(i)
#define LV_ISET(i) vdupq_n_s32(i)
#define LV_IADD(a, b) vaddq_s32((a), (b))
#define LV_ISUB(a, b) vsubq_s32((a), (b))
#define LV_IMUL(a, b) vmulq_s32((a), (b))
#define LV_IAND(a, b) vandq_s32((a), (b))
#define LV_IOR(a, b) vorrq_s32((a), (b))
#define LV_IXOR(a, b) veorq_s32((a), (b))
#define LV_IMAX(a, b) vmaxq_s32((a), (b))
#define LV_ISHL(a, n) vshlq_n_s32((a), (n))
#define LV_ISHR(a, n) vreinterpretq_s32_u32(vshrq_n_u32(vreinterpretq_u32_s32(a), (n)))
#define LV_ISAR(a, n) vshrq_n_s32((a), (n))
#define LV_IGT(a, b) vcgtq_s32((a), (b))
#define LV_ISELECT(m, a, b) vbslq_s32((m), (a), (b))

#define LV_LOADI(p) vld1q_s32((const int32_t *)(const void *)(p))
#define LV_HALF(p) vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)))
#define LV_IHMAX(i) vmaxvq_s32(i)
#define LV_DOT(c, x, w) neon_dot4((c), (x), (w))
#define LV_CODE_OFFSET 0

#define LV_REGISTERS 32
#if defined(__GNUC__)
#define LV_IN_REGISTER(v) __asm__("" : "+w"(v))
#else
#define LV_IN_REGISTER(v) ((void)0)
#endif

#define LV_LINEAR_TWO_PANELS 0
#define LV_LINEAR_VECTORS_ROWS_2_3 8
#define LV_LINEAR_VECTORS_ROWS_3_6 4
#define LV_LINEAR_VECTORS_ROWS_7_8 0
#define LV_LINEAR_INPUTS INT64_MAX
#define LV_DX_ROWS 4
#define LV_DX_INPUTS_ROW_1 16
#define LV_GRAD_VECTORS 4
#define LV_GRAD_INPUTS 6

static inline float32x4_t neon_load(const float *p, int64_t n) {
  float part[4] = {0};
  for (int64_t i = 0; i < n; i++) part[i] = p[i];
  return vld1q_f32(part);
}

static inline void neon_store(float *p, int64_t n, float32x4_t v) {
  float part[4];
  vst1q_f32(part, v);
  for (int64_t i = 0; i < n; i++) p[i] = part[i];
}

/* Four bytes as integers. */
static inline int32x4_t neon_load_i8(const int8_t *p) {
  int8_t part[8] = {0};
  memcpy(part, p, 4);
  return vmovl_s16(vget_low_s16(vmovl_s8(vld1_s8(part))));
}

static inline int32x4_t neon_load_u8(const uint8_t *p) {
  uint8_t part[8] = {0};
  memcpy(part, p, 4);
  return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vld1_u8(part)))));
}

/* The lowest byte of each integer. */
static inline void neon_store8(void *p, int32x4_t v) {
  uint16x4_t half = vmovn_u32(vreinterpretq_u32_s32(v));
  uint32_t bytes = vget_lane_u32(vreinterpret_u32_u8(vmovn_u16(vcombine_u16(half, half))), 0);
  memcpy(p, &bytes, 4);
}

/* The pairs (0, 1) of a and b plus their pairs (2, 3). */
static inline float32x4_t neon_pairs(float32x4_t a, float32x4_t b) {
  float64x2_t x = vreinterpretq_f64_f32(a), y = vreinterpretq_f64_f32(b);
  return vaddq_f32(vreinterpretq_f32_f64(vtrn1q_f64(x, y)),
                   vreinterpretq_f32_f64(vtrn2q_f64(x, y)));
}

static inline void neon_trees(const float *p, float *t) {
  for (int i = 0; i < 16; i += 4) {
    float32x4_t q[4];
    for (int j = 0; j < 4; j++, p += 16)
      q[j] = vaddq_f32(vaddq_f32(vld1q_f32(p), vld1q_f32(p + 8)),
                       vaddq_f32(vld1q_f32(p + 4), vld1q_f32(p + 12)));
    vst1q_f32(t + i, vpaddq_f32(neon_pairs(q[0], q[1]), neon_pairs(q[2], q[3])));
  }
}

#define LV_KEEP_NONZERO(px, pk, x, i, n, all) \
  lnspi_lowp_keep_nonzero((px), (pk), (x), (i), (n), LV_W, (all))
#define LV_HALF_PANELS_ROW_1 1
#include "kernels/vector.h"
#include "kernels/lowp_half.h"

static inline uint32_t neon_mask(uint32x4_t m) {
  static const uint32_t bits[4] = {1, 2, 4, 8};
  return vaddvq_u32(vandq_u32(m, vld1q_u32(bits)));
}

#define LV_MASK(m) neon_mask(m)
#define LV_NEAR_QUERIES 4
#include "kernels/search_float.h"

/* Two products fill 16 bits, and no more. */
static LNSPI_ALWAYS int32x4_t neon_dot4(int32x4_t c, int32x4_t x, int32x4_t w) {
  int8x16_t a = vreinterpretq_s8_s32(x), b = vreinterpretq_s8_s32(w);
  int16x8_t low = vmull_s8(vget_low_s8(a), vget_low_s8(b));
  return vpadalq_s16(c, vpaddq_s16(low, vmull_high_s8(a, b)));
}

#define LV_I8_VECTORS 4
#define LV_I8_ROWS 4
#define LV_I8_PANELS_ROW_1 1
#include "kernels/lowp_i8.h"

static inline void neon_near_sums(const int32_t *p, int32_t *t) {
  for (int i = 0; i < 16; i++) t[i] = vaddvq_s32(vld1q_s32(p + 4 * i));
}

#define LV_NEAR_I8_QUERIES 1
#include "kernels/search_i8.h"

#define neon_noise lnspi_noise

const lnspi_kernels lnspi_kernels_neon = {"neon", LNSPI_CPU_NEON,
                                          LNSPI_KERNEL_LIST(LNSPI_KERNEL_ENTRY)};

#include "kernels/cblas.h"
#if defined(LNSP_CBLAS)
const lnspi_kernels lnspi_kernels_cblas_neon = LNSPI_CBLAS_TABLE(LNSPI_CPU_NEON);
#endif

#undef neon_noise
#include "kernels/undefine.h"
#endif
