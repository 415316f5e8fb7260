/* One delta made of many on one base: mean, median or trimmed mean of each element, with
 * norms clipped. Sources: McMahan et al. 2017 (FedAvg: the weighted mean); Yin et al. 2018
 * (coordinate-wise median and trimmed mean). */
#include "delta/aggregate.h"

#include <string.h>

#include "base/decimal.h"
#include "base/error.h"
#include "base/lexer.h"
#include "delta/delta_create.h"
#include "delta/delta_set.h"

#define AGGREGATE_MEAN 0
#define AGGREGATE_MEDIAN 1
#define AGGREGATE_TRIMMED 2
#define AGGREGATE_KEYS 8
#define AGGREGATE_LEAST 1e-30 /* weights: their sums with changes neither vanish nor overflow */
#define AGGREGATE_MOST 1e30
#define AGGREGATE_CODEC "float32"

typedef struct aggregate_rule {
  int32_t method, clip_to_median, skip;
  double clip; /* 0: none */
  double share; /* of the deltas, at each end */
} aggregate_rule;

typedef struct aggregate_job {
  lnspi_delta_set several;
  aggregate_rule rule;
  int32_t tensor; /* the one that is read */
  int32_t active; /* deltas that are not left out */
  double total; /* of their weights */
} aggregate_job;

/* ---- "trimmed share=.1 clip=median skip=1" ---- */

static int32_t aggregate_key(const lnspi_key *key, aggregate_rule *rule, lnsp_error *error) {
  int64_t flag = 0;
  int32_t status;
  if (lnspi_token_is(key->key, "clip") && lnspi_token_is(key->value, "median")) {
    rule->clip_to_median = 1;
    return LNSP_OK;
  }
  if (lnspi_token_is(key->key, "clip"))
    return lnspi_decimal_parse(key->value, "clip", 1e-30, 1e30, &rule->clip, error);
  if (lnspi_token_is(key->key, "share") && rule->method == AGGREGATE_TRIMMED)
    return lnspi_decimal_parse(key->value, "share", 0, .49, &rule->share, error);
  if (lnspi_token_is(key->key, "skip")) {
    status = lnspi_decimal_parse_integer(key->value, "skip", 0, 1, &flag, error);
    rule->skip = (int32_t)flag;
    return status;
  }
  return lnspi_error_set_line(error, LNSP_E_UNKNOWN, key->key.line, key->key.column,
                              "a rule takes clip=median or clip=NUMBER, skip=1, and trimmed "
                              "share=.1 as well");
}

static int32_t aggregate_parse(const char *text, aggregate_rule *rule, lnsp_error *error) {
  lnspi_key keys[AGGREGATE_KEYS];
  int32_t count = 0, status;
  lnspi_lexer at;
  memset(rule, 0, sizeof *rule);
  rule->share = .1;
  lnspi_lexer_open(&at, text ? text : "mean");
  lnspi_token word = lnspi_lexer_next(&at, "");
  if (lnspi_token_is(word, "median"))
    rule->method = AGGREGATE_MEDIAN;
  else if (lnspi_token_is(word, "trimmed"))
    rule->method = AGGREGATE_TRIMMED;
  else if (!lnspi_token_is(word, "mean"))
    return lnspi_error_set_line(error, LNSP_E_UNKNOWN, word.line, word.column,
                                "a rule begins with mean, median or trimmed");
  status = lnspi_lexer_keys(&at, "", keys, AGGREGATE_KEYS, &count, error);
  if (!status && !lnspi_lexer_at_end(&at))
    return lnspi_error_set_line(error, LNSP_E_SYNTAX, at.line, at.column, "a rule is one line");
  for (int32_t i = 0; !status && i < count; i++) status = aggregate_key(&keys[i], rule, error);
  if (!status && rule->clip_to_median && rule->clip > 0)
    status = lnspi_error_set(error, LNSP_E_ARGUMENT, "clip",
                             "give clip=median or clip=NUMBER, not both");
  return status;
}

/* ---- the numbers ---- */

static void aggregate_sink(double *heap, int32_t at, int32_t count) {
  for (int32_t child; (child = 2 * at + 1) < count; at = child) {
    if (child + 1 < count && heap[child + 1] > heap[child]) child++;
    if (heap[at] >= heap[child]) return;
    double swap = heap[at];
    heap[at] = heap[child];
    heap[child] = swap;
  }
}

/* Heapsort, upwards. */
static void aggregate_sort(double *values, int32_t count) {
  for (int32_t i = count / 2 - 1; i >= 0; i--) aggregate_sink(values, i, count);
  for (int32_t last = count - 1; last > 0; last--) {
    double most = values[0];
    values[0] = values[last];
    values[last] = most;
    aggregate_sink(values, 0, last);
  }
}

/* How many of n are left out at either end: the share rounded up, so that one bad delta of
 * eight does not stay in a mean that is trimmed by .1; at least one delta stays. */
static int32_t aggregate_cut(double share, int32_t n) {
  int32_t cut = (int32_t)(share * n);
  if (share * n - cut > 1e-6) cut++; /* not for what a double lacks to a whole number */
  return cut <= (n - 1) / 2 ? cut : (n - 1) / 2;
}

/* One element of all deltas: each column[i] is weighted or sorted. */
static double aggregate_value(const aggregate_job *job, double *column) {
  const int32_t n = job->active;
  double sum = 0;
  int32_t cut;
  if (job->rule.method == AGGREGATE_MEAN) {
    for (int32_t i = 0; i < n; i++) sum += column[i];
    return sum / job->total;
  }
  aggregate_sort(column, n);
  cut = job->rule.method == AGGREGATE_MEDIAN ? (n - 1) / 2 : aggregate_cut(job->rule.share, n);
  for (int32_t i = cut; i < n - cut; i++) sum += column[i];
  return sum / (n - 2 * cut);
}

/* For make.c: the change of a span of the result. */
static int32_t aggregate_read(void *user, int32_t index, const float *base, int32_t count,
                              float *change, lnsp_error *error) {
  aggregate_job *job = user;
  lnspi_delta_set *s = &job->several;
  if (index < 0) { /* from the beginning, once more perhaps */
    job->tensor = -1;
    return lnspi_delta_set_start(s, error);
  }
  if (job->tensor != index) lnspi_delta_set_tensor(s, index);
  job->tensor = index;
  int32_t status = lnspi_delta_set_next(s, index, base, count, error);
  for (int32_t k = 0; !status && k < count; k++) {
    int32_t n = 0;
    for (int32_t i = 0; i < s->count; i++) {
      const lnspi_delta_set_item *one = &s->one[i];
      if (!one->status) s->column[n++] = (double)one->change[k] * one->scale;
    }
    change[k] = (float)aggregate_value(job, s->column);
  }
  return status;
}

/* Weights, clipping to the norms, and how many there are. */
static int32_t aggregate_weigh(aggregate_job *job, const double *weights, lnsp_error *error) {
  lnspi_delta_set *s = &job->several;
  double clip = job->rule.clip;
  job->active = 0;
  for (int32_t i = 0; i < s->count; i++)
    if (!s->one[i].status) s->column[job->active++] = s->one[i].norm;
  if (job->active == 0)
    return lnspi_error_set(error, LNSP_E_MISSING, NULL,
                           "none of the %d deltas could be used: each was refused",
                           (int)s->count);
  aggregate_sort(s->column, job->active);
  if (job->rule.clip_to_median) clip = s->column[(job->active - 1) / 2];
  job->total = 0;
  for (int32_t i = 0; i < s->count; i++) {
    lnspi_delta_set_item *one = &s->one[i];
    if (one->status) continue;
    if ((clip > 0 || job->rule.clip_to_median) && one->norm > clip)
      one->scale = clip / one->norm;
    if (job->rule.method == AGGREGATE_MEAN) one->weight = weights ? weights[i] : 1;
    one->scale *= one->weight;
    job->total += one->weight;
  }
  if (!(job->total > 0))
    return lnspi_error_set(
        error, LNSP_E_ARGUMENT, "weights",
        "the weights of the deltas that are used sum to 0: at least one must be "
        "above 0");
  return LNSP_OK;
}

static int32_t aggregate_check(const aggregate_rule *rule, const lnsp_delta *const *deltas,
                               const double *weights, int32_t count, lnsp_error *error) {
  if (count < 1 || count > LNSPI_DELTA_SET_MAX)
    return lnspi_error_set(error, LNSP_E_LIMIT, NULL,
                           "%d deltas: give 1 to %d, or aggregate in groups", (int)count,
                           LNSPI_DELTA_SET_MAX);
  for (int32_t i = 0; i < count; i++)
    if (!deltas[i])
      return lnspi_error_set(error, LNSP_E_ARGUMENT, "deltas", "delta %d is NULL", (int)i + 1);
  if (weights && rule->method != AGGREGATE_MEAN)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, "weights",
                           "a median and a trimmed mean take no weights: they count heads");
  for (int32_t i = 0; weights && i < count; i++)
    if (!(weights[i] == 0 || (weights[i] >= AGGREGATE_LEAST && weights[i] <= AGGREGATE_MOST)))
      return lnspi_error_set(error, LNSP_E_ARGUMENT, "weights",
                             "weight %d of %d must be 0, or a number from 1e-30 to 1e30",
                             (int)i + 1, (int)count);
  return LNSP_OK;
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
  status = lnspi_delta_set_open(&job.several, base, hash, deltas, count, job.rule.skip, options,
                                error);
  if (status) return status;
  status = lnspi_delta_set_norms(&job.several, error);
  if (!status) status = aggregate_weigh(&job, weights, error);
  memset(tensors, 0, sizeof tensors);
  for (int32_t i = 0; i < job.several.count; i++)
    for (int32_t k = 0; !job.several.one[i].status && k < deltas[i]->stage_count; k++)
      for (int32_t t = 0; t < base->graph->weight_count; t++)
        tensors[t] |= deltas[i]->stages[k].tensors[t];
  if (!status)
    status = lnspi_delta_create_from_changes(base, aggregate_read, &job, tensors,
                                             AGGREGATE_CODEC, options, out, error);
  for (int32_t i = 0; refused && !status && i < count; i++)
    refused[i] = job.several.one[i].status;
  lnspi_delta_set_close(&job.several);
  return status;
}
