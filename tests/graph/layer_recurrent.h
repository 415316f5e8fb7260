/* References in double for recurrent layers: see layer_net.h. */
#ifndef TESTS_LAYER_RECURRENT_H
#define TESTS_LAYER_RECURRENT_H

static double ref_logistic(double x) { return 1 / (1 + exp(-x)); }

/* w[part]: row o of a part of the matrix times x, and the bias. */
static double ref_gate(const double *w, const double *b, const double *x, int64_t part,
                       int64_t o, int64_t in, int64_t out) {
  double sum = b ? b[part * out + o] : 0;
  for (int64_t k = 0; k < in; k++) sum += w[(part * out + o) * in + k] * x[k];
  return sum;
}

/* PyTorch's formulas, step by step. */
static void ref_layer_recurrent(const ref_call *c) {
  const int lstm = !strcmp(c->name, "lstm");
  const int64_t in = c->in_width[0], n = c->width;
  const int64_t steps = c->node->args.rnn.chunk ? c->node->args.rnn.chunk : c->concepts;
  double *h = zeros(n, sizeof *h), *cell = zeros(n, sizeof *cell),
         *next = zeros(n, sizeof *next);
  for (int64_t row = 0; row < c->rows; row++) {
    const double *x = c->in[0] + row * in;
    const int kept = !c->mask || c->node->every != 1 || c->mask[row];
    if (row % steps == 0) memset(h, 0, (size_t)n * sizeof *h);
    if (row % steps == 0) memset(cell, 0, (size_t)n * sizeof *h);
    for (int64_t o = 0; kept && o < n; o++) {
      double a[4], s[4];
      for (int64_t p = 0; p < (lstm ? 4 : 3); p++) {
        a[p] = ref_gate(ref_weight(c, 0), ref_weight(c, 2), x, p, o, in, n);
        s[p] = ref_gate(ref_weight(c, 1), ref_weight(c, 3), h, p, o, n, n);
      }
      if (lstm) {
        cell[o] =
            ref_logistic(a[1] + s[1]) * cell[o] + ref_logistic(a[0] + s[0]) * tanh(a[2] + s[2]);
        next[o] = ref_logistic(a[3] + s[3]) * tanh(cell[o]);
      } else {
        const double r = ref_logistic(a[0] + s[0]), z = ref_logistic(a[1] + s[1]);
        next[o] = (1 - z) * tanh(a[2] + r * s[2]) + z * h[o];
      }
    }
    if (kept) memcpy(h, next, (size_t)n * sizeof *h);
    memcpy(c->y + row * n, h, (size_t)n * sizeof *h);
  }
  free(h), free(cell), free(next);
}

static void ref_layer_memory_read(const ref_call *c) {
  const int64_t slots = c->node->args.memory_read.slots, zero = c->node->args.memory_read.zero,
                n = c->width;
  const int64_t in = zero ? zero : c->in_width[0];
  const double *memory = ref_weight(c, 0);
  double *none = zeros(in, sizeof *none), *w = zeros(slots, sizeof *w);
  for (int64_t r = 0; r < c->rows; r++) {
    double *y = c->y + r * n, length = 0, sum = 0;
    const double *q = zero ? none : c->in[0] + r * in;
    for (int64_t e = 0; e < n; e++)
      y[e] = ref_gate(ref_weight(c, 1), ref_weight(c, 2), q, 0, e, in, n);
    for (int64_t e = 0; e < n; e++) length += y[e] * y[e];
    for (int64_t s = 0; s < slots; s++) {
      double dot = 0, size = 0;
      for (int64_t e = 0; e < n; e++) dot += y[e] * memory[s * n + e];
      for (int64_t e = 0; e < n; e++) size += memory[s * n + e] * memory[s * n + e];
      w[s] = exp(dot / fmax(sqrt(length), 1e-12) / fmax(sqrt(size), 1e-12));
      sum += w[s];
    }
    memset(y, 0, (size_t)n * sizeof *y);
    for (int64_t s = 0; s < slots; s++)
      for (int64_t e = 0; e < n; e++) y[e] += w[s] / sum * memory[s * n + e];
  }
  free(none), free(w);
}

static void ref_layer_gru_classic(const ref_call *c) {
  const int64_t in = c->in_width[0], n = c->width, both = in + n;
  double *v = zeros(both, sizeof *v), *h = zeros(n, sizeof *h), *r = zeros(n, sizeof *r);
  double *z = zeros(n, sizeof *z);
  for (int64_t row = 0; row < c->rows; row++) {
    if (row % c->concepts == 0) memset(h, 0, (size_t)n * sizeof *h);
    if (row % c->concepts == 0 && c->node->input_count > 1)
      memcpy(h, c->in[1] + row / c->concepts * n, (size_t)n * sizeof *h);
    memcpy(v, c->in[0] + row * in, (size_t)in * sizeof *v);
    memcpy(v + in, h, (size_t)n * sizeof *v);
    for (int64_t o = 0; o < n; o++) {
      r[o] = ref_logistic(ref_gate(ref_weight(c, 0), ref_weight(c, 1), v, 0, o, both, n));
      z[o] = ref_logistic(ref_gate(ref_weight(c, 2), ref_weight(c, 3), v, 0, o, both, n));
    }
    for (int64_t o = 0; o < n; o++) v[in + o] *= r[o];
    for (int64_t o = 0; o < n; o++) {
      const double new = tanh(ref_gate(ref_weight(c, 4), ref_weight(c, 5), v, 0, o, both, n));
      if (!c->mask || c->node->every != 1 || c->mask[row]) h[o] += z[o] * (new - h[o]);
    }
    memcpy(c->y + row * n, h, (size_t)n * sizeof *h);
  }
  free(v), free(h), free(r), free(z);
}

static void ref_layer_memory_write(const ref_call *c) {
  memcpy(c->y, c->in[0], (size_t)(c->rows * c->width) * sizeof *c->y);
}

#define REF_RECURRENT(X)                \
  X(gru, ref_layer_recurrent)           \
  X(lstm, ref_layer_recurrent)          \
  X(memory_read, ref_layer_memory_read) \
  X(gru_classic, ref_layer_gru_classic) X(memory_write, ref_layer_memory_write)

#endif
