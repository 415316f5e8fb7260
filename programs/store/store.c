/* lnsp store: versions of a model or a trainer's state, in a file. */
#include "store/store.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/args.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "command.h"
#include "lnsp.h"

static const option options[] = {
    {"-o", "FILE", "file to write", OPT_OUTPUT, OPT_VERBS("checkout"), OPT_REQUIRED},
    {"--tag", "TEXT", "a name for the version, up to 39 bytes", OPT_TEXT,
     OPT_VERBS("init commit apply")},
    {"--loss", "X", "a loss to show with the version", OPT_REAL(-HUGE_VAL),
     OPT_VERBS("init commit")},
    {"--key", "FILE", "1 to 32 secret bytes: the delta must carry a code made with them",
     OPT_TEXT, OPT_VERBS("apply")},
    {"--max-norm", "X", "refuse a delta whose Euclidean norm is larger", OPT_REAL(0),
     OPT_VERBS("apply")},
    {"--max-change", "X", "refuse a delta that changes any weight by more", OPT_REAL(0),
     OPT_VERBS("apply")},
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

static int state_load(const args *a, const char *path, store_state *s) {
  const lnsp_options o = args_options(a), net = args_net_options(a);
  lnsp_file *file = NULL;
  lnsp_error error;
  int status = 0;

  memset(s, 0, sizeof *s);
  if (lnsp_file_open(path, NULL, &file, &error)) return refuse_error(a, path, &error);
  if (lnsp_file_metadata(file, "lnsp.trainer")
          ? lnsp_trainer_open_file(file, NULL, NULL, NULL, &o, &s->trainer, &error)
          : lnsp_model_open_file(file, &net, &s->model, &error))
    status = refuse_error(a, path, &error);
  lnsp_file_destroy(file);
  return status;
}

static void state_close(store_state *s) {
  lnsp_model_destroy(s->model);
  lnsp_trainer_destroy(s->trainer);
}

/* ---- init, commit ---- */

static int store_commit(const args *a, lnsp_store *store, const store_state *s) {
  const char *path = a->positional[0];
  lnsp_commit_options note;
  lnsp_error error;

  memset(&note, 0, sizeof note);
  note.struct_size = sizeof note;
  note.loss = args_given(a, "--loss") ? (float)args_real(a, "--loss") : NAN;
  note.time = (uint64_t)time(NULL);
  note.tag = args_value(a, "--tag");
  if (s->trainer ? lnsp_store_commit(store, s->trainer, &note, NULL, &error)
                 : lnsp_store_commit_model(store, s->model, &note, NULL, &error))
    return refuse_error(a, path, &error);
  return store_report(a, store);
}

int store_report(const args *a, lnsp_store *store) {
  lnsp_store_version_info version;
  report r;
  const int status = store_version(a, store, 0, &version);

  if (status) return status;
  r = report_start(a);
  report_integer(&r, "version", "version", (int64_t)version.number, "");
  report_integer(&r, "bytes", "took", (int64_t)version.bytes, "bytes");
  report_hash(&r, "hash", "hash", version.hash);
  return report_end(&r, a);
}

/* 4096, 64K, 64M, 2G. */
static int store_size(const args *a, uint64_t *bytes) {
  const char *text = args_value(a, "--size");
  char *end = NULL;
  unsigned shift = 0;
  unsigned long long value;

  *bytes = 0;
  if (!text) return 0;
  value = strtoull(text, &end, 10);
  if (*end == 'K' || *end == 'k')
    shift = 10;
  else if (*end == 'M' || *end == 'm')
    shift = 20;
  else if (*end == 'G' || *end == 'g')
    shift = 30;
  if (end == text || text[0] == '-' || (shift ? end[1] : end[0]) || !value ||
      value > (UINT64_MAX >> 2 >> shift))
    return refuse_usage(a, "--size is \"%s\"; write bytes, or 64M, or 2G", text);
  *bytes = (uint64_t)value << shift;
  return 0;
}

static int store_init(const args *a) {
  lnsp_store_options settings;
  store_state s;
  lnsp_store *store = NULL;
  lnsp_error error;
  int status;

  memset(&settings, 0, sizeof settings);
  settings.struct_size = sizeof settings;
  settings.snapshot_every = (int32_t)args_integer(a, "--every");
  status = store_size(a, &settings.size_bytes);
  if (status) return status;
  status = state_load(a, a->positional[1], &s);
  if (!status &&
      lnsp_store_create(a->positional[0], s.trainer, s.model, &settings, NULL, &store, &error))
    status = refuse_error(a, a->positional[0], &error);
  if (!status) status = store_commit(a, store, &s);
  lnsp_store_destroy(store);
  state_close(&s);
  return status;
}

int store_open(const args *a, int read_only, lnsp_store **out) {
  lnsp_store_options settings;
  lnsp_error error;

  memset(&settings, 0, sizeof settings);
  settings.struct_size = sizeof settings;
  settings.read_only = read_only;
  settings.salvage = args_given(a, "--salvage");
  if (lnsp_store_open(a->positional[0], &settings, NULL, out, &error))
    return refuse_error(a, a->positional[0], &error);
  return 0;
}

static int store_commit_file(const args *a) {
  store_state s;
  lnsp_store *store = NULL;
  int status = state_load(a, a->positional[1], &s);

  if (!status) status = store_open(a, 0, &store);
  if (!status) status = store_commit(a, store, &s);
  lnsp_store_destroy(store);
  state_close(&s);
  return status;
}

/* ---- versions by name ---- */

int store_version(const args *a, lnsp_store *store, uint64_t index,
                  lnsp_store_version_info *out) {
  lnsp_error error;
  memset(out, 0, sizeof *out);
  out->struct_size = sizeof *out;
  if (lnsp_store_version_at(store, index, out, &error))
    return refuse_error(a, a->positional[0], &error);
  return 0;
}

uint64_t store_count(lnsp_store *store) {
  lnsp_store_info facts;
  memset(&facts, 0, sizeof facts);
  facts.struct_size = sizeof facts;
  return lnsp_store_get_info(store, &facts, NULL) ? 0 : facts.versions;
}

/* A number, ~N (N before the newest), or the newest of that tag. */
static int store_find(const args *a, lnsp_store *store, const char *name,
                      lnsp_store_version_info *out) {
  const uint64_t count = store_count(store);
  const int back = name[0] == '~';
  char *end = NULL;
  const unsigned long long number = strtoull(name + back, &end, 10);
  const int is_number = end != name + back && !*end;
  uint64_t i;

  for (i = 0; i < count; i++) {
    const int status = store_version(a, store, i, out);
    if (status) return status;
    if (back && is_number ? i == number
        : is_number       ? out->number == number
                          : !strcmp(out->tag, name))
      return 0;
  }
  return refuse(a,
                "%s: there is no version \"%s\"; `lnsp store log` shows them: write a number, "
                "a tag, or ~N for the one N before the newest",
                a->positional[0], name);
}

static int store_rollback(const args *a) {
  lnsp_store_version_info to, version;
  lnsp_commit_options note;
  lnsp_store *store = NULL;
  lnsp_error error;
  int status = store_open(a, 0, &store);

  if (!status)
    status = store_find(a, store, a->positional_count > 1 ? a->positional[1] : "~1", &to);
  memset(&note, 0, sizeof note);
  note.struct_size = sizeof note;
  note.time = (uint64_t)time(NULL);
  if (!status && lnsp_store_rollback(store, to.number, &note, NULL, &error))
    status = refuse_error(a, a->positional[0], &error);
  if (!status) status = store_version(a, store, 0, &version);
  if (!status) {
    report r = report_start(a);
    report_integer(&r, "version", "version", (int64_t)version.number, "");
    report_integer(&r, "from", "back to", (int64_t)version.parent, "");
    report_hash(&r, "hash", "hash", version.hash);
    status = report_end(&r, a);
  }
  lnsp_store_destroy(store);
  return status;
}

int32_t store_trainer(lnsp_store *store, uint64_t number, lnsp_trainer **out,
                      lnsp_error *error) {
  const char *loss = lnsp_store_text(store, 1);
  lnsp_trainer *trainer = NULL;
  lnsp_model *model = NULL;
  int32_t status = lnsp_store_checkout(store, number, NULL, &model, error);

  if (!status)
    status = lnsp_trainer_create(model, loss && *loss ? loss : NULL, lnsp_store_text(store, 2),
                                 NULL, NULL, &trainer, error);
  if (!status) status = lnsp_store_load(store, number, trainer, NULL, error);
  lnsp_model_destroy(model);
  if (!status)
    *out = trainer;
  else
    lnsp_trainer_destroy(trainer);
  return status;
}

/* As a state file, or its weights as a model. */
static int32_t store_write(lnsp_store *store, uint64_t number, int state, const lnsp_options *o,
                           const char *path, lnsp_error *error) {
  lnsp_trainer *trainer = NULL;
  lnsp_model *model = NULL;
  int32_t status = state ? store_trainer(store, number, &trainer, error)
                         : lnsp_store_checkout(store, number, o, &model, error);
  if (!status)
    status = state ? lnsp_trainer_save(trainer, path, LNSP_SAVE_STATE, error)
                   : lnsp_model_save(model, path, 0, error);
  lnsp_model_destroy(model);
  lnsp_trainer_destroy(trainer);
  return status;
}

static int store_checkout(const args *a) {
  lnsp_store_version_info version;
  lnsp_store_info facts;
  lnsp_store *store = NULL;
  lnsp_error error;
  lnsp_options o = LNSP_OPTIONS_INIT;
  const char *path = args_value(a, "-o");
  int status;

  memset(&version, 0, sizeof version);
  memset(&facts, 0, sizeof facts);
  if (args_given(a, "--type")) o.storage = args_type(a);
  status = store_open(a, 1, &store);
  if (!status)
    status = store_find(a, store, a->positional_count > 1 ? a->positional[1] : "~0", &version);
  facts.struct_size = sizeof facts;
  if (!status && lnsp_store_get_info(store, &facts, &error))
    status = refuse_error(a, a->positional[0], &error);
  if (!status && store_write(store, version.number,
                             facts.of_trainer && !args_given(a, "--weights") && !o.storage, &o,
                             path, &error))
    status = refuse_error(a, error.code == LNSP_E_IO ? path : a->positional[0], &error);
  if (!status) {
    report r = report_start(a);
    report_integer(&r, "version", "version", (int64_t)version.number, "");
    report_hash(&r, "hash", "hash", version.hash);
    report_text(&r, "file", "written", path);
    status = report_end(&r, a);
  }
  lnsp_store_destroy(store);
  return status;
}

/* ---- verify, compact ---- */

static int store_verify(const args *a) {
  lnsp_store *store = NULL;
  lnsp_error error;
  uint64_t records = 0;
  int status = store_open(a, 1, &store);

  if (!status && lnsp_store_verify(store, &records, &error))
    status = refuse_error(a, a->positional[0], &error);
  if (!status) {
    report r = report_start(a);
    report_integer(&r, "versions", "versions", (int64_t)store_count(store), "");
    report_integer(&r, "records", "good records", (int64_t)records, "");
    status = report_end(&r, a);
  }
  lnsp_store_destroy(store);
  return status;
}

static int store_compact(const args *a) {
  lnsp_store *store = NULL;
  lnsp_error error;
  int status = store_open(a, 0, &store);
  const uint64_t before = status ? 0 : store_count(store);

  if (!status && lnsp_store_compact(store, &error))
    status = refuse_error(a, a->positional[0], &error);
  if (!status) {
    report r = report_start(a);
    report_integer(&r, "versions", "kept", (int64_t)store_count(store), "versions");
    report_integer(&r, "dropped", "dropped", (int64_t)(before - store_count(store)),
                   "versions");
    status = report_end(&r, a);
  }
  lnsp_store_destroy(store);
  return status;
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
