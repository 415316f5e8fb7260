/* Reading a log: heads, payloads, and which record follows which. */
#include "store/record_scan.h"

#include "base/blake2s.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/error.h"

#define RECORD_SCAN_MAGIC 0x526a6e6cu /* "lnjR" */

/* A head's bytes as a record, if they are one. */
static int record_scan_decode(const lnspi_journal *j, const lnspi_bank *log, uint64_t at,
                              const uint8_t *raw, lnspi_record *r) {
  if (lnspi_load32(raw) != RECORD_SCAN_MAGIC) return 0;
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
  r->end = r->body + lnspi_journal_round(r->bytes, j->unit);
  memcpy(r->info, raw + 40, LNSPI_INFO_BYTES);
  memcpy(r->chain, raw + 216, 32);
  return 1;
}

int32_t lnspi_record_scan_at(lnspi_journal *j, const lnspi_bank *log, uint64_t at,
                             lnspi_record *record, int *good, lnsp_error *error) {
  uint8_t raw[LNSPI_HEAD_BYTES];
  *good = 0;
  if (at < log->start || at > log->end || log->end - at < j->head) return LNSP_OK;
  int32_t status = lnspi_journal_read(j, at, raw, sizeof raw, error);
  if (status == LNSP_OK) *good = record_scan_decode(j, log, at, raw, record);
  return status;
}

/* A head at `at` that continues a chain: 1, some other head: -1, none: 0. */
static int32_t record_scan_link(lnspi_journal *j, const lnspi_bank *log,
                                const lnspi_record *after, uint64_t at, lnspi_record *record,
                                int *link, lnsp_error *error) {
  uint8_t raw[LNSPI_HEAD_BYTES], chain[32];
  lnspi_blake2s hash;
  *link = 0;
  if (at > log->end || log->end - at < j->head) return LNSP_OK;
  int32_t status = lnspi_journal_read(j, at, raw, sizeof raw, error);
  if (status != LNSP_OK || !record_scan_decode(j, log, at, raw, record)) return status;
  *link = -1;
  if (record->sequence != (after ? after->sequence : 0) + 1) return LNSP_OK;
  lnspi_blake2s_init(&hash);
  lnspi_blake2s_update(&hash, after ? after->chain : log->first, 32);
  lnspi_blake2s_update(&hash, raw, 216);
  lnspi_blake2s_final(&hash, chain);
  if (!LNSPI_RULE(CHAIN) || !memcmp(chain, record->chain, 32)) *link = 1;
  return LNSP_OK;
}

int32_t lnspi_record_scan_check_body(lnspi_journal *j, const lnspi_record *record, int *good,
                                     lnsp_error *error) {
  uint32_t crc = 0;
  *good = 0;
  for (uint64_t done = 0; done < record->bytes;) {
    uint64_t left = record->bytes - done;
    size_t n = left < j->buffer_bytes ? (size_t)left : j->buffer_bytes;
    int32_t status = lnspi_journal_read(j, record->body + done, j->buffer, n, error);
    if (status != LNSP_OK) return status;
    crc = lnspi_crc32c(crc, j->buffer, n);
    done += n;
  }
  *good = crc == record->crc || !LNSPI_RULE(BODY_SUM);
  return LNSP_OK;
}

/* Where a byte differs from an erased one, the last such, plus one; or 0. */
static size_t record_scan_dirty(const uint8_t *bytes, size_t n) {
  uint64_t word = UINT64_MAX;
  for (; n >= 8; n -= 8) {
    memcpy(&word, bytes + n - 8, 8);
    if (word != UINT64_MAX) break;
  }
  while (n && bytes[n - 1] == 0xFF) n--;
  return n;
}

/* The first head from `from` on that continues `after`; on the way, what lies there. */
static int32_t record_scan_search(lnspi_journal *j, const lnspi_bank *log,
                                  const lnspi_record *after, uint64_t from,
                                  lnspi_record *record, int *found,
                                  lnspi_record_scan_rest *rest, lnsp_error *error) {
  const size_t window = j->buffer_bytes / (size_t)j->unit * (size_t)j->unit;
  uint64_t erased = 0;
  *found = 0;
  for (uint64_t at = from; at < log->end; at += window) {
    size_t n = log->end - at < window ? (size_t)(log->end - at) : window;
    int32_t status = lnspi_journal_read(j, at, j->buffer, n, error);
    if (status != LNSP_OK) return status;
    size_t dirty = record_scan_dirty(j->buffer, n);
    if (dirty) rest->dirty = at + dirty;
    erased = dirty ? n - dirty : erased + n;
    if (j->reach && erased >= j->reach) return LNSP_OK;
    for (size_t i = 0; i + 4 <= dirty; i += (size_t)j->unit) {
      int link = 0;
      if (lnspi_load32(j->buffer + i) != RECORD_SCAN_MAGIC) continue;
      status = record_scan_link(j, log, after, at + i, record, &link, error);
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
static int32_t record_scan_trust(lnspi_journal *j, const lnspi_bank *log,
                                 const lnspi_record *record, int *good, lnsp_error *error) {
  lnspi_record next;
  lnspi_record_scan_rest rest = {0, 0};
  int link = 0;
  *good = 1;
  j->ahead.at = 0;
  if (record->sequence == log->sequence && !memcmp(record->chain, log->chain, 32))
    return LNSP_OK; /* an open journal knows its newest record */
  int32_t status = record_scan_link(j, log, record, record->end, &next, &link, error);
  if (status == LNSP_OK && link > 0) j->ahead = next;
  if (status != LNSP_OK || link > 0) return status;
  status = lnspi_record_scan_check_body(j, record, good, error);
  if (status != LNSP_OK || *good) return status;
  return record_scan_search(j, log, record, record->at + j->unit, &next, good, &rest, error);
}

int32_t lnspi_record_scan_next(lnspi_journal *j, const lnspi_bank *log,
                               const lnspi_record *after, lnspi_record *record, int *found,
                               lnspi_record_scan_rest *rest, lnsp_error *error) {
  lnspi_record_scan_rest here = {0, 0};
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
    status = record_scan_link(j, log, after ? &before : NULL, at, &next, &link, error);
  }
  for (;;) {
    if (status == LNSP_OK && link <= 0) {
      status =
          record_scan_search(j, log, after ? &before : NULL, at, &next, &link, &here, error);
      if (status != LNSP_OK || link <= 0) break;
    }
    if (status == LNSP_OK) status = record_scan_trust(j, log, &next, &good, error);
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

int32_t lnspi_record_scan_previous(lnspi_journal *j, const lnspi_record *of,
                                   lnspi_record *record, int *found, lnsp_error *error) {
  const uint64_t previous = of->previous;
  *found = 0;
  if (!previous) return LNSP_OK;
  int32_t status =
      lnspi_record_scan_at(j, &j->log, j->log.bank_at + previous, record, found, error);
  if (status != LNSP_OK || *found || j->salvage) return status;
  return lnspi_error_set_at(error, LNSP_E_MISMATCH, (int64_t)(j->log.bank_at + previous), NULL,
                            "the store is damaged: there is no record at byte %llu",
                            (unsigned long long)(j->log.bank_at + previous));
}

int32_t lnspi_record_scan_newest(lnspi_journal *j, lnspi_record *record, int *found,
                                 lnsp_error *error) {
  lnspi_record link;
  memset(&link, 0, sizeof link);
  link.previous = j->log.newest;
  return lnspi_record_scan_previous(j, &link, record, found, error);
}
