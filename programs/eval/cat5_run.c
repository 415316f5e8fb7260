/* `lnsp eval --5cat`: the five tests on windows of articles, with their gates, for one set
 * or two. */
#include "eval/cat5_run.h"

#include <stdlib.h>

#include "cli/args.h"
#include "cli/memory.h"
#include "cli/progress.h"
#include "cli/refuse.h"
#include "data/data.h"

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
static void cat5_load_bank(cat5_set *s, const char *articles) {
  const data_column *c = &s->d.column[0];
  const row_index *index;
  lnsp_error error;

  if (!articles)
    refuse_usage(
        "--5cat needs to know the article of each vector: give --articles FILE:TENSOR");
  index = row_index_load(&s->d, "--articles", articles);
  if (index->columns != 1 || index->count != c->stored_rows)
    refuse("--articles has %lld numbers for the %lld vectors of tensor '%s': give one for each",
           (long long)(index->count * index->columns), (long long)c->stored_rows, c->tensor);
  s->vectors = memory_new(c->stored_rows * c->width, sizeof(float));
  s->order = memory_new(c->stored_rows, sizeof *s->order);
  s->place = memory_new(c->stored_rows, sizeof *s->place);
  refuse_if(lnsp_file_read(c->file, c->tensor, 0, c->stored_rows * c->width, LNSP_F32,
                           s->vectors, &error),
            NULL, &error);
  lnsp_metrics_normalize(s->vectors, c->stored_rows, c->width, 1e-9);
  cat5_order(index->row, c->stored_rows, s->order, s->place);
  s->bank.vectors = s->vectors;
  s->bank.article = index->row;
  s->bank.order = s->order;
  s->bank.place = s->place;
  s->bank.count = c->stored_rows;
  s->bank.width = c->width;
}

static void cat5_open(cat5_job *f, int second) {
  const args *a = f->job->args;
  cat5_set *s = &f->set[second];
  const data_column *input, *target;
  data_spec spec = {NULL, NULL, NULL, NULL, NULL, 0};
  int64_t concepts, r, c;

  s->name = second ? "OOD" : "VAL";
  spec.input = cat5_option(a, second, "--input", "--ood-input");
  spec.rows = cat5_option(a, second, "--rows", "--ood-rows");
  spec.target_rows = cat5_option(a, second, "--target-rows", "--ood-target-rows");
  if (second && (!args_given(a, "--ood-rows") || !args_given(a, "--ood-target-rows")))
    refuse_usage("the second set needs its contexts and targets: give both --ood-rows and "
                 "--ood-target-rows");
  if (!spec.input)
    refuse_usage("--5cat needs all vectors in reading order: give --input FILE:TENSOR");
  data_open(&s->d, a, &spec);
  f->set_count = second + 1;
  input = &s->d.column[0];
  target = &s->d.column[1];
  concepts = input->concepts;
  if (!input->index || !target->index || input->index == target->index ||
      target->concepts != 1 || concepts < 2)
    refuse("--5cat needs contexts and targets as rows of --input: give --rows [M, L] of two "
           "concepts or more, and --target-rows [M]");
  if (input->rows != target->rows)
    refuse("--rows has %lld rows, but --target-rows has %lld: give as many of both",
           (long long)input->rows, (long long)target->rows);
  if (f->setting.concepts && f->setting.concepts != concepts)
    refuse(
        "a context has %lld concepts in the first set, but %lld in the second: choose as many "
        "columns of both",
        (long long)f->setting.concepts, (long long)concepts);
  if (concepts > PREDICTOR_WEIGHTS)
    refuse("--5cat takes contexts of up to %d concepts: choose fewer columns of --rows",
           PREDICTOR_WEIGHTS);
  f->setting.concepts = concepts;
  s->rows = f->samples && f->samples < input->rows ? f->samples : input->rows;
  s->windows = memory_new(s->rows * (concepts + 1), sizeof *s->windows);
  for (r = 0; r < s->rows; r++) {
    for (c = 0; c < concepts; c++)
      s->windows[r * (concepts + 1) + c] = input->index->row[r * concepts + c];
    s->windows[r * (concepts + 1) + concepts] = target->index->row[r];
  }
  cat5_load_bank(s, cat5_option(a, second, "--articles", "--ood-articles"));
}

/* What a predictor computes from a block of contexts. */
typedef struct cat5_asked {
  const cat5_job *f;
  predictor *p;
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
  progress_show("%s: %lld of %lld predictions", q->p->name, (long long)q->done,
                (long long)q->all);
  predictor_run(q->p, &input, &output, 0);
  return 0;
}

/* ---- the command ---- */

static void cat5_predictor(cat5_job *f, int i, float *scratch) {
  predictor *p = &f->job->p[i];
  const int64_t width = f->set[0].bank.width;
  size_t t;
  int k;

  predictor_ready(f->job->args, p, f->setting.batch, f->setting.concepts, width);
  if (p->width != width)
    refuse("'%s' predicts vectors of width %lld, but those of --input have width %lld: give a "
           "model or vectors that fit",
           p->name, (long long)p->width, (long long)width);
  for (k = 0; k < f->set_count; k++) {
    cat5_set *set = &f->set[k];
    cat5_result *r = &set->result[i];
    cat5_asked asked = {f, p, 0, set->rows * (f->setting.concepts + 4 + f->setting.horizon)};
    cat5_evaluate(&set->bank, set->windows, set->rows, &f->setting, cat5_answer, &asked,
                  scratch, r);
    progress_clear();
    const struct {
      const char *test;
      int64_t samples, skipped;
      const char *why;
    } tests[] = {
        {"A, the offset sweep,", r->offset_rows, r->offset_skipped,
         "do not have all neighbours"},
        {"B, retrieval within the article,", r->article_rows, r->article_skipped,
         "are of articles of fewer than 6 vectors"},
        {"D, the rollout,", r->rollout_rows, r->rollout_skipped,
         "have too few vectors after them"},
    };

    for (t = 0; t < sizeof tests / sizeof tests[0]; t++)
      if (!tests[t].samples)
        refuse("test %s has no sample in %s: its %lld windows %s (%lld of no article); give "
               "longer articles%s",
               tests[t].test, set->name, (long long)tests[t].skipped, tests[t].why,
               (long long)r->without_article, t == 2 ? ", or a smaller --horizon" : "");
  }
}

void eval_cat5(eval_job *job) {
  const args *a = job->args;
  cat5_job *f = memory_new(1, sizeof *f);
  float *scratch;
  int i;

  f->job = job;
  f->setting.target_base = args_choice(a, "--base");
  f->setting.horizon = args_integer(a, "--horizon");
  f->setting.batch = job->batch;
  f->samples = args_integer(a, "--samples");
  cat5_open(f, 0);
  if (args_given(a, "--ood-rows") || args_given(a, "--ood-input") ||
      args_given(a, "--ood-target-rows") || args_given(a, "--ood-articles"))
    cat5_open(f, 1);
  if (f->set_count == 2 && f->set[0].bank.width != f->set[1].bank.width)
    refuse("the first set has vectors of width %lld, the second of %lld: give sets of the same "
           "width",
           (long long)f->set[0].bank.width, (long long)f->set[1].bank.width);
  scratch = memory_new(cat5_scratch(&f->set[0].bank, &f->setting), sizeof *scratch);
  for (i = 0; i < job->count; i++) cat5_predictor(f, i, scratch);
  if (args_given(a, "--svg")) cat5_svg(f, args_value(a, "--svg"));
  cat5_report(f);
  for (i = 0; i < 2; i++) {
    free(f->set[i].vectors);
    free(f->set[i].order);
    free(f->set[i].place);
    free(f->set[i].windows);
    data_close(&f->set[i].d);
  }
  free(scratch);
  free(f);
}
