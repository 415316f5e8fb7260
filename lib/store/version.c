/* Versions: what a record says of one, and finding the record of one.
 *
 * Records link backwards, so a version is found by walking from the newest. A walk through
 * all versions by index would be quadratic; the handle remembers where the last one ended
 * (its cursor), from which a higher index is reached by single steps.
 *
 * A version's state is in one or two records: a snapshot has all of it, a delta what differs
 * from the snapshot it names by its place, and a rollback has nothing but the number of the
 * version whose state it has again. That one is never a rollback itself, since whoever writes
 * the record follows the chain first; so a search takes two steps at most, and a store where it
 * would take three is damaged. */
#include "store/version.h"

#include "base/bytes.h"
#include "base/error.h"
#include "store/record_scan.h"

void lnspi_version_encode(const lnspi_version *v, uint8_t info[LNSPI_INFO_BYTES]) {
  memset(info, 0, LNSPI_INFO_BYTES);
  lnspi_store64(info + LNSPI_VERSION_AT_NUMBER, v->number);
  lnspi_store64(info + LNSPI_VERSION_AT_OF, v->of);
  lnspi_store64(info + LNSPI_VERSION_AT_BASE, v->base);
  lnspi_store64(info + LNSPI_VERSION_AT_TIME, v->time);
  lnspi_store64(info + LNSPI_VERSION_AT_STEP, v->step);
  lnspi_store32(info + LNSPI_VERSION_AT_LOSS, lnspi_float_bits(v->loss));
  lnspi_store32(info + LNSPI_VERSION_AT_SUM, v->sum);
  memcpy(info + LNSPI_VERSION_AT_HASH, v->hash, 32);
  memcpy(info + LNSPI_VERSION_AT_TAG, v->tag, LNSPI_TAG_BYTES);
  memcpy(info + LNSPI_VERSION_AT_SENDER, v->sender, LNSPI_SENDER_BYTES);
  lnspi_store64(info + LNSPI_VERSION_AT_NONCE, v->nonce);
}

void lnspi_version_decode(const uint8_t info[LNSPI_INFO_BYTES], lnspi_version *v) {
  v->number = lnspi_load64(info + LNSPI_VERSION_AT_NUMBER);
  v->of = lnspi_load64(info + LNSPI_VERSION_AT_OF);
  v->base = lnspi_load64(info + LNSPI_VERSION_AT_BASE);
  v->time = lnspi_load64(info + LNSPI_VERSION_AT_TIME);
  v->step = lnspi_load64(info + LNSPI_VERSION_AT_STEP);
  v->loss = lnspi_bits_float(lnspi_load32(info + LNSPI_VERSION_AT_LOSS));
  v->sum = lnspi_load32(info + LNSPI_VERSION_AT_SUM);
  memcpy(v->hash, info + LNSPI_VERSION_AT_HASH, 32);
  memcpy(v->tag, info + LNSPI_VERSION_AT_TAG, LNSPI_TAG_BYTES);
  v->tag[LNSPI_TAG_BYTES - 1] = 0;
  memcpy(v->sender, info + LNSPI_VERSION_AT_SENDER, LNSPI_SENDER_BYTES);
  v->nonce = lnspi_load64(info + LNSPI_VERSION_AT_NONCE);
}

int lnspi_version_in_record(const lnspi_record *record) {
  return record->type == LNSPI_RECORD_SNAPSHOT || record->type == LNSPI_RECORD_DELTA ||
         record->type == LNSPI_RECORD_ROLLBACK;
}

/* Steps to the next older version. */
static int32_t version_back(lnsp_store *store, lnspi_record *record, int *found,
                            lnsp_error *error) {
  do {
    int32_t status = lnspi_record_scan_previous(&store->journal, record, record, found, error);
    if (status != LNSP_OK) return status;
  } while (*found && !lnspi_version_in_record(record));
  return LNSP_OK;
}

int32_t lnspi_version_at(lnsp_store *store, uint64_t index, lnspi_record *record, int *found,
                         lnsp_error *error) {
  uint64_t here = 0;
  *found = 0;
  if (index >= store->versions) return LNSP_OK;
  if (store->cursor_known && store->cursor <= index) {
    *record = store->at_cursor;
    here = store->cursor;
    *found = 1;
  } else {
    int32_t status = lnspi_record_scan_newest(&store->journal, record, found, error);
    if (status == LNSP_OK && *found && !lnspi_version_in_record(record))
      status = version_back(store, record, found, error);
    if (status != LNSP_OK) return status;
  }
  for (; *found && here < index; here++) {
    int32_t status = version_back(store, record, found, error);
    if (status != LNSP_OK) return status;
  }
  if (!*found) return LNSP_OK;
  store->cursor = index;
  store->cursor_known = 1;
  store->at_cursor = *record;
  return LNSP_OK;
}

int32_t lnspi_version_find(lnsp_store *store, uint64_t number, lnspi_record *record,
                           lnsp_error *error) {
  int found = 0;
  for (uint64_t i = 0; i < store->versions; i++) {
    int32_t status = lnspi_version_at(store, i, record, &found, error);
    if (status != LNSP_OK) return status;
    if (!found || lnspi_version_number(record) < number) break;
    if (lnspi_version_number(record) == number) return LNSP_OK;
  }
  return lnspi_error_set(
      error, LNSP_E_MISSING, NULL,
      "the store has no version %llu: it never existed, or compaction dropped it to make room",
      (unsigned long long)number);
}

int32_t lnspi_version_find_state(lnsp_store *store, uint64_t number, lnspi_record *record,
                                 lnsp_error *error) {
  int32_t status = lnspi_version_find(store, number, record, error);
  if (status != LNSP_OK || record->type != LNSPI_RECORD_ROLLBACK) return status;
  const uint64_t of = lnspi_load64(record->info + LNSPI_VERSION_AT_OF);
  status = lnspi_version_find(store, of, record, error);
  if (status != LNSP_OK || record->type != LNSPI_RECORD_ROLLBACK) return status;
  return lnspi_error_set_at(
      error, LNSP_E_FORMAT, (int64_t)record->at, NULL,
      "the store is damaged: version %llu goes back to one that has no state",
      (unsigned long long)number);
}

int32_t lnspi_version_snapshot(lnsp_store *store, const lnspi_record *state,
                               lnspi_record *snapshot, lnsp_error *error) {
  const lnspi_bank *log = &store->journal.log;
  const uint64_t at = log->bank_at + lnspi_load64(state->info + LNSPI_VERSION_AT_BASE);
  int good = 0;
  if (state->type == LNSPI_RECORD_SNAPSHOT) {
    *snapshot = *state;
    good = 1;
  } else if (at < state->at) {
    int32_t status = lnspi_record_scan_at(&store->journal, log, at, snapshot, &good, error);
    if (status != LNSP_OK) return status;
    good = good && snapshot->type == LNSPI_RECORD_SNAPSHOT;
  }
  if (good && snapshot->bytes == 4 * store->plan.words) return LNSP_OK;
  return lnspi_error_set_at(
      error, LNSP_E_MISMATCH, (int64_t)state->at, NULL,
      "the store is damaged: the snapshot of the record at byte %llu is missing",
      (unsigned long long)state->at);
}
