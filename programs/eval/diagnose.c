/* `lnsp eval --diagnose`: which way the data run, whether predictions copy the last
 * concept, whether they collapse, whether the pool has others as good as the target. */
#include <stdlib.h>
#include <string.h>

#include "cli/memory.h"
#include "cli/json.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "common/gates.h"
#include "data/data.h"
#include "eval/eval.h"
#include "score/score.h"
#include "lnsp.h"

#define DIAGNOSE_ROWS 2048 /* most rows whose pairs are compared */

void eval_direction_of(data *d, int64_t batch, eval_direction *out) {
  const lnsp_tensor *input = data_batch(d, data_input(d)), *target = data_batch(d, "target");
  const int64_t width = target->dims[target->rank - 1];
  int64_t first, r, c;

  memset(out, 0, sizeof *out);
  out->concepts = input->rank == 3 ? input->dims[1] : 1;
  if (input->dtype != LNSP_F32 || input->dims[input->rank - 1] != width || target->rank != 2)
    refuse("--diagnose needs contexts and one target a row, all of one width: leave it out for "
           "other data");
  if (data_batch(d, "mask")) refuse("--diagnose cannot handle a mask: leave it out");
  out->near = memory_new(out->concepts, sizeof *out->near);
  for (first = 0; first < d->rows; first += batch) {
    const int64_t count = d->rows - first < batch ? d->rows - first : batch;
    data_read(d, NULL, first, count);
    for (r = 0; r < count; r++) {
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
}

static void diagnose_data(const eval_direction *e) {
  const double delta = e->near[e->concepts - 1] - e->near[0];
  int64_t c;

  json_open("direction", '{');
  json_real("delta", delta);
  json_text("gate", gates_direction(delta));
  json_real("coherence", e->coherence);
  report_print("\ndata direction     %+.4f, %s (excellent from .10, good .05, marginal .02)\n",
               delta, gates_direction(delta));
  report_print("place -> target   ");
  json_open("cosine_with_target", '[');
  for (c = 0; c < e->concepts; c++) {
    json_real(NULL, e->near[c]);
    report_print(" %.4f", e->near[c]);
  }
  json_close(']');
  json_close('}');
  report_print("\ncoherence          %.4f, mean cosine of neighbours in the context\n",
               e->coherence);
}

/* Of evenly spaced predictions where there are many. */
static lnsp_collapse_info diagnose_collapse(const score_result *j, int64_t width) {
  const int64_t rows = j->score.count < DIAGNOSE_ROWS ? j->score.count : DIAGNOSE_ROWS;
  lnsp_collapse_info out = LNSP_COLLAPSE_INFO_INIT;
  float *x = memory_new(rows * width, sizeof *x);
  const lnsp_tensor vectors = lnsp_tensor_f32("predictions", x, 2, rows, width, 0);
  lnsp_error error;
  int64_t k;

  out.collapsed = 1; /* a single row points one way */
  for (k = 0; k < rows; k++)
    memcpy(x + k * width, j->predictions + k * j->score.count / rows * width,
           (size_t)width * sizeof *x);
  if (rows > 1) refuse_if(lnsp_metrics_collapse(&vectors, NULL, &out, &error), NULL, &error);
  free(x);
  return out;
}

static const char *diagnose_word(int passed) { return passed ? "PASS" : "FAIL"; }

void eval_report_diagnosis(const eval_job *job, const eval_direction *e) {
  int i;

  diagnose_data(e);
  json_open("diagnosis", '[');
  for (i = 0; i < job->count; i++) {
    const score_result *j = &job->j[i];
    const lnsp_collapse_info c = diagnose_collapse(j, job->p[i].width);
    const char *margin = diagnose_word(j->mini.margin >= .02);
    const char *hit5 = diagnose_word(j->mini.hit5 >= .60);

    json_open(NULL, '{');
    json_text("name", job->p[i].name);
    json_real("margin", j->mini.margin);
    json_text("margin_gate", margin);
    json_real("r_at_5_of_context", j->mini.hit5);
    json_text("r_at_5_gate", hit5);
    json_real("median_cosine", c.median_cosine);
    json_real("variance", c.variance);
    json_text("collapsed", c.collapsed ? "yes" : "no");
    json_real("oracle_at_1", j->retrieval.alike_1);
    json_real("oracle_at_5", j->retrieval.alike_5);
    json_real("oracle_at_10", j->retrieval.alike_10);
    json_close('}');
    report_print("\n%s\n", job->p[i].name);
    report_print(
        "  margin           %+.4f  %s (mini-5CAT: cosine with the target less that with "
        "the last, .02)\n",
        j->mini.margin, margin);
    report_print("  R@5 of context   %.4f   %s (among context and target, ties against, .60)\n",
                 j->mini.hit5, hit5);
    report_print(
        "  collapse         %s (median cosine of pairs %.4f, bound .95; variance %.4f, "
        "bound .15)\n",
        c.collapsed ? "yes" : "no", c.median_cosine, c.variance);
    report_print("  oracle recall    %.4f  %.4f  %.4f among 1, 5, 10 (one with a cosine above "
                 ".95 to the target)\n",
                 j->retrieval.alike_1, j->retrieval.alike_5, j->retrieval.alike_10);
  }
  json_close(']');
}
