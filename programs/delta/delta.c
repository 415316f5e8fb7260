/* lnsp delta: what changed between two models. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "command.h"
#include "data/delta.h"
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
    {.also = delta_options},
    {"--type", "T", "how the model is stored", OPT_TYPE, OPT_DEFAULT("f32"),
     OPT_VERBS("apply")},
    {.name = NULL},
};

/* What is known of a delta; with base also how far it leads. */
static void delta_facts(const args *a, const lnsp_delta *delta, const char *base_path) {
  lnsp_delta_info facts = LNSP_DELTA_INFO_INIT;
  lnsp_error error;
  double norm = -1, most = 0;

  if (base_path) { /* before anything is printed */
    lnsp_model *base = model_load(a, base_path);
    refuse_if(lnsp_delta_norm(delta, base, &norm, &most, NULL, &error), base_path, &error);
    lnsp_model_destroy(base);
  }
  refuse_if(lnsp_delta_get_info(delta, &facts, &error), NULL, &error);
  report_start(a);
  report_text("codec", "codec", facts.codec);
  report_text("kind", "kind", facts.exact ? "exact" : "lossy");
  if (facts.stage_count > 1) report_integer("stages", "stages", facts.stage_count, "");
  report_integer("parameters", "size", facts.parameter_count, "parameters");
  report_integer("tensors", "tensors", facts.selected_count, "");
  if (facts.changed_count >= 0)
    report_integer("changed", "changed", facts.changed_count, "parameters");
  report_integer("bytes", "delta file", facts.encoded_bytes, "bytes");
  if (*facts.sender) report_text("sender", "sender", facts.sender);
  if (facts.nonce) {
    char nonce[24];
    snprintf(nonce, sizeof nonce, "%llu", (unsigned long long)facts.nonce);
    report_text("nonce", "nonce", nonce);
  }
  if (facts.authenticated)
    report_text("authenticated", "code", "carries one: apply --key FILE checks it");
  report_hash("base_hash", "base", facts.base_hash);
  report_hash("result_hash", "result", facts.result_hash);
  if (norm >= 0) {
    report_real("norm", "norm", norm, "%.6g");
    report_real("largest", "largest change", most, "%.6g");
  }
  if (args_given(a, "-o")) report_text("file", "written", args_value(a, "-o"));
  report_end();
}

/* The file that a refusal is about: a base in int8, or the other. */
static const char *delta_blame(const args *a, const lnsp_model *base, const lnsp_error *p) {
  int first = p->code == LNSP_E_DTYPE && lnsp_graph_storage(lnsp_model_graph(base)) == LNSP_I8;
  return a->positional[!first && a->positional_count > 1];
}

/* Writes a delta, and says what it is. */
static void delta_save(const args *a, lnsp_delta *delta) {
  const char *path = args_value(a, "-o");
  lnsp_error error;
  refuse_if(lnsp_delta_save(delta, path, &error), path, &error);
  delta_facts(a, delta, NULL);
  lnsp_delta_destroy(delta);
}

/* Makes and writes a delta, with sender, nonce and code as make's options say. */
static void delta_write(const args *a, const lnsp_model *base, const lnsp_model *next) {
  char *codec = delta_codec(a, args_value(a, "--codec"));
  lnsp_delta *delta = NULL;
  uint8_t key[LNSP_KEY_BYTES + 1];
  size_t key_bytes;
  lnsp_error error;

  if (lnsp_delta_create(base, next, codec, NULL, &delta, &error))
    refuse_error(error.line ? "--codec" : delta_blame(a, base, &error), &error);
  free(codec);
  delta_key(a, key, &key_bytes);
  refuse_if(lnsp_delta_stamp(delta, args_value(a, "--sender"), args_seed(a, "--nonce"), key,
                             key_bytes, &error),
            "--sender", &error);
  memset(key, 0, sizeof key);
  delta_save(a, delta);
}

static void delta_make(const args *a) {
  lnsp_model *base = model_load(a, a->positional[0]), *next = model_load(a, a->positional[1]);
  delta_write(a, base, next);
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
}

/* The next model, if the delta keeps to the rules that the options give. */
static void delta_apply(const args *a) {
  const char *path = args_value(a, "-o");
  lnsp_model *base = model_load(a, a->positional[0]), *next = NULL, *stored = NULL;
  lnsp_delta *delta = delta_load(a->positional[1]);
  uint8_t hash[LNSP_HASH_BYTES], key[LNSP_KEY_BYTES + 1];
  const lnsp_delta_check_options rules = delta_rules(a, key);
  lnsp_error error;

  if (lnsp_delta_accept(delta, base, &rules, NULL, &next, &error))
    refuse_error(delta_blame(a, base, &error), &error);
  memset(key, 0, sizeof key);
  refuse_if(lnsp_model_convert(next, args_type(a), NULL, &stored, &error), path, &error);
  refuse_if(lnsp_model_hash(stored, hash, &error), path, &error);
  refuse_if(lnsp_model_save(stored, path, 0, &error), path, &error);
  report_start(a);
  report_hash("hash", "hash", hash);
  report_text("file", "written", path);
  report_end();
  lnsp_model_destroy(stored);
  lnsp_model_destroy(next);
  lnsp_delta_destroy(delta);
  lnsp_model_destroy(base);
}

static void delta_invert(const args *a) {
  lnsp_delta *delta = delta_load(a->positional[0]), *back = NULL;
  lnsp_error error;

  refuse_if(lnsp_delta_invert(delta, NULL, &back, &error), a->positional[0], &error);
  delta_save(a, back);
  lnsp_delta_destroy(delta);
}

/* One delta from the base to what the deltas lead to. */
static void delta_merge(const args *a) {
  const char *from = args_value(a, "--base");
  lnsp_model *base, *now = NULL, *next = NULL;
  lnsp_error error;
  int i;

  if (!from) { /* the deltas behind each other, with the stages of all */
    lnsp_delta *opened[ARGS_MAX], *merged = NULL;
    const lnsp_delta *given[ARGS_MAX];
    for (i = 0; i < a->positional_count; i++)
      given[i] = opened[i] = delta_load(a->positional[i]);
    refuse_if(lnsp_delta_merge(given, a->positional_count, NULL, &merged, &error), NULL,
              &error);
    delta_save(a, merged);
    for (i = 0; i < a->positional_count; i++) lnsp_delta_destroy(opened[i]);
    return;
  }
  base = model_load(a, from);
  for (i = 0; i < a->positional_count; i++) {
    lnsp_delta *delta = delta_load(a->positional[i]);
    refuse_if(lnsp_delta_apply(delta, now ? now : base, NULL, &next, &error), a->positional[i],
              &error);
    lnsp_delta_destroy(delta);
    lnsp_model_destroy(now);
    now = next;
    next = NULL;
  }
  delta_write(a, base, now);
  lnsp_model_destroy(now);
  lnsp_model_destroy(base);
}

static void delta_info(const args *a) {
  lnsp_delta *delta = delta_load(a->positional[0]);
  delta_facts(a, delta, args_value(a, "--base"));
  lnsp_delta_destroy(delta);
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
