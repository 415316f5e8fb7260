/* A store on the simulated device: it commits, rolls back, takes in senders' numbers and
 * compacts, while the power is cut everywhere. After each cut the store must open, and be
 * at what was acknowledged last, or at what was under way: bit for bit, and nothing else. */
#ifndef STORE_SIM_SIM_H
#define STORE_SIM_SIM_H

#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "store/commit.h"
#include "store/journal.h"
#include "store/ledger.h"
#include "store/record_scan.h"
#include "store/store.h"
#include "store/store_compact.h"
#include "store/version.h"
#include "store/version_read.h"
#include "store/sim/flash.h"

#define SIM_WORDS 16
#define SIM_OPS 120       /* versions of one store's life; then a new one */
#define SIM_SENDERS 3

enum { SIM_NONE, SIM_COMMIT, SIM_ROLLBACK, SIM_LEDGER, SIM_COMPACT };

typedef struct sim {
  flash flash, fork, second;
  lnsp_store *store;
  uint64_t random, cuts, rots, opens, commits, violations;
  uint64_t forks;              /* cuts at each write */
  const char *why;             /* the first violation */
  lnsp_error error;
  uint64_t content[SIM_OPS + 8]; /* of each version */
  uint64_t newest;             /* acknowledged */
  uint64_t nonce[SIM_SENDERS];
  int under_way;               /* SIM_ */
  uint64_t next, next_content; /* what would be the newest */
  int next_sender;
  uint64_t next_nonce;
  lnspi_store_plan plan;
  /* memory for handles, so that malloc is not what is measured */
  uint8_t *block[3];
  size_t block_bytes;
} sim;

static const char *const sim_sender[SIM_SENDERS] = {"anna", "ben", "carla"};

static uint64_t sim_random(sim *s) {
  uint64_t z = (s->random += UINT64_C(0x9E3779B97F4A7C15));
  z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
  return z ^ (z >> 31);
}
static uint32_t sim_below(sim *s, uint32_t n) { return (uint32_t)(sim_random(s) >> 33) % n; }

static void sim_wrong(sim *s, const char *why) {
  s->violations++;
  if (!s->why) s->why = why;
}

/* The words of an image: near to those of any other, as after a few steps. */
static void sim_words(uint64_t content, uint32_t words[SIM_WORDS]) {
  for (uint32_t i = 0; i < SIM_WORDS; i++) {
    uint64_t z = (content + 1) * UINT64_C(0x9E3779B97F4A7C15) + i;
    z = (z ^ (z >> 29)) * UINT64_C(0xBF58476D1CE4E5B9);
    words[i] = 0x3d000000u + (i << 20) + (uint32_t)(z >> 52);
  }
}

static lnsp_options sim_options(sim *s, int block) {
  lnsp_options options = LNSP_OPTIONS_INIT;
  options.block = s->block[block];
  options.block_bytes = s->block_bytes;
  return options;
}

static int32_t sim_open(sim *s, flash *f, int block, lnsp_store **out) {
  lnsp_device device = flash_device(f);
  lnsp_options options = sim_options(s, block);
  s->opens++;
  return lnspi_store_open(&device, 0, 0, &options, out, &s->error);
}

/* Whether a version's image is the one that was committed under its number. */
static int sim_same(sim *s, lnsp_store *store, uint64_t number, uint64_t content) {
  uint32_t words[SIM_WORDS], expected[SIM_WORDS];
  lnspi_version version;
  (void)s;
  if (lnspi_version_read_to_memory(store, number, words, NULL, &version, NULL) != LNSP_OK)
    return 0;
  sim_words(content, expected);
  return !memcmp(words, expected, sizeof words);
}

/* What is found must be what was acknowledged, or what was under way. */
static void sim_check(sim *s, lnsp_store *store, int deep) {
  const uint64_t head = store->head.number;
  const int done = head == s->next && s->next &&
                   (s->under_way == SIM_COMMIT || s->under_way == SIM_ROLLBACK);
  if (head != s->newest && !done) {
    sim_wrong(s, head < s->newest ? "an acknowledged version is gone" : "a version of nowhere");
    return;
  }
  if (head && !sim_same(s, store, head, done ? s->next_content : s->content[head])) {
    sim_wrong(s, "the newest version has other bits");
    return;
  }
  for (int i = 0; i < SIM_SENDERS; i++)
    if (s->nonce[i] && lnspi_ledger_check(store, sim_sender[i], s->nonce[i], NULL) == LNSP_OK)
      sim_wrong(s, "a sender's number is taken again");
  if (!deep) return;
  for (uint64_t i = 1; i < store->versions; i++) {
    lnspi_record record;
    int found = 0;
    if (lnspi_version_at(store, i, &record, &found, NULL) != LNSP_OK || !found) {
      sim_wrong(s, "an old version is not there");
      return;
    }
    const uint64_t number = lnspi_load64(record.info);
    if (record.type != LNSPI_RECORD_ROLLBACK &&
        !sim_same(s, store, number, s->content[number])) {
      sim_wrong(s, "an old version has other bits");
      return;
    }
  }
}

/* Opens what a cut has left, and looks. */
static void sim_recover(sim *s, flash *f) {
  lnsp_store *store = NULL;
  f->dead = 0;
  f->cut_in = 0;
  s->cuts++;
  if (sim_open(s, f, 1, &store) != LNSP_OK) {
    sim_wrong(s, "the store does not open");
    return;
  }
  sim_check(s, store, sim_below(s, 16) == 0);
  const uint32_t more = sim_below(s, 16);
  if (more == 0) { /* life goes on */
    uint32_t words[SIM_WORDS];
    lnspi_segment segment = {words, SIM_WORDS};
    lnspi_version version;
    memset(&version, 0, sizeof version);
    sim_words(s->next_content + 77, words);
    const int failed =
        lnspi_commit_version(store, &segment, 1, &version, NULL) != LNSP_OK || f->violations;
    lnspi_store_release(store);
    if (failed)
      sim_wrong(s, f->violations ? "a program unit is written twice" : "no commit after a cut");
    else if (sim_open(s, f, 1, &store) != LNSP_OK)
      sim_wrong(s, "no open after a commit after a cut");
    else if (store->head.number != version.number ||
             !sim_same(s, store, version.number, s->next_content + 77))
      sim_wrong(s, "a commit after a cut is gone");
    else
      lnspi_store_release(store);
    f->violations = 0;
    return;
  }
  lnspi_store_release(store);
}

static void flash_copy(flash *to, const flash *from) {
  const uint32_t units = from->size / from->unit;
  to->size = from->size;
  to->erase = from->erase;
  to->unit = from->unit;
  to->mode = from->mode;
  to->calls = from->calls;
  memcpy(to->now, from->now, from->size);
  memcpy(to->durable, from->durable, from->size);
  memcpy(to->used, from->used, units);
  memcpy(to->used_durable, from->used_durable, units);
  memcpy(to->waits, from->waits, units * sizeof *from->waits);
  to->violations = to->dead = to->fail_sync = to->cut_in = 0;
  to->watch = NULL;
}

/* The process dies and what it wrote is still in the cache: what the next one reports must
 * survive a cut that comes right after. */
static void sim_crash(sim *s) {
  lnsp_store *store = NULL;
  if (sim_open(s, &s->fork, 1, &store) != LNSP_OK) {
    sim_wrong(s, "the store does not open after a crash");
    return;
  }
  const uint64_t reported = store->head.number;
  lnspi_store_release(store);
  s->cuts++;
  flash_cut(&s->fork);
  if (sim_open(s, &s->fork, 1, &store) != LNSP_OK) {
    sim_wrong(s, "the store does not open after a crash and a cut");
    return;
  }
  if (store->head.number != reported) sim_wrong(s, "what recovery reported is gone");
  sim_check(s, store, 0);
  lnspi_store_release(store);
}

/* A cut while recovery is at work, and a recovery after that. */
static void sim_recovery_cut(sim *s) {
  lnsp_store *store = NULL;
  s->fork.cut_in = 1;
  if (sim_open(s, &s->fork, 1, &store) == LNSP_OK) lnspi_store_release(store);
  s->cuts++;
  s->fork.dead = 0;
  s->fork.cut_in = 0;
  flash_cut(&s->fork);
  sim_recover(s, &s->fork);
}

/* Bits rot, or somebody changes them: a record or a bank's header that others rely on. That
 * must be told, and nothing be cut. */
static void sim_rot(sim *s) {
  lnsp_store *store = s->store;
  lnspi_record record;
  int found = 0;
  if (!store || s->under_way || store->versions < 2) return;
  flash_copy(&s->fork, &s->flash);
  s->fork.random = sim_random(s);
  uint8_t *bytes = s->fork.now;
  const uint32_t kind = sim_below(s, 3);
  const uint64_t index = 1 + sim_below(s, (uint32_t)store->versions - 1);
  if (lnspi_version_at(store, index, &record, &found, NULL) != LNSP_OK || !found) {
    sim_wrong(s, "an old version is not there");
    return;
  }
  if (kind == 0) {
    bytes[record.at + sim_below(s, 256)] ^= (uint8_t)(1 << sim_below(s, 8));
  } else if (kind == 1) { /* with a checksum that fits */
    uint8_t *head = bytes + record.at;
    head[40 + 24 + sim_below(s, 8)] ^= 1; /* its time */
    lnspi_store32(head + 252, lnspi_crc32c(0, head, 252));
  } else {
    if (lnspi_record_scan_newest(&store->journal, &record, &found, NULL) != LNSP_OK || !found)
      return;
    if (record.flags & LNSPI_RECORD_COPIED) return; /* the old bank says the same */
    bytes[store->journal.log.bank_at + sim_below(s, 256)] ^= (uint8_t)(1 << sim_below(s, 8));
  }
  s->rots++;
  if (sim_open(s, &s->fork, 1, &store) != LNSP_OK) return;
  lnspi_store_release(store);
  sim_wrong(s, "damage is not told");
}

/* Before each write of the store's: cuts in copies of the device. */
static void sim_watch(void *user, flash *f) {
  sim *s = user;
  for (uint64_t i = 0; i < s->forks && s->violations < 20; i++) {
    const uint32_t kind = sim_below(s, 8);
    flash_copy(&s->fork, f);
    s->fork.random = sim_random(s);
    if (kind == 0) {
      sim_crash(s);
    } else if (kind == 1) {
      sim_recovery_cut(s);
    } else {
      flash_cut(&s->fork);
      sim_recover(s, &s->fork);
    }
  }
}

/* ---- the life of a store ---- */

static int32_t sim_do(sim *s) {
  lnspi_version version;
  uint32_t words[SIM_WORDS];
  lnspi_segment segments[2] = {{words, 5}, {words + 5, SIM_WORDS - 5}};
  int32_t status = LNSP_OK;
  memset(&version, 0, sizeof version);
  s->next = s->newest + 1;
  s->next_content = sim_random(s);
  s->next_sender = -1;
  const uint32_t what = sim_below(s, 16);
  if (what == 0 && s->store->versions > 1) {
    lnspi_record record;
    int found = 0;
    if (lnspi_version_at(s->store, sim_below(s, (uint32_t)s->store->versions), &record, &found,
                         NULL) != LNSP_OK ||
        !found) {
      sim_wrong(s, "a version is not there");
      return LNSP_E_INTERNAL;
    }
    uint64_t to = lnspi_load64(record.info);
    if (record.type == LNSPI_RECORD_ROLLBACK) to = lnspi_load64(record.info + 8);
    lnspi_record state;
    if (lnspi_version_find_state(s->store, to, &state, NULL) != LNSP_OK)
      return LNSP_OK; /* dropped */
    s->next_content = s->content[to];
    s->under_way = SIM_ROLLBACK;
    status = lnspi_commit_rollback(s->store, to, 0, &version, &s->error);
    if (status == LNSP_E_MISSING) return LNSP_OK; /* compaction dropped it first */
  } else if (what == 1) {
    s->under_way = SIM_LEDGER;
    s->next_sender = (int)sim_below(s, SIM_SENDERS);
    s->next_nonce = s->nonce[s->next_sender] + 1 + sim_below(s, 5);
    status = lnspi_ledger_add(s->store, sim_sender[s->next_sender], s->next_nonce, &s->error);
  } else if (what == 2 && sim_below(s, 4) == 0) {
    s->under_way = SIM_COMPACT;
    status = lnspi_store_compact(s->store, 0, 0, &s->error);
  } else {
    s->under_way = SIM_COMMIT;
    if (what == 3) {
      s->next_sender = (int)sim_below(s, SIM_SENDERS);
      s->next_nonce = s->nonce[s->next_sender] + 1 + sim_below(s, 5);
      lnspi_ledger_id(sim_sender[s->next_sender], version.sender);
      version.nonce = s->next_nonce;
    }
    if (what == 4) memcpy(version.tag, "tag", 4);
    sim_words(s->next_content, words);
    status = lnspi_commit_version(s->store, segments, 2, &version, &s->error);
  }
  if (status != LNSP_OK) return status;
  s->commits++;
  if (s->under_way == SIM_COMMIT || s->under_way == SIM_ROLLBACK) {
    if (version.number != s->next) sim_wrong(s, "a version has another number");
    s->newest = s->next;
    s->content[s->newest] = s->next_content;
  }
  if (s->next_sender >= 0) s->nonce[s->next_sender] = s->next_nonce;
  s->under_way = SIM_NONE;
  s->next = 0;
  return LNSP_OK;
}

/* After what failed or crashed: the store is opened, and the truth is what it says, which
 * sim_check allows only within limits. */
static int sim_reopen(sim *s) {
  lnspi_store_release(s->store);
  s->store = NULL;
  s->flash.dead = s->flash.cut_in = s->flash.fail_sync = 0;
  if (sim_open(s, &s->flash, 0, &s->store) != LNSP_OK) {
    sim_wrong(s, "the store does not open again");
    return 0;
  }
  sim_check(s, s->store, 1);
  if (s->store->head.number == s->next && s->next) {
    s->newest = s->next;
    s->content[s->newest] = s->next_content;
  }
  for (int i = 0; i < SIM_SENDERS; i++) /* what was under way may have been taken */
    while (lnspi_ledger_check(s->store, sim_sender[i], s->nonce[i] + 1, NULL) != LNSP_OK)
      s->nonce[i]++;
  s->under_way = SIM_NONE;
  s->next = 0;
  return 1;
}

static int sim_step(sim *s) {
  for (int i = 0; i < 4; i++) sim_rot(s);
  const uint32_t fate = sim_below(s, 12);
  s->flash.fail_sync = fate == 0;
  s->flash.cut_in = fate == 1 ? 1 + (int)sim_below(s, 12) : 0;
  int32_t status = sim_do(s);
  if (status != LNSP_OK && fate > 1) {
    sim_wrong(s, "a call failed on a good device");
    return 0;
  }
  if (s->flash.violations) {
    sim_wrong(s, "a program unit is written twice, or not as a unit");
    return 0;
  }
  if (status != LNSP_OK && fate == 0) {
    /* nothing more may come through this handle; what claims to is believed */
    const int was = s->under_way;
    const uint64_t next = s->next, content = s->next_content, done = s->commits;
    s->flash.watch = NULL;
    (void)sim_do(s);
    if (s->commits != done) sim_wrong(s, "a write after a failed sync is acknowledged");
    s->under_way = was;
    s->next = next;
    s->next_content = content;
    s->flash.watch = sim_watch;
  }
  if (status != LNSP_OK || fate == 2) return sim_reopen(s); /* or the process just ends */
  return 1;
}

static void sim_begin(sim *s) {
  static const uint32_t shape[][3] = {{8192, 512, 16},
                                      {9216, 512, 64},
                                      {12288, 1024, 4},
                                      {12288, 256, 256},
                                      {16384, 2048, 32}};
  const uint32_t *pick = shape[sim_below(s, 5)];
  flash_start(&s->flash, pick[0], pick[1], pick[2], sim_below(s, 2) ? FLASH_CACHED : FLASH_RAW,
              sim_random(s));
  memset(s->nonce, 0, sizeof s->nonce);
  s->newest = s->next = 0;
  s->under_way = SIM_NONE;
  memset(&s->plan, 0, sizeof s->plan);
  s->plan.kind = LNSPI_STORE_MODEL;
  s->plan.every = 1 + sim_below(s, 5);
  s->plan.senders = SIM_SENDERS;
  s->plan.words = SIM_WORDS;
  for (int i = 0; i < LNSPI_STORE_TEXTS; i++) s->plan.text[i] = "";
  s->flash.watch = NULL;
  s->flash.user = s;
}

/* Stores live and die until so many cuts were made. Returns the violations. */
static uint64_t sim_run(sim *s, uint64_t cuts, uint64_t forks, uint64_t seed) {
  lnsp_device device;
  memset(s, 0, sizeof *s);
  s->random = seed;
  s->forks = forks;
  sim_begin(s);
  uint64_t bytes = 0;
  device = flash_device(&s->flash);
  if (lnspi_store_bytes(&device, &s->plan, &bytes, NULL) != LNSP_OK) return 1;
  s->block_bytes = (size_t)bytes + 4096;
  for (int i = 0; i < 3; i++) s->block[i] = calloc(1, s->block_bytes);
  while (s->cuts < cuts && s->violations < 20) {
    sim_begin(s);
    device = flash_device(&s->flash);
    lnsp_options options = sim_options(s, 0);
    lnsp_error error;
    if (lnspi_store_create(&device, &s->plan, &options, &s->store, &error) != LNSP_OK) {
      sim_wrong(s, "a store cannot be made");
      fprintf(stderr, "%s\n", error.message);
      break;
    }
    s->flash.watch = sim_watch;
    while (s->newest < SIM_OPS && s->cuts < cuts && s->violations < 20 && sim_step(s)) continue;
    lnspi_store_release(s->store);
    s->store = NULL;
  }
  for (int i = 0; i < 3; i++) free(s->block[i]);
  return s->violations;
}

#endif
