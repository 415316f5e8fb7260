/* The store: versions of one state in a journal.
 *
 * A state is an array of words, which are 32 bits as the CPU holds them: floats, pairs of
 * 16-bit floats, codes, counters. The store does not know which; whoever commits says what
 * they are in four texts, and equal texts mean equal layouts. */
#ifndef LNSPI_STORE_STORE_H
#define LNSPI_STORE_STORE_H

#include "base/block.h"
#include "delta/float_coder.h"
#include "store/journal.h"

/* Types of records. */
#define LNSPI_RECORD_DESCRIPTION 1 /* the first of each bank: what a state is */
#define LNSPI_RECORD_SNAPSHOT 2    /* all words of a state, little-endian */
#define LNSPI_RECORD_DELTA 3       /* what changed since the newest snapshot before it */
#define LNSPI_RECORD_ROLLBACK 4    /* no payload: the state of an earlier version again */
#define LNSPI_RECORD_LEDGER 5      /* senders, and the highest nonce of each */
#define LNSPI_STORE_MODEL 1
#define LNSPI_STORE_TRAINER 2
#define LNSPI_STORE_TEXTS 4        /* architecture, layout, loss, optimizer */
#define LNSPI_STORE_TEXT_BYTES 131072
#define LNSPI_STORE_SENDERS 65536
#define LNSPI_TAG_BYTES 40
#define LNSPI_SENDER_BYTES 16

/* A piece of a state in memory; a state is a list of them, in order. */
typedef struct lnspi_segment {
  uint32_t *words;
  uint64_t count;
} lnspi_segment;

/* What the states of a store are; written once, in its description. */
typedef struct lnspi_store_plan {
  uint32_t kind; /* LNSPI_STORE_MODEL or LNSPI_STORE_TRAINER */
  uint32_t every; /* versions from one snapshot to the next */
  uint32_t senders; /* the most that the ledger holds */
  uint32_t reserved;
  uint64_t words; /* of each state */
  const char *text[LNSPI_STORE_TEXTS];
} lnspi_store_plan;

/* The info of a version's record. */
typedef struct lnspi_version {
  uint64_t number;  /* from 1; higher than all before, also than those that were dropped */
  uint64_t of;      /* the version it continues; of a rollback: the one whose state it has */
  uint64_t base;    /* delta: its snapshot's head, from the bank's start; else 0 */
  uint64_t time, step;
  float loss;
  uint32_t sum;     /* CRC-32C of the whole state, little-endian, not of the payload */
  uint8_t hash[32]; /* of the weights, as lnsp_model_hash has it */
  char tag[LNSPI_TAG_BYTES];
  uint8_t sender[LNSPI_SENDER_BYTES];
  uint64_t nonce;   /* of the sender's delta; 0: it came from no sender */
} lnspi_version;

typedef struct lnspi_sender {
  uint8_t id[LNSPI_SENDER_BYTES];
  uint64_t nonce;
} lnspi_sender;

/* The payload that the coder reads or writes: user data of its callbacks, which cannot
 * return an error themselves. */
typedef struct lnspi_store_payload {
  struct lnsp_store *store;
  lnsp_error *error;
  uint64_t at, left; /* reading: the next byte, and how many there are */
  uint32_t crc;      /* of what was read */
  int32_t status;    /* why a callback failed, error having the sentence */
} lnspi_store_payload;

struct lnsp_store {
  lnspi_block block;
  lnspi_journal journal;
  lnspi_store_plan plan;
  uint64_t versions;      /* records that are versions */
  uint64_t newest;        /* the highest version number so far */
  lnspi_version head;     /* the newest version; number 0: none yet */
  lnspi_record state;     /* the record with its state: for a rollback, an older one */
  uint64_t snapshot;      /* the newest snapshot's head, from the bank's start; 0: none */
  uint64_t since;         /* states since that snapshot, itself included */
  uint64_t cursor;        /* records link backwards only, so the version that was asked for */
  lnspi_record at_cursor; /* last is kept: index from the newest, and record. A list */
  int32_t cursor_known;   /* costs one read a version with it. 0: there is none */
  int32_t sender_count;
  lnspi_sender *senders;  /* the ledger: plan.senders places, in order of appearance */
  char *texts;            /* those of plan.text, one after the other */
  uint32_t *base, *next;  /* LNSPI_FLOAT_CODER_CHUNK words each: of the snapshot, and new */
  union {
    lnspi_float_encoder writer;
    lnspi_float_decoder reader;
  } *coder;
  void (*release)(void *user); /* closes the device; nullable */
};

int32_t lnspi_store_bytes(const lnsp_device *device, const lnspi_store_plan *plan,
                          uint64_t *bytes, lnsp_error *error);

/* Bytes of the handle that opening the store on the device takes. */
int32_t lnspi_store_peek(const lnsp_device *device, int32_t salvage, uint64_t *bytes,
                         lnsp_error *error);
int32_t lnspi_store_create(const lnsp_device *device, const lnspi_store_plan *plan,
                           const lnsp_options *options, lnsp_store **out, lnsp_error *error);
int32_t lnspi_store_open(const lnsp_device *device, int32_t read_only, int32_t salvage,
                         const lnsp_options *options, lnsp_store **out, lnsp_error *error);
void lnspi_store_release(lnsp_store *store);

/* Reads the log from the start, after compaction. */
int32_t lnspi_store_scan(lnsp_store *store, lnsp_error *error);

/* Takes the next record of the log into account. */
int32_t lnspi_store_note(lnsp_store *store, const lnspi_record *record, lnsp_error *error);

/* Makes a record that was just written count: syncs, then notes it. */
int32_t lnspi_store_sync(lnsp_store *store, const lnspi_record *record, lnsp_error *error);

/* Writes the description, the first record of a bank. */
int32_t lnspi_store_describe(lnsp_store *store, lnspi_bank *log, lnsp_error *error);

#endif
