/* The instruction sets that CPU and operating system support together. */
#include "base/cpu.h"

#if defined(__x86_64__) || defined(__i386__) || defined(_M_X64) || defined(_M_IX86)
#define LNSPI_X86 1
#if defined(_MSC_VER)
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#endif

#if defined(LNSPI_X86)
static void cpu_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t r[4]) {
#if defined(_MSC_VER)
  int out[4], i;
  __cpuid(out, 0);
  for (i = 0; i < 4; i++) r[i] = 0;
  if ((uint32_t)out[0] < leaf) return;
  __cpuidex(out, (int)leaf, (int)subleaf);
  for (i = 0; i < 4; i++) r[i] = (uint32_t)out[i];
#else
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid_count(leaf, subleaf, &a, &b, &c, &d)) a = b = c = d = 0;
  r[0] = a;
  r[1] = b;
  r[2] = c;
  r[3] = d;
#endif
}

/* Which registers the operating system saves when it switches threads. */
static uint32_t cpu_xcr0(void) {
#if defined(_MSC_VER)
  return (uint32_t)_xgetbv(0);
#else
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
#endif
}

uint32_t lnspi_cpu_features(void) {
  const uint32_t fma = 1u << 12, osxsave = 1u << 27, avx = 1u << 28, f16c = 1u << 29;
  const uint32_t wanted1 = fma | osxsave | avx | f16c;
  const uint32_t f = 1u << 16, dq = 1u << 17, bw = 1u << 30, vl = 1u << 31;
  const uint32_t wanted512 = f | dq | bw | vl;
  uint32_t r[4], xcr0, features = 0;
  cpu_cpuid(1, 0, r);
  if ((r[2] & wanted1) != wanted1) return 0;
  xcr0 = cpu_xcr0();
  cpu_cpuid(7, 0, r);
  if ((xcr0 & 0x06u) != 0x06u || !(r[1] & 1u << 5)) return 0; /* SSE and AVX state; AVX2 */
  features |= LNSPI_CPU_AVX2;
  if ((xcr0 & 0xe6u) == 0xe6u && (r[1] & wanted512) == wanted512) { /* and ZMM, masks */
    features |= LNSPI_CPU_AVX512;
    if (r[2] & 1u << 11) features |= LNSPI_CPU_AVX512VNNI;
#if LNSPI_HAS_AMX
    const uint32_t tile = 1u << 24, int8 = 1u << 25, tile_state = 0x60000u;
    if ((r[2] & 1u << 11) && (r[3] & (tile | int8)) == (tile | int8) &&
        (xcr0 & tile_state) == tile_state)
      features |= LNSPI_CPU_AMX;
#endif
  }
  return features;
}
#elif defined(__aarch64__) || defined(_M_ARM64)
/* Advanced SIMD is part of every AArch64 that runs C with floating point. */
uint32_t lnspi_cpu_features(void) { return LNSPI_CPU_NEON; }
#else
uint32_t lnspi_cpu_features(void) { return 0; }
#endif

#if LNSPI_HAS_AMX
/* arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA): until then the first tile
 * instruction kills the process. Asking again does nothing; older kernels refuse. */
int lnspi_cpu_request_amx(void) {
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "0"(158L), "D"(0x1023L), "S"(18L)
                   : "rcx", "r11", "memory");
  return result == 0;
}
#else
int lnspi_cpu_request_amx(void) { return 0; }
#endif
