/* lnsp_store_*: making stores, and writing versions. */
#include "api/api_store.h"

#include "api/api.h"
#include "api/path_device.h"
#include "base/struct.h"
#include "format/dtype.h"
#include "graph/graph_text.h"
#include "store/commit.h"
#include "store/ledger.h"
#include "store/store_compact.h"
#include "train/checkpoint.h"

#define API_STORE_EVERY 16
#define API_STORE_SENDERS 64
#define API_STORE_STATES 64
#define API_STORE_LEAST (UINT64_C(4) << 20)

/* ---- images ---- */

void lnspi_api_store_layout(const lnsp_trainer *t, const lnsp_model *model,
                            char to[LNSPI_API_STORE_LAYOUT_BYTES]) {
  if (model)
    lnspi_format(to, LNSPI_API_STORE_LAYOUT_BYTES, "model %s",
                 lnspi_dtype_name(lnspi_graph_storage(model->graph)));
  else
    lnspi_format(to, LNSPI_API_STORE_LAYOUT_BYTES, "trainer %s %s %d moments%s%s%s",
                 lnspi_dtype_name(t->optim.rule.weights), t->optim.rule.optimizer->name,
                 t->optim.moment_count, t->optim.has_moments8 ? " 8bit" : "",
                 t->average ? " average" : "", t->residual ? " residual" : "");
}

int32_t lnspi_api_store_segments(const lnsp_trainer *trainer, const lnsp_model *model,
                                 lnspi_segment segments[LNSPI_STATE_RANGES]) {
  lnspi_state_range pieces[LNSPI_STATE_RANGES];
  if (model) {
    segments[0].words = model->state;
    segments[0].count = (uint64_t)model->graph->state_bytes / 4;
    return 1;
  }
  const int32_t count = lnspi_state_ranges(trainer, pieces);
  for (int32_t i = 0; i < count; i++) {
    segments[i].words = pieces[i].at;
    segments[i].count = pieces[i].bytes / 4;
  }
  return count;
}

int32_t lnspi_api_store_check_fit(const lnsp_store *store, const lnsp_trainer *trainer,
                                  const lnsp_model *model, lnsp_error *error) {
  char layout[LNSPI_API_STORE_LAYOUT_BYTES];
  const lnsp_graph *graph = model ? model->graph : trainer->graph;
  if (!lnspi_graph_text_same(store->plan.text[0], graph->architecture))
    return lnspi_error_set(error, LNSP_E_SHAPE, NULL,
                           "the store is for the architecture '%s', and this is '%s'",
                           store->plan.text[0], graph->architecture);
  lnspi_api_store_layout(trainer, model, layout);
  if (!lnspi_str_equal(store->plan.text[1], layout))
    return lnspi_error_set(
        error, LNSP_E_MISMATCH, NULL,
        "the store is of '%s', and this is '%s': use the same kind of handle, "
        "optimizer and storage",
        store->plan.text[1], layout);
  lnspi_segment segments[LNSPI_STATE_RANGES];
  const int32_t count = lnspi_api_store_segments(trainer, model, segments);
  uint64_t words = 0;
  for (int32_t i = 0; i < count; i++) words += segments[i].count;
  if (words != store->plan.words)
    return lnspi_error_set(
        error, LNSP_E_FORMAT, NULL,
        "the store is damaged or forged: its images have %llu words, not %llu",
        (unsigned long long)store->plan.words, (unsigned long long)words);
  return LNSP_OK;
}

int32_t lnspi_api_store_read_options(const lnsp_store *store, const lnsp_options *options,
                                     const char *call, uint32_t reads, lnsp_options *read,
                                     lnsp_error *error) {
  int32_t status = lnspi_options_read(options, call, reads, read, error);
  if (status == LNSP_OK && !read->allocator && !read->block && store->block.owned)
    read->allocator = &store->block.allocator;
  return status;
}

/* ---- create ---- */

static int32_t api_store_settings(const lnsp_store_options *store_options,
                                  lnsp_store_options *read, lnsp_error *error) {
  int32_t status =
      lnspi_struct_read(read, sizeof *read, store_options, "lnsp_store_options", error);
  if (status != LNSP_OK) return status;
  if (!read->snapshot_every) read->snapshot_every = API_STORE_EVERY;
  if (!read->max_senders) read->max_senders = API_STORE_SENDERS;
  if (read->snapshot_every < 0 || read->max_senders < 0)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                           "store_options snapshot_every and max_senders are not negative");
  return LNSP_OK;
}

static int32_t api_store_device(const lnsp_device *device, lnsp_device *read,
                                lnsp_error *error) {
  API_NEED(device, error);
  return lnspi_struct_read(read, sizeof *read, device, "lnsp_device", error);
}

static int32_t api_store_plan(const lnsp_trainer *trainer, const lnsp_model *model,
                              const lnsp_store_options *store_options, lnspi_store_plan *plan,
                              char layout[LNSPI_API_STORE_LAYOUT_BYTES], lnsp_error *error) {
  lnspi_segment segments[LNSPI_STATE_RANGES];
  if (!trainer == !model)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                           "a store is for a trainer or for a model: give one of them");
  memset(plan, 0, sizeof *plan);
  plan->kind = trainer ? LNSPI_STORE_TRAINER : LNSPI_STORE_MODEL;
  plan->every = (uint32_t)store_options->snapshot_every;
  plan->senders = (uint32_t)store_options->max_senders;
  const int32_t count = lnspi_api_store_segments(trainer, model, segments);
  for (int32_t i = 0; i < count; i++) plan->words += segments[i].count;
  lnspi_api_store_layout(trainer, model, layout);
  plan->text[0] = trainer ? trainer->graph->architecture : model->graph->architecture;
  plan->text[1] = layout;
  plan->text[2] = trainer ? trainer->loss.text : "";
  plan->text[3] = trainer ? trainer->optim.text : "";
  return LNSP_OK;
}

LNSP_API int32_t lnsp_store_measure(const lnsp_device *device, const lnsp_trainer *trainer,
                                    const lnsp_model *model,
                                    const lnsp_store_options *store_options, uint64_t *bytes,
                                    lnsp_error *error) {
  char layout[LNSPI_API_STORE_LAYOUT_BYTES];
  lnsp_store_options set;
  lnspi_store_plan plan;
  lnsp_device read;
  API_NEED(bytes, error);
  int32_t status = api_store_device(device, &read, error);
  if (status == LNSP_OK) status = api_store_settings(store_options, &set, error);
  if (status != LNSP_OK) return status;
  if (!trainer && !model) return lnspi_store_peek(&read, set.salvage, bytes, error);
  status = api_store_plan(trainer, model, &set, &plan, layout, error);
  return status != LNSP_OK ? status : lnspi_store_bytes(&read, &plan, bytes, error);
}

LNSP_API int32_t lnsp_store_create_device(const lnsp_device *device,
                                          const lnsp_trainer *trainer, const lnsp_model *model,
                                          const lnsp_store_options *store_options,
                                          const lnsp_options *options, lnsp_store **out,
                                          lnsp_error *error) {
  char layout[LNSPI_API_STORE_LAYOUT_BYTES];
  lnsp_store_options set;
  lnspi_store_plan plan;
  lnsp_options own;
  lnsp_device read;
  API_OUT(out, error);
  int32_t status = api_store_device(device, &read, error);
  if (status == LNSP_OK) status = api_store_settings(store_options, &set, error);
  if (status == LNSP_OK) status = API_OPTIONS(options, LNSPI_OPTIONS_BLOCK, &own, error);
  if (status == LNSP_OK) status = api_store_plan(trainer, model, &set, &plan, layout, error);
  return status != LNSP_OK ? status : lnspi_store_create(&read, &plan, &own, out, error);
}

LNSP_API int32_t lnsp_store_create(const char *path, const lnsp_trainer *trainer,
                                   const lnsp_model *model,
                                   const lnsp_store_options *store_options,
                                   const lnsp_options *options, lnsp_store **out,
                                   lnsp_error *error) {
  char layout[LNSPI_API_STORE_LAYOUT_BYTES];
  lnsp_store_options set;
  lnspi_path_device file;
  lnspi_store_plan plan;
  lnsp_options own;
  API_OUT(out, error);
  API_NEED(path, error);
  int32_t status = api_store_settings(store_options, &set, error);
  if (status == LNSP_OK) status = API_OPTIONS(options, LNSPI_OPTIONS_BLOCK, &own, error);
  if (status == LNSP_OK) status = api_store_plan(trainer, model, &set, &plan, layout, error);
  if (status != LNSP_OK) return status;
  uint64_t size = set.size_bytes ? set.size_bytes : 4 * API_STORE_STATES * plan.words;
  if (!set.size_bytes && size < API_STORE_LEAST) size = API_STORE_LEAST;
  status = lnspi_path_device_open(path, size, 0, &own, &file, error);
  if (status != LNSP_OK) return status;
  status = lnspi_store_create(&file.device, &plan, &own, out, error);
  if (status == LNSP_OK) status = file.keep(file.device.user, error);
  if (status == LNSP_OK) {
    (*out)->release = file.release;
    return LNSP_OK;
  }
  lnspi_store_release(*out);
  *out = NULL;
  file.release(file.device.user);
  return status;
}

/* ---- open ---- */

LNSP_API int32_t lnsp_store_open_device(const lnsp_device *device,
                                        const lnsp_store_options *store_options,
                                        const lnsp_options *options, lnsp_store **out,
                                        lnsp_error *error) {
  lnsp_store_options set;
  lnsp_options own;
  lnsp_device read;
  API_OUT(out, error);
  int32_t status = api_store_device(device, &read, error);
  if (status == LNSP_OK) status = api_store_settings(store_options, &set, error);
  if (status == LNSP_OK) status = API_OPTIONS(options, LNSPI_OPTIONS_BLOCK, &own, error);
  if (status != LNSP_OK) return status;
  return lnspi_store_open(&read, set.read_only, set.salvage, &own, out, error);
}

LNSP_API int32_t lnsp_store_open(const char *path, const lnsp_store_options *store_options,
                                 const lnsp_options *options, lnsp_store **out,
                                 lnsp_error *error) {
  lnsp_store_options set;
  lnspi_path_device file;
  lnsp_options own;
  API_OUT(out, error);
  API_NEED(path, error);
  int32_t status = api_store_settings(store_options, &set, error);
  if (status == LNSP_OK) status = API_OPTIONS(options, LNSPI_OPTIONS_BLOCK, &own, error);
  const int32_t read_only = status == LNSP_OK && (set.read_only || set.salvage);
  if (status == LNSP_OK)
    status = lnspi_path_device_open(path, 0, read_only, &own, &file, error);
  if (status != LNSP_OK) return status;
  status = lnspi_store_open(&file.device, read_only, set.salvage, &own, out, error);
  if (status == LNSP_OK)
    (*out)->release = file.release;
  else
    file.release(file.device.user);
  return status;
}

LNSP_API void lnsp_store_destroy(lnsp_store *store) { lnspi_store_release(store); }

/* ---- commit, rollback ---- */

static int32_t api_store_note(const lnsp_commit_options *commit_options, lnspi_version *version,
                              lnsp_error *error) {
  lnsp_commit_options read;
  int32_t status =
      lnspi_struct_read(&read, sizeof read, commit_options, "lnsp_commit_options", error);
  if (status != LNSP_OK) return status;
  memset(version, 0, sizeof *version);
  version->loss = read.loss;
  version->time = read.time;
  if (!read.tag) return LNSP_OK;
  if (lnspi_str_length(read.tag) >= LNSPI_TAG_BYTES)
    return lnspi_error_set(error, LNSP_E_LIMIT, NULL,
                           "a tag has at most %d bytes, and '%s' more", LNSPI_TAG_BYTES - 1,
                           read.tag);
  memcpy(version->tag, read.tag, lnspi_str_length(read.tag));
  return LNSP_OK;
}

int32_t lnspi_api_store_commit(lnsp_store *store, const lnsp_trainer *trainer,
                               const lnsp_model *model,
                               const lnsp_commit_options *commit_options, const char *sender,
                               uint64_t nonce, uint64_t *number, lnsp_error *error) {
  lnspi_segment segments[LNSPI_STATE_RANGES];
  lnspi_version version;
  int32_t status = lnspi_api_store_check_fit(store, trainer, model, error);
  if (status == LNSP_OK) status = api_store_note(commit_options, &version, error);
  if (status == LNSP_OK) status = lnspi_journal_writable(&store->journal, error);
  if (status != LNSP_OK) return status;
  version.nonce = sender ? nonce : 0;
  if (sender) lnspi_ledger_id(sender, version.sender);
  if (model) {
    lnspi_model_hash(model, version.hash);
  } else {
    lnspi_checkpoint_hash(trainer, LNSP_SAVE_WEIGHTS, version.hash);
    version.step = trainer->step;
  }
  const int32_t count = lnspi_api_store_segments(trainer, model, segments);
  status = lnspi_commit_version(store, segments, count, &version, error);
  if (status == LNSP_OK && number) *number = version.number;
  return status;
}

LNSP_API int32_t lnsp_store_commit(lnsp_store *store, const lnsp_trainer *trainer,
                                   const lnsp_commit_options *commit_options, uint64_t *number,
                                   lnsp_error *error) {
  API_NEED(store, error);
  API_NEED(trainer, error);
  return lnspi_api_store_commit(store, trainer, NULL, commit_options, NULL, 0, number, error);
}

LNSP_API int32_t lnsp_store_commit_model(lnsp_store *store, const lnsp_model *model,
                                         const lnsp_commit_options *commit_options,
                                         uint64_t *number, lnsp_error *error) {
  API_NEED(store, error);
  API_NEED(model, error);
  return lnspi_api_store_commit(store, NULL, model, commit_options, NULL, 0, number, error);
}

LNSP_API int32_t lnsp_store_rollback(lnsp_store *store, uint64_t to,
                                     const lnsp_commit_options *commit_options,
                                     uint64_t *number, lnsp_error *error) {
  lnspi_version version, wish;
  API_NEED(store, error);
  int32_t status = api_store_note(commit_options, &wish, error);
  if (status == LNSP_OK) status = lnspi_commit_rollback(store, to, wish.time, &version, error);
  if (status == LNSP_OK && number) *number = version.number;
  return status;
}

LNSP_API int32_t lnsp_store_compact(lnsp_store *store, lnsp_error *error) {
  API_NEED(store, error);
  lnspi_journal *j = &store->journal;
  lnspi_progress_restart(&j->progress, 2 * (j->log.tail - j->log.start));
  j->reports = 1;
  int32_t status = lnspi_store_compact(store, 0, 0, error);
  j->reports = 0;
  return status;
}

LNSP_API int32_t lnsp_store_check_sender(const lnsp_store *store, const char *sender,
                                         uint64_t number, lnsp_error *error) {
  API_NEED(store, error);
  API_NEED(sender, error);
  return lnspi_ledger_check(store, sender, number, error);
}

LNSP_API int32_t lnsp_store_add_sender(lnsp_store *store, const char *sender, uint64_t number,
                                       lnsp_error *error) {
  API_NEED(store, error);
  API_NEED(sender, error);
  return lnspi_ledger_add(store, sender, number, error);
}

int32_t lnspi_api_store_dtype(const lnsp_store *store) {
  const char *layout = store->plan.text[1];
  const int32_t types[] = {LNSP_F32, LNSP_F16, LNSP_BF16, LNSP_I8};
  for (int i = 0; i < 4; i++) {
    char model[32], trainer[32];
    lnspi_format(model, sizeof model, "model %s", lnsp_dtype_name(types[i]));
    lnspi_format(trainer, sizeof trainer, "trainer %s ", lnsp_dtype_name(types[i]));
    if (lnspi_str_equal(layout, model) || lnspi_str_starts_with(layout, trainer))
      return types[i];
  }
  return 0;
}
