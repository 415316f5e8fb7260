/* lnsp eval: how well a model does on data. */
#include <stdlib.h>
#include <string.h>

#include "program.h"

static const option options[] = {
  { "--loss", "TEXT", "also the mean of this loss; may be repeated" },
  { "--batch", "N", "rows a call; default 64 (losses over a batch depend on it)" },
  { "--input", "FILE:TENSOR", "vectors [N, width], instead of DATA" },
  { "--rows", "FILE:TENSOR", "which rows of them: I32 [M] (TENSOR=N: where it is N), or [M, L]" },
  { "--target", "FILE:TENSOR", "vectors of the target; default: those of --input" },
  { "--target-rows", "FILE:TENSOR", "rows of the target; default: those of --rows" },
  { "--normalise", NULL, "scale every vector to length 1 as it is loaded" },
  { "--replay", "FILE", "statistics for a loss with a replay term" },
  { NULL, NULL, NULL },
};

static int eval_cosine(const args *a, lnsp_model *model, const data_spec *spec, int64_t batch,
                       score *out) {
  const lnsp_options library = args_options(a);
  lnsp_session *session = NULL;
  lnsp_problem problem;
  lnsp_limits limits;
  progress show;
  data d;
  int status = data_open(&d, a, spec);

  if (status)
    return status;
  progress_start(&show);
  status = data_need(&d, "input");
  if (!status)
    status = data_need(&d, "target");
  if (batch > d.rows)
    batch = d.rows;
  if (!status)
    status = data_reserve(&d, batch);
  limits = limits_for(batch, d.max_concepts);
  if (!status && lnsp_session_create(model, &limits, &library, &session, &problem))
    status = refuse_problem(a, NULL, &problem);
  if (!status)
    status = score_session(&d, session, batch, &show, out);
  lnsp_session_destroy(session);
  data_close(&d);
  return status;
}

/* A single row that would be left over goes with the batch before it, since losses
 * over pairs need two; so there is room for batch + 1 rows. */
static int eval_batches(data *d, lnsp_trainer *trainer, int64_t batch, double *out) {
  lnsp_problem problem;
  double sum = 0;
  int64_t first, count;
  int status = 0;

  for (first = 0; first < d->rows && !status; first += count) {
    const int64_t left = d->rows - first;
    float loss = 0;
    count = left <= batch || (left == batch + 1 && batch > 1) ? left : batch;
    status = data_read(d, NULL, first, count);
    if (!status && lnsp_trainer_evaluate(trainer, d->inputs, d->needed_count, &loss, &problem))
      status = refuse_batch(d->args, NULL, first, &problem);
    sum += (double)loss * (double)count;
  }
  *out = sum / (double)d->rows;
  return status;
}

static int eval_replay(const args *a, lnsp_trainer *trainer) {
  const char *path = args_value(a, "--replay");
  lnsp_replay *replay = NULL;
  lnsp_problem problem;
  int status = 0;

  if (path && (lnsp_replay_open(path, NULL, &replay, &problem) ||
               lnsp_trainer_set_replay(trainer, replay, &problem)))
    status = refuse_problem(a, path, &problem);
  lnsp_replay_destroy(replay);
  return status;
}

/* The mean of a loss over all rows, each batch counting by its rows. */
static int eval_loss(const args *a, const lnsp_model *model, const data_spec *spec,
                     const char *loss, int64_t batch, double *out) {
  const lnsp_options library = args_options(a);
  lnsp_trainer *trainer = NULL;
  lnsp_problem problem;
  lnsp_limits limits;
  const char *name;
  data d;
  int32_t i;
  int status = data_open(&d, a, spec);

  if (status)
    return status;
  if (batch > d.max_rows)
    batch = d.max_rows;
  if (strstr(loss, "replay") && !args_value(a, "--replay"))
    status = refuse(a, "the loss has a replay term: give its statistics with --replay FILE, "
                       "which `lnsp replay fit` writes");
  limits = limits_for(batch + 1, d.max_concepts);
  if (!status &&
      lnsp_trainer_create(model, loss, "sgd lr=0", &limits, &library, &trainer, &problem))
    status = refuse_problem(a, NULL, &problem);
  if (!status)
    (void)lnsp_trainer_set_chance(trainer, 0, NULL);
  if (!status)
    status = eval_replay(a, trainer);
  for (i = 0; !status && (name = lnsp_trainer_input_name(trainer, i)) != NULL; i++)
    status = data_need(&d, name);
  if (!status)
    status = data_reserve(&d, batch + 1);
  if (!status)
    status = eval_batches(&d, trainer, batch, out);
  lnsp_trainer_destroy(trainer);
  data_close(&d);
  return status;
}

/* Whether the data has input and target, so that there is a cosine to tell. */
static int eval_has_target(const args *a, const data_spec *spec, int *has) {
  data d;
  int i, found = 0, status;
  *has = 1;
  if (spec->input)
    return 0;
  status = data_open(&d, a, spec);
  if (status)
    return status;
  for (i = 0; i < d.count; i++)
    found += !strcmp(d.column[i].name, "input") || !strcmp(d.column[i].name, "target");
  data_close(&d);
  *has = found == 2;
  return 0;
}

static int eval_report(const args *a, const score *s, const double *losses, int loss_count) {
  report r = report_start(a);
  char label[32];
  int i;

  if (s->vectors) {
    report_integer(&r, "rows", "rows", s->rows, "");
    report_integer(&r, "vectors", "vectors", s->vectors, "");
    report_real(&r, "cosine", "mean cosine", s->cosine, "6");
    report_real(&r, "mse", "mse", s->mse, "6");
  }
  if (r.json && loss_count)
    json_open("losses", '{');
  for (i = 0; i < loss_count; i++) {
    const char *loss = args_value_at(a, "--loss", i);
    snprintf(label, sizeof label, "%.31s", loss);
    report_real(&r, loss, label, losses[i], "6");
  }
  if (r.json && loss_count)
    json_close('}');
  return report_end(&r, a);
}

static int run(const args *a) {
  double losses[ARGS_MAX];
  data_spec spec;
  lnsp_model *model = NULL;
  score s;
  int64_t batch = 0;
  int count = 0, has_target = 1, status = args_positionals(a, 1, 2);

  memset(&s, 0, sizeof s);
  memset(&spec, 0, sizeof spec);
  if (!status)
    status = args_integer(a, "--batch", 1, 1 << 20, 64, &batch);
  if (!status)
    status = data_spec_read(a, 1, &spec);
  if (!status)
    status = model_load(a, a->positional[0], &model);
  if (!status)
    status = eval_has_target(a, &spec, &has_target);
  if (!status && (has_target || !args_value(a, "--loss")))
    status = eval_cosine(a, model, &spec, batch, &s);
  for (; !status && args_value_at(a, "--loss", count); count++)
    status = eval_loss(a, model, &spec, args_value_at(a, "--loss", count), batch,
                       &losses[count]);
  if (!status)
    status = eval_report(a, &s, losses, count);
  lnsp_model_destroy(model);
  return status;
}

const command command_eval = {
  "eval", "MODEL [DATA]", "mean cosine and losses on data",
  "Prints the mean cosine between `output` and `target` over all vectors, the mean squared\n"
  "error, and the mean of each --loss. DATA has the tensors `input` and `target` (or what the\n"
  "loss reads), or vectors are read through --input and --rows; the target is then the same\n"
  "vector unless --target or --target-rows say otherwise.",
  options, run,
};
