/* Writing: records, and the other bank. */
#include "store/journal.h"

#include "base/memory.h"
#include "base/problem.h"

#define APPEND_MAGIC 0x526a6e6cu /* "lnjR", as log.c reads it */

int32_t lnspi_journal_writable(const lnspi_journal *j, lnsp_problem *problem) {
  if (j->failed && LNSPI_RULE(FAIL_STOP))
    return lnspi_fail(problem, LNSP_E_STATE, NULL,
                      "an earlier write to the store failed, so it is only read from now on: "
                      "destroy this handle and open the store again");
  if (j->read_only || j->salvage)
    return lnspi_fail(problem, LNSP_E_STATE, NULL, "the store is open for reading only");
  return LNSP_OK;
}

/* A failed write leaves behind what nobody knows: nothing is written after it. */
static int32_t append_failed(lnspi_journal *j, const char *what, uint64_t at,
                             lnsp_problem *problem) {
  j->failed = 1;
  if (LNSPI_RULE(FAIL_STOP)) j->log = j->safe; /* what is read is what was acknowledged */
  return lnspi_fail_at(problem, LNSP_E_IO, (int64_t)at, NULL,
                       "the store could not %s at byte %llu: its device failed. What was "
                       "acknowledged before is safe; destroy this handle and open the store "
                       "again",
                       what, (unsigned long long)at);
}

int32_t lnspi_journal_sync(lnspi_journal *j, lnsp_problem *problem) {
  if (j->device.sync(j->device.user)) return append_failed(j, "sync", j->log.tail, problem);
  j->safe = j->log;
  return LNSP_OK;
}

uint64_t lnspi_record_space(const lnspi_journal *j, uint64_t bytes) {
  return j->head + (bytes + j->unit - 1) / j->unit * j->unit;
}

int lnspi_log_fits(const lnspi_journal *j, const lnspi_bank *log, uint64_t bytes) {
  return log->end - log->tail >= lnspi_record_space(j, bytes);
}

int32_t lnspi_record_begin(lnspi_journal *j, const lnspi_bank *log, uint32_t type,
                           uint32_t flags, lnsp_problem *problem) {
  int32_t status = lnspi_journal_writable(j, problem);
  if (status != LNSP_OK) return status;
  if (!lnspi_log_fits(j, log, 0))
    return lnspi_fail(problem, LNSP_E_LIMIT, NULL, "the store has no room for a record");
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

static int32_t append_program(lnspi_journal *j, uint64_t at, size_t bytes,
                              lnsp_problem *problem) {
  if (j->device.prog(j->device.user, at, j->buffer, bytes))
    return append_failed(j, "write", at, problem);
  return LNSP_OK;
}

/* What the buffer holds, filled up to a program unit. */
static int32_t append_flush(lnspi_journal *j, lnsp_problem *problem) {
  const size_t unit = j->device.program_bytes, over = j->filled % unit;
  if (over && LNSPI_RULE(ALIGN)) {
    memset(j->buffer + j->filled, 0xFF, unit - over);
    j->filled += unit - over;
  }
  int32_t status = j->filled ? append_program(j, j->put, j->filled, problem) : LNSP_OK;
  j->put += j->filled;
  j->filled = 0;
  return status;
}

int32_t lnspi_record_put(lnspi_journal *j, const void *data, size_t bytes,
                         lnsp_problem *problem) {
  const uint8_t *from = data;
  if (j->put_end - j->put - j->filled < bytes) {
    j->failed = 1; /* callers make room before */
    return lnspi_fail(problem, LNSP_E_INTERNAL, NULL,
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
    int32_t status = append_flush(j, problem);
    if (status != LNSP_OK) return status;
  }
  return LNSP_OK;
}

int32_t lnspi_record_end(lnspi_journal *j, lnspi_bank *log,
                         const uint8_t info[LNSPI_INFO_BYTES], lnspi_record *record,
                         lnsp_problem *problem) {
  lnspi_blake2s hash;
  uint8_t *raw = j->buffer;
  size_t size = (LNSPI_HEAD_BYTES + j->device.program_bytes - 1) / j->device.program_bytes *
                j->device.program_bytes;
  int32_t status = append_flush(j, problem);
  if (status != LNSP_OK) return status;
  memset(raw, 0xFF, size);
  memset(raw, 0, LNSPI_HEAD_BYTES);
  lnspi_store32(raw, APPEND_MAGIC);
  raw[4] = (uint8_t)j->type;
  raw[5] = (uint8_t)j->flags;
  lnspi_store32(raw + 8, log->generation);
  lnspi_store32(raw + 12, j->crc);
  lnspi_store64(raw + 16, log->sequence + 1);
  lnspi_store64(raw + 24, j->bytes);
  lnspi_store64(raw + 32, log->newest);
  memcpy(raw + 40, info, LNSPI_INFO_BYTES);
  lnspi_blake2s_start(&hash);
  lnspi_blake2s_add(&hash, log->chain, 32);
  lnspi_blake2s_add(&hash, raw, 216);
  lnspi_blake2s_end(&hash, raw + 216);
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
  status = append_program(j, j->at, size, problem);
  if (status != LNSP_OK) return status;
  log->tail = record->end;
  log->sequence = record->sequence;
  log->newest = record->at - log->bank_at;
  memcpy(log->chain, record->chain, 32);
  return LNSP_OK;
}

/* ---- the other bank ---- */

static int32_t append_erase(lnspi_journal *j, uint64_t from, uint64_t to,
                            lnsp_problem *problem) {
  for (uint64_t at = from; at < to; at += j->device.erase_bytes)
    if (j->device.erase(j->device.user, at)) return append_failed(j, "erase", at, problem);
  return LNSP_OK;
}

static int32_t append_open_bank(lnspi_journal *j, lnspi_bank *to, lnsp_problem *problem) {
  int32_t status = lnspi_journal_writable(j, problem);
  if (status == LNSP_OK && LNSPI_RULE(ERASE))
    status = append_erase(j, to->bank_at, to->end, problem);
  if (status == LNSP_OK && !LNSPI_RULE(OTHER_BANK))
    status = append_erase(j, j->log.bank_at, j->log.start, problem);
  return status;
}

int32_t lnspi_turn_begin(lnspi_journal *j, lnspi_bank *to, lnsp_problem *problem) {
  lnspi_blake2s hash;
  lnspi_log_start(j, !j->log.bank, to);
  to->generation = j->log.generation + 1;
  lnspi_blake2s_start(&hash); /* what is copied is tied to all that was there */
  lnspi_blake2s_add(&hash, j->log.chain, 32);
  lnspi_blake2s_end(&hash, to->first);
  memcpy(to->chain, to->first, 32);
  return append_open_bank(j, to, problem);
}

int32_t lnspi_turn_copy(lnspi_journal *j, const lnspi_record *from, lnspi_bank *to,
                        const uint8_t info[LNSPI_INFO_BYTES], lnspi_record *record,
                        lnsp_problem *problem) {
  uint8_t piece[512];
  int32_t status =
      lnspi_record_begin(j, to, from->type, from->flags | LNSPI_RECORD_COPIED, problem);
  for (uint64_t done = 0; status == LNSP_OK && done < from->bytes;) {
    uint64_t left = from->bytes - done;
    size_t n = left < sizeof piece ? (size_t)left : sizeof piece;
    status = lnspi_journal_read(j, from->body + done, piece, n, problem);
    if (status == LNSP_OK) status = lnspi_record_put(j, piece, n, problem);
    done += n;
  }
  if (status == LNSP_OK && j->crc != from->crc)
    return lnspi_fail_at(problem, LNSP_E_MISMATCH, (int64_t)from->body, NULL,
                         "the store is damaged at byte %llu, so it cannot be compacted: check "
                         "out what is good and commit it to a new store",
                         (unsigned long long)from->body);
  return status != LNSP_OK ? status : lnspi_record_end(j, to, info, record, problem);
}

int32_t lnspi_turn_end(lnspi_journal *j, lnspi_bank *to, lnsp_problem *problem) {
  size_t size = (LNSPI_HEAD_BYTES + j->device.program_bytes - 1) / j->device.program_bytes *
                j->device.program_bytes;
  int32_t status = lnspi_journal_writable(j, problem);
  if (status == LNSP_OK && LNSPI_RULE(SYNC_COPIES)) status = lnspi_journal_sync(j, problem);
  if (status != LNSP_OK) return status;
  memset(j->buffer, 0xFF, size);
  lnspi_bank_encode(j, to, j->buffer);
  status = append_program(j, to->bank_at, size, problem);
  if (status == LNSP_OK && LNSPI_RULE(SYNC_HEADER)) status = lnspi_journal_sync(j, problem);
  if (status != LNSP_OK) return status;
  to->copied = to->tail;
  j->log = j->safe = *to;
  return LNSP_OK;
}

/* ---- a new journal ---- */

int32_t lnspi_journal_new(lnspi_journal *j, lnspi_bank *to, lnsp_problem *problem) {
  lnspi_bank old;
  if (lnspi_journal_choose(j, &old, NULL) == LNSP_OK) {
    j->log = j->safe = old;
    return lnspi_turn_begin(j, to, problem);
  }
  lnspi_log_start(j, 1, &j->log);
  lnspi_log_start(j, 0, to);
  to->generation = 1;
  return append_open_bank(j, to, problem);
}

int32_t lnspi_journal_forget(lnspi_journal *j, lnsp_problem *problem) {
  lnspi_bank other;
  lnspi_log_start(j, !j->log.bank, &other);
  int32_t status = append_erase(j, other.bank_at, other.end, problem);
  return status != LNSP_OK ? status : lnspi_journal_sync(j, problem);
}
