/* lnsp delta: what changed between two models. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "command.h"
#include "data/delta_check.h"
#include "data/model.h"
#include "lnsp.h"

static const option options[] = {
    {"-o", "FILE", "file to write", OPT_OUTPUT, OPT_VERBS("make apply invert merge"),
     OPT_REQUIRED},
    {"--codec", "TEXT",
     "how it is encoded: exact, \"int8 block=64\", int5, int4, \"sparse share=.1\", sign, "
     "float16 or float32",
     OPT_TEXT, OPT_DEFAULT("exact"), OPT_VERBS("make merge")},
    {"--only", "PATTERN",
     "write only these tensors, the others stay as in BASE; * and ? match any letters and one "
     "letter, 1d every tensor of rank 1; commas join patterns",
     OPT_TEXT, OPT_VERBS("make merge")},
    {"--base", "FILE", "model that the deltas start from: write one stage instead of all",
     OPT_TEXT, OPT_VERBS("merge")},
    {"--base", "FILE",
     "model that the delta starts from: also print how far it moves the weights", OPT_TEXT,
     OPT_VERBS("info")},
    {"--sender", "NAME", "who sends the delta", OPT_TEXT, OPT_VERBS("make")},
    {"--nonce", "N", "a number that grows with every delta of the sender", OPT_SEED,
     OPT_VERBS("make")},
    {"--key", "FILE", "1 to 32 secret bytes: add an authentication code", OPT_TEXT,
     OPT_VERBS("make")},
    {"--key", "FILE", "1 to 32 secret bytes: require the authentication code of this key",
     OPT_TEXT, OPT_VERBS("apply")},
    {"--max-norm", "X", "refuse a delta whose Euclidean norm is larger", OPT_REAL(0),
     OPT_VERBS("apply")},
    {"--max-change", "X", "refuse a delta that changes any weight by more", OPT_REAL(0),
     OPT_VERBS("apply")},
    {"--type", "T", "how the model is stored", OPT_TYPE, OPT_DEFAULT("f32"),
     OPT_VERBS("apply")},
    {.name = NULL},
};

static int delta_facts(const args *a, const lnsp_delta *delta) {
  lnsp_delta_info facts;
  lnsp_error error;
  report r;
  double norm = -1, most = 0;
  int status = 0;
  /* How far it leads, for info with --base: before anything is printed. */
  const char *path = args_value(a, "--base");
  lnsp_model *base = NULL;
  if (!(!path || strcmp(a->verb->name, "info"))) {
    status = model_load(a, path, &base);
    if (!status && lnsp_delta_norm(delta, base, &norm, &most, NULL, &error))
      status = refuse_error(a, path, &error);
    lnsp_model_destroy(base);
  }

  memset(&facts, 0, sizeof facts);
  facts.struct_size = sizeof facts;
  if (status) return status;
  if (lnsp_delta_get_info(delta, &facts, &error)) return refuse_error(a, NULL, &error);
  r = report_start(a);
  report_text(&r, "codec", "codec", facts.codec);
  report_text(&r, "kind", "kind", facts.exact ? "exact" : "lossy");
  if (facts.stage_count > 1) report_integer(&r, "stages", "stages", facts.stage_count, "");
  report_integer(&r, "parameters", "size", facts.parameter_count, "parameters");
  report_integer(&r, "tensors", "tensors", facts.selected_count, "");
  if (facts.changed_count >= 0)
    report_integer(&r, "changed", "changed", facts.changed_count, "parameters");
  report_integer(&r, "bytes", "delta file", facts.encoded_bytes, "bytes");
  if (*facts.sender) report_text(&r, "sender", "sender", facts.sender);
  if (facts.nonce) {
    char nonce[24];
    snprintf(nonce, sizeof nonce, "%llu", (unsigned long long)facts.nonce);
    report_text(&r, "nonce", "nonce", nonce);
  }
  if (facts.authenticated)
    report_text(&r, "authenticated", "code", "carries one: apply --key FILE checks it");
  report_hash(&r, "base_hash", "base", facts.base_hash);
  report_hash(&r, "result_hash", "result", facts.result_hash);
  if (norm >= 0) {
    report_real(&r, "norm", "norm", norm, "6");
    report_real(&r, "largest", "largest change", most, "6");
  }
  if (args_given(a, "-o")) report_text(&r, "file", "written", args_value(a, "-o"));
  return report_end(&r, a);
}

static int delta_open(const args *a, const char *path, lnsp_delta **out) {
  lnsp_error error;
  if (lnsp_delta_open(path, NULL, out, &error)) return refuse_error(a, path, &error);
  return 0;
}

/* The file that a refusal is about: a base in int8, or the other. */
static const char *delta_blame(const args *a, const lnsp_model *base, const lnsp_error *p) {
  int first = p->code == LNSP_E_DTYPE && lnsp_graph_storage(lnsp_model_graph(base)) == LNSP_I8;
  return a->positional[!first && a->positional_count > 1];
}

/* Makes and writes a delta, and says what it is. */
static int delta_write(const args *a, const lnsp_model *base, const lnsp_model *next) {
  const char *path = args_value(a, "-o");
  const char *only = args_value(a, "--only"), *text = args_text(a, "--codec");
  const size_t bytes = strlen(text) + (only ? strlen(only) : 0) + 8;
  char *codec = malloc(bytes);
  lnsp_delta *delta = NULL;
  lnsp_error error;
  int status = 0;

  if (!codec) return refuse_memory(a);
  snprintf(codec, bytes, "%s%s%s", text, only ? " only=" : "", only ? only : "");
  if (lnsp_delta_create(base, next, codec, NULL, &delta, &error))
    status = refuse_error(a, error.line ? "--codec" : delta_blame(a, base, &error), &error);
  if (status) goto done;
  /* Sender, nonce and code, as make's options say. */
  uint8_t key[LNSP_KEY_BYTES + 1];
  size_t key_bytes;
  status = delta_check_key(a, key, &key_bytes);

  if (!status && lnsp_delta_stamp(delta, args_value(a, "--sender"), args_seed(a, "--nonce"),
                                  key, key_bytes, &error))
    status = refuse_error(a, "--sender", &error);
  memset(key, 0, sizeof key);
  if (status) goto done;
  if (lnsp_delta_save(delta, path, &error)) status = refuse_error(a, path, &error);
  if (status) goto done;
  status = delta_facts(a, delta);
done:
  lnsp_delta_destroy(delta);
  free(codec);
  return status;
}

static int delta_make(const args *a) {
  lnsp_model *base = NULL, *next = NULL;
  int status = model_load(a, a->positional[0], &base);

  if (!status) status = model_load(a, a->positional[1], &next);
  if (!status) status = delta_write(a, base, next);
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
  return status;
}

static int delta_apply(const args *a) {
  lnsp_model *base = NULL, *next = NULL, *stored = NULL;
  lnsp_delta *delta = NULL;
  lnsp_error error;
  uint8_t hash[LNSP_HASH_BYTES];
  int status = model_load(a, a->positional[0], &base);

  if (!status) status = delta_open(a, a->positional[1], &delta);
  if (status) goto done;
  /* The next model, if the delta keeps to the rules that the options give. */
  uint8_t key[LNSP_KEY_BYTES + 1];
  lnsp_delta_check_options rules;
  status = delta_check_options(a, key, &rules);

  if (!status && lnsp_delta_accept(delta, base, &rules, NULL, &next, &error))
    status = refuse_error(a, delta_blame(a, base, &error), &error);
  memset(key, 0, sizeof key);
  if (status) goto done;
  if (lnsp_model_convert(next, args_type(a), NULL, &stored, &error) ||
      lnsp_model_hash(stored, hash, &error) ||
      lnsp_model_save(stored, args_value(a, "-o"), 0, &error))
    status = refuse_error(a, args_value(a, "-o"), &error);
  if (!status) {
    report r = report_start(a);
    report_hash(&r, "hash", "hash", hash);
    report_text(&r, "file", "written", args_value(a, "-o"));
    status = report_end(&r, a);
  }
done:
  lnsp_model_destroy(stored);
  lnsp_model_destroy(next);
  lnsp_delta_destroy(delta);
  lnsp_model_destroy(base);
  return status;
}

static int delta_invert(const args *a) {
  lnsp_delta *delta = NULL, *back = NULL;
  lnsp_error error;
  int status = delta_open(a, a->positional[0], &delta);

  if (!status && lnsp_delta_invert(delta, NULL, &back, &error))
    status = refuse_error(a, a->positional[0], &error);
  if (!status && lnsp_delta_save(back, args_value(a, "-o"), &error))
    status = refuse_error(a, args_value(a, "-o"), &error);
  if (!status) status = delta_facts(a, back);
  lnsp_delta_destroy(back);
  lnsp_delta_destroy(delta);
  return status;
}

/* One delta from the base to what the deltas lead to. */
static int delta_merge(const args *a) {
  const char *from = args_value(a, "--base");
  lnsp_model *base = NULL, *now = NULL, *next = NULL;
  lnsp_delta *delta = NULL;
  lnsp_error error;
  int i, status;
  /* The deltas behind each other, with the stages of all. */ if (!from) {
    lnsp_delta *opened[ARGS_MAX] = {NULL}, *merged = NULL;
    const lnsp_delta *given[ARGS_MAX];
    int count = a->positional_count;
    status = 0;

    for (i = 0; !status && i < count; i++) {
      status = delta_open(a, a->positional[i], &opened[i]);
      given[i] = opened[i];
    }
    if (!status && lnsp_delta_merge(given, count, NULL, &merged, &error))
      status = refuse_error(a, NULL, &error);
    if (!status && lnsp_delta_save(merged, args_value(a, "-o"), &error))
      status = refuse_error(a, args_value(a, "-o"), &error);
    if (!status) status = delta_facts(a, merged);
    lnsp_delta_destroy(merged);
    for (i = 0; i < count; i++) lnsp_delta_destroy(opened[i]);
    return status;
  }
  status = model_load(a, from, &base);
  for (i = 0; !status && i < a->positional_count; i++) {
    status = delta_open(a, a->positional[i], &delta);
    if (!status && lnsp_delta_apply(delta, now ? now : base, NULL, &next, &error))
      status = refuse_error(a, a->positional[i], &error);
    lnsp_delta_destroy(delta);
    lnsp_model_destroy(now);
    delta = NULL;
    now = next;
    next = NULL;
  }
  if (!status) status = delta_write(a, base, now);
  lnsp_model_destroy(now);
  lnsp_model_destroy(base);
  return status;
}

static int delta_info(const args *a) {
  lnsp_delta *delta = NULL;
  int status = delta_open(a, a->positional[0], &delta);
  if (!status) status = delta_facts(a, delta);
  lnsp_delta_destroy(delta);
  return status;
}

static const verb verbs[] = {
    {"make", "BASE NEW -o D", "write what leads from one model to another", 2, 2, delta_make},
    {"apply", "BASE D -o NEW", "make the new model from the base and the delta", 2, 2,
     delta_apply},
    {"invert", "D -o BACK", "write the exact delta that leads back", 1, 1, delta_invert},
    {"merge", "D... -o ONE", "join deltas that follow each other", 1, ARGS_MAX, delta_merge},
    {"info", "D", "print sizes and hashes", 1, 1, delta_info},
    {.name = NULL},
};

const command command_delta = {
    .name = "delta",
    .summary = "write and apply the difference of two models",
    .detail =
        "A delta leads from one model to another of the same architecture: exactly, or with "
        "--codec in fewer bytes to a model close to the new one. apply gives the same bits on "
        "every machine, and refuses any other base or a damaged file. See also `lnsp help "
        "delta aggregate` (one model from many deltas) and `lnsp help delta verify` (prove a "
        "delta by training again).",
    .examples = "delta make old.st new.st --codec int4 -o change.st\n"
                "delta apply old.st change.st -o new.st",
    .options = options,
    .verbs = verbs,
};
