/* `lnsp eval --diagnose`: which way the data run, whether predictions copy the last
 * concept, whether they collapse, whether the pool has others as good as the target. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/json.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "common/gates.h"
#include "data/data.h"
#include "eval/eval.h"
#include "score/predictor.h"
#include "score/score.h"
#include "lnsp.h"

#define DIAGNOSE_ROWS 2048 /* most rows whose pairs are compared */

int eval_direction_of(data *d, int64_t batch, eval_direction *out) {
  const lnsp_tensor *input = data_batch(d, data_input(d)), *target = data_batch(d, "target");
  const int64_t width = target->dims[target->rank - 1];
  int64_t first, r, c;
  int status = 0;

  memset(out, 0, sizeof *out);
  out->concepts = input->rank == 3 ? input->dims[1] : 1;
  if (input->dtype != LNSP_F32 || input->dims[input->rank - 1] != width || target->rank != 2)
    return refuse(d->args, "--diagnose needs contexts and one target a row of the same width");
  if (data_batch(d, "mask"))
    return refuse(d->args, "--diagnose has no rule for masks; leave it out");
  out->near = calloc((size_t)out->concepts, sizeof *out->near);
  if (!out->near) return refuse_memory(d->args);
  for (first = 0; first < d->rows && !status; first += batch) {
    const int64_t count = d->rows - first < batch ? d->rows - first : batch;
    status = data_read(d, NULL, first, count);
    for (r = 0; r < count && !status; r++) {
      const float *x = (const float *)input->data + r * out->concepts * width;
      const float *t = (const float *)target->data + r * width;
      for (c = 0; c < out->concepts; c++) {
        out->near[c] += lnsp_metrics_cosine(x + c * width, t, width, 0);
        if (c)
          out->coherence += lnsp_metrics_cosine(x + (c - 1) * width, x + c * width, width, 0);
      }
    }
    out->rows += count;
  }
  for (c = 0; c < out->concepts; c++) out->near[c] /= (double)out->rows;
  if (out->concepts > 1) out->coherence /= (double)(out->rows * (out->concepts - 1));
  return status;
}

static void diagnose_data(const report *r, const eval_direction *e) {
  const double delta = e->near[e->concepts - 1] - e->near[0];
  int64_t c;

  if (r->json) {
    json_open("direction", '{');
    json_real("delta", delta);
    json_text("gate", gates_direction(delta));
    json_real("coherence", e->coherence);
    json_open("cosine_with_target", '[');
    for (c = 0; c < e->concepts; c++) json_real(NULL, e->near[c]);
    json_close(']');
    json_close('}');
    return;
  }
  printf("\ndata direction     %+.4f, %s (excellent from .10, good .05, marginal .02)\n", delta,
         gates_direction(delta));
  printf("place -> target   ");
  for (c = 0; c < e->concepts; c++) printf(" %.4f", e->near[c]);
  printf("\ncoherence          %.4f, mean cosine of neighbours in the context\n", e->coherence);
}

static const char *diagnose_word(int passed) { return passed ? "PASS" : "FAIL"; }

int eval_report_diagnosis(const eval_job *job, const report *r, const eval_direction *e) {
  lnsp_collapse_info c;
  int i, status = 0;

  diagnose_data(r, e);
  if (r->json) json_open("diagnosis", '[');
  for (i = 0; i < job->count && !status; i++) {
    const score_result *j = &job->j[i];
    /* Of evenly spaced predictions where there are many. */
    lnsp_collapse_info *out = &c;
    const int64_t width = job->p[i].width;
    const int64_t rows = j->score.count < DIAGNOSE_ROWS ? j->score.count : DIAGNOSE_ROWS;
    float *x = malloc((size_t)(rows * width) * sizeof *x);
    lnsp_tensor vectors;
    lnsp_error error;
    int64_t k;

    memset(out, 0, sizeof *out);
    out->struct_size = sizeof *out;
    out->collapsed = 1; /* a single row points one way */
    if (x && rows > 1) {
      for (k = 0; k < rows; k++)
        memcpy(x + k * width, j->predictions + k * j->score.count / rows * width,
               (size_t)width * sizeof *x);
      vectors = lnsp_tensor_f32("predictions", x, 2, rows, width, 0);
      if (lnsp_metrics_collapse(&vectors, NULL, out, &error))
        status = refuse_error(job->args, NULL, &error);
    }
    if (!x) status = refuse_memory(job->args);
    free(x);
    if (r->json) {
      json_open(NULL, '{');
      json_text("name", job->p[i].name);
      json_real("margin", j->mini.margin);
      json_text("margin_gate", diagnose_word(j->mini.margin >= .02));
      json_real("r_at_5_of_context", j->mini.hit5);
      json_text("r_at_5_gate", diagnose_word(j->mini.hit5 >= .60));
      json_real("median_cosine", c.median_cosine);
      json_real("variance", c.variance);
      json_text("collapsed", c.collapsed ? "yes" : "no");
      json_real("oracle_at_1", j->retrieval.alike_1);
      json_real("oracle_at_5", j->retrieval.alike_5);
      json_real("oracle_at_10", j->retrieval.alike_10);
      json_close('}');
      continue;
    }
    printf("\n%s\n", job->p[i].name);
    printf("  margin           %+.4f  %s (mini-5CAT: cosine with the target less that with "
           "the last, .02)\n",
           j->mini.margin, diagnose_word(j->mini.margin >= .02));
    printf("  R@5 of context   %.4f   %s (among context and target, ties against, .60)\n",
           j->mini.hit5, diagnose_word(j->mini.hit5 >= .60));
    printf("  collapse         %s (median cosine of pairs %.4f, bound .95; variance %.4f, "
           "bound .15)\n",
           c.collapsed ? "yes" : "no", c.median_cosine, c.variance);
    printf("  oracle recall    %.4f  %.4f  %.4f among 1, 5, 10 (one with a cosine above .95 "
           "to the target)\n",
           j->retrieval.alike_1, j->retrieval.alike_5, j->retrieval.alike_10);
  }
  if (r->json) json_close(']');
  return status;
}
