/* `lnsp eval`: the table of predictors, the same as JSON, and the curve of recall. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/format.h"
#include "cli/json.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "common/gates.h"
#include "eval/eval.h"
#include "eval/svg.h"
#include "score/predictor.h"
#include "score/score.h"

/* Of a long path the end says more, of a baseline's name the begin. */
const char *eval_name(const predictor *p, int width, char buffer[EVAL_NAME]) {
  const size_t length = strlen(p->name);
  if (length <= (size_t)width) return p->name;
  snprintf(buffer, EVAL_NAME, "%s%.*s%s", p->model ? ".." : "", width - 2,
           p->name + (p->model ? length - (size_t)width + 2 : 0), p->model ? "" : "..");
  return buffer;
}

static void table_facts(const eval_job *job, const report *r) {
  const score_result *first = &job->j[0];
  char text[96], number[FORMAT_NUMBER_BYTES];

  report_integer(r, "rows", "rows", first->rows, "");
  report_integer(r, "vectors", "vectors", first->score.count, "");
  if (r->json || (job->count == 1 && !job->ranked)) {
    report_real(r, "cosine", "mean cosine", first->score.cosine, "6");
    report_real(r, "mse", "mse", first->score.mse, "6");
    if (!r->json && args_value(job->args, "--val-cosine"))
      report_real(r, "val_cosine", "val cosine", first->val_cosine, "6");
  }
  if (r->json)
    json_integer("val_batch", job->batch);
  else if (args_value(job->args, "--val-cosine"))
    printf("val                is the mean of the means of batches of %lld, 1e-8 added to "
           "lengths\n",
           (long long)job->batch);
  if (!job->ranked) return;
  if (r->json) {
    json_integer("pool", job->pool_count);
    json_text("own_context", job->keep_context ? "kept" : "left out");
    json_real("echo_weight", job->echo_weight);
    return;
  }
  snprintf(text, sizeof text, "%s distinct concepts, the query's own context %s",
           format_number(job->pool_count, number), job->keep_context ? "kept" : "left out");
  report_text(r, "pool", "pool", text);
}

void eval_report_table(const eval_job *job, const report *r) {
  int i;

  table_facts(job, r);
  if (r->json) {
    json_open("results", '[');
    for (i = 0; i < job->count; i++) {
      const lnsp_rank_info *found = &job->j[i].retrieval;

      json_open(NULL, '{');
      json_text("name", job->p[i].name);
      json_real("cosine", job->j[i].score.cosine);
      json_real("val_cosine", job->j[i].val_cosine);
      json_real("mse", job->j[i].score.mse);
      if (job->j[i].ranked) {
        json_real("r_at_1", found->recall_1);
        json_real("r_at_5", found->recall_5);
        json_real("r_at_10", found->recall_10);
        json_real("mrr", found->mrr);
        json_real("mrr_at_10", found->mrr_10);
        json_real("median_rank", found->median);
        json_real("echo", job->j[i].echo);
        json_real("echo_pass", job->j[i].echo_pass);
        json_real("scalar_mrr", gates_scalar_mrr(found->mrr, job->j[i].echo, job->echo_weight));
        json_real("scalar_recall",
                  gates_scalar_recall(found->recall_5, job->j[i].echo, job->echo_weight));
      }
      json_close('}');
    }
    json_close(']');
  } else if (job->count > 1 || job->ranked) {
    const int val = args_given(job->args, "--val-cosine");
    char name[EVAL_NAME];
    int k, width = 12;

    for (k = 0; k < job->count; k++)
      if ((int)strlen(job->p[k].name) > width) width = (int)strlen(job->p[k].name);
    if (width > 40) width = 40;
    printf("\n%-*s  cosine%s       mse", width, "", val ? "     val" : "");
    printf("%s",
           job->ranked ? "     R@1     R@5    R@10     MRR  median    echo  scalar\n" : "\n");
    for (k = 0; k < job->count; k++) {
      const score_result *j = &job->j[k];
      const lnsp_rank_info *found = &j->retrieval;
      printf("%-*s  %6.4f", width, eval_name(&job->p[k], width, name), j->score.cosine);
      if (val) printf("  %6.4f", j->val_cosine);
      printf("  %8.3g", j->score.mse);
      if (j->ranked)
        printf("  %6.4f  %6.4f  %6.4f  %6.4f  %6.0f  %6.4f  %6.3f", found->recall_1,
               found->recall_5, found->recall_10, found->mrr, found->median, j->echo,
               gates_scalar_mrr(found->mrr, j->echo, job->echo_weight));
      printf("\n");
    }
  }
}

int eval_recall_svg(const eval_job *job, const char *path) {
  enum { MOST = 100 };
  static const double ks[] = {1, 2, 3, 4, 5, 7, 10, 14, 20, 30, 50, 70, MOST};
  enum { COUNT = sizeof ks / sizeof ks[0] };
  double y[EVAL_MOST][COUNT];
  char names[EVAL_MOST][EVAL_NAME], title[96], number[FORMAT_NUMBER_BYTES];
  svg_chart chart;
  int i, k;

  if (!job->ranked)
    return refuse(job->args, "--svg draws recall against k, and there are no ranks here: give "
                             "a target other than the input");
  memset(&chart, 0, sizeof chart);
  snprintf(title, sizeof title, "Share of targets among the first k of %s concepts",
           format_number(job->pool_count, number));
  chart.title = title;
  chart.x_label = "k";
  chart.y_label = "R@k";
  chart.log_x = 1;
  for (i = 0; i < job->count; i++) {
    svg_line *line = &chart.line[chart.line_count++];
    line->name = eval_name(&job->p[i], 24, names[i]);
    line->x = ks;
    line->y = y[i];
    line->count = COUNT;
    for (k = 0; k < COUNT; k++)
      y[i][k] = lnsp_metrics_recall(job->j[i].ranks, job->j[i].rows, (int64_t)ks[k]);
  }
  return svg_write(job->args, path, &chart, 1);
}
