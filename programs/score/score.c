/* How well predictions do: cosine, squared error, ranks in the pool of targets. */
#include "score/score.h"

#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
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
static int score_rank_batch(score_job *job, int64_t first, lnsp_tensor *output) {
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
    if (lnsp_metrics_rank(output, &among, pool->truth + first, pool->without ? &without : NULL,
                          NULL, job->out->ranks + first, &error))
      return refuse_error(job->d->args, NULL, &error);
  }
  if (pool && input->dtype == LNSP_F32 && input->dims[input->rank - 1] == width)
    for (r = 0; r < count; r++)
      gates_mini_add(&job->out->mini, (const float *)input->data + r * concepts * width,
                     concepts, (const float *)output->data + r * width,
                     (const float *)target->data + r * width, width);
  return 0;
}

static int score_rows(score_job *job, int64_t batch, progress *show) {
  const data *d = job->d;
  const lnsp_tensor *target = data_batch(d, "target");
  const int64_t each = tensor_elements(target) / target->dims[0];
  lnsp_tensor output = *target;
  lnsp_error error;
  int64_t first;
  int status = 0;

  job->p->mask = data_batch(d, "mask");
  for (first = 0; first < d->rows && !status; first += batch) {
    const int64_t count = d->rows - first < batch ? d->rows - first : batch;
    status = data_read(job->d, NULL, first, count);
    output.dims[0] = count;
    output.data = job->predictions + (job->keep ? first * each : 0);
    if (!status)
      status = predictor_run(d->args, job->p, data_batch(d, data_input(d)), &output, first);
    if (status) goto done;
    /* The sums of a batch; the mean of the batches' means ends in score_predictor. */
    const int64_t width = target->dims[target->rank - 1], vectors = tensor_rows(target);
    const float *p = output.data, *t = target->data;
    double with = 0;
    int64_t r;

    if (lnsp_metrics_score(&output, target, &job->out->score, &error)) {
      status = refuse(job->d->args,
                      "tensor target has a NaN or infinity in rows %lld to %lld; "
                      "leave them out",
                      (long long)first, (long long)(first + target->dims[0] - 1));
      goto done;
    }
    for (r = 0; r < vectors; r++)
      with += lnsp_metrics_cosine(p + r * width, t + r * width, width, 1e-8);
    job->out->rows += target->dims[0];
    job->out->val_cosine += with / (double)vectors;
    job->batches++;
    if (job->pool || job->keep) status = score_rank_batch(job, first, &output);
    if (show && progress_due(show))
      progress_show(show, "%lld of %lld rows", (long long)(first + count), (long long)d->rows);
  }
done:
  job->p->mask = NULL;
  if (show) progress_clear(show);
  return status;
}

int score_predictor(data *d, predictor *p, int64_t batch, const candidates *pool, int keep,
                    progress *show, score_result *out) {
  const lnsp_tensor *target = data_batch(d, "target");
  const int64_t width = target->dims[target->rank - 1];
  const int64_t each = tensor_elements(target) / target->dims[0];
  score_job job;
  lnsp_error error;
  int status = 0;

  memset(out, 0, sizeof *out);
  out->score.struct_size = sizeof out->score;
  memset(&job, 0, sizeof job);
  job.d = d;
  job.p = p;
  job.pool = pool;
  job.out = out;
  job.keep = keep;
  if (p->width && p->width != width && !p->session)
    return refuse(d->args,
                  "the baseline %s predicts vectors of %lld numbers, and the target has "
                  "%lld",
                  p->name, (long long)p->width, (long long)width);
  if (p->width && p->width != width)
    return refuse(d->args,
                  "tensor target does not fit the model: 'output' is %lld wide, and "
                  "the target %lld",
                  (long long)p->width, (long long)width);
  job.predictions = malloc((size_t)((keep ? d->rows : batch) * each) * sizeof(float));
  out->ranks = pool ? malloc((size_t)d->rows * sizeof *out->ranks) : NULL;
  if (!job.predictions || (pool && !out->ranks)) status = refuse_memory(d->args);
  if (!status) status = score_rows(&job, batch, show);
  if (!status) {
    int64_t r;

    out->val_cosine /= (double)job.batches;
    if (job.pool) {
      out->ranked = 1;
      out->retrieval.struct_size = sizeof out->retrieval;
      if (lnsp_metrics_summarize(out->ranks, out->rows, &out->retrieval, &error))
        status = refuse_error(d->args, NULL, &error);
      for (r = 0; r < out->rows; r++) {
        out->echo += (double)out->ranks[r].best_score;
        out->echo_pass += (double)out->ranks[r].best_score >= GATES_ECHO;
      }
      out->echo /= (double)out->rows;
      out->echo_pass /= (double)out->rows;
      gates_mini_end(&out->mini);
    }
  }
  out->predictions = job.predictions;
  if (!keep) {
    free(out->predictions);
    out->predictions = NULL;
  }
  if (status) score_free(out);
  return status;
}

void score_free(score_result *j) {
  free(j->ranks);
  free(j->predictions);
  j->ranks = NULL;
  j->predictions = NULL;
}
