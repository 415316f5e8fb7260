/* The kernel sets of this build, and the choice of one that runs here. */
#include "base/problem.h"
#include "base/text.h"
#include "kernels/fma.h"
#include "kernels/kernels.h"

static const lnspi_kernels *const pick_sets[] = {
#if LNSPI_X86_SETS
#if LNSPI_HAS_AMX
    &lnspi_kernels_avx512amx,
#endif
    &lnspi_kernels_avx512vnni,
    &lnspi_kernels_avx512,
    &lnspi_kernels_avx2,
#endif
#if LNSPI_ARM_SETS
    &lnspi_kernels_neon,
#endif
    &lnspi_kernels_scalar,
};

#if defined(LNSP_CBLAS)
static const lnspi_kernels *const pick_cblas[] = {
#if LNSPI_X86_SETS
    &lnspi_kernels_cblas_avx512vnni,
    &lnspi_kernels_cblas_avx512,
    &lnspi_kernels_cblas_avx2,
#endif
#if LNSPI_ARM_SETS
    &lnspi_kernels_cblas_neon,
#endif
    &lnspi_kernels_cblas_scalar,
};

const lnspi_kernels *lnspi_kernels_cblas(void) {
  const uint32_t features = lnspi_cpu_features();
  int32_t i = 0;
  while (pick_cblas[i]->features & ~features) i++;
  return pick_cblas[i];
}
#else
const lnspi_kernels *lnspi_kernels_cblas(void) { return NULL; }
#endif

#define PICK_COUNT ((int32_t)(sizeof pick_sets / sizeof pick_sets[0]))

const lnspi_kernels *lnspi_kernels_at(int32_t index) {
  return index >= 0 && index < PICK_COUNT ? pick_sets[index] : NULL;
}

/* a, b, c and fma(a, b, c) where one rounding and two differ: cancellation, ties,
 * ties decided by a far lower bit (there a sum in double is not enough), subnormal
 * results, the edge of overflow. */
static const float pick_cases[][4] = {
    {0x1.001p+0f, 0x1.001p+0f, -0x1.002p+0f, 0x1p-24f},
    {0x1.000002p+0f, 0x1.000002p+0f, -0x1.000004p+0f, 0x1p-46f},
    {0x1.fffffep+0f, 0x1.fffffep+0f, -0x1.fffffcp+1f, 0x1p-46f},
    {0x1.abcdeep+5f, 0x1.badcaep-20f, -0x1.7e4f6ap-14f, -0x1.88c7f6p-19f},
    {0x1.000ffep+3f, 0x1.ffe002p-4f, -0x1p+0f, -0x1.ffd002p-24f},
    {0x1p-12f, 0x1p-12f, 0x1p+0f, 0x1p+0f},
    {0x1p-12f, 0x1p-12f, 0x1.000002p+0f, 0x1.000004p+0f},
    {0x1.00001p-12f, 0x1.ffffep-13f, 0x1.000002p+0f, 0x1.000002p+0f},
    {0x1.00001p-12f, -0x1.ffffep-13f, 0x1.000002p+0f, 0x1.000002p+0f},
    {0x1.00001p-75f, 0x1.ffffep-76f, 0x1.000004p-127f, 0x1.000004p-127f},
    {0x1.00001p-75f, -0x1.ffffep-76f, 0x1.000004p-127f, 0x1.000004p-127f},
    {0x1.555556p-64f, 0x1.fffffep-64f, 0x1.23456p-127f, 0x1.3c4d5ap-126f},
    {0x1.fffffep+63f, 0x1.fffffep+63f, 0x1.8p+103f, 0x1.fffffep+127f},
    {0x1p+64f, 0x1p+63f, -0x1p+103f, 0x1.fffffep+126f},
    {0x1p-100f, -0x1p-100f, 0.0f, -0.0f},
    {0x1.3579bep+1f, -0x1.2468acp-3f, 0x1.fedcbap-2f, 0x1.3abea8p-3f},
};
enum { PICK_CASES = sizeof pick_cases / sizeof pick_cases[0] };

/* 0: right; 1: not fused; 2: contracted; 3: subnormals are lost. */
static int pick_examine(const lnspi_kernels *set) {
  volatile float in[4];
  for (int i = 0; i < PICK_CASES; i++) {
    float x[17], y[17];
    for (int j = 0; j < 4; j++) in[j] = pick_cases[i][j];
    for (int j = 0; j < 17; j++) {
      x[j] = in[1];
      y[j] = in[2];
    }
    set->axpy(y, in[0], x, 17);
    uint32_t expected = lnspi_float_bits(in[3]);
    for (int j = 0; j < 17; j++)
      if (lnspi_float_bits(y[j]) != expected) return 1;
    if (lnspi_float_bits(lnspi_fma(in[0], in[1], in[2])) != expected) return 1;
    if (lnspi_float_bits(lnspi_fma_software(in[0], in[1], in[2])) != expected) return 1;
  }
  in[0] = in[1] = 0x1.001p+0f;
  in[2] = -0x1.002p+0f;
  float a = in[0], b = in[1], c = in[2];
  float sum = a * b + c; /* two roundings give zero, one gives 2^-24 */
  if (lnspi_float_bits(sum) != 0) return 2;
  in[0] = FLT_MIN;
  float half = 0;
  float x = in[0];
  set->scale(&half, 0.5f, &x, 1);
  return half > 0 ? 0 : 3;
}

static int pick_same(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return *a == *b;
}

static const char *const pick_faults[4] = {
    "",
    "its multiply-add is not fused",
    "the compiler fused a product and a sum: compile with -ffp-contract=off",
    "it loses subnormal numbers: compile without -ffast-math",
};

static void pick_fail_unknown(const char *isa, lnsp_problem *problem) {
  char names[96];
  size_t used = 0;
  for (int32_t i = 0; i < PICK_COUNT; i++) {
    size_t n = lnspi_length(pick_sets[i]->name);
    if (used + n + 3 > sizeof names) break;
    memcpy(names + used, ", ", 2);
    memcpy(names + used + 2, pick_sets[i]->name, n);
    used += n + 2;
  }
  names[used] = 0;
  lnspi_fail(problem, LNSP_E_UNKNOWN, NULL,
             "there are the kernel sets auto%s in this build: take one of them, not \"%s\"",
             names, isa);
}

int lnspi_kernels_usable(const lnspi_kernels *set) {
  if (set->features & ~lnspi_cpu_features()) return 0;
  return !(set->features & LNSPI_CPU_AMX) || lnspi_cpu_ask_tiles();
}

const lnspi_kernels *lnspi_kernels_pick_for(const char *isa, int bytes,
                                            lnsp_problem *problem) {
  const uint32_t passed =
      bytes == 1 ? 0 : bytes ? LNSPI_CPU_AMX : LNSPI_CPU_AMX | LNSPI_CPU_AVX512VNNI;
  const int any = !isa || !*isa || pick_same(isa, "auto");
  const lnspi_kernels *set = !any && pick_same(isa, "cblas") ? lnspi_kernels_cblas() : NULL;
  for (int32_t i = 0; i < PICK_COUNT && !set; i++) {
    const lnspi_kernels *next = pick_sets[i];
    if (any ? (next->features & passed) != 0 : !pick_same(isa, next->name)) continue;
    if (lnspi_kernels_usable(next)) {
      set = next;
    } else if (!any) {
      lnspi_fail(problem, LNSP_E_UNSUPPORTED, NULL,
                 "this CPU or operating system cannot run the kernel set \"%s\": take "
                 "\"auto\"",
                 isa);
      return NULL;
    }
  }
  if (!set) {
    pick_fail_unknown(isa, problem);
    return NULL;
  }
  lnspi_fp saved = lnspi_fp_enter();
  int fault = pick_examine(set);
  lnspi_fp_leave(saved);
  if (fault) {
    lnspi_fail(problem, LNSP_E_INTERNAL, NULL,
               "the kernel set \"%s\" fails its self-check: %s", set->name,
               pick_faults[fault]);
    return NULL;
  }
  return set;
}
