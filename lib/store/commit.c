/* Commit and rollback: each is one record, synced before it is acknowledged.
 *
 * A state is written as a delta against the newest snapshot, not against the version before
 * it. Deltas grow with the distance that way, but any version is read from two records, and
 * damage to one delta spoils one version. After plan.every states comes a new snapshot.
 *
 * How long a delta becomes is known only when it is written, so room is made for the
 * longest one first. Compaction may drop the snapshot, and the choice is made again. */
#include "store/commit.h"

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "store/bank.h"
#include "store/record.h"
#include "store/record_write.h"
#include "store/store_compact.h"
#include "store/version.h"

/* Bits of a word's change, on average, above which a chunk is stored as it is: moments
 * change so much that coding them saves little and makes reading three times as slow. */
#define COMMIT_MOST 24

/* The words of a state that are still to be written. */
typedef struct commit_source {
  const lnspi_segment *segment;
  int32_t count, reserved;
  uint64_t done; /* words of this segment */
} commit_source;

/* Copies the next words, up to a chunk; returns how many. */
static size_t commit_next(commit_source *from, uint32_t *words) {
  size_t filled = 0;
  while (from->count && filled < LNSPI_FLOAT_CODER_CHUNK) {
    const uint64_t left = from->segment->count - from->done;
    size_t n = LNSPI_FLOAT_CODER_CHUNK - filled;
    if (left < n) n = (size_t)left;
    if (n) memcpy(words + filled, from->segment->words + from->done, 4 * n);
    filled += n;
    from->done += n;
    if (from->done < from->segment->count) continue;
    from->segment++;
    from->count--;
    from->done = 0;
  }
  return filled;
}

static int32_t commit_bytes(void *user, const void *bytes, size_t count) {
  lnspi_store_payload *p = user;
  p->status = lnspi_record_write(&p->store->journal, bytes, count, p->error);
  return p->status != LNSP_OK;
}

/* Writes the payload; *sum is the checksum of the state. */
static int32_t commit_write(lnsp_store *store, commit_source *source, uint64_t snapshot,
                            uint32_t *sum, lnsp_error *error) {
  lnspi_store_payload payload = {store, error, 0, 0, 0, LNSP_OK};
  lnspi_float_encoder *writer = &store->coder->writer;
  uint64_t at = snapshot;
  *sum = 0;
  if (snapshot) {
    lnspi_float_coder_write_start(writer, commit_bytes, &payload);
    writer->most = COMMIT_MOST;
  }
  for (;;) {
    int32_t status = LNSP_OK;
    const size_t n = commit_next(source, store->next);
    if (!n) break;
    if (snapshot) {
      uint8_t *bytes = (uint8_t *)store->base;
      status = lnspi_journal_read(&store->journal, at, bytes, 4 * n, error);
      if (status != LNSP_OK) return status;
      for (size_t i = 0; i < n; i++) store->base[i] = lnspi_load32(bytes + 4 * i);
      at += 4 * n;
      status = lnspi_float_coder_write(writer, store->base, store->next, n);
    }
    const uint8_t *bytes = lnspi_version_words_to_bytes(store->next, n);
    *sum = lnspi_crc32c(*sum, bytes, 4 * n);
    if (!snapshot) status = lnspi_record_write(&store->journal, bytes, 4 * n, error);
    if (status == LNSP_OK) status = lnspi_progress_add(&store->journal.progress, n, error);
    if (status != LNSP_OK) return payload.status != LNSP_OK ? payload.status : status;
  }
  if (!snapshot) return LNSP_OK;
  int32_t status = lnspi_float_coder_write_end(writer);
  return payload.status != LNSP_OK ? payload.status : status;
}

/* Whether the next state is written as a delta, and the most bytes that it takes. */
static int commit_is_delta(const lnsp_store *store, uint64_t *need) {
  const int delta = store->snapshot && store->since < store->plan.every;
  *need = delta ? lnspi_float_coder_bound(store->plan.words) : 4 * store->plan.words;
  return delta;
}

static int32_t commit_make_room(lnsp_store *store, uint64_t need, uint64_t keep,
                                lnsp_error *error) {
  lnspi_journal *j = &store->journal;
  int32_t status = lnspi_journal_writable(j, error);
  if (status != LNSP_OK || lnspi_bank_fits(j, &j->log, need)) return status;
  return lnspi_store_compact(store, lnspi_record_space(j, need), keep, error);
}

int32_t lnspi_commit_version(lnsp_store *store, const lnspi_segment *segments, int32_t count,
                             lnspi_version *version, lnsp_error *error) {
  commit_source source = {segments, count, 0, 0};
  lnspi_journal *j = &store->journal;
  uint8_t info[LNSPI_INFO_BYTES];
  lnspi_record record;
  uint64_t words = 0, need = 0;
  for (int32_t i = 0; i < count; i++) words += segments[i].count;
  if (words != store->plan.words)
    return lnspi_error_set(
        error, LNSP_E_SHAPE, NULL,
        "the store holds states of %llu words of 32 bits, but this one has %llu: it is of "
        "another network or optimizer",
        (unsigned long long)store->plan.words, (unsigned long long)words);
  lnspi_progress_restart(&j->progress, words);
  (void)commit_is_delta(store, &need);
  int32_t status = commit_make_room(store, need, 0, error);
  if (status != LNSP_OK) return status;
  const int delta = commit_is_delta(store, &need); /* compaction may have changed that */
  if (!lnspi_bank_fits(j, &j->log, need))
    status = lnspi_store_compact(store, lnspi_record_space(j, need), 0, error);
  if (status != LNSP_OK) return status;
  version->number = store->newest + 1;
  version->of = store->head.number;
  version->base = delta ? store->snapshot : 0;
  status =
      lnspi_record_write_start(j, &j->log, delta ? LNSPI_RECORD_DELTA : LNSPI_RECORD_SNAPSHOT,
                               0, error);
  if (status == LNSP_OK)
    status =
        commit_write(store, &source, delta ? j->log.bank_at + store->snapshot + j->head : 0,
                     &version->sum, error);
  /* part of the record is on the device, and nothing may be written over it: a later record
   * goes behind it, as after a power cut */
  if (status == LNSP_E_CANCELLED)
    j->log.tail = lnspi_journal_round(j->put, j->unit);
  else if (status != LNSP_OK)
    j->failed = 1;
  if (status != LNSP_OK) return status;
  lnspi_version_encode(version, info);
  status = lnspi_record_write_end(j, &j->log, info, &record, error);
  return status != LNSP_OK ? status : lnspi_store_sync(store, &record, error);
}

int32_t lnspi_commit_rollback(lnsp_store *store, uint64_t number, uint64_t time,
                              lnspi_version *version, lnsp_error *error) {
  lnspi_journal *j = &store->journal;
  uint8_t info[LNSPI_INFO_BYTES];
  lnspi_record state, record;
  int32_t status = lnspi_version_find_state(store, number, &state, error);
  if (status == LNSP_OK)
    status = commit_make_room(store, 0, lnspi_version_number(&state), error);
  if (status == LNSP_OK) status = lnspi_version_find_state(store, number, &state, error);
  if (status != LNSP_OK) return status;
  lnspi_version_decode(state.info, version);
  version->of = version->number;
  version->number = store->newest + 1;
  version->base = version->nonce = 0;
  version->time = time;
  memset(version->sender, 0, sizeof version->sender);
  memset(version->tag, 0, sizeof version->tag);
  lnspi_version_encode(version, info);
  status = lnspi_record_write_start(j, &j->log, LNSPI_RECORD_ROLLBACK, 0, error);
  if (status == LNSP_OK) status = lnspi_record_write_end(j, &j->log, info, &record, error);
  if (status == LNSP_OK) status = lnspi_store_sync(store, &record, error);
  if (status == LNSP_OK) store->state = state;
  return status;
}
