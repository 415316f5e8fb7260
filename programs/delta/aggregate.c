/* lnsp delta aggregate: what many have learned, in one model. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/memory.h"
#include "cli/file.h"
#include "cli/json.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "command.h"
#include "data/delta.h"
#include "data/model.h"
#include "lnsp.h"

typedef struct aggregation {
  lnsp_model *base, *next;
  lnsp_delta **deltas; /* NULL: left out as it was opened */
  double *weights;     /* NULL: equal */
  int32_t *refused, count, used;
  lnsp_delta *sum;
  lnsp_trainer *server;
} aggregation;

static const option options[] = {
    {"-o", "FILE", "model to write", OPT_OUTPUT, OPT_REQUIRED},
    {"--rule", "TEXT", "mean, median or \"trimmed share=.1\"; with clip=median, skip=1",
     OPT_TEXT, OPT_DEFAULT("mean")},
    {"--weights", "A,B,...",
     "weights of the deltas in a mean, such as the number of examples of each (default equal)",
     OPT_TEXT},
    {"--server", "TEXT", "optimizer that takes the step, such as \"adam lr=.01 eps=1e-3\"",
     OPT_TEXT},
    {"--state", "FILE", "state of the server's optimizer: read if it exists, then written",
     OPT_OUTPUT, OPT_NEEDS("--server")},
    {"--key", "FILE", "1 to 32 secret bytes: each delta must carry a code made with this key",
     OPT_TEXT},
    {"--max-norm", "X", "refuse a delta whose Euclidean norm is larger", OPT_REAL(0)},
    {"--max-change", "X", "refuse a delta that changes any weight by more", OPT_REAL(0)},
    {"--delta", "FILE", "also write the aggregate as a delta (codec float32)", OPT_OUTPUT},
    {.name = NULL},
};

/* The deltas that are whole and keep to the rules; with skip=1 the others are left out. */
static void aggregate_open(const args *a, aggregation *g) {
  const char *rule = args_value(a, "--rule"), *weights = args_value(a, "--weights");
  const int skip = rule && strstr(rule, "skip=1");
  uint8_t key[LNSP_KEY_BYTES + 1];
  const lnsp_delta_check_options rules = delta_rules(a, key);
  int32_t i, status;

  g->count = a->positional_count - 1;
  if (weights) g->weights = memory_new(g->count, sizeof *g->weights);
  for (i = 0; weights && i < g->count; i++) { /* "120,80,100", as many as there are deltas */
    char *end;
    errno = 0;
    g->weights[i] = strtod(weights, &end);
    if (end == weights || errno || *end != (i + 1 < g->count ? ',' : 0))
      refuse_usage("--weights needs %d numbers joined by commas, one for each delta",
                   (int)g->count);
    weights = end + 1;
  }
  g->base = model_load(a, a->positional[0]);
  g->deltas = memory_new(g->count, sizeof *g->deltas);
  g->refused = memory_new(g->count, sizeof *g->refused);
  for (i = 0; i < g->count; i++) {
    const char *path = a->positional[i + 1];
    lnsp_error error;
    status = lnsp_delta_open(path, NULL, &g->deltas[i], &error);
    if (!status && (rules.key_bytes || rules.max_norm > 0 || rules.max_change > 0))
      status = lnsp_delta_check(g->deltas[i], g->base, &rules, NULL, &error);
    if (!status) continue;
    if (!skip || status == LNSP_E_ARGUMENT || status == LNSP_E_MEMORY)
      refuse_error(path, &error);
    lnsp_delta_destroy(g->deltas[i]);
    g->deltas[i] = NULL;
    g->refused[i] = status;
  }
  memset(key, 0, sizeof key);
}

static void aggregate_sum(const args *a, aggregation *g) {
  const lnsp_delta *given[ARGS_MAX];
  double weights[ARGS_MAX];
  int32_t refused[ARGS_MAX], place[ARGS_MAX], count = 0, i;
  lnsp_error error;

  for (i = 0; i < g->count; i++) {
    if (!g->deltas[i]) continue;
    given[count] = g->deltas[i];
    weights[count] = g->weights ? g->weights[i] : 1;
    place[count++] = i;
  }
  if (!count)
    refuse("all of the %d deltas were refused: give at least one that fits the base",
           (int)g->count);
  if (lnsp_delta_aggregate(g->base, given, g->weights ? weights : NULL, count,
                           args_value(a, "--rule"), NULL, refused, &g->sum, &error)) {
    /* the file that the library's sentence ("delta 3 of 8") is about */
    const char *digits = count == g->count ? strstr(error.message, "delta ") : NULL;
    const long number = digits ? strtol(digits + 6, NULL, 10) : 0;
    const int known = number > 0 && number < a->positional_count;
    refuse_error(known ? a->positional[number] : NULL, &error);
  }
  for (i = 0; i < count; i++) {
    g->refused[place[i]] = refused[i];
    g->used += refused[i] == LNSP_OK;
  }
}

/* The next model: the base and the aggregate, or a step of the server's optimizer, whose
 * moments are those of the last round's state or new. */
static void aggregate_step(const args *a, aggregation *g) {
  const char *text = args_value(a, "--server"), *state = args_value(a, "--state");
  lnsp_error error;
  int there;

  if (!text) {
    refuse_if(lnsp_delta_apply(g->sum, g->base, NULL, &g->next, &error), NULL, &error);
    return;
  }
  if (!state || !file_exists(state, &there))
    refuse_if(lnsp_trainer_create(g->base, NULL, text, NULL, NULL, &g->server, &error), NULL,
              &error);
  else
    refuse_if(lnsp_trainer_open(state, NULL, text, NULL, NULL, &g->server, &error), state,
              &error);
  refuse_if(lnsp_trainer_step_delta(g->server, g->sum, &error), state, &error);
  refuse_if(lnsp_trainer_publish(g->server, 0, NULL, &g->next, &error), state, &error);
}

static void aggregate_report(const args *a, const aggregation *g) {
  uint8_t hash[LNSP_HASH_BYTES];
  double norm = 0, most = 0;
  lnsp_error error;
  int32_t i;

  refuse_if(lnsp_model_hash(g->next, hash, &error), NULL, &error);
  refuse_if(lnsp_delta_norm(g->sum, g->base, &norm, &most, NULL, &error), NULL, &error);
  report_start(a);
  report_integer("deltas", "deltas", g->count, "");
  report_integer("used", "used", g->used, "");
  json_open("refused", '[');
  for (i = 0; i < g->count; i++) {
    if (g->refused[i] == LNSP_OK) continue;
    json_open(NULL, '{');
    json_text("file", a->positional[i + 1]);
    json_text("status", lnsp_status_name(g->refused[i]));
    json_close('}');
    report_line("left out", "%s: %s", a->positional[i + 1], lnsp_status_name(g->refused[i]));
  }
  json_close(']');
  report_real("norm", "norm of aggregate", norm, "%.6g");
  report_real("largest", "largest change", most, "%.6g");
  report_hash("hash", "hash", hash);
  if (args_given(a, "--delta")) report_text("delta", "delta written", args_value(a, "--delta"));
  if (args_given(a, "--state")) report_text("state", "state written", args_value(a, "--state"));
  report_text("file", "written", args_value(a, "-o"));
  report_end();
}

static void run(const args *a) {
  const char *path = args_value(a, "-o"), *delta = args_value(a, "--delta"),
             *state = args_value(a, "--state");
  aggregation g;
  lnsp_error error;
  int32_t i;

  memset(&g, 0, sizeof g);
  aggregate_open(a, &g);
  aggregate_sum(a, &g);
  aggregate_step(a, &g);
/* The state last: if that fails, the round can be done again from the old one. */
  refuse_if(lnsp_model_save(g.next, path, 0, &error), path, &error);
  if (delta) refuse_if(lnsp_delta_save(g.sum, delta, &error), delta, &error);
  if (state)
    refuse_if(lnsp_trainer_save(g.server, state, LNSP_SAVE_STATE, &error), state, &error);
  aggregate_report(a, &g);
  for (i = 0; i < g.count; i++) lnsp_delta_destroy(g.deltas[i]);
  lnsp_trainer_destroy(g.server);
  lnsp_delta_destroy(g.sum);
  lnsp_model_destroy(g.next);
  lnsp_model_destroy(g.base);
  free(g.deltas);
  free(g.refused);
  free(g.weights);
}

const command command_aggregate = {
    .name = "delta aggregate",
    .usage = "BASE D... -o FILE",
    .summary = "combine the deltas of many devices into one model",
    .detail =
        "Combines deltas that were made from BASE and writes the resulting model. Without "
        "--server that is BASE plus the aggregate (FedAvg); with it, an optimizer takes a "
        "step whose gradient is minus the aggregate (\"adam lr=.01 betas=.9,.99 eps=1e-3\" is "
        "FedAdam). A delta that is damaged, not finite or of another base is refused by name, "
        "or left out with skip=1.",
    .examples =
        "delta aggregate base.st a.st b.st c.st -o next.st\n"
        "delta aggregate base.st a.st b.st --rule \"mean clip=median skip=1\" --weights "
        "120,80 -o next.st",
    .options = options,
    .low = 2,
    .high = ARGS_MAX,
    .run = run,
};
