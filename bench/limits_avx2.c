/* The loops of limits.h with AVX2 and FMA. */
#include "limits.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define LL_UNROLL _Pragma("clang loop unroll(full)")
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#define LL_UNROLL _Pragma("GCC unroll 16")
#endif

#define LL_ALWAYS __attribute__((always_inline)) inline
#define LL_F(name) avx2_##name
#define LL_V __m256
#define LL_W 8
#define LL_CHAINS 12
#define LL_SET(f) _mm256_set1_ps(f)
#define LL_LOAD(p) _mm256_loadu_ps(p)
#define LL_STORE(p, v) _mm256_storeu_ps((p), (v))
#define LL_FMA(a, b, c) _mm256_fmadd_ps((a), (b), (c))
#define LL_MUL(a, b) _mm256_mul_ps((a), (b))
#define LL_ADD(a, b) _mm256_add_ps((a), (b))
#define LL_SUB(a, b) _mm256_sub_ps((a), (b))
#define LL_DIV(a, b) _mm256_div_ps((a), (b))
#define LL_SQRT(a) _mm256_sqrt_ps(a)
#define LL_KEEP(v) __asm__("" : "+x"(v))
#define LL_I __m256i
#define LL_ISET(i) _mm256_set1_epi32(i)
#define LL_IADD(a, b) _mm256_add_epi32((a), (b))
#define LL_FLOAT(i) _mm256_castsi256_ps(i)
#define LL_IPRODUCTS 2 /* of 16 bits each: those of 8 bits saturate */
#define LL_IDOT(c, a, b) _mm256_add_epi32((c), _mm256_madd_epi16((a), (b)))
#define LL_PREFETCH(p) _mm_prefetch((const char *)(p), _MM_HINT_T0)

#include "limits_loops.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

const limits_loops limits_avx2 = LL_TABLE("avx2");
#endif
