/* Whole objectives: terms of a loss in a trainer, against PyTorch; when they count, what
 * weighs them, and echoes that a function makes. */
#include "state_edit.h"

/* ---- PyTorch's numbers ---- */

static float *read_tensor(lnsp_file *file, const char *name, lnsp_tensor *t) {
  int64_t count = 1;
  memset(t, 0, sizeof *t);
  if (lnsp_file_tensor(file, name, t, NULL)) return NULL;
  for (int i = 0; i < t->rank; i++) count *= t->dims[i];
  float *values = malloc(sizeof(float) * (size_t)count);
  CHECK_OK(lnsp_file_read(file, name, 0, count, LNSP_F32, values, &support_error));
  memset(t->strides, 0, sizeof t->strides);
  t->data = values;
  return values;
}

/* One gradient against the file's. */
static int same_gradient(lnsp_trainer *t, lnsp_file *file, const char *key, const char *name,
                         int64_t n) {
  char full[160];
  lnsp_tensor expected;
  double difference = 0, size = 0;
  snprintf(full, sizeof full, "grad.%s.%s", key, name);
  float *real = read_tensor(file, full, &expected), *got = calloc((size_t)n, sizeof(float));
  int32_t status = lnsp_trainer_gradient(t, name, got, n, NULL);
  CHECK_SAY((status == LNSP_OK) == (real != NULL), "%s: %s", full,
            real ? "the loss does not reach it" : "the loss should not reach it");
  if (real && !status) {
    for (int64_t i = 0; i < n; i++) {
      difference += pow((double)got[i] - (double)real[i], 2);
      size += pow((double)real[i], 2);
    }
    CHECK_SAY(sqrt(difference) < 3e-6 * sqrt(size) + 1e-9, "%s: off by %g of %g", full,
              sqrt(difference), sqrt(size));
  }
  free(got);
  free(real);
  return status == LNSP_OK;
}

static void numbers(const char *net, const char *architecture, const char *key,
                    const char *loss) {
  static const char *const names[] = {"input", "target", "prev",    "neg",
                                      "label", "anchor", "positive"};
  enum { NAMES = sizeof names / sizeof *names };
  char prefix[32], full[96];
  lnsp_file *file = NULL;
  lnsp_trainer *t = NULL;
  lnsp_tensor in[NAMES], expected;
  lnsp_size_options limits = {sizeof limits, 7, 5, 0, 0, 0, 0};
  lnsp_options options = LNSP_OPTIONS_INIT;
  float value = 0;
  int32_t count = 0, reached = 0;
  options.architecture = architecture;
  options.prefix = prefix;
  snprintf(prefix, sizeof prefix, "%s.", net);
  CHECK_OK(lnsp_file_open("tests/data/terms.safetensors", NULL, &file, &support_error));
  CHECK_OK(lnsp_trainer_open_file(file, loss, "sgd", &limits, &options, &t, &support_error));
  if (!t) return;
  for (int i = 0; i < NAMES; i++) {
    snprintf(full, sizeof full, "in.%s.%s", net, names[i]);
    if (!read_tensor(file, full, &in[count])) continue;
    in[count++].name = names[i];
  }
  CHECK_OK(lnsp_trainer_compute_gradients(t, in, count, &value, &support_error));
  snprintf(full, sizeof full, "value.%s.%s", net, key);
  float *real = read_tensor(file, full, &expected);
  CHECK_SAY(real && fabs((double)value - (double)*real) < 3e-6 * fabs((double)*real),
            "%s: %.9g, expected %.9g", full, (double)value, real ? (double)*real : 0);
  snprintf(full, sizeof full, "%s.%s", net, key);
  const lnsp_graph *g = lnsp_trainer_graph(t);
  for (int32_t w = 0; w < lnsp_graph_tensor_count(g); w++) {
    lnsp_tensor info;
    lnsp_graph_tensor_at(g, w, &info, NULL);
    reached += same_gradient(t, file, full, info.name,
                             info.dims[0] * (info.rank > 1 ? info.dims[1] : 1));
  }
  CHECK(reached > 1);
  for (int32_t i = 0; i < count; i++) free(in[i].data);
  free(real);
  lnsp_trainer_destroy(t);
  lnsp_file_destroy(file);
}

static void pytorch(void) {
  static const char order[] =
      "lnsp 1; x = input 12; l = last x; h = flatten x 5; h = linear h 9 w=a; h = gelu h; "
      "h = linear h 12 w=b; y = l2norm h; m = mul l y; n = scale y by=-1; n = add l n; "
      "h = concat l y m n; h = linear h 6 w=c; h = relu h; h = linear h 1 w=d; "
      "output output=y order=h";
  static const char heads[] =
      "lnsp 1; x = input 12; l = last x; h = flatten x 5; h = linear h 12 w=trunk; y = tanh h; "
      "p = linear y 8 w=head bias=0; k = linear l 8 w=head bias=0; "
      "output output=y projected=p key=k";
  numbers("amn", "amn", "masked", "info_nce tau=.1 duplicates=mask context=mask");
  numbers("amn", "amn", "p7",
          "info_nce_negatives gate=.6 + .5*margin margin=.07 gate=.6 + "
          ".2*teacher_floor floor=.05 until=40");
  numbers("order", order, "p8", "listwise + .5*margin margin=.07 + .2*bce on=order");
  numbers("heads", heads, "projected",
          ".7*info_nce on=projected against=key stop=1 + .3*cosine");
  numbers("heads", heads, "towers", "info_nce on=projected against=key");
}

/* ---- small networks ---- */

enum { D = 10, ROWS = 3, CONCEPTS = 2 };

typedef struct batch {
  float values[3][ROWS * CONCEPTS * D];
  lnsp_tensor tensors[3];
} batch;

static void make_batch(batch *b, const char *third) {
  const char *const names[3] = {"input", "target", third};
  for (uint32_t i = 0; i < 3; i++) {
    support_fill(b->values[i], ROWS * CONCEPTS * D, 5 + 17 * i);
    b->tensors[i] = lnsp_tensor_f32(names[i], b->values[i], 3, ROWS, CONCEPTS, D);
  }
}

static lnsp_trainer *open_trainer(const char *loss, const char *optimizer) {
  lnsp_size_options limits = {sizeof limits, ROWS, CONCEPTS, 1, 0, 0, 0};
  lnsp_model *model = NULL;
  lnsp_trainer *t = NULL;
  CHECK_OK(lnsp_model_create("ln_min d=10 s=4", 5, NULL, &model, &support_error));
  CHECK_OK(lnsp_trainer_create(model, loss, optimizer, &limits, NULL, &t, &support_error));
  lnsp_model_destroy(model);
  return t;
}

static float value_of(const char *loss, const batch *b, int32_t count) {
  float value = -1;
  lnsp_trainer *t = open_trainer(loss, "sgd");
  CHECK_OK(lnsp_trainer_compute_gradients(t, b->tensors, count, &value, &support_error));
  lnsp_trainer_destroy(t);
  return value;
}

/* At rate zero the loss changes only with which terms count. */
static void when_they_count(void) {
  batch b;
  float loss[6], again;
  make_batch(&b, "prev");
  const float mse = value_of("mse", &b, 2), cosine = value_of("cosine", &b, 2);
  lnsp_trainer *t = open_trainer("mse until=4 + cosine from=1 every=2", "sgd lr=0");
  CHECK_OK(lnsp_trainer_mark(t, &support_error));
  for (int s = 0; s < 6; s++) {
    double expected = (s < 4 ? (double)mse : 0) + (s > 0 && s % 2 == 0 ? (double)cosine : 0);
    CHECK_OK(lnsp_trainer_validate(t, b.tensors, 2, 0, &again, &support_error));
    CHECK_NEAR((double)again, (s < 4 ? (double)mse : 0) + (s > 0 ? (double)cosine : 0), 1e-6);
    CHECK_OK(lnsp_trainer_step(t, b.tensors, 2, &loss[s], &support_error));
    CHECK_NEAR((double)loss[s], expected, 1e-6);
  }
  CHECK_OK(lnsp_trainer_rollback(t, 0, &support_error));
  CHECK_OK(lnsp_trainer_step(t, b.tensors, 2, &again, &support_error));
  CHECK(again == loss[0]);
  lnsp_trainer_destroy(t);
  /* every is about calls, from and until about updates */
  t = open_trainer("mse until=1 + cosine every=2", "sgd lr=0 accumulate=4");
  for (int s = 0; s < 6; s++) {
    CHECK_OK(lnsp_trainer_step(t, b.tensors, 2, &loss[s], &support_error));
    CHECK_NEAR((double)loss[s], (s < 4 ? (double)mse : 0) + (s % 2 == 0 ? (double)cosine : 0),
               1e-6);
  }
  lnsp_trainer_destroy(t);
}

/* What no term reaches gets no update, and no decay either. */
static void nothing_counts(void) {
  batch b;
  uint8_t before[32], after[32];
  float loss;
  make_batch(&b, "prev");
  lnsp_trainer *t = open_trainer("mse from=1", "adamw lr=.1 weight_decay=.5");
  CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_WEIGHTS, before, NULL));
  CHECK_OK(lnsp_trainer_step(t, b.tensors, 2, &loss, &support_error));
  CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_WEIGHTS, after, NULL));
  CHECK(loss == 0 && !memcmp(before, after, 32) && lnsp_trainer_step_count(t) == 1);
  CHECK_OK(lnsp_trainer_step(t, b.tensors, 2, &loss, &support_error));
  CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_WEIGHTS, after, NULL));
  CHECK(loss > 0 && memcmp(before, after, 32));
  lnsp_trainer_destroy(t);
}

/* Each row's gate looks at the end of its own sequence. */
static void gates(void) {
  batch b;
  make_batch(&b, "prev");
  const float whole = value_of("cosine", &b, 2);
  CHECK_NEAR((double)value_of("cosine gate=-2", &b, 3), (double)whole, 1e-6);
  CHECK_NEAR((double)value_of("cosine gate=2 weak=.5", &b, 3), .5 * (double)whole, 1e-6);
  CHECK_NEAR((double)value_of("2*cosine gate=2 weak=0", &b, 3), 0, 0);
  for (int i = 0; i < CONCEPTS * D; i++) { /* the first sequence leads to its targets alone */
    b.values[1][i] = b.values[0][D + i % D];
    b.values[2][i] = -b.values[0][D + i % D];
  }
  for (int i = CONCEPTS * D; i < ROWS * CONCEPTS * D; i++) b.values[2][i] = b.values[1][i];
  const double first = (double)value_of("cosine", &b, 2);
  CHECK_NEAR((double)value_of("cosine gate=1 weak=.25", &b, 3), first * (1 + .25 * 2) / 3,
             1e-6);
  /* a term on another width needs the same vectors */
  lnsp_trainer *t = open_trainer("cosine gate=.1 + norm gate=.1", "sgd");
  CHECK_STR(lnsp_trainer_input_name(t, 1), "target");
  CHECK_STR(lnsp_trainer_input_name(t, 2), "prev");
  CHECK(lnsp_trainer_input_name(t, 3) == NULL);
  lnsp_trainer_destroy(t);
}

/* ---- echoes by a function ---- */

typedef struct echoes {
  int calls, refuse;
  int64_t rows, width;
  float bad;
  float seen[ROWS * CONCEPTS * D];
} echoes;

/* The echo of a vector is the vector backwards. */
static int32_t backwards(void *user, const lnsp_tensor *output, const lnsp_tensor *echo) {
  echoes *e = user;
  const float *x = output->data;
  float *y = echo->data;
  e->calls++;
  e->rows = output->dims[0];
  e->width = output->dims[1];
  CHECK(output->rank == 2 && echo->rank == 2 && output->dtype == LNSP_F32);
  CHECK(echo->dims[0] == e->rows && echo->dims[1] == e->width && echo->strides[1] == 1);
  for (int64_t r = 0; r < e->rows; r++)
    for (int64_t i = 0; i < e->width; i++) {
      CHECK(y[r * echo->strides[0] + i] == 0);
      e->seen[r * e->width + i] = x[r * output->strides[0] + i];
      y[r * echo->strides[0] + i] = x[r * output->strides[0] + e->width - 1 - i];
    }
  if (e->bad > 0) y[0] = e->bad;
  return e->refuse;
}

static int32_t set_echo(lnsp_trainer *t, echoes *e) {
  const lnsp_echo echo = {sizeof echo, 0, e, backwards};
  return lnsp_trainer_set_echo(t, &echo, &support_error);
}

static double gradient_of(lnsp_trainer *t, float *out) {
  CHECK_OK(lnsp_trainer_gradient(t, "align.weight", out, 40, &support_error));
  double size = 0;
  for (int i = 0; i < 40; i++) size += (double)out[i] * (double)out[i];
  return size;
}

static void echo_function(void) {
  batch b;
  echoes e;
  float value = 0, given = 0, a[40], other[40], back[ROWS * CONCEPTS * D];
  memset(&e, 0, sizeof e);
  make_batch(&b, "echo");
  lnsp_trainer *t = open_trainer("mse + .5*echo", "sgd lr=.1");
  CHECK_STR(lnsp_trainer_input_name(t, 2), "echo");
  CHECK_REFUSED(lnsp_trainer_compute_gradients(t, b.tensors, 2, &value, &support_error),
                LNSP_E_MISSING);
  CHECK_OK(set_echo(t, &e));
  CHECK(lnsp_trainer_input_name(t, 2) == NULL);
  CHECK_OK(lnsp_trainer_compute_gradients(t, b.tensors, 2, &value, &support_error));
  CHECK(e.calls == 1 && e.rows == ROWS * CONCEPTS && e.width == D);
  CHECK(gradient_of(t, a) > 0);
  /* the same as a tensor, which is a constant there as well */
  for (int r = 0; r < ROWS * CONCEPTS; r++)
    for (int i = 0; i < D; i++) back[r * D + i] = e.seen[r * D + D - 1 - i];
  b.tensors[2] = lnsp_tensor_f32("echo", back, 3, ROWS, CONCEPTS, D);
  lnsp_trainer *plain = open_trainer("mse + .5*echo", "sgd lr=.1");
  CHECK_OK(lnsp_trainer_compute_gradients(plain, b.tensors, 3, &given, &support_error));
  gradient_of(plain, other);
  CHECK(given == value && !memcmp(a, other, sizeof a));
  lnsp_trainer_destroy(plain);
  /* NULL gives it back */
  CHECK_OK(lnsp_trainer_set_echo(t, NULL, &support_error));
  CHECK_STR(lnsp_trainer_input_name(t, 2), "echo");
  CHECK_OK(lnsp_trainer_compute_gradients(t, b.tensors, 3, &given, &support_error));
  CHECK(given == value && e.calls == 1);
  lnsp_trainer_destroy(t);
  t = open_trainer("mse + echo", "sgd");
  lnsp_echo wrong = {0, 0, &e, backwards};
  CHECK_REFUSED(lnsp_trainer_set_echo(t, &wrong, &support_error), LNSP_E_ARGUMENT);
  wrong = (lnsp_echo){sizeof wrong, 0, &e, NULL};
  CHECK_REFUSED(lnsp_trainer_set_echo(t, &wrong, &support_error), LNSP_E_ARGUMENT);
  CHECK_STR(lnsp_trainer_input_name(t, 2), "echo");
  lnsp_trainer_destroy(t);
  t = open_trainer("mse", "sgd");
  CHECK_REFUSED(set_echo(t, &e), LNSP_E_STATE);
  lnsp_trainer_destroy(t);
}

/* A fraction of the batches, and the first row of each. */
static void echo_now_and_then(void) {
  batch b;
  echoes e;
  float value;
  memset(&e, 0, sizeof e);
  make_batch(&b, "echo");
  lnsp_trainer *t = open_trainer("mse + echo every=3 rows=2", "sgd lr=.01");
  CHECK_OK(set_echo(t, &e));
  for (int s = 0; s < 7; s++) {
    CHECK_OK(lnsp_trainer_step(t, b.tensors, 2, NULL, &support_error));
    CHECK_INT(e.calls, s / 3 + 1);
  }
  CHECK_INT(e.rows, 2);
  CHECK_OK(lnsp_trainer_validate(t, b.tensors, 2, 0, &value, &support_error));
  CHECK_INT(e.calls, 4);
  lnsp_trainer_destroy(t);
}

static void echo_refuses(void) {
  batch b;
  echoes e;
  uint8_t before[32], after[32];
  float value = 7, a[40];
  memset(&e, 0, sizeof e);
  make_batch(&b, "echo");
  lnsp_trainer *t = open_trainer("mse + echo", "adamw lr=.01");
  CHECK_OK(set_echo(t, &e));
  CHECK_OK(lnsp_trainer_step(t, b.tensors, 2, NULL, &support_error));
  CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_STATE, before, NULL));
  e.refuse = 5;
  CHECK_REFUSED(lnsp_trainer_step(t, b.tensors, 2, &value, &support_error), LNSP_E_REFUSED);
  CHECK(strstr(support_error.message, "returned 5") && value == 7);
  CHECK_REFUSED(lnsp_trainer_apply(t, &support_error), LNSP_E_STATE);
  CHECK_REFUSED(lnsp_trainer_gradient(t, "align.weight", a, 40, &support_error), LNSP_E_STATE);
  e.refuse = 0;
  e.bad = (float)INFINITY;
  CHECK_REFUSED(lnsp_trainer_step(t, b.tensors, 2, &value, &support_error), LNSP_E_NOT_FINITE);
  CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_STATE, after, NULL));
  CHECK(!memcmp(before, after, 32));
  e.bad = 0;
  CHECK_OK(lnsp_trainer_step(t, b.tensors, 2, &value, &support_error));
  lnsp_trainer_destroy(t);
}

/* ---- refusals ---- */

static void refused(const char *architecture, const char *loss, const char *optimizer,
                    int32_t code, const char *says) {
  lnsp_size_options limits = {sizeof limits, ROWS, CONCEPTS, 0, 0, 0, 0};
  lnsp_model *model = NULL;
  lnsp_trainer *t = NULL;
  CHECK_OK(lnsp_model_create(architecture, 5, NULL, &model, &support_error));
  CHECK_REFUSED(lnsp_trainer_create(model, loss, optimizer, &limits, NULL, &t, &support_error),
                code);
  CHECK_SAY(strstr(support_error.message, says), "%s: %s", loss, support_error.message);
  lnsp_model_destroy(model);
}

static void refusals(void) {
  static const char net[] = "ln_min d=10 s=4";
  refused(net, "mse against=nothing", "sgd", LNSP_E_MISSING, "no output");
  refused("student d=10 s=6 k=4 heads=2", "mse against=code", "sgd", LNSP_E_SHAPE, "width");
  refused("student d=10 s=6 k=4 heads=2", "norm on=code gate=.1 + mse on=code", "sgd",
          LNSP_E_SHAPE, "target");
  refused(net, "mse gate=.1", "sgd clip_each=1", LNSP_E_UNSUPPORTED, "gate=");
  refused(net, "mse + cosine auto=.1", "sgd clip_each=1", LNSP_E_UNSUPPORTED, "auto=");
  refused(net, "cosine ramp=.1 full=.2", "sgd clip_each=1", LNSP_E_UNSUPPORTED, "ramp=");
  refused(net, "mmd", "sgd clip_each=1", LNSP_E_UNSUPPORTED, "mmd");
}

int main(void) {
  support_use_all();
  RUN(pytorch);
  RUN(when_they_count);
  RUN(nothing_counts);
  RUN(gates);
  RUN(echo_function);
  RUN(echo_now_and_then);
  RUN(echo_refuses);
  RUN(refusals);
  FINISH();
}
