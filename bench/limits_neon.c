/* The loops of limits.h with AArch64's NEON. */
#include "limits.h"

#if defined(__aarch64__) && defined(__GNUC__)
#include <arm_neon.h>

#if defined(__clang__)
#define LL_UNROLL _Pragma("clang loop unroll(full)")
#else
#define LL_UNROLL _Pragma("GCC unroll 24")
#endif

#define LL_ALWAYS __attribute__((always_inline)) inline
#define LL_F(name) neon_##name
#define LL_V float32x4_t
#define LL_W 4
#define LL_CHAINS 24
#define LL_SET(f) vdupq_n_f32(f)
#define LL_LOAD(p) vld1q_f32(p)
#define LL_STORE(p, v) vst1q_f32((p), (v))
#define LL_FMA(a, b, c) vfmaq_f32((c), (a), (b))
#define LL_MUL(a, b) vmulq_f32((a), (b))
#define LL_ADD(a, b) vaddq_f32((a), (b))
#define LL_SUB(a, b) vsubq_f32((a), (b))
#define LL_DIV(a, b) vdivq_f32((a), (b))
#define LL_SQRT(a) vsqrtq_f32(a)
#define LL_KEEP(v) __asm__("" : "+w"(v))
#define LL_PREFETCH(p) __builtin_prefetch((p), 1)

#include "limits_loops.h"

const limits_loops limits_neon = LL_TABLE("neon");
#endif
