/* Losses against PyTorch and against differences of references in double. */
#include "loss_cases.h"
#include "format/safetensors.h"
#include "kernels/dispatch.h"
#include "kernels/kernels.h"
#include "train/loss_text.h"
#include "loss_reference.h"

#define CASE "tests/data/conformance/losses.case.safetensors"

/* ---- PyTorch's numbers ---------------------------------------------------- */

/* A tensor of the file with its values, which the caller frees; data NULL without it. */
static lnsp_tensor case_read(lnsp_file *file, const char *name) {
  lnsp_tensor t;
  memset(&t, 0, sizeof t);
  if (lnsp_file_tensor(file, name, &t, NULL)) return t;
  int64_t count = 1;
  for (int i = 0; i < t.rank; i++) count *= t.dims[i];
  t.data = malloc(sizeof(float) * (size_t)count);
  t.dtype = LNSP_F32;
  t.name = name;
  memset(t.strides, 0, sizeof t.strides);
  CHECK_INT(lnsp_file_read(file, name, 0, count, LNSP_F32, t.data, NULL), LNSP_OK);
  return t;
}

static double relative(const float *a, const float *b, int64_t n) {
  double difference = 0, size = 0;
  for (int64_t i = 0; i < n; i++) {
    difference += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    size += (double)b[i] * b[i];
  }
  return sqrt(difference / (size > 0 ? size : 1));
}

/* A loss text against the file's value.<key> and grad.<key>; 0 if it does not have them. */
static int case_loss(lnsp_file *file, const char *key, const char *text) {
  static const char *const names[] = {"p",    "t",   "positive", "negative",
                                      "prev", "neg", "ctx",      "future"};
  enum { NAMES = sizeof names / sizeof *names };
  char value_name[64], grad_name[64];
  lnsp_tensor tensors[NAMES], gradient;
  lnsp_error error;
  float value = -1;
  int count = 0;
  snprintf(value_name, sizeof value_name, "value.%s", key);
  snprintf(grad_name, sizeof grad_name, "grad.%s", key);
  lnsp_tensor expected = case_read(file, value_name), grad = case_read(file, grad_name);
  if (!expected.data) return 0;
  for (int i = 0; i < NAMES; i++) {
    tensors[count] = case_read(file, names[i]);
    count += tensors[count].data != NULL;
  }
  int64_t rows = grad.dims[0], width = grad.dims[1];
  float *out = calloc((size_t)(rows * width), sizeof(float));
  gradient = matrix(NULL, out, rows, width);
  int32_t status = lnsp_loss_evaluate(text, tensors, count, &value, &gradient, NULL, &error);
  CHECK_SAY(status == LNSP_OK, "%s: %s", text, error.message);
  if (status == LNSP_OK) {
    double real = (double)*(float *)expected.data;
    CHECK_SAY(fabs((double)value - real) <= 2e-6 * fabs(real), "%s: %.9g, expected %.9g", text,
              (double)value, real);
    CHECK_SAY(relative(out, grad.data, rows * width) < 2e-6, "%s: gradient is off by %g", text,
              relative(out, grad.data, rows * width));
  }
  for (int i = 0; i < count; i++) free(tensors[i].data);
  free(expected.data);
  free(grad.data);
  free(out);
  return 1;
}

static void pytorch(void) {
  lnsp_file *file = NULL;
  int found = 0;
  CHECK_INT(lnsp_file_open(CASE, NULL, &file, NULL), LNSP_OK);
  if (!file) return;
  for (int i = 0; lnspi_loss_at(i); i++)
    found += case_loss(file, lnspi_loss_at(i)->name, lnspi_loss_at(i)->name);
  CHECK_SAY(found == 19, "%d losses are in the case file", found);
  CHECK(case_loss(file, "mse", "mse"));
  lnsp_file_destroy(file);
}

/* Losses and arguments that the case file does not have; tests/tools/loss_numbers.py made
 * this one, and has the same texts. */
static void pytorch_more(void) {
  static const char *const all[][2] = {
      {"margin_ratio", "margin_ratio"},
      {"micro_direction", "micro_direction"},
      {"positive_floor", "positive_floor floor=0.9"},
      {"teacher_floor", "teacher_floor floor=0.7"},
      {"future_margin", "future_margin margin=0.6"},
      {"variance_raw", "variance of=raw"},
      {"hard_negative", "hard_negative margin=1"},
      {"listwise", "listwise"},
      {"rehearsal", "rehearsal"},
      {"nce_extra", "info_nce negatives=3"},
      {"nce_hot", "info_nce tau=0.01"},
      {"nce_duplicates", "info_nce tau=0.1 duplicates=mask"},
      {"nce_context", "info_nce tau=0.1 context=mask"},
      {"nce_masked", "info_nce tau=0.1 duplicates=mask context=mask negatives=3"},
      {"nce_symmetric_masked", "info_nce_symmetric duplicates=mask context=mask"},
      {"unified", "mse + 0.5*info_nce_symmetric + 0.3*moment + 0.2*variance"},
      {"mmd", "mmd"},
      {"mmd_given", "mmd sigma=.6"},
      {"bce", "bce"},
      {"huber", "huber delta=.1"},
      {"p7", "info_nce_negatives gate=.6 + .5*margin margin=.07 gate=.6 + "
             ".2*teacher_floor floor=.7 until=100 + 9*mse from=1"},
      {"p8", "listwise + .5*margin margin=.07"},
      {"auto", "mse + margin margin=.5 auto=.1 low=1e-4 high=.5"},
      {"auto_high", "mse + margin margin=.5 auto=.1 low=1e-4 high=2e-2"},
      {"auto_low", "mse every=3 + margin margin=.5 auto=.001 low=.05 high=.1"},
      {"ramp", "mse + margin margin=.5 ramp=.3 full=.9 + mse ramp=.98 full=.99"},
      {"echo_first", "echo rows=2"},
  };
  lnsp_file *file = NULL;
  CHECK_INT(lnsp_file_open("tests/data/losses.safetensors", NULL, &file, NULL), LNSP_OK);
  if (!file) return;
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    CHECK_SAY(case_loss(file, all[i][0], all[i][1]), "no numbers for %s", all[i][0]);
  lnsp_file_destroy(file);
}

/* ---- differences of the references in double ----------------------------------- */

/* One loss at one size: value and every operand's gradient against central
 * differences of the reference. Gradients must be added, times weight, and pads
 * must stay. */
static void differences(const char *text, reference *of, int64_t rows, int64_t width) {
  lnspi_loss_term terms[LNSPI_LOSS_TERMS];
  int32_t count = 0;
  int64_t ld = lnspi_round16(width) + 16, n = rows * width;
  int64_t many[4];
  double *x[4] = {NULL, NULL, NULL, NULL};
  float *f[4], *d[4];
  lnspi_loss_call call;
  CHECK_INT(lnspi_loss_text_parse(text, terms, &count, NULL), LNSP_OK);
  if (count != 1) return;
  const lnspi_loss *loss = terms[0].loss;
  lnspi_loss_start(&call);
  call.k = lnspi_dispatch_select("scalar", NULL);
  call.rows = call.length = rows;
  call.pass = LOSS_PASS;
  call.width = width;
  call.weight = .75f;
  call.real = terms[0].real;
  noise_state = (uint32_t)(rows * 7919 + width);
  for (int o = 0; o < LNSPI_LOSS_OPERANDS; o++) {
    if (!lnspi_loss_uses(loss, call.real, o)) continue;
    if (loss->operand[o].kind == LNSPI_OPERAND_SET) call.each[o] = SET;
    if (loss->operand[o].kind == LNSPI_OPERAND_CONTEXT) {
      call.each[o] = CONTEXT;
      call.share[o] = SHARE;
    }
    many[o] = (rows + call.share[o] - 1) / call.share[o] * call.each[o];
    n = many[o] * width;
    x[o] = malloc(sizeof(double) * (size_t)n);
    f[o] = calloc((size_t)(many[o] * ld), sizeof(float));
    d[o] = calloc((size_t)(many[o] * ld), sizeof(float));
    for (int64_t i = 0; i < n; i++) {
      f[o][i / width * ld + i % width] = noise();
      x[o][i] = (double)f[o][i / width * ld + i % width];
    }
    for (int64_t i = 0; i < many[o] * ld; i++) d[o][i] = .5f;
    call.x[o] = f[o];
    call.d[o] = d[o];
    call.ld[o] = ld;
  }
  int64_t scratch = loss->scratch_floats(&call);
  call.scratch = malloc(sizeof(float) * (size_t)(scratch + 1));
  memset(call.scratch, 0xff, sizeof(float) * (size_t)scratch); /* NaN: as it comes */
  call.scratch[scratch] = 42;
  double value = loss->evaluate(&call), expected = of(x, rows, width, terms[0].real);
  CHECK_SAY(call.scratch[scratch] == 42, "%s writes behind its scratch", text);
  CHECK_SAY(fabs(value - expected) <= 2e-6 * (1 + fabs(expected)), "%s: %.9g, expected %.9g",
            text, value, expected);
  for (int o = 0; o < LNSPI_LOSS_OPERANDS; o++) {
    double worst = 0, largest = 1e-3;
    if (!x[o]) continue;
    n = many[o] * width;
    for (int64_t i = 0; i < n; i++) {
      double keep = x[o][i], h = 1e-5;
      x[o][i] = keep + h;
      double up = of(x, rows, width, terms[0].real);
      x[o][i] = keep - h;
      double down = of(x, rows, width, terms[0].real);
      x[o][i] = keep;
      double slope = .75 * (up - down) / (2 * h);
      double got = (double)d[o][i / width * ld + i % width] - .5;
      largest = fmax(largest, fabs(slope));
      worst = fmax(worst, fabs(got - slope));
    }
    CHECK_SAY(worst < 1e-5 + 1e-4 * largest,
              "%s [%lld, %lld]: gradient of operand %d is off by %g of %g", text,
              (long long)rows, (long long)width, o, worst, largest);
    for (int64_t i = 0; i < many[o] * ld; i++)
      if (i % ld >= width) CHECK(d[o][i] == .5f);
  }
  for (int o = 0; o < LNSPI_LOSS_OPERANDS; o++) {
    if (!x[o]) continue;
    free(x[o]);
    free(f[o]);
    free(d[o]);
  }
  free(call.scratch);
}

static void finite_differences(void) {
  static const struct {
    const char *text;
    reference *of;
  } all[] = {
      {"mse", ref_mse},
      {"cosine", ref_cosine},
      {"alignment", ref_alignment},
      {"alignment kind=mse", ref_alignment},
      {"triplet margin=2", ref_triplet},
      {"triplet", ref_triplet},
      {"triplet kind=l2 margin=.7", ref_triplet},
      {"cosine_mse", ref_cosine_mse},
      {"cosine_mse cosine=2 mse=.5", ref_cosine_mse},
      {"rehearsal lambda=.3", ref_rehearsal},
      {"echo", ref_cosine},
      {"huber delta=.4", ref_huber},
      {"bce", ref_bce},
      {"sampled_nce tau=.3", ref_sampled},
      {"sampled_nce tau=.5 samples=2 seed=5", ref_sampled},
      {"mmd sigma=.9", ref_mmd},
      {"attention_diversity", ref_attention},
      {"margin margin=.3", ref_margin},
      {"margin_smooth margin=.2", ref_margin_smooth},
      {"margin_smooth gamma=100 margin=1", ref_margin_smooth},
      {"margin_ratio", ref_margin_ratio},
      {"micro_direction", ref_micro_direction},
      {"anticopy margin=.2", ref_anticopy},
      {"future_margin margin=.2", ref_future},
      {"positive_floor floor=.5", ref_floor},
      {"teacher_floor", ref_teacher_floor},
      {"teacher_floor floor=-1", ref_teacher_floor},
      {"orthogonality", ref_orthogonality},
      {"norm", ref_norm},
      {"listwise tau=.8", ref_listwise},
      {"info_nce_negatives tau=.3", ref_own},
      {"info_nce tau=.2", ref_nce},
      {"info_nce tau=.2 context=mask duplicates=mask negatives=5", ref_nce},
      {"info_nce_symmetric tau=.2", ref_nce_both},
      {"info_nce_symmetric tau=.2 context=mask", ref_nce_both},
      {"moment", ref_moment}, /* from here on, two rows at least */
      {"variance", ref_variance},
      {"variance of=raw", ref_variance},
      {"hard_negative k=2 margin=1", ref_hard},
      {"nuclear_diversity", ref_diversity},
      {"nuclear_diversity kind=mean", ref_diversity},
      {"nuclear_diversity kind=hinge target=.05", ref_diversity},
  };
  static const int64_t sizes[][2] = {{2, 3}, {3, 16}, {5, 17}, {7, 40}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
      differences(all[i].text, all[i].of, sizes[s][0], sizes[s][1]);
  for (size_t i = 0; strcmp(all[i].text, "moment"); i++)
    differences(all[i].text, all[i].of, 1, 9);
}

/* Below the smallest norm, torch divides by 1e-12 and lets no gradient through
 * the norm. */
static void small_norms(void) {
  float p[4] = {3e-13f, 0, 4e-13f, 0}, t[4] = {1, 0, 0, 0}, g[4], value;
  float zero[4] = {0, 0, 0, 0};
  lnsp_tensor in[2] = {matrix("p", p, 1, 4), matrix("t", t, 1, 4)}, out = matrix("", g, 1, 4);
  CHECK_INT(lnsp_loss_evaluate("cosine", in, 2, &value, &out, NULL, NULL), LNSP_OK);
  CHECK_NEAR(value, 1 - .3, 1e-6);
  CHECK_NEAR((double)g[0], -1e12, 1e6);
  CHECK(g[1] == 0 && g[2] == 0 && g[3] == 0);
  in[0].data = zero;
  CHECK_INT(lnsp_loss_evaluate("cosine", in, 2, &value, &out, NULL, NULL), LNSP_OK);
  CHECK_NEAR(value, 1, 0);
  CHECK_NEAR((double)g[0], -1e12, 1e6);
  in[1].data = zero;
  CHECK_INT(lnsp_loss_evaluate("mse", in, 2, &value, &out, NULL, NULL), LNSP_OK);
  CHECK(value == 0 && g[0] == 0);
  /* equal rows with the l2 triplet: the difference is eps everywhere, no 0/0 */
  lnsp_tensor three[3] = {matrix("p", t, 1, 4), matrix("positive", t, 1, 4),
                          matrix("negative", t, 1, 4)};
  CHECK_INT(lnsp_loss_evaluate("triplet_l2", three, 3, &value, &out, NULL, NULL), LNSP_OK);
  CHECK_NEAR(value, .3, 1e-6);
  float far[4] = {1, 0, 0, 2};
  three[2].data = far;
  CHECK_INT(lnsp_loss_evaluate("triplet_l2 margin=5", three, 3, &value, &out, NULL, NULL),
            LNSP_OK);
  CHECK_NEAR(value, 3, 1e-5);
  CHECK_NEAR(g[0], .5, 1e-5); /* toward (1, 1, 1, 1) / 2, away from (0, 0, 0, -1) */
  CHECK_NEAR(g[3], 1.5, 1e-5);
}

/* Where the right target is all but certain, what is left of the loss and its gradient
 * is as exact as elsewhere. */
static void certain_rows(void) {
  static const char *const texts[] = {"info_nce tau=0.03", "info_nce_negatives tau=0.03",
                                      "info_nce_symmetric tau=0.03"};
  float p[6] = {1, 0, 1, 0, 1, 1}, t[6] = {1, 0, 0, 0, 1, 0}, n[6] = {0, 1, 0, 1, 0, 0};
  float g[6], value;
  lnsp_tensor in[3] = {matrix("p", p, 2, 3), matrix("t", t, 2, 3), matrix("neg", n, 2, 3)};
  lnsp_tensor out = matrix("g", g, 2, 3);
  double odds = exp(-sqrt(.5) / (double).03f); /* 6e-11 */
  for (int i = 0; i < 3; i++) {
    double ways = i == 2 ? 2 : 1; /* both directions have the same odds */
    CHECK_INT(lnsp_loss_evaluate(texts[i], in, 3, &value, &out, NULL, NULL), LNSP_OK);
    CHECK_SAY(fabs((double)value / (ways * odds) - 1) < 1e-5, "%s: %g of %g", texts[i],
              (double)value, ways * odds);
    double slope = ways * .5 * odds / sqrt(2) / (2 * (double).03f);
    CHECK_SAY(fabs((double)g[2] / slope - 1) < 1e-5, "%s: slope %g of %g", texts[i],
              (double)g[2], slope);
  }
}

int main(void) {
  support_use_all();
  RUN(pytorch);
  RUN(pytorch_more);
  RUN(finite_differences);
  RUN(small_norms);
  RUN(certain_rows);
  FINISH();
}
