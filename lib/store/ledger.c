/* The ledger: the highest nonce of each sender, so that no delta is applied twice.
 *
 * Whoever recorded a delta could send it again, which would count it twice. So each sender
 * numbers its deltas, and a store accepts only numbers above the last one. The number is in
 * the record of the version that the delta made, so both are safe or neither; a rollback does
 * not take it back, and compaction writes one record with all of them. A sender is 16 bytes of
 * a hash of its name: the list has a fixed size, at most plan.senders of 24 bytes. */
#include "store/ledger.h"

#include "base/blake2s.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/str.h"
#include "store/bank.h"
#include "store/record.h"
#include "store/record_write.h"
#include "store/store_compact.h"

#define LEDGER_ENTRY (LNSPI_SENDER_BYTES + 8) /* id, nonce */

void lnspi_ledger_id(const char *sender, uint8_t id[LNSPI_SENDER_BYTES]) {
  lnspi_blake2s hash;
  uint8_t digest[32];
  lnspi_blake2s_init(&hash);
  lnspi_blake2s_update(&hash, sender, lnspi_str_length(sender));
  lnspi_blake2s_final(&hash, digest);
  memcpy(id, digest, LNSPI_SENDER_BYTES);
}

static lnspi_sender *ledger_find(const lnsp_store *store,
                                 const uint8_t id[LNSPI_SENDER_BYTES]) {
  for (int32_t i = 0; i < store->sender_count; i++)
    if (!memcmp(store->senders[i].id, id, LNSPI_SENDER_BYTES)) return &store->senders[i];
  return NULL;
}

int32_t lnspi_ledger_note(lnsp_store *store, const uint8_t id[LNSPI_SENDER_BYTES],
                          uint64_t nonce, lnsp_error *error) {
  lnspi_sender *entry = ledger_find(store, id);
  if (!entry) {
    if (store->sender_count >= (int32_t)store->plan.senders)
      return lnspi_error_set(error, LNSP_E_FORMAT, NULL,
                             "the store's ledger names more than its %u senders: it is damaged",
                             (unsigned)store->plan.senders);
    entry = &store->senders[store->sender_count++];
    memcpy(entry->id, id, LNSPI_SENDER_BYTES);
    entry->nonce = 0;
  }
  if (nonce > entry->nonce) entry->nonce = nonce;
  return LNSP_OK;
}

int32_t lnspi_ledger_check(const lnsp_store *store, const char *sender, uint64_t nonce,
                           lnsp_error *error) {
  uint8_t id[LNSPI_SENDER_BYTES];
  lnspi_ledger_id(sender, id);
  const lnspi_sender *entry = ledger_find(store, id);
  if (!nonce)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, sender,
                           "a sender's nonce must be at least 1");
  if (entry && nonce <= entry->nonce)
    return lnspi_error_set(
        error, LNSP_E_STATE, sender,
        "'%s' has sent number %llu already, and this is number %llu: it was sent before, or "
        "arrived late",
        sender, (unsigned long long)entry->nonce, (unsigned long long)nonce);
  if (!entry && store->sender_count >= (int32_t)store->plan.senders)
    return lnspi_error_set(
        error, LNSP_E_LIMIT, sender,
        "the ledger of the store is full (%u senders): create a store for more senders",
        (unsigned)store->plan.senders);
  return LNSP_OK;
}

int32_t lnspi_ledger_read(lnsp_store *store, const lnspi_record *record, lnsp_error *error) {
  uint8_t entry[LEDGER_ENTRY];
  uint32_t crc = 0;
  for (uint64_t left = record->bytes, at = record->body; left >= LEDGER_ENTRY;
       left -= LEDGER_ENTRY, at += LEDGER_ENTRY) {
    int32_t status = lnspi_journal_read(&store->journal, at, entry, sizeof entry, error);
    crc = lnspi_crc32c(crc, entry, sizeof entry);
    if (status == LNSP_OK)
      status = lnspi_ledger_note(store, entry, lnspi_load64(entry + LNSPI_SENDER_BYTES), error);
    if (status != LNSP_OK) return status;
  }
  if ((crc != record->crc || record->bytes % LEDGER_ENTRY) && !store->journal.salvage)
    return lnspi_error_set_at(error, LNSP_E_MISMATCH, (int64_t)record->at, NULL,
                              "the store is damaged: its ledger of senders at byte %llu is "
                              "unreadable; open it with salvage to read the versions",
                              (unsigned long long)record->at);
  return LNSP_OK;
}

static int32_t ledger_put(lnsp_store *store, const lnspi_sender *sender, lnsp_error *error) {
  uint8_t entry[LEDGER_ENTRY];
  memcpy(entry, sender->id, LNSPI_SENDER_BYTES);
  lnspi_store64(entry + LNSPI_SENDER_BYTES, sender->nonce);
  return lnspi_record_write(&store->journal, entry, sizeof entry, error);
}

int32_t lnspi_ledger_write(lnsp_store *store, lnspi_bank *log, uint32_t flags,
                           lnsp_error *error) {
  const uint8_t info[LNSPI_INFO_BYTES] = {0};
  lnspi_record record;
  if (!store->sender_count || !LNSPI_RULE(LEDGER)) return LNSP_OK;
  int32_t status =
      lnspi_record_write_start(&store->journal, log, LNSPI_RECORD_LEDGER, flags, error);
  for (int32_t i = 0; i < store->sender_count; i++) {
    if (status == LNSP_OK) status = ledger_put(store, &store->senders[i], error);
    if (status != LNSP_OK) return status;
  }
  return lnspi_record_write_end(&store->journal, log, info, &record, error);
}

int32_t lnspi_ledger_add(lnsp_store *store, const char *sender, uint64_t nonce,
                         lnsp_error *error) {
  const uint8_t info[LNSPI_INFO_BYTES] = {0};
  lnspi_sender entry;
  lnspi_record record;
  lnspi_journal *j = &store->journal;
  int32_t status = lnspi_ledger_check(store, sender, nonce, error);
  if (status == LNSP_OK) status = lnspi_journal_writable(j, error);
  if (status == LNSP_OK && !lnspi_bank_fits(j, &j->log, LEDGER_ENTRY))
    status = lnspi_store_compact(store, lnspi_record_space(j, LEDGER_ENTRY), 0, error);
  if (status != LNSP_OK) return status;
  lnspi_ledger_id(sender, entry.id);
  entry.nonce = nonce;
  status = lnspi_record_write_start(j, &j->log, LNSPI_RECORD_LEDGER, 0, error);
  if (status == LNSP_OK) status = ledger_put(store, &entry, error);
  if (status == LNSP_OK) status = lnspi_record_write_end(j, &j->log, info, &record, error);
  return status != LNSP_OK ? status : lnspi_store_sync(store, &record, error);
}
