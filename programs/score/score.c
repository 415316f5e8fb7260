/* Scores of predictions: cosine, squared error, ranks in the pool of targets. */
#include "score/score.h"

#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/memory.h"
#include "cli/progress.h"
#include "cli/refuse.h"
#include "data/data.h"
#include "data/tensor.h"
#include "score/candidates.h"
#include "score/predictor.h"
#include "lnsp.h"

typedef struct score_job {
  data *d;
  predictor *p;
  const candidates *pool;
  score_result *out;
  float *predictions; /* of a batch, or of all */
  int keep;
  int64_t batches;
} score_job;

/* Predictions of the batch get length 1; then their ranks. */
static void score_rank_batch(score_job *job, int64_t first, lnsp_tensor *output) {
  const candidates *pool = job->pool;
  const lnsp_tensor *input = data_batch(job->d, data_input(job->d)),
                    *target = data_batch(job->d, "target");
  const int64_t width = target->dims[target->rank - 1], count = output->dims[0];
  const int64_t concepts = input->rank == 3 ? input->dims[1] : 1;
  lnsp_error error;
  int64_t r;

  lnsp_metrics_normalize(output->data, tensor_rows(output), width, 0);
  if (pool) {
    const lnsp_tensor among =
        lnsp_tensor_f32("candidates", pool->vectors, 2, pool->count, width, 0);
    lnsp_tensor without = lnsp_tensor_f32("left_out", NULL, 2, count, pool->concepts, 0);
    without.dtype = LNSP_I64;
    without.data = pool->without ? pool->without + first * pool->concepts : NULL;
    refuse_if(lnsp_metrics_rank(output, &among, pool->truth + first,
                                pool->without ? &without : NULL, NULL, job->out->ranks + first,
                                &error),
              NULL, &error);
  }
  if (pool && input->dtype == LNSP_F32 && input->dims[input->rank - 1] == width)
    for (r = 0; r < count; r++)
      gates_mini_add(&job->out->mini, (const float *)input->data + r * concepts * width,
                     concepts, (const float *)output->data + r * width,
                     (const float *)target->data + r * width, width);
}

static void score_rows(score_job *job, int64_t batch) {
  const data *d = job->d;
  const lnsp_tensor *target = data_batch(d, "target");
  const int64_t width = target->dims[target->rank - 1];
  const int64_t each = tensor_elements(target) / target->dims[0];
  const float *p, *t = target->data;
  lnsp_tensor output = *target;
  int64_t first, r;

  job->p->mask = data_batch(d, "mask");
  for (first = 0; first < d->rows; first += batch) {
    const int64_t count = d->rows - first < batch ? d->rows - first : batch;
    double with = 0;
    data_read(job->d, NULL, first, count);
    output.dims[0] = count;
    output.data = job->predictions + (job->keep ? first * each : 0);
    predictor_run(job->p, data_batch(d, data_input(job->d)), &output, first);
    if (lnsp_metrics_score(&output, target, &job->out->score, NULL))
      refuse("tensor 'target' has a NaN or infinity in rows %lld to %lld: leave them out",
             (long long)first, (long long)(first + count - 1));
    for (r = 0, p = output.data; r < tensor_rows(target); r++)
      with += lnsp_metrics_cosine(p + r * width, t + r * width, width, 1e-8);
    job->out->rows += count;
    job->out->val_cosine += with / (double)tensor_rows(target);
    job->batches++;
    if (job->pool || job->keep) score_rank_batch(job, first, &output);
    progress_show("%lld of %lld rows", (long long)(first + count), (long long)d->rows);
  }
  job->p->mask = NULL;
  progress_clear();
}

void score_predictor(data *d, predictor *p, int64_t batch, const candidates *pool, int keep,
                     score_result *out) {
  const lnsp_tensor *target = data_batch(d, "target");
  const int64_t width = target->dims[target->rank - 1];
  const int64_t each = tensor_elements(target) / target->dims[0];
  score_job job = {d, p, pool, out, NULL, keep, 0};
  lnsp_error error;
  int64_t r;

  memset(out, 0, sizeof *out);
  out->score = (lnsp_score_info)LNSP_SCORE_INFO_INIT;
  out->retrieval = (lnsp_rank_info)LNSP_RANK_INFO_INIT;
  if (p->width && p->width != width && !p->session)
    refuse(
        "the baseline %s predicts vectors of width %lld, but the target has width %lld: name "
        "a target of the input's width",
        p->name, (long long)p->width, (long long)width);
  if (p->width && p->width != width)
    refuse("the model's '%s' has width %lld, but the target has width %lld: name a target of "
           "width %lld%s",
           p->output, (long long)p->width, (long long)width, (long long)p->width,
           args_knows(d->args, "--on") ? ", or another output with --on" : "");
  job.predictions = memory_new((keep ? d->rows : batch) * each, sizeof(float));
  if (pool) out->ranks = memory_new(d->rows, sizeof *out->ranks);
  score_rows(&job, batch);
  out->val_cosine /= (double)job.batches;
  if (pool) {
    out->ranked = 1;
    refuse_if(lnsp_metrics_summarize(out->ranks, out->rows, &out->retrieval, &error), NULL,
              &error);
    for (r = 0; r < out->rows; r++) {
      out->echo += (double)out->ranks[r].best_score;
      out->echo_pass += (double)out->ranks[r].best_score >= GATES_ECHO;
    }
    out->echo /= (double)out->rows;
    out->echo_pass /= (double)out->rows;
    gates_mini_end(&out->mini);
  }
  if (keep)
    out->predictions = job.predictions;
  else
    free(job.predictions);
}

void score_free(score_result *j) {
  free(j->ranks);
  free(j->predictions);
}
