/* References in double for RMSNorm, convolution and the selective scan: see layer_net.h. */
#ifndef TESTS_LAYER_MAMBA_H
#define TESTS_LAYER_MAMBA_H

static int ref_masked(const ref_call *c, int64_t s, int64_t t) {
  return c->mask && !c->mask[s * c->concepts + t];
}

static void ref_layer_rmsnorm(const ref_call *c) {
  const double *w = ref_weight(c, 0);
  for (int64_t r = 0; r < c->rows; r++) {
    const double *x = c->in[0] + r * c->width;
    double mean = 0;
    for (int64_t i = 0; i < c->width; i++) mean += x[i] * x[i] / (double)c->width;
    for (int64_t i = 0; i < c->width; i++)
      c->y[r * c->width + i] = w[i] * x[i] / sqrt(mean + (double)c->node->args.rmsnorm.eps);
  }
}

static void ref_layer_softplus(const ref_call *c) {
  for (int64_t e = 0; e < c->rows * c->width; e++) c->y[e] = log1p(exp(c->in[0][e]));
}

static void ref_layer_conv(const ref_call *c) {
  const double *w = ref_weight(c, 0), *bias = ref_weight(c, 1);
  const int64_t n = c->width, kernel = c->node->args.conv.kernel;
  for (int64_t s = 0; s < c->batch; s++)
    for (int64_t t = 0; t < c->concepts; t++)
      for (int64_t i = 0; i < n; i++) {
        double sum = bias[i];
        int64_t j = kernel - 1;
        for (int64_t from = t; from >= 0 && j >= 0; from--)
          if (!ref_masked(c, s, from))
            sum += w[i * kernel + j--] * c->in[0][(s * c->concepts + from) * n + i];
        c->y[(s * c->concepts + t) * n + i] = ref_masked(c, s, t) ? 0 : sum;
      }
}

static void ref_layer_scan(const ref_call *c) {
  const double *a = ref_weight(c, 0), *d = ref_weight(c, 1);
  const int64_t e = c->width, n = c->in_width[2];
  double *h = zeros(n, sizeof *h);
  for (int64_t s = 0; s < c->batch; s++)
    for (int64_t i = 0; i < e; i++) {
      memset(h, 0, (size_t)n * sizeof *h);
      for (int64_t t = 0; t < c->concepts; t++) {
        const int64_t row = s * c->concepts + t;
        const double u = c->in[0][row * e + i], delta = c->in[1][row * e + i];
        double sum = d[i] * u;
        c->y[row * e + i] = 0;
        if (ref_masked(c, s, t)) continue;
        for (int64_t k = 0; k < n; k++) {
          h[k] = exp(-exp(a[i * n + k]) * delta) * h[k] + u * c->in[2][row * n + k];
          sum += h[k];
        }
        c->y[row * e + i] = sum;
      }
    }
  free(h);
}

#define REF_MAMBA(X)            \
  X(rmsnorm, ref_layer_rmsnorm) \
  X(softplus, ref_layer_softplus) X(conv, ref_layer_conv) X(scan, ref_layer_scan)

#endif
