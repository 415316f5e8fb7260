/* The kernel set for AVX2 with FMA. Compiled without special flags: the functions
 * carry their target, and run only after cpuid said that they may.
 *
 * Two vectors hold the 16 lanes in which kernels.h orders every sum. What is left of
 * a row is read and written in pieces of four, two and one (avx2_load, avx2_store) and not by
 * masked moves, because emulators touch the lanes that a mask leaves out. A comparison gives a
 * vector of whole lanes. With 16 registers tiles are smaller than those of AVX-512. What each
 * LV_ macro means is in the README.md of this folder. */
/* Hot: built for speed. */
#include "base/cpu.h"
#include "kernels/kernels.h"
#include "kernels/lowp.h"
#include "kernels/common.h"

#if LNSPI_X86_SETS
#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#endif

#define LV_F(name) avx2_##name
#define LV_T(name) avx2_##name
#define LV_W 8
#define LV_V __m256
#define LV_I __m256i
#define LV_M __m256
#define LV_LOAD(p) _mm256_loadu_ps(p)
#define LV_LOADN(p, n) avx2_load((p), (n))
#define LV_STORE(p, v) _mm256_storeu_ps((p), (v))
#define LV_STOREN(p, n, v) avx2_store((p), (n), (v))
#define LV_LOAD16(p) _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)(p)))
#define LV_STORE16(p, i) avx2_store16((p), (i))
#define LV_LOAD32(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define LV_STORE32(p, i) _mm256_storeu_si256((__m256i *)(void *)(p), (i))
#define LV_LOADI8(p) _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(p)))
#define LV_LOADU8(p) _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(p)))
#define LV_STORE8(p, i) avx2_store8((p), (i))
#define LV_SET(f) _mm256_set1_ps(f)
#define LV_FMA(a, b, c) _mm256_fmadd_ps((a), (b), (c))
#define LV_MUL(a, b) _mm256_mul_ps((a), (b))
#define LV_ADD(a, b) _mm256_add_ps((a), (b))
#define LV_SUB(a, b) _mm256_sub_ps((a), (b))
#define LV_DIV(a, b) _mm256_div_ps((a), (b))
#define LV_SQRT(a) _mm256_sqrt_ps(a)
#define LV_MAX(a, b) _mm256_max_ps((a), (b))
#define LV_MIN(a, b) _mm256_min_ps((a), (b))
#define LV_ABS(a) _mm256_andnot_ps(_mm256_set1_ps(-0.0f), (a))
#define LV_NEG(a) _mm256_xor_ps(_mm256_set1_ps(-0.0f), (a))
#define LV_SIGN(a, s) _mm256_or_ps((a), _mm256_and_ps(_mm256_set1_ps(-0.0f), (s)))
#define LV_LT(a, b) _mm256_cmp_ps((a), (b), _CMP_LT_OQ)
#define LV_GT(a, b) _mm256_cmp_ps((a), (b), _CMP_GT_OQ)
#define LV_NAN(a) _mm256_cmp_ps((a), (a), _CMP_UNORD_Q)
#define LV_HMAX(a) avx2_largest(a)
#define LV_MAXABS(a, b) LV_MAX((a), LV_ABS(b))
#define LV_SELECT(m, a, b) _mm256_blendv_ps((b), (a), (m))
#define LV_CLEAR(m, v) _mm256_andnot_ps((m), (v))
#define LV_BITS(v) _mm256_castps_si256(v)
#define LV_FLOAT(i) _mm256_castsi256_ps(i)
#define LV_TOFLOAT(i) _mm256_cvtepi32_ps(i)
#define LV_ISET(i) _mm256_set1_epi32(i)
#define LV_IADD(a, b) _mm256_add_epi32((a), (b))
#define LV_ISUB(a, b) _mm256_sub_epi32((a), (b))
#define LV_IMUL(a, b) _mm256_mullo_epi32((a), (b))
#define LV_IAND(a, b) _mm256_and_si256((a), (b))
#define LV_IOR(a, b) _mm256_or_si256((a), (b))
#define LV_IXOR(a, b) _mm256_xor_si256((a), (b))
#define LV_IMAX(a, b) _mm256_max_epi32((a), (b))
#define LV_ISHL(a, n) _mm256_slli_epi32((a), (n))
#define LV_ISHR(a, n) _mm256_srli_epi32((a), (n))
#define LV_ISAR(a, n) _mm256_srai_epi32((a), (n))
#define LV_IGT(a, b) _mm256_castsi256_ps(_mm256_cmpgt_epi32((a), (b)))
#define LV_ISELECT(m, a, b) LV_BITS(LV_SELECT((m), LV_FLOAT(a), LV_FLOAT(b)))

#define LV_LOADI(p) avx2_words(p)
#define LV_HALF(p) _mm256_cvtph_ps(avx2_halves(p))
#define LV_IHMAX(i) avx2_itop(i)
#define LV_DOT(c, x, w) avx2_dot4((c), (x), (w))
#define LV_CODE_OFFSET 0

#define LV_REGISTERS 16
#if defined(__GNUC__)
#define LV_IN_REGISTER(v) __asm__("" : "+x"(v))
#else
#define LV_IN_REGISTER(v) ((void)0)
#endif

#define LV_LINEAR_TWO_PANELS 0
#define LV_LINEAR_VECTORS_ROWS_2_3 4
#define LV_LINEAR_VECTORS_ROWS_3_6 2
#define LV_LINEAR_VECTORS_ROWS_7_8 0
#define LV_LINEAR_INPUTS 128
#define LV_DX_ROWS 3
#define LV_DX_INPUTS_ROW_1 8
#define LV_GRAD_VECTORS 2
#define LV_GRAD_INPUTS 6

/* The first n floats, n < 4, zeros above. */
static inline __m128 avx2_load3(const float *p, int64_t n) {
  if (n == 0) return _mm_setzero_ps();
  if (n == 1) return _mm_load_ss(p);
  __m128 two = _mm_castsi128_ps(_mm_loadl_epi64((const __m128i *)(const void *)p));
  return n == 2 ? two : _mm_movelh_ps(two, _mm_load_ss(p + 2));
}

static inline void avx2_store3(float *p, int64_t n, __m128 v) {
  if (n >= 2) _mm_storel_epi64((__m128i *)(void *)p, _mm_castps_si128(v));
  if (n == 3) _mm_store_ss(p + 2, _mm_movehl_ps(v, v));
  if (n == 1) _mm_store_ss(p, v);
}

/* The same, n < 8; calls, for only a row's last elements come here. Not by
 * vmaskmov: emulators touch the lanes that it leaves out. */
static LNSPI_NOINLINE __m256 avx2_load(const float *p, int64_t n) {
  if (n < 4) return _mm256_insertf128_ps(_mm256_setzero_ps(), avx2_load3(p, n), 0);
  return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), avx2_load3(p + 4, n - 4),
                              1);
}

static LNSPI_NOINLINE void avx2_store(float *p, int64_t n, __m256 v) {
  __m128 low = _mm256_castps256_ps128(v);
  if (n < 4) {
    avx2_store3(p, n, low);
  } else {
    _mm_storeu_ps(p, low);
    avx2_store3(p + 4, n - 4, _mm256_extractf128_ps(v, 1));
  }
}

static inline void avx2_store16(uint16_t *p, __m256i v) {
  __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(v, v), 0x08);
  _mm_storeu_si128((__m128i *)(void *)p, _mm256_castsi256_si128(packed));
}

/* The lowest byte of each lane. */
static inline void avx2_store8(void *p, __m256i v) {
  const __m256i pick = _mm256_set1_epi32(0x0c080400);
  __m256i packed = _mm256_shuffle_epi8(v, pick);
  _mm_storel_epi64(p, _mm_unpacklo_epi32(_mm256_castsi256_si128(packed),
                                         _mm256_extracti128_si256(packed, 1)));
}

/* The largest lane of numbers that are no NaN. */
static inline float avx2_largest(__m256 v) {
  __m128 t = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  t = _mm_max_ps(t, _mm_movehl_ps(t, t));
  return _mm_cvtss_f32(_mm_max_ss(t, _mm_shuffle_ps(t, t, 1)));
}

/* Eight trees at a time. The halves of two vectors are exchanged before they are
 * added, so that each addition does the work of two. */
static inline void avx2_trees(const float *p, float *t) {
  for (int b = 0; b < 16; b += 8, p += 128) {
    __m256 q[4];
    LNSPI_UNROLL
    for (int m = 0; m < 4; m++) {
      const float *x = p + 16 * m, *y = x + 64;
      __m256 u = _mm256_add_ps(_mm256_loadu_ps(x), _mm256_loadu_ps(x + 8));
      __m256 v = _mm256_add_ps(_mm256_loadu_ps(y), _mm256_loadu_ps(y + 8));
      q[m] =
          _mm256_add_ps(_mm256_permute2f128_ps(u, v, 0x20), _mm256_permute2f128_ps(u, v, 0x31));
    }
    __m256 r[2];
    LNSPI_UNROLL
    for (int m = 0; m < 2; m++) {
      __m256d u = _mm256_castps_pd(q[2 * m]), v = _mm256_castps_pd(q[2 * m + 1]);
      r[m] = _mm256_add_ps(_mm256_castpd_ps(_mm256_unpacklo_pd(u, v)),
                           _mm256_castpd_ps(_mm256_unpackhi_pd(u, v)));
    }
    _mm256_storeu_ps(t + b, _mm256_add_ps(_mm256_shuffle_ps(r[0], r[1], 0x88),
                                          _mm256_shuffle_ps(r[0], r[1], 0xdd)));
  }
}

static inline int32_t avx2_itop(__m256i v) {
  __m128i a = _mm_max_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  a = _mm_max_epi32(a, _mm_shuffle_epi32(a, 0x4e));
  return _mm_cvtsi128_si32(_mm_max_epi32(a, _mm_shuffle_epi32(a, 0xb1)));
}

/* One load for both halves of the words, and whole loads of halves: some compilers
 * would do them twice, or piece by piece. */
static LNSPI_ALWAYS __m256i avx2_words(const void *p) {
  __m256i v = _mm256_loadu_si256((const __m256i *)p);
#if defined(__GNUC__)
  __asm__("" : "+x"(v));
#endif
  return v;
}

static LNSPI_ALWAYS __m128i avx2_halves(const void *p) {
  __m128i v = _mm_loadu_si128((const __m128i *)p);
#if defined(__GNUC__)
  __asm__("" : "+x"(v));
#endif
  return v;
}

/* Eight inputs without a zero are copied as they are. */
static LNSPI_ALWAYS int64_t avx2_keep(float *px, uint32_t *pk, const float *x, int64_t i,
                                      int64_t n, int all) {
  if (n - i < 8) return lnspi_lowp_keep_nonzero(px, pk, x, i, n, 8, all);
  __m256 v = _mm256_loadu_ps(x + i);
  int zeros = _mm256_movemask_ps(_mm256_cmp_ps(v, _mm256_setzero_ps(), _CMP_EQ_OQ));
  if (zeros && !all) return lnspi_lowp_keep_nonzero(px, pk, x, i, n, 8, 0);
  __m256i places = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  _mm256_storeu_ps(px, v);
  _mm256_storeu_si256((__m256i *)(void *)pk,
                      _mm256_add_epi32(places, _mm256_set1_epi32((int)i)));
  return 8;
}

#define LV_KEEP_NONZERO(px, pk, x, i, n, all) avx2_keep((px), (pk), (x), (i), (n), (all))
#define LV_HALF_PANELS_ROW_1 1
#include "kernels/vector.h"
#include "kernels/lowp_half.h"

#define LV_MASK(m) ((uint32_t)_mm256_movemask_ps(m))
#define LV_NEAR_QUERIES 2
#include "kernels/search_float.h"
#include "kernels/noise_avx2.h"

/* |x| times w with the sign of x: two products fill 16 bits, and no more. */
static LNSPI_ALWAYS __m256i avx2_dot4(__m256i c, __m256i x, __m256i w) {
  __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(x), _mm256_sign_epi8(w, x));
  return _mm256_add_epi32(c, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

#define LV_I8_VECTORS 2
#define LV_I8_ROWS 4
#define LV_I8_PANELS_ROW_1 1
#include "kernels/lowp_i8.h"

static inline void avx2_near_sums(const int32_t *p, int32_t *t) {
  for (int i = 0; i < 16; i += 4, p += 32) {
    const __m256i *v = (const __m256i *)(const void *)p;
    __m256i a = _mm256_hadd_epi32(_mm256_loadu_si256(v), _mm256_loadu_si256(v + 1));
    __m256i b = _mm256_hadd_epi32(_mm256_loadu_si256(v + 2), _mm256_loadu_si256(v + 3));
    a = _mm256_hadd_epi32(a, b);
    _mm_storeu_si128((__m128i *)(void *)(t + i),
                     _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1)));
  }
}

#define LV_NEAR_I8_QUERIES 1
#include "kernels/search_i8.h"

#if defined(__clang__)
#pragma clang attribute pop
#elif defined(__GNUC__)
#pragma GCC pop_options
#endif

const lnspi_kernels lnspi_kernels_avx2 = {"avx2", LNSPI_CPU_AVX2,
                                          LNSPI_KERNEL_LIST(LNSPI_KERNEL_ENTRY)};

#include "kernels/cblas.h"
#if defined(LNSP_CBLAS)
const lnspi_kernels lnspi_kernels_cblas_avx2 = LNSPI_CBLAS_TABLE(LNSPI_CPU_AVX2);
#endif

#include "kernels/undefine.h"
#endif
