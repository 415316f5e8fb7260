/* Aggregates many deltas of one base into one: for each element the weighted mean, the median
 * or the trimmed mean of all changes, after clipping the deltas' norms.
 *
 * Sources: McMahan et al. 2017 (FedAvg: the weighted mean); Yin et al. 2018 (coordinate-wise
 * median and trimmed mean, which a minority of wrong or hostile deltas cannot move far).
 *
 * The work is delta_create's: it asks for the changes of each span, in order, as if they
 * were those of a model, and encodes them as float32. aggregate_read answers by advancing
 * the set of deltas to that span. Sums are in double, in the order in which the deltas were
 * given, and sorted ones from the smallest on, so the result depends on nothing else. */
#include "delta/aggregate.h"

#include <string.h>

#include "base/error.h"
#include "base/heap.h"
#include "base/unknown.h"
#include "delta/delta_create.h"
#include "delta/delta_set.h"

#define AGGREGATE_MEAN 0
#define AGGREGATE_MEDIAN 1
#define AGGREGATE_TRIMMED 2
#define AGGREGATE_KEYS 8
#define AGGREGATE_LEAST 1e-30 /* weights: products with changes neither vanish nor overflow */
#define AGGREGATE_MOST 1e30
#define AGGREGATE_CODEC "float32"

typedef struct aggregate_rule {
  int32_t method; /* AGGREGATE_MEAN, ... */
  int32_t skip;   /* 1: leave out deltas that fail, instead of failing */
  double clip;    /* the largest norm; 0: any; below 0: the median of the norms */
  double share;   /* trimmed: of the deltas, at each end */
} aggregate_rule;

typedef struct aggregate_job {
  lnspi_delta_set set;
  aggregate_rule rule;
  int32_t tensor; /* that is being read; -1: none yet */
  int32_t active; /* deltas that are not left out */
  double total;   /* of their weights */
} aggregate_job;

/* ---- the rule, "trimmed share=.1 clip=median skip=1" ---- */

#define AGGREGATE_COMMON "clip=:1e-30:1e30:median #skip=0:0:1"

static const lnspi_setting_owner aggregate_mean =
    {"mean", "mean [clip=median|NUMBER] [skip=0]: the mean, weighted where weights are given",
     AGGREGATE_COMMON};
static const lnspi_setting_owner aggregate_median =
    {"median", "median [clip=median|NUMBER] [skip=0]: of each element", AGGREGATE_COMMON};
static const lnspi_setting_owner aggregate_trimmed =
    {"trimmed",
     "trimmed [share=.1] [clip=median|NUMBER] [skip=0]: mean of each element without that "
     "share of the largest and of the smallest",
     AGGREGATE_COMMON " share=.1:0:.49"};

/* In the order of AGGREGATE_MEAN, ... */
static const void *const aggregate_rules[] = {&aggregate_mean, &aggregate_median,
                                              &aggregate_trimmed, NULL};

static const lnspi_setting_place aggregate_places[] = {
    LNSPI_SETTING_REAL(aggregate_rule, clip),
    LNSPI_SETTING_WHOLE(aggregate_rule, skip),
    LNSPI_SETTING_REAL(aggregate_rule, share),
};

const lnspi_setting_owner *lnspi_aggregate_at(int32_t index) {
  return index >= 0 && index <= AGGREGATE_TRIMMED ? aggregate_rules[index] : NULL;
}

static int32_t aggregate_parse(const char *text, aggregate_rule *rule, lnsp_error *error) {
  lnspi_key keys[AGGREGATE_KEYS];
  int32_t count = 0, status;
  lnspi_lexer at;
  memset(rule, 0, sizeof *rule);
  lnspi_lexer_open(&at, text ? text : "mean");
  lnspi_unknown name = {lnspi_lexer_next(&at, ""), NULL, 0};
  rule->method = lnspi_unknown_find(aggregate_rules, &name);
  if (rule->method < 0) return lnspi_unknown_refuse(&name, "rule", NULL, error);
  status = lnspi_lexer_keys(&at, "", keys, AGGREGATE_KEYS, &count, error);
  if (status) return status;
  if (!lnspi_lexer_at_end(&at))
    return lnspi_error_set_line(error, LNSP_E_SYNTAX, at.line, at.column, "a rule is one line");
  const lnspi_setting_owner *named = lnspi_aggregate_at(rule->method);
  const lnspi_settings settings = {named->keys, aggregate_places, {0, 0, 0}};
  lnspi_setting_defaults(&settings, 1, rule);
  for (int32_t i = 0; i < count && !status; i++)
    if (!lnspi_setting_read(&settings, 1, &keys[i], rule, &status, error))
      status = lnspi_setting_refuse(&settings, 1, keys[i].key, named->name, error);
  return status;
}

int32_t lnspi_aggregate_check(const char *text, lnsp_error *error) {
  aggregate_rule rule;
  return aggregate_parse(text, &rule, error);
}

/* ---- the numbers ---- */

static int aggregate_above(const void *none, double a, double b) {
  (void)none;
  return a > b;
}

LNSPI_HEAP(aggregate, double, const void *, aggregate_above)

/* How many of n are left out at either end: the share rounded up, so that share=.1 removes
 * one bad delta of eight; at least one stays. */
static int32_t aggregate_cut(double share, int32_t n) {
  int32_t cut = (int32_t)(share * n);
  if (share * n - cut > 1e-6)
    cut++; /* 1e-6: the product may be a little above a whole number */
  return cut <= (n - 1) / 2 ? cut : (n - 1) / 2;
}

/* The aggregate of one element; column has its change in each delta. Sorts column. */
static double aggregate_value(const aggregate_job *job, double *column) {
  const int32_t n = job->active;
  double sum = 0;
  if (job->rule.method == AGGREGATE_MEAN) {
    for (int32_t i = 0; i < n; i++) sum += column[i];
    return sum / job->total;
  }
  aggregate_sort(NULL, column, n);
  int32_t cut =
      job->rule.method == AGGREGATE_MEDIAN ? (n - 1) / 2 : aggregate_cut(job->rule.share, n);
  for (int32_t i = cut; i < n - cut; i++) sum += column[i];
  return sum / (n - 2 * cut);
}

/* Called by delta_create for the change of each span of the result. */
static int32_t aggregate_read(void *user, int32_t index, const float *base, int32_t count,
                              float *change, lnsp_error *error) {
  aggregate_job *job = user;
  lnspi_delta_set *s = &job->set;
  if (index < 0) { /* from the beginning, perhaps not for the first time */
    job->tensor = -1;
    return lnspi_delta_set_start(s, error);
  }
  if (job->tensor != index) lnspi_delta_set_tensor(s, index);
  job->tensor = index;
  int32_t status = lnspi_delta_set_next(s, index, base, count, error);
  if (status) return status;
  for (int32_t k = 0; k < count; k++) {
    int32_t n = 0;
    for (int32_t i = 0; i < s->count; i++) {
      const lnspi_delta_set_item *one = &s->one[i];
      if (!one->status) s->column[n++] = (double)one->change[k] * one->scale;
    }
    change[k] = (float)aggregate_value(job, s->column);
  }
  return LNSP_OK;
}

/* Sets the scale of each delta, clipping and weight in one factor, and counts. */
static int32_t aggregate_weigh(aggregate_job *job, const double *weights, lnsp_error *error) {
  lnspi_delta_set *s = &job->set;
  double clip = job->rule.clip;
  job->active = 0;
  for (int32_t i = 0; i < s->count; i++)
    if (!s->one[i].status) s->column[job->active++] = s->one[i].norm;
  if (job->active == 0)
    return lnspi_error_set(error, LNSP_E_MISSING, NULL,
                           "all of the %d deltas were refused: none is left to aggregate",
                           (int)s->count);
  aggregate_sort(NULL, s->column, job->active);
  if (job->rule.clip < 0) clip = s->column[(job->active - 1) / 2];
  job->total = 0;
  for (int32_t i = 0; i < s->count; i++) {
    lnspi_delta_set_item *one = &s->one[i];
    if (one->status) continue;
    if ((clip > 0 || job->rule.clip < 0) && one->norm > clip) one->scale = clip / one->norm;
    if (job->rule.method == AGGREGATE_MEAN) one->weight = weights ? weights[i] : 1;
    one->scale *= one->weight;
    job->total += one->weight;
  }
  if (!(job->total > 0))
    return lnspi_error_set(
        error, LNSP_E_ARGUMENT, "weights",
        "the weights of the deltas that are left sum to 0: at least one must be "
        "above 0");
  return LNSP_OK;
}

static int32_t aggregate_check(const aggregate_rule *rule, const lnsp_delta *const *deltas,
                               const double *weights, int32_t count, lnsp_error *error) {
  if (count < 1 || count > LNSPI_DELTA_SET_MAX)
    return lnspi_error_set(error, LNSP_E_LIMIT, NULL,
                           "there are %d deltas: give 1 to %d, or aggregate in groups",
                           (int)count, LNSPI_DELTA_SET_MAX);
  for (int32_t i = 0; i < count; i++)
    if (!deltas[i])
      return lnspi_error_set(error, LNSP_E_ARGUMENT, "deltas", "delta %d is NULL", (int)i + 1);
  if (weights && rule->method != AGGREGATE_MEAN)
    return lnspi_error_set(
        error, LNSP_E_ARGUMENT, "weights",
        "weights apply only to rule \"mean\": median and trimmed treat all deltas equally");
  if (!weights) return LNSP_OK;
  for (int32_t i = 0; i < count; i++)
    if (!(weights[i] == 0 || (weights[i] >= AGGREGATE_LEAST && weights[i] <= AGGREGATE_MOST)))
      return lnspi_error_set(error, LNSP_E_ARGUMENT, "weights",
                             "weight %d of %d must be 0 or from 1e-30 to 1e30", (int)i + 1,
                             (int)count);
  return LNSP_OK;
}

/* Marks the tensors that any delta changes. */
static void aggregate_mark_tensors(const lnspi_delta_set *s, int32_t tensor_count,
                                   uint8_t *tensors) {
  memset(tensors, 0, LNSPI_MAX_WEIGHTS);
  for (int32_t i = 0; i < s->count; i++) {
    const lnsp_delta *delta = s->one[i].delta;
    if (s->one[i].status) continue;
    for (int32_t k = 0; k < delta->stage_count; k++)
      for (int32_t t = 0; t < tensor_count; t++) tensors[t] |= delta->stages[k].tensors[t];
  }
}

int32_t lnspi_aggregate_deltas(const lnsp_model *base, const lnsp_delta *const *deltas,
                               const double *weights, int32_t count, const char *rule,
                               const lnsp_options *options, int32_t *refused, lnsp_delta **out,
                               lnsp_error *error) {
  uint8_t tensors[LNSPI_MAX_WEIGHTS], hash[LNSP_HASH_BYTES];
  aggregate_job job;
  memset(&job, 0, sizeof job);
  int32_t status = aggregate_parse(rule, &job.rule, error);
  if (!status) status = aggregate_check(&job.rule, deltas, weights, count, error);
  if (!status) status = lnspi_delta_check_models(base, base, error);
  if (status) return status;
  lnspi_model_hash(base, hash);
  status =
      lnspi_delta_set_open(&job.set, base, hash, deltas, count, job.rule.skip, options, error);
  if (status) return status;
  lnspi_progress progress; /* the norms, then the result */
  lnspi_progress_begin(&progress, options, 2 * (uint64_t)base->graph->parameter_count);
  job.set.progress = &progress;
  status = lnspi_delta_set_norms(&job.set, error);
  if (!status) status = aggregate_weigh(&job, weights, error);
  aggregate_mark_tensors(&job.set, base->graph->weight_count, tensors);
  if (!status)
    status = lnspi_delta_create_from_changes(base, aggregate_read, &job, tensors,
                                             AGGREGATE_CODEC, &progress, options, out, error);
  if (refused && !status)
    for (int32_t i = 0; i < count; i++) refused[i] = job.set.one[i].status;
  lnspi_delta_set_close(&job.set);
  return status;
}
