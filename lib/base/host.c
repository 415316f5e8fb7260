/* What differs between hosts: CPU features, floating-point control, counts. */
#include "base/host.h"

#if defined(__x86_64__) || defined(__i386__) || defined(_M_X64) || defined(_M_IX86)
#define HOST_X86 1
#if defined(_MSC_VER)
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#elif defined(_MSC_VER)
#include <intrin.h>
#elif !defined(__aarch64__) && !defined(__arm__) && !defined(__riscv_flen) && \
    !defined(LNSP_FREESTANDING)
#define HOST_FENV 1
#include <fenv.h>
#endif

/* ---- features ----------------------------------------------------------- */

#if defined(HOST_X86)
static void host_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t r[4]) {
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
static uint32_t host_xcr0(void) {
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
  host_cpuid(1, 0, r);
  if ((r[2] & wanted1) != wanted1) return 0;
  xcr0 = host_xcr0();
  host_cpuid(7, 0, r);
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
int lnspi_cpu_ask_tiles(void) {
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "0"(158L), "D"(0x1023L), "S"(18L)
                   : "rcx", "r11", "memory");
  return result == 0;
}
#else
int lnspi_cpu_ask_tiles(void) { return 0; }
#endif

/* ---- floating-point control ---------------------------------------------- */

/*
 * The word holds the control bits and, where the sticky exception flags can be
 * reached, those too: the caller finds both as they were. The "memory" clobber
 * keeps loads and stores of data on their side.
 */
#if defined(HOST_X86)
#if defined(_MSC_VER)
static uint32_t host_fp_get(void) { return _mm_getcsr(); }
static void host_fp_set(uint32_t word) { _mm_setcsr(word); }
#else
static uint32_t host_fp_get(void) {
  uint32_t word;
  __asm__ volatile("stmxcsr %0" : "=m"(word) : : "memory");
  return word;
}
static void host_fp_set(uint32_t word) { __asm__ volatile("ldmxcsr %0" : : "m"(word) : "memory"); }
#endif
lnspi_fp lnspi_fp_enter(void) {
  lnspi_fp saved;
  saved.word = host_fp_get();
  host_fp_set(0x1f80u); /* all exceptions masked, nearest, no FTZ, no DAZ */
  return saved;
}
void lnspi_fp_leave(lnspi_fp saved) { host_fp_set((uint32_t)saved.word); }

#elif defined(__aarch64__) && !defined(_MSC_VER)
lnspi_fp lnspi_fp_enter(void) {
  lnspi_fp saved;
  uint64_t control, status;
  __asm__ volatile("mrs %0, fpcr" : "=r"(control) : : "memory");
  __asm__ volatile("mrs %0, fpsr" : "=r"(status) : : "memory");
  __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)0) : "memory");
  saved.word = (control & 0xffffffffu) | status << 32;
  return saved;
}
void lnspi_fp_leave(lnspi_fp saved) {
  __asm__ volatile("msr fpcr, %0" : : "r"(saved.word & 0xffffffffu) : "memory");
  __asm__ volatile("msr fpsr, %0" : : "r"(saved.word >> 32) : "memory");
}

#elif defined(_M_ARM64)
lnspi_fp lnspi_fp_enter(void) {
  lnspi_fp saved;
  saved.word = (uint64_t)_ReadStatusReg(ARM64_FPCR);
  _WriteStatusReg(ARM64_FPCR, 0);
  return saved;
}
void lnspi_fp_leave(lnspi_fp saved) { _WriteStatusReg(ARM64_FPCR, (__int64)saved.word); }

#elif defined(__arm__) && defined(__ARM_FP) && !defined(__SOFTFP__)
lnspi_fp lnspi_fp_enter(void) {
  lnspi_fp saved;
  uint32_t word;
  __asm__ volatile("vmrs %0, fpscr" : "=r"(word) : : "memory");
  saved.word = word;
  __asm__ volatile("vmsr fpscr, %0" : : "r"((uint32_t)0) : "memory");
  return saved;
}
void lnspi_fp_leave(lnspi_fp saved) {
  __asm__ volatile("vmsr fpscr, %0" : : "r"((uint32_t)saved.word) : "memory");
}

#elif defined(__riscv_flen)
lnspi_fp lnspi_fp_enter(void) {
  lnspi_fp saved;
  uint32_t word;
  __asm__ volatile("frcsr %0" : "=r"(word) : : "memory");
  saved.word = word;
  __asm__ volatile("fscsr zero" : : : "memory");
  return saved;
}
void lnspi_fp_leave(lnspi_fp saved) {
  __asm__ volatile("fscsr %0" : : "r"((uint32_t)saved.word) : "memory");
}

#elif defined(HOST_FENV)
lnspi_fp lnspi_fp_enter(void) {
  lnspi_fp saved;
  saved.word = (uint64_t)fegetround();
  fesetround(FE_TONEAREST);
  return saved;
}
void lnspi_fp_leave(lnspi_fp saved) { fesetround((int)saved.word); }

#else /* arithmetic in software: nothing to set */
lnspi_fp lnspi_fp_enter(void) {
  lnspi_fp saved = {0};
  return saved;
}
void lnspi_fp_leave(lnspi_fp saved) { (void)saved; }
#endif

/* ---- counts ------------------------------------------------------------- */

#if defined(LNSP_SINGLE_THREAD)
int32_t lnspi_count_up(int32_t *count) { return ++*count; }
int32_t lnspi_count_down(int32_t *count) { return --*count; }
#elif defined(_MSC_VER) && !defined(__clang__)
int32_t lnspi_count_up(int32_t *count) {
  return (int32_t)_InterlockedIncrement((volatile long *)count);
}
int32_t lnspi_count_down(int32_t *count) {
  return (int32_t)_InterlockedDecrement((volatile long *)count);
}
#else
int32_t lnspi_count_up(int32_t *count) {
  return __atomic_add_fetch(count, 1, __ATOMIC_RELAXED);
}
/* The last owner must see what the others did before it frees. */
int32_t lnspi_count_down(int32_t *count) {
  return __atomic_sub_fetch(count, 1, __ATOMIC_ACQ_REL);
}
#endif
