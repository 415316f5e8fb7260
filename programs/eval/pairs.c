/* `lnsp eval --triplets` and `--echo`: which of two vectors is nearer, and how near, for
 * the vectors as they are and for what models make of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/json.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "common/gates.h"
#include "data/data.h"
#include "data/row_index.h"
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
static int pairs_make(eval_job *job, predictor *p, const lnsp_tensor *in, int64_t first,
                      pairs_made *out) {
  lnsp_tensor made, input = *in;

  input.name = "input";
  out->x = in->data;
  out->width = in->dims[in->rank - 1];
  if (!p) return 0;
  out->width = p->width;
  if (!out->buffer) out->buffer = malloc((size_t)(job->batch * out->width) * sizeof(float));
  if (!out->buffer) return refuse_memory(job->args);
  out->x = out->buffer;
  made = lnsp_tensor_f32(p->output, out->buffer, 2, in->dims[0], out->width, 0);
  return predictor_run(job->args, p, &input, &made, first);
}

static int pairs_open(eval_job *job, data *d, const data_spec *spec, const char *const *names,
                      int count) {
  int i, status = data_open(d, job->args, spec);

  if (status) return status;
  for (i = 0; i < count && !status; i++) status = data_need(d, names[i]);
  for (i = 0; i < d->count && !status; i++)
    if (d->column[i].needed && d->column[i].rank == 3)
      status = refuse(job->args, "tensor %s has sequences, and here each row is one vector",
                      d->column[i].tensor);
  if (!status && job->batch > d->rows) job->batch = d->rows;
  if (!status) status = data_reserve(d, job->batch);
  for (i = 0; i < job->count && !status; i++)
    status = predictor_ready(job->args, &job->p[i], job->batch, 1, 0);
  if (status) data_close(d);
  return status;
}

/* ---- triplets ---- */

#define TRIPLET_KINDS 16

typedef struct triplet_score {
  int64_t right[TRIPLET_KINDS + 1], rows[TRIPLET_KINDS + 1]; /* the last: all */
} triplet_score;

/* kinds NULL: none. */
static int triplets_of(eval_job *job, data *d, predictor *p, const int32_t *kinds,
                       triplet_score *out) {
  static const char *const names[] = {"anchor", "positive", "negative"};
  pairs_made made[3];
  int64_t first, r;
  int i, status = 0;

  memset(out, 0, sizeof *out);
  memset(made, 0, sizeof made);
  for (first = 0; first < d->rows && !status; first += job->batch) {
    const int64_t count = d->rows - first < job->batch ? d->rows - first : job->batch;
    status = data_read(d, NULL, first, count);
    for (i = 0; i < 3 && !status; i++)
      status = pairs_make(job, p, data_batch(d, names[i]), first, &made[i]);
    for (r = 0; r < count && !status; r++) {
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
  return status;
}

static double triplets_share(const triplet_score *s, int kind) {
  return s->rows[kind] ? (double)s->right[kind] / (double)s->rows[kind] : 0;
}

static int triplets_report(const eval_job *job, const triplet_score *scores) {
  report r = report_start(job->args);
  int i, k;

  report_integer(&r, "triplets", "triplets", scores[0].rows[TRIPLET_KINDS], "");
  if (r.json) {
    json_open("results", '[');
  } else {
    printf("\nanchor nearer to the positive    %6s", "all");
    for (k = 0; k < TRIPLET_KINDS; k++)
      if (scores[0].rows[k]) printf("  kind %-2d", k);
    printf("\n");
  }
  for (i = -1; i < job->count; i++) {
    const triplet_score *s = &scores[i + 1];
    const char *name = i < 0 ? "the vectors as they are" : job->p[i].name;
    char buffer[EVAL_NAME], key[16];
    int j;

    if (r.json) {
      json_open(NULL, '{');
      json_text("name", i < 0 ? "vectors" : name);
      if (i >= 0) json_text("output", job->p[i].output);
      json_real("accuracy", triplets_share(s, TRIPLET_KINDS));
    } else {
      printf("%-32s %6.4f", i < 0 ? name : eval_name(&job->p[i], 32, buffer),
             triplets_share(s, TRIPLET_KINDS));
    }
    for (j = 0; j < TRIPLET_KINDS; j++) {
      if (!s->rows[j]) continue;
      snprintf(key, sizeof key, "kind_%d", j);
      if (r.json)
        json_real(key, triplets_share(s, j));
      else
        printf("  %6.4f", triplets_share(s, j));
    }
    if (r.json)
      json_close('}');
    else
      printf("\n");
  }
  if (r.json) json_close(']');
  return report_end(&r, job->args);
}

int eval_triplets(eval_job *job) {
  static const char *const names[] = {"anchor", "positive", "negative"};
  const char *kinds_text = args_value(job->args, "--kinds");
  const row_index *kinds = NULL;
  triplet_score scores[EVAL_MOST + 1];
  data_spec spec = job->spec;
  int64_t r;
  data d;
  int i, status;

  if (!spec.input)
    return refuse_usage(job->args, "--triplets needs --input FILE:TENSOR, the vectors whose "
                                   "rows it names");
  spec.rows = args_value(job->args, "--triplets");
  spec.target_rows = NULL;
  spec.target = NULL;
  status = pairs_open(job, &d, &spec, names, 3);
  if (status) return status;
  if (kinds_text) status = row_index_load(&d, "--kinds", kinds_text, &kinds);
  if (!status && kinds && (kinds->columns != 1 || kinds->count != d.rows))
    status = refuse(job->args, "--kinds has %lld numbers for %lld triplets; give one for each",
                    (long long)(kinds->count * kinds->columns), (long long)d.rows);
  for (r = 0; kinds && !status && r < d.rows; r++)
    if (kinds->row[r] < 0 || kinds->row[r] >= TRIPLET_KINDS)
      status = refuse(job->args, "--kinds has a %ld; kinds are numbers from 0 to %d",
                      (long)kinds->row[r], TRIPLET_KINDS - 1);
  for (i = -1; i < job->count && !status; i++)
    status = triplets_of(job, &d, i < 0 ? NULL : &job->p[i], kinds ? kinds->row : NULL,
                         &scores[i + 1]);
  data_close(&d);
  return status ? status : triplets_report(job, scores);
}

/* ---- echo ---- */

/* Mean cosine of concept and other vector, and the share that keeps to the bound. */
typedef struct echo_score {
  int there;
  double mean, share;
  int64_t rows;
} echo_score;

enum { ECHO_PROBE, ECHO_SOFT, ECHO_HARD, ECHO_COUNT };

static int echo_of(eval_job *job, predictor *p, const data_spec *spec, int what,
                   echo_score *out) {
  static const char *const names[] = {"input", "target"};
  pairs_made made[2];
  int64_t first, r;
  data d;
  int i, status = pairs_open(job, &d, spec, names, 2);

  if (status) return status;
  memset(made, 0, sizeof made);
  for (first = 0; first < d.rows && !status; first += job->batch) {
    const int64_t count = d.rows - first < job->batch ? d.rows - first : job->batch;
    status = data_read(&d, NULL, first, count);
    for (i = 0; i < 2 && !status; i++)
      status = pairs_make(job, p, data_batch(&d, names[i]), first, &made[i]);
    if (!status && made[0].width != made[1].width)
      status = refuse(job->args,
                      "the vectors have %lld and %lld numbers; only vectors of equal "
                      "width can be compared",
                      (long long)made[0].width, (long long)made[1].width);
    for (r = 0; r < count && !status; r++) {
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
  return status;
}

int eval_echo(eval_job *job) {
  static const char *const names[] = {NULL, "--soft", "--hard"};
  static const char *const rows[] = {NULL, "--soft-rows", "--hard-rows"};
  echo_score scores[EVAL_MOST + 1][ECHO_COUNT];
  report r;
  int i, k, status = 0;

  memset(scores, 0, sizeof scores);
  for (i = -1; i < job->count && !status; i++)
    for (k = 0; k < ECHO_COUNT && !status; k++) {
      data_spec spec = job->spec;
      if (k && !args_value(job->args, names[k]) && !args_value(job->args, rows[k])) continue;
      if (k) {
        if (spec.path)
          return refuse_usage(job->args, "%s needs --input instead of a DATA file", names[k]);
        spec.target = args_value(job->args, names[k]);
        spec.target_rows = args_value(job->args, rows[k]);
      }
      status = echo_of(job, i < 0 ? NULL : &job->p[i], &spec, k, &scores[i + 1][k]);
    }
  if (status) return status;
  r = report_start(job->args);
  report_integer(&r, "rows", "rows", scores[0][ECHO_PROBE].rows, "");
  if (r.json) json_open("results", '[');
  for (i = -1; i < job->count; i++) {
    const echo_score *s = scores[i + 1];
    static const char *const keys[] = {"echo", "soft", "hard"};
    static const char *const labels[] = {"probe", "soft negative", "hard negative"};
    static const char *const bounds[] = {"at least .82", "below .65", "below .30"};
    char key[24];
    int j;

    if (r.json) {
      json_open(NULL, '{');
      json_text("name", i < 0 ? "vectors" : job->p[i].name);
    } else {
      printf("\n%s\n", i < 0 ? "the vectors as they are" : job->p[i].name);
    }
    for (j = 0; j < ECHO_COUNT; j++) {
      if (!s[j].there) continue;
      snprintf(key, sizeof key, "%s_pass", keys[j]);
      if (r.json) {
        json_real(keys[j], s[j].mean);
        json_real(key, s[j].share);
      } else {
        printf("  %-14s   mean cosine %.4f, %s: %.4f of %lld\n", labels[j], s[j].mean,
               bounds[j], s[j].share, (long long)s[j].rows);
      }
    }
    if (r.json) {
      json_text("verdict", s[ECHO_PROBE].mean >= GATES_ECHO ? "PASS" : "FAIL");
      json_close('}');
    } else {
      printf("  echo score       %s\n", s[ECHO_PROBE].mean >= GATES_ECHO ? "PASS" : "FAIL");
    }
  }
  if (r.json) json_close(']');
  return report_end(&r, job->args);
}
