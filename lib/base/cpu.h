/* The instruction sets that CPU and operating system support together. */
#ifndef LNSPI_BASE_CPU_H
#define LNSPI_BASE_CPU_H

#include <float.h>

#include "lnsp.h"

/* 16: only half precision is computed in half, float still in float. */
#if defined(__FLT_EVAL_METHOD__) && __FLT_EVAL_METHOD__ != 0 && __FLT_EVAL_METHOD__ != 16
#error "liblnsp needs float arithmetic in float: compile with -msse2 -mfpmath=sse"
#endif

#if defined(__FAST_MATH__)
#error "liblnsp promises exact bits: do not compile it with -ffast-math"
#endif

#define LNSPI_CPU_AVX2 1u    /* AVX2, FMA, F16C, with OS support of the registers  */
#define LNSPI_CPU_AVX512 2u  /* F, DQ, BW, VL, with OS support                  */
#define LNSPI_CPU_NEON 4u    /* AArch64                                         */
#define LNSPI_CPU_AVX512VNNI 8u /* AVX512 and its VNNI                          */
#define LNSPI_CPU_AMX 16u    /* AVX512VNNI, AMX's int8 tiles; Linux let us use them */

/* Tiles are a register state that a process asks Linux for; elsewhere nobody does. */
#if defined(__clang_major__)
#define LNSPI_KNOWS_AMX (__clang_major__ >= 12)
#elif defined(__GNUC__)
#define LNSPI_KNOWS_AMX (__GNUC__ >= 11)
#else
#define LNSPI_KNOWS_AMX 0
#endif

#if defined(__linux__) && defined(__x86_64__) && defined(__LP64__) && \
    !defined(LNSP_FREESTANDING)
#define LNSPI_HAS_AMX LNSPI_KNOWS_AMX
#else
#define LNSPI_HAS_AMX 0
#endif

/* Features of this CPU and operating system together (cpuid and xgetbv). Those of
 * LNSPI_CPU_AMX may be used only after lnspi_cpu_request_amx returned 1: it asks Linux
 * for them, which enlarges the signal frames of the process. */
uint32_t lnspi_cpu_features(void);
int lnspi_cpu_request_amx(void);

#endif
