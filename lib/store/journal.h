/* The journal: records that survive power cuts, on a device with erase units. It knows
 * nothing of what is in them. docs/store.md has the layout and the rules.
 *
 * It is used in this order: place, open (or bank_switch for a new one), then record_write
 * and sync for each record, record_scan to read, and bank_switch when the bank is full. */
#ifndef LNSPI_STORE_JOURNAL_H
#define LNSPI_STORE_JOURNAL_H

#include "base/progress.h"
#include "lnsp.h"

/* What makes the journal survive, each rule in an `if` of its own. tests/store/sim leaves
 * out one at a time, and must then see a store lose something: LNSPI_MUTANT is the number
 * of that rule. Without LNSPI_MUTANT, LNSPI_RULE is the constant 1. */
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

#define LNSPI_HEAD_BYTES 256   /* of a record's head and of a bank's header */
#define LNSPI_INFO_BYTES 176   /* of a head, for the user of the journal */
#define LNSPI_MAX_PROGRAM 4096 /* bytes of a program unit: one fits into the buffer */
#define LNSPI_RECORD_COPIED 1  /* flag: written by compaction, not by a commit */

/* A record as its head describes it. Offsets count from the start of the device, except
 * where it says bank: those stay right in a device file of another place. */
typedef struct lnspi_record {
  uint64_t at;       /* where its head begins */
  uint64_t body;     /* where its payload begins: at + journal.head */
  uint64_t end;      /* where the next record may begin, a multiple of journal.unit */
  uint64_t sequence; /* 1, 2, 3 ... in each bank, without a gap */
  uint64_t bytes;    /* of the payload */
  uint64_t previous; /* the record before it, from the start of the bank; 0: none */
  uint32_t type, flags;
  uint32_t crc;        /* CRC-32C of the payload */
  uint32_t generation; /* that of its bank: leftovers of an older log have a lower one */
  uint32_t broken;     /* salvage: records before it are lost */
  uint8_t chain[32];   /* hash of the chain before it and of this head */
  uint8_t info[LNSPI_INFO_BYTES];
} lnspi_record;

/* One bank: a header in an erase unit of its own, and a log of records behind it. */
typedef struct lnspi_bank {
  uint64_t bank_at, start, end; /* the header, the log, and its end */
  uint64_t copied;   /* where the copied records end: those are older than the header */
  uint64_t tail;     /* where the next record goes; nothing was programmed from here on */
  uint64_t newest;   /* of the newest record's head, from the bank's start; 0: none */
  uint64_t sequence; /* of the newest record */
  uint32_t bank;       /* 0 or 1 */
  uint32_t generation; /* one more with each compaction: the higher one counts */
  uint8_t first[32];   /* the chain before the first record */
  uint8_t chain[32];   /* that of the newest record */
} lnspi_bank;

typedef struct lnspi_journal {
  lnsp_device device;
  uint64_t bank_bytes; /* of each bank: whole erase units */
  uint64_t unit;       /* records begin at multiples of it: a program unit, at least 16 */
  uint64_t head;       /* bytes that a head takes, a multiple of unit */
  int32_t read_only, salvage;
  int32_t failed;   /* a write or sync failed: nothing is written from then on */
  int32_t lost;     /* salvage: something was found damaged */
  lnspi_bank log;   /* the bank that counts, with all records */
  lnspi_bank safe;  /* the same at the last sync: what a failure falls back to */
  void *user;       /* of visit (nullable): open calls it for each record, in order */
  int32_t (*visit)(void *user, const lnspi_record *record, lnsp_error *error);
  uint64_t reach;     /* so many erased bytes are the end of the log; 0: only its end is */
  lnspi_record ahead; /* the record behind the one that lnspi_record_scan_next returned, if
                         that was seen; at 0: it was not */
  uint8_t *buffer;    /* for scans, and for the record that is being written, of which: */
  size_t buffer_bytes, filled; /* filled: bytes in the buffer, not yet programmed */
  uint64_t at;                 /* where the head will be */
  uint64_t put, put_end;       /* where the buffer will be programmed; the end of the bank */
  uint64_t bytes;              /* of the payload so far */
  uint32_t crc, type, flags;
  lnspi_progress progress; /* of bytes read, by the calls that report; else total is 0 */
  int32_t reports;         /* 1 while such a call may still be cancelled */
} lnspi_journal;

/* Refuses a device that cannot hold a journal. */
int32_t lnspi_journal_check(const lnsp_device *device, lnsp_error *error);

/* Bytes of a journal's buffer on this device. A smaller one is enough to read heads and
 * payloads, but not to search or write. */
size_t lnspi_journal_buffer(const lnsp_device *device);

/* Makes a journal that is not open yet. */
void lnspi_journal_place(lnspi_journal *j, const lnsp_device *device, uint8_t *buffer,
                         size_t bytes);
int32_t lnspi_journal_read(lnspi_journal *j, uint64_t at, void *to, size_t bytes,
                           lnsp_error *error);

/* Finds the end of the log; unless read_only, syncs what it found. */
int32_t lnspi_journal_open(lnspi_journal *j, lnsp_error *error);

/* Refuses if the journal is read-only, or an earlier write failed. */
int32_t lnspi_journal_writable(const lnspi_journal *j, lnsp_error *error);

/* Returns when all that was programmed is safe; a failure makes the journal read-only. */
int32_t lnspi_journal_sync(lnspi_journal *j, lnsp_error *error);

/* n rounded up to a multiple of `to`. */
static inline uint64_t lnspi_journal_round(uint64_t n, uint64_t to) {
  return (n + to - 1) / to * to;
}

/* Programs the first bytes of the buffer, or erases whole erase units; a failure makes the
 * journal read-only. */
int32_t lnspi_journal_program(lnspi_journal *j, uint64_t at, size_t bytes, lnsp_error *error);
int32_t lnspi_journal_erase(lnspi_journal *j, uint64_t from, uint64_t to, lnsp_error *error);

#endif
