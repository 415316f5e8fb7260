/* Compaction: copies the versions that are kept into the other bank.
 *
 * A group is a snapshot and the records up to the next one: deltas that build on it, and
 * rollbacks. It is kept or dropped whole, because a delta without its snapshot is useless.
 *
 *   log:    description | S d d d | S d r d | S d d        (S snapshot, d delta, r rollback)
 *                         group 1   group 2   group 3
 *
 * Groups are dropped from the oldest on, first those without a tag, then tagged ones, until
 * the rest fits into half of the other bank (or less, if the record to come needs more). So
 * half a bank is free after a compaction, and the cost of copying is spread over as many
 * commits. Held groups are never dropped: the one with the newest version, the one with its
 * state (another one after a rollback), and the one that a rollback is about to go to. If
 * they alone do not fit, the newest version becomes one snapshot and all else is dropped.
 *
 * The log is walked twice, first to add up bytes, then to copy, because there is no memory
 * for a list of groups. Both walks see the same groups, and drop by the same rule.
 *
 * If anything fails before the new header is written, the old bank still counts. */
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
  uint64_t bytes; /* of its versions' records */
  int32_t tagged; /* a version of it has a tag */
  int32_t held;   /* it must stay */
} store_compact_group;

typedef struct store_compact_plan {
  uint64_t total, plain, tagged, held; /* bytes of all groups, and of each kind */
  uint64_t drop_plain, drop_tagged;    /* bytes of each kind that are still to be dropped */
  uint64_t keep;                       /* a version whose group must stay; 0: none */
} store_compact_plan;

/* Reads the group that begins with a snapshot; *next is the record behind it, if *more. */
static int32_t store_compact_group_at(lnsp_store *store, const lnspi_record *first,
                                      const store_compact_plan *plan,
                                      store_compact_group *group, lnspi_record *next, int *more,
                                      lnsp_error *error) {
  lnspi_journal *j = &store->journal;
  lnspi_record record = *first;
  memset(group, 0, sizeof *group);
  group->first = *first;
  do {
    const uint64_t number = lnspi_version_number(&record);
    if (lnspi_version_in_record(&record)) {
      group->bytes += record.end - record.at;
      if (record.info[LNSPI_VERSION_AT_TAG]) group->tagged = 1;
      if (LNSPI_RULE(KEEP_HEAD) &&
          (record.at == store->state.at || number == store->newest || number == plan->keep))
        group->held = 1;
    }
    int32_t status = lnspi_record_scan_next(j, &j->log, &record, next, more, NULL, error);
    if (status != LNSP_OK) return status;
    record = *next;
  } while (*more && record.type != LNSPI_RECORD_SNAPSHOT);
  return LNSP_OK;
}

/* Finds the first snapshot: description and ledger are before it. */
static int32_t store_compact_first(lnsp_store *store, lnspi_record *record, int *found,
                                   lnsp_error *error) {
  lnspi_journal *j = &store->journal;
  const lnspi_record *after = NULL;
  do {
    int32_t status = lnspi_record_scan_next(j, &j->log, after, record, found, NULL, error);
    if (status != LNSP_OK) return status;
    after = record;
  } while (*found && record->type != LNSPI_RECORD_SNAPSHOT);
  return LNSP_OK;
}

/* Adds up the groups, and plans what to drop so that budget bytes stay. */
static int32_t store_compact_plan_drops(lnsp_store *store, uint64_t budget,
                                        store_compact_plan *plan, lnsp_error *error) {
  lnspi_record record, next;
  store_compact_group group;
  int more = 0;
  int32_t status = store_compact_first(store, &record, &more, error);
  if (status != LNSP_OK) return status;
  while (more) {
    status = store_compact_group_at(store, &record, plan, &group, &next, &more, error);
    if (status != LNSP_OK) return status;
    plan->total += group.bytes;
    *(group.held ? &plan->held : group.tagged ? &plan->tagged : &plan->plain) += group.bytes;
    record = next;
  }
  if (plan->total <= budget) return LNSP_OK;
  const uint64_t drop = plan->total - budget;
  plan->drop_plain = drop < plan->plain ? drop : plan->plain;
  plan->drop_tagged = drop - plan->drop_plain;
  return LNSP_OK;
}

/* Whether this group is dropped: called once for each, from the oldest on. */
static int store_compact_drops(store_compact_plan *plan, const store_compact_group *group) {
  uint64_t *left = group->tagged ? &plan->drop_tagged : &plan->drop_plain;
  if (group->held || !*left) return 0;
  *left -= group->bytes < *left ? group->bytes : *left;
  return 1;
}

/* Copies a group's versions; deltas point to where their snapshot is now. */
static int32_t store_compact_copy(lnsp_store *store, const store_compact_group *group,
                                  const lnspi_record *end, int more, lnspi_bank *to,
                                  lnsp_error *error) {
  lnspi_journal *j = &store->journal;
  lnspi_record record = group->first, copy;
  uint64_t snapshot = 0;
  int found = 1;
  while (found && (!more || record.at != end->at)) {
    if (lnspi_version_in_record(&record)) {
      if (record.type == LNSPI_RECORD_DELTA)
        lnspi_store64(record.info + LNSPI_VERSION_AT_BASE, snapshot);
      int32_t status = lnspi_bank_switch_copy(j, &record, to, record.info, &copy, error);
      if (status != LNSP_OK) return status;
      if (record.type == LNSPI_RECORD_SNAPSHOT) snapshot = copy.at - to->bank_at;
    }
    int32_t status = lnspi_record_scan_next(j, &j->log, &record, &record, &found, NULL, error);
    if (status != LNSP_OK) return status;
  }
  return LNSP_OK;
}

static int32_t store_compact_copy_groups(lnsp_store *store, store_compact_plan *plan,
                                         lnspi_bank *to, lnsp_error *error) {
  lnspi_record record, next;
  store_compact_group group;
  int more = 0;
  int32_t status = store_compact_first(store, &record, &more, error);
  if (status != LNSP_OK) return status;
  while (more) {
    status = store_compact_group_at(store, &record, plan, &group, &next, &more, error);
    if (status == LNSP_OK && !store_compact_drops(plan, &group))
      status = store_compact_copy(store, &group, &next, more, to, error);
    if (status != LNSP_OK) return status;
    record = next;
  }
  return LNSP_OK;
}

static int32_t store_compact_write(void *user, uint32_t *words, size_t count,
                                   lnsp_error *error) {
  return lnspi_record_write(user, lnspi_version_words_to_bytes(words, count), 4 * count, error);
}

/* Where the held groups do not fit: the newest version alone, as a snapshot. */
static int32_t store_compact_to_head(lnsp_store *store, lnspi_bank *to, lnsp_error *error) {
  lnspi_journal *j = &store->journal;
  uint8_t info[LNSPI_INFO_BYTES];
  lnspi_version version;
  lnspi_record record;
  lnspi_version_decode(store->state.info, &version);
  version.number = store->head.number;
  version.base = 0;
  lnspi_version_encode(&version, info);
  int32_t status =
      lnspi_record_write_start(j, to, LNSPI_RECORD_SNAPSHOT, LNSPI_RECORD_COPIED, error);
  if (status == LNSP_OK)
    status = lnspi_version_read(store, &store->state, store_compact_write, j, error);
  return status != LNSP_OK ? status : lnspi_record_write_end(j, to, info, &record, error);
}

/* Reads the new bank. If that fails, the handle continues with the old one, read-only: it
 * still has all versions. */
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
  /* held groups may take more than half, but must leave room for the record to come */
  if (plan.held <= most)
    status = store_compact_copy_groups(store, &plan, &to, error);
  else
    status = store_compact_to_head(store, &to, error);
  if (status == LNSP_OK && j->reports) status = lnspi_progress_end(&j->progress, error);
  j->reports = 0; /* from here on the new bank counts */
  if (status == LNSP_OK) status = lnspi_bank_switch_end(j, &to, error);
  if (status == LNSP_OK) status = store_compact_scan(store, &from, error);
  if (status == LNSP_OK && j->log.end - j->log.tail < need)
    status = lnspi_error_set(
        error, LNSP_E_LIMIT, NULL,
        "the store's device has no room for another version: move the store to a larger one");
  return status;
}
