/* How far bfloat16, float16 and int8 lead from float32 on real vectors: the worst cosine
 * of an output. */
#include "storage.h"

#define VECTORS "examples/demo/old.safetensors" /* 400 sentence embeddings */
#define TRAINED "examples/demo/base.safetensors"

enum { ROWS = 400, WIDTH = 384 };
static float vectors[ROWS * WIDTH];

static double worst_cosine(const float *a, const float *b, int64_t rows, int64_t width) {
  double worst = 1;
  for (int64_t r = 0; r < rows; r++, a += width, b += width) {
    double aa = 0, bb = 0, ab = 0;
    for (int64_t i = 0; i < width; i++) {
      aa += (double)a[i] * (double)a[i];
      bb += (double)b[i] * (double)b[i];
      ab += (double)a[i] * (double)b[i];
    }
    worst = fmin(worst, ab / sqrt(aa * bb));
  }
  return worst;
}

/* int8: the most that is lost in int8 */
static void check_model(const char *what, lnsp_model *model, double int8) {
  const double least[STORAGE_TYPES] = {1, .9999, .9999, int8};
  lnsp_model *whole = storage_convert(model, LNSP_F32);
  float *exact = storage_run(whole, NULL, vectors, ROWS, 1, 32);
  for (int t = 1; t < STORAGE_TYPES; t++) {
    lnsp_model *b = storage_convert(model, storage_types[t]);
    float *y = storage_run(b, NULL, vectors, ROWS, 1, 32);
    double worst = worst_cosine(exact, y, ROWS, WIDTH);
    printf("# %s %s: worst cosine %.7f\n", what, lnsp_dtype_name(storage_types[t]), worst);
    CHECK_SAY(worst >= least[t], "%s %s: %.7f", what, lnsp_dtype_name(storage_types[t]), worst);
    lnsp_model_destroy(b);
    free(y);
  }
  lnsp_model_destroy(whole);
  free(exact);
}

/* Taught for a while to give the vectors back: fresh networks say little, since all
 * their outputs are alike. */
static lnsp_model *taught(const char *net) {
  enum { BATCH = 40, STEPS = 300 };
  lnsp_model *start = storage_new(net, 1), *model = NULL;
  lnsp_size_options limits = {.struct_size = sizeof limits, .max_rows = BATCH};
  lnsp_trainer *trainer = NULL;
  float loss = 1;
  CHECK_OK(lnsp_trainer_create(start, "cosine", "adamw lr=2e-3", &limits, NULL, &trainer,
                               &support_error));
  for (int32_t step = 0; step < STEPS; step++) {
    float *rows = vectors + step % (ROWS / BATCH) * BATCH * WIDTH;
    lnsp_tensor in[2] = {lnsp_tensor_f32("input", rows, 2, BATCH, WIDTH, 0),
                         lnsp_tensor_f32("target", rows, 2, BATCH, WIDTH, 0)};
    CHECK_OK(lnsp_trainer_step(trainer, in, 2, &loss, &support_error));
  }
  CHECK_SAY(loss < .3f, "%s: the loss ends at %g", net, (double)loss);
  CHECK_OK(lnsp_trainer_publish(trainer, 0, NULL, &model, &support_error));
  lnsp_trainer_destroy(trainer);
  lnsp_model_destroy(start);
  return model;
}

static void load_vectors(void) {
  lnsp_file *file = NULL;
  CHECK_OK(lnsp_file_open(VECTORS, NULL, &file, &support_error));
  CHECK_OK(
      lnsp_file_read(file, "held_out", 0, ROWS * WIDTH, LNSP_F32, vectors, &support_error));
  lnsp_file_destroy(file);
}

static void plain_networks_stay_close(void) {
  const char *nets[] = {"family_b_doc act=relu normalise=0", "family_b_doc"};
  for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
    lnsp_model *model = taught(nets[i]);
    check_model(nets[i], model, .9995);
    lnsp_model_destroy(model);
  }
}

/* Seven products one after the other, one of them of the sum of the code and what
 * attention adds, whose largest values are far from the others: int8 loses more. */
static void the_student_stays_close(void) {
  lnsp_model *model = NULL;
  CHECK_OK(lnsp_model_open(TRAINED, NULL, &model, &support_error));
  check_model("student", model, .999);
  lnsp_model_destroy(model);
}

int main(void) {
  support_use_all();
  RUN(load_vectors);
  RUN(plain_networks_stay_close);
  RUN(the_student_stays_close);
  FINISH();
}
