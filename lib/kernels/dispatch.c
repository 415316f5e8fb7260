/* The kernel sets of this build, and the choice of one that runs here.
 *
 * dispatch_sets is in order, widest first; "auto" takes the first that the CPU and the
 * operating system can run. All sets give the same bits, so the choice is only speed, and is
 * made again for each handle instead of kept in a global.
 *
 * A chosen set is checked before it is used. The promise of equal bits needs a fused
 * multiply-add with one rounding, a compiler that fuses nothing by itself, and subnormal
 * numbers. Each can be lost without a warning: by flags (-ffast-math, -ffp-contract=fast), by
 * an emulator, by a library's fma. So sixteen multiply-adds whose result would differ, one
 * sum, and one subnormal are computed: a few hundred operations for each handle. */
#include "kernels/dispatch.h"

#include "base/bytes.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/fpenv.h"
#include "base/str.h"
#include "kernels/fma.h"
#include "kernels/scalar.h"

#include <string.h>

static const lnspi_kernels *const dispatch_sets[] = {
#if LNSPI_X86_SETS
#if LNSPI_HAS_AMX
    &lnspi_kernels_avx512amx,
#endif
    &lnspi_kernels_avx512vnni, &lnspi_kernels_avx512, &lnspi_kernels_avx2,
#endif
#if LNSPI_ARM_SETS
    &lnspi_kernels_neon,
#endif
    &lnspi_kernels_scalar,
};

#if defined(LNSP_CBLAS)
static const lnspi_kernels *const dispatch_cblas[] = {
#if LNSPI_X86_SETS
    &lnspi_kernels_cblas_avx512vnni, &lnspi_kernels_cblas_avx512, &lnspi_kernels_cblas_avx2,
#endif
#if LNSPI_ARM_SETS
    &lnspi_kernels_cblas_neon,
#endif
    &lnspi_kernels_cblas_scalar,
};

const lnspi_kernels *lnspi_dispatch_cblas(void) {
  const uint32_t features = lnspi_cpu_features();
  int32_t i = 0;
  while (dispatch_cblas[i]->features & ~features) i++;
  return dispatch_cblas[i];
}
#else
const lnspi_kernels *lnspi_dispatch_cblas(void) { return NULL; }
#endif

#define DISPATCH_COUNT ((int32_t)(sizeof dispatch_sets / sizeof dispatch_sets[0]))

const lnspi_kernels *lnspi_dispatch_at(int32_t index) {
  return index >= 0 && index < DISPATCH_COUNT ? dispatch_sets[index] : NULL;
}

/* a, b, c and fma(a, b, c) where one rounding and two differ: cancellation, ties,
 * ties decided by a far lower bit (there a sum in double is not enough), subnormal
 * results, the edge of overflow. */
static const float dispatch_cases[][4] = {
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
enum { DISPATCH_CASES = sizeof dispatch_cases / sizeof dispatch_cases[0] };

/* Checks a set; returns an index into dispatch_faults, 0 if it is right. */
static int dispatch_examine(const lnspi_kernels *set) {
  volatile float in[4];
  for (int i = 0; i < DISPATCH_CASES; i++) {
    float x[17], y[17];
    for (int j = 0; j < 4; j++) in[j] = dispatch_cases[i][j];
    for (int j = 0; j < 17; j++) {
      x[j] = in[1];
      y[j] = in[2];
    }
    set->axpy(y, in[0], x, 17);
    uint32_t expected = lnspi_float_bits(in[3]);
    for (int j = 0; j < 17; j++)
      if (lnspi_float_bits(y[j]) != expected) return 1;
    if (lnspi_float_bits(lnspi_scalar_fma(in[0], in[1], in[2])) != expected) return 1;
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

static const char *const dispatch_faults[4] = {
    "",
    "its multiply-add rounds twice",
    "the compiler fused a product and a sum: compile with -ffp-contract=off",
    "it loses subnormal numbers: compile without -ffast-math",
};

static void dispatch_fail_unknown(const char *isa, lnsp_error *error) {
  char names[96];
  size_t used = 0;
  for (int32_t i = 0; i < DISPATCH_COUNT; i++) {
    size_t n = lnspi_str_length(dispatch_sets[i]->name);
    if (used + n + 3 > sizeof names) break;
    memcpy(names + used, ", ", 2);
    memcpy(names + used + 2, dispatch_sets[i]->name, n);
    used += n + 2;
  }
  names[used] = 0;
  lnspi_error_set(error, LNSP_E_UNKNOWN, NULL,
                  "this build has the kernel sets auto%s: choose one of them, not '%s'", names,
                  isa);
}

int lnspi_dispatch_can_run(const lnspi_kernels *set) {
  if (set->features & ~lnspi_cpu_features()) return 0;
  return !(set->features & LNSPI_CPU_AMX) || lnspi_cpu_request_amx();
}

const lnspi_kernels *lnspi_dispatch_select_for(const char *isa, lnspi_dispatch_purpose purpose,
                                               lnsp_error *error) {
  const uint32_t floats = LNSPI_CPU_AMX | LNSPI_CPU_AVX512VNNI; /* change nothing for them */
  const uint32_t passed = purpose == LNSPI_DISPATCH_FLOATS        ? floats
                          : purpose == LNSPI_DISPATCH_INT8_NO_AMX ? LNSPI_CPU_AMX
                                                                  : 0;
  const int any = !isa || !*isa || lnspi_str_equal(isa, "auto");
  const lnspi_kernels *set =
      !any && lnspi_str_equal(isa, "cblas") ? lnspi_dispatch_cblas() : NULL;
  for (int32_t i = 0; i < DISPATCH_COUNT && !set; i++) {
    const lnspi_kernels *next = dispatch_sets[i];
    if (any ? (next->features & passed) != 0 : !lnspi_str_equal(isa, next->name)) continue;
    if (lnspi_dispatch_can_run(next)) {
      set = next;
    } else if (!any) {
      lnspi_error_set(error, LNSP_E_UNSUPPORTED, NULL,
                      "this CPU or operating system cannot run the kernel set '%s': use "
                      "\"auto\"",
                      isa);
      return NULL;
    }
  }
  if (!set) {
    dispatch_fail_unknown(isa, error);
    return NULL;
  }
  lnspi_fpenv saved = lnspi_fpenv_enter();
  int fault = dispatch_examine(set);
  lnspi_fpenv_leave(saved);
  if (fault) {
    lnspi_error_set(error, LNSP_E_INTERNAL, NULL,
                    "the kernel set '%s' fails its self-check: %s", set->name,
                    dispatch_faults[fault]);
    return NULL;
  }
  return set;
}
