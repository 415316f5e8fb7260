/* Banks: the layout of a bank's header, which bank counts, and where its log ends.
 *
 *   device: | header | log ...            | header | log ...            |
 *             bank 0                        bank 1
 *
 * A bank counts from the moment its header is on the device, and the header is written
 * last: after the copies of a compaction were synced. So at any cut there is a bank with a
 * good header whose records are whole, and of two the one with the higher generation is
 * meant. The header also says what the copied records were (how many, the last one and its
 * chain), so that losing all of them cannot look like an empty log.
 *
 * One damage this does not cover by itself: if the header of the newer bank rots, the older
 * bank would count again and everything since the compaction would be gone silently. So a
 * bank without a header is looked into, and records of a later generation that compaction
 * did not write are reported. */
#include "store/bank.h"

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/min_max.h"
#include "store/record.h"
#include "store/record_scan.h"

#define BANK_MAGIC 0x426a6e6cu /* "lnjB" */
#define BANK_VERSION 1
#define BANK_REACH 65536 /* bytes without a head that are searched at least */

/* Offsets in a header. COPIED_END to CHAIN are of the copied records: where they end, and
 * number, place and chain of the last one. FIRST is the chain before the first record. */
enum { BANK_AT_MAGIC = 0, BANK_AT_VERSION = 4, BANK_AT_GENERATION = 8, BANK_AT_BANK = 12 };
enum { BANK_AT_DEVICE_BYTES = 16, BANK_AT_ERASE_BYTES = 24, BANK_AT_PROGRAM_BYTES = 28 };
enum { BANK_AT_COPIED_END = 32, BANK_AT_SEQUENCE = 40, BANK_AT_NEWEST = 48 };
enum { BANK_AT_FIRST = 56, BANK_AT_CHAIN = 88, BANK_AT_CRC = 252 };
_Static_assert(BANK_AT_FIRST + 32 == BANK_AT_CHAIN, "the first chain fills its place");
_Static_assert(BANK_AT_CHAIN + 32 <= BANK_AT_CRC, "the chain ends before the checksum");
_Static_assert(BANK_AT_CRC + 4 == LNSPI_HEAD_BYTES, "the checksum ends the header");

void lnspi_bank_encode(const lnspi_journal *j, const lnspi_bank *log,
                       uint8_t raw[LNSPI_HEAD_BYTES]) {
  memset(raw, 0, LNSPI_HEAD_BYTES);
  lnspi_store32(raw + BANK_AT_MAGIC, BANK_MAGIC);
  lnspi_store32(raw + BANK_AT_VERSION, BANK_VERSION);
  lnspi_store32(raw + BANK_AT_GENERATION, log->generation);
  lnspi_store32(raw + BANK_AT_BANK, log->bank);
  lnspi_store64(raw + BANK_AT_DEVICE_BYTES, j->device.size_bytes);
  lnspi_store32(raw + BANK_AT_ERASE_BYTES, j->device.erase_bytes);
  lnspi_store32(raw + BANK_AT_PROGRAM_BYTES, j->device.program_bytes);
  lnspi_store64(raw + BANK_AT_COPIED_END, log->tail - log->bank_at);
  lnspi_store64(raw + BANK_AT_SEQUENCE, log->sequence);
  lnspi_store64(raw + BANK_AT_NEWEST, log->newest);
  memcpy(raw + BANK_AT_FIRST, log->first, 32);
  memcpy(raw + BANK_AT_CHAIN, log->chain, 32);
  lnspi_store32(raw + BANK_AT_CRC, lnspi_crc32c(0, raw, BANK_AT_CRC));
}

static int32_t bank_check_device(const lnspi_journal *j, uint32_t bank, const uint8_t *raw,
                                 lnsp_error *error) {
  const uint64_t bytes = lnspi_load64(raw + BANK_AT_DEVICE_BYTES);
  const uint32_t erase = lnspi_load32(raw + BANK_AT_ERASE_BYTES);
  const uint32_t program = lnspi_load32(raw + BANK_AT_PROGRAM_BYTES);
  const uint32_t version = lnspi_load32(raw + BANK_AT_VERSION);
  if (version != BANK_VERSION)
    return lnspi_error_set(error, LNSP_E_UNSUPPORTED, NULL,
                           "the store has format version %u; this library reads version %d",
                           (unsigned)version, BANK_VERSION);
  if (bytes != j->device.size_bytes || erase != j->device.erase_bytes ||
      program != j->device.program_bytes || lnspi_load32(raw + BANK_AT_BANK) != bank)
    return lnspi_error_set(error, LNSP_E_MISMATCH, NULL,
                           "the store was made on a device of %llu bytes, erased by %u and "
                           "programmed by %u: open it on one of the same sizes",
                           (unsigned long long)bytes, (unsigned)erase, (unsigned)program);
  return LNSP_OK;
}

/* Reads a bank's header; *good 0: there is none. */
static int32_t bank_decode(lnspi_journal *j, uint32_t bank, lnspi_bank *log, int *good,
                           lnsp_error *error) {
  uint8_t raw[LNSPI_HEAD_BYTES];
  lnspi_bank_start(j, bank, log);
  *good = 0;
  int32_t status = lnspi_journal_read(j, log->bank_at, raw, sizeof raw, error);
  if (status != LNSP_OK || lnspi_load32(raw + BANK_AT_MAGIC) != BANK_MAGIC) return status;
  if (LNSPI_RULE(BANK_SUM) &&
      lnspi_load32(raw + BANK_AT_CRC) != lnspi_crc32c(0, raw, BANK_AT_CRC))
    return LNSP_OK;
  status = bank_check_device(j, bank, raw, error);
  if (status != LNSP_OK) return status;
  log->generation = lnspi_load32(raw + BANK_AT_GENERATION);
  log->copied = log->bank_at + lnspi_load64(raw + BANK_AT_COPIED_END);
  log->sequence = lnspi_load64(raw + BANK_AT_SEQUENCE);
  log->newest = lnspi_load64(raw + BANK_AT_NEWEST);
  memcpy(log->first, raw + BANK_AT_FIRST, 32);
  memcpy(log->chain, raw + BANK_AT_CHAIN, 32);
  *good = log->generation > 0 && log->copied >= log->start && log->copied <= log->end;
  return LNSP_OK;
}

/* Refuses if the bank without a header has records later than all of the other bank's.
 * Copies alone prove nothing: an interrupted compaction leaves them too. */
static int32_t bank_check_lost(lnspi_journal *j, uint32_t bank, uint32_t generation,
                               lnsp_error *error) {
  lnspi_bank log;
  lnspi_record record;
  int good = 0;
  if (!LNSPI_RULE(LOST_HEADER) || j->salvage) return LNSP_OK;
  lnspi_bank_start(j, bank, &log);
  int32_t status = lnspi_record_scan_at(j, &log, log.start, &record, &good, error);
  if (status != LNSP_OK || !good || record.generation <= generation) return status;
  /* what a cut leaves between two records is no larger than a record */
  uint64_t reach = BANK_REACH, end = log.start, at = log.start;
  while (at < log.end && at - end <= reach) {
    status = lnspi_record_scan_at(j, &log, at, &record, &good, error);
    if (status != LNSP_OK) return status;
    if (!good) {
      at += j->unit;
      continue;
    }
    if (record.generation > generation && !(record.flags & LNSPI_RECORD_COPIED))
      return lnspi_error_set_at(
          error, LNSP_E_MISMATCH, (int64_t)log.bank_at, NULL,
          "the store is damaged: the header at byte %llu is unreadable, but newer records "
          "follow it; open the store with salvage to read the older ones",
          (unsigned long long)log.bank_at);
    end = record.end;
    reach = lnspi_max_u64(reach, 2 * (end - at));
    at = end;
  }
  return LNSP_OK;
}

int32_t lnspi_bank_choose(lnspi_journal *j, lnspi_bank *log, lnsp_error *error) {
  lnspi_bank banks[2];
  int good[2];
  for (uint32_t b = 0; b < 2; b++) {
    int32_t status = bank_decode(j, b, &banks[b], &good[b], error);
    if (status != LNSP_OK) return status;
  }
  if (!good[0] && !good[1])
    return lnspi_error_set(
        error, LNSP_E_FORMAT, NULL,
        "this is not a store: it has no header; create one with lnsp_store_create");
  uint32_t newest = good[1] && (!good[0] || banks[1].generation > banks[0].generation);
  if (!LNSPI_RULE(NEWEST_BANK) && good[0] && good[1]) newest = !newest;
  *log = banks[newest];
  if (good[!newest]) return LNSP_OK;
  return bank_check_lost(j, !newest, log->generation, error);
}

void lnspi_bank_start(const lnspi_journal *j, uint32_t bank, lnspi_bank *log) {
  memset(log, 0, sizeof *log);
  log->bank = bank;
  log->bank_at = bank * j->bank_bytes;
  log->start = log->tail = log->bank_at + j->device.erase_bytes;
  log->end = log->bank_at + j->bank_bytes;
}

int lnspi_bank_fits(const lnspi_journal *j, const lnspi_bank *log, uint64_t bytes) {
  return log->end - log->tail >= lnspi_record_space(j, bytes);
}
