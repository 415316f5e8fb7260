/* Writes a record: first the payload, piece by piece through the journal's buffer, then the
 * head. As the head holds the payload's checksum and comes last, a cut in between leaves no
 * head, and so no record. Nothing is synced here: a copy that compaction makes need not be. */
#include "store/record_write.h"

#include <string.h>

#include "base/crc32c.h"
#include "base/error.h"
#include "store/bank.h"
#include "store/record.h"

int32_t lnspi_record_write_start(lnspi_journal *j, const lnspi_bank *log, uint32_t type,
                                 uint32_t flags, lnsp_error *error) {
  int32_t status = lnspi_journal_writable(j, error);
  if (status != LNSP_OK) return status;
  if (!lnspi_bank_fits(j, log, 0))
    return lnspi_error_set(
        error, LNSP_E_LIMIT, NULL,
        "the store has no room for another record: make one on a larger device");
  j->ahead.at = 0;
  j->at = log->tail;
  j->put = log->tail + j->head;
  j->put_end = log->end;
  j->filled = 0;
  j->bytes = 0;
  j->crc = 0;
  j->type = type;
  j->flags = flags;
  return LNSP_OK;
}

/* Programs what the buffer holds, filled up to a program unit. */
static int32_t record_write_flush(lnspi_journal *j, lnsp_error *error) {
  const size_t unit = j->device.program_bytes, over = j->filled % unit;
  if (over && LNSPI_RULE(ALIGN)) {
    memset(j->buffer + j->filled, 0xFF, unit - over);
    j->filled += unit - over;
  }
  int32_t status = j->filled ? lnspi_journal_program(j, j->put, j->filled, error) : LNSP_OK;
  j->put += j->filled;
  j->filled = 0;
  return status;
}

int32_t lnspi_record_write(lnspi_journal *j, const void *data, size_t bytes,
                           lnsp_error *error) {
  const uint8_t *from = data;
  if (j->put_end - j->put - j->filled < bytes) {
    j->failed = 1; /* callers have made room, so this is a bug; what was programmed stays */
    return lnspi_error_set(
        error, LNSP_E_INTERNAL, NULL,
        "a record of the store is larger than computed: please report this error");
  }
  j->crc = lnspi_crc32c(j->crc, data, bytes);
  j->bytes += bytes;
  while (bytes) {
    size_t n = j->buffer_bytes - j->filled;
    if (n > bytes) n = bytes;
    memcpy(j->buffer + j->filled, from, n);
    j->filled += n;
    from += n;
    bytes -= n;
    if (j->filled < j->buffer_bytes) continue;
    int32_t status = record_write_flush(j, error);
    if (status != LNSP_OK) return status;
  }
  return LNSP_OK;
}

int32_t lnspi_record_write_end(lnspi_journal *j, lnspi_bank *log,
                               const uint8_t info[LNSPI_INFO_BYTES], lnspi_record *record,
                               lnsp_error *error) {
  const size_t size = (size_t)lnspi_journal_round(LNSPI_HEAD_BYTES, j->device.program_bytes);
  int32_t status = record_write_flush(j, error);
  if (status != LNSP_OK) return status;
  memset(record, 0, sizeof *record);
  record->at = j->at;
  record->body = j->at + j->head;
  record->bytes = j->bytes;
  record->end = record->body + lnspi_journal_round(j->bytes, j->unit);
  record->sequence = log->sequence + 1;
  record->previous = log->newest;
  record->type = j->type;
  record->flags = j->flags;
  record->generation = log->generation;
  record->crc = j->crc;
  memcpy(record->info, info, LNSPI_INFO_BYTES);
  memset(j->buffer, 0xFF, size);
  lnspi_record_encode(record, log->chain, j->buffer);
  status = lnspi_journal_program(j, j->at, size, error);
  if (status != LNSP_OK) return status;
  log->tail = record->end;
  log->sequence = record->sequence;
  log->newest = record->at - log->bank_at;
  memcpy(log->chain, record->chain, 32);
  return LNSP_OK;
}
