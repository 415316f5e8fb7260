/* Shared by the kernel sets: attributes, and the table in the list's order. */
#ifndef LNSPI_KERNELS_COMMON_H
#define LNSPI_KERNELS_COMMON_H

#include "kernels/fma.h"
#include "kernels/kernels.h"

#include <float.h>
#include <math.h>

#if defined(__GNUC__)
#define LNSPI_ALWAYS inline __attribute__((always_inline))
#define LNSPI_NOINLINE __attribute__((noinline))
#elif defined(_MSC_VER)
#define LNSPI_ALWAYS __forceinline
#define LNSPI_NOINLINE __declspec(noinline)
#else
#define LNSPI_ALWAYS inline
#define LNSPI_NOINLINE
#endif

/* Loops over arrays of vectors that must end up in registers. */
#if defined(__clang__)
#define LNSPI_UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define LNSPI_UNROLL _Pragma("GCC unroll 32")
#else
#define LNSPI_UNROLL
#endif

/* Keeps the value of a pointer in a register. */
#if defined(__GNUC__)
#define LNSPI_POINTER(p) __asm__("" : "+r"(p))
#else
#define LNSPI_POINTER(p) ((void)0)
#endif

/* Asks for a cache line that will be read soon. */
#if defined(__GNUC__)
#define LNSPI_PREFETCH(address) __builtin_prefetch((address), 0, 2)
#else
#define LNSPI_PREFETCH(address) ((void)(address))
#endif

#define LNSPI_KERNEL_ENTRY(result, name, parameters) LV_F(name),

#endif
