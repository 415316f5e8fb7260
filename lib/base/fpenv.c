/* The floating-point environment: round to nearest, no traps, subnormals kept. */
#include "base/fpenv.h"

#include "lnsp.h"

#if defined(__x86_64__) || defined(__i386__) || defined(_M_X64) || defined(_M_IX86)
#define LNSPI_X86 1
#if defined(_MSC_VER)
#include <intrin.h>
#endif
#elif defined(_MSC_VER)
#include <intrin.h>
#elif !defined(__aarch64__) && !defined(__arm__) && !defined(__riscv_flen) && \
    !defined(LNSP_FREESTANDING)
#define FPENV_FENV_H 1
#include <fenv.h>
#endif

/*
 * The word holds the control bits and, where the sticky exception flags can be
 * reached, those too: the caller finds both as they were. The "memory" clobber
 * keeps loads and stores of data on their side.
 */
#if defined(LNSPI_X86)
#if defined(_MSC_VER)
static uint32_t fpenv_get(void) { return _mm_getcsr(); }
static void fpenv_set(uint32_t word) { _mm_setcsr(word); }
#else
static uint32_t fpenv_get(void) {
  uint32_t word;
  __asm__ volatile("stmxcsr %0" : "=m"(word) : : "memory");
  return word;
}
static void fpenv_set(uint32_t word) {
  __asm__ volatile("ldmxcsr %0" : : "m"(word) : "memory");
}
#endif
lnspi_fpenv lnspi_fpenv_enter(void) {
  lnspi_fpenv saved;
  saved.word = fpenv_get();
  fpenv_set(0x1f80u); /* all exceptions masked, nearest, no FTZ, no DAZ */
  return saved;
}
void lnspi_fpenv_leave(lnspi_fpenv saved) { fpenv_set((uint32_t)saved.word); }

#elif defined(__aarch64__) && !defined(_MSC_VER)
lnspi_fpenv lnspi_fpenv_enter(void) {
  lnspi_fpenv saved;
  uint64_t control, status;
  __asm__ volatile("mrs %0, fpcr" : "=r"(control) : : "memory");
  __asm__ volatile("mrs %0, fpsr" : "=r"(status) : : "memory");
  __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)0) : "memory");
  saved.word = (control & 0xffffffffu) | status << 32;
  return saved;
}
void lnspi_fpenv_leave(lnspi_fpenv saved) {
  __asm__ volatile("msr fpcr, %0" : : "r"(saved.word & 0xffffffffu) : "memory");
  __asm__ volatile("msr fpsr, %0" : : "r"(saved.word >> 32) : "memory");
}

#elif defined(_M_ARM64)
lnspi_fpenv lnspi_fpenv_enter(void) {
  lnspi_fpenv saved;
  saved.word = (uint64_t)_ReadStatusReg(ARM64_FPCR);
  _WriteStatusReg(ARM64_FPCR, 0);
  return saved;
}
void lnspi_fpenv_leave(lnspi_fpenv saved) { _WriteStatusReg(ARM64_FPCR, (__int64)saved.word); }

#elif defined(__arm__) && defined(__ARM_FP) && !defined(__SOFTFP__)
lnspi_fpenv lnspi_fpenv_enter(void) {
  lnspi_fpenv saved;
  uint32_t word;
  __asm__ volatile("vmrs %0, fpscr" : "=r"(word) : : "memory");
  saved.word = word;
  __asm__ volatile("vmsr fpscr, %0" : : "r"((uint32_t)0) : "memory");
  return saved;
}
void lnspi_fpenv_leave(lnspi_fpenv saved) {
  __asm__ volatile("vmsr fpscr, %0" : : "r"((uint32_t)saved.word) : "memory");
}

#elif defined(__riscv_flen)
lnspi_fpenv lnspi_fpenv_enter(void) {
  lnspi_fpenv saved;
  uint32_t word;
  __asm__ volatile("frcsr %0" : "=r"(word) : : "memory");
  saved.word = word;
  __asm__ volatile("fscsr zero" : : : "memory");
  return saved;
}
void lnspi_fpenv_leave(lnspi_fpenv saved) {
  __asm__ volatile("fscsr %0" : : "r"((uint32_t)saved.word) : "memory");
}

#elif defined(FPENV_FENV_H)
lnspi_fpenv lnspi_fpenv_enter(void) {
  lnspi_fpenv saved;
  saved.word = (uint64_t)fegetround();
  fesetround(FE_TONEAREST);
  return saved;
}
void lnspi_fpenv_leave(lnspi_fpenv saved) { fesetround((int)saved.word); }

#else /* arithmetic in software: nothing to set */
lnspi_fpenv lnspi_fpenv_enter(void) {
  lnspi_fpenv saved = {0};
  return saved;
}
void lnspi_fpenv_leave(lnspi_fpenv saved) { (void)saved; }
#endif
