/* `lnsp eval --triplets` and `--echo`: which of two vectors is nearer, and how near, for
 * the vectors as they are and for what models make of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/memory.h"
#include "cli/json.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "common/gates.h"
#include "data/data.h"

#include "eval/eval.h"
#include "score/predictor.h"
#include "lnsp.h"

/* ---- what a model makes of a batch ---- */

typedef struct pairs_made {
  const float *x;
  float *buffer;
  int64_t width;
} pairs_made;

/* p NULL: the vectors as they are. */
static void pairs_make(eval_job *job, predictor *p, const lnsp_tensor *in, int64_t first,
                       pairs_made *out) {
  lnsp_tensor made, input = *in;

  input.name = "input";
  out->x = in->data;
  out->width = in->dims[in->rank - 1];
  if (!p) return;
  out->width = p->width;
  if (!out->buffer) out->buffer = memory_new(job->batch * out->width, sizeof(float));
  out->x = out->buffer;
  made = lnsp_tensor_f32(p->output, out->buffer, 2, in->dims[0], out->width, 0);
  predictor_run(p, &input, &made, first);
}

static void pairs_open(eval_job *job, data *d, const data_spec *spec, const char *const *names,
                       int count) {
  int i;

  data_open(d, job->args, spec);
  for (i = 0; i < count; i++) data_need(d, names[i]);
  for (i = 0; i < d->count; i++)
    if (d->column[i].needed && d->column[i].rank == 3)
      refuse("tensor '%s' has sequences, but here a row is one vector: choose one column",
             d->column[i].tensor);
  if (job->batch > d->rows) job->batch = d->rows;
  data_reserve(d, job->batch);
  for (i = 0; i < job->count; i++) predictor_ready(job->args, &job->p[i], job->batch, 1, 0);
}

/* ---- triplets ---- */

#define TRIPLET_KINDS 16

static const char *const triplet_names[] = {"anchor", "positive", "negative"};

typedef struct triplet_score {
  int64_t right[TRIPLET_KINDS + 1], rows[TRIPLET_KINDS + 1]; /* the last: all */
} triplet_score;

/* kinds NULL: none. */
static void triplets_of(eval_job *job, data *d, predictor *p, const int32_t *kinds,
                        triplet_score *out) {
  pairs_made made[3];
  int64_t first, r;
  int i;

  memset(out, 0, sizeof *out);
  memset(made, 0, sizeof made);
  for (first = 0; first < d->rows; first += job->batch) {
    const int64_t count = d->rows - first < job->batch ? d->rows - first : job->batch;
    data_read(d, NULL, first, count);
    for (i = 0; i < 3; i++)
      pairs_make(job, p, data_batch(d, triplet_names[i]), first, &made[i]);
    for (r = 0; r < count; r++) {
      const int64_t at = r * made[0].width;
      const int right = lnsp_metrics_cosine(made[0].x + at, made[1].x + at, made[0].width, 0) >
                        lnsp_metrics_cosine(made[0].x + at, made[2].x + at, made[0].width, 0);
      const int kind = kinds ? kinds[first + r] : TRIPLET_KINDS;
      out->right[TRIPLET_KINDS] += right;
      out->rows[TRIPLET_KINDS]++;
      if (kind < TRIPLET_KINDS) {
        out->right[kind] += right;
        out->rows[kind]++;
      }
    }
  }
  for (i = 0; i < 3; i++) free(made[i].buffer);
}

static double triplets_share(const triplet_score *s, int kind) {
  return s->rows[kind] ? (double)s->right[kind] / (double)s->rows[kind] : 0;
}

static void triplets_report(const eval_job *job, const triplet_score *scores) {
  int i, k;

  report_start(job->args);
  report_integer("triplets", "triplets", scores[0].rows[TRIPLET_KINDS], "");
  json_open("results", '[');
  report_print("\nanchor nearer to the positive    %6s", "all");
  for (k = 0; k < TRIPLET_KINDS; k++)
    if (scores[0].rows[k]) report_print("  kind %-2d", k);
  report_print("\n");
  for (i = -1; i < job->count; i++) {
    const triplet_score *s = &scores[i + 1];
    const double all = triplets_share(s, TRIPLET_KINDS);
    char buffer[EVAL_NAME], key[16];

    json_open(NULL, '{');
    json_text("name", i < 0 ? "vectors" : job->p[i].name);
    if (i >= 0) json_text("output", job->p[i].output);
    json_real("accuracy", all);
    report_print("%-32s %6.4f",
                 i < 0 ? "the vectors as they are" : eval_name(&job->p[i], 32, buffer), all);
    for (k = 0; k < TRIPLET_KINDS; k++) {
      if (!s->rows[k]) continue;
      snprintf(key, sizeof key, "kind_%d", k);
      json_real(key, triplets_share(s, k));
      report_print("  %6.4f", triplets_share(s, k));
    }
    json_close('}');
    report_print("\n");
  }
  json_close(']');
  report_end();
}

void eval_triplets(eval_job *job) {
  triplet_score scores[EVAL_MOST + 1];
  data_spec spec = job->spec;
  const char *text = args_value(job->args, "--kinds");
  const row_index *kinds = NULL;
  int64_t r;
  data d;
  int i;

  if (!spec.input)
    refuse_usage("--triplets names rows of --input: give --input FILE:TENSOR, the vectors");
  spec.rows = args_value(job->args, "--triplets");
  spec.target_rows = NULL;
  spec.target = NULL;
  pairs_open(job, &d, &spec, triplet_names, 3);
  if (text) kinds = row_index_load(&d, "--kinds", text);
  if (kinds && (kinds->columns != 1 || kinds->count != d.rows))
    refuse("--kinds has %lld numbers for %lld triplets: give one for each",
           (long long)(kinds->count * kinds->columns), (long long)d.rows);
  for (r = 0; kinds && r < d.rows; r++)
    if (kinds->row[r] < 0 || kinds->row[r] >= TRIPLET_KINDS)
      refuse("--kinds has a %ld: number the kinds from 0 to %d", (long)kinds->row[r],
             TRIPLET_KINDS - 1);
  for (i = -1; i < job->count; i++)
    triplets_of(job, &d, i < 0 ? NULL : &job->p[i], kinds ? kinds->row : NULL, &scores[i + 1]);
  data_close(&d);
  triplets_report(job, scores);
}

/* ---- echo ---- */

/* Mean cosine of concept and other vector, and the share that keeps to the bound. */
typedef struct echo_score {
  int there;
  double mean, share;
  int64_t rows;
} echo_score;

enum { ECHO_PROBE, ECHO_SOFT, ECHO_HARD, ECHO_COUNT };

static void echo_of(eval_job *job, predictor *p, const data_spec *spec, int what,
                    echo_score *out) {
  static const char *const names[] = {"input", "target"};
  pairs_made made[2];
  int64_t first, r;
  data d;
  int i;

  pairs_open(job, &d, spec, names, 2);
  memset(made, 0, sizeof made);
  for (first = 0; first < d.rows; first += job->batch) {
    const int64_t count = d.rows - first < job->batch ? d.rows - first : job->batch;
    data_read(&d, NULL, first, count);
    for (i = 0; i < 2; i++) pairs_make(job, p, data_batch(&d, names[i]), first, &made[i]);
    if (made[0].width != made[1].width)
      refuse("the vectors have the widths %lld and %lld: give vectors of one width to compare",
             (long long)made[0].width, (long long)made[1].width);
    for (r = 0; r < count; r++) {
      const double c = lnsp_metrics_cosine(made[0].x + r * made[0].width,
                                           made[1].x + r * made[0].width, made[0].width, 0);
      out->mean += c;
      out->share += (what == ECHO_PROBE  ? c >= GATES_ECHO
                     : what == ECHO_SOFT ? c < GATES_SOFT
                                         : c < GATES_HARD);
    }
  }
  out->there = 1;
  out->rows = d.rows;
  out->mean /= (double)d.rows;
  out->share /= (double)d.rows;
  for (i = 0; i < 2; i++) free(made[i].buffer);
  data_close(&d);
}

static void echo_report(const eval_job *job, const echo_score (*scores)[ECHO_COUNT]) {
  static const char *const keys[] = {"echo", "soft", "hard"};
  static const char *const labels[] = {"probe", "soft negative", "hard negative"};
  static const char *const bounds[] = {"at least .82", "below .65", "below .30"};
  char key[24];
  int i, k;

  report_start(job->args);
  report_integer("rows", "rows", scores[0][ECHO_PROBE].rows, "");
  json_open("results", '[');
  for (i = -1; i < job->count; i++) {
    const echo_score *s = scores[i + 1];
    const char *verdict = s[ECHO_PROBE].mean >= GATES_ECHO ? "PASS" : "FAIL";

    json_open(NULL, '{');
    json_text("name", i < 0 ? "vectors" : job->p[i].name);
    report_print("\n%s\n", i < 0 ? "the vectors as they are" : job->p[i].name);
    for (k = 0; k < ECHO_COUNT; k++) {
      if (!s[k].there) continue;
      snprintf(key, sizeof key, "%s_pass", keys[k]);
      json_real(keys[k], s[k].mean);
      json_real(key, s[k].share);
      report_print("  %-14s   mean cosine %.4f, %s: %.4f of %lld\n", labels[k], s[k].mean,
                   bounds[k], s[k].share, (long long)s[k].rows);
    }
    json_text("verdict", verdict);
    json_close('}');
    report_print("  echo score       %s\n", verdict);
  }
  json_close(']');
  report_end();
}

void eval_echo(eval_job *job) {
  static const char *const names[] = {NULL, "--soft", "--hard"};
  static const char *const rows[] = {NULL, "--soft-rows", "--hard-rows"};
  echo_score scores[EVAL_MOST + 1][ECHO_COUNT];
  int i, k;

  memset(scores, 0, sizeof scores);
  for (i = -1; i < job->count; i++)
    for (k = 0; k < ECHO_COUNT; k++) {
      data_spec spec = job->spec;
      if (k && !args_given(job->args, names[k]) && !args_given(job->args, rows[k])) continue;
      if (k && spec.path)
        refuse_usage("%s needs --input: give it instead of a DATA file", names[k]);
      if (k) {
        spec.target = args_value(job->args, names[k]);
        spec.target_rows = args_value(job->args, rows[k]);
      }
      echo_of(job, i < 0 ? NULL : &job->p[i], &spec, k, &scores[i + 1][k]);
    }
  echo_report(job, scores);
}
