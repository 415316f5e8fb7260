/* lnsp_store_*: reading versions.
 *
 * What is on a device may be damaged, or written by somebody with bad intent. Checksums and the
 * chain of records find damage (store/); against the rest, what is read is checked as if it
 * came from a stranger, before anything of a handle changes:
 *
 *   load      reads the whole image into a work block of its own. Each range of the trainer's
 *             state must accept its words (finite, counts and flags in range), and the hash of
 *             the weights must be the one in the record. Then the ranges are copied, which
 *             cannot fail. A trainer keeps its graph, texts and marks.
 *   checkout  makes a graph from the store's architecture text and a model for it. The weights
 *             are the first words of an image, of a trainer's too, so the rest is read only for
 *             its checksum. Values and hash are checked as above; if another storage type is
 *             wanted, the model is copied to that and the first one freed.
 *
 * Where a learning rate was set by hand, it is in a trainer's image, with what a plateau
 * remembers. Both belong to the optimizer text that they were set over and are left alone if
 * the trainer was made with another text; state files follow the same rule. */
#include "api/api_store.h"
#include "base/struct.h"
#include "format/dtype.h"
#include "run/state.h"
#include "run/weight.h"
#include "store/version.h"
#include "store/version_read.h"
#include "train/schedule.h"

LNSP_API int32_t lnsp_store_get_info(const lnsp_store *store, lnsp_store_info *out,
                                     lnsp_error *error) {
  lnsp_store_info facts;
  API_NEED(store, error);
  API_NEED(out, error);
  const lnspi_bank *log = &store->journal.log;
  memset(&facts, 0, sizeof facts);
  facts.of_trainer = store->plan.kind == LNSPI_STORE_TRAINER;
  facts.snapshot_every = (int32_t)store->plan.every;
  facts.damaged = store->journal.lost;
  facts.versions = store->versions;
  facts.newest = store->newest;
  facts.state_bytes = 4 * store->plan.words;
  facts.size_bytes = store->journal.device.size_bytes;
  facts.used_bytes = log->tail - log->start;
  facts.bank_bytes = log->end - log->start;
  facts.compactions = log->generation - 1;
  return lnspi_struct_write(out, &facts, sizeof facts, "lnsp_store_info", error);
}

/* Architecture, loss, optimizer; the layout, text 1, is the library's own. */
LNSP_API const char *lnsp_store_text(const lnsp_store *store, int32_t index) {
  static const int32_t place[] = {0, 2, 3};
  return store && index >= 0 && index < 3 ? store->plan.text[place[index]] : NULL;
}

LNSP_API int32_t lnsp_store_version_at(lnsp_store *store, uint64_t index,
                                       lnsp_store_version_info *out, lnsp_error *error) {
  lnsp_store_version_info facts;
  lnspi_version version;
  lnspi_record record;
  int found = 0;
  API_NEED(store, error);
  API_NEED(out, error);
  int32_t status = lnspi_version_at(store, index, &record, &found, error);
  if (status) return status;
  if (!found)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL, "the store has %llu versions",
                           (unsigned long long)store->versions);
  lnspi_version_decode(record.info, &version);
  memset(&facts, 0, sizeof facts);
  facts.kind = record.type == LNSPI_RECORD_SNAPSHOT ? LNSP_VERSION_SNAPSHOT
               : record.type == LNSPI_RECORD_DELTA  ? LNSP_VERSION_DELTA
                                                    : LNSP_VERSION_ROLLBACK;
  facts.number = version.number;
  facts.parent = version.of;
  facts.time = version.time;
  facts.step = version.step;
  facts.bytes = record.end - record.at;
  facts.loss = version.loss;
  facts.current = record.at == store->state.at;
  memcpy(facts.hash, version.hash, sizeof facts.hash);
  memcpy(facts.tag, version.tag, sizeof facts.tag);
  return lnspi_struct_write(out, &facts, sizeof facts, "lnsp_store_version_info", error);
}

/* ---- into a trainer ---- */

/* Refuses weights that do not have the hash that the commit wrote. */
static int32_t api_store_read_hash(const lnsp_graph *graph, const void *state,
                                   const lnspi_version *version, lnsp_error *error) {
  lnspi_blake2s hash;
  uint8_t digest[32];
  lnspi_blake2s_init(&hash);
  lnspi_state_hash(graph, state, &hash, NULL);
  lnspi_blake2s_final(&hash, digest);
  if (!memcmp(digest, version->hash, sizeof digest)) return LNSP_OK;
  return lnspi_error_set(
      error, LNSP_E_MISMATCH, NULL,
      "the store is damaged: version %llu has not the hash that was written with "
      "it",
      (unsigned long long)version->number);
}

static int32_t api_store_read_unsound(const lnspi_version *version, lnsp_error *error) {
  return lnspi_error_set(
      error, LNSP_E_MISMATCH, NULL,
      "the store is damaged or forged: version %llu has values that no trainer "
      "has",
      (unsigned long long)version->number);
}

/* All of it is checked before any of it is taken over. begin gives a mark its own copy and
 * drops sums of gradients; end makes the bounds unknown, since nobody has measured the new
 * values. */
static int32_t api_store_read_take(lnsp_store *store, lnsp_trainer *t, const uint8_t *image,
                                   const lnspi_version *version, lnsp_error *error) {
  lnspi_state_range pieces[LNSPI_STATE_RANGES];
  int32_t count = lnspi_state_ranges(t, pieces);
  const uint8_t *at = image;
  for (int32_t i = 0; i < count; at += pieces[i++].bytes)
    if (!lnspi_state_ranges_valid(t, &pieces[i], 0, at, pieces[i].bytes))
      return api_store_read_unsound(version, error);
  int32_t status = api_store_read_hash(t->graph, image, version, error);
  if (status) return status;
  /* the last ranges: the rate, whether it was set, and a plateau's memory */
  if (!lnspi_str_equal(store->plan.text[3], t->optim.text))
    count -= 2 + lnspi_schedule_is_plateau(&t->optim.rule);
  lnspi_state_ranges_begin(t);
  for (int32_t i = 0; i < count; image += pieces[i++].bytes)
    memcpy(pieces[i].at, image, (size_t)pieces[i].bytes);
  lnspi_state_ranges_end(t);
  return LNSP_OK;
}

LNSP_API int32_t lnsp_store_load(lnsp_store *store, uint64_t number, lnsp_trainer *trainer,
                                 const lnsp_options *options, lnsp_error *error) {
  lnspi_version version;
  lnsp_options own;
  lnspi_block work;
  API_NEED(store, error);
  API_NEED(trainer, error);
  int32_t status = lnspi_api_store_check_fit(store, trainer, NULL, error);
  if (!status)
    status = lnspi_api_store_read_options(store, options, __func__, LNSPI_OPTIONS_BLOCK, &own,
                                          error);
  if (!status) status = lnspi_block_open(&work, &own, 4 * store->plan.words, error);
  if (status) return status;
  lnspi_progress progress;
  lnspi_progress_begin(&progress, &own, store->plan.words);
  status = lnspi_version_read_to_memory(store, number ? number : store->newest, work.memory,
                                        &progress, &version, error);
  if (!status) status = api_store_read_take(store, trainer, work.memory, &version, error);
  lnspi_block_close(&work);
  return status;
}

/* ---- as a model ---- */

/* Where the next words of an image go, and how many bytes of weights are still missing. */
typedef struct api_store_read_words {
  uint8_t *to;
  uint64_t left;
  lnspi_progress progress; /* of words */
} api_store_read_words;

/* A sink that takes the weights and lets the rest of the image pass. */
static int32_t api_store_read_weights(void *user, uint32_t *words, size_t count,
                                      lnsp_error *error) {
  api_store_read_words *w = user;
  const uint64_t bytes = 4 * (uint64_t)count < w->left ? 4 * (uint64_t)count : w->left;
  if (bytes) memcpy(w->to, words, (size_t)bytes);
  w->to += bytes;
  w->left -= bytes;
  return lnspi_progress_add(&w->progress, count, error);
}

/* A state's values are finite, whatever the bytes were. */
static int32_t api_store_read_sound(const lnsp_model *model, float *row,
                                    const lnspi_version *version, lnsp_error *error) {
  for (int32_t i = 0; i < model->graph->weight_count; i++) {
    const lnspi_weight *weight = &model->graph->weights[i];
    for (int64_t r = 0; r < lnspi_weight_rows(weight); r++) {
      lnspi_state_read(weight, model->state, r, 1, row);
      if (lnspi_state_check_row(weight, LNSP_F32, r, row, NULL) != LNSP_OK)
        return api_store_read_unsound(version, error);
    }
  }
  return api_store_read_hash(model->graph, model->state, version, error);
}

/* Makes a model of a version, stored as the image is. The size that the graph needs is compared
 * with the image's before the model is made: both come from a description that may be
 * forged. */
static int32_t api_store_read_model(lnsp_store *store, uint64_t number, const lnsp_graph *graph,
                                    const lnsp_options *options, lnsp_model **out,
                                    lnsp_error *error) {
  const int32_t type = lnspi_api_store_dtype(store);
  lnspi_version version;
  lnspi_record image;
  lnsp_model *model = NULL;
  float *row = NULL;
  const uint64_t bytes = type ? (uint64_t)lnspi_graph_storage_bytes(graph, type) : 0;
  if (!type || bytes > 4 * store->plan.words)
    return lnspi_error_set(error, LNSP_E_FORMAT, NULL,
                           "the store is damaged or forged: its images are too small for '%s'",
                           store->plan.text[0]);
  int32_t status = lnspi_version_find_state(store, number, &image, error);
  if (!status) status = lnspi_model_alloc(graph, type, options, &model, &row, error);
  if (status) return status;
  lnspi_version_decode(image.info, &version);
  api_store_read_words words = {.to = model->state, .left = bytes};
  lnspi_progress_begin(&words.progress, options, store->plan.words);
  status = lnspi_version_read(store, &image, api_store_read_weights, &words, error);
  if (!status) status = api_store_read_sound(model, row, &version, error);
  if (!status)
    *out = model;
  else
    lnspi_model_release(model);
  return status;
}

LNSP_API int32_t lnsp_store_checkout(lnsp_store *store, uint64_t number,
                                     const lnsp_options *options, lnsp_model **out,
                                     lnsp_error *error) {
  lnsp_graph *graph = NULL;
  lnsp_model *stored = NULL;
  lnsp_options own, plain;
  API_OUT(out, error);
  API_NEED(store, error);
  int32_t status =
      lnspi_api_store_read_options(store, options, __func__,
                                   LNSPI_OPTIONS_BLOCK | LNSPI_OPTIONS_STORAGE, &own, error);
  if (!status && own.storage) status = lnspi_dtype_check_storage(own.storage, error);
  if (status) return status;
  const int as_is = !own.storage || own.storage == lnspi_api_store_dtype(store);
  const int is_stores = own.progress == &store->block.progress;
  lnspi_progress_parts parts;
  lnspi_progress_split(&parts, &own, as_is ? 1 : 2);
  plain = lnspi_options_pick(&own, 0); /* the caller's block is for the model */
  status = lnsp_graph_create(store->plan.text[0], &plain, &graph, error);
  if (status) return status;
  if (!number) number = store->newest;
  lnspi_fpenv fp = lnspi_fpenv_enter();
  status = api_store_read_model(store, number, graph, as_is ? &own : &plain, &stored, error);
  parts.index = 1;
  if (!status && !as_is)
    status = lnspi_model_copy(stored->graph, stored->state, own.storage, &own, out, error);
  lnspi_fpenv_leave(fp);
  if (as_is && status == LNSP_OK)
    *out = stored;
  else
    lnspi_model_release(stored);
  /* the model may outlive the store, and then the user of the store's progress */
  if (is_stores) memset(&parts.whole, 0, sizeof parts.whole);
  if (*out) (*out)->block.progress = parts.whole;
  lnsp_graph_destroy(graph);
  return status;
}

LNSP_API int32_t lnsp_store_verify(lnsp_store *store, uint64_t *records, lnsp_error *error) {
  uint64_t checked = 0;
  API_NEED(store, error);
  lnspi_journal *j = &store->journal;
  lnspi_progress_restart(&j->progress, 2 * (j->log.tail - j->log.start));
  j->reports = 1;
  int32_t status = lnspi_version_read_verify(store, &checked, error);
  if (!status) status = lnspi_progress_end(&j->progress, error);
  j->reports = 0;
  if (!status && records) *records = checked;
  return status;
}
