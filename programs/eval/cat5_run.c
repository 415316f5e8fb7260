/* `lnsp eval --5cat`: the five tests on windows of articles, with their gates, for one set
 * or two. */
#include "eval/cat5_run.h"

#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/progress.h"
#include "cli/refuse.h"
#include "data/data.h"
#include "data/row_index.h"
#include "eval/eval.h"
#include "common/cat5.h"
#include "score/predictor.h"
#include "lnsp.h"

/* The first set's options, or with "--ood-" in front where that is given. */
static const char *cat5_option(const args *a, int second, const char *name, const char *ood) {
  const char *value = second ? args_value(a, ood) : NULL;
  return value ? value : args_value(a, name);
}

/* All vectors of --input, since a window's neighbours are asked for too. */
static int cat5_load_bank(cat5_job *f, cat5_set *s, const char *articles) {
  const args *a = f->job->args;
  const data_column *c = &s->d.column[0];
  const row_index *index = NULL;
  lnsp_error error;
  int status;

  if (!articles)
    return refuse_usage(a, "--5cat needs --articles FILE:TENSOR, the number of the article of "
                           "each vector");
  status = row_index_load(&s->d, "--articles", articles, &index);
  if (status) return status;
  if (index->columns != 1 || index->count != c->stored_rows)
    return refuse(a,
                  "--articles has %lld numbers for the %lld vectors of tensor %s; give one "
                  "for each",
                  (long long)(index->count * index->columns), (long long)c->stored_rows,
                  c->tensor);
  s->vectors = malloc((size_t)(c->stored_rows * c->width) * sizeof(float));
  s->order = malloc((size_t)c->stored_rows * sizeof *s->order);
  s->place = malloc((size_t)c->stored_rows * sizeof *s->place);
  if (!s->vectors || !s->order || !s->place) return refuse_memory(a);
  if (lnsp_file_read(c->file, c->tensor, 0, c->stored_rows * c->width, LNSP_F32, s->vectors,
                     &error))
    return refuse_error(a, NULL, &error);
  lnsp_metrics_normalize(s->vectors, c->stored_rows, c->width, 1e-9);
  cat5_order(index->row, c->stored_rows, s->order, s->place);
  s->bank.vectors = s->vectors;
  s->bank.article = index->row;
  s->bank.order = s->order;
  s->bank.place = s->place;
  s->bank.count = c->stored_rows;
  s->bank.width = c->width;
  return 0;
}

static int cat5_open(cat5_job *f, int second) {
  const args *a = f->job->args;
  cat5_set *s = &f->set[second];
  data_spec spec;
  int status;

  memset(&spec, 0, sizeof spec);
  s->name = second ? "OOD" : "VAL";
  spec.input = cat5_option(a, second, "--input", "--ood-input");
  spec.rows = cat5_option(a, second, "--rows", "--ood-rows");
  spec.target_rows = cat5_option(a, second, "--target-rows", "--ood-target-rows");
  if (second && (!args_value(a, "--ood-rows") || !args_value(a, "--ood-target-rows")))
    return refuse_usage(a, "the second set needs both --ood-rows and --ood-target-rows");
  if (!spec.input)
    return refuse_usage(a, "--5cat needs --input FILE:TENSOR, all vectors in reading order");
  status = data_open(&s->d, a, &spec);
  if (status) return status;
  f->set_count = second + 1;
  const data_column *input = &s->d.column[0], *target = &s->d.column[1];
  const int64_t concepts = input->concepts;
  int64_t r, c;

  if (!input->index || !target->index || input->index == target->index ||
      target->concepts != 1 || concepts < 2)
    return refuse(a, "--5cat needs contexts and targets as rows of --input: --rows [M, L] of "
                     "two concepts or more, and --target-rows [M]");
  if (input->rows != target->rows)
    return refuse(a, "--rows has %lld rows and --target-rows %lld; give as many of both",
                  (long long)input->rows, (long long)target->rows);
  if (f->setting.concepts && f->setting.concepts != concepts)
    return refuse(a, "a context has %lld concepts in the first set and %lld in the second",
                  (long long)f->setting.concepts, (long long)concepts);
  if (concepts > PREDICTOR_WEIGHTS)
    return refuse(a, "--5cat takes contexts of up to %d concepts", PREDICTOR_WEIGHTS);
  f->setting.concepts = concepts;
  s->rows = f->samples && f->samples < input->rows ? f->samples : input->rows;
  s->windows = malloc((size_t)(s->rows * (concepts + 1)) * sizeof *s->windows);
  if (!s->windows) return refuse_memory(a);
  for (r = 0; r < s->rows; r++) {
    for (c = 0; c < concepts; c++)
      s->windows[r * (concepts + 1) + c] = input->index->row[r * concepts + c];
    s->windows[r * (concepts + 1) + concepts] = target->index->row[r];
  }
  status = 0;
  return status ? status
                : cat5_load_bank(f, s, cat5_option(a, second, "--articles", "--ood-articles"));
}

/* What a predictor makes of a block of contexts. */
typedef struct cat5_asked {
  const cat5_job *f;
  predictor *p;
  progress show;
  int64_t done, all;
} cat5_asked;

static int cat5_answer(void *self, const float *contexts, int64_t rows, float *out) {
  cat5_asked *q = self;
  const cat5_bank *bank = &q->f->set[0].bank;
  float *x = (float *)(uintptr_t)contexts;
  const lnsp_tensor input =
      lnsp_tensor_f32("input", x, 3, rows, q->f->setting.concepts, bank->width);
  lnsp_tensor output = lnsp_tensor_f32("output", out, 2, rows, bank->width, 0);

  q->done += rows;
  if (progress_due(&q->show))
    progress_show(&q->show, "%s: %lld of %lld predictions", q->p->name, (long long)q->done,
                  (long long)q->all);
  return predictor_run(q->f->job->args, q->p, &input, &output, 0);
}

static int cat5_enough(const cat5_job *f, const cat5_set *s, const cat5_result *r) {
  const struct {
    const char *test;
    int64_t samples, skipped;
    const char *why;
  } tests[] = {
      {"A, the offset sweep,", r->offset_rows, r->offset_skipped, "have not all neighbours"},
      {"B, retrieval within the article,", r->article_rows, r->article_skipped,
       "are of articles of fewer than 6 vectors"},
      {"D, the rollout,", r->rollout_rows, r->rollout_skipped, "have too few that follow"},
  };
  size_t i;

  for (i = 0; i < sizeof tests / sizeof tests[0]; i++)
    if (!tests[i].samples)
      return refuse(f->job->args,
                    "test %s has no sample in %s: its %lld windows %s (%lld of "
                    "no article); give longer articles%s",
                    tests[i].test, s->name, (long long)tests[i].skipped, tests[i].why,
                    (long long)r->without_article, i == 2 ? ", or a smaller --horizon" : "");
  return 0;
}

/* ---- the command ---- */

int eval_cat5(eval_job *job) {
  cat5_job *f = calloc(1, sizeof *f);
  float *scratch = NULL;
  int i, s, status;

  if (!f) return refuse_memory(job->args);
  f->job = job;
  f->setting.target_base = args_choice(job->args, "--base");
  f->setting.horizon = args_integer(job->args, "--horizon");
  f->setting.batch = job->batch;
  f->samples = args_integer(job->args, "--samples");
  status = cat5_open(f, 0);
  if (!status &&
      (args_given(job->args, "--ood-rows") || args_given(job->args, "--ood-input") ||
       args_given(job->args, "--ood-target-rows") || args_given(job->args, "--ood-articles")))
    status = cat5_open(f, 1);
  if (!status && f->set_count == 2 && f->set[0].bank.width != f->set[1].bank.width)
    status = refuse(job->args, "the vectors of both sets need the same width");
  if (!status) {
    scratch = malloc((size_t)cat5_scratch(&f->set[0].bank, &f->setting) * sizeof *scratch);
    status = scratch ? 0 : refuse_memory(job->args);
  }
  for (i = 0; i < job->count && !status; i++) {
    predictor *p = &f->job->p[i];
    const int64_t width = f->set[0].bank.width;
    cat5_asked asked;
    int k;
    status = predictor_ready(f->job->args, p, f->setting.batch, f->setting.concepts, width);
    if (!status && p->width != width)
      status = refuse(f->job->args,
                      "%s predicts vectors of %lld numbers, and those of --input "
                      "have %lld",
                      p->name, (long long)p->width, (long long)width);
    for (k = 0; k < f->set_count && !status; k++) {
      cat5_set *set = &f->set[k];
      memset(&asked, 0, sizeof asked);
      asked.f = f;
      asked.p = p;
      asked.all = set->rows * (f->setting.concepts + 4 + f->setting.horizon);
      progress_start(&asked.show);
      status = cat5_evaluate(&set->bank, set->windows, set->rows, &f->setting, cat5_answer,
                             &asked, scratch, &set->result[i]);
      progress_clear(&asked.show);
      if (!status) status = cat5_enough(f, set, &set->result[i]);
    }
  }
  if (!status && args_given(job->args, "--svg"))
    status = cat5_svg(f, args_value(job->args, "--svg"));
  if (!status) status = cat5_report(f);
  for (s = 0; s < 2; s++) {
    free(f->set[s].vectors);
    free(f->set[s].order);
    free(f->set[s].place);
    free(f->set[s].windows);
    data_close(&f->set[s].d);
  }
  free(scratch);
  free(f);
  return status;
}
