/* Stochastic gradient descent with momentum, as torch.optim.SGD. */
#include <math.h>

#include "train/optimizer.h"

/* real: momentum, dampening, nesterov, weight_decay */

static const char *sgd_refuse(const double *real) {
  if (real[2] != 0 && (real[0] == 0 || real[1] != 0))
    return "nesterov=1 needs momentum, and no dampening";
  return NULL;
}

static int32_t sgd_moments(const double *real) { return real[0] != 0; }

static void sgd_prepare(const double *real, double lr, double scale, uint64_t step,
                        lnspi_update *update) {
  lnspi_sgd *a = &update->as.sgd;
  a->lr = (float)lr;
  a->momentum = (float)real[0];
  a->undamped = (float)(1.0 - real[1]);
  a->nesterov = real[2] != 0;
  a->l2 = (float)real[3];
  a->scale = (float)scale;
  a->first = step == 1;
}

static void sgd_apply(const lnspi_kernels *k, const lnspi_update *update, float *w,
                      float *const moment[LNSPI_MOMENTS], const float *g, int64_t n) {
  k->sgd(w, moment[0], g, n, &update->as.sgd);
}

static void sgd_bound(const double *real, const lnspi_update *update, double gradient,
                      lnspi_bounds *bounds) {
  const lnspi_sgd *a = &update->as.sgd;
  double g = gradient * (double)a->scale + (double)a->l2 * bounds->weight, u = g;
  (void)real;
  if (a->momentum != 0.f) {
    double undamped = a->first ? 1.0 : fabs((double)a->undamped);
    bounds->moment = 1.0001 * ((double)a->momentum * bounds->moment + undamped * g);
    u = bounds->moment * (a->nesterov ? (double)a->momentum : 1.0) + g;
  }
  bounds->weight = 1.0001 * (bounds->weight + (double)a->lr * u);
}

const lnspi_optimizer lnspi_optimizer_sgd = {
    .name = "sgd",
    .help = "sgd [lr=1e-3] [momentum=0] [dampening=0] [nesterov=0|1] [weight_decay=0]: "
            "stochastic gradient descent",
    .keys = "momentum=0:0:.9999999 dampening=0:0:1 #nesterov=0:0:1 weight_decay=0:0:1e3",
    .moment_name = {"momentum_buffer", NULL},
    .squares = -1,
    .refuse = sgd_refuse,
    .moments = sgd_moments,
    .prepare = sgd_prepare,
    .apply = sgd_apply,
    .bound = sgd_bound,
};
