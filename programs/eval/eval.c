/* lnsp eval: how well a model does on data. */
#include "eval/eval.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/memory.h"
#include "cli/json.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "command.h"
#include "data/data.h"
#include "data/model.h"
#include "score/candidates.h"
#include "common/cat5.h"
#include "score/predictor.h"
#include "score/score.h"
#include "train/train.h"
#include "lnsp.h"

static const option options[] = {
    {.also = data_options},
    {"--batch", "N", "rows of a call; a loss that compares the rows of a batch depends on it",
     OPT_INTEGER(1, 1 << 20), OPT_DEFAULT("64")},
    {"--on", "NAME", "output of the model to evaluate", OPT_TEXT, OPT_DEFAULT("output")},
    {"--loss", "TEXT", "also print the mean of this loss; may be repeated", OPT_TEXT},
    {"--replay", "FILE", "statistics for a loss with a replay term", OPT_TEXT,
     OPT_NEEDS("--loss")},
    {"--baseline", "NAME",
     "also evaluate a simple predictor: copy-last, mean, weighted=.1,.9, random, "
     "train-mean or ridge=1; may be repeated",
     OPT_TEXT, OPT_WITHOUT("--triplets --echo"), OPT_HEADING("options of baselines")},
    {"--fit-rows", "FILE:TENSOR",
     "rows of --input that the baselines train-mean and ridge learn from", OPT_TEXT,
     OPT_NEEDS("--baseline")},
    {"--fit-target-rows", "FILE:TENSOR", "their targets (default those of --fit-rows)",
     OPT_TEXT, OPT_NEEDS("--baseline")},
    {"--seed", "N", "seed of the baseline random", OPT_SEED, OPT_DEFAULT("0")},
    {"--pool", "FILE:TENSOR", "rank among these rows of the target's vectors, too", OPT_TEXT,
     OPT_HEADING("options of ranks and diagnosis")},
    {"--keep-context", NULL, "rank among the concepts of the row's own context, too", OPT_TEXT},
    {"--diagnose", NULL,
     "also print which way the data run, whether predictions copy the last concept or "
     "collapse, and the best recall that is possible",
     OPT_TEXT},
    {"--val-cosine", NULL,
     "also print the mean of the mean cosines of batches, as many trainers log it", OPT_TEXT},
    {"--echo-weight", "X", "weight of 1 - echo in the scalar", OPT_REAL(0), OPT_DEFAULT(".1")},
    {"--svg", "FILE", "draw R@k against k; with --5cat the tests A and D", OPT_OUTPUT},
    {"--triplets", "FILE:TENSOR",
     "I32 [M, 3], anchor, positive and negative: print how often the anchor is nearer "
     "to the positive",
     OPT_TEXT, OPT_HEADING("options of the test --triplets")},
    {"--kinds", "FILE:TENSOR",
     "I32 [M], the kind of each triplet, from 0 to 15, to print each by itself", OPT_TEXT,
     OPT_NEEDS("--triplets")},
    {"--echo", NULL,
     "print the cosine of concepts (input) and probes (target), which passes from .82 on",
     OPT_TEXT, OPT_HEADING("options of the test --echo")},
    {"--soft", "FILE:TENSOR",
     "vectors of soft negatives, whose cosine with the concept should be below .65", OPT_TEXT,
     OPT_NEEDS("--echo")},
    {"--soft-rows", "FILE:TENSOR", "which of them (default those of --rows)", OPT_TEXT,
     OPT_NEEDS("--echo")},
    {"--hard", "FILE:TENSOR", "vectors of hard negatives, whose cosine should be below .30",
     OPT_TEXT, OPT_NEEDS("--echo")},
    {"--hard-rows", "FILE:TENSOR", "which of them (default those of --rows)", OPT_TEXT,
     OPT_NEEDS("--echo")},
    {"--5cat", NULL,
     "test on windows of articles whether the next concept is predicted, with pass marks",
     OPT_TEXT, OPT_HEADING("options of the test --5cat")},
    {"--articles", "FILE:TENSOR", "I32 [N], the article of each vector of --input", OPT_TEXT,
     OPT_NEEDS("--5cat")},
    {"--base", "WHAT", "what offsets are counted from", OPT_CHOICE("last_context|target"),
     OPT_DEFAULT("last_context"), OPT_NEEDS("--5cat")},
    {"--horizon", "N", "how many concepts to predict one after another",
     OPT_INTEGER(1, CAT5_STEPS), OPT_DEFAULT("5"), OPT_NEEDS("--5cat")},
    {"--samples", "N", "use only the first N windows", OPT_INTEGER(1, 0), OPT_NEEDS("--5cat")},
    {"--ood-rows", "FILE:TENSOR", "contexts of a second set, of other articles", OPT_TEXT,
     OPT_NEEDS("--5cat")},
    {"--ood-target-rows", "FILE:TENSOR", "its targets", OPT_TEXT, OPT_NEEDS("--5cat")},
    {"--ood-input", "FILE:TENSOR", "its vectors (default those of --input)", OPT_TEXT,
     OPT_NEEDS("--5cat")},
    {"--ood-articles", "FILE:TENSOR", "their articles (default --articles)", OPT_TEXT,
     OPT_NEEDS("--5cat")},
    {.name = NULL},
};

/* The predictors' results, and the diagnosis, printed while the data are open. */
static void eval_judge(eval_job *job, data *d, eval_direction *direction) {
  const args *a = job->args;
  const lnsp_tensor *input;
  candidates pool;
  int i;

  memset(&pool, 0, sizeof pool);
  data_need(d, data_input(d));
  data_need(d, "target");
  if (job->batch > d->rows) job->batch = d->rows;
  data_reserve(d, job->batch);
  job->ranked = candidates_exist(d);
  if (!job->ranked && (job->diagnosed || args_given(a, "--pool")))
    refuse(
        "there is nothing to rank: the target is the input itself, or a row has more than one "
        "target; name another one with --target or --target-rows");
  if (job->ranked)
    candidates_open(d, job->batch, args_value(a, "--pool"), job->keep_context, &pool);
  job->pool_count = pool.count;
  if (job->diagnosed) eval_direction_of(d, job->batch, direction);
  input = data_batch(d, data_input(d));
  for (i = 0; i < job->count; i++) {
    predictor_ready(a, &job->p[i], job->batch, d->max_concepts, input->dims[input->rank - 1]);
    score_predictor(d, &job->p[i], job->batch, job->ranked ? &pool : NULL, job->diagnosed,
                    &job->j[i]);
  }
  candidates_close(&pool);
}

/* The mean of a loss over all rows, each batch counting by its rows. */
static double eval_loss(const eval_job *job, const char *loss) {
  const args *a = job->args;
  const lnsp_options library = args_run_options(a);
  int64_t batch = job->batch, first, count;
  lnsp_trainer *trainer = NULL;
  lnsp_error error;
  lnsp_size_options limits;
  double sum = 0;
  data d;

  if (!job->models) refuse_usage("--loss is computed with a model: give MODEL");
  data_open(&d, a, &job->spec);
  if (batch > d.max_rows) batch = d.max_rows;
  limits = model_size_options(batch + 1, d.max_concepts);
  refuse_if(lnsp_trainer_create(job->p[0].model, loss, "sgd lr=0", &limits, &library, &trainer,
                                &error),
            NULL, &error);
  train_open_extras(a, trainer);
  data_need_inputs(&d, trainer);
  data_reserve(&d, batch + 1);
  /* A single row that would be left over goes with the batch before it, since losses over
   * pairs need two; so there is room for batch + 1 rows. */
  for (first = 0; first < d.rows; first += count) {
    const int64_t left = d.rows - first;
    float value = 0;
    count = left <= batch || (left == batch + 1 && batch > 1) ? left : batch;
    data_read(&d, NULL, first, count);
    refuse_batch_if(lnsp_trainer_validate(trainer, d.inputs, d.needed_count, 0, &value, &error),
                    NULL, first, &error);
    sum += (double)value * (double)count;
  }
  sum /= (double)d.rows;
  lnsp_trainer_destroy(trainer);
  data_close(&d);
  return sum;
}

/* Rows of contexts and targets: the common case. */
static void eval_rows(eval_job *job) {
  const args *a = job->args;
  eval_direction direction;
  const char *loss;
  char label[32];
  int has_target, i;
  data d;

  memset(&direction, 0, sizeof direction);
  job->diagnosed = args_given(a, "--diagnose");
  job->keep_context = args_given(a, "--keep-context");
  data_open(&d, a, &job->spec);
  /* a loss alone may read data that have no target, so that there is no cosine to tell */
  has_target = job->spec.input || !args_given(a, "--loss") || job->diagnosed ||
               (data_find(&d, data_input(&d)) && data_find(&d, "target"));
  if (has_target) eval_judge(job, &d, &direction);
  data_close(&d);
  while ((loss = args_value_at(a, "--loss", job->loss_count)) != NULL)
    job->losses[job->loss_count++] = eval_loss(job, loss);
  if (args_given(a, "--svg")) eval_recall_svg(job, args_value(a, "--svg"));
  report_start(a);
  if (has_target) eval_report_table(job);
  if (job->diagnosed) eval_report_diagnosis(job, &direction);
  if (job->loss_count) json_open("losses", '{');
  if (job->loss_count && (job->ranked || job->count > 1)) report_print("\n");
  for (i = 0; i < job->loss_count; i++) {
    loss = args_value_at(a, "--loss", i);
    snprintf(label, sizeof label, "%.31s", loss);
    report_real(loss, label, job->losses[i], "%.6g");
  }
  if (job->loss_count) json_close('}');
  report_end();
  free(direction.near);
}

/* With --input all arguments are models; else the last one is DATA, and with baselines the
 * model may be left out. */
static void eval_predictors(eval_job *job) {
  const args *a = job->args;
  const int file = !args_given(a, "--input");
  const int alone = args_given(a, "--baseline") || args_given(a, "--triplets") ||
                    args_given(a, "--echo"); /* no model is needed */
  const char *text;
  int i;

  args_positionals(a, alone ? file : 1, file ? 2 : EVAL_MOST);
  job->models = a->positional_count;
  if (file && (alone || a->positional_count == 2)) job->models--;
  job->spec = data_spec_read(a, job->models);
  while (job->count < job->models) {
    predictor_model(a, a->positional[job->count], args_value(a, "--on"), &job->p[job->count]);
    job->count++;
  }
  for (i = 0; (text = args_value_at(a, "--baseline", i)) != NULL; i++) {
    predictor *p = &job->p[job->count++];
    if (job->count > EVAL_MOST) refuse_usage("give at most %d models and baselines", EVAL_MOST);
    predictor_baseline(text, job->seed, p);
    if (predictor_fits(p)) predictor_fit(a, p, &job->spec);
  }
}

static void run(const args *a) {
  eval_job *job = memory_new(1, sizeof *job);
  int i;

  job->args = a;
  job->batch = args_integer(a, "--batch");
  job->seed = args_seed(a, "--seed");
  job->echo_weight = args_real(a, "--echo-weight");
  eval_predictors(job);
  if (args_given(a, "--5cat"))
    eval_cat5(job);
  else if (args_given(a, "--triplets"))
    eval_triplets(job);
  else if (args_given(a, "--echo"))
    eval_echo(job);
  else
    eval_rows(job);
  for (i = 0; i < job->count; i++) {
    predictor_close(&job->p[i]);
    score_free(&job->j[i]);
  }
  free(job);
}

const command command_eval = {
    .name = "eval",
    .usage = "[MODEL ...] [DATA]",
    .summary = "measure how well a model predicts: cosine, ranks, diagnostics, losses",
    .detail =
        "Runs MODEL and compares its `output` with the target. Prints the mean cosine "
        "over all vectors, the mean squared error, and the mean of each --loss. DATA is a "
        "file with the tensors `input` and `target`, or with what the loss reads. Without "
        "DATA, --input names a tensor of vectors and --rows the numbers of those to use; "
        "each vector is then its own target, unless --target or --target-rows name "
        "another.\n\n"
        "If each row has one target, and this is not its input, the target is also "
        "ranked: among all distinct targets but the row's own context, by the cosine with "
        "the prediction. Printed are the shares of targets among the first 1, 5 and 10 "
        "(R@1, R@5, R@10, also called Hit@k), the mean of 1 / rank (MRR), the median "
        "rank, the mean cosine of a prediction with the nearest concept (echo), and as a "
        "sum of these the scalar, -log MRR + weight * (1 - echo), the lower the better. "
        "With --input there can be two or more models, and with --baseline none at all.\n\n"
        "--5cat, --triplets and --echo are tests of their own: whether the next concept "
        "of an article is predicted, whether an anchor is nearer to the positive than to "
        "the negative, and how near probes are to their concepts. docs/evaluation.md has "
        "the formulas.",
    .examples =
        "eval model.safetensors data.safetensors --loss cosine\n"
        "eval a.st b.st --input v.st:vectors --rows w.st:rows[0:5] --target-rows w.st:rows[5] "
        "--baseline copy-last",
    .options = options,
    .low = 0,
    .high = EVAL_MOST,
    .run = run,
};
