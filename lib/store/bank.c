/* Banks: which one counts, and where its log ends. */
#include "store/bank.h"

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "store/record.h"
#include "store/record_scan.h"

#define BANK_MAGIC 0x426a6e6cu /* "lnjB" */
#define BANK_VERSION 1
#define BANK_REACH 65536

/* magic 0, version 4, generation 8, bank 12, device size 16, erase 24, program 28, end of
 * the copied records 32, their number 40, the last one 48, chains 56 and 88, checksum 252 */
void lnspi_bank_encode(const lnspi_journal *j, const lnspi_bank *log, uint8_t *to) {
  memset(to, 0, LNSPI_HEAD_BYTES);
  lnspi_store32(to, BANK_MAGIC);
  lnspi_store32(to + 4, BANK_VERSION);
  lnspi_store32(to + 8, log->generation);
  lnspi_store32(to + 12, log->bank);
  lnspi_store64(to + 16, j->device.size_bytes);
  lnspi_store32(to + 24, j->device.erase_bytes);
  lnspi_store32(to + 28, j->device.program_bytes);
  lnspi_store64(to + 32, log->tail - log->bank_at);
  lnspi_store64(to + 40, log->sequence);
  lnspi_store64(to + 48, log->newest);
  memcpy(to + 56, log->first, 32);
  memcpy(to + 88, log->chain, 32);
  lnspi_store32(to + 252, lnspi_crc32c(0, to, 252));
}

/* A bank's header; *good 0: there is none. */
static int32_t bank_decode(lnspi_journal *j, uint32_t bank, lnspi_bank *log, int *good,
                           lnsp_error *error) {
  uint8_t raw[LNSPI_HEAD_BYTES];
  lnspi_bank_start(j, bank, log);
  *good = 0;
  int32_t status = lnspi_journal_read(j, log->bank_at, raw, sizeof raw, error);
  if (status != LNSP_OK || lnspi_load32(raw) != BANK_MAGIC) return status;
  if (LNSPI_RULE(BANK_SUM) && lnspi_load32(raw + 252) != lnspi_crc32c(0, raw, 252))
    return LNSP_OK;
  if (lnspi_load32(raw + 4) != BANK_VERSION)
    return lnspi_error_set(error, LNSP_E_UNSUPPORTED, NULL,
                           "the store is of version %u; this library reads version %d",
                           (unsigned)lnspi_load32(raw + 4), BANK_VERSION);
  if (lnspi_load64(raw + 16) != j->device.size_bytes ||
      lnspi_load32(raw + 24) != j->device.erase_bytes ||
      lnspi_load32(raw + 28) != j->device.program_bytes || lnspi_load32(raw + 12) != bank)
    return lnspi_error_set(error, LNSP_E_MISMATCH, NULL,
                           "the store was made on a device of %llu bytes, erased by %u and "
                           "programmed by %u: open it on one of the same sizes",
                           (unsigned long long)lnspi_load64(raw + 16),
                           (unsigned)lnspi_load32(raw + 24), (unsigned)lnspi_load32(raw + 28));
  log->generation = lnspi_load32(raw + 8);
  log->copied = log->bank_at + lnspi_load64(raw + 32);
  log->sequence = lnspi_load64(raw + 40);
  log->newest = lnspi_load64(raw + 48);
  memcpy(log->first, raw + 56, 32);
  memcpy(log->chain, raw + 88, 32);
  *good = log->generation > 0 && log->copied >= log->start && log->copied <= log->end;
  return LNSP_OK;
}

/* A bank whose header is gone, but in which there are records later than all of the other
 * bank's: falling back would lose them without a word. Copies alone say nothing: they are
 * what an interrupted compaction leaves. */
static int32_t bank_check_lost(lnspi_journal *j, uint32_t bank, uint32_t generation,
                               lnsp_error *error) {
  lnspi_bank log;
  lnspi_record record;
  int good = 0;
  if (!LNSPI_RULE(LOST_HEADER) || j->salvage) return LNSP_OK;
  lnspi_bank_start(j, bank, &log);
  int32_t status = lnspi_record_scan_at(j, &log, log.start, &record, &good, error);
  if (status != LNSP_OK || !good || record.generation <= generation) return status;
  /* what a cut left between two records is no larger than a record */
  uint64_t reach = BANK_REACH, end = log.start;
  for (uint64_t at = log.start; at < log.end && at - end <= reach;
       at = good ? record.end : at + j->unit) {
    status = lnspi_record_scan_at(j, &log, at, &record, &good, error);
    if (status != LNSP_OK) return status;
    if (good) end = record.end;
    if (good && 2 * (record.end - at) > reach) reach = 2 * (record.end - at);
    if (good && record.generation > generation && !(record.flags & LNSPI_RECORD_COPIED))
      return lnspi_error_set_at(
          error, LNSP_E_MISMATCH, (int64_t)log.bank_at, NULL,
          "the store is damaged: the header at byte %llu is not readable, but "
          "the newest records lie behind it. Open it with salvage to read the "
          "older ones",
          (unsigned long long)log.bank_at);
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
    return lnspi_error_set(error, LNSP_E_FORMAT, NULL,
                           "there is no store here: neither bank has a header");
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
