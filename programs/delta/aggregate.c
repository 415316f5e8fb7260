/* lnsp delta aggregate: what many have learned, in one model. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/file.h"
#include "cli/json.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "command.h"
#include "data/delta_check.h"
#include "data/model.h"
#include "lnsp.h"

typedef struct gathering {
  lnsp_model *base, *next;
  lnsp_delta **deltas; /* NULL: left out as it was opened */
  double *weights;     /* NULL: equal */
  int32_t *refused, count, used;
  int skip;
  lnsp_delta *sum;
  lnsp_trainer *server;
} gathering;

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

static int gather_open(const args *a, gathering *g) {
  const char *rule = args_value(a, "--rule");
  int status;

  g->count = a->positional_count - 1;
  g->skip = rule && strstr(rule, "skip=1");
  /* "120,80,100", as many as there are deltas. */
  const char *text = args_value(a, "--weights");
  int32_t i;
  if (text) {
    g->weights = malloc((size_t)g->count * sizeof *g->weights);
    if (!g->weights) return refuse_memory(a);
    for (i = 0; i < g->count; i++) {
      char *end;
      errno = 0;
      g->weights[i] = strtod(text, &end);
      if (end == text || errno || *end != (i + 1 < g->count ? ',' : 0))
        return refuse_usage(a,
                            "--weights must be %d numbers joined by commas, one for each delta",
                            (int)g->count);
      text = end + 1;
    }
  }
  status = model_load(a, a->positional[0], &g->base);
  if (status) return status;
  g->deltas = calloc((size_t)g->count, sizeof *g->deltas);
  g->refused = calloc((size_t)g->count, sizeof *g->refused);
  if (!g->deltas || !g->refused) return refuse_memory(a);
  uint8_t key[LNSP_KEY_BYTES + 1];
  lnsp_delta_check_options rules;
  status = delta_check_options(a, key, &rules);

  for (i = 0; !status && i < g->count; i++) {
    /* One delta, if it is whole and keeps to the rules; with skip=1 it is left out
     * otherwise. */
    const char *path = a->positional[i + 1];
    lnsp_error error;
    status = lnsp_delta_open(path, NULL, &g->deltas[i], &error);

    if (!status && (rules.key_bytes || rules.max_norm > 0 || rules.max_change > 0))
      status = lnsp_delta_check(g->deltas[i], g->base, &rules, NULL, &error);
    if (status) {
      if (!g->skip || status == LNSP_E_ARGUMENT || status == LNSP_E_MEMORY) {
        status = refuse_error(a, path, &error);
        goto done;
      }
      lnsp_delta_destroy(g->deltas[i]);
      g->deltas[i] = NULL;
      g->refused[i] = status;
    }
    status = 0;
  }
done:
  memset(key, 0, sizeof key);
  return status;
}

static int gather_sum(const args *a, gathering *g) {
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
    return refuse(a, "all of the %d deltas were refused: nothing is left to combine",
                  (int)g->count);
  if (lnsp_delta_aggregate(g->base, given, g->weights ? weights : NULL, count,
                           args_value(a, "--rule"), NULL, refused, &g->sum, &error)) {
    /* the file that the library's sentence ("delta 3 of 8") is about */
    const char *digits = count == g->count ? strstr(error.message, "delta ") : NULL;
    const long number = digits ? strtol(digits + 6, NULL, 10) : 0;
    const int known = number > 0 && number < a->positional_count;
    return refuse_error(a, known ? a->positional[number] : NULL, &error);
  }
  for (i = 0; i < count; i++) {
    g->refused[place[i]] = refused[i];
    g->used += refused[i] == LNSP_OK;
  }
  return 0;
}

/* The next model: the base and the aggregate, or a step of the server's optimizer, whose
 * moments are those of the last round's state or new. */
static int gather_step(const args *a, gathering *g) {
  const char *text = args_value(a, "--server"), *state = args_value(a, "--state");
  lnsp_file *file = NULL;
  lnsp_error error;
  int32_t status;
  int there;

  if (!text) {
    status = lnsp_delta_apply(g->sum, g->base, NULL, &g->next, &error);
    return status ? refuse_error(a, NULL, &error) : 0;
  }
  if (!state || !file_exists(state, &there)) {
    status = lnsp_trainer_create(g->base, NULL, text, NULL, NULL, &g->server, &error);
  } else {
    status = lnsp_file_open(state, NULL, &file, &error);
    if (!status)
      status = lnsp_trainer_open_file(file, NULL, text, NULL, NULL, &g->server, &error);
    lnsp_file_destroy(file);
  }
  if (!status) status = lnsp_trainer_step_delta(g->server, g->sum, &error);
  if (!status) status = lnsp_trainer_publish(g->server, 0, NULL, &g->next, &error);
  return status ? refuse_error(a, state, &error) : 0;
}

/* The state last: if that fails, the round can be done again from the old one. */
static int gather_save(const args *a, const gathering *g, const char *path) {
  const char *delta = args_value(a, "--delta"), *state = args_value(a, "--state");
  lnsp_error error;

  if (lnsp_model_save(g->next, path, 0, &error)) return refuse_error(a, path, &error);
  if (delta && lnsp_delta_save(g->sum, delta, &error)) return refuse_error(a, delta, &error);
  if (state && lnsp_trainer_save(g->server, state, LNSP_SAVE_STATE, &error))
    return refuse_error(a, state, &error);
  return 0;
}

static int run(const args *a) {
  const char *path = args_value(a, "-o");
  gathering g;
  int32_t i, status;

  memset(&g, 0, sizeof g);
  status = gather_open(a, &g);
  if (status) goto done;
  status = gather_sum(a, &g);
  if (status) goto done;
  status = gather_step(a, &g);
  if (status) goto done;
  status = gather_save(a, &g, path);
  if (status) goto done;
  uint8_t hash[LNSP_HASH_BYTES];
  double norm = 0, most = 0;
  lnsp_error error;
  report r;
  if (lnsp_model_hash(g.next, hash, &error) ||
      lnsp_delta_norm(g.sum, g.base, &norm, &most, NULL, &error)) {
    status = refuse_error(a, NULL, &error);
    goto done;
  }
  r = report_start(a);
  report_integer(&r, "deltas", "deltas", g.count, "");
  report_integer(&r, "used", "used", g.used, "");
  if (r.json) json_open("refused", '[');
  for (i = 0; i < g.count; i++) {
    if (g.refused[i] == LNSP_OK) continue;
    if (!r.json) {
      printf("left out           %s: %s\n", a->positional[i + 1],
             lnsp_status_name(g.refused[i]));
      continue;
    }
    json_open(NULL, '{');
    json_text("file", a->positional[i + 1]);
    json_text("status", lnsp_status_name(g.refused[i]));
    json_close('}');
  }
  if (r.json) json_close(']');
  report_real(&r, "norm", "norm of aggregate", norm, "6");
  report_real(&r, "largest", "largest change", most, "6");
  report_hash(&r, "hash", "hash", hash);
  if (args_value(a, "--delta"))
    report_text(&r, "delta", "delta written", args_value(a, "--delta"));
  if (args_value(a, "--state"))
    report_text(&r, "state", "state written", args_value(a, "--state"));
  report_text(&r, "file", "written", path);
  status = report_end(&r, a);
done:
  for (i = 0; g.deltas && i < g.count; i++) lnsp_delta_destroy(g.deltas[i]);
  lnsp_trainer_destroy(g.server);
  lnsp_delta_destroy(g.sum);
  lnsp_model_destroy(g.next);
  lnsp_model_destroy(g.base);
  free(g.deltas);
  free(g.refused);
  free(g.weights);
  return status;
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
