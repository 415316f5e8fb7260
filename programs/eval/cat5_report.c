/* The report of `lnsp eval --5cat`: each test with its gate, the table of gates, JSON, and
 * the curves. */
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/json.h"
#include "cli/report.h"
#include "eval/cat5_run.h"
#include "eval/eval.h"
#include "eval/svg.h"
#include "common/cat5.h"

static const char *cat5_word(int passed) { return passed ? "PASS" : "FAIL"; }

static int cat5_passed(const cat5_job *f, int i, int s, int gate) {
  const cat5_result *other = f->set_count == 2 ? &f->set[1 - s].result[i] : NULL;
  return cat5_gate(gate, &f->set[s].result[i], other, s);
}

/* -1: cannot be told without the second set */
static int cat5_verdict(const cat5_job *f, int i) {
  int s, gate, passed = 1;
  for (s = 0; s < f->set_count; s++)
    for (gate = 0; gate < CAT5_GATES; gate++)
      if (gate != CAT5_E || f->set_count == 2) passed &= cat5_passed(f, i, s, gate);
  return !passed ? 0 : f->set_count == 2 ? 1 : -1;
}

static void cat5_text(const cat5_job *f, int i, int s) {
  const cat5_result *r = &f->set[s].result[i];
  const cat5_limits *l = &cat5_limit[s];
  int k;

  printf("\n%s on %s, cosine with the target %.4f\n", f->job->p[i].name, f->set[s].name,
         r->cosine);
  printf("  A offset sweep    k = -3 .. 3 ");
  for (k = 0; k < CAT5_OFFSETS; k++) printf(" %.4f", r->offset[k]);
  printf("  margin %+.4f\n                    %s: k = 1 from %.2f, margin from %.2f; "
         "%lld samples, "
         "%lld skipped\n",
         r->margin, cat5_word(cat5_passed(f, i, s, CAT5_A)), l->offset, l->margin,
         (long long)r->offset_rows, (long long)r->offset_skipped);
  printf("  B within article  R@1 %.4f  R@5 %.4f  MRR %.4f\n"
         "                    %s: from %.2f, %.2f, %.2f; "
         "%lld samples, %lld skipped\n",
         r->hit1, r->hit5, r->mrr, cat5_word(cat5_passed(f, i, s, CAT5_B)), l->hit1, l->hit5,
         l->mrr, (long long)r->article_rows, (long long)r->article_skipped);
  printf("  C ablations      ");
  for (k = 0; k < CAT5_ABLATIONS; k++)
    printf(" %s %+.4f ", cat5_ablation_names[k], r->ablation[k]);
  printf("\n                    %s: up to", cat5_word(cat5_passed(f, i, s, CAT5_C)));
  for (k = 0; k < CAT5_ABLATIONS; k++) printf(" %+.2f", cat5_ablation_limit[k]);
  printf("; %lld samples\n", (long long)r->rows);
  printf("  D rollout         %.4f:", r->rollout);
  for (k = 0; k < f->setting.horizon; k++) printf(" %.4f", r->step[k]);
  printf("\n                    %s: from %.2f; %lld samples, %lld skipped\n",
         cat5_word(cat5_passed(f, i, s, CAT5_D)), l->rollout, (long long)r->rollout_rows,
         (long long)r->rollout_skipped);
  printf("  E coherence       low (< .45) %.4f of %lld, normal (.45 to .55) %.4f of %lld\n",
         r->low, (long long)r->low_rows, r->normal, (long long)r->normal_rows);
}

static void cat5_list(const char *key, const double *values, int64_t count) {
  int64_t k;
  json_open(key, '[');
  for (k = 0; k < count; k++) json_real(NULL, values[k]);
  json_close(']');
}

static void cat5_json(const cat5_job *f, int i, int s) {
  const cat5_result *r = &f->set[s].result[i];
  int k;

  json_open(f->set[s].name, '{');
  json_real("cosine", r->cosine);
  json_integer("windows", r->rows);
  json_integer("without_article", r->without_article);
  cat5_list("offset", r->offset, CAT5_OFFSETS);
  json_real("margin", r->margin);
  json_integer("offset_samples", r->offset_rows);
  json_integer("offset_skipped", r->offset_skipped);
  json_real("r_at_1", r->hit1);
  json_real("r_at_5", r->hit5);
  json_real("mrr", r->mrr);
  json_integer("article_samples", r->article_rows);
  json_integer("article_skipped", r->article_skipped);
  for (k = 0; k < CAT5_ABLATIONS; k++) json_real(cat5_ablation_names[k], r->ablation[k]);
  json_real("rollout", r->rollout);
  cat5_list("rollout_steps", r->step, f->setting.horizon);
  json_integer("rollout_samples", r->rollout_rows);
  json_integer("rollout_skipped", r->rollout_skipped);
  json_real("low_mean", r->low);
  json_integer("low_samples", r->low_rows);
  json_real("normal_mean", r->normal);
  json_integer("normal_samples", r->normal_rows);
  json_open("gates", '{');
  for (k = 0; k < CAT5_GATES; k++)
    json_text(cat5_gate_names[k],
              k == CAT5_E && f->set_count == 1 ? NULL : cat5_word(cat5_passed(f, i, s, k)));
  json_close('}');
  json_close('}');
}

void cat5_report(const cat5_job *f) {
  char name[EVAL_NAME];
  int i, s, gate, verdict;

  report_start(f->job->args);
  json_text("base", f->setting.target_base ? "target" : "last_context");
  report_line(
      "base", "%s",
      f->setting.target_base
          ? "target: offsets count from the target itself, as in the original; k = 0 is "
            "the target"
          : "last_context: offsets count from the last of the context; k = 1 is the "
            "target");
  for (s = 0; s < f->set_count; s++)
    report_integer(s ? "ood_windows" : "windows", s ? "OOD windows" : "VAL windows",
                   f->set[s].rows, "");
  report_integer("concepts", "concepts", f->setting.concepts, "");
  report_integer("horizon", "horizon", f->setting.horizon, "");
  json_open("results", '[');
  for (i = 0; i < f->job->count; i++) {
    json_open(NULL, '{');
    json_text("name", f->job->p[i].name);
    for (s = 0; s < f->set_count; s++)
      if (json_wanted())
        cat5_json(f, i, s);
      else
        cat5_text(f, i, s);
    verdict = cat5_verdict(f, i);
    json_text("passed", verdict < 0 ? NULL : verdict ? "yes" : "no");
    json_close('}');
  }
  json_close(']');
  /* A line a predictor and set. */
  report_print("\n%-32s", "gates");
  for (gate = 0; gate < CAT5_GATES; gate++) report_print(" %c   ", 'A' + gate);
  report_print(" result\n");
  for (i = 0; i < f->job->count; i++)
    for (s = 0; s < f->set_count; s++) {
      verdict = cat5_verdict(f, i);
      report_print("%-26s %-5s", eval_name(&f->job->p[i], 26, name), f->set[s].name);
      for (gate = 0; gate < CAT5_GATES; gate++)
        report_print(" %s", gate == CAT5_E && f->set_count == 1
                                ? "-   "
                                : cat5_word(cat5_passed(f, i, s, gate)));
      report_print("  %s\n", s + 1 < f->set_count ? ""
                             : verdict < 0        ? "PASS, without a second set"
                                                  : cat5_word(verdict));
    }
  report_end();
}

void cat5_svg(const cat5_job *f, const char *path) {
  static const double ks[CAT5_OFFSETS] = {-3, -2, -1, 0, 1, 2, 3};
  double hs[CAT5_STEPS];
  char names[SVG_LINES][EVAL_NAME + 8], name[EVAL_NAME];
  svg_chart charts[2];
  int i, s, h;

  memset(charts, 0, sizeof charts);
  for (h = 0; h < CAT5_STEPS; h++) hs[h] = h + 1;
  charts[0].title = f->setting.target_base ? "A: cosine with the concept k after the target"
                                           : "A: cosine with the concept k after the last one";
  charts[0].x_label = f->setting.target_base ? "k (0: the target)" : "k (1: the target)";
  charts[1].title = "D: cosine with the next concepts, each prediction fed back";
  charts[1].x_label = "steps";
  charts[0].y_label = charts[1].y_label = "mean cosine";
  for (i = 0; i < f->job->count; i++)
    for (s = 0; s < f->set_count && charts[0].line_count < SVG_LINES; s++) {
      const int at = charts[0].line_count++;
      const svg_line a = {names[at], ks, f->set[s].result[i].offset, CAT5_OFFSETS};
      const svg_line d = {names[at], hs, f->set[s].result[i].step, (int)f->setting.horizon};
      snprintf(names[at], sizeof names[at], "%s%s%s", eval_name(&f->job->p[i], 18, name),
               f->set_count > 1 ? " " : "", f->set_count > 1 ? f->set[s].name : "");
      charts[0].line[at] = a;
      charts[1].line[charts[1].line_count++] = d;
    }
  svg_write(path, charts, 2);
}
