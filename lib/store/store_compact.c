/* Compaction: what is kept goes to the other bank, in whole groups of a snapshot and what
 * builds on it. */
#include "store/store_compact.h"

#include "base/bytes.h"
#include "base/error.h"
#include "store/bank_switch.h"
#include "store/ledger.h"
#include "store/record_scan.h"
#include "store/record_write.h"
#include "store/version.h"
#include "store/version_read.h"

typedef struct store_compact_group {
  lnspi_record first; /* the snapshot */
  uint64_t bytes;
  int32_t tagged, kept; /* kept: has to be */
} store_compact_group;

/* What is let go, from the oldest on, of groups without tags and of those with. */
typedef struct store_compact_plan {
  uint64_t total, plain, tagged, held; /* bytes; held: of groups that have to stay */
  uint64_t drop_plain, drop_tagged;
  uint64_t keep;                       /* a version whose image has to stay */
} store_compact_plan;

/* The group that begins at or after a record: *next is the first that is no more of it. */
static int32_t store_compact_group_at(lnsp_store *store, const lnspi_record *first,
                                      const store_compact_plan *plan,
                                      store_compact_group *group, lnspi_record *next, int *more,
                                      lnsp_error *error) {
  lnspi_journal *j = &store->journal;
  lnspi_record record = *first;
  memset(group, 0, sizeof *group);
  group->first = *first;
  do {
    const uint64_t number = lnspi_load64(record.info);
    if (lnspi_version_in_record(&record)) {
      group->bytes += record.end - record.at;
      if (record.info[80]) group->tagged = 1;
      if (LNSPI_RULE(KEEP_HEAD) &&
          (record.at == store->image.at || number == store->newest || number == plan->keep))
        group->kept = 1;
    }
    int32_t status = lnspi_record_scan_next(j, &j->log, &record, next, more, NULL, error);
    if (status != LNSP_OK) return status;
    record = *next;
  } while (*more && record.type != LNSPI_RECORD_SNAPSHOT);
  return LNSP_OK;
}

/* The first snapshot. */
static int32_t store_compact_first(lnsp_store *store, lnspi_record *record, int *found,
                                   lnsp_error *error) {
  lnspi_journal *j = &store->journal;
  int32_t status = lnspi_record_scan_next(j, &j->log, NULL, record, found, NULL, error);
  while (status == LNSP_OK && *found && record->type != LNSPI_RECORD_SNAPSHOT)
    status = lnspi_record_scan_next(j, &j->log, record, record, found, NULL, error);
  return status;
}

static int32_t store_compact_plan_drops(lnsp_store *store, uint64_t budget,
                                        store_compact_plan *plan, lnsp_error *error) {
  lnspi_record record, next;
  store_compact_group group;
  int more = 0;
  int32_t status = store_compact_first(store, &record, &more, error);
  while (status == LNSP_OK && more) {
    status = store_compact_group_at(store, &record, plan, &group, &next, &more, error);
    if (status != LNSP_OK) break;
    plan->total += group.bytes;
    *(group.kept ? &plan->held : group.tagged ? &plan->tagged : &plan->plain) += group.bytes;
    record = next;
  }
  if (status != LNSP_OK || plan->total <= budget) return status;
  const uint64_t drop = plan->total - budget;
  plan->drop_plain = drop < plan->plain ? drop : plan->plain;
  plan->drop_tagged = drop - plan->drop_plain;
  return LNSP_OK;
}

static int store_compact_drops(store_compact_plan *plan, const store_compact_group *group) {
  uint64_t *left = group->tagged ? &plan->drop_tagged : &plan->drop_plain;
  if (group->kept || !*left) return 0;
  *left -= group->bytes < *left ? group->bytes : *left;
  return 1;
}

/* A group's records; deltas point to where their snapshot is now. */
static int32_t store_compact_copy(lnsp_store *store, const store_compact_group *group,
                                  const lnspi_record *end, int more, lnspi_bank *to,
                                  lnsp_error *error) {
  lnspi_journal *j = &store->journal;
  lnspi_record record = group->first, copy;
  uint64_t snapshot = 0;
  int found = 1;
  int32_t status = LNSP_OK;
  while (status == LNSP_OK && found && (!more || record.at != end->at)) {
    if (lnspi_version_in_record(&record)) {
      if (record.type == LNSPI_RECORD_DELTA) lnspi_store64(record.info + 16, snapshot);
      status = lnspi_bank_switch_copy(j, &record, to, record.info, &copy, error);
      if (record.type == LNSPI_RECORD_SNAPSHOT) snapshot = copy.at - to->bank_at;
    }
    if (status == LNSP_OK)
      status = lnspi_record_scan_next(j, &j->log, &record, &record, &found, NULL, error);
  }
  return status;
}

static int32_t store_compact_copy_groups(lnsp_store *store, store_compact_plan *plan,
                                         lnspi_bank *to, lnsp_error *error) {
  lnspi_record record, next;
  store_compact_group group;
  int more = 0;
  int32_t status = store_compact_first(store, &record, &more, error);
  while (status == LNSP_OK && more) {
    status = store_compact_group_at(store, &record, plan, &group, &next, &more, error);
    if (status == LNSP_OK && !store_compact_drops(plan, &group))
      status = store_compact_copy(store, &group, &next, more, to, error);
    record = next;
  }
  return status;
}

static int32_t store_compact_take(void *user, const uint32_t *words, size_t count,
                                  lnsp_error *error) {
  uint8_t bytes[4 * 64];
  while (count) {
    const size_t n = count < 64 ? count : 64;
    for (size_t i = 0; i < n; i++) lnspi_store32(bytes + 4 * i, words[i]);
    int32_t status = lnspi_record_write(user, bytes, 4 * n, error);
    if (status != LNSP_OK) return status;
    words += n;
    count -= n;
  }
  return LNSP_OK;
}

/* Where no group fits: the present version alone, as a snapshot. */
static int32_t store_compact_to_head(lnsp_store *store, lnspi_bank *to, lnsp_error *error) {
  lnspi_journal *j = &store->journal;
  uint8_t info[LNSPI_INFO_BYTES];
  lnspi_version version;
  lnspi_record record;
  lnspi_version_decode(store->image.info, &version);
  version.number = store->head.number;
  version.base = 0;
  lnspi_version_encode(&version, info);
  int32_t status =
      lnspi_record_write_start(j, to, LNSPI_RECORD_SNAPSHOT, LNSPI_RECORD_COPIED, error);
  if (status == LNSP_OK)
    status = lnspi_version_read(store, &store->image, store_compact_take, j, error);
  return status != LNSP_OK ? status : lnspi_record_write_end(j, to, info, &record, error);
}

/* What the log says now. If it cannot be read, the handle goes on reading the old bank,
 * which says the same. */
static int32_t store_compact_scan(lnsp_store *store, const lnspi_bank *from,
                                  lnsp_error *error) {
  const lnsp_store before = *store;
  int32_t status = lnspi_store_scan(store, error);
  if (status == LNSP_OK) return status;
  *store = before;
  store->journal.log = store->journal.safe = *from;
  store->journal.failed = 1;
  return status;
}

int32_t lnspi_store_compact(lnsp_store *store, uint64_t need, uint64_t keep,
                            lnsp_error *error) {
  lnspi_journal *j = &store->journal;
  store_compact_plan plan;
  lnspi_bank to;
  const lnspi_bank from = j->log;
  memset(&plan, 0, sizeof plan);
  plan.keep = keep;
  int32_t status = lnspi_bank_switch_begin(j, &to, error);
  if (status == LNSP_OK) status = lnspi_store_describe(store, &to, error);
  if (status == LNSP_OK) status = lnspi_ledger_write(store, &to, LNSPI_RECORD_COPIED, error);
  if (status != LNSP_OK) return status;
  const uint64_t room = to.end - to.tail;
  const uint64_t most = room > need ? room - need : 0;
  status = store_compact_plan_drops(store, most < room / 2 ? most : room / 2, &plan, error);
  if (status != LNSP_OK) return status;
  /* groups that have to stay may be more than half, but must leave the room */
  if (plan.held <= most)
    status = store_compact_copy_groups(store, &plan, &to, error);
  else
    status = store_compact_to_head(store, &to, error);
  if (status == LNSP_OK) status = lnspi_bank_switch_end(j, &to, error);
  if (status == LNSP_OK) status = store_compact_scan(store, &from, error);
  if (status == LNSP_OK && j->log.end - j->log.tail < need)
    status = lnspi_error_set(error, LNSP_E_LIMIT, NULL,
                             "the store's device has no room for another version");
  return status;
}
