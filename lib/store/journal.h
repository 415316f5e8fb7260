/* The journal: records that survive power cuts, on a device with erase units. It knows
 * nothing of what is in them. docs/store.md has the layout and the rules. */
#ifndef LNSPI_STORE_JOURNAL_H
#define LNSPI_STORE_JOURNAL_H

#include "lnsp.h"

/* What makes the journal survive. tests/store/sim leaves out one at a time, and must
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
  int32_t (*visit)(void *user, const lnspi_record *record, lnsp_error *error);
  uint64_t reach;     /* this much erased is the end of the log; 0: all of the bank */
  lnspi_record
      ahead; /* what lnspi_record_scan_next saw behind the record it gave; at 0: nothing */
  uint8_t *buffer;    /* for scans, and for the record that is being written: */
  size_t buffer_bytes, filled;
  uint64_t at, put, put_end, bytes;
  uint32_t crc, type, flags;
} lnspi_journal;

/* Reading. Bytes that a journal's buffer needs on this device. */
int32_t lnspi_journal_check(const lnsp_device *device, lnsp_error *error);
size_t lnspi_journal_buffer(const lnsp_device *device);
void lnspi_journal_place(lnspi_journal *j, const lnsp_device *device, uint8_t *buffer,
                         size_t bytes);
int32_t lnspi_journal_read(lnspi_journal *j, uint64_t at, void *to, size_t bytes,
                           lnsp_error *error);

/* Finds the end of the log; unless read_only, syncs before it says so. */
int32_t lnspi_journal_open(lnspi_journal *j, lnsp_error *error);
int32_t lnspi_journal_writable(const lnspi_journal *j, lnsp_error *error);
int32_t lnspi_journal_sync(lnspi_journal *j, lnsp_error *error);

/* n rounded up to a multiple. */
static inline uint64_t lnspi_journal_round(uint64_t n, uint64_t to) {
  return (n + to - 1) / to * to;
}

/* Programs bytes of the buffer; a failure makes the journal read-only. */
int32_t lnspi_journal_program(lnspi_journal *j, uint64_t at, size_t bytes, lnsp_error *error);
int32_t lnspi_journal_erase(lnspi_journal *j, uint64_t from, uint64_t to, lnsp_error *error);

#endif
