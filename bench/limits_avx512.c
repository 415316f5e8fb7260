/* The loops of limits.h with AVX-512. */
#include "limits.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((                                           \
                                 target("avx512f,avx512bw,avx512vl,avx512vnni,fma"))), \
                             apply_to = function)
#define LL_UNROLL _Pragma("clang loop unroll(full)")
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512vnni,fma")
#define LL_UNROLL _Pragma("GCC unroll 16")
#endif

#define LL_ALWAYS __attribute__((always_inline)) inline
#define LL_F(name) avx512_##name
#define LL_V __m512
#define LL_W 16
#define LL_CHAINS 16
#define LL_SET(f) _mm512_set1_ps(f)
#define LL_LOAD(p) _mm512_loadu_ps(p)
#define LL_STORE(p, v) _mm512_storeu_ps((p), (v))
#define LL_FMA(a, b, c) _mm512_fmadd_ps((a), (b), (c))
#define LL_MUL(a, b) _mm512_mul_ps((a), (b))
#define LL_ADD(a, b) _mm512_add_ps((a), (b))
#define LL_SUB(a, b) _mm512_sub_ps((a), (b))
#define LL_DIV(a, b) _mm512_div_ps((a), (b))
#define LL_SQRT(a) _mm512_sqrt_ps(a)
#define LL_KEEP(v) __asm__("" : "+v"(v))
#define LL_I __m512i
#define LL_ISET(i) _mm512_set1_epi32(i)
#define LL_IADD(a, b) _mm512_add_epi32((a), (b))
#define LL_FLOAT(i) _mm512_castsi512_ps(i)
#define LL_IPRODUCTS 4 /* VNNI */
#define LL_IDOT(c, a, b) _mm512_dpbusd_epi32((c), (a), (b))
#define LL_PREFETCH(p) _mm_prefetch((const char *)(p), _MM_HINT_T0)

#include "limits_loops.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

const limits_loops limits_avx512 = LL_TABLE("avx512");
#endif
