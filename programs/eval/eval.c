/* lnsp eval: how well a model does on data. */
#include "eval/eval.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/json.h"
#include "cli/progress.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "command.h"
#include "data/data.h"
#include "data/model.h"
#include "score/candidates.h"
#include "common/cat5.h"
#include "score/predictor.h"
#include "score/score.h"
#include "train/open.h"
#include "lnsp.h"

static const option options[] = {
    {.also = data_options},
    {"--batch", "N", "rows a call; losses over a batch depend on it", OPT_INTEGER(1, 1 << 20),
     OPT_DEFAULT("64")},
    {"--on", "NAME", "output of the model to evaluate", OPT_TEXT, OPT_DEFAULT("output")},
    {"--loss", "TEXT", "also print the mean of this loss; may be repeated", OPT_TEXT},
    {"--replay", "FILE", "statistics for a loss with a replay term", OPT_TEXT,
     OPT_NEEDS("--loss")},
    {"--baseline", "NAME",
     "also evaluate copy-last, mean, weighted=.1,.9, random, train-mean or ridge=1; may be "
     "repeated",
     OPT_TEXT, OPT_WITHOUT("--triplets --echo")},
    {"--fit-rows", "FILE:TENSOR", "rows of --input that train-mean and ridge are fitted to",
     OPT_TEXT, OPT_NEEDS("--baseline")},
    {"--fit-target-rows", "FILE:TENSOR", "their targets (default --fit-rows)", OPT_TEXT,
     OPT_NEEDS("--baseline")},
    {"--seed", "N", "seed of the baseline random", OPT_SEED, OPT_DEFAULT("0")},
    {"--pool", "FILE:TENSOR",
     "rows of the target's vectors to rank among, in addition to the targets", OPT_TEXT},
    {"--keep-context", NULL, "also rank the row's own context", OPT_TEXT},
    {"--diagnose", NULL,
     "also print the direction of the data, copying (mini-5CAT), collapse and oracle recall",
     OPT_TEXT},
    {"--val-cosine", NULL,
     "also print the mean of the batches' mean cosines, as trainers log it", OPT_TEXT},
    {"--echo-weight", "X", "weight of 1 - echo in the scalar", OPT_REAL(0), OPT_DEFAULT(".1")},
    {"--svg", "FILE", "draw R@k against k; with --5cat the offset sweep and the rollout",
     OPT_OUTPUT},
    {"--triplets", "FILE:TENSOR",
     "I32 [M, 3]: print how often the anchor is nearer to the positive", OPT_TEXT},
    {"--kinds", "FILE:TENSOR", "I32 [M], a kind from 0 to 15 of each triplet", OPT_TEXT,
     OPT_NEEDS("--triplets")},
    {"--echo", NULL,
     "print the cosine of concepts (input) and probes (target); at least .82 passes", OPT_TEXT},
    {"--soft", "FILE:TENSOR", "soft negatives of the concepts, to be below .65", OPT_TEXT,
     OPT_NEEDS("--echo")},
    {"--soft-rows", "FILE:TENSOR", "rows of them (default those of --rows)", OPT_TEXT,
     OPT_NEEDS("--echo")},
    {"--hard", "FILE:TENSOR", "hard negatives, to be below .30", OPT_TEXT, OPT_NEEDS("--echo")},
    {"--hard-rows", "FILE:TENSOR", "rows of them (default those of --rows)", OPT_TEXT,
     OPT_NEEDS("--echo")},
    {"--5cat", NULL, "run the causal alignment test on articles, with its gates", OPT_TEXT},
    {"--articles", "FILE:TENSOR", "I32 [N], the article of each vector of --input", OPT_TEXT,
     OPT_NEEDS("--5cat")},
    {"--base", "WHAT", "where offsets count from", OPT_CHOICE("last_context|target"),
     OPT_DEFAULT("last_context"), OPT_NEEDS("--5cat")},
    {"--horizon", "N", "steps of the rollout", OPT_INTEGER(1, CAT5_STEPS), OPT_DEFAULT("5"),
     OPT_NEEDS("--5cat")},
    {"--samples", "N", "use only the first N windows", OPT_INTEGER(1, 0), OPT_NEEDS("--5cat")},
    {"--ood-rows", "FILE:TENSOR", "contexts of a second set", OPT_TEXT, OPT_NEEDS("--5cat")},
    {"--ood-target-rows", "FILE:TENSOR", "its targets", OPT_TEXT, OPT_NEEDS("--5cat")},
    {"--ood-input", "FILE:TENSOR", "its vectors (default those of --input)", OPT_TEXT,
     OPT_NEEDS("--5cat")},
    {"--ood-articles", "FILE:TENSOR", "their articles (default --articles)", OPT_TEXT,
     OPT_NEEDS("--5cat")},
    {.name = NULL},
};

/* The predictors' results, and the diagnosis, printed while the data are open. */
static int eval_judge(eval_job *job, data *d, eval_direction *direction) {
  const args *a = job->args;
  const lnsp_tensor *input;
  candidates pool;
  progress show;
  int i, status;

  memset(&pool, 0, sizeof pool);
  status = data_need(d, data_input(d));
  if (!status) status = data_need(d, "target");
  if (status) return status;
  if (job->batch > d->rows) job->batch = d->rows;
  status = data_reserve(d, job->batch);
  if (status) return status;
  job->ranked = candidates_exist(d);
  if (!job->ranked && (job->diagnosed || args_value(a, "--pool")))
    return refuse(
        a,
        "there is nothing to rank: the target is the input itself, or there is more than one "
        "target for a "
        "row; name another one with --target or --target-rows");
  if (job->ranked)
    status = candidates_open(d, job->batch, args_value(a, "--pool"), job->keep_context, &pool);
  job->pool_count = pool.count;
  if (!status && job->diagnosed) status = eval_direction_of(d, job->batch, direction);
  input = data_batch(d, data_input(d));
  progress_start(&show);
  for (i = 0; i < job->count && !status; i++) {
    status = predictor_ready(a, &job->p[i], job->batch, d->max_concepts,
                             input->dims[input->rank - 1]);
    if (!status)
      status = score_predictor(d, &job->p[i], job->batch, job->ranked ? &pool : NULL,
                               job->diagnosed, &show, &job->j[i]);
  }
  candidates_close(&pool);
  return status;
}

/* The mean of a loss over all rows, each batch counting by its rows. */
static int eval_loss(const args *a, const lnsp_model *model, const data_spec *spec,
                     const char *loss, int64_t batch, double *out) {
  const lnsp_options library = args_run_options(a);
  lnsp_trainer *trainer = NULL;
  lnsp_error error;
  lnsp_size_options limits;
  const char *name;
  double sum = 0;
  int64_t first, count;
  data d;
  int32_t i;
  int status = data_open(&d, a, spec);

  if (status) return status;
  if (batch > d.max_rows) batch = d.max_rows;
  limits = model_size_options(batch + 1, d.max_concepts);
  if (lnsp_trainer_create(model, loss, "sgd lr=0", &limits, &library, &trainer, &error))
    status = refuse_error(a, NULL, &error);
  if (!status) status = train_open_extras(a, loss, trainer, NULL);
  for (i = 0; !status && (name = lnsp_trainer_input_name(trainer, i)) != NULL; i++)
    status = data_need(&d, name);
  if (!status) status = data_reserve(&d, batch + 1);
  /* A single row that would be left over goes with the batch before it, since losses over
   * pairs need two; so there is room for batch + 1 rows. */
  for (first = 0; first < d.rows && !status; first += count) {
    const int64_t left = d.rows - first;
    float value = 0;
    count = left <= batch || (left == batch + 1 && batch > 1) ? left : batch;
    status = data_read(&d, NULL, first, count);
    if (!status && lnsp_trainer_validate(trainer, d.inputs, d.needed_count, 0, &value, &error))
      status = refuse_batch(a, NULL, first, &error);
    sum += (double)value * (double)count;
  }
  *out = sum / (double)d.rows;
  lnsp_trainer_destroy(trainer);
  data_close(&d);
  return status;
}

/* Whether the data has input and target, so that there is a cosine to tell. */
static int eval_has_target(const args *a, const data_spec *spec, int *has) {
  data d;
  int i, found = 0, status;
  *has = 1;
  if (spec->input) return 0;
  status = data_open(&d, a, spec);
  if (status) return status;
  for (i = 0; i < d.count; i++)
    found += !strcmp(d.column[i].name, data_input(&d)) || !strcmp(d.column[i].name, "target");
  data_close(&d);
  *has = found == 2;
  return 0;
}

/* Rows of contexts and targets: the common case. */
static int eval_rows(eval_job *job) {
  const args *a = job->args;
  const char *svg = args_value(a, "--svg");
  eval_direction direction;
  int has_target = 1, status = eval_has_target(a, &job->spec, &has_target);
  report r;
  data d;

  memset(&direction, 0, sizeof direction);
  job->diagnosed = args_given(a, "--diagnose");
  job->keep_context = args_given(a, "--keep-context");
  has_target |= !args_value(a, "--loss") || job->diagnosed;
  if (!status && has_target) {
    status = data_open(&d, a, &job->spec);
    if (!status) {
      status = eval_judge(job, &d, &direction);
      data_close(&d);
    }
  }
  for (; !status && args_value_at(a, "--loss", job->loss_count); job->loss_count++)
    status = job->models ? eval_loss(a, job->p[0].model, &job->spec,
                                     args_value_at(a, "--loss", job->loss_count), job->batch,
                                     &job->losses[job->loss_count])
                         : refuse_usage(a, "--loss needs a MODEL");
  if (!status && svg) status = eval_recall_svg(job, svg);
  if (!status) {
    r = report_start(a);
    if (has_target) eval_report_table(job, &r);
    if (job->diagnosed) status = eval_report_diagnosis(job, &r, &direction);
    char label[32];
    int i;
    if (job->loss_count) {
      if (r.json)
        json_open("losses", '{');
      else if (job->ranked || job->count > 1)
        printf("\n");
      for (i = 0; i < job->loss_count; i++) {
        const char *loss = args_value_at(job->args, "--loss", i);
        snprintf(label, sizeof label, "%.31s", loss);
        report_real(&r, loss, label, job->losses[i], "6");
      }
      if (r.json) json_close('}');
    }
    if (!status) status = report_end(&r, a);
  }
  free(direction.near);
  return status;
}

static int run(const args *a) {
  eval_job *job = calloc(1, sizeof *job);
  int i, status = job ? 0 : refuse_memory(a);

  if (!job) return status;
  job->args = a;
  job->batch = args_integer(a, "--batch");
  job->seed = args_seed(a, "--seed");
  job->echo_weight = args_real(a, "--echo-weight");
  /* With --input all arguments are models; else the last one is DATA, and with baselines the
   * model may be left out. */
  const int file = args_value(a, "--input") == NULL;
  const int alone = args_value(a, "--baseline") || args_value(a, "--triplets") ||
                    args_value(a, "--echo"); /* no model is needed */
  const char *text;
  status = args_positionals(a, alone ? file : 1, file ? 2 : EVAL_MOST);

  if (status) goto done;
  job->models = a->positional_count;
  if (file && (alone || a->positional_count == 2)) job->models--;
  status = data_spec_read(a, job->models, &job->spec);
  for (i = 0; i < job->models && !status; i++) {
    status = predictor_model(a, a->positional[i], args_text(a, "--on"), &job->p[job->count]);
    job->count += !status;
  }
  for (i = 0; !status && (text = args_value_at(a, "--baseline", i)) != NULL; i++) {
    if (job->count == EVAL_MOST) {
      status = refuse_usage(a, "more than %d models and baselines", EVAL_MOST);
      goto done;
    }
    status = predictor_baseline(a, text, job->seed, &job->p[job->count]);
    job->count += !status;
    if (!status && predictor_fits(&job->p[job->count - 1]))
      status = predictor_fit(a, &job->p[job->count - 1], &job->spec);
  }
  if (!status)
    status = args_value(a, "--5cat")       ? eval_cat5(job)
             : args_value(a, "--triplets") ? eval_triplets(job)
             : args_value(a, "--echo")     ? eval_echo(job)
                                           : eval_rows(job);
done:
  for (i = 0; i < job->count; i++) {
    predictor_close(&job->p[i]);
    score_free(&job->j[i]);
  }
  free(job);
  return status;
}

const command command_eval = {
    .name = "eval",
    .usage = "[MODEL ...] [DATA]",
    .summary = "measure how well a model predicts: cosine, ranks, diagnostics, losses",
    .detail =
        "Prints the mean cosine of `output` and `target` over all vectors, the mean squared "
        "error, and the mean of each --loss. DATA has the tensors `input` and `target` (or "
        "what the loss reads), or --input and --rows name vectors; the target is then the "
        "same vector unless --target or --target-rows name another.\n\n"
        "If the target is another vector than the input, one for each row, it is also ranked "
        "among the distinct targets by cosine with the prediction, without the row's own "
        "context. Printed are R@1, R@5 and R@10 (also called Hit@k), MRR, the median rank, "
        "echo (the cosine with the nearest concept), and the scalar -log MRR + weight (1 - "
        "echo). With --input there can be more than one model, and with --baseline none.\n\n"
        "--5cat tests on windows of articles whether the next concept is predicted; "
        "--triplets compares two distances; --echo prints how near probes are to concepts. "
        "docs/evaluation.md has the formulas.",
    .examples =
        "eval model.safetensors data.safetensors --loss cosine\n"
        "eval a.st b.st --input v.st:vectors --rows w.st:rows[0:5] --target-rows w.st:rows[5] "
        "--baseline copy-last",
    .options = options,
    .low = 0,
    .high = EVAL_MOST,
    .run = run,
};
