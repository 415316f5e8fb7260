/* Reads states: a snapshot, and the one delta that may change it.
 *
 * A state is never in memory whole: a chunk of the snapshot is read, the coder changes it
 * by the bytes of the delta, which it asks for as it needs them, and the sink gets it. So the
 * sink sees words before the checksums of both payloads, known at their ends, have been
 * compared: it must write only what can be dropped if the call fails then. */
#include "store/version_read.h"

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/min_max.h"
#include "store/record_scan.h"
#include "store/version.h"

static int32_t version_read_damaged(const lnspi_record *record, lnsp_error *error) {
  return lnspi_error_set_at(
      error, LNSP_E_MISMATCH, (int64_t)record->at, NULL,
      "the store is damaged: the payload of the record at byte %llu does not have its checksum",
      (unsigned long long)record->at);
}

/* The coder asks for the bytes of a delta. */
static int32_t version_read_bytes(void *user, void *to, size_t bytes) {
  lnspi_store_payload *p = user;
  if (bytes > p->left) return 1;
  p->status = lnspi_journal_read(&p->store->journal, p->at, to, bytes, p->error);
  if (p->status != LNSP_OK) return 1;
  p->crc = lnspi_crc32c(p->crc, to, bytes);
  p->at += bytes;
  p->left -= bytes;
  return 0;
}

/* Words of a snapshot, from the bytes on the device. */
static int32_t version_read_words(lnsp_store *store, uint64_t at, uint32_t *words, size_t count,
                                  uint32_t *crc, lnsp_error *error) {
  uint8_t *bytes = (uint8_t *)words;
  int32_t status = lnspi_journal_read(&store->journal, at, bytes, 4 * count, error);
  if (status != LNSP_OK) return status;
  *crc = lnspi_crc32c(*crc, bytes, 4 * count);
  for (size_t i = 0; i < count; i++) words[i] = lnspi_load32(bytes + 4 * i);
  return LNSP_OK;
}

int32_t lnspi_version_read(lnsp_store *store, const lnspi_record *state,
                           lnspi_version_read_sink *sink, void *user, lnsp_error *error) {
  lnspi_store_payload payload = {store, error, state->body, state->bytes, 0, LNSP_OK};
  lnspi_record snapshot;
  const int delta = state->type == LNSPI_RECORD_DELTA;
  uint32_t crc = 0;
  int32_t status = lnspi_version_snapshot(store, state, &snapshot, error);
  if (status != LNSP_OK) return status;
  if (delta)
    lnspi_float_coder_read_start(&store->coder->reader, version_read_bytes, &payload,
                                 store->plan.words);
  for (uint64_t done = 0; done < store->plan.words;) {
    const size_t n = (size_t)lnspi_min_u64(store->plan.words - done, LNSPI_FLOAT_CODER_CHUNK);
    status = version_read_words(store, snapshot.body + 4 * done, store->base, n, &crc, error);
    if (status == LNSP_OK && delta &&
        lnspi_float_coder_read(&store->coder->reader, store->base, n, 0) != LNSP_OK)
      status = payload.status != LNSP_OK ? payload.status : version_read_damaged(state, error);
    if (status == LNSP_OK) status = sink(user, store->base, n, error);
    if (status != LNSP_OK) return status;
    done += n;
  }
  if (crc != snapshot.crc) return version_read_damaged(&snapshot, error);
  if (delta && (payload.left || payload.crc != state->crc))
    return version_read_damaged(state, error);
  return LNSP_OK;
}

typedef struct version_read_memory {
  uint32_t *to;
  lnspi_progress *progress;
} version_read_memory;

static int32_t version_read_to_memory(void *user, uint32_t *words, size_t count,
                                      lnsp_error *error) {
  version_read_memory *m = user;
  memcpy(m->to, words, 4 * count);
  m->to += count;
  return lnspi_progress_add(m->progress, count, error);
}

int32_t lnspi_version_read_to_memory(lnsp_store *store, uint64_t number, uint32_t *words,
                                     lnspi_progress *progress, lnspi_version *version,
                                     lnsp_error *error) {
  lnspi_record state;
  int32_t status = lnspi_version_find_state(store, number, &state, error);
  if (status != LNSP_OK) return status;
  lnspi_version_decode(state.info, version);
  version_read_memory memory = {words, progress};
  return lnspi_version_read(store, &state, version_read_to_memory, &memory, error);
}

/* ---- verify ---- */

static int32_t version_read_sum(void *user, uint32_t *words, size_t count, lnsp_error *error) {
  uint32_t *crc = user;
  (void)error;
  *crc = lnspi_crc32c(*crc, lnspi_version_words_to_bytes(words, count), 4 * count);
  return LNSP_OK;
}

/* Every record twice: its payload against the checksum in its head, which any record has, then
 * the state that comes out of it against that state's own. The second finds what the first
 * cannot: a coder that no longer gives the words that were committed. */
int32_t lnspi_version_read_verify(lnsp_store *store, uint64_t *checked, lnsp_error *error) {
  lnspi_journal *j = &store->journal;
  lnspi_record record;
  int found = 0, any = 0, good = 0;
  *checked = 0;
  for (;;) {
    int32_t status =
        lnspi_record_scan_next(j, &j->log, any ? &record : NULL, &record, &found, NULL, error);
    if (status != LNSP_OK) return status;
    if (!found) return LNSP_OK;
    any = 1;
    status = lnspi_record_scan_check_body(j, &record, &good, error);
    if (status != LNSP_OK) return status;
    if (!good) return version_read_damaged(&record, error);
    if (record.type == LNSPI_RECORD_SNAPSHOT || record.type == LNSPI_RECORD_DELTA) {
      uint32_t sum = 0;
      status = lnspi_version_read(store, &record, version_read_sum, &sum, error);
      if (status == LNSP_OK && sum != lnspi_load32(record.info + LNSPI_VERSION_AT_SUM))
        status = version_read_damaged(&record, error);
      if (status != LNSP_OK) return status;
    }
    ++*checked;
  }
}
