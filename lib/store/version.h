/* Versions: what a record says of one, and finding the record of one. */
#ifndef LNSPI_STORE_VERSION_H
#define LNSPI_STORE_VERSION_H

#include "base/bytes.h"
#include "store/store.h"

/* What the record of a version says of it: offsets in its info. */
enum { LNSPI_VERSION_AT_NUMBER = 0, LNSPI_VERSION_AT_OF = 8, LNSPI_VERSION_AT_BASE = 16 };
enum { LNSPI_VERSION_AT_TIME = 24, LNSPI_VERSION_AT_STEP = 32, LNSPI_VERSION_AT_LOSS = 40 };
enum { LNSPI_VERSION_AT_SUM = 44, LNSPI_VERSION_AT_HASH = 48, LNSPI_VERSION_AT_TAG = 80 };
enum { LNSPI_VERSION_AT_SENDER = 120, LNSPI_VERSION_AT_NONCE = 136 };
enum { LNSPI_VERSION_AT_END = 144 };
_Static_assert(LNSPI_VERSION_AT_TAG + LNSPI_TAG_BYTES == LNSPI_VERSION_AT_SENDER,
               "the tag fits");
_Static_assert(LNSPI_VERSION_AT_SENDER + LNSPI_SENDER_BYTES == LNSPI_VERSION_AT_NONCE,
               "the sender fits");
_Static_assert(LNSPI_VERSION_AT_END <= LNSPI_INFO_BYTES, "a version fits into a record's info");

static inline uint64_t lnspi_version_number(const lnspi_record *record) {
  return lnspi_load64(record->info + LNSPI_VERSION_AT_NUMBER);
}

/* Turns words into little-endian bytes, in place. */
static inline const uint8_t *lnspi_version_words_to_bytes(uint32_t *words, size_t count) {
  uint8_t *bytes = (uint8_t *)words;
  for (size_t i = 0; i < count; i++) lnspi_store32(bytes + 4 * i, words[i]);
  return bytes;
}

void lnspi_version_encode(const lnspi_version *version, uint8_t info[LNSPI_INFO_BYTES]);
void lnspi_version_decode(const uint8_t info[LNSPI_INFO_BYTES], lnspi_version *version);

/* Whether a record is a version. */
int lnspi_version_in_record(const lnspi_record *record);

/* The version with an index from the newest (0) on; *found 0: past the oldest. */
int32_t lnspi_version_at(lnsp_store *store, uint64_t index, lnspi_record *record, int *found,
                         lnsp_error *error);
int32_t lnspi_version_find(lnsp_store *store, uint64_t number, lnspi_record *record,
                           lnsp_error *error);

/* The record that has a version's state: for a rollback, that of another version. */
int32_t lnspi_version_find_state(lnsp_store *store, uint64_t number, lnspi_record *record,
                                 lnsp_error *error);

/* The snapshot that a record with a state is or builds on. */
int32_t lnspi_version_snapshot(lnsp_store *store, const lnspi_record *state,
                               lnspi_record *snapshot, lnsp_error *error);

#endif
