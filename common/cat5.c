/* The five tests of 5CAT over windows of a bank of articles. */
#include "common/cat5.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lnsp.h"
#include "common/mt19937.h"

#define CAT5_LONG 6 /* least vectors of an article for the test within it */
#define CAT5_MOST 128 /* most concepts of a context */

const char *const cat5_gate_names[CAT5_GATES] = {"offset sweep", "within article", "ablations",
                                                 "rollout", "coherence bins"};
const char *const cat5_ablation_names[CAT5_ABLATIONS] = {"shuffled", "reversed",
                                                         "leave-one-out", "repeat-pad",
                                                         "cross"};

void cat5_order(const int32_t *article, int64_t count, int32_t *order, int32_t *place) {
  int64_t i, step, low;
  int32_t *from = order, *to = place;

  for (i = 0; i < count; i++) from[i] = (int32_t)i;
  for (step = 1; step < count; step *= 2) { /* merge sort, which keeps the order of rows */
    int32_t *swap;
    for (low = 0; low < count; low += 2 * step) {
      const int64_t middle = low + step < count ? low + step : count;
      const int64_t high = low + 2 * step < count ? low + 2 * step : count;
      int64_t a = low, b = middle, out;
      for (out = low; out < high; out++)
        to[out] = a < middle && (b >= high || article[from[a]] <= article[from[b]]) ? from[a++]
                                                                                    : from[b++];
    }
    swap = from;
    from = to;
    to = swap;
  }
  if (from != order) memcpy(order, from, (size_t)count * sizeof *order);
  for (i = 0; i < count; i++) place[order[i]] = (int32_t)i;
}

int64_t cat5_neighbour(const cat5_bank *bank, int64_t row, int64_t k) {
  const int64_t at = bank->place[row] + k;
  if (bank->article[row] < 0 || at < 0 || at >= bank->count ||
      bank->article[bank->order[at]] != bank->article[row])
    return -1;
  return bank->order[at];
}

/* A batch of windows on its way through the tests. */
typedef struct cat5_batch {
  const cat5_bank *bank;
  const cat5_setting *s;
  const int32_t *windows;
  int64_t rows;
  cat5_predict predict;
  void *self;
  mt19937 *random;
  float *contexts, *changed, *base, *y; /* base: predictions of the contexts as they are */
  cat5_result *out;
} cat5_batch;

int64_t cat5_scratch(const cat5_bank *bank, const cat5_setting *s) {
  return s->batch * bank->width * (2 * s->concepts + 2);
}

static const float *cat5_vector(const cat5_batch *b, int64_t row) {
  return b->bank->vectors + row * b->bank->width;
}

static int64_t cat5_target(const cat5_batch *b, int64_t r) {
  return b->windows[r * (b->s->concepts + 1) + b->s->concepts];
}

/* The row k after what offsets count from, or -1. */
static int64_t cat5_after(const cat5_batch *b, int64_t r, int64_t k) {
  const int64_t target = cat5_target(b, r);
  const int64_t from = b->s->target_base ? target : cat5_neighbour(b->bank, target, -1);
  return from < 0 ? -1 : cat5_neighbour(b->bank, from, k);
}

static double cat5_cosine(const cat5_batch *b, const float *y, int64_t row) {
  return lnsp_metrics_cosine(y, cat5_vector(b, row), b->bank->width, 1e-9);
}

static int cat5_ask(const cat5_batch *b, const float *contexts, float *out) {
  const int status = b->predict(b->self, contexts, b->rows, out);
  if (status) return status;
  lnsp_metrics_normalize(out, b->rows, b->bank->width, 1e-9);
  return 0;
}

static void cat5_offsets(const cat5_batch *b, int64_t r) {
  const float *y = b->base + r * b->bank->width;
  int64_t row[CAT5_OFFSETS];
  int k;

  for (k = 0; k < CAT5_OFFSETS; k++)
    if ((row[k] = cat5_after(b, r, k - CAT5_OFFSETS / 2)) < 0) {
      b->out->offset_skipped++;
      return;
    }
  for (k = 0; k < CAT5_OFFSETS; k++) b->out->offset[k] += cat5_cosine(b, y, row[k]);
  b->out->offset_rows++;
}

static void cat5_within(const cat5_batch *b, int64_t r) {
  const cat5_bank *bank = b->bank;
  const float *y = b->base + r * bank->width;
  const int64_t target = cat5_target(b, r);
  const double truth = lnsp_metrics_dot(y, cat5_vector(b, target), bank->width);
  int64_t k, row, count = 1, rank = 1;
  int side;

  for (side = -1; side <= 1; side += 2)
    for (k = side; (row = cat5_neighbour(bank, target, k)) >= 0; k += side) {
      count++;
      rank += lnsp_metrics_dot(y, cat5_vector(b, row), bank->width) > truth;
    }
  if (count < CAT5_LONG) {
    b->out->article_skipped++;
    return;
  }
  b->out->hit1 += rank == 1;
  b->out->hit5 += rank <= 5;
  b->out->mrr += 1 / (double)rank;
  b->out->article_rows++;
}

static void cat5_bins(const cat5_batch *b, int64_t r) {
  const int64_t width = b->bank->width, concepts = b->s->concepts;
  const float *x = b->contexts + r * concepts * width;
  const double c = cat5_cosine(b, b->base + r * width, cat5_target(b, r));
  double near = 0;
  int64_t i;

  for (i = 1; i < concepts; i++)
    near += lnsp_metrics_cosine(x + (i - 1) * width, x + i * width, width, 1e-9);
  near /= (double)(concepts - 1);
  b->out->cosine += c;
  if (near < .45) {
    b->out->low += c;
    b->out->low_rows++;
  } else if (near <= .55) {
    b->out->normal += c;
    b->out->normal_rows++;
  }
}

/* drop: which one is left out, of CAT5_LEFT_OUT; the last is then there twice. */
static void cat5_change(const cat5_batch *b, int ablation, int32_t drop) {
  const int32_t last = (int32_t)b->s->concepts - 1;
  int32_t which[CAT5_MOST], c;
  int64_t r;

  for (r = 0; r < b->rows; r++) {
    for (c = 0; c <= last; c++)
      which[c] = ablation == CAT5_REVERSED   ? last - c
                 : ablation == CAT5_REPEATED ? last
                 : ablation == CAT5_LEFT_OUT ? (c < drop || c == last ? c : c + 1)
                                             : c;
    if (ablation == CAT5_CROSS) which[last] = 0;
    if (ablation == CAT5_SHUFFLED) mt19937_shuffle(b->random, which, last + 1);
    /* Every context with its concepts in this order: which[c] is put in place c. */
    const int64_t width = b->bank->width, at = r * b->s->concepts * width;
    int64_t i;
    for (i = 0; i < b->s->concepts; i++)
      memcpy(b->changed + at + i * width, b->contexts + at + which[i] * width,
             (size_t)width * sizeof(float));
  }
}

static int cat5_block(const cat5_batch *b) {
  const int64_t width = b->bank->width, concepts = b->s->concepts;
  int64_t r, c;
  int status;

  for (r = 0; r < b->rows; r++)
    for (c = 0; c < concepts; c++)
      memcpy(b->contexts + (r * concepts + c) * width,
             cat5_vector(b, b->windows[r * (concepts + 1) + c]), (size_t)width * sizeof(float));
  status = cat5_ask(b, b->contexts, b->base);
  for (r = 0; r < b->rows && !status; r++) {
    if (b->bank->article[cat5_target(b, r)] < 0) b->out->without_article++;
    cat5_offsets(b, r);
    cat5_within(b, r);
    cat5_bins(b, r);
  }
  if (status) return status;
  const int32_t n = (int32_t)b->s->concepts;
  int32_t drop;
  int i;
  status = 0;

  for (i = 0; i < CAT5_ABLATIONS; i++) {
    const int32_t times = i == CAT5_LEFT_OUT ? n : 1;
    for (drop = 0; drop < times; drop++) {
      cat5_change(b, i, drop);
      status = cat5_ask(b, b->changed, b->y);
      if (status) return status;
      for (r = 0; r < b->rows; r++)
        b->out->ablation[i] +=
            (cat5_cosine(b, b->y + r * b->bank->width, cat5_target(b, r)) -
             cat5_cosine(b, b->base + r * b->bank->width, cat5_target(b, r))) /
            times;
    }
  }
  int64_t h;

  memcpy(b->changed, b->contexts, (size_t)(b->rows * concepts * width) * sizeof(float));
  memcpy(b->y, b->base, (size_t)(b->rows * width) * sizeof(float));
  for (h = 1; h <= b->s->horizon && !status; h++) {
    if (h > 1) status = cat5_ask(b, b->changed, b->y);
    for (r = 0; r < b->rows && !status; r++) {
      float *x = b->changed + r * concepts * width;
      const float *y = b->y + r * width;
      if (cat5_after(b, r, b->s->horizon) >= 0)
        b->out->step[h - 1] += cat5_cosine(b, y, cat5_after(b, r, h));
      memmove(x, x + width, (size_t)((concepts - 1) * width) * sizeof(float));
      memcpy(x + (concepts - 1) * width, y, (size_t)width * sizeof(float));
    }
  }
  for (r = 0; r < b->rows; r++)
    if (cat5_after(b, r, b->s->horizon) >= 0)
      b->out->rollout_rows++;
    else
      b->out->rollout_skipped++;
  return status;
}

static double cat5_mean(double sum, int64_t count) {
  return count ? sum / (double)count : (double)NAN;
}

int cat5_evaluate(const cat5_bank *bank, const int32_t *windows, int64_t rows,
                  const cat5_setting *setting, cat5_predict predict, void *self, float *scratch,
                  cat5_result *out) {
  const int64_t width = bank->width, context = setting->concepts * width;
  mt19937 random;
  cat5_batch b;
  int64_t first;
  int status = 0;

  memset(out, 0, sizeof *out);
  memset(&b, 0, sizeof b);
  memset(&random, 0, sizeof random);
  mt19937_seed(&random, 17);
  b.bank = bank;
  b.s = setting;
  b.predict = predict;
  b.self = self;
  b.random = &random;
  b.out = out;
  b.contexts = scratch;
  b.changed = b.contexts + setting->batch * context;
  b.base = b.changed + setting->batch * context;
  b.y = b.base + setting->batch * width;
  for (first = 0; first < rows && !status; first += b.rows) {
    b.windows = windows + first * (setting->concepts + 1);
    b.rows = rows - first < setting->batch ? rows - first : setting->batch;
    status = cat5_block(&b);
  }
  out->rows = rows;
  int k;

  out->margin = -INFINITY;
  for (k = 0; k < CAT5_OFFSETS; k++) {
    out->offset[k] = cat5_mean(out->offset[k], out->offset_rows);
    if (k != CAT5_OFFSETS / 2 + 1 && !(out->offset[k] <= out->margin))
      out->margin = out->offset[k];
  }
  out->margin = out->offset[CAT5_OFFSETS / 2 + 1] - out->margin;
  out->hit1 = cat5_mean(out->hit1, out->article_rows);
  out->hit5 = cat5_mean(out->hit5, out->article_rows);
  out->mrr = cat5_mean(out->mrr, out->article_rows);
  for (k = 0; k < CAT5_ABLATIONS; k++)
    out->ablation[k] = cat5_mean(out->ablation[k], out->rows);
  for (k = 0; k < setting->horizon; k++) {
    out->step[k] = cat5_mean(out->step[k], out->rollout_rows);
    out->rollout += out->step[k] / (double)setting->horizon;
  }
  out->low = cat5_mean(out->low, out->low_rows);
  out->normal = cat5_mean(out->normal, out->normal_rows);
  out->cosine = cat5_mean(out->cosine, out->rows);
  return status;
}

const cat5_limits cat5_limit[2] = {{.50, .12, .60, .95, .80, .45},
                                   {.48, .10, .55, .92, .75, .42}};
const double cat5_ablation_limit[CAT5_ABLATIONS] = {-.15, -.10, -.08, .05, .05};

int cat5_gate(int gate, const cat5_result *r, const cat5_result *other, int second) {
  const cat5_limits *l = &cat5_limit[second];
  int i, passed = 1;

  switch (gate) { /* a NaN fails every comparison */
    case CAT5_A: return r->offset[CAT5_OFFSETS / 2 + 1] >= l->offset && r->margin >= l->margin;
    case CAT5_B: return r->hit1 >= l->hit1 && r->hit5 >= l->hit5 && r->mrr >= l->mrr;
    case CAT5_C:
      for (i = 0; i < CAT5_ABLATIONS; i++) /* a fall has to be as large but for rounding */
        passed &=
            r->ablation[i] <= cat5_ablation_limit[i] + (cat5_ablation_limit[i] < 0 ? 1e-6 : 0);
      return passed;
    case CAT5_D: return r->rollout >= l->rollout;
    default: return other && fabs(r->normal - other->normal) <= CAT5_BIN_LIMIT;
  }
}
