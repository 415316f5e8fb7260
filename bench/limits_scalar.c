/* The loops of limits.h in plain C, one float at a time. A multiply-add is a product and
 * a sum here, so this is what a CPU reaches without vectors. (The scalar kernels of the
 * library form an exact fused one from doubles where they may not assume hardware.) */
#include "limits.h"

#include <math.h>

#if defined(__x86_64__)
#define LL_KEEP(v) __asm__("" : "+x"(v))
#elif defined(__aarch64__)
#define LL_KEEP(v) __asm__("" : "+w"(v))
#else
#define LL_KEEP(v) (void)(v)
#endif

#if defined(__clang__)
#define LL_UNROLL _Pragma("clang loop unroll(full)")
#else
#define LL_UNROLL _Pragma("GCC unroll 16")
#endif

#define LL_ALWAYS inline
#define LL_F(name) scalar_##name
#define LL_V float
#define LL_W 1
#define LL_CHAINS 12
#define LL_SET(f) (f)
#define LL_LOAD(p) (*(p))
#define LL_STORE(p, v) (*(p) = (v))
#define LL_FMA(a, b, c) ((a) * (b) + (c))
#define LL_MUL(a, b) ((a) * (b))
#define LL_ADD(a, b) ((a) + (b))
#define LL_SUB(a, b) ((a) - (b))
#define LL_DIV(a, b) ((a) / (b))
#define LL_SQRT(a) sqrtf(a)
#define LL_PREFETCH(p) (void)(p)

#include "limits_loops.h"

const limits_loops limits_scalar = LL_TABLE("scalar");
