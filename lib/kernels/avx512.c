/* The kernel sets for AVX-512 (F, DQ, BW, VL). Compiled without special flags: the
 * functions carry their target, and run only after cpuid said that they may.
 *
 * One vector holds the 16 lanes in which kernels.h orders every sum, and a comparison gives a
 * bit mask, so that the rest of a row is read and written by a masked instruction instead of a
 * copy. What each LV_ macro means is in the README.md of this folder.
 *
 * The file ends with three tables that differ in few entries: avx512, whose products of int8
 * codes are those of AVX2; avx512vnni, which has them in one instruction; and avx512amx, which
 * multiplies int8 matrices in tile registers. The codes' products are exact integers, so the
 * bits are the same in all three. */
/* Hot: built for speed. */
#include "base/cpu.h"
#include "kernels/common.h"
#include "kernels/kernels.h"

#if LNSPI_X86_SETS
#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((                                                   \
                                 target("avx512f,avx512dq,avx512bw,avx512vl,fma,avx2,f16c"))), \
                             apply_to = function)
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,fma,avx2,f16c")
#endif

#define LV_F(name) avx512_##name
#define LV_T(name) avx512_##name
#define LV_W 16
#define LV_V __m512
#define LV_I __m512i
#define LV_M __mmask16
#define LV_FIRST(n) ((__mmask16)((1u << (n)) - 1))
#define LV_LOAD(p) _mm512_loadu_ps(p)
#define LV_LOADN(p, n) _mm512_maskz_loadu_ps(LV_FIRST(n), (p))
#define LV_STORE(p, v) _mm512_storeu_ps((p), (v))
#define LV_STOREN(p, n, v) _mm512_mask_storeu_ps((p), LV_FIRST(n), (v))
#define LV_LOAD16(p) \
  _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)(p)))
#define LV_STORE16(p, i) _mm256_storeu_si256((__m256i *)(void *)(p), _mm512_cvtepi32_epi16(i))
#define LV_LOAD32(p) _mm512_loadu_si512(p)
#define LV_STORE32(p, i) _mm512_storeu_si512((p), (i))
#define LV_LOADI8(p) _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)(p)))
#define LV_LOADU8(p) _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)(p)))
#define LV_STORE8(p, i) _mm_storeu_si128((__m128i *)(void *)(p), _mm512_cvtepi32_epi8(i))
#define LV_SET(f) _mm512_set1_ps(f)
#define LV_FMA(a, b, c) _mm512_fmadd_ps((a), (b), (c))
#define LV_MUL(a, b) _mm512_mul_ps((a), (b))
#define LV_ADD(a, b) _mm512_add_ps((a), (b))
#define LV_SUB(a, b) _mm512_sub_ps((a), (b))
#define LV_DIV(a, b) _mm512_div_ps((a), (b))
#define LV_SQRT(a) _mm512_sqrt_ps(a)
#define LV_MAX(a, b) _mm512_max_ps((a), (b))
#define LV_MIN(a, b) _mm512_min_ps((a), (b))
#define LV_ABS(a) _mm512_andnot_ps(_mm512_set1_ps(-0.0f), (a))
#define LV_NEG(a) _mm512_xor_ps(_mm512_set1_ps(-0.0f), (a))
#define LV_SIGN(a, s) _mm512_or_ps((a), _mm512_and_ps(_mm512_set1_ps(-0.0f), (s)))
#define LV_LT(a, b) _mm512_cmp_ps_mask((a), (b), _CMP_LT_OQ)
#define LV_GT(a, b) _mm512_cmp_ps_mask((a), (b), _CMP_GT_OQ)
#define LV_NAN(a) _mm512_cmp_ps_mask((a), (a), _CMP_UNORD_Q)
#define LV_HMAX(a) _mm512_reduce_max_ps(a)
#define LV_MAXABS(a, b) _mm512_range_ps((a), (b), 0x0b)
#define LV_SELECT(m, a, b) _mm512_mask_blend_ps((m), (b), (a))
#define LV_CLEAR(m, v) _mm512_maskz_mov_ps((__mmask16) ~(m), (v))
#define LV_BITS(v) _mm512_castps_si512(v)
#define LV_FLOAT(i) _mm512_castsi512_ps(i)
#define LV_TOFLOAT(i) _mm512_cvtepi32_ps(i)
#define LV_ISET(i) _mm512_set1_epi32(i)
#define LV_IADD(a, b) _mm512_add_epi32((a), (b))
#define LV_ISUB(a, b) _mm512_sub_epi32((a), (b))
#define LV_IMUL(a, b) _mm512_mullo_epi32((a), (b))
#define LV_IAND(a, b) _mm512_and_si512((a), (b))
#define LV_IOR(a, b) _mm512_or_si512((a), (b))
#define LV_IXOR(a, b) _mm512_xor_si512((a), (b))
#define LV_IMAX(a, b) _mm512_max_epi32((a), (b))
#define LV_ISHL(a, n) _mm512_slli_epi32((a), (n))
#define LV_ISHR(a, n) _mm512_srli_epi32((a), (n))
#define LV_ISAR(a, n) _mm512_srai_epi32((a), (n))
#define LV_IGT(a, b) _mm512_cmpgt_epi32_mask((a), (b))
#define LV_ISELECT(m, a, b) _mm512_mask_blend_epi32((m), (b), (a))

#define LV_LOADI(p) avx512_words(p)
#define LV_HALF(p) _mm512_cvtph_ps(avx512_halves(p))
#define LV_IHMAX(i) _mm512_reduce_max_epi32(i)
#define LV_DOT(c, x, w) avx512_dot4((c), (x), (w))
#define LV_CODE_OFFSET 128

/* -0 and what is subnormal becomes +0 */
#define LV_FLUSH(v) \
  _mm512_mask_blend_ps(_mm512_fpclass_ps_mask((v), 0x24), (v), _mm512_setzero_ps())
#define LV_SQRT_STEPS(v) avx512_sqrt(v)

#define LV_REGISTERS 32
#if defined(__GNUC__)
#define LV_IN_REGISTER(v) __asm__("" : "+v"(v))
#else
#define LV_IN_REGISTER(v) ((void)0)
#endif

#define LV_LINEAR_TWO_PANELS 1
#define LV_LINEAR_VECTORS_ROWS_2_3 4
#define LV_LINEAR_VECTORS_ROWS_3_6 4
#define LV_LINEAR_VECTORS_ROWS_7_8 2
#define LV_LINEAR_INPUTS 128
#define LV_DX_ROWS 4
#define LV_DX_INPUTS_ROW_1 16
#define LV_GRAD_VECTORS 4
#define LV_GRAD_INPUTS 6

/* The square root, correctly rounded, without the divider: two steps from a 14-bit
 * estimate of 1/sqrt(v) and one of the remainder (P. Markstein, IA-64 and Elementary
 * Functions, 2000, chapter 9). The remainder of a number below 2^-100 may underflow:
 * such, 0 and what is not finite take the instruction. For every other float it was
 * found to give the same. */
static LNSPI_ALWAYS __m512 avx512_sqrt(__m512 v) {
  const __m512 half = _mm512_set1_ps(0.5f);
  const __m512i low = _mm512_castps_si512(_mm512_set1_ps(0x1p-100f));
  const __m512i above = _mm512_sub_epi32(_mm512_castps_si512(v), low);
  if (_mm512_cmpgt_epu32_mask(above, _mm512_set1_epi32(0x7f7fffff - 0x0d800000)))
    return _mm512_sqrt_ps(v);
  __m512 y = _mm512_rsqrt14_ps(v);
  __m512 root = _mm512_mul_ps(v, y), h = _mm512_mul_ps(y, half);
  __m512 r = _mm512_fnmadd_ps(root, h, half);
  root = _mm512_fmadd_ps(root, r, root);
  h = _mm512_fmadd_ps(h, r, h);
  return _mm512_fmadd_ps(_mm512_fnmadd_ps(root, root, v), h, root);
}

/* Lane i is the tree of v[i]. Halves, quarters, pairs and lanes of two vectors are
 * exchanged before they are added, so that each addition does the work of two. */
static LNSPI_ALWAYS __m512 avx512_tree16(const __m512 v[16]) {
  __m512 q[4], r[2];
  LNSPI_UNROLL
  for (int m = 0; m < 4; m++) {
    __m512 s = _mm512_add_ps(_mm512_shuffle_f32x4(v[m], v[m + 4], 0x44),
                             _mm512_shuffle_f32x4(v[m], v[m + 4], 0xee));
    __m512 t = _mm512_add_ps(_mm512_shuffle_f32x4(v[m + 8], v[m + 12], 0x44),
                             _mm512_shuffle_f32x4(v[m + 8], v[m + 12], 0xee));
    q[m] = _mm512_add_ps(_mm512_shuffle_f32x4(s, t, 0x88), _mm512_shuffle_f32x4(s, t, 0xdd));
  }
  LNSPI_UNROLL
  for (int m = 0; m < 2; m++) {
    __m512d s = _mm512_castps_pd(q[2 * m]), t = _mm512_castps_pd(q[2 * m + 1]);
    r[m] = _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(s, t)),
                         _mm512_castpd_ps(_mm512_unpackhi_pd(s, t)));
  }
  return _mm512_add_ps(_mm512_shuffle_ps(r[0], r[1], 0x88),
                       _mm512_shuffle_ps(r[0], r[1], 0xdd));
}

static inline void avx512_trees(const float *p, float *t) {
  __m512 v[16];
  LNSPI_UNROLL
  for (int i = 0; i < 16; i++) v[i] = _mm512_loadu_ps(p + 16 * i);
  _mm512_storeu_ps(t, avx512_tree16(v));
}

/* Both halves of the words are used: one load, not one for each. */
static LNSPI_ALWAYS __m512i avx512_words(const void *p) {
  __m512i v = _mm512_loadu_si512(p);
#if defined(__GNUC__)
  __asm__("" : "+v"(v));
#endif
  return v;
}

/* clang 14 would put them together one by one. */
static LNSPI_ALWAYS __m256i avx512_halves(const void *p) {
  __m256i v = _mm256_loadu_si256((const __m256i *)p);
#if defined(__GNUC__)
  __asm__("" : "+v"(v));
#endif
  return v;
}

static LNSPI_ALWAYS int64_t avx512_keep(float *px, uint32_t *pk, const float *x, int64_t i,
                                        int64_t n, int all) {
  __mmask16 there = n - i >= 16 ? (__mmask16)-1 : LV_FIRST(n - i);
  __m512 v = _mm512_maskz_loadu_ps(there, x + i);
  __m512i places = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  __mmask16 keep =
      all ? there : _mm512_mask_cmp_ps_mask(there, v, _mm512_setzero_ps(), _CMP_NEQ_UQ);
  places = _mm512_add_epi32(places, _mm512_set1_epi32((int)i));
  _mm512_storeu_ps(px, _mm512_maskz_compress_ps(keep, v));
  _mm512_storeu_si512(pk, _mm512_maskz_compress_epi32(keep, places));
  return _mm_popcnt_u32(keep);
}

#define LV_KEEP_NONZERO(px, pk, x, i, n, all) avx512_keep((px), (pk), (x), (i), (n), (all))
#define LV_HALF_PANELS_ROW_1 2
#include "kernels/vector.h"
#include "kernels/lowp_half.h"

#define LV_MASK(m) ((uint32_t)(m))
#define LV_NEAR_QUERIES 4
#include "kernels/search_float.h"

#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute                                                               \
    push(__attribute__((                                                              \
             target("avx512f,avx512dq,avx512bw,avx512vl,avx512vnni,fma,avx2,f16c"))), \
         apply_to = function)
#elif defined(__GNUC__)
#pragma GCC target("avx512vnni")
#endif

/* gcc 12 keeps the sums of the intrinsic in memory when there are many. */
static LNSPI_ALWAYS __m512i avx512_dot4(__m512i c, __m512i x, __m512i w) {
#if defined(__GNUC__)
  __asm__("vpdpbusd %2, %1, %0" : "+v"(c) : "v"(x), "v"(w));
  return c;
#else
  return _mm512_dpbusd_epi32(c, x, w);
#endif
}

#define LV_I8_VECTORS 4
#define LV_I8_ROWS 6
#define LV_I8_PANELS_ROW_1 2
#include "kernels/lowp_i8.h"

/* Halves first: then it is the way of AVX2. */
static inline void avx512_near_sums(const int32_t *p, int32_t *t) {
  for (int i = 0; i < 16; i += 4, p += 64) {
    __m256i h[4];
    LNSPI_UNROLL
    for (int j = 0; j < 4; j++) {
      const __m256i *v = (const __m256i *)(const void *)(p + 16 * j);
      h[j] = _mm256_add_epi32(_mm256_loadu_si256(v), _mm256_loadu_si256(v + 1));
    }
    __m256i a = _mm256_hadd_epi32(_mm256_hadd_epi32(h[0], h[1]), _mm256_hadd_epi32(h[2], h[3]));
    _mm_storeu_si128((__m128i *)(void *)(t + i),
                     _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1)));
  }
}

#define LV_NEAR_I8_QUERIES 4
#include "kernels/search_i8.h"

#if defined(__clang__)
#pragma clang attribute pop
#elif defined(__GNUC__)
#pragma GCC pop_options
#endif

/* The way of AVX2 is as good as any. */
static void avx512_noise(float *out, const uint32_t key[8], const uint32_t nonce[3],
                         const uint32_t counter[8]) {
  lnspi_kernels_avx2.noise(out, key, nonce, counter);
}

#if LNSPI_HAS_AMX
#if defined(__clang__)
#pragma clang attribute push(                                                               \
    __attribute__((target(                                                                  \
        "avx512f,avx512dq,avx512bw,avx512vl,avx512vnni,fma,avx2,f16c,amx-int8,amx-tile"))), \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target( \
    "avx512f,avx512dq,avx512bw,avx512vl,avx512vnni,fma,avx2,f16c,amx-int8,amx-tile")
#endif

#include "kernels/lowp_amx.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

/* The same set but for one entry. */
#define avx512_linear_i8 avx512_tiles_linear_i8
const lnspi_kernels lnspi_kernels_avx512amx = {"avx512amx",
                                               LNSPI_CPU_AMX | LNSPI_CPU_AVX512VNNI |
                                                   LNSPI_CPU_AVX512 | LNSPI_CPU_AVX2,
                                               LNSPI_KERNEL_LIST(LNSPI_KERNEL_ENTRY)};
#undef avx512_linear_i8
#endif

#include "kernels/cblas.h"

const lnspi_kernels lnspi_kernels_avx512vnni = {"avx512vnni",
                                                LNSPI_CPU_AVX512VNNI | LNSPI_CPU_AVX512 |
                                                    LNSPI_CPU_AVX2,
                                                LNSPI_KERNEL_LIST(LNSPI_KERNEL_ENTRY)};
#if defined(LNSP_CBLAS)
const lnspi_kernels lnspi_kernels_cblas_avx512vnni =
    LNSPI_CBLAS_TABLE(LNSPI_CPU_AVX512VNNI | LNSPI_CPU_AVX512 | LNSPI_CPU_AVX2);
#endif

/* Without VNNI the way of AVX2 is as good as any: the same table but for two entries. */
static void avx512_linear_i8_plain(const void *w, const float *bias, const float *x,
                                   int64_t ldx, float *y, int64_t ldy, int64_t rows, int64_t in,
                                   int64_t out, void *scratch) {
  lnspi_kernels_avx2.linear_i8(w, bias, x, ldx, y, ldy, rows, in, out, scratch);
}

static void avx512_near_i8_plain(const int8_t *vectors, const float *scale, int64_t rows,
                                 int64_t width, const int8_t *x, int64_t ldx, const float *s,
                                 const int32_t *sum, int64_t queries, float *y, int64_t ldy) {
  lnspi_kernels_avx2.near_i8(vectors, scale, rows, width, x, ldx, s, sum, queries, y, ldy);
}

#define avx512_linear_i8 avx512_linear_i8_plain
#define avx512_near_i8 avx512_near_i8_plain
const lnspi_kernels lnspi_kernels_avx512 = {"avx512", LNSPI_CPU_AVX512 | LNSPI_CPU_AVX2,
                                            LNSPI_KERNEL_LIST(LNSPI_KERNEL_ENTRY)};
#if defined(LNSP_CBLAS)
const lnspi_kernels lnspi_kernels_cblas_avx512 =
    LNSPI_CBLAS_TABLE(LNSPI_CPU_AVX512 | LNSPI_CPU_AVX2);
#endif
#undef avx512_linear_i8
#undef avx512_near_i8

#undef LV_FIRST
#include "kernels/undefine.h"
#endif
