/* What this build knows: architectures, layers, losses, optimizers, kernel sets. */
#include "delta/codec.h"
#include "graph/arch/arch.h"
#include "kernels/dispatch.h"
#include "run/engine.h"
#include "train/loss.h"
#include "train/schedule.h"

/* Those of lnspi_dispatch_at, and then "cblas" where it is built in. */
static const lnspi_kernels *api_list_isa(int32_t index) {
  int32_t count = 0;
  if (lnspi_dispatch_at(index)) return lnspi_dispatch_at(index);
  while (lnspi_dispatch_at(count)) count++;
  return index == count ? lnspi_dispatch_cblas() : NULL;
}

static const char *api_list_isa_help(int32_t index) {
  const lnspi_kernels *k = api_list_isa(index);
  if (!k) return NULL;
  if (!lnspi_dispatch_at(index))
    return "large products by a BLAS: not the same bits, never auto";
  if (k->features & LNSPI_CPU_AMX)
    return "x86-64 with AVX-512 F, DQ, BW, VL and VNNI, and AMX for int8, on Linux";
  if (k->features & LNSPI_CPU_AVX512VNNI)
    return "x86-64 with AVX-512 F, DQ, BW and VL, and VNNI for int8";
  if (k->features & LNSPI_CPU_AVX512) return "x86-64 with AVX-512 F, DQ, BW and VL";
  if (k->features & LNSPI_CPU_AVX2) return "x86-64 with AVX2, FMA and F16C";
  if (k->features & LNSPI_CPU_NEON) return "AArch64";
  return "plain C, on any CPU";
}

/* Loss names that the reader of texts knows beside the table. */
static const char *api_list_loss(int32_t index, int help) {
  int32_t count = 0;
  if (lnspi_loss_at(index))
    return help ? lnspi_loss_at(index)->help : lnspi_loss_at(index)->name;
  while (lnspi_loss_at(count)) count++;
  if (index == count)
    return help ? "student: triplet margin=.3 + .1*alignment + 1*nuclear_diversity" : "student";
  if (index == count + 1)
    return help ? "replay rows=7 seed=1: 1 - mean cos(output, vector) over vectors drawn from "
                  "the statistics of an old domain"
                : "replay";
  return NULL;
}

LNSP_API const char *lnsp_list_name(int32_t list, int32_t index) {
  if (index < 0) return NULL;
  switch (list) {
    case LNSP_LIST_ARCHITECTURES:
      return lnspi_arch_at(index) ? lnspi_arch_at(index)->name : NULL;
    case LNSP_LIST_LAYERS: return lnspi_layer_at(index) ? lnspi_layer_at(index)->name : NULL;
    case LNSP_LIST_LOSSES: return api_list_loss(index, 0);
    case LNSP_LIST_OPTIMIZERS:
      return lnspi_optimizer_at(index) ? lnspi_optimizer_at(index)->name : NULL;
    case LNSP_LIST_SCHEDULES: return lnspi_schedule_name(index);
    case LNSP_LIST_ISAS: return api_list_isa(index) ? api_list_isa(index)->name : NULL;
    case LNSP_LIST_CODECS: return lnspi_codec_at(index) ? lnspi_codec_at(index)->name : NULL;
    default: return NULL;
  }
}

LNSP_API const char *lnsp_list_help(int32_t list, int32_t index) {
  if (!lnsp_list_name(list, index)) return NULL;
  switch (list) {
    case LNSP_LIST_ARCHITECTURES: return lnspi_arch_at(index)->help;
    case LNSP_LIST_LAYERS: return lnspi_layer_at(index)->help;
    case LNSP_LIST_LOSSES: return api_list_loss(index, 1);
    case LNSP_LIST_OPTIMIZERS: return lnspi_optimizer_at(index)->help;
    case LNSP_LIST_SCHEDULES: return lnspi_schedule_help(index);
    case LNSP_LIST_ISAS: return api_list_isa_help(index);
    default: return lnspi_codec_at(index)->help;
  }
}

LNSP_API int32_t lnsp_isa_check(const char *isa, lnsp_error *error) {
  const lnspi_kernels *k;
  return lnspi_engine_choose_kernels(isa, 0, &k, error);
}

LNSP_API const char *lnsp_isa_best(void) {
  const lnspi_kernels *k = lnspi_dispatch_select(NULL, NULL);
  return k ? k->name : "scalar";
}
