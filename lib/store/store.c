/* A store's handle: its block, its description, and what the log says when it is read.
 *
 * The handle keeps a summary of the log (versions, newest number, newest snapshot, ledger),
 * and lnspi_store_note is the one place that changes it: open and a scan call it for each
 * record on the device, a commit for the record it has just synced. So a handle that has
 * been open for a year and one that has just been opened say the same.
 *
 * Each bank begins with a description: what a state is, how often a snapshot is taken, how many
 * senders the ledger holds. The size of a handle follows from it, so opening reads it once with
 * a small buffer on the stack before there is a block, and the texts again into the block. All
 * numbers in it are checked as those of a new store are, since they decide how much memory
 * is asked for.
 *
 * Creating writes a bank like compaction does, its header last (bank_switch.c): until then an
 * old store on the device is the one that counts. */
#include "store/store.h"

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/str.h"
#include "store/bank.h"
#include "store/bank_switch.h"
#include "store/ledger.h"
#include "store/record.h"
#include "store/record_scan.h"
#include "store/record_write.h"
#include "store/version.h"

#define STORE_VERSION 1
#define STORE_REACH (UINT64_C(1) << 20) /* erased bytes that end a log, at least */

/* Offsets in a description: numbers, the size of each text, then the texts with their zeros. */
enum { STORE_AT_VERSION = 0, STORE_AT_KIND = 4, STORE_AT_EVERY = 8, STORE_AT_SENDERS = 12 };
enum { STORE_AT_WORDS = 16, STORE_AT_SIZES = 24, STORE_FIXED = 40 };
_Static_assert(STORE_AT_SIZES + 4 * LNSPI_STORE_TEXTS == STORE_FIXED, "the texts follow");

/* ---- the description ---- */

static int32_t store_check_plan(const lnspi_store_plan *plan, lnsp_error *error) {
  uint64_t texts = 0;
  for (int32_t i = 0; i < LNSPI_STORE_TEXTS; i++) texts += lnspi_str_length(plan->text[i]) + 1;
  if (plan->every < 1 || plan->every > 1000000)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                           "a store takes a snapshot every 1 to 1,000,000 versions, not %u",
                           (unsigned)plan->every);
  if (plan->senders > LNSPI_STORE_SENDERS)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                           "a store keeps a ledger of at most %d senders, not %u",
                           LNSPI_STORE_SENDERS, (unsigned)plan->senders);
  if (!plan->words || plan->words > UINT64_C(1) << 40)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                           "there is nothing to store: the state is empty or too large");
  if (texts > LNSPI_STORE_TEXT_BYTES)
    return lnspi_error_set(
        error, LNSP_E_LIMIT, NULL,
        "architecture, loss and optimizer texts have %llu bytes; a store holds at most %d",
        (unsigned long long)texts, LNSPI_STORE_TEXT_BYTES);
  return LNSP_OK;
}

int32_t lnspi_store_describe(lnsp_store *store, lnspi_bank *log, lnsp_error *error) {
  const uint8_t info[LNSPI_INFO_BYTES] = {0};
  const lnspi_store_plan *plan = &store->plan;
  uint8_t fixed[STORE_FIXED] = {0};
  lnspi_record record;
  lnspi_store32(fixed + STORE_AT_VERSION, STORE_VERSION);
  lnspi_store32(fixed + STORE_AT_KIND, plan->kind);
  lnspi_store32(fixed + STORE_AT_EVERY, plan->every);
  lnspi_store32(fixed + STORE_AT_SENDERS, plan->senders);
  lnspi_store64(fixed + STORE_AT_WORDS, plan->words);
  for (int32_t i = 0; i < LNSPI_STORE_TEXTS; i++)
    lnspi_store32(fixed + STORE_AT_SIZES + 4 * i,
                  (uint32_t)lnspi_str_length(plan->text[i]) + 1);
  lnspi_journal *j = &store->journal;
  int32_t status =
      lnspi_record_write_start(j, log, LNSPI_RECORD_DESCRIPTION, LNSPI_RECORD_COPIED, error);
  if (status == LNSP_OK) status = lnspi_record_write(j, fixed, sizeof fixed, error);
  for (int32_t i = 0; i < LNSPI_STORE_TEXTS; i++) {
    const char *text = plan->text[i];
    if (status == LNSP_OK)
      status = lnspi_record_write(j, text, lnspi_str_length(text) + 1, error);
    if (status != LNSP_OK) return status;
  }
  return lnspi_record_write_end(j, log, info, &record, error);
}

static int32_t store_no_description(const lnspi_bank *log, lnsp_error *error) {
  return lnspi_error_set_at(
      error, LNSP_E_FORMAT, (int64_t)log->start, NULL,
      "the store is damaged: the record at byte %llu is no description of a store",
      (unsigned long long)log->start);
}

/* Reads the numbers of a description, and the sizes of its texts. */
static int32_t store_read_plan(lnspi_journal *j, const lnspi_bank *log, lnspi_store_plan *plan,
                               lnspi_record *record, uint32_t sizes[LNSPI_STORE_TEXTS],
                               lnsp_error *error) {
  uint8_t fixed[STORE_FIXED];
  uint64_t texts = 0;
  int good = 0, whole = 0;
  int32_t status = lnspi_record_scan_at(j, log, log->start, record, &good, error);
  if (status == LNSP_OK && good)
    status = lnspi_record_scan_check_body(j, record, &whole, error);
  if (status != LNSP_OK) return status;
  if (!good || !whole || record->type != LNSPI_RECORD_DESCRIPTION ||
      record->bytes < STORE_FIXED)
    return store_no_description(log, error);
  status = lnspi_journal_read(j, record->body, fixed, sizeof fixed, error);
  if (status != LNSP_OK) return status;
  memset(plan, 0, sizeof *plan);
  plan->kind = lnspi_load32(fixed + STORE_AT_KIND);
  plan->every = lnspi_load32(fixed + STORE_AT_EVERY);
  plan->senders = lnspi_load32(fixed + STORE_AT_SENDERS);
  plan->words = lnspi_load64(fixed + STORE_AT_WORDS);
  for (int32_t i = 0; i < LNSPI_STORE_TEXTS; i++) {
    sizes[i] = lnspi_load32(fixed + STORE_AT_SIZES + 4 * i);
    if (sizes[i] < 1 || sizes[i] > LNSPI_STORE_TEXT_BYTES)
      return store_no_description(log, error);
    plan->text[i] = "";
    texts += sizes[i];
  }
  if (lnspi_load32(fixed + STORE_AT_VERSION) != STORE_VERSION ||
      record->bytes != STORE_FIXED + texts || plan->kind < LNSPI_STORE_MODEL ||
      plan->kind > LNSPI_STORE_TRAINER || store_check_plan(plan, NULL) != LNSP_OK)
    return store_no_description(log, error);
  return LNSP_OK;
}

/* ---- the block ---- */

/* The journal's buffer, two chunks of words, the coder (an encoder or a decoder, never both at
 * a time), the ledger and the texts. No array depends on the size of a state: states are
 * streamed through the chunks. */

static uint64_t store_text_bytes(const lnspi_store_plan *plan) {
  uint64_t bytes = 0;
  for (int32_t i = 0; i < LNSPI_STORE_TEXTS; i++) bytes += lnspi_str_length(plan->text[i]) + 1;
  return bytes;
}

static lnsp_store *store_lay_out(lnspi_arena *arena, const lnsp_device *device,
                                 const lnspi_store_plan *plan, uint64_t texts,
                                 lnsp_store *pieces, uint8_t **buffer) {
  lnsp_store *store = LNSPI_ARENA_STRUCT(arena, lnsp_store, 2048);
  *buffer = lnspi_arena_alloc(arena, 1, lnspi_journal_buffer(device));
  pieces->base = lnspi_arena_alloc(arena, LNSPI_FLOAT_CODER_CHUNK, sizeof(uint32_t));
  pieces->next = lnspi_arena_alloc(arena, LNSPI_FLOAT_CODER_CHUNK, sizeof(uint32_t));
  void *coder = lnspi_arena_alloc(arena, 1, LNSPI_COUNTED(*pieces->coder, 20480));
  pieces->coder = coder;
  pieces->senders = lnspi_arena_alloc(arena, plan->senders, LNSPI_COUNTED(lnspi_sender, 24));
  pieces->texts = lnspi_arena_alloc(arena, texts, 1);
  return store;
}

int32_t lnspi_store_bytes(const lnsp_device *device, const lnspi_store_plan *plan,
                          uint64_t *bytes, lnsp_error *error) {
  lnspi_arena arena = {NULL, 0, 0, 0};
  lnsp_store pieces;
  uint8_t *buffer;
  int32_t status = lnspi_journal_check(device, error);
  if (status == LNSP_OK) status = store_check_plan(plan, error);
  if (status != LNSP_OK) return status;
  store_lay_out(&arena, device, plan, store_text_bytes(plan), &pieces, &buffer);
  *bytes = arena.used;
  return LNSP_OK;
}

static int32_t store_make(const lnsp_device *device, const lnspi_store_plan *plan,
                          uint64_t texts, const lnsp_options *options, lnsp_store **out,
                          lnsp_error *error) {
  lnspi_arena arena = {NULL, 0, 0, 0};
  lnsp_store pieces;
  lnspi_block block;
  uint8_t *buffer;
  memset(&pieces, 0, sizeof pieces);
  store_lay_out(&arena, device, plan, texts, &pieces, &buffer);
  int32_t status = lnspi_block_open(&block, options, arena.used, error);
  if (status != LNSP_OK) return status;
  arena = (lnspi_arena){block.memory, 0, block.bytes, 0};
  lnsp_store *store = store_lay_out(&arena, device, plan, texts, &pieces, &buffer);
  *store = pieces;
  store->block = block;
  store->plan = *plan;
  lnspi_journal_place(&store->journal, device, buffer, lnspi_journal_buffer(device));
  lnspi_progress_begin(&store->journal.progress, options, 0);
  *out = store;
  return LNSP_OK;
}

void lnspi_store_release(lnsp_store *store) {
  if (!store) return;
  if (store->release) store->release(store->journal.device.user);
  lnspi_block_close(&store->block);
}

/* ---- reading the log ---- */

static void store_reset(lnsp_store *store) {
  store->versions = store->newest = store->snapshot = store->since = 0;
  store->sender_count = 0;
  store->cursor_known = 0;
  memset(&store->head, 0, sizeof store->head);
  memset(&store->state, 0, sizeof store->state);
}

int32_t lnspi_store_note(lnsp_store *store, const lnspi_record *record, lnsp_error *error) {
  const uint64_t at = record->at - store->journal.log.bank_at;
  lnspi_version version;
  if (record->type == LNSPI_RECORD_LEDGER) return lnspi_ledger_read(store, record, error);
  if (!lnspi_version_in_record(record)) return LNSP_OK;
  lnspi_version_decode(record->info, &version);
  if (version.number <= store->newest)
    return lnspi_error_set_at(error, LNSP_E_FORMAT, (int64_t)record->at, NULL,
                              "the store is damaged: version %llu comes after version %llu",
                              (unsigned long long)version.number,
                              (unsigned long long)store->newest);
  store->versions++;
  store->newest = version.number;
  store->cursor_known = 0;
  store->head = version;
  if (record->type == LNSPI_RECORD_SNAPSHOT) {
    store->snapshot = at;
    store->since = 0;
  }
  if (record->type != LNSPI_RECORD_ROLLBACK) {
    store->since++;
    store->state = *record;
  }
  if (!version.nonce) return LNSP_OK;
  return lnspi_ledger_note(store, version.sender, version.nonce, error);
}

static int32_t store_visit(void *user, const lnspi_record *record, lnsp_error *error) {
  return lnspi_store_note(user, record, error);
}

/* If the newest version is a rollback, its state is in an earlier record. */
static int32_t store_find_head_state(lnsp_store *store, lnsp_error *error) {
  if (!store->head.number) return LNSP_OK;
  if (lnspi_version_number(&store->state) == store->head.number) return LNSP_OK;
  int32_t status = lnspi_version_find_state(store, store->head.number, &store->state, error);
  return store->journal.salvage && status == LNSP_E_MISSING ? LNSP_OK : status;
}

int32_t lnspi_store_scan(lnsp_store *store, lnsp_error *error) {
  lnspi_journal *j = &store->journal;
  lnspi_record record;
  int found = 0, any = 0;
  store_reset(store);
  for (;;) {
    int32_t status =
        lnspi_record_scan_next(j, &j->log, any ? &record : NULL, &record, &found, NULL, error);
    if (status == LNSP_OK && found) status = lnspi_store_note(store, &record, error);
    if (status != LNSP_OK) return status;
    if (!found) return store_find_head_state(store, error);
    any = 1;
  }
}

/* ---- create and open ---- */

static void store_copy_texts(lnsp_store *store, const lnspi_store_plan *plan) {
  char *to = store->texts;
  for (int32_t i = 0; i < LNSPI_STORE_TEXTS; i++) {
    const size_t bytes = lnspi_str_length(plan->text[i]) + 1;
    memcpy(to, plan->text[i], bytes);
    store->plan.text[i] = to;
    to += bytes;
  }
}

int32_t lnspi_store_create(const lnsp_device *device, const lnspi_store_plan *plan,
                           const lnsp_options *options, lnsp_store **out, lnsp_error *error) {
  lnsp_store *store = NULL;
  lnspi_bank log;
  uint64_t bytes = 0;
  int32_t status = lnspi_store_bytes(device, plan, &bytes, error);
  if (status == LNSP_OK)
    status = store_make(device, plan, store_text_bytes(plan), options, &store, error);
  if (status != LNSP_OK) return status;
  store_copy_texts(store, plan);
  lnspi_journal *j = &store->journal;
  const uint64_t log_bytes = j->bank_bytes - device->erase_bytes;
  const uint64_t need = lnspi_record_space(j, STORE_FIXED + store_text_bytes(plan)) +
                        lnspi_record_space(j, 24 * (uint64_t)plan->senders) +
                        lnspi_record_space(j, 4 * plan->words) +
                        lnspi_record_space(j, lnspi_float_coder_bound(plan->words)) +
                        4 * j->head;
  if (need > log_bytes)
    status =
        lnspi_error_set(error, LNSP_E_LIMIT, NULL,
                        "the device has %llu bytes, but a store for these weights needs at "
                        "least %llu",
                        (unsigned long long)device->size_bytes,
                        (unsigned long long)(2 * (need + 2 * (uint64_t)device->erase_bytes)));
  if (status == LNSP_OK) status = lnspi_journal_writable(j, error);
  if (status == LNSP_OK) status = lnspi_bank_switch_begin_new(j, &log, error);
  if (status == LNSP_OK) status = lnspi_store_describe(store, &log, error);
  if (status == LNSP_OK) status = lnspi_bank_switch_end(j, &log, error);
  if (status == LNSP_OK) status = lnspi_bank_switch_erase_old(j, error);
  if (status == LNSP_OK)
    *out = store;
  else
    lnspi_block_close(&store->block);
  return status;
}

/* Reads the description on a device, before there is a handle. */
static int32_t store_read_device(const lnsp_device *device, int32_t salvage,
                                 lnspi_store_plan *plan, uint32_t sizes[LNSPI_STORE_TEXTS],
                                 lnspi_record *record, lnsp_error *error) {
  uint8_t buffer[512];
  lnspi_journal j;
  lnspi_bank log;
  int32_t status = lnspi_journal_check(device, error);
  if (status != LNSP_OK) return status;
  lnspi_journal_place(&j, device, buffer, sizeof buffer);
  j.salvage = salvage;
  status = lnspi_bank_choose(&j, &log, error);
  return status != LNSP_OK ? status : store_read_plan(&j, &log, plan, record, sizes, error);
}

int32_t lnspi_store_peek(const lnsp_device *device, int32_t salvage, uint64_t *bytes,
                         lnsp_error *error) {
  lnspi_arena arena = {NULL, 0, 0, 0};
  uint32_t sizes[LNSPI_STORE_TEXTS];
  lnspi_store_plan plan;
  lnspi_record record;
  lnsp_store pieces;
  uint8_t *buffer;
  int32_t status = store_read_device(device, salvage, &plan, sizes, &record, error);
  if (status != LNSP_OK) return status;
  store_lay_out(&arena, device, &plan, record.bytes - STORE_FIXED, &pieces, &buffer);
  *bytes = arena.used;
  return LNSP_OK;
}

/* Reads the texts, and checks that each ends where its size says. */
static int32_t store_read_texts(lnsp_store *store, const lnspi_record *record,
                                const uint32_t sizes[LNSPI_STORE_TEXTS], lnsp_error *error) {
  const size_t bytes = (size_t)(record->bytes - STORE_FIXED);
  char *at = store->texts;
  int32_t status =
      lnspi_journal_read(&store->journal, record->body + STORE_FIXED, at, bytes, error);
  if (status != LNSP_OK) return status;
  for (int32_t i = 0; i < LNSPI_STORE_TEXTS; i++) {
    if (at[sizes[i] - 1] || lnspi_str_length(at) + 1 != sizes[i])
      return lnspi_error_set_at(error, LNSP_E_FORMAT, (int64_t)record->at, NULL,
                                "the store is damaged: its texts do not end where they should");
    store->plan.text[i] = at;
    at += sizes[i];
  }
  return LNSP_OK;
}

int32_t lnspi_store_open(const lnsp_device *device, int32_t read_only, int32_t salvage,
                         const lnsp_options *options, lnsp_store **out, lnsp_error *error) {
  uint32_t sizes[LNSPI_STORE_TEXTS];
  lnsp_store *store = NULL;
  lnspi_store_plan plan;
  lnspi_record record;
  int32_t status = store_read_device(device, salvage, &plan, sizes, &record, error);
  if (status == LNSP_OK)
    status = store_make(device, &plan, record.bytes - STORE_FIXED, options, &store, error);
  if (status != LNSP_OK) return status;
  lnspi_journal *j = &store->journal;
  status = store_read_texts(store, &record, sizes, error);
  if (read_only || salvage) j->read_only = 1;
  j->salvage = salvage;
  j->user = store;
  j->visit = store_visit;
  /* a cut leaves at most one record; twice that leaves a margin for damage */
  j->reach = 2 * lnspi_record_space(j, lnspi_float_coder_bound(store->plan.words));
  if (j->reach < STORE_REACH) j->reach = STORE_REACH;
  lnspi_progress_restart(&j->progress, device->size_bytes / 2);
  j->reports = 1;
  if (status == LNSP_OK) status = lnspi_journal_open(j, error);
  j->reports = 0; /* what follows may write */
  if (status == LNSP_OK) status = lnspi_progress_end(&j->progress, error);
  if (status == LNSP_OK) status = store_find_head_state(store, error);
  if (status == LNSP_OK)
    *out = store;
  else
    lnspi_block_close(&store->block);
  return status;
}

int32_t lnspi_store_sync(lnsp_store *store, const lnspi_record *record, lnsp_error *error) {
  if (LNSPI_RULE(SYNC_COMMIT)) {
    int32_t status = lnspi_journal_sync(&store->journal, error);
    if (status != LNSP_OK) return status;
  }
  return lnspi_store_note(store, record, error);
}
