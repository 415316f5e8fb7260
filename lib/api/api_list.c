/* The lists of this build: architectures, layers, losses, optimizers, kernel sets.
 *
 * Each list is a table of a room below, which the readers of texts use too, so that a list
 * cannot name what a text may not say. An entry has a name, a sentence of help, and keys. Where
 * a reader knows words that are in no table (losses "student" and "replay", the kernel set
 * "cblas"), they follow the table here. A firmware build may leave entries out of a table; then
 * they are not in the list either, and the numbers of the others move.
 *
 * Names and help are static; keys are written into the caller's struct, because their ranges
 * are parsed from the tables' texts (base/setting.h).
 *
 * Checking a text is reading it with the reader that a handle would use, into structs that are
 * dropped. Only an architecture takes memory for that. */
#include <string.h>

#include "api/api.h"
#include "base/setting.h"
#include "base/str.h"
#include "base/struct.h"
#include "delta/aggregate.h"
#include "delta/codec_config.h"
#include "graph/arg_key.h"
#include "kernels/dispatch.h"
#include "run/engine.h"
#include "train/loss_text.h"
#include "train/schedule.h"

/* Those of lnspi_dispatch_at, and then "cblas" where it is built in. */
static const lnspi_kernels *api_list_isa(int32_t index) {
  int32_t count = 0;
  if (lnspi_dispatch_at(index)) return lnspi_dispatch_at(index);
  while (lnspi_dispatch_at(count)) count++;
  return index == count ? lnspi_dispatch_cblas() : NULL;
}

/* The features of a set, from the most particular on: each set has those of the ones below. */
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
static const char *const api_list_losses[][2] = {
    {"student", "student: triplet margin=.3 + .1*alignment + 1*nuclear_diversity"},
    {"replay", "replay rows=7 seed=1: 1 - mean cos(output, vector) over vectors drawn from the "
               "statistics of an old domain"},
};

/* Index of a name among those, of which student has no keys; -1: in the table. */
static int32_t api_list_loss(int32_t index) {
  int32_t count = 0;
  while (lnspi_loss_at(count)) count++;
  return index < count ? -1 : index - count;
}

/* A struct that begins with name and help, or NULL past the end. */
static const void *api_list_at(int32_t list, int32_t index) {
  switch (list) {
    case LNSP_LIST_ARCHITECTURES: return lnspi_arch_at(index);
    case LNSP_LIST_LAYERS: return lnspi_layer_at(index);
    case LNSP_LIST_LOSSES:
      if (lnspi_loss_at(index)) return lnspi_loss_at(index);
      return api_list_loss(index) < 2 ? &api_list_losses[api_list_loss(index)] : NULL;
    case LNSP_LIST_OPTIMIZERS: return lnspi_optimizer_at(index);
    case LNSP_LIST_SCHEDULES: return lnspi_schedule_at(index);
    case LNSP_LIST_CODECS: return lnspi_codec_at(index);
    case LNSP_LIST_RULES: return lnspi_aggregate_at(index);
    default: return NULL;
  }
}

/* Its name, or its help. */
static const char *api_list_text(int32_t list, int32_t index, int help) {
  const void *entry = index < 0 ? NULL : api_list_at(list, index);
  const char *texts[2] = {NULL, NULL};
  if (entry) memcpy(texts, entry, sizeof texts);
  return texts[help];
}

LNSP_API const char *lnsp_list_name(int32_t list, int32_t index) {
  if (list != LNSP_LIST_ISAS) return api_list_text(list, index, 0);
  return index >= 0 && api_list_isa(index) ? api_list_isa(index)->name : NULL;
}

LNSP_API const char *lnsp_list_help(int32_t list, int32_t index) {
  if (list != LNSP_LIST_ISAS) return api_list_text(list, index, 1);
  return index >= 0 ? api_list_isa_help(index) : NULL;
}

/* ---- keys ---- */

/* Fills info with key number `key` of an entry; 0: there is none. */
static int api_list_key(int32_t list, int32_t index, int32_t key, lnsp_key_info *info) {
  if (key < 0 || !lnsp_list_name(list, index)) return 0;
  switch (list) {
    case LNSP_LIST_ARCHITECTURES:
      return lnspi_arg_key_at(NULL, lnspi_arch_at(index), key, info);
    case LNSP_LIST_LAYERS: return lnspi_arg_key_at(lnspi_layer_at(index), NULL, key, info);
    case LNSP_LIST_LOSSES:
      return api_list_loss(index) && lnspi_loss_text_key(lnspi_loss_at(index), key, info);
    case LNSP_LIST_OPTIMIZERS: return lnspi_optimizer_key(lnspi_optimizer_at(index), key, info);
    case LNSP_LIST_SCHEDULES:
      return lnspi_setting_at(lnspi_schedule_at(index)->keys, key, info);
    case LNSP_LIST_CODECS: return lnspi_codec_config_key(lnspi_codec_at(index), key, info);
    case LNSP_LIST_RULES: return lnspi_setting_at(lnspi_aggregate_at(index)->keys, key, info);
    default: return 0;
  }
}

LNSP_API int32_t lnsp_list_key_count(int32_t list, int32_t index) {
  lnsp_key_info info;
  int32_t count = 0;
  API_COMPUTE(while (api_list_key(list, index, count, &info)) count++);
  return count;
}

LNSP_API int32_t lnsp_list_key_at(int32_t list, int32_t index, int32_t key, lnsp_key_info *info,
                                  lnsp_error *error) {
  lnsp_key_info found;
  int there;
  API_NEED(info, error);
  API_COMPUTE(there = api_list_key(list, index, key, &found));
  if (there) return lnspi_struct_write(info, &found, sizeof found, "info", error);
  return lnspi_error_set(error, LNSP_E_MISSING, NULL, "list %d has no entry %d with a key %d",
                         (int)list, (int)index, (int)key);
}

/* ---- texts ---- */

/* Built as for a model, since only then all shapes are known. */
static int32_t api_list_check_architecture(const char *text, lnsp_error *error) {
  lnsp_graph *graph = NULL;
  int32_t status = lnsp_graph_create(text, NULL, &graph, error);
  lnsp_graph_destroy(graph);
  return status;
}

/* A schedule is keys of an optimizer text, so it is checked behind an optimizer's name, which
 * the column does not count. */
static int32_t api_list_check_schedule(const char *text, lnsp_error *error) {
  static const char before[] = "sgd ";
  char whole[512];
  lnspi_optimizer_config config;
  if (sizeof before + lnspi_str_length(text) > sizeof whole)
    return lnspi_error_set(error, LNSP_E_LIMIT, NULL,
                           "the schedule text is too long: at most %d bytes",
                           (int)(sizeof whole - sizeof before));
  (void)lnspi_format(whole, sizeof whole, "%s%s", before, text);
  int32_t status = lnspi_optimizer_parse(whole, &config, error);
  if (status && error && error->line == 1 && error->column > (int32_t)sizeof before - 1)
    error->column -= (int32_t)sizeof before - 1;
  return status;
}

static int32_t api_list_check(int32_t list, const char *text, lnsp_error *error) {
  lnspi_loss_term terms[LNSPI_LOSS_TERMS];
  lnspi_optimizer_config optimizer;
  lnspi_codec_config codec;
  lnspi_token only;
  int32_t count;
  switch (list) {
    case LNSP_LIST_ARCHITECTURES: return api_list_check_architecture(text, error);
    case LNSP_LIST_LOSSES: return lnspi_loss_text_parse(text, terms, &count, error);
    case LNSP_LIST_OPTIMIZERS: return lnspi_optimizer_parse(text, &optimizer, error);
    case LNSP_LIST_SCHEDULES: return api_list_check_schedule(text, error);
    case LNSP_LIST_ISAS: return lnsp_isa_check(text, error);
    case LNSP_LIST_CODECS: return lnspi_codec_config_parse(text, &codec, &only, error);
    case LNSP_LIST_RULES: return lnspi_aggregate_check(text, error);
    default:
      return lnspi_error_set(error, LNSP_E_ARGUMENT, "list",
                             "list %d has no texts of its own: give LNSP_LIST_ARCHITECTURES, "
                             "_LOSSES, _OPTIMIZERS, _SCHEDULES, _ISAS, _CODECS or _RULES",
                             (int)list);
  }
}

LNSP_API int32_t lnsp_text_check(int32_t list, const char *text, lnsp_error *error) {
  API_NEED(text, error);
  API_RETURN(api_list_check(list, text, error));
}

LNSP_API int32_t lnsp_isa_check(const char *isa, lnsp_error *error) {
  const lnspi_kernels *k;
  return lnspi_engine_choose_kernels(isa, 0, &k, error);
}

LNSP_API const char *lnsp_isa_best(void) {
  const lnspi_kernels *k = lnspi_dispatch_select(NULL, NULL);
  return k ? k->name : "scalar";
}
