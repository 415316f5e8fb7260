/* References in double for attention, positions and embeddings: see layer_net.h. */
#ifndef TESTS_LAYER_ATTENTION_H
#define TESTS_LAYER_ATTENTION_H

static void ref_attention(double *y, const double *x, const double *in_w, const double *in_b,
                          const double *out_w, const double *out_b, int64_t batch,
                          int64_t length, int64_t d, int64_t heads) {
  const int64_t rows = batch * length, head = d / heads;
  double *qkv = zeros(rows * 3 * d, sizeof *qkv), *o = zeros(rows * d, sizeof *o);
  double *p = zeros(length, sizeof *p);
  ref_linear(qkv, x, in_w, in_b, rows, d, 3 * d);
  for (int64_t b = 0; b < batch; b++)
    for (int64_t h = 0; h < heads; h++)
      for (int64_t i = 0; i < length; i++) {
        const double *q = qkv + (b * length + i) * 3 * d + h * head;
        double total = 0;
        for (int64_t j = 0; j < length; j++) {
          const double *k = qkv + (b * length + j) * 3 * d + d + h * head;
          double s = 0;
          for (int64_t e = 0; e < head; e++) s += q[e] * k[e];
          total += p[j] = exp(s / sqrt((double)head));
        }
        for (int64_t j = 0; j < length; j++)
          for (int64_t e = 0; e < head; e++)
            o[(b * length + i) * d + h * head + e] +=
                p[j] / total * qkv[(b * length + j) * 3 * d + 2 * d + h * head + e];
      }
  ref_linear(y, o, out_w, out_b, rows, d, d);
  free(qkv);
  free(o);
  free(p);
}

static void ref_layer_attention(const ref_call *c) {
  ref_attention(c->y, c->in[0], ref_weight(c, 0), ref_weight(c, 1), ref_weight(c, 2),
                ref_weight(c, 3), c->batch, c->concepts, c->width, c->node->number[0]);
}

#define REF_ATTENTION(X) X(attention, ref_layer_attention)

#endif
