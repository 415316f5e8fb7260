/* Reads a log: heads, payloads, and which record follows which.
 *
 * Records follow each other without an index: the next one begins where the last one ends.
 * A power cut leaves one of four things there, and `o` is where the scan looks first:
 *
 *   continues  | A |o B |         a head with the next sequence number whose chain is the
 *                                 hash of A's chain and B's bytes: B is the next record
 *   nothing    | A |o erased ...  the end of the log
 *   dirty      | A |o ##### | B | bytes that are no head: a record whose head was never
 *                                 programmed. The next commit went behind them, so the
 *                                 search goes on, unit by unit
 *   foreign    | A |o X |         a good head that does not continue A. If nothing behind
 *                                 it does either, a record before X is damaged, which is
 *                                 reported, never repaired
 *
 * A head that continues is still not proof of a record: on a device that reorders writes
 * the head can survive a cut that the payload did not. So a record is trusted only if its
 * successor is there, which was programmed after a sync, or if its payload has the right
 * checksum, or if some record further on continues it. Payloads are read for the newest
 * record alone; opening a store of a thousand versions reads a thousand heads.
 *
 * The search stops at the bank's end, or after j->reach bytes that are erased: what a cut
 * leaves is no longer than a record, so a record is never further away.
 *
 * In salvage mode a later head that does not continue is taken as the next record, marked
 * broken: what was between is lost, and the rest can be read. */
#include "store/record_scan.h"

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/min_max.h"
#include "store/record.h"

/* What a head is to the record that it may follow. */
typedef enum record_scan_link {
  RECORD_SCAN_NO_HEAD,
  RECORD_SCAN_FOREIGN,  /* a head of this bank, but not the next in the chain */
  RECORD_SCAN_CONTINUES
} record_scan_link;

int32_t lnspi_record_scan_at(lnspi_journal *j, const lnspi_bank *log, uint64_t at,
                             lnspi_record *record, int *good, lnsp_error *error) {
  uint8_t raw[LNSPI_HEAD_BYTES];
  *good = 0;
  if (at < log->start || at > log->end || log->end - at < j->head) return LNSP_OK;
  int32_t status = lnspi_journal_read(j, at, raw, sizeof raw, error);
  if (status == LNSP_OK) *good = lnspi_record_decode(j, log, at, raw, record);
  return status;
}

static int32_t record_scan_classify(lnspi_journal *j, const lnspi_bank *log,
                                    const lnspi_record *after, uint64_t at,
                                    lnspi_record *record, record_scan_link *link,
                                    lnsp_error *error) {
  uint8_t raw[LNSPI_HEAD_BYTES], chain[32];
  *link = RECORD_SCAN_NO_HEAD;
  if (at > log->end || log->end - at < j->head) return LNSP_OK;
  int32_t status = lnspi_journal_read(j, at, raw, sizeof raw, error);
  if (status != LNSP_OK || !lnspi_record_decode(j, log, at, raw, record)) return status;
  *link = RECORD_SCAN_FOREIGN;
  if (record->sequence != (after ? after->sequence : 0) + 1) return LNSP_OK;
  lnspi_record_chain(after ? after->chain : log->first, raw, chain);
  if (!LNSPI_RULE(CHAIN) || !memcmp(chain, record->chain, 32)) *link = RECORD_SCAN_CONTINUES;
  return LNSP_OK;
}

int32_t lnspi_record_scan_check_body(lnspi_journal *j, const lnspi_record *record, int *good,
                                     lnsp_error *error) {
  uint32_t crc = 0;
  *good = 0;
  for (uint64_t done = 0, n; done < record->bytes; done += n) {
    n = lnspi_min_u64(record->bytes - done, j->buffer_bytes);
    int32_t status = lnspi_journal_read(j, record->body + done, j->buffer, (size_t)n, error);
    if (status != LNSP_OK) return status;
    crc = lnspi_crc32c(crc, j->buffer, (size_t)n);
  }
  *good = crc == record->crc || !LNSPI_RULE(BODY_SUM);
  return LNSP_OK;
}

/* The end of the last of n bytes that is not as erasing leaves it; 0: all are. */
static size_t record_scan_dirty_end(const uint8_t *bytes, size_t n) {
  uint64_t eight = UINT64_MAX;
  for (; n >= 8; n -= 8) {
    memcpy(&eight, bytes + n - 8, 8);
    if (eight != UINT64_MAX) break;
  }
  while (n && bytes[n - 1] == 0xFF) n--;
  return n;
}

/* Looks for a head that continues `after`, from an offset to the end; adds to rest what is
 * seen on the way. */
static int32_t record_scan_search(lnspi_journal *j, const lnspi_bank *log,
                                  const lnspi_record *after, uint64_t from,
                                  lnspi_record *record, int *found,
                                  lnspi_record_scan_rest *rest, lnsp_error *error) {
  const size_t window = j->buffer_bytes / (size_t)j->unit * (size_t)j->unit;
  uint64_t erased = 0; /* bytes in a row up to the end of the window */
  *found = 0;
  for (uint64_t at = from; at < log->end; at += window) {
    size_t n = log->end - at < window ? (size_t)(log->end - at) : window;
    int32_t status = lnspi_journal_read(j, at, j->buffer, n, error);
    if (status != LNSP_OK) return status;
    const size_t dirty = record_scan_dirty_end(j->buffer, n);
    if (dirty) rest->dirty = at + dirty;
    erased = dirty ? n - dirty : erased + n;
    if (j->reach && erased >= j->reach) return LNSP_OK;
    for (size_t i = 0; i + 4 <= dirty; i += (size_t)j->unit) {
      record_scan_link link;
      if (lnspi_load32(j->buffer + i) != LNSPI_RECORD_MAGIC) continue;
      status = record_scan_classify(j, log, after, at + i, record, &link, error);
      if (status != LNSP_OK) return status;
      if (link == RECORD_SCAN_FOREIGN && j->salvage &&
          record->sequence > (after ? after->sequence : 0)) {
        record->broken = 1;
        link = RECORD_SCAN_CONTINUES;
      }
      if (link == RECORD_SCAN_FOREIGN && !rest->foreign) rest->foreign = at + i;
      if (link != RECORD_SCAN_CONTINUES) continue;
      *found = 1;
      return LNSP_OK;
    }
  }
  return LNSP_OK;
}

/* *good: whether the record behind a head that continues the log was finished. Leaves the
 * record after it in j->ahead, if it was seen. */
static int32_t record_scan_trust(lnspi_journal *j, const lnspi_bank *log,
                                 const lnspi_record *record, int *good, lnsp_error *error) {
  lnspi_record next;
  lnspi_record_scan_rest rest = {0, 0};
  record_scan_link link;
  *good = 1;
  j->ahead.at = 0;
  if (record->sequence == log->sequence && !memcmp(record->chain, log->chain, 32))
    return LNSP_OK; /* an open journal knows its newest record */
  int32_t status = record_scan_classify(j, log, record, record->end, &next, &link, error);
  if (status != LNSP_OK) return status;
  if (link == RECORD_SCAN_CONTINUES) {
    j->ahead = next;
    return LNSP_OK;
  }
  status = lnspi_record_scan_check_body(j, record, good, error);
  if (status != LNSP_OK || *good) return status;
  return record_scan_search(j, log, record, record->at + j->unit, &next, good, &rest, error);
}

int32_t lnspi_record_scan_next(lnspi_journal *j, const lnspi_bank *log,
                               const lnspi_record *after, lnspi_record *record, int *found,
                               lnspi_record_scan_rest *rest, lnsp_error *error) {
  lnspi_record_scan_rest seen = {0, 0};
  lnspi_record copy, next;
  record_scan_link link = RECORD_SCAN_CONTINUES;
  int good = 0, more = 0;
  int32_t status;
  *found = 0;
  if (rest) *rest = seen;
  if (after && log->sequence && after->sequence >= log->sequence) return LNSP_OK;
  if (after) copy = *after, after = &copy; /* record may be the same */
  uint64_t at = after ? after->end : log->start;
  if (after && j->ahead.at == at && j->ahead.sequence == after->sequence + 1) {
    next = j->ahead; /* record_scan_trust has just read it */
  } else {
    status = record_scan_classify(j, log, after, at, &next, &link, error);
    if (status != LNSP_OK) return status;
  }
  for (;;) {
    if (link != RECORD_SCAN_CONTINUES) {
      status = record_scan_search(j, log, after, at, &next, &more, &seen, error);
      if (rest) *rest = seen;
      if (status != LNSP_OK || !more) return status;
    }
    status = record_scan_trust(j, log, &next, &good, error);
    if (status != LNSP_OK) return status;
    if (good) break;
    /* a head without its payload is dirt: look behind it */
    if (seen.dirty < next.body) seen.dirty = next.body;
    at = next.at + j->unit;
    link = RECORD_SCAN_NO_HEAD;
  }
  *record = next;
  *found = 1;
  return LNSP_OK;
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
