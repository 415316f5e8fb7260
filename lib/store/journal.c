/* The journal on its device: read, program, erase and sync; opening finds the end of the log.
 *
 * Two rules hold everything together. A record is acknowledged only after a sync, so what
 * was acknowledged is on the device. And after a failed write or sync nothing is written
 * again until the store is opened again: an operating system may have dropped the data and
 * report success the next time, and a device may have programmed half of it. The handle
 * then falls back to the log as of the last sync (`safe`), which can still be read.
 *
 * Opening walks the log from its first record. It refuses if a good record follows damage
 * (`rest.foreign`), or if the copied records are not the ones that the bank's header names:
 * then something that was acknowledged is gone, and guessing would hide it. What is
 * behind the last record and is no record is the trace of a cut; the tail is set behind it,
 * because a program unit must not be programmed twice between two erases. Last it syncs:
 * the process that wrote the newest record may have died before its own sync, and a record
 * that was reported must not disappear with the next power cut. */
#include "store/journal.h"

#include <string.h>

#include "base/error.h"
#include "store/bank.h"
#include "store/record_scan.h"

#define JOURNAL_BUFFER 4096

static int journal_power_of_two(uint32_t n) { return n && (n & (n - 1)) == 0; }

int32_t lnspi_journal_check(const lnsp_device *d, lnsp_error *error) {
  const uint64_t most = UINT64_C(1) << 62;
  if (!d->read || (!d->program != !d->erase) || (!d->program != !d->sync))
    return lnspi_error_set(
        error, LNSP_E_ARGUMENT, NULL,
        "a device needs the callbacks read, prog, erase and sync, or only read");
  if (!journal_power_of_two(d->program_bytes) || d->program_bytes > LNSPI_MAX_PROGRAM)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                           "device program_bytes is %u: give a power of two up to %d",
                           (unsigned)d->program_bytes, LNSPI_MAX_PROGRAM);
  if (!d->erase_bytes || d->erase_bytes % d->program_bytes || d->erase_bytes % 16 ||
      d->erase_bytes < LNSPI_HEAD_BYTES)
    return lnspi_error_set(
        error, LNSP_E_ARGUMENT, NULL,
        "device erase_bytes is %u: give a multiple of program_bytes and of 16, "
        "at least %d",
        (unsigned)d->erase_bytes, LNSPI_HEAD_BYTES);
  if (d->size_bytes / d->erase_bytes < 4 || d->size_bytes > most)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                           "device size_bytes is %llu: a store needs at least four erase units",
                           (unsigned long long)d->size_bytes);
  return LNSP_OK;
}

size_t lnspi_journal_buffer(const lnsp_device *d) {
  return d->program_bytes > JOURNAL_BUFFER ? d->program_bytes : JOURNAL_BUFFER;
}

void lnspi_journal_place(lnspi_journal *j, const lnsp_device *device, uint8_t *buffer,
                         size_t bytes) {
  memset(j, 0, sizeof *j);
  j->device = *device;
  j->bank_bytes = device->size_bytes / device->erase_bytes / 2 * device->erase_bytes;
  j->unit = device->program_bytes > 16 ? device->program_bytes : 16;
  if (!LNSPI_RULE(ALIGN)) j->unit = 4;
  j->head = lnspi_journal_round(LNSPI_HEAD_BYTES, j->unit);
  j->read_only = !device->program;
  j->buffer = buffer;
  j->buffer_bytes = bytes;
}

int32_t lnspi_journal_read(lnspi_journal *j, uint64_t at, void *to, size_t bytes,
                           lnsp_error *error) {
  if (!j->device.read(j->device.user, at, to, bytes))
    return j->reports ? lnspi_progress_add(&j->progress, bytes, error) : LNSP_OK;
  return lnspi_error_set_at(error, LNSP_E_IO, (int64_t)at, NULL,
                            "the store's device failed to read at byte %llu",
                            (unsigned long long)at);
}

int32_t lnspi_journal_writable(const lnspi_journal *j, lnsp_error *error) {
  if (j->failed && LNSPI_RULE(FAIL_STOP))
    return lnspi_error_set(
        error, LNSP_E_STATE, NULL,
        "an earlier write to the store failed, so this handle can only read: destroy it and "
        "open the store again");
  if (j->read_only || j->salvage)
    return lnspi_error_set(error, LNSP_E_STATE, NULL, "the store is open for reading only");
  return LNSP_OK;
}

/* The contents of the device are unknown after a failed write. */
static int32_t journal_failed(lnspi_journal *j, const char *what, uint64_t at,
                              lnsp_error *error) {
  j->failed = 1;
  if (LNSPI_RULE(FAIL_STOP)) j->log = j->safe; /* reads see what was acknowledged */
  return lnspi_error_set_at(
      error, LNSP_E_IO, (int64_t)at, NULL,
      "the store's device failed to %s at byte %llu; earlier versions are safe: destroy this "
      "handle and open the store again",
      what, (unsigned long long)at);
}

int32_t lnspi_journal_sync(lnspi_journal *j, lnsp_error *error) {
  if (j->device.sync(j->device.user)) return journal_failed(j, "sync", j->log.tail, error);
  j->safe = j->log;
  return LNSP_OK;
}

int32_t lnspi_journal_program(lnspi_journal *j, uint64_t at, size_t bytes, lnsp_error *error) {
  if (j->device.program(j->device.user, at, j->buffer, bytes))
    return journal_failed(j, "write", at, error);
  return LNSP_OK;
}

int32_t lnspi_journal_erase(lnspi_journal *j, uint64_t from, uint64_t to, lnsp_error *error) {
  for (uint64_t at = from; at < to; at += j->device.erase_bytes)
    if (j->device.erase(j->device.user, at)) return journal_failed(j, "erase", at, error);
  return LNSP_OK;
}

static int32_t journal_damaged(uint64_t at, uint64_t behind, lnsp_error *error) {
  return lnspi_error_set_at(
      error, LNSP_E_MISMATCH, (int64_t)at, NULL,
      "the store is damaged at byte %llu, but has good records after it (byte %llu): open it "
      "with salvage to read what is left, and commit that to a new store",
      (unsigned long long)at, (unsigned long long)behind);
}

/* Where the next record may go: behind what a cut left. */
static uint64_t journal_tail(const lnspi_journal *j, const lnspi_bank *log, uint64_t end,
                             uint64_t dirty) {
  uint64_t tail = end;
  if (LNSPI_RULE(SKIP_DIRTY) && dirty > tail) tail = lnspi_journal_round(dirty, j->unit);
  return tail < log->end ? tail : log->end;
}

int32_t lnspi_journal_open(lnspi_journal *j, lnsp_error *error) {
  lnspi_bank log;
  lnspi_record record;
  lnspi_record_scan_rest rest = {0, 0};
  int found = 1, any = 0;
  int32_t status = lnspi_bank_choose(j, &log, error);
  if (status != LNSP_OK) return status;
  uint8_t copied_chain[32];
  const uint64_t copied = log.sequence; /* of the last record that compaction wrote */
  uint64_t end = log.start;
  memcpy(copied_chain, log.chain, 32);
  log.sequence = log.newest = 0;
  memcpy(log.chain, log.first, 32);
  j->log.bank_at = log.bank_at; /* visit needs it */
  for (;;) {
    status =
        lnspi_record_scan_next(j, &log, any ? &record : NULL, &record, &found, &rest, error);
    if (status != LNSP_OK) return status;
    if (!found) break;
    any = 1;
    j->lost |= (int32_t)record.broken;
    end = record.end;
    if (j->visit) status = j->visit(j->user, &record, error);
    if (status != LNSP_OK) return status;
    if (record.sequence == copied && memcmp(record.chain, copied_chain, 32) && !j->salvage &&
        LNSPI_RULE(CHAIN))
      return journal_damaged(record.at, log.bank_at, error);
  }
  if (rest.foreign && LNSPI_RULE(REPORT) && !j->salvage)
    return journal_damaged(end, rest.foreign, error);
  if (copied && (!any || record.sequence < copied) && !j->salvage)
    return journal_damaged(end, log.bank_at, error);
  if (any) {
    log.sequence = record.sequence;
    log.newest = record.at - log.bank_at;
    memcpy(log.chain, record.chain, 32);
  }
  log.tail = journal_tail(j, &log, end, rest.dirty);
  j->log = j->safe = log;
  if (j->read_only || !LNSPI_RULE(SYNC_RECOVERY)) return LNSP_OK;
  return lnspi_journal_sync(j, error);
}
