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
    {"-o", "FILE", "file to write"},
    {"--codec", "TEXT",
     "of make, and merge --base: exact (default), \"int8 block=64\", int5, int4, "
     "\"sparse share=.1\", sign, float16, float32"},
    {"--only", "PATTERN",
     "tensors to write; the others stay as in BASE; * and ? match, 1d is every "
     "tensor of rank 1; PATTERN,PATTERN for several"},
    {"--base", "FILE",
     "model that the delta is for: merge then writes one stage, info says how "
     "far it leads"},
    {"--sender", "NAME", "of make: who sends the delta"},
    {"--nonce", "N", "of make: a number that the sender makes larger with every delta"},
    {"--key", "FILE",
     "1 to 32 secret bytes: make adds an authentication code, apply requires it"},
    {"--max-norm", "X",
     "of apply: refuse a delta that moves the weights further (Euclidean norm)"},
    {"--max-change", "X", "of apply: refuse a delta that changes any weight by more"},
    {"--type", "T", "storage of the model that apply writes: f32 (default), f16, bf16 or int8"},
    {NULL, NULL, NULL},
};

/* Sender, nonce and code, as make's options say. */
static int delta_stamp(const args *a, lnsp_delta *delta) {
  uint8_t key[LNSP_KEY_BYTES + 1];
  lnsp_error error;
  uint64_t nonce = 0;
  size_t bytes;
  int status = delta_check_key(a, key, &bytes);

  if (!status) status = args_unsigned(a, "--nonce", 0, &nonce);
  if (!status && lnsp_delta_stamp(delta, args_value(a, "--sender"), nonce, key, bytes, &error))
    status = refuse_error(a, "--sender", &error);
  memset(key, 0, sizeof key);
  return status;
}

/* How far it leads, for info with --base: before anything is printed. */
static int delta_distance(const args *a, const lnsp_delta *delta, double *norm, double *most) {
  const char *path = args_value(a, "--base");
  lnsp_model *base = NULL;
  lnsp_error error;
  int status;

  if (!path || strcmp(a->positional[0], "info")) return 0;
  status = model_load(a, path, &base);
  if (!status && lnsp_delta_norm(delta, base, norm, most, NULL, &error))
    status = refuse_error(a, path, &error);
  lnsp_model_destroy(base);
  return status;
}

static int delta_facts(const args *a, const lnsp_delta *delta, const char *path) {
  lnsp_delta_info facts;
  lnsp_error error;
  report r;
  double norm = -1, most = 0;
  int status = delta_distance(a, delta, &norm, &most);

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
  if (path) report_text(&r, "file", "written", path);
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
  return a->positional[first || a->positional_count < 3 ? 1 : 2];
}

/* The text of --codec with the patterns of --only; to be freed. NULL: out of memory. */
static char *delta_codec(const args *a) {
  const char *codec = args_value(a, "--codec"), *only = args_value(a, "--only");
  size_t bytes = (codec ? strlen(codec) : 8) + (only ? strlen(only) : 0) + 16;
  char *text = malloc(bytes);

  if (text)
    snprintf(text, bytes, "%s%s%s", codec ? codec : "exact", only ? " only=" : "",
             only ? only : "");
  return text;
}

/* Makes and writes a delta, and says what it is. */
static int delta_write(const args *a, const lnsp_model *base, const lnsp_model *next,
                       const char *path) {
  lnsp_delta *delta = NULL;
  lnsp_error error;
  char *codec = delta_codec(a);
  int status = 0;

  if (!codec) return refuse_memory(a);
  if (lnsp_delta_create(base, next, codec, NULL, &delta, &error))
    status = refuse_error(a, error.line ? "--codec" : delta_blame(a, base, &error), &error);
  if (!status) status = delta_stamp(a, delta);
  if (!status && lnsp_delta_save(delta, path, &error)) status = refuse_error(a, path, &error);
  if (!status) status = delta_facts(a, delta, path);
  lnsp_delta_destroy(delta);
  free(codec);
  return status;
}

static int delta_make(const args *a, const char *path) {
  lnsp_model *base = NULL, *next = NULL;
  int status = model_load(a, a->positional[1], &base);

  if (!status) status = model_load(a, a->positional[2], &next);
  if (!status) status = delta_write(a, base, next, path);
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
  return status;
}

/* The next model, if the delta keeps to the rules that the options give. */
static int delta_accept(const args *a, const lnsp_delta *delta, const lnsp_model *base,
                        lnsp_model **next) {
  uint8_t key[LNSP_KEY_BYTES + 1];
  lnsp_delta_check_options rules;
  lnsp_error error;
  int status = delta_check_options(a, key, &rules);

  if (!status && lnsp_delta_accept(delta, base, &rules, NULL, next, &error))
    status = refuse_error(a, delta_blame(a, base, &error), &error);
  memset(key, 0, sizeof key);
  return status;
}

static int delta_apply(const args *a, const char *path) {
  lnsp_model *base = NULL, *next = NULL, *stored = NULL;
  lnsp_delta *delta = NULL;
  lnsp_error error;
  uint8_t hash[LNSP_HASH_BYTES];
  int32_t type = LNSP_F32;
  int status = args_type(a, &type);

  if (!status) status = model_load(a, a->positional[1], &base);
  if (!status) status = delta_open(a, a->positional[2], &delta);
  if (!status) status = delta_accept(a, delta, base, &next);
  if (!status &&
      (lnsp_model_convert(next, type, NULL, &stored, &error) ||
       lnsp_model_hash(stored, hash, &error) || lnsp_model_save(stored, path, 0, &error)))
    status = refuse_error(a, path, &error);
  if (!status) {
    report r = report_start(a);
    report_hash(&r, "hash", "hash", hash);
    report_text(&r, "file", "written", path);
    status = report_end(&r, a);
  }
  lnsp_model_destroy(stored);
  lnsp_model_destroy(next);
  lnsp_delta_destroy(delta);
  lnsp_model_destroy(base);
  return status;
}

static int delta_invert(const args *a, const char *path) {
  lnsp_delta *delta = NULL, *back = NULL;
  lnsp_error error;
  int status = delta_open(a, a->positional[1], &delta);

  if (!status && lnsp_delta_invert(delta, NULL, &back, &error))
    status = refuse_error(a, a->positional[1], &error);
  if (!status && lnsp_delta_save(back, path, &error)) status = refuse_error(a, path, &error);
  if (!status) status = delta_facts(a, back, path);
  lnsp_delta_destroy(back);
  lnsp_delta_destroy(delta);
  return status;
}

/* The deltas behind each other, with the stages of all. */
static int delta_join(const args *a, const char *path) {
  lnsp_delta *delta[ARGS_MAX] = {NULL}, *merged = NULL;
  const lnsp_delta *given[ARGS_MAX];
  lnsp_error error;
  int i, count = a->positional_count - 1, status = 0;

  for (i = 0; !status && i < count; i++) {
    status = delta_open(a, a->positional[i + 1], &delta[i]);
    given[i] = delta[i];
  }
  if (!status && lnsp_delta_merge(given, count, NULL, &merged, &error))
    status = refuse_error(a, NULL, &error);
  if (!status && lnsp_delta_save(merged, path, &error)) status = refuse_error(a, path, &error);
  if (!status) status = delta_facts(a, merged, path);
  lnsp_delta_destroy(merged);
  for (i = 0; i < count; i++) lnsp_delta_destroy(delta[i]);
  return status;
}

/* One delta from the base to what the deltas lead to. */
static int delta_merge(const args *a, const char *path) {
  const char *from = args_value(a, "--base");
  lnsp_model *base = NULL, *now = NULL, *next = NULL;
  lnsp_delta *delta = NULL;
  lnsp_error error;
  int i, status;

  if (!from) return delta_join(a, path);
  status = model_load(a, from, &base);
  for (i = 1; !status && i < a->positional_count; i++) {
    status = delta_open(a, a->positional[i], &delta);
    if (!status && lnsp_delta_apply(delta, now ? now : base, NULL, &next, &error))
      status = refuse_error(a, a->positional[i], &error);
    lnsp_delta_destroy(delta);
    lnsp_model_destroy(now);
    delta = NULL;
    now = next;
    next = NULL;
  }
  if (!status) status = delta_write(a, base, now, path);
  lnsp_model_destroy(now);
  lnsp_model_destroy(base);
  return status;
}

static int delta_info(const args *a, const char *path) {
  lnsp_delta *delta = NULL;
  int status = delta_open(a, a->positional[1], &delta);
  if (!status) status = delta_facts(a, delta, path);
  lnsp_delta_destroy(delta);
  return status;
}

static int run(const args *a) {
  static const struct {
    const char *name;
    int low, high, writes;
    int (*run)(const args *a, const char *path);
  } verbs[] = {{"make", 2, 2, 1, delta_make},
               {"apply", 2, 2, 1, delta_apply},
               {"invert", 1, 1, 1, delta_invert},
               {"info", 1, 1, 0, delta_info},
               {"merge", 1, ARGS_MAX, 1, delta_merge}};
  const int count = (int)(sizeof verbs / sizeof *verbs);
  const char *path = NULL;
  int status = args_positionals(a, 1, ARGS_MAX), verb = 0;

  if (status) return status;
  while (verb < count && strcmp(a->positional[0], verbs[verb].name)) verb++;
  if (!strcmp(a->positional[0], "replay"))
    return refuse_usage(a, "`lnsp delta replay` is now called `lnsp delta verify`; write that");
  if (verb == count)
    return refuse_usage(
        a, "\"%s\" is not known; write make, apply, invert, merge, info, aggregate or verify",
        a->positional[0]);
  status = args_positionals(a, 1 + verbs[verb].low, 1 + verbs[verb].high);
  if (!status && verbs[verb].writes) status = args_output(a, &path);
  return status ? status : verbs[verb].run(a, path);
}

const command command_delta = {
    "delta",
    "make BASE NEW -o D | apply BASE D -o NEW | invert D -o D2 | merge D... -o D2 | info D",
    "what changed between two models",
    "make writes what leads from one model to another of the same architecture: exactly, or with\n"
    "--codec in fewer bytes, the result then being close to NEW. apply makes the result from the base\n"
    "and the delta, the same bits everywhere, and refuses any other base or a damaged file; invert\n"
    "writes the exact delta that leads back; merge joins deltas that follow each other, with --base\n"
    "into one that is made anew; info prints sizes and hashes. `lnsp help delta aggregate` tells of\n"
    "one model of many deltas, `lnsp help delta verify` of proving one by training again.",
    options,
    run,
};
