/* lnsp info --memory: what each use of a network takes, counted before anything is
 * allocated. */
#include "model/info.h"

#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/json.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "data/model.h"
#include "lnsp.h"

#ifndef LNSP_CODE_BYTES
#define LNSP_CODE_BYTES 0 /* not told by the build */
#endif

/* A model stored as type, and a session on it. */
static info_memory_stored_as info_memory_stored(const lnsp_graph *graph, int32_t type,
                                                const lnsp_size_options *limits) {
  info_memory_stored_as to = {LNSP_MEMORY_INFO_INIT, LNSP_MEMORY_INFO_INIT, 0};
  lnsp_graph *stored = NULL;
  lnsp_error error;

  refuse_if(lnsp_graph_convert(graph, type, NULL, &stored, &error), NULL, &error);
  to.type = lnsp_graph_storage(stored);
  refuse_if(lnsp_model_measure(stored, &to.model, &error), NULL, &error);
  refuse_if(lnsp_session_measure(stored, limits, &to.session, &error), NULL, &error);
  lnsp_graph_destroy(stored);
  return to;
}

static int64_t info_memory_concepts(const args *a, const lnsp_graph *graph) {
  int64_t low = 1, high = 0, step = 1, usual, concepts, ids;
  lnsp_tensor input, output;
  lnsp_error error;
  int32_t i;
  int joins = 0; /* whether some output has one row a sequence */

  refuse_if(lnsp_graph_concept_range(graph, &low, &high, &step, &error), NULL, &error);
  usual = low;
  input = lnsp_tensor_f32("input", NULL, 3, 1, low, 1);
  (void)lnsp_graph_input_name(graph, &ids);
  if (ids) input.rank = 2;
  for (i = 0; i < lnsp_graph_output_count(graph); i++)
    joins |= !lnsp_graph_output_shape(graph, i, &input, &output, NULL) && output.rank == 2;
  if (low < 5 && joins) {
    usual = (5 + step - 1) / step * step;
    if (high && usual > high) usual = high / step * step;
  }
  concepts = args_given(a, "--concepts") ? args_integer(a, "--concepts") : usual;
  if (concepts < low || (high && concepts > high) || concepts % step)
    refuse("this network does not take rows of %lld concepts: try --concepts %lld",
           (long long)concepts, (long long)usual);
  return concepts;
}

void info_memory_measure(const args *a, const lnsp_graph *graph, info_memory_plan *plan) {
  const int32_t type = args_given(a, "--type") ? args_type(a) : lnsp_graph_storage(graph);
  lnsp_size_options limits;
  lnsp_error error;

  memset(plan, 0, sizeof *plan);
  plan->concepts = info_memory_concepts(a, graph);
  if (!args_given(a, "--memory")) return;
  limits = model_size_options(args_integer(a, "--batch"), plan->concepts);
  plan->published = plan->run = info_memory_stored(graph, type, &limits);
  plan->trains = lnsp_graph_storage(graph) != LNSP_I8;
  if (!plan->trains) return;
  plan->trainer = (lnsp_memory_info)LNSP_MEMORY_INFO_INIT;
  refuse_if(lnsp_trainer_measure(graph, args_value(a, "--loss"), args_value(a, "--optimizer"),
                                 &limits, &plan->trainer, &error),
            NULL, &error);
  /* What a trainer publishes where --type does not say it: weights as it keeps them. */
  if (!args_given(a, "--type")) {
    const info_memory_stored_as narrow = info_memory_stored(graph, LNSP_BF16, &limits);
    if (plan->trainer.weight_bytes == narrow.model.weight_bytes) plan->published = narrow;
  }
}

/* ---- the table ---- */

#define INFO_MEMORY_USES 3

static const struct {
  const char *key;
  int runs, trainers, publishes;
} info_memory_uses[INFO_MEMORY_USES] = {
    {"run", 1, 0, 0},     /* a model and a session */
    {"train", 0, 1, 0}, /* a trainer, from a file */
    {"both", 0, 1, 1},   /* what it published runs, it publishes the next */
};

static const struct {
  const char *key, *label;
  size_t at; /* in lnsp_memory_info */
} memory_parts[] = {
    {"weight_bytes", "weights", offsetof(lnsp_memory_info, weight_bytes)},
    {"moment_bytes", "moments", offsetof(lnsp_memory_info, moment_bytes)},
    {"average_bytes", "average", offsetof(lnsp_memory_info, average_bytes)},
    {"residual_bytes", "residual", offsetof(lnsp_memory_info, residual_bytes)},
    {"gradient_bytes", "gradients", offsetof(lnsp_memory_info, gradient_bytes)},
    {"activation_bytes", "activations", offsetof(lnsp_memory_info, activation_bytes)},
    {"workspace_bytes", "workspace", offsetof(lnsp_memory_info, workspace_bytes)},
    {"plan_bytes", "plan", offsetof(lnsp_memory_info, plan_bytes)},
    {"total_bytes", "handles", offsetof(lnsp_memory_info, total_bytes)},
};
#define INFO_MEMORY_PARTS (sizeof memory_parts / sizeof memory_parts[0])

static int64_t info_memory_part(const lnsp_memory_info *memory, size_t at) {
  uint64_t bytes;
  memcpy(&bytes, (const char *)memory + at, sizeof bytes);
  return (int64_t)bytes;
}

/* Bytes of a part, or of them all, in one use. */
static int64_t info_memory_of(const info_memory_plan *plan, int use, size_t at) {
  int64_t bytes = info_memory_uses[use].trainers * info_memory_part(&plan->trainer, at);
  if (info_memory_uses[use].runs)
    bytes += info_memory_part(&plan->run.model, at) + info_memory_part(&plan->run.session, at);
  if (info_memory_uses[use].publishes)
    bytes += 2 * info_memory_part(&plan->published.model, at) +
             info_memory_part(&plan->published.session, at);
  return bytes;
}

static int64_t info_memory_total(const info_memory_plan *plan, int use) {
  return info_memory_of(plan, use, offsetof(lnsp_memory_info, total_bytes)) + LNSP_CODE_BYTES;
}

static void info_memory_line(const char *label, const int64_t bytes[INFO_MEMORY_USES],
                             int uses) {
  char number[FORMAT_NUMBER_BYTES];
  int use;
  printf("  %-16s", label);
  for (use = 0; use < uses; use++) printf(" %14s", format_number(bytes[use], number));
  putchar('\n');
}

static void info_memory_json(const info_memory_plan *plan, int uses) {
  int use;
  size_t i;

  report_memory("model_memory", "model", &plan->run.model);
  report_memory("session_memory", "session", &plan->run.session);
  if (plan->trains) report_memory("trainer_memory", "trainer", &plan->trainer);
  json_open("memory", '{');
  json_text("storage", lnsp_dtype_name(plan->run.type));
  json_text("published", lnsp_dtype_name(plan->published.type));
  for (use = 0; use < uses; use++) {
    json_open(info_memory_uses[use].key, '{');
    for (i = 0; i + 1 < INFO_MEMORY_PARTS; i++)
      json_integer(memory_parts[i].key, info_memory_of(plan, use, memory_parts[i].at));
    json_integer("handle_bytes", info_memory_of(plan, use, memory_parts[i].at));
    json_integer("code_bytes", LNSP_CODE_BYTES);
    json_integer("total_bytes", info_memory_total(plan, use));
    json_close('}');
  }
  json_close('}');
}

void info_memory_report(const info_memory_plan *plan) {
  const int uses = plan->trains ? INFO_MEMORY_USES : 1;
  int64_t bytes[INFO_MEMORY_USES] = {0};
  char model[FORMAT_NUMBER_BYTES], session[FORMAT_NUMBER_BYTES], trainer[FORMAT_NUMBER_BYTES];
  int use;
  size_t i;

  if (json_wanted()) {
    info_memory_json(plan, uses);
    return;
  }
  printf("memory, bytes     ");
  for (use = 0; use < uses; use++) printf(" %14s", info_memory_uses[use].key);
  printf("\n");
  for (i = 0; i < INFO_MEMORY_PARTS; i++) {
    int64_t any = 0;
    for (use = 0; use < uses; use++)
      any |= bytes[use] = info_memory_of(plan, use, memory_parts[i].at);
    if (any) info_memory_line(memory_parts[i].label, bytes, uses);
  }
  for (use = 0; use < uses && LNSP_CODE_BYTES; use++) bytes[use] = LNSP_CODE_BYTES;
  if (LNSP_CODE_BYTES) info_memory_line("library's code", bytes, uses);
  for (use = 0; use < uses; use++) bytes[use] = info_memory_total(plan, use);
  info_memory_line("total", bytes, uses);
  printf("  run: a model stored as %s, %s, and a session, %s\n",
         lnsp_dtype_name(plan->run.type),
         format_number((int64_t)plan->run.model.total_bytes, model),
         format_number((int64_t)plan->run.session.total_bytes, session));
  if (plan->trains)
    printf("  train: a trainer, %s, which can run its live weights\n"
           "  both: one model runs while the trainer publishes the next: two models, stored as "
           "%s, and a session\n",
           format_number((int64_t)plan->trainer.total_bytes, trainer),
           lnsp_dtype_name(plan->published.type));
  else
    printf("  train and both are left out: the file is stored as I8, which can only be run\n");
}
