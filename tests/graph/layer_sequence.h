/* References in double for layers that join or part values: see layer_net.h. */

#include "kernels/random.h"
#ifndef TESTS_LAYER_SEQUENCE_H
#define TESTS_LAYER_SEQUENCE_H

/* Whether row t of sequence b of an input counts. */
static int ref_keeps(const ref_call *c, int input, int64_t b, int64_t t) {
  return !c->mask || c->in_concepts[input] != c->n->concepts || c->mask[b * c->n->concepts + t];
}

static void ref_last(const ref_call *c) {
  const int64_t span = c->in_concepts[0] / c->concepts, w = c->width;
  for (int64_t r = 0; r < c->rows; r++) {
    const int64_t b = r / c->concepts, first = r % c->concepts * span;
    int64_t last = first + span - 1;
    for (int64_t t = first; t < first + span; t++)
      if (ref_keeps(c, 0, b, t)) last = t;
    memcpy(c->y + r * w, c->in[0] + (b * c->in_concepts[0] + last) * w,
           (size_t)w * sizeof(double));
  }
}

static void ref_first(const ref_call *c) {
  for (int64_t b = 0; b < c->batch; b++) {
    int64_t t = 0;
    while (!ref_keeps(c, 0, b, t)) t++;
    memcpy(c->y + b * c->width, c->in[0] + (b * c->in_concepts[0] + t) * c->width,
           (size_t)c->width * sizeof(double));
  }
}

static void ref_mean(const ref_call *c) {
  for (int64_t b = 0; b < c->batch; b++)
    for (int64_t e = 0; e < c->width; e++) {
      double sum = 0, kept = 0;
      int64_t length = c->in_concepts[0];
      while (!ref_keeps(c, 0, b, length - 1)) length--;
      int64_t first = 0;
      while (!ref_keeps(c, 0, b, first)) first++;
      if (first < length - 1) length -= c->node->args.mean.skip_last; /* one alone stays */
      for (int64_t t = 0; t < length; t++)
        if (ref_keeps(c, 0, b, t)) {
          sum += c->in[0][(b * c->in_concepts[0] + t) * c->width + e];
          kept++;
        }
      c->y[b * c->width + e] = sum / kept;
    }
}

static void ref_flatten(const ref_call *c) {
  memcpy(c->y, c->in[0], (size_t)(c->rows * c->width) * sizeof(double));
}

static void ref_concat(const ref_call *c) {
  for (int64_t r = 0; r < c->rows; r++) {
    int64_t at = 0;
    for (int i = 0; i < c->node->input_count; i++)
      for (int64_t e = 0; e < c->in_width[i]; e++)
        c->y[r * c->width + at++] = c->in[i][r * c->in_width[i] + e];
  }
}

static void ref_slice(const ref_call *c) {
  for (int64_t r = 0; r < c->rows; r++)
    for (int64_t e = 0; e < c->width; e++)
      c->y[r * c->width + e] = c->in[0][r * c->in_width[0] + c->node->args.slice.from + e];
}

static void ref_repeat(const ref_call *c) {
  for (int64_t r = 0; r < c->rows; r++)
    for (int64_t e = 0; e < c->width; e++)
      c->y[r * c->width + e] = c->in[0][r / c->concepts * c->width + e];
}

static void ref_mul(const ref_call *c) {
  for (int64_t e = 0; e < c->rows * c->width; e++) c->y[e] = c->in[0][e] * c->in[1][e];
}

static void ref_scale(const ref_call *c) {
  for (int64_t e = 0; e < c->rows * c->width; e++)
    c->y[e] = c->in[0][e] * (double)c->node->args.scale.by;
}

static void ref_dot(const ref_call *c) {
  for (int64_t r = 0; r < c->rows; r++) {
    double sum = 0;
    for (int64_t e = 0; e < c->in_width[0]; e++)
      sum += c->in[0][r / c->concepts * c->in_width[0] + e] * c->in[1][r * c->in_width[0] + e];
    c->y[r] = sum * (double)c->node->args.dot.scale;
  }
}

static void ref_softmax(const ref_call *c) {
  const int over = c->node->args.softmax.over_concepts;
  const int64_t n = over ? c->concepts : c->width, groups = c->rows * c->width / n;
  for (int64_t g = 0; g < groups; g++) {
    double total = 0;
    for (int64_t i = 0; i < n; i++)
      if (!over || ref_keeps(c, 0, g, i)) total += exp(c->in[0][g * n + i]);
    for (int64_t i = 0; i < n; i++)
      c->y[g * n + i] = !over || ref_keeps(c, 0, g, i) ? exp(c->in[0][g * n + i]) / total : 0;
  }
}

static void ref_weighted_sum(const ref_call *c) {
  const int64_t length = c->in_concepts[1];
  for (int64_t b = 0; b < c->batch; b++)
    for (int64_t e = 0; e < c->width; e++) {
      double sum = 0;
      for (int64_t t = 0; t < length; t++)
        if (ref_keeps(c, 1, b, t))
          sum += c->in[0][b * length + t] * c->in[1][(b * length + t) * c->width + e];
      c->y[b * c->width + e] = sum;
    }
}

/* Element e draws number e: words below p are zero. */
static void ref_dropout(const ref_call *c) {
  const double p = (double)c->node->args.dropout.p;
  for (int64_t e = 0; e < c->rows * c->width; e++) {
    const double drawn =
        lnspi_random(99, 0, (uint32_t)(c->node - c->n->graph->nodes), (uint32_t)e);
    c->y[e] = c->n->calm ? c->in[0][e] : drawn < p * 4294967296.0 ? 0 : c->in[0][e] / (1 - p);
  }
}

#define REF_SEQUENCE(X)             \
  X(last, ref_last)                 \
  X(first, ref_first)               \
  X(mean, ref_mean)                 \
  X(flatten, ref_flatten)           \
  X(concat, ref_concat)             \
  X(slice, ref_slice)               \
  X(repeat, ref_repeat)             \
  X(mul, ref_mul)                   \
  X(scale, ref_scale)               \
  X(dot, ref_dot)                   \
  X(softmax, ref_softmax)           \
  X(weighted_sum, ref_weighted_sum) \
  X(dropout, ref_dropout)

#endif
