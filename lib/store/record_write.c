/* Writing a record. */
#include "store/record_write.h"

#include "base/blake2s.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "store/bank.h"

#define RECORD_WRITE_MAGIC 0x526a6e6cu /* "lnjR", as log.c reads it */

int32_t lnspi_record_write_start(lnspi_journal *j, const lnspi_bank *log, uint32_t type,
                                 uint32_t flags, lnsp_error *error) {
  int32_t status = lnspi_journal_writable(j, error);
  if (status != LNSP_OK) return status;
  if (!lnspi_bank_fits(j, log, 0))
    return lnspi_error_set(error, LNSP_E_LIMIT, NULL, "the store has no room for a record");
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

/* What the buffer holds, filled up to a program unit. */
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
    j->failed = 1; /* callers make room before */
    return lnspi_error_set(error, LNSP_E_INTERNAL, NULL,
                           "a record of the store is larger than was reckoned: please report");
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
  lnspi_blake2s hash;
  uint8_t *raw = j->buffer;
  size_t size = (LNSPI_HEAD_BYTES + j->device.program_bytes - 1) / j->device.program_bytes *
                j->device.program_bytes;
  int32_t status = record_write_flush(j, error);
  if (status != LNSP_OK) return status;
  memset(raw, 0xFF, size);
  memset(raw, 0, LNSPI_HEAD_BYTES);
  lnspi_store32(raw, RECORD_WRITE_MAGIC);
  raw[4] = (uint8_t)j->type;
  raw[5] = (uint8_t)j->flags;
  lnspi_store32(raw + 8, log->generation);
  lnspi_store32(raw + 12, j->crc);
  lnspi_store64(raw + 16, log->sequence + 1);
  lnspi_store64(raw + 24, j->bytes);
  lnspi_store64(raw + 32, log->newest);
  memcpy(raw + 40, info, LNSPI_INFO_BYTES);
  lnspi_blake2s_init(&hash);
  lnspi_blake2s_update(&hash, log->chain, 32);
  lnspi_blake2s_update(&hash, raw, 216);
  lnspi_blake2s_final(&hash, raw + 216);
  lnspi_store32(raw + 252, lnspi_crc32c(0, raw, 252));
  memset(record, 0, sizeof *record);
  record->at = j->at;
  record->body = j->at + j->head;
  record->bytes = j->bytes;
  record->end = record->body + (j->bytes + j->unit - 1) / j->unit * j->unit;
  record->sequence = log->sequence + 1;
  record->previous = log->newest;
  record->type = j->type;
  record->flags = j->flags;
  record->generation = log->generation;
  record->crc = j->crc;
  memcpy(record->info, info, LNSPI_INFO_BYTES);
  memcpy(record->chain, raw + 216, 32);
  status = lnspi_journal_program(j, j->at, size, error);
  if (status != LNSP_OK) return status;
  log->tail = record->end;
  log->sequence = record->sequence;
  log->newest = record->at - log->bank_at;
  memcpy(log->chain, record->chain, 32);
  return LNSP_OK;
}
