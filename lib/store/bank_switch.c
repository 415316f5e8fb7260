/* Switching to the other bank: it is erased, filled with copies, then made the one that counts.
 *
 * The order is the point: erase, copy, sync, header, sync. A cut before the header leaves a
 * bank without one, which does not count; a cut while the header is programmed leaves one
 * with a wrong checksum, which does not count either. Copies are not synced one by one.
 *
 * The chain of the new bank begins with a hash of the old bank's, so one chain runs through
 * the whole life of a store. Creating a store goes the same way: if the device holds
 * a store already, that one counts until the new header is there. */
#include "store/bank_switch.h"

#include "base/blake2s.h"
#include "base/error.h"
#include "base/min_max.h"
#include "store/bank.h"
#include "store/record_write.h"

static int32_t bank_switch_open(lnspi_journal *j, lnspi_bank *to, lnsp_error *error) {
  int32_t status = lnspi_journal_writable(j, error);
  if (status == LNSP_OK && LNSPI_RULE(ERASE))
    status = lnspi_journal_erase(j, to->bank_at, to->end, error);
  if (status == LNSP_OK && !LNSPI_RULE(OTHER_BANK))
    status = lnspi_journal_erase(j, j->log.bank_at, j->log.start, error);
  return status;
}

int32_t lnspi_bank_switch_begin(lnspi_journal *j, lnspi_bank *to, lnsp_error *error) {
  lnspi_blake2s hash;
  lnspi_bank_start(j, !j->log.bank, to);
  to->generation = j->log.generation + 1;
  lnspi_blake2s_init(&hash); /* ties the copies to everything before */
  lnspi_blake2s_update(&hash, j->log.chain, 32);
  lnspi_blake2s_final(&hash, to->first);
  memcpy(to->chain, to->first, 32);
  return bank_switch_open(j, to, error);
}

int32_t lnspi_bank_switch_copy(lnspi_journal *j, const lnspi_record *from, lnspi_bank *to,
                               const uint8_t info[LNSPI_INFO_BYTES], lnspi_record *record,
                               lnsp_error *error) {
  uint8_t piece[512];
  int32_t status =
      lnspi_record_write_start(j, to, from->type, from->flags | LNSPI_RECORD_COPIED, error);
  if (status != LNSP_OK) return status;
  for (uint64_t done = 0, n; done < from->bytes; done += n) {
    n = lnspi_min_u64(from->bytes - done, sizeof piece);
    status = lnspi_journal_read(j, from->body + done, piece, (size_t)n, error);
    if (status == LNSP_OK) status = lnspi_record_write(j, piece, (size_t)n, error);
    if (status != LNSP_OK) return status;
  }
  if (j->crc != from->crc)
    return lnspi_error_set_at(
        error, LNSP_E_MISMATCH, (int64_t)from->body, NULL,
        "the store is damaged at byte %llu, so it cannot be compacted: check "
        "out the versions that are good and commit them to a new store",
        (unsigned long long)from->body);
  return lnspi_record_write_end(j, to, info, record, error);
}

int32_t lnspi_bank_switch_end(lnspi_journal *j, lnspi_bank *to, lnsp_error *error) {
  const size_t size = (size_t)lnspi_journal_round(LNSPI_HEAD_BYTES, j->device.program_bytes);
  int32_t status = lnspi_journal_writable(j, error);
  if (status == LNSP_OK && LNSPI_RULE(SYNC_COPIES)) status = lnspi_journal_sync(j, error);
  if (status != LNSP_OK) return status;
  memset(j->buffer, 0xFF, size);
  lnspi_bank_encode(j, to, j->buffer);
  status = lnspi_journal_program(j, to->bank_at, size, error);
  if (status == LNSP_OK && LNSPI_RULE(SYNC_HEADER)) status = lnspi_journal_sync(j, error);
  if (status != LNSP_OK) return status;
  to->copied = to->tail;
  j->log = j->safe = *to;
  return LNSP_OK;
}

/* ---- a new journal ---- */

int32_t lnspi_bank_switch_begin_new(lnspi_journal *j, lnspi_bank *to, lnsp_error *error) {
  lnspi_bank old;
  if (lnspi_bank_choose(j, &old, NULL) == LNSP_OK) {
    j->log = j->safe = old;
    return lnspi_bank_switch_begin(j, to, error);
  }
  lnspi_bank_start(j, 1, &j->log);
  lnspi_bank_start(j, 0, to);
  to->generation = 1;
  return bank_switch_open(j, to, error);
}

int32_t lnspi_bank_switch_erase_old(lnspi_journal *j, lnsp_error *error) {
  lnspi_bank other;
  lnspi_bank_start(j, !j->log.bank, &other);
  int32_t status = lnspi_journal_erase(j, other.bank_at, other.end, error);
  return status != LNSP_OK ? status : lnspi_journal_sync(j, error);
}
