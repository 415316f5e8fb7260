/* Reading a log: heads, payloads, and which record follows which. */
#include "store/journal.h"

#include "base/memory.h"
#include "base/problem.h"

#define LOG_MAGIC 0x526a6e6cu /* "lnjR" */
#define LOG_BUFFER 4096

static int log_power_of_two(uint32_t n) { return n && (n & (n - 1)) == 0; }

int32_t lnspi_journal_check(const lnsp_device *d, lnsp_problem *problem) {
  const uint64_t most = UINT64_C(1) << 62;
  if (!d->read || (!d->prog != !d->erase) || (!d->prog != !d->sync))
    return lnspi_fail(problem, LNSP_E_ARGUMENT, NULL,
                      "a device needs the callbacks read, prog, erase and sync, or read alone");
  if (!log_power_of_two(d->program_bytes) || d->program_bytes > LNSPI_MAX_PROGRAM)
    return lnspi_fail(problem, LNSP_E_ARGUMENT, NULL,
                      "device program_bytes is %u: give a power of two up to %d",
                      (unsigned)d->program_bytes, LNSPI_MAX_PROGRAM);
  if (!d->erase_bytes || d->erase_bytes % d->program_bytes || d->erase_bytes % 16 ||
      d->erase_bytes < LNSPI_HEAD_BYTES)
    return lnspi_fail(problem, LNSP_E_ARGUMENT, NULL,
                      "device erase_bytes is %u: give a multiple of program_bytes and of 16, "
                      "at least %d",
                      (unsigned)d->erase_bytes, LNSPI_HEAD_BYTES);
  if (d->size_bytes / d->erase_bytes < 4 || d->size_bytes > most)
    return lnspi_fail(problem, LNSP_E_ARGUMENT, NULL,
                      "device size_bytes is %llu: a store needs at least four erase units",
                      (unsigned long long)d->size_bytes);
  return LNSP_OK;
}

static uint64_t log_round(uint64_t n, uint64_t to) { return (n + to - 1) / to * to; }

size_t lnspi_journal_buffer(const lnsp_device *d) {
  return d->program_bytes > LOG_BUFFER ? d->program_bytes : LOG_BUFFER;
}

void lnspi_journal_place(lnspi_journal *j, const lnsp_device *device, uint8_t *buffer,
                         size_t bytes) {
  memset(j, 0, sizeof *j);
  j->device = *device;
  j->bank_bytes = device->size_bytes / device->erase_bytes / 2 * device->erase_bytes;
  j->unit = device->program_bytes > 16 ? device->program_bytes : 16;
  if (!LNSPI_RULE(ALIGN)) j->unit = 4;
  j->head = log_round(LNSPI_HEAD_BYTES, j->unit);
  j->read_only = !device->prog;
  j->buffer = buffer;
  j->buffer_bytes = bytes;
}

void lnspi_log_start(const lnspi_journal *j, uint32_t bank, lnspi_bank *log) {
  memset(log, 0, sizeof *log);
  log->bank = bank;
  log->bank_at = bank * j->bank_bytes;
  log->start = log->tail = log->bank_at + j->device.erase_bytes;
  log->end = log->bank_at + j->bank_bytes;
}

int32_t lnspi_journal_read(lnspi_journal *j, uint64_t at, void *to, size_t bytes,
                           lnsp_problem *problem) {
  if (!j->device.read(j->device.user, at, to, bytes)) return LNSP_OK;
  return lnspi_fail_at(problem, LNSP_E_IO, (int64_t)at, NULL,
                       "the store cannot be read at byte %llu: its device failed",
                       (unsigned long long)at);
}

/* A head's bytes as a record, if they are one. */
static int log_decode(const lnspi_journal *j, const lnspi_bank *log, uint64_t at,
                      const uint8_t *raw, lnspi_record *r) {
  if (lnspi_load32(raw) != LOG_MAGIC) return 0;
  if (LNSPI_RULE(HEAD_SUM) && lnspi_load32(raw + 252) != lnspi_crc32c(0, raw, 252)) return 0;
  if (log->generation && lnspi_load32(raw + 8) != log->generation) return 0;
  memset(r, 0, sizeof *r);
  r->at = at;
  r->body = at + j->head;
  r->type = raw[4];
  r->flags = raw[5];
  r->generation = lnspi_load32(raw + 8);
  r->crc = lnspi_load32(raw + 12);
  r->sequence = lnspi_load64(raw + 16);
  r->bytes = lnspi_load64(raw + 24);
  r->previous = lnspi_load64(raw + 32);
  if (r->body > log->end || r->bytes > log->end - r->body) return 0;
  if (r->previous >= j->bank_bytes || (r->previous && log->bank_at + r->previous >= at))
    return 0;
  r->end = r->body + log_round(r->bytes, j->unit);
  memcpy(r->info, raw + 40, LNSPI_INFO_BYTES);
  memcpy(r->chain, raw + 216, 32);
  return 1;
}

int32_t lnspi_log_head(lnspi_journal *j, const lnspi_bank *log, uint64_t at,
                       lnspi_record *record, int *good, lnsp_problem *problem) {
  uint8_t raw[LNSPI_HEAD_BYTES];
  *good = 0;
  if (at < log->start || at > log->end || log->end - at < j->head) return LNSP_OK;
  int32_t status = lnspi_journal_read(j, at, raw, sizeof raw, problem);
  if (status == LNSP_OK) *good = log_decode(j, log, at, raw, record);
  return status;
}

/* A head at `at` that continues a chain: 1, some other head: -1, none: 0. */
static int32_t log_link(lnspi_journal *j, const lnspi_bank *log, const lnspi_record *after,
                        uint64_t at, lnspi_record *record, int *link,
                        lnsp_problem *problem) {
  uint8_t raw[LNSPI_HEAD_BYTES], chain[32];
  lnspi_blake2s hash;
  *link = 0;
  if (at > log->end || log->end - at < j->head) return LNSP_OK;
  int32_t status = lnspi_journal_read(j, at, raw, sizeof raw, problem);
  if (status != LNSP_OK || !log_decode(j, log, at, raw, record)) return status;
  *link = -1;
  if (record->sequence != (after ? after->sequence : 0) + 1) return LNSP_OK;
  lnspi_blake2s_start(&hash);
  lnspi_blake2s_add(&hash, after ? after->chain : log->first, 32);
  lnspi_blake2s_add(&hash, raw, 216);
  lnspi_blake2s_end(&hash, chain);
  if (!LNSPI_RULE(CHAIN) || !memcmp(chain, record->chain, 32)) *link = 1;
  return LNSP_OK;
}

int32_t lnspi_log_body_check(lnspi_journal *j, const lnspi_record *record, int *good,
                             lnsp_problem *problem) {
  uint32_t crc = 0;
  *good = 0;
  for (uint64_t done = 0; done < record->bytes;) {
    uint64_t left = record->bytes - done;
    size_t n = left < j->buffer_bytes ? (size_t)left : j->buffer_bytes;
    int32_t status = lnspi_journal_read(j, record->body + done, j->buffer, n, problem);
    if (status != LNSP_OK) return status;
    crc = lnspi_crc32c(crc, j->buffer, n);
    done += n;
  }
  *good = crc == record->crc || !LNSPI_RULE(BODY_SUM);
  return LNSP_OK;
}

/* Where a byte differs from an erased one, the last such, plus one; or 0. */
static size_t log_dirty(const uint8_t *bytes, size_t n) {
  uint64_t word = UINT64_MAX;
  for (; n >= 8; n -= 8) {
    memcpy(&word, bytes + n - 8, 8);
    if (word != UINT64_MAX) break;
  }
  while (n && bytes[n - 1] == 0xFF) n--;
  return n;
}

/* The first head from `from` on that continues `after`; on the way, what lies there. */
static int32_t log_search(lnspi_journal *j, const lnspi_bank *log, const lnspi_record *after,
                          uint64_t from, lnspi_record *record, int *found, lnspi_rest *rest,
                          lnsp_problem *problem) {
  const size_t window = j->buffer_bytes / (size_t)j->unit * (size_t)j->unit;
  uint64_t erased = 0;
  *found = 0;
  for (uint64_t at = from; at < log->end; at += window) {
    size_t n = log->end - at < window ? (size_t)(log->end - at) : window;
    int32_t status = lnspi_journal_read(j, at, j->buffer, n, problem);
    if (status != LNSP_OK) return status;
    size_t dirty = log_dirty(j->buffer, n);
    if (dirty) rest->dirty = at + dirty;
    erased = dirty ? n - dirty : erased + n;
    if (j->reach && erased >= j->reach) return LNSP_OK;
    for (size_t i = 0; i + 4 <= dirty; i += (size_t)j->unit) {
      int link = 0;
      if (lnspi_load32(j->buffer + i) != LOG_MAGIC) continue;
      status = log_link(j, log, after, at + i, record, &link, problem);
      if (status != LNSP_OK) return status;
      if (link < 0 && j->salvage && record->sequence > (after ? after->sequence : 0)) {
        record->broken = 1;
        link = 1;
      }
      if (link < 0 && !rest->foreign) rest->foreign = at + i;
      if (link <= 0) continue;
      *found = 1;
      return LNSP_OK;
    }
  }
  return LNSP_OK;
}

/* Whether a head that continues the log stands for a record that was finished: one that
 * another continues, or whose payload is whole. A cut can leave a head without payload. */
static int32_t log_trust(lnspi_journal *j, const lnspi_bank *log, const lnspi_record *record,
                         int *good, lnsp_problem *problem) {
  lnspi_record next;
  lnspi_rest rest = {0, 0};
  int link = 0;
  *good = 1;
  j->ahead.at = 0;
  if (record->sequence == log->sequence && !memcmp(record->chain, log->chain, 32))
    return LNSP_OK; /* an open journal knows its newest record */
  int32_t status = log_link(j, log, record, record->end, &next, &link, problem);
  if (status == LNSP_OK && link > 0) j->ahead = next;
  if (status != LNSP_OK || link > 0) return status;
  status = lnspi_log_body_check(j, record, good, problem);
  if (status != LNSP_OK || *good) return status;
  return log_search(j, log, record, record->at + j->unit, &next, good, &rest, problem);
}

int32_t lnspi_log_next(lnspi_journal *j, const lnspi_bank *log, const lnspi_record *after,
                       lnspi_record *record, int *found, lnspi_rest *rest,
                       lnsp_problem *problem) {
  lnspi_rest here = {0, 0};
  lnspi_record before, next;
  int link = 0, good = 0;
  if (after) before = *after;
  if (rest) memset(rest, 0, sizeof *rest);
  *found = 0;
  if (after && log->sequence && after->sequence >= log->sequence) return LNSP_OK;
  uint64_t at = after ? after->end : log->start;
  int32_t status = LNSP_OK;
  if (after && j->ahead.at == at && j->ahead.sequence == before.sequence + 1) {
    next = j->ahead; /* seen a moment ago */
    link = 1;
  } else {
    status = log_link(j, log, after ? &before : NULL, at, &next, &link, problem);
  }
  for (;;) {
    if (status == LNSP_OK && link <= 0) {
      status = log_search(j, log, after ? &before : NULL, at, &next, &link, &here, problem);
      if (status != LNSP_OK || link <= 0) break;
    }
    if (status == LNSP_OK) status = log_trust(j, log, &next, &good, problem);
    if (status != LNSP_OK) break;
    if (good) {
      *record = next;
      *found = 1;
      break;
    }
    if (here.dirty < next.body) here.dirty = next.body;
    at = next.at + j->unit;
    link = 0;
  }
  if (rest) *rest = here;
  return status;
}

int32_t lnspi_log_previous(lnspi_journal *j, const lnspi_record *of, lnspi_record *record,
                           int *found, lnsp_problem *problem) {
  const uint64_t previous = of->previous;
  *found = 0;
  if (!previous) return LNSP_OK;
  int32_t status = lnspi_log_head(j, &j->log, j->log.bank_at + previous, record, found, problem);
  if (status != LNSP_OK || *found || j->salvage) return status;
  return lnspi_fail_at(problem, LNSP_E_MISMATCH, (int64_t)(j->log.bank_at + previous), NULL,
                       "the store is damaged: there is no record at byte %llu",
                       (unsigned long long)(j->log.bank_at + previous));
}

int32_t lnspi_log_newest(lnspi_journal *j, lnspi_record *record, int *found,
                         lnsp_problem *problem) {
  lnspi_record link;
  memset(&link, 0, sizeof link);
  link.previous = j->log.newest;
  return lnspi_log_previous(j, &link, record, found, problem);
}
