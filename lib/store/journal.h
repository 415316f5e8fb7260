/* The journal: records that survive power cuts, on a device with erase units. It knows
 * nothing of what is in them. docs/store.md has the layout and the rules. */
#ifndef LNSPI_STORE_JOURNAL_H
#define LNSPI_STORE_JOURNAL_H

#include "base/bytes.h"
#include "lnsp.h"

/* What makes the journal survive. tests/store_sim leaves out one at a time, and must
 * then see it fail: LNSPI_MUTANT is its number. */
enum {
  LNSPI_RULE_SYNC_COMMIT = 1,  /* a record is synced before it is acknowledged     */
  LNSPI_RULE_BODY_SUM,         /* the newest record's payload is checked           */
  LNSPI_RULE_HEAD_SUM,         /* a record's head is checked                       */
  LNSPI_RULE_SYNC_RECOVERY,    /* what recovery found is synced before it is told  */
  LNSPI_RULE_SYNC_COPIES,      /* copies are synced before their bank's header     */
  LNSPI_RULE_SYNC_HEADER,      /* the header is synced before records follow       */
  LNSPI_RULE_FAIL_STOP,        /* after a failed write or sync nothing is written  */
  LNSPI_RULE_REPORT,           /* a bad record with good ones behind is reported   */
  LNSPI_RULE_SKIP_DIRTY,       /* what a cut left behind is not written over       */
  LNSPI_RULE_NEWEST_BANK,      /* of two banks the one of the later generation     */
  LNSPI_RULE_ERASE,            /* a bank is erased before it is written            */
  LNSPI_RULE_ALIGN,            /* records begin at program units                   */
  LNSPI_RULE_BANK_SUM,         /* a bank's header is checked                       */
  LNSPI_RULE_OTHER_BANK,       /* the old bank stays until the new one is whole    */
  LNSPI_RULE_CHAIN,            /* a record continues the one before it             */
  LNSPI_RULE_LOST_HEADER,      /* a bank without header that holds later records   */
  LNSPI_RULE_LEDGER,           /* compaction keeps what senders have sent          */
  LNSPI_RULE_KEEP_HEAD,        /* and the version that the store is at             */
  LNSPI_RULE_COUNT
};
#if defined(LNSPI_MUTANT)
#define LNSPI_RULE(name) (LNSPI_RULE_##name != LNSPI_MUTANT)
#else
#define LNSPI_RULE(name) 1
#endif

#define LNSPI_HEAD_BYTES 256  /* of a record and of a bank */
#define LNSPI_INFO_BYTES 176  /* of it, for the user of the journal */
#define LNSPI_MAX_PROGRAM 4096

#define LNSPI_RECORD_COPIED 1 /* flag: written by compaction */

typedef struct lnspi_record {
  uint64_t at;       /* of its head, from the start of the device */
  uint64_t body;     /* of its payload */
  uint64_t end;      /* where the next may begin */
  uint64_t sequence; /* from 1 in each bank */
  uint64_t bytes;    /* of the payload */
  uint64_t previous; /* the record before it, from the start of the bank; 0: none */
  uint32_t type, flags, crc, generation; /* crc: of the payload */
  uint32_t broken;   /* salvage: what was before it is lost */
  uint8_t chain[32]; /* hash over the previous chain and this head */
  uint8_t info[LNSPI_INFO_BYTES];
} lnspi_record;

/* One bank: a header in an erase unit of its own, and records behind it. */
typedef struct lnspi_bank {
  uint64_t bank_at, start, end;
  uint64_t copied;   /* where the records end that were there before the header was */
  uint64_t tail;     /* where the next record goes */
  uint64_t newest;   /* of the newest record's head, from the bank's start; 0: none */
  uint64_t sequence; /* of the newest record */
  uint32_t bank, generation;
  uint8_t first[32]; /* the chain before the first record */
  uint8_t chain[32]; /* of the newest record */
} lnspi_bank;

typedef struct lnspi_journal {
  lnsp_device device;
  uint64_t bank_bytes, unit, head; /* unit: records are aligned to it; head: room for one */
  int32_t read_only, salvage;
  int32_t failed;     /* a write or sync failed: nothing is written any more */
  int32_t lost;       /* salvage: something was found damaged */
  lnspi_bank log, safe; /* safe: as it was after the last sync */
  void *user;         /* of visit (nullable): told of each record by open, in order */
  int32_t (*visit)(void *user, const lnspi_record *record, lnsp_problem *problem);
  uint64_t reach;     /* this much erased is the end of the log; 0: all of the bank */
  lnspi_record ahead; /* what log_next saw behind the record it gave; at 0: nothing */
  uint8_t *buffer;    /* for scans, and for the record that is being written: */
  size_t buffer_bytes, filled;
  uint64_t at, put, put_end, bytes;
  uint32_t crc, type, flags;
} lnspi_journal;

/* log.c: reading. Bytes that a journal's buffer needs on this device. */
int32_t lnspi_journal_check(const lnsp_device *device, lnsp_problem *problem);
size_t lnspi_journal_buffer(const lnsp_device *device);
void lnspi_journal_place(lnspi_journal *j, const lnsp_device *device, uint8_t *buffer,
                         size_t bytes);
int32_t lnspi_journal_read(lnspi_journal *j, uint64_t at, void *to, size_t bytes,
                           lnsp_problem *problem);
void lnspi_log_start(const lnspi_journal *j, uint32_t bank, lnspi_bank *log);
/* What stands at an offset: *good says whether it is a record's head. */
int32_t lnspi_log_head(lnspi_journal *j, const lnspi_bank *log, uint64_t at,
                       lnspi_record *record, int *good, lnsp_problem *problem);
int32_t lnspi_log_body_check(lnspi_journal *j, const lnspi_record *record, int *good,
                             lnsp_problem *problem);
/* What lies between a record and the end of the bank, where no record follows. */
typedef struct lnspi_rest {
  uint64_t dirty;   /* end of the last byte that is not erased; 0: none */
  uint64_t foreign; /* a record that does not continue this one; 0: none */
} lnspi_rest;
/* The record that continues `after` (NULL: the first); *found 0: there is none, and rest
 * (nullable) tells what is there. May be given record as after. */
int32_t lnspi_log_next(lnspi_journal *j, const lnspi_bank *log, const lnspi_record *after,
                       lnspi_record *record, int *found, lnspi_rest *rest,
                       lnsp_problem *problem);
/* The record before it; *found 0: none. */
int32_t lnspi_log_previous(lnspi_journal *j, const lnspi_record *of, lnspi_record *record,
                           int *found, lnsp_problem *problem);
int32_t lnspi_log_newest(lnspi_journal *j, lnspi_record *record, int *found,
                         lnsp_problem *problem);

/* bank.c: opening */
/* Which bank counts. */
int32_t lnspi_journal_choose(lnspi_journal *j, lnspi_bank *log, lnsp_problem *problem);
/* Finds the end of the log; unless read_only, syncs before it says so. */
int32_t lnspi_journal_open(lnspi_journal *j, lnsp_problem *problem);
void lnspi_bank_encode(const lnspi_journal *j, const lnspi_bank *log, uint8_t *to);

/* append.c: writing. A failure makes the journal read-only for ever after. */
uint64_t lnspi_record_space(const lnspi_journal *j, uint64_t bytes); /* with such a payload */
int lnspi_log_fits(const lnspi_journal *j, const lnspi_bank *log, uint64_t bytes);
int32_t lnspi_journal_writable(const lnspi_journal *j, lnsp_problem *problem);
int32_t lnspi_record_begin(lnspi_journal *j, const lnspi_bank *log, uint32_t type,
                           uint32_t flags, lnsp_problem *problem);
int32_t lnspi_record_put(lnspi_journal *j, const void *data, size_t bytes,
                         lnsp_problem *problem);
/* Writes the head; the record counts once it is synced. */
int32_t lnspi_record_end(lnspi_journal *j, lnspi_bank *log,
                         const uint8_t info[LNSPI_INFO_BYTES], lnspi_record *record,
                         lnsp_problem *problem);
int32_t lnspi_journal_sync(lnspi_journal *j, lnsp_problem *problem);
/* The other bank: erased, filled by records of the flag COPIED, then made the one that
 * counts. */
int32_t lnspi_turn_begin(lnspi_journal *j, lnspi_bank *to, lnsp_problem *problem);
int32_t lnspi_turn_copy(lnspi_journal *j, const lnspi_record *from, lnspi_bank *to,
                        const uint8_t info[LNSPI_INFO_BYTES], lnspi_record *record,
                        lnsp_problem *problem);
int32_t lnspi_turn_end(lnspi_journal *j, lnspi_bank *to, lnsp_problem *problem);
/* A new journal, in place of whatever is on the device: turn_begin, and after turn_end
 * lnspi_journal_forget erases what was there. */
int32_t lnspi_journal_new(lnspi_journal *j, lnspi_bank *to, lnsp_problem *problem);
int32_t lnspi_journal_forget(lnspi_journal *j, lnsp_problem *problem);

#endif
