/* Versions: what a record says of one, and finding them. */
#include "store/version.h"

#include "base/bytes.h"
#include "base/error.h"
#include "store/record_scan.h"

void lnspi_version_encode(const lnspi_version *v, uint8_t info[LNSPI_INFO_BYTES]) {
  memset(info, 0, LNSPI_INFO_BYTES);
  lnspi_store64(info, v->number);
  lnspi_store64(info + 8, v->of);
  lnspi_store64(info + 16, v->base);
  lnspi_store64(info + 24, v->time);
  lnspi_store64(info + 32, v->step);
  lnspi_store32(info + 40, lnspi_float_bits(v->loss));
  lnspi_store32(info + 44, v->sum);
  memcpy(info + 48, v->hash, 32);
  memcpy(info + 80, v->tag, LNSPI_TAG_BYTES);
  memcpy(info + 120, v->sender, LNSPI_SENDER_BYTES);
  lnspi_store64(info + 136, v->nonce);
}

void lnspi_version_decode(const uint8_t info[LNSPI_INFO_BYTES], lnspi_version *v) {
  v->number = lnspi_load64(info);
  v->of = lnspi_load64(info + 8);
  v->base = lnspi_load64(info + 16);
  v->time = lnspi_load64(info + 24);
  v->step = lnspi_load64(info + 32);
  v->loss = lnspi_bits_float(lnspi_load32(info + 40));
  v->sum = lnspi_load32(info + 44);
  memcpy(v->hash, info + 48, 32);
  memcpy(v->tag, info + 80, LNSPI_TAG_BYTES);
  v->tag[LNSPI_TAG_BYTES - 1] = 0;
  memcpy(v->sender, info + 120, LNSPI_SENDER_BYTES);
  v->nonce = lnspi_load64(info + 136);
}

int lnspi_version_in_record(const lnspi_record *record) {
  return record->type == LNSPI_RECORD_SNAPSHOT || record->type == LNSPI_RECORD_DELTA ||
         record->type == LNSPI_RECORD_ROLLBACK;
}

/* The next version towards the oldest. */
static int32_t version_back(lnsp_store *store, lnspi_record *record, int *found,
                            lnsp_error *error) {
  int32_t status;
  do {
    status = lnspi_record_scan_previous(&store->journal, record, record, found, error);
  } while (status == LNSP_OK && *found && !lnspi_version_in_record(record));
  return status;
}

int32_t lnspi_version_at(lnsp_store *store, uint64_t index, lnspi_record *record, int *found,
                         lnsp_error *error) {
  int32_t status = LNSP_OK;
  uint64_t here = 0;
  *found = 0;
  if (index >= store->versions) return LNSP_OK;
  if (store->cursor_known && store->cursor <= index) {
    *record = store->at_cursor;
    here = store->cursor;
    *found = 1;
  } else {
    status = lnspi_record_scan_newest(&store->journal, record, found, error);
    if (status == LNSP_OK && *found && !lnspi_version_in_record(record))
      status = version_back(store, record, found, error);
  }
  for (; status == LNSP_OK && *found && here < index; here++)
    status = version_back(store, record, found, error);
  if (status != LNSP_OK || !*found) return status;
  store->cursor = index;
  store->cursor_known = 1;
  store->at_cursor = *record;
  return LNSP_OK;
}

int32_t lnspi_version_find(lnsp_store *store, uint64_t number, lnspi_record *record,
                           lnsp_error *error) {
  int found = 0;
  int32_t status = LNSP_OK;
  for (uint64_t i = 0; i < store->versions; i++) {
    status = lnspi_version_at(store, i, record, &found, error);
    if (status != LNSP_OK) return status;
    if (!found || lnspi_load64(record->info) < number) break;
    if (lnspi_load64(record->info) == number) return LNSP_OK;
  }
  return lnspi_error_set(
      error, LNSP_E_MISSING, NULL,
      "the store has no version %llu: it was never there, or compaction let it go "
      "for want of room",
      (unsigned long long)number);
}

int32_t lnspi_version_image(lnsp_store *store, uint64_t number, lnspi_record *record,
                            lnsp_error *error) {
  int32_t status = lnspi_version_find(store, number, record, error);
  if (status != LNSP_OK || record->type != LNSPI_RECORD_ROLLBACK) return status;
  const uint64_t of = lnspi_load64(record->info + 8);
  status = lnspi_version_find(store, of, record, error);
  if (status != LNSP_OK || record->type != LNSPI_RECORD_ROLLBACK) return status;
  return lnspi_error_set_at(
      error, LNSP_E_FORMAT, (int64_t)record->at, NULL,
      "the store is damaged: version %llu goes back to one without an image",
      (unsigned long long)number);
}

int32_t lnspi_version_snapshot(lnsp_store *store, const lnspi_record *image,
                               lnspi_record *snapshot, lnsp_error *error) {
  const lnspi_bank *log = &store->journal.log;
  const uint64_t at = log->bank_at + lnspi_load64(image->info + 16);
  int good = 0;
  if (image->type == LNSPI_RECORD_SNAPSHOT) {
    *snapshot = *image;
    good = 1;
  } else if (at < image->at) {
    int32_t status = lnspi_record_scan_at(&store->journal, log, at, snapshot, &good, error);
    if (status != LNSP_OK) return status;
    good = good && snapshot->type == LNSPI_RECORD_SNAPSHOT;
  }
  if (good && snapshot->bytes == 4 * store->plan.words) return LNSP_OK;
  return lnspi_error_set_at(
      error, LNSP_E_MISMATCH, (int64_t)image->at, NULL,
      "the store is damaged: the snapshot that the record at byte %llu builds "
      "on is not there",
      (unsigned long long)image->at);
}
