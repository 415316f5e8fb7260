/* The layout of a record.
 *
 *   | head (256 bytes) | filler | payload | filler | next head ...
 *   ^ at                        ^ body             ^ end
 *
 * Filler is 0xFF up to a program unit, so that a unit is programmed once. docs/store.md has
 * the same table as the offsets below. The checksum of the head says that it is a head at
 * all; the chain says which record it follows; the checksum of the payload is a member of
 * the head, so that one hash, the chain, covers everything that was ever written. */
#include "store/record.h"

#include "base/blake2s.h"
#include "base/bytes.h"
#include "base/crc32c.h"

/* Offsets in a head. The chain covers what is before it, and so does the checksum. */
enum { RECORD_AT_MAGIC = 0, RECORD_AT_TYPE = 4, RECORD_AT_FLAGS = 5 };
enum { RECORD_AT_GENERATION = 8, RECORD_AT_PAYLOAD_CRC = 12, RECORD_AT_SEQUENCE = 16 };
enum { RECORD_AT_BYTES = 24, RECORD_AT_PREVIOUS = 32, RECORD_AT_INFO = 40 };
enum { RECORD_AT_CHAIN = 216, RECORD_AT_CRC = 252 };
_Static_assert(RECORD_AT_INFO + LNSPI_INFO_BYTES == RECORD_AT_CHAIN, "info fills its place");
_Static_assert(RECORD_AT_CHAIN + 32 <= RECORD_AT_CRC, "the chain ends before the checksum");
_Static_assert(RECORD_AT_CRC + 4 == LNSPI_HEAD_BYTES, "the checksum ends the head");

uint64_t lnspi_record_space(const lnspi_journal *j, uint64_t bytes) {
  return j->head + lnspi_journal_round(bytes, j->unit);
}

void lnspi_record_chain(const uint8_t before[32], const uint8_t raw[LNSPI_HEAD_BYTES],
                        uint8_t chain[32]) {
  lnspi_blake2s hash;
  lnspi_blake2s_init(&hash);
  lnspi_blake2s_update(&hash, before, 32);
  lnspi_blake2s_update(&hash, raw, RECORD_AT_CHAIN);
  lnspi_blake2s_final(&hash, chain);
}

void lnspi_record_encode(lnspi_record *record, const uint8_t before[32],
                         uint8_t raw[LNSPI_HEAD_BYTES]) {
  memset(raw, 0, LNSPI_HEAD_BYTES);
  lnspi_store32(raw + RECORD_AT_MAGIC, LNSPI_RECORD_MAGIC);
  raw[RECORD_AT_TYPE] = (uint8_t)record->type;
  raw[RECORD_AT_FLAGS] = (uint8_t)record->flags;
  lnspi_store32(raw + RECORD_AT_GENERATION, record->generation);
  lnspi_store32(raw + RECORD_AT_PAYLOAD_CRC, record->crc);
  lnspi_store64(raw + RECORD_AT_SEQUENCE, record->sequence);
  lnspi_store64(raw + RECORD_AT_BYTES, record->bytes);
  lnspi_store64(raw + RECORD_AT_PREVIOUS, record->previous);
  memcpy(raw + RECORD_AT_INFO, record->info, LNSPI_INFO_BYTES);
  lnspi_record_chain(before, raw, record->chain);
  memcpy(raw + RECORD_AT_CHAIN, record->chain, 32);
  lnspi_store32(raw + RECORD_AT_CRC, lnspi_crc32c(0, raw, RECORD_AT_CRC));
}

int lnspi_record_decode(const lnspi_journal *j, const lnspi_bank *log, uint64_t at,
                        const uint8_t raw[LNSPI_HEAD_BYTES], lnspi_record *r) {
  if (lnspi_load32(raw + RECORD_AT_MAGIC) != LNSPI_RECORD_MAGIC) return 0;
  if (LNSPI_RULE(HEAD_SUM) &&
      lnspi_load32(raw + RECORD_AT_CRC) != lnspi_crc32c(0, raw, RECORD_AT_CRC))
    return 0;
  memset(r, 0, sizeof *r);
  r->at = at;
  r->body = at + j->head;
  r->type = raw[RECORD_AT_TYPE];
  r->flags = raw[RECORD_AT_FLAGS];
  r->generation = lnspi_load32(raw + RECORD_AT_GENERATION);
  r->crc = lnspi_load32(raw + RECORD_AT_PAYLOAD_CRC);
  r->sequence = lnspi_load64(raw + RECORD_AT_SEQUENCE);
  r->bytes = lnspi_load64(raw + RECORD_AT_BYTES);
  r->previous = lnspi_load64(raw + RECORD_AT_PREVIOUS);
  if (log->generation && r->generation != log->generation) return 0;
  if (r->body > log->end || r->bytes > log->end - r->body) return 0;
  if (r->previous >= j->bank_bytes || (r->previous && log->bank_at + r->previous >= at))
    return 0;
  r->end = r->body + lnspi_journal_round(r->bytes, j->unit);
  memcpy(r->info, raw + RECORD_AT_INFO, LNSPI_INFO_BYTES);
  memcpy(r->chain, raw + RECORD_AT_CHAIN, 32);
  return 1;
}
