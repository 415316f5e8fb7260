/* The kernel set "cblas", in builds with CBLAS=1: near the scalar one, though not its
 * bits; nowhere unless asked for. */
#include "kernels/dispatch.h"
#include "kernels/kernels.h"
#include "kernels/packed.h"
#include "run/model.h"
#include "train/trainer.h"
#include "support.h"

static const lnspi_kernels *set;

static float *vectors(int64_t n, uint32_t seed) {
  float *x = malloc((size_t)n * sizeof *x);
  support_fill(x, (size_t)n, seed);
  return x;
}

/* Largest difference, and whether any bit differs. */
static double apart(const float *a, const float *b, int64_t n, int *differ) {
  double most = 0;
  for (int64_t i = 0; i < n; i++) {
    const double d = fabs((double)a[i] - (double)b[i]);
    if (!(d <= most)) most = d; /* NaN too */
  }
  *differ |= memcmp(a, b, (size_t)n * sizeof *a) != 0;
  return most;
}

static float *packed(int64_t in, int64_t out, uint32_t seed) {
  float *rows = vectors(in * out, seed);
  float *w = calloc((size_t)lnspi_packed_floats(in, out), sizeof *w);
  lnspi_packed_from_rows(w, in, out, 0, out, rows, in);
  free(rows);
  return w;
}

/* Elements are below 1, so sums of n terms are within n * n * 2^-24 of each other. */
static double near_enough(int64_t n) { return (double)n * (double)n * 0x1p-24 + 1e-6; }

static void products_are_near(void) {
  static const int64_t widths[] = {1, 16, 33, 64, 130, 384};
  int differ = 0;
  for (int a = 0; a < 6; a++)
    for (int b = 0; b < 6; b++)
      for (int64_t rows = 63; rows <= 257; rows += 97) {
        const int64_t in = widths[a], out = widths[b], ldx = lnspi_round16(in) + 16;
        const int64_t ldy = lnspi_round16(out) + 32;
        float *w = packed(in, out, 3), *x = vectors(rows * ldx, 4), *bias = vectors(ldy, 5);
        float *y = vectors(rows * ldy, 6), *y2 = vectors(rows * ldy, 6);
        float *dx = vectors(rows * ldx, 7), *dx2 = vectors(rows * ldx, 7);
        int here = 0;
        for (int64_t o = out; o < ldy; o++) bias[o] = 0;
        for (int with = 0; with < 2; with++) {
          lnspi_kernels_scalar.linear(w, with ? bias : NULL, x, ldx, y, ldy, rows, in, out);
          set->linear(w, with ? bias : NULL, x, ldx, y2, ldy, rows, in, out);
          CHECK(apart(y, y2, rows * ldy, &here) <= near_enough(in)); /* and nothing beyond */
        }
        for (int64_t r = 0; r < rows; r++) /* pads are zeros, as a gradient's */
          for (int64_t o = out; o < lnspi_round16(out); o++) y[r * ldy + o] = 0;
        for (int pad = 0; pad < 2; pad++) {
          lnspi_kernels_scalar.linear_dx(w, y, ldy, dx, ldx, rows, in, out, 0, in, pad);
          set->linear_dx(w, y, ldy, dx2, ldx, rows, in, out, 0, in, pad);
          CHECK(apart(dx, dx2, rows * ldx, &here) <= near_enough(out) * (double)(in + 1));
        }
        if (rows < 64) CHECK(!here); /* its own products then */
        differ |= here;
        free(w), free(x), free(bias), free(y), free(y2), free(dx), free(dx2);
      }
  CHECK(differ); /* or no BLAS was called */
}

static void gradients_are_near(void) {
  int differ = 0;
  for (int64_t lanes = 16; lanes <= 64; lanes += 16)
    for (int64_t rows = 255; rows <= 600; rows += 115)
      for (int64_t kn = 1; kn <= 81; kn += 40) {
        const lnspi_adam a = {.9f, .1f, .999f, .0316227768f, 1e-3f, 1, 1e-8f, .7f, 1, .01f};
        const int64_t n = kn * lanes;
        float *d = vectors(rows * 80, 1), *x = vectors(rows * 96, 2);
        float *g = vectors(n, 3), *g2 = vectors(n, 3);
        float *w[2], *m[2], *v[2];
        int here = 0;
        for (int i = 0; i < 2; i++) {
          w[i] = vectors(n, 4), m[i] = vectors(n, 5), v[i] = vectors(n, 6);
          for (int64_t j = 0; j < n; j++) v[i][j] = fabsf(v[i][j]) + 1;
        }
        for (int add = 0; add < 2; add++) {
          lnspi_kernels_scalar.grad_strip(g, lanes, d, 80, x, 96, rows, kn, add);
          set->grad_strip(g2, lanes, d, 80, x, 96, rows, kn, add);
          CHECK(apart(g, g2, n, &here) <= near_enough(rows));
        }
        lnspi_kernels_scalar.grad_adam(w[0], m[0], v[0], lanes, d, 80, x, 96, rows, kn, &a);
        set->grad_adam(w[1], m[1], v[1], lanes, d, 80, x, 96, rows, kn, &a);
        CHECK(apart(w[0], w[1], n, &here) <= 1e-5);
        CHECK(apart(m[0], m[1], n, &here) <= near_enough(rows));
        CHECK(apart(v[0], v[1], n, &here) <= near_enough(rows));
        if (rows < 256) CHECK(!here);
        differ |= here;
        for (int i = 0; i < 2; i++) free(w[i]), free(m[i]), free(v[i]);
        free(d), free(x), free(g), free(g2);
      }
  CHECK(differ);
}

static void steps_are_near(void) {
  const char *isas[] = {"scalar", "cblas"};
  float loss[2] = {0, 1}, *x = vectors(300 * 70, 1), *y = vectors(300 * 40, 2);
  lnsp_model *model = NULL;
  CHECK_OK(
      lnsp_model_create("lnsp 1; x=input 70; h=linear x 90 w=a; h=relu h; o=linear h 40 w=b;"
                        "output output=o",
                        1, NULL, &model, &support_error));
  for (int i = 0; i < 2; i++) {
    lnsp_options options = {.struct_size = sizeof options, .isa = isas[i]};
    lnsp_size_options limits = {.struct_size = sizeof limits, .max_rows = 300};
    lnsp_tensor in[2] = {lnsp_tensor_f32("input", x, 2, 300, 70, 0),
                         lnsp_tensor_f32("target", y, 2, 300, 40, 0)};
    lnsp_trainer *trainer = NULL;
    CHECK_OK(lnsp_trainer_create(model, "mse", "adam lr=1e-3", &limits, &options, &trainer,
                                 &support_error));
    CHECK_STR(lnsp_trainer_isa(trainer), isas[i]);
    for (int step = 0; step < 20; step++)
      CHECK_OK(lnsp_trainer_step(trainer, in, 2, &loss[i], &support_error));
    lnsp_trainer_destroy(trainer);
  }
  CHECK_NEAR(loss[1], loss[0], 1e-4);
  CHECK(loss[0] < .34f); /* it learnt: the mean square of the targets is 1/3 */
  lnsp_model_destroy(model);
  free(x), free(y);
}

static void only_where_asked_for(void) {
  int32_t listed = 0;
  for (int32_t i = 0; lnsp_list_name(LNSP_LIST_ISAS, i); i++) {
    if (!strcmp(lnsp_list_name(LNSP_LIST_ISAS, i), "cblas")) {
      listed++;
      CHECK(lnsp_list_help(LNSP_LIST_ISAS, i) != NULL);
    }
  }
  CHECK_INT(listed, set != NULL);
  CHECK(strcmp(lnsp_isa_best(), "cblas") != 0);
  for (int32_t i = 0; lnspi_dispatch_at(i); i++) CHECK(lnspi_dispatch_at(i) != set);
  if (set)
    CHECK_OK(lnsp_isa_check("cblas", &support_error));
  else
    CHECK_REFUSED(lnsp_isa_check("cblas", &support_error), LNSP_E_UNKNOWN);
}

int main(void) {
  support_use_all();
  set = lnspi_dispatch_cblas();
  RUN(only_where_asked_for);
  if (set) {
    RUN(products_are_near);
    RUN(gradients_are_near);
    RUN(steps_are_near);
  } else {
    SKIP(products_are_near, "built without CBLAS=1");
    SKIP(gradients_are_near, "built without CBLAS=1");
    SKIP(steps_are_near, "built without CBLAS=1");
  }
  FINISH();
}
