/* `lnsp eval`: the table of predictors, the same as JSON, and the curve of recall. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
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

static void table_facts(const eval_job *job) {
  const score_result *first = &job->j[0];
  const int alone = job->count == 1 && !job->ranked,
            val = args_given(job->args, "--val-cosine");
  char number[FORMAT_NUMBER_BYTES];

  report_integer("rows", "rows", first->rows, "");
  report_integer("vectors", "vectors", first->score.count, "");
  json_real("cosine", first->score.cosine);
  json_real("mse", first->score.mse);
  json_integer("val_batch", job->batch);
  if (alone) {
    report_line("mean cosine", "%.6g", first->score.cosine);
    report_line("mse", "%.6g", first->score.mse);
    if (val) report_line("val cosine", "%.6g", first->val_cosine);
  }
  if (val)
    report_line("val", "is the mean of the means of batches of %lld, 1e-8 added to lengths",
                (long long)job->batch);
  if (!job->ranked) return;
  json_integer("pool", job->pool_count);
  json_text("own_context", job->keep_context ? "kept" : "left out");
  json_real("echo_weight", job->echo_weight);
  report_line("pool", "%s distinct concepts, the query's own context %s",
              format_number(job->pool_count, number), job->keep_context ? "kept" : "left out");
}

/* One predictor for both readers; width: of its name, 0: no table for people. */
static void table_row(const eval_job *job, int i, int width) {
  const score_result *j = &job->j[i];
  const lnsp_rank_info *found = &j->retrieval;
  const double scalar = gates_scalar_mrr(found->mrr, j->echo, job->echo_weight);
  char name[EVAL_NAME];

  json_open(NULL, '{');
  json_text("name", job->p[i].name);
  json_real("cosine", j->score.cosine);
  json_real("val_cosine", j->val_cosine);
  json_real("mse", j->score.mse);
  if (j->ranked) {
    json_real("r_at_1", found->recall_1);
    json_real("r_at_5", found->recall_5);
    json_real("r_at_10", found->recall_10);
    json_real("mrr", found->mrr);
    json_real("mrr_at_10", found->mrr_10);
    json_real("median_rank", found->median);
    json_real("echo", j->echo);
    json_real("echo_pass", j->echo_pass);
    json_real("scalar_mrr", scalar);
    json_real("scalar_recall", gates_scalar_recall(found->recall_5, j->echo, job->echo_weight));
  }
  json_close('}');
  if (!width) return;
  report_print("%-*s  %6.4f", width, eval_name(&job->p[i], width, name), j->score.cosine);
  if (args_given(job->args, "--val-cosine")) report_print("  %6.4f", j->val_cosine);
  report_print("  %8.3g", j->score.mse);
  if (j->ranked)
    report_print("  %6.4f  %6.4f  %6.4f  %6.4f  %6.0f  %6.4f  %6.3f", found->recall_1,
                 found->recall_5, found->recall_10, found->mrr, found->median, j->echo, scalar);
  report_print("\n");
}

void eval_report_table(const eval_job *job) {
  int i, width = 12;

  table_facts(job);
  for (i = 0; i < job->count; i++)
    if ((int)strlen(job->p[i].name) > width) width = (int)strlen(job->p[i].name);
  if (width > 40) width = 40;
  if (job->count == 1 && !job->ranked) width = 0;
  if (width)
    report_print("\n%-*s  cosine%s       mse%s\n", width, "",
                 args_given(job->args, "--val-cosine") ? "     val" : "",
                 job->ranked ? "     R@1     R@5    R@10     MRR  median    echo  scalar" : "");
  json_open("results", '[');
  for (i = 0; i < job->count; i++) table_row(job, i, width);
  json_close(']');
}

void eval_recall_svg(const eval_job *job, const char *path) {
  enum { MOST = 100 };
  static const double ks[] = {1, 2, 3, 4, 5, 7, 10, 14, 20, 30, 50, 70, MOST};
  enum { COUNT = sizeof ks / sizeof ks[0] };
  double y[EVAL_MOST][COUNT];
  char names[EVAL_MOST][EVAL_NAME], title[96], number[FORMAT_NUMBER_BYTES];
  svg_chart chart;
  int i, k;

  if (!job->ranked)
    refuse("--svg draws recall against k, but nothing is ranked here: give a target other than "
           "the input");
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
  svg_write(path, &chart, 1);
}
