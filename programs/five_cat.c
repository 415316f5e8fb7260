/* The five tests of 5CAT over windows of a bank of articles. */
#include "five_cat.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "metrics.h"

#define FIVE_LONG 6 /* least vectors of an article for the test within it */
#define FIVE_MOST 128 /* most concepts of a context */

const char *const five_gate_names[FIVE_GATES] = { "offset sweep", "within article", "ablations",
                                                  "rollout", "coherence bins" };
const char *const five_ablation_names[FIVE_ABLATIONS] = { "shuffled", "reversed",
                                                          "leave-one-out", "repeat-pad",
                                                          "cross" };

void five_order(const int32_t *article, int64_t count, int32_t *order, int32_t *place) {
  int64_t i, step, low;
  int32_t *from = order, *to = place;

  for (i = 0; i < count; i++)
    from[i] = (int32_t)i;
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
  if (from != order)
    memcpy(order, from, (size_t)count * sizeof *order);
  for (i = 0; i < count; i++)
    place[order[i]] = (int32_t)i;
}

int64_t five_neighbour(const five_bank *bank, int64_t row, int64_t k) {
  const int64_t at = bank->place[row] + k;
  if (bank->article[row] < 0 || at < 0 || at >= bank->count ||
      bank->article[bank->order[at]] != bank->article[row])
    return -1;
  return bank->order[at];
}

/* A batch of windows on its way through the tests. */
typedef struct five_batch {
  const five_bank *bank;
  const five_setting *s;
  const int32_t *windows;
  int64_t rows;
  five_predict predict;
  void *self;
  five_random *random;
  float *contexts, *changed, *base, *y; /* base: predictions of the contexts as they are */
  five_result *out;
} five_batch;

int64_t five_scratch(const five_bank *bank, const five_setting *s) {
  return s->batch * bank->width * (2 * s->concepts + 2);
}

static const float *five_vector(const five_batch *b, int64_t row) {
  return b->bank->vectors + row * b->bank->width;
}

static int64_t five_target(const five_batch *b, int64_t r) {
  return b->windows[r * (b->s->concepts + 1) + b->s->concepts];
}

/* The row k after what offsets count from, or -1. */
static int64_t five_after(const five_batch *b, int64_t r, int64_t k) {
  const int64_t target = five_target(b, r);
  const int64_t from = b->s->target_base ? target : five_neighbour(b->bank, target, -1);
  return from < 0 ? -1 : five_neighbour(b->bank, from, k);
}

static double five_cosine(const five_batch *b, const float *y, int64_t row) {
  return metric_cosine(y, five_vector(b, row), b->bank->width, 1e-9);
}

static int five_ask(const five_batch *b, const float *contexts, float *out) {
  const int status = b->predict(b->self, contexts, b->rows, out);
  if (!status)
    metric_unit(out, b->rows, b->bank->width, 1e-9);
  return status;
}

static void five_offsets(const five_batch *b, int64_t r) {
  const float *y = b->base + r * b->bank->width;
  int64_t row[FIVE_OFFSETS];
  int k;

  for (k = 0; k < FIVE_OFFSETS; k++)
    if ((row[k] = five_after(b, r, k - FIVE_OFFSETS / 2)) < 0) {
      b->out->offset_skipped++;
      return;
    }
  for (k = 0; k < FIVE_OFFSETS; k++)
    b->out->offset[k] += five_cosine(b, y, row[k]);
  b->out->offset_rows++;
}

static void five_within(const five_batch *b, int64_t r) {
  const five_bank *bank = b->bank;
  const float *y = b->base + r * bank->width;
  const int64_t target = five_target(b, r);
  const double truth = metric_dot(y, five_vector(b, target), bank->width);
  int64_t k, row, count = 1, rank = 1;
  int side;

  for (side = -1; side <= 1; side += 2)
    for (k = side; (row = five_neighbour(bank, target, k)) >= 0; k += side) {
      count++;
      rank += metric_dot(y, five_vector(b, row), bank->width) > truth;
    }
  if (count < FIVE_LONG) {
    b->out->article_skipped++;
    return;
  }
  b->out->hit1 += rank == 1;
  b->out->hit5 += rank <= 5;
  b->out->mrr += 1 / (double)rank;
  b->out->article_rows++;
}

static void five_bins(const five_batch *b, int64_t r) {
  const int64_t width = b->bank->width, concepts = b->s->concepts;
  const float *x = b->contexts + r * concepts * width;
  const double c = five_cosine(b, b->base + r * width, five_target(b, r));
  double near = 0;
  int64_t i;

  for (i = 1; i < concepts; i++)
    near += metric_cosine(x + (i - 1) * width, x + i * width, width, 1e-9);
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

/* Every context with its concepts in this order: which[c] is put in place c. */
static void five_rearrange(const five_batch *b, int64_t r, const int32_t *which) {
  const int64_t width = b->bank->width, at = r * b->s->concepts * width;
  int64_t c;
  for (c = 0; c < b->s->concepts; c++)
    memcpy(b->changed + at + c * width, b->contexts + at + which[c] * width,
           (size_t)width * sizeof(float));
}

/* drop: which one is left out, of FIVE_LEFT_OUT; the last is then there twice. */
static void five_change(const five_batch *b, int ablation, int32_t drop) {
  const int32_t last = (int32_t)b->s->concepts - 1;
  int32_t which[FIVE_MOST], c;
  int64_t r;

  for (r = 0; r < b->rows; r++) {
    for (c = 0; c <= last; c++)
      which[c] = ablation == FIVE_REVERSED   ? last - c
                 : ablation == FIVE_REPEATED ? last
                 : ablation == FIVE_LEFT_OUT ? (c < drop || c == last ? c : c + 1)
                                             : c;
    if (ablation == FIVE_CROSS)
      which[last] = 0;
    if (ablation == FIVE_SHUFFLED)
      five_shuffle(b->random, which, last + 1);
    five_rearrange(b, r, which);
  }
}

static int five_ablate(const five_batch *b) {
  const int32_t concepts = (int32_t)b->s->concepts;
  int32_t drop;
  int64_t r;
  int i, status = 0;

  for (i = 0; i < FIVE_ABLATIONS; i++) {
    const int32_t times = i == FIVE_LEFT_OUT ? concepts : 1;
    for (drop = 0; drop < times; drop++) {
      five_change(b, i, drop);
      status = five_ask(b, b->changed, b->y);
      if (status)
        return status;
      for (r = 0; r < b->rows; r++)
        b->out->ablation[i] += (five_cosine(b, b->y + r * b->bank->width, five_target(b, r)) -
                                five_cosine(b, b->base + r * b->bank->width,
                                            five_target(b, r))) / times;
    }
  }
  return 0;
}

static int five_roll(const five_batch *b) {
  const int64_t width = b->bank->width, concepts = b->s->concepts;
  int64_t h, r;
  int status = 0;

  memcpy(b->changed, b->contexts, (size_t)(b->rows * concepts * width) * sizeof(float));
  memcpy(b->y, b->base, (size_t)(b->rows * width) * sizeof(float));
  for (h = 1; h <= b->s->horizon && !status; h++) {
    if (h > 1)
      status = five_ask(b, b->changed, b->y);
    for (r = 0; r < b->rows && !status; r++) {
      float *x = b->changed + r * concepts * width;
      const float *y = b->y + r * width;
      if (five_after(b, r, b->s->horizon) >= 0)
        b->out->step[h - 1] += five_cosine(b, y, five_after(b, r, h));
      memmove(x, x + width, (size_t)((concepts - 1) * width) * sizeof(float));
      memcpy(x + (concepts - 1) * width, y, (size_t)width * sizeof(float));
    }
  }
  for (r = 0; r < b->rows; r++)
    if (five_after(b, r, b->s->horizon) >= 0)
      b->out->rollout_rows++;
    else
      b->out->rollout_skipped++;
  return status;
}

static int five_block(const five_batch *b) {
  const int64_t width = b->bank->width, concepts = b->s->concepts;
  int64_t r, c;
  int status;

  for (r = 0; r < b->rows; r++)
    for (c = 0; c < concepts; c++)
      memcpy(b->contexts + (r * concepts + c) * width,
             five_vector(b, b->windows[r * (concepts + 1) + c]), (size_t)width * sizeof(float));
  status = five_ask(b, b->contexts, b->base);
  for (r = 0; r < b->rows && !status; r++) {
    if (b->bank->article[five_target(b, r)] < 0)
      b->out->without_article++;
    five_offsets(b, r);
    five_within(b, r);
    five_bins(b, r);
  }
  if (!status)
    status = five_ablate(b);
  return status ? status : five_roll(b);
}

static double five_mean(double sum, int64_t count) {
  return count ? sum / (double)count : (double)NAN;
}

static void five_end(five_result *out, int64_t horizon) {
  int k;

  out->margin = -INFINITY;
  for (k = 0; k < FIVE_OFFSETS; k++) {
    out->offset[k] = five_mean(out->offset[k], out->offset_rows);
    if (k != FIVE_OFFSETS / 2 + 1 && !(out->offset[k] <= out->margin))
      out->margin = out->offset[k];
  }
  out->margin = out->offset[FIVE_OFFSETS / 2 + 1] - out->margin;
  out->hit1 = five_mean(out->hit1, out->article_rows);
  out->hit5 = five_mean(out->hit5, out->article_rows);
  out->mrr = five_mean(out->mrr, out->article_rows);
  for (k = 0; k < FIVE_ABLATIONS; k++)
    out->ablation[k] = five_mean(out->ablation[k], out->rows);
  for (k = 0; k < horizon; k++) {
    out->step[k] = five_mean(out->step[k], out->rollout_rows);
    out->rollout += out->step[k] / (double)horizon;
  }
  out->low = five_mean(out->low, out->low_rows);
  out->normal = five_mean(out->normal, out->normal_rows);
  out->cosine = five_mean(out->cosine, out->rows);
}

int five_run(const five_bank *bank, const int32_t *windows, int64_t rows,
             const five_setting *setting, five_predict predict, void *self, float *scratch,
             five_result *out) {
  const int64_t width = bank->width, context = setting->concepts * width;
  five_random random;
  five_batch b;
  int64_t first;
  int status = 0;

  memset(out, 0, sizeof *out);
  memset(&b, 0, sizeof b);
  memset(&random, 0, sizeof random);
  five_random_start(&random, 17);
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
    status = five_block(&b);
  }
  out->rows = rows;
  five_end(out, setting->horizon);
  return status;
}

int five_gate(int gate, const five_result *r, const five_result *other, int second) {
  const double *d = r->ablation;

  switch (gate) { /* a NaN fails every comparison */
  case FIVE_A:
    return r->offset[FIVE_OFFSETS / 2 + 1] >= (second ? .48 : .50) &&
           r->margin >= (second ? .10 : .12);
  case FIVE_B:
    return r->hit1 >= (second ? .55 : .60) && r->hit5 >= (second ? .92 : .95) &&
           r->mrr >= (second ? .75 : .80);
  case FIVE_C:
    return d[FIVE_SHUFFLED] <= -.15 + 1e-6 && d[FIVE_REVERSED] <= -.10 + 1e-6 &&
           d[FIVE_LEFT_OUT] <= -.08 + 1e-6 && d[FIVE_REPEATED] <= .05 && d[FIVE_CROSS] <= .05;
  case FIVE_D:
    return r->rollout >= (second ? .42 : .45);
  default:
    return other && fabs(r->normal - other->normal) <= .05;
  }
}
