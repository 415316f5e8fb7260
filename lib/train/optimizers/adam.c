/* Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019), with the
 * formulas of torch.optim.Adam and torch.optim.AdamW. */
#include <math.h>

#include "kernels/f64.h"
#include "train/optimizer.h"

/* real: beta1, beta2, eps, weight_decay, moments (1: in 8 bits) */

static int adam_moments8(const double *real) { return real[4] != 0; }

/* Beyond, a scale of 16 bits would stay where it is. */
static const char *adam_refuse(const double *real) {
  if (adam_moments8(real) && real[1] > .9999)
    return "moments=8bit needs a second beta of at most .9999";
  return NULL;
}

static int32_t adam_moments(const double *real) {
  (void)real;
  return 2;
}

static void adam_prepare_common(const double *real, double lr, double scale, uint64_t step,
                                lnspi_adam *a) {
  a->beta1 = (float)real[0];
  a->c1 = (float)(1.0 - real[0]);
  a->beta2 = (float)real[1];
  a->s2 = (float)sqrt(1.0 - real[1]);
  a->step = (float)(lr / (1.0 - lnspi_f64_power(real[0], step)));
  a->rsqrt_bc2 = (float)(1.0 / sqrt(1.0 - lnspi_f64_power(real[1], step)));
  a->eps = (float)real[2];
  a->scale = (float)scale;
  a->decay = 1.f;
  a->l2 = 0.f;
}

static void adam_prepare(const double *real, double lr, double scale, uint64_t step,
                         lnspi_update *update) {
  adam_prepare_common(real, lr, scale, step, &update->as.adam);
  update->as.adam.l2 = (float)real[3];
}

static void adam_prepare_decoupled(const double *real, double lr, double scale, uint64_t step,
                                   lnspi_update *update) {
  adam_prepare_common(real, lr, scale, step, &update->as.adam);
  update->as.adam.decay = (float)(1.0 - lr * real[3]);
}

static void adam_apply(const lnspi_kernels *k, const lnspi_update *update, float *w,
                       float *const moment[LNSPI_MOMENTS], const float *g, int64_t n) {
  k->adam(w, moment[0], moment[1], g, n, &update->as.adam);
}

static void adam_apply_moments8(const lnspi_kernels *k, const lnspi_update *update, float *w,
                                const lnspi_moments8 *moments, const float *g, int64_t n) {
  k->adam8(w, moments, g, n, &update->as.adam);
}

static void adam_apply_strip(const lnspi_kernels *k, const lnspi_update *update, float *w,
                             float *const moment[LNSPI_MOMENTS], int64_t lanes, const float *d,
                             int64_t ldd, const float *x, int64_t ldx, int64_t rows,
                             int64_t kn) {
  k->grad_adam(w, moment[0], moment[1], lanes, d, ldd, x, ldx, rows, kn, &update->as.adam);
}

/* |m| <= beta1 |m| + c1 |g|, and the step is at most |m| / eps, which must not
 * overflow even where the rate then makes it small, or zero. */
static void adam_bound(const double *real, const lnspi_update *update, double gradient,
                       lnspi_bounds *bounds) {
  const lnspi_adam *a = &update->as.adam;
  double g = gradient * (double)a->scale + (double)a->l2 * bounds->weight;
  double before = bounds->moment;
  double moment = 1.0001 * ((double)a->beta1 * bounds->moment + (double)a->c1 * g);
  double quotient = moment / (double)a->eps;
  bounds->weight =
      quotient <= 1e38
          ? 1.0001 * (bounds->weight * fabs((double)a->decay) + (double)a->step * quotient)
          : INFINITY;
  bounds->moment = moment > g ? moment : g; /* v must hold g squared */
  if (adam_moments8(real)) /* the largest of a block may be rounded up */
    bounds->moment = 1.0001 * (before > bounds->moment ? before : bounds->moment);
}

#define ADAM_KEYS(decay) \
  "betas=.9,.999:0:.9999999 eps=1e-8:1e-30:1e3 weight_decay=" decay ":0:1e3 moments=32bit,8bit"

const lnspi_optimizer lnspi_optimizer_adamw = {
    .name = "adamw",
    .help = "adamw [lr=1e-3] [betas=.9,.999] [eps=1e-8] [weight_decay=.01] "
            "[moments=32bit|8bit]: Adam, weights decayed by lr * weight_decay",
    .keys = ADAM_KEYS(".01"),
    .moment_name = {"exp_avg", "exp_avg_sq"},
    .squares = 1,
    .refuse = adam_refuse,
    .moments = adam_moments,
    .prepare = adam_prepare_decoupled,
    .apply = adam_apply,
    .moments8 = adam_moments8,
    .apply_moments8 = adam_apply_moments8,
    .apply_strip = adam_apply_strip,
    .bound = adam_bound,
};

const lnspi_optimizer lnspi_optimizer_adam = {
    .name = "adam",
    .help = "adam [lr=1e-3] [betas=.9,.999] [eps=1e-8] [weight_decay=0] [moments=32bit|8bit]: "
            "Adam, the decay added to the gradient",
    .keys = ADAM_KEYS("0"),
    .moment_name = {"exp_avg", "exp_avg_sq"},
    .squares = 1,
    .refuse = adam_refuse,
    .moments = adam_moments,
    .prepare = adam_prepare,
    .apply = adam_apply,
    .moments8 = adam_moments8,
    .apply_moments8 = adam_apply_moments8,
    .apply_strip = adam_apply_strip,
    .bound = adam_bound,
};
