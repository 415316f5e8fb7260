/* lnsp delta: what changed between two models. */
#include <stdlib.h>
#include <string.h>

#include "program.h"

static const option options[] = {
  { "-o", "FILE", "file to write" },
  { "--type", "T", "storage of the model that apply writes: f32 (default), f16, bf16 or int8" },
  { NULL, NULL, NULL },
};

static int delta_facts(const args *a, const lnsp_delta *delta, const char *path) {
  lnsp_delta_facts facts;
  lnsp_problem problem;
  report r;

  memset(&facts, 0, sizeof facts);
  facts.struct_size = sizeof facts;
  if (lnsp_delta_info(delta, &facts, &problem))
    return refuse_problem(a, NULL, &problem);
  r = report_start(a);
  report_text(&r, "kind", "kind", facts.exact ? "exact" : "additive");
  report_integer(&r, "parameters", "size", facts.parameter_count, "parameters");
  report_integer(&r, "changed", "changed", facts.changed_count, "parameters");
  report_integer(&r, "bytes", "delta file", facts.encoded_bytes, "bytes");
  report_hash(&r, "base_hash", "base", facts.base_hash);
  report_hash(&r, "result_hash", "result", facts.result_hash);
  if (path)
    report_text(&r, "file", "written", path);
  return report_end(&r, a);
}

static int delta_open(const args *a, const char *path, lnsp_delta **out) {
  lnsp_problem problem;
  if (lnsp_delta_open(path, NULL, out, &problem))
    return refuse_problem(a, path, &problem);
  return 0;
}

/* The file that a refusal is about: a base in int8, or the other. */
static const char *delta_blame(const args *a, const lnsp_model *base, const lnsp_problem *p) {
  return a->positional[p->code == LNSP_E_DTYPE &&
                               lnsp_graph_storage(lnsp_model_graph(base)) == LNSP_I8
                           ? 1
                           : 2];
}

static int delta_make(const args *a, const char *path) {
  lnsp_model *base = NULL, *next = NULL;
  lnsp_delta *delta = NULL;
  lnsp_problem problem;
  int status = model_load(a, a->positional[1], &base);

  if (!status)
    status = model_load(a, a->positional[2], &next);
  if (!status && lnsp_delta_make(base, next, NULL, NULL, &delta, &problem))
    status = refuse_problem(a, delta_blame(a, base, &problem), &problem);
  if (!status && lnsp_delta_save(delta, path, &problem))
    status = refuse_problem(a, path, &problem);
  if (!status)
    status = delta_facts(a, delta, path);
  lnsp_delta_destroy(delta);
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
  return status;
}

static int delta_apply(const args *a, const char *path) {
  lnsp_model *base = NULL, *next = NULL, *stored = NULL;
  lnsp_delta *delta = NULL;
  lnsp_problem problem;
  uint8_t hash[LNSP_HASH_BYTES];
  int32_t type = LNSP_F32;
  int status = args_type(a, &type);

  if (!status)
    status = model_load(a, a->positional[1], &base);
  if (!status)
    status = delta_open(a, a->positional[2], &delta);
  if (!status && lnsp_delta_apply(delta, base, NULL, &next, &problem))
    status = refuse_problem(a, delta_blame(a, base, &problem), &problem);
  if (!status && (lnsp_model_convert(next, type, NULL, &stored, &problem) ||
                  lnsp_model_hash(stored, hash, &problem) ||
                  lnsp_model_save(stored, path, 0, &problem)))
    status = refuse_problem(a, path, &problem);
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
  lnsp_problem problem;
  int status = delta_open(a, a->positional[1], &delta);

  if (!status && (lnsp_delta_invert(delta, NULL, &back, &problem) ||
                  lnsp_delta_save(back, path, &problem)))
    status = refuse_problem(a, path, &problem);
  if (!status)
    status = delta_facts(a, back, path);
  lnsp_delta_destroy(back);
  lnsp_delta_destroy(delta);
  return status;
}

static int delta_info(const args *a) {
  lnsp_delta *delta = NULL;
  int status = delta_open(a, a->positional[1], &delta);
  if (!status)
    status = delta_facts(a, delta, NULL);
  lnsp_delta_destroy(delta);
  return status;
}

static int run(const args *a) {
  static const struct {
    const char *name;
    int files;
  } verbs[] = { { "make", 2 }, { "apply", 2 }, { "invert", 1 }, { "info", 1 } };
  const char *path = NULL;
  int status = args_positionals(a, 1, 3), i, verb = -1;

  if (status)
    return status;
  for (i = 0; i < 4; i++)
    if (!strcmp(a->positional[0], verbs[i].name))
      verb = i;
  if (verb < 0)
    return usage_error(a, "\"%s\" is not known; write make, apply, invert or info",
                       a->positional[0]);
  status = args_positionals(a, 1 + verbs[verb].files, 1 + verbs[verb].files);
  if (!status && verb < 3)
    status = args_output(a, &path);
  if (status)
    return status;
  return verb == 0   ? delta_make(a, path)
         : verb == 1 ? delta_apply(a, path)
         : verb == 2 ? delta_invert(a, path)
                     : delta_info(a);
}

const command command_delta = {
  "delta", "make BASE NEW -o D | apply BASE D -o NEW | invert D -o D2 | info D",
  "what changed between two models",
  "make writes the exact difference of two models of one architecture; apply makes the new\n"
  "model from the base and the difference, to the bit, and refuses any other base or a damaged\n"
  "file; invert writes the difference that leads back; info prints sizes and hashes.",
  options, run,
};
