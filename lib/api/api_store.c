/* lnsp_store_*: making stores, and writing versions.
 *
 * The store's room knows nothing of networks: it keeps arrays of 32-bit words, called images,
 * and four texts that say what they are. This file makes images of handles:
 *
 *   a model's image    its weights, packed as they are in memory
 *   a trainer's image  all that a later step depends on (train/state_ranges.c), weights first
 *
 * An image is a list of segments that point into the handle, so a commit copies no state. It is
 * written as this host holds it, and only a handle of the same layout can take it back. The
 * texts, written once when a store is made, are architecture, layout, loss and optimizer.
 * Architecture and layout decide whether a handle fits. The other two are for people, and the
 * optimizer's also says whether a learning rate in an image is the one that the text gave.
 *
 * So a trainer and a store never know each other: each call brings both together, compares
 * texts, then lengths. The lengths can differ only in a forged store.
 *
 * With a path, the device is a file (path_device.c). A new one has another name until all of it
 * is written; `keep` renames it as the last step, and if that fails everything is undone. The
 * store then owns the file: it gets `release`, which closes it and so drops its lock when the
 * store is destroyed. The file's own small struct comes from the allocator, the store's handle
 * from the caller's block if there is one.
 *
 * A commit can fail before it writes (what does not fit, a tag that is too long, a read-only
 * store) and while it writes. Then the store refuses further writes, since what is on the
 * device is not known any more (store/journal.c); opening it again finds the last whole
 * version.
 *
 * A store reports progress of its long calls to the function that it was opened with, or that
 * a call's options name. Commit counts the words that it writes. If it is cancelled, a piece of
 * a record is left on the device, as after a power cut, and the next record goes behind it.
 * compact and verify count the bytes that they read from the log; journal.reports is 1 only
 * meanwhile, since the same reading inside other calls may not be given up. */
#include "api/api_store.h"

#include "api/path_device.h"
#include "base/struct.h"
#include "format/dtype.h"
#include "graph/graph_text.h"
#include "store/commit.h"
#include "store/ledger.h"
#include "store/store_compact.h"
#include "train/checkpoint.h"
#include "train/schedule.h"

#define API_STORE_EVERY 16   /* defaults: versions from one snapshot to the next, */
#define API_STORE_SENDERS 64 /* senders in the ledger, */
#define API_STORE_STATES 64  /* and states that a new file has room for, */
#define API_STORE_LEAST (UINT64_C(4) << 20) /* but at least so many bytes */

/* ---- images ---- */

void lnspi_api_store_layout(const lnsp_trainer *t, const lnsp_model *model,
                            char to[LNSPI_API_STORE_LAYOUT_BYTES]) {
  if (model)
    lnspi_format(to, LNSPI_API_STORE_LAYOUT_BYTES, "model %s",
                 lnspi_dtype_name(lnspi_graph_storage(model->graph)));
  else
    lnspi_format(to, LNSPI_API_STORE_LAYOUT_BYTES, "trainer %s %s %d moments%s%s%s%s",
                 lnspi_dtype_name(t->optim.rule.weights), t->optim.rule.optimizer->name,
                 t->optim.moment_count, t->optim.has_moments8 ? " 8bit" : "",
                 t->average ? " average" : "", t->residual ? " residual" : "",
                 lnspi_schedule_is_plateau(&t->optim.rule) ? " plateau" : "");
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

static uint64_t api_store_words(const lnsp_trainer *trainer, const lnsp_model *model) {
  lnspi_segment segments[LNSPI_STATE_RANGES];
  const int32_t count = lnspi_api_store_segments(trainer, model, segments);
  uint64_t words = 0;
  for (int32_t i = 0; i < count; i++) words += segments[i].count;
  return words;
}

int32_t lnspi_api_store_check_fit(const lnsp_store *store, const lnsp_trainer *trainer,
                                  const lnsp_model *model, lnsp_error *error) {
  char layout[LNSPI_API_STORE_LAYOUT_BYTES];
  const lnsp_graph *graph = model ? model->graph : trainer->graph;
  if (!lnspi_graph_text_same(store->plan.text[0], graph->architecture))
    return lnspi_graph_text_refuse(LNSP_E_SHAPE, NULL, "the store", store->plan.text[0],
                                   graph->architecture, error);
  lnspi_api_store_layout(trainer, model, layout);
  if (!lnspi_str_equal(store->plan.text[1], layout))
    return lnspi_error_set(
        error, LNSP_E_MISMATCH, NULL,
        "the store is of '%s', and this is '%s': use the same kind of handle, "
        "optimizer and storage",
        store->plan.text[1], layout);
  const uint64_t words = api_store_words(trainer, model);
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
  if (status) return status;
  if (!read->allocator && !read->block && store->block.owned)
    read->allocator = &store->block.allocator;
  if (!read->progress && store->block.progress.report) read->progress = &store->block.progress;
  return LNSP_OK;
}

/* ---- create ---- */

/* The store's options with their defaults; those of create are checked here, by open too. */
static int32_t api_store_settings(const lnsp_store_options *store_options,
                                  lnsp_store_options *read, lnsp_error *error) {
  int32_t status =
      lnspi_struct_read(read, sizeof *read, store_options, "lnsp_store_options", error);
  if (status) return status;
  if (!read->snapshot_every) read->snapshot_every = API_STORE_EVERY;
  if (!read->max_senders) read->max_senders = API_STORE_SENDERS;
  if (read->snapshot_every < 0 || read->max_senders < 0)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                           "store_options snapshot_every and max_senders are not negative");
  return LNSP_OK;
}

/* What a new store will say of itself. The plan points to the handle's texts and to `layout`,
 * which the caller keeps until the store has copied them. */
static int32_t api_store_plan(const lnsp_trainer *trainer, const lnsp_model *model,
                              const lnsp_store_options *store_options, lnspi_store_plan *plan,
                              char layout[LNSPI_API_STORE_LAYOUT_BYTES], lnsp_error *error) {
  if (!trainer == !model)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                           "a store is for a trainer or for a model: give one of them");
  memset(plan, 0, sizeof *plan);
  plan->kind = trainer ? LNSPI_STORE_TRAINER : LNSPI_STORE_MODEL;
  plan->every = (uint32_t)store_options->snapshot_every;
  plan->senders = (uint32_t)store_options->max_senders;
  plan->words = api_store_words(trainer, model);
  lnspi_api_store_layout(trainer, model, layout);
  plan->text[0] = trainer ? trainer->graph->architecture : model->graph->architecture;
  plan->text[1] = layout;
  plan->text[2] = trainer ? trainer->loss.text : "";
  plan->text[3] = trainer ? trainer->optim.text : "";
  return LNSP_OK;
}

/* Without a trainer or model: the bytes of opening what is on the device, whose description is
 * read for that. With one: of creating a store for it. */
LNSP_API int32_t lnsp_store_measure(const lnsp_device *device, const lnsp_trainer *trainer,
                                    const lnsp_model *model,
                                    const lnsp_store_options *store_options, uint64_t *bytes,
                                    lnsp_error *error) {
  char layout[LNSPI_API_STORE_LAYOUT_BYTES];
  lnsp_store_options set;
  lnspi_store_plan plan;
  lnsp_device read;
  API_NEED(bytes, error);
  API_NEED(device, error);
  int32_t status = lnspi_struct_read(&read, sizeof read, device, "lnsp_device", error);
  if (!status) status = api_store_settings(store_options, &set, error);
  if (status) return status;
  if (!trainer && !model) return lnspi_store_peek(&read, set.salvage, bytes, error);
  status = api_store_plan(trainer, model, &set, &plan, layout, error);
  return status ? status : lnspi_store_bytes(&read, &plan, bytes, error);
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
  API_NEED(device, error);
  int32_t status = lnspi_struct_read(&read, sizeof read, device, "lnsp_device", error);
  if (!status) status = api_store_settings(store_options, &set, error);
  if (!status) status = API_OPTIONS(options, LNSPI_OPTIONS_BLOCK, &own, error);
  if (!status) status = api_store_plan(trainer, model, &set, &plan, layout, error);
  return status ? status : lnspi_store_create(&read, &plan, &own, out, error);
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
  if (!status) status = API_OPTIONS(options, LNSPI_OPTIONS_BLOCK, &own, error);
  if (!status) status = api_store_plan(trainer, model, &set, &plan, layout, error);
  if (status) return status;
  uint64_t size = set.size_bytes ? set.size_bytes : 4 * API_STORE_STATES * plan.words;
  if (!set.size_bytes && size < API_STORE_LEAST) size = API_STORE_LEAST;
  status = lnspi_path_device_open(path, size, 0, &own, &file, error);
  if (status) return status;
  status = lnspi_store_create(&file.device, &plan, &own, out, error);
  if (!status) status = file.keep(file.device.user, error);
  if (!status) {
    (*out)->release = file.release;
    return LNSP_OK;
  }
  lnspi_store_release(*out);
  *out = NULL;
  file.release(file.device.user);
  return status;
}

/* ---- open ---- */

/* There is no handle to compare with yet: what a store is for is found in its description, and
 * the first call that brings a trainer or model checks that it fits. Salvage implies reading
 * only, also for the lock of the file, so that damage can be looked at while others read. */

LNSP_API int32_t lnsp_store_open_device(const lnsp_device *device,
                                        const lnsp_store_options *store_options,
                                        const lnsp_options *options, lnsp_store **out,
                                        lnsp_error *error) {
  lnsp_store_options set;
  lnsp_options own;
  lnsp_device read;
  API_OUT(out, error);
  API_NEED(device, error);
  int32_t status = lnspi_struct_read(&read, sizeof read, device, "lnsp_device", error);
  if (!status) status = api_store_settings(store_options, &set, error);
  if (!status) status = API_OPTIONS(options, LNSPI_OPTIONS_BLOCK, &own, error);
  if (status) return status;
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
  if (!status) status = API_OPTIONS(options, LNSPI_OPTIONS_BLOCK, &own, error);
  const int32_t read_only = status == LNSP_OK && (set.read_only || set.salvage);
  if (!status) status = lnspi_path_device_open(path, 0, read_only, &own, &file, error);
  if (status) return status;
  status = lnspi_store_open(&file.device, read_only, set.salvage, &own, out, error);
  if (!status)
    (*out)->release = file.release;
  else
    file.release(file.device.user);
  return status;
}

LNSP_API void lnsp_store_destroy(lnsp_store *store) { lnspi_store_release(store); }

/* ---- commit, rollback ---- */

/* Reads what the caller says of a version into the version's record: loss, time, tag. */
static int32_t api_store_note(const lnsp_commit_options *commit_options, lnspi_version *version,
                              lnsp_error *error) {
  lnsp_commit_options read;
  int32_t status =
      lnspi_struct_read(&read, sizeof read, commit_options, "lnsp_commit_options", error);
  if (status) return status;
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
  if (!status) status = api_store_note(commit_options, &version, error);
  if (!status) status = lnspi_journal_writable(&store->journal, error);
  if (status) return status;
  version.nonce = sender ? nonce : 0;
  if (sender) lnspi_ledger_id(sender, version.sender);
  if (model) {
    API_COMPUTE(lnspi_model_hash(model, version.hash));
  } else {
    lnspi_checkpoint_hash(trainer, LNSP_SAVE_WEIGHTS, NULL, version.hash);
    version.step = trainer->step;
  }
  const int32_t count = lnspi_api_store_segments(trainer, model, segments);
  status = lnspi_commit_version(store, segments, count, &version, error);
  if (!status && number) *number = version.number;
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
  version.number = 0;
  int32_t status = api_store_note(commit_options, &wish, error);
  if (!status) status = lnspi_commit_rollback(store, to, wish.time, &version, error);
  if (!status && number) *number = version.number;
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

/* Taken from the layout text, since a store may be read without any handle. */
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
