/* lnsp store: versions of a model or a trainer's state, in a file. */
#include "store/store.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/args.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "command.h"
#include "data/delta.h"
#include "lnsp.h"

static const option options[] = {
    {"-o", "FILE", "file to write", OPT_OUTPUT, OPT_VERBS("checkout"), OPT_REQUIRED},
    {"--tag", "TEXT", "a name for the version, up to 39 bytes", OPT_TEXT,
     OPT_VERBS("init commit apply")},
    {"--loss", "X", "a loss to show with the version", OPT_REAL(-HUGE_VAL),
     OPT_VERBS("init commit")},
    {.also = delta_options},
    {"--size", "BYTES", "largest size of the file, such as 64M or 2G (default 64 states)",
     OPT_TEXT, OPT_VERBS("init")},
    {"--every", "N", "versions from one snapshot to the next", OPT_INTEGER(1, 1000000),
     OPT_DEFAULT("16"), OPT_VERBS("init")},
    {"--last", "N", "show only the newest N versions", OPT_INTEGER(1, 0), OPT_VERBS("log")},
    {"--weights", NULL, "only the weights of a trainer's state, as a model", OPT_TEXT,
     OPT_VERBS("checkout")},
    {"--type", "T", "how the model is stored", OPT_TYPE, OPT_VERBS("checkout")},
    {"--salvage", NULL, "skip what is damaged, reading only", OPT_TEXT,
     OPT_VERBS("log checkout verify")},
    {.name = NULL},
};

/* ---- what is committed: a model, or a trainer from a state file ---- */

typedef struct store_state {
  lnsp_model *model;
  lnsp_trainer *trainer;
} store_state;

static store_state state_load(const args *a, const char *path) {
  const lnsp_options o = args_options(a), net = args_net_options(a);
  store_state s = {NULL, NULL};
  lnsp_file *file = NULL;
  lnsp_error error;

  refuse_if(lnsp_file_open(path, NULL, &file, &error), path, &error);
  refuse_if(lnsp_file_metadata(file, "lnsp.trainer")
                ? lnsp_trainer_open_file(file, NULL, NULL, NULL, &o, &s.trainer, &error)
                : lnsp_model_open_file(file, &net, &s.model, &error),
            path, &error);
  lnsp_file_destroy(file);
  return s;
}

lnsp_commit_options store_note(const args *a) {
  lnsp_commit_options note = LNSP_COMMIT_OPTIONS_INIT;
  note.loss = args_given(a, "--loss") ? (float)args_real(a, "--loss") : NAN;
  note.time = (uint64_t)time(NULL);
  note.tag = args_value(a, "--tag");
  return note;
}

/* Commits to a store, and closes both. A store that was just made goes again if that fails. */
static void store_commit(const args *a, lnsp_store *store, const store_state *s, int made) {
  const lnsp_commit_options note = store_note(a);
  lnsp_error error;
  const int32_t status = s->trainer
                             ? lnsp_store_commit(store, s->trainer, &note, NULL, &error)
                             : lnsp_store_commit_model(store, s->model, &note, NULL, &error);

  if (status && made) remove(a->positional[0]);
  refuse_if(status, a->positional[0], &error);
  store_report_commit(a, store);
  lnsp_store_destroy(store);
  lnsp_model_destroy(s->model);
  lnsp_trainer_destroy(s->trainer);
}

void store_report_commit(const args *a, lnsp_store *store) {
  const lnsp_store_version_info version = store_version(a, store, 0);
  report_start(a);
  report_integer("version", "version", (int64_t)version.number, "");
  report_integer("bytes", "took", (int64_t)version.bytes, "bytes");
  report_hash("hash", "hash", version.hash);
  report_end();
}

static void store_init(const args *a) {
  const char *size = args_value(a, "--size"), *path = a->positional[0];
  lnsp_store_options settings = LNSP_STORE_OPTIONS_INIT;
  lnsp_store *store = NULL;
  store_state s;
  lnsp_error error;

  settings.snapshot_every = (int32_t)args_integer(a, "--every");
  if (size) { /* 4096, 64K, 64M, 2G */
    static const char units[] = "KMGkmg";
    char *end = NULL;
    const unsigned long long value = strtoull(size, &end, 10);
    const char *unit = *end ? strchr(units, *end) : NULL;
    const unsigned shift = unit ? 10 * (unsigned)((unit - units) % 3 + 1) : 0;

    if (end == size || size[0] == '-' || (unit ? end[1] : end[0]) || !value ||
        value > (UINT64_MAX >> 2 >> shift))
      refuse_usage("--size is '%s': give a number of bytes, such as 64M or 2G", size);
    settings.size_bytes = (uint64_t)value << shift;
  }
  s = state_load(a, a->positional[1]);
  refuse_if(lnsp_store_create(path, s.trainer, s.model, &settings, NULL, &store, &error), path,
            &error);
  store_commit(a, store, &s, 1);
}

lnsp_store *store_open(const args *a, int read_only) {
  lnsp_store_options settings = LNSP_STORE_OPTIONS_INIT;
  lnsp_store *store = NULL;
  lnsp_error error;

  settings.read_only = read_only;
  settings.salvage = args_given(a, "--salvage");
  refuse_if(lnsp_store_open(a->positional[0], &settings, NULL, &store, &error),
            a->positional[0], &error);
  return store;
}

static void store_commit_file(const args *a) {
  const store_state s = state_load(a, a->positional[1]);
  store_commit(a, store_open(a, 0), &s, 0);
}

/* ---- versions by name ---- */

lnsp_store_info store_facts(const args *a, const lnsp_store *store) {
  lnsp_store_info facts = LNSP_STORE_INFO_INIT;
  lnsp_error error;
  refuse_if(lnsp_store_get_info(store, &facts, &error), a->positional[0], &error);
  return facts;
}

lnsp_store_version_info store_version(const args *a, lnsp_store *store, uint64_t index) {
  lnsp_store_version_info version = LNSP_STORE_VERSION_INFO_INIT;
  lnsp_error error;
  refuse_if(lnsp_store_version_at(store, index, &version, &error), a->positional[0], &error);
  return version;
}

/* The version that the second argument names, or the name: a number, ~N (N before the newest),
 * or the newest of that tag. */
static lnsp_store_version_info store_find(const args *a, lnsp_store *store, const char *name) {
  const uint64_t count = store_facts(a, store).versions;
  lnsp_store_version_info version;
  unsigned long long number;
  char *end = NULL;
  uint64_t i;
  int back, is_number;

  if (a->positional_count > 1) name = a->positional[1];
  back = name[0] == '~';
  number = strtoull(name + back, &end, 10);
  is_number = end != name + back && !*end;
  for (i = 0; i < count; i++) {
    version = store_version(a, store, i);
    if (back && is_number ? i == number
        : is_number       ? version.number == number
                          : !strcmp(version.tag, name))
      return version;
  }
  refuse("'%s' has no version '%s': give a number, a tag, or ~N for the one N before the "
         "newest; `lnsp store log` shows them",
         a->positional[0], name);
}

static void store_rollback(const args *a) {
  lnsp_store *store = store_open(a, 0);
  const lnsp_store_version_info to = store_find(a, store, "~1");
  lnsp_commit_options note = LNSP_COMMIT_OPTIONS_INIT;
  lnsp_store_version_info version;
  lnsp_error error;

  note.time = (uint64_t)time(NULL);
  refuse_if(lnsp_store_rollback(store, to.number, &note, NULL, &error), a->positional[0],
            &error);
  version = store_version(a, store, 0);
  report_start(a);
  report_integer("version", "version", (int64_t)version.number, "");
  report_integer("from", "back to", (int64_t)version.parent, "");
  report_hash("hash", "hash", version.hash);
  report_end();
  lnsp_store_destroy(store);
}

lnsp_trainer *store_trainer(const args *a, lnsp_store *store, uint64_t number) {
  const char *loss = lnsp_store_text(store, 1), *path = a->positional[0];
  lnsp_trainer *trainer = NULL;
  lnsp_model *model = NULL;
  lnsp_error error;

  refuse_if(lnsp_store_checkout(store, number, NULL, &model, &error), path, &error);
  refuse_if(lnsp_trainer_create(model, loss && *loss ? loss : NULL, lnsp_store_text(store, 2),
                                NULL, NULL, &trainer, &error),
            path, &error);
  refuse_if(lnsp_store_load(store, number, trainer, NULL, &error), path, &error);
  lnsp_model_destroy(model);
  return trainer;
}

/* Writes a version as a state file, or its weights as a model. */
static void store_checkout(const args *a) {
  lnsp_store *store = store_open(a, 1);
  const lnsp_store_version_info version = store_find(a, store, "~0");
  const char *path = args_value(a, "-o");
  lnsp_options o = LNSP_OPTIONS_INIT;
  lnsp_trainer *trainer = NULL;
  lnsp_model *model = NULL;
  lnsp_error error;

  if (args_given(a, "--type")) o.storage = args_type(a);
  if (store_facts(a, store).of_trainer && !args_given(a, "--weights") && !o.storage) {
    trainer = store_trainer(a, store, version.number);
    refuse_if(lnsp_trainer_save(trainer, path, LNSP_SAVE_STATE, &error), path, &error);
  } else {
    refuse_if(lnsp_store_checkout(store, version.number, &o, &model, &error), a->positional[0],
              &error);
    refuse_if(lnsp_model_save(model, path, 0, &error), path, &error);
  }
  report_start(a);
  report_integer("version", "version", (int64_t)version.number, "");
  report_hash("hash", "hash", version.hash);
  report_text("file", "written", path);
  report_end();
  lnsp_model_destroy(model);
  lnsp_trainer_destroy(trainer);
  lnsp_store_destroy(store);
}

/* ---- verify, compact ---- */

static void store_verify(const args *a) {
  lnsp_store *store = store_open(a, 1);
  lnsp_error error;
  uint64_t records = 0;

  refuse_if(lnsp_store_verify(store, &records, &error), a->positional[0], &error);
  report_start(a);
  report_integer("versions", "versions", (int64_t)store_facts(a, store).versions, "");
  report_integer("records", "good records", (int64_t)records, "");
  report_end();
  lnsp_store_destroy(store);
}

static void store_compact(const args *a) {
  lnsp_store *store = store_open(a, 0);
  const uint64_t before = store_facts(a, store).versions;
  lnsp_error error;
  uint64_t kept;

  refuse_if(lnsp_store_compact(store, &error), a->positional[0], &error);
  kept = store_facts(a, store).versions;
  report_start(a);
  report_integer("versions", "kept", (int64_t)kept, "versions");
  report_integer("dropped", "dropped", (int64_t)(before - kept), "versions");
  report_end();
  lnsp_store_destroy(store);
}

static const verb verbs[] = {
    {"init", "STORE FILE", "make a store with FILE as its first version", 2, 2, store_init},
    {"commit", "STORE FILE", "add a version, as a small delta", 2, 2, store_commit_file},
    {"apply", "STORE DELTA", "add the version that a stamped delta leads to", 2, 2,
     store_apply},
    {"log", "STORE", "show the history", 1, 1, store_log},
    {"rollback", "STORE [V]", "go back to version V, which is itself a new version", 1, 2,
     store_rollback},
    {"checkout", "STORE [V] -o FILE", "write a version as a file", 1, 2, store_checkout},
    {"verify", "STORE", "read and check everything", 1, 1, store_verify},
    {"compact", "STORE", "drop versions that are no longer needed", 1, 1, store_compact},
    {.name = NULL},
};

const command command_store = {
    .name = "store",
    .summary = "keep versions that survive power cuts, and go back to them",
    .detail =
        "A store is a file of bounded size with versions of a model, or of a trainer's state "
        "as `lnsp train --state` writes it. V is a number, a tag, or ~N for N versions before "
        "the newest; rollback without V goes to the version before the newest. apply requires "
        "that the numbers of each sender grow. When commit returns, the version is on disk, "
        "whenever the power fails (docs/store.md).",
    .examples = "store init versions.store model.safetensors --tag first\n"
                "store rollback versions.store ~1",
    .options = options,
    .verbs = verbs,
};
