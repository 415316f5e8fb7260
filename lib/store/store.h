/* The store: versions of one image (the words of a model or of a trainer's state) in a
 * journal. */
#ifndef LNSPI_STORE_STORE_H
#define LNSPI_STORE_STORE_H

#include "base/block.h"
#include "delta/float_coder.h"
#include "store/journal.h"

/* Types of records. A delta is against the newest snapshot before it. */
#define LNSPI_RECORD_DESCRIPTION 1 /* the first of each bank: what the images are */
#define LNSPI_RECORD_SNAPSHOT 2    /* all words, as they are */
#define LNSPI_RECORD_DELTA 3
#define LNSPI_RECORD_ROLLBACK 4
#define LNSPI_RECORD_LEDGER 5      /* senders and what they sent last */
#define LNSPI_STORE_MODEL 1
#define LNSPI_STORE_TRAINER 2
#define LNSPI_STORE_TEXTS 4        /* architecture, layout, loss, optimizer */
#define LNSPI_STORE_TEXT_BYTES 131072
#define LNSPI_STORE_SENDERS 65536
#define LNSPI_TAG_BYTES 40
#define LNSPI_SENDER_BYTES 16

/* A piece of an image in memory. */
typedef struct lnspi_segment {
  uint32_t *words;
  uint64_t count;
} lnspi_segment;

/* What the images of a store are. */
typedef struct lnspi_store_plan {
  uint32_t kind, every, senders, reserved; /* every: records from snapshot to snapshot */
  uint64_t words;
  const char *text[LNSPI_STORE_TEXTS];
} lnspi_store_plan;

/* The info of a version's record. */
typedef struct lnspi_version {
  uint64_t number;
  uint64_t of;      /* rollback: the version that it went back to; else: what it came from */
  uint64_t base;    /* delta: its snapshot's head, from the bank's start */
  uint64_t time, step;
  float loss;
  uint32_t sum;     /* CRC-32C of the image's words, little-endian */
  uint8_t hash[32]; /* of the weights, as lnsp_model_hash has it */
  char tag[LNSPI_TAG_BYTES];
  uint8_t sender[LNSPI_SENDER_BYTES];
  uint64_t nonce;   /* 0: no sender */
} lnspi_version;

typedef struct lnspi_sender {
  uint8_t id[LNSPI_SENDER_BYTES];
  uint64_t nonce;
} lnspi_sender;

/* The coder at work on a payload. */
typedef struct lnspi_store_payload {
  struct lnsp_store *store;
  lnsp_error *error;
  uint64_t at, left;
  uint32_t crc;
  int32_t status;
} lnspi_store_payload;

struct lnsp_store {
  lnspi_block block;
  lnspi_journal journal;
  lnspi_store_plan plan;
  uint64_t versions;      /* records that are versions */
  uint64_t newest;        /* the highest number given */
  lnspi_version head;     /* the newest version; number 0: none yet */
  lnspi_record image;     /* the record that has its image */
  uint64_t snapshot;      /* the newest one's head, from the bank's start; 0: none */
  uint64_t since;         /* images since then */
  uint64_t cursor;        /* a version's index that was asked for, and its record */
  lnspi_record at_cursor;
  int32_t cursor_known;
  int32_t sender_count;
  lnspi_sender *senders;
  char *texts;
  uint32_t *base, *next;  /* LNSPI_FLOAT_CODER_CHUNK words each */
  uint32_t *small;        /* the part of an image that is put together for it */
  union {
    lnspi_float_encoder writer;
    lnspi_float_decoder reader;
  } *coder;
  void (*release)(void *user); /* of the device, nullable */
};

int32_t lnspi_store_bytes(const lnsp_device *device, const lnspi_store_plan *plan,
                          uint64_t *bytes, lnsp_error *error);

/* The bytes that opening what is on the device takes. */
int32_t lnspi_store_peek(const lnsp_device *device, int32_t salvage, uint64_t *bytes,
                         lnsp_error *error);
int32_t lnspi_store_create(const lnsp_device *device, const lnspi_store_plan *plan,
                           const lnsp_options *options, lnsp_store **out, lnsp_error *error);
int32_t lnspi_store_open(const lnsp_device *device, int32_t read_only, int32_t salvage,
                         const lnsp_options *options, lnsp_store **out, lnsp_error *error);
void lnspi_store_release(lnsp_store *store);

/* Reads the log anew, after compaction. */
int32_t lnspi_store_scan(lnsp_store *store, lnsp_error *error);
int32_t lnspi_store_note(lnsp_store *store, const lnspi_record *record, lnsp_error *error);
int32_t lnspi_store_sync(lnsp_store *store, const lnspi_record *record, lnsp_error *error);
int32_t lnspi_store_describe(lnsp_store *store, lnspi_bank *log, lnsp_error *error);

#endif
