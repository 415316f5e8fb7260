/* State files: resuming to the same bits in every configuration, and files that
 * are cut short, damaged or made to harm. */
#include "state_edit.h"

#define SMALL "student d=20 s=12 k=8 heads=2"
#define TINY                                                                         \
  "lnsp 1; x = input 3; h = linear x 4 w=a; h = gelu h; y = linear h 3 w=b; output " \
  "output=y code=h"

static lnsp_trainer *make_trainer(const char *graph, const char *loss, const char *optimizer) {
  lnsp_size_options limits = {sizeof limits, 3, 2, 0, 0, 0, 0};
  lnsp_model *model = NULL;
  lnsp_trainer *t = NULL;
  CHECK_OK(lnsp_model_create(graph, 3, NULL, &model, &support_error));
  CHECK_OK(lnsp_trainer_create(model, loss, optimizer, &limits, NULL, &t, &support_error));
  lnsp_model_destroy(model);
  return t;
}

static int32_t step(lnsp_trainer *t, int64_t width, uint32_t seed) {
  float x[120], y[120];
  support_fill(x, 120, seed);
  support_fill(y, 120, seed + 50);
  lnsp_tensor in[2] = {lnsp_tensor_f32("input", x, 3, 1 + seed % 3, 1 + seed % 2, width),
                       lnsp_tensor_f32("target", y, 3, 1 + seed % 3, 1 + seed % 2, width)};
  return lnsp_trainer_step(t, in, 2, NULL, &support_error);
}

static int same_state(const lnsp_trainer *a, const lnsp_trainer *b) {
  uint8_t ha[32], hb[32];
  CHECK_OK(lnsp_trainer_hash(a, LNSP_SAVE_STATE, ha, &support_error));
  CHECK_OK(lnsp_trainer_hash(b, LNSP_SAVE_STATE, hb, &support_error));
  return !memcmp(ha, hb, 32) && lnsp_trainer_step_count(a) == lnsp_trainer_step_count(b) &&
         lnsp_trainer_learning_rate(a) == lnsp_trainer_learning_rate(b);
}

/* With ages that differ, a frozen tensor, a rate set by hand, and other limits. */
static void resumes_with_other_limits(void) {
  const char *texts[] = {"adamw lr=1e-2 ema=.9 clip=.5 schedule=cosine warmup=3 steps=30",
                         "adam lr=1e-2 weight_decay=.1", "sgd lr=.1 momentum=.9 nesterov=1",
                         "sgd lr=.1 ema=.5",
                         "adamw lr=1e-2 ema=.9 clip=.5 moments=8bit seed=3"};
  for (int i = 0; i < 5; i++) {
    lnsp_size_options wide = {sizeof wide, 9, 5, 2, LNSP_MARK_WEIGHTS, 0, 0};
    lnsp_trainer *a = make_trainer(SMALL, "mse", texts[i]), *b = NULL;
    for (uint32_t s = 0; s < 12; s++) {
      if (s == 2) CHECK_OK(lnsp_trainer_freeze(a, "*bias", 1, &support_error));
      if (s == 5) CHECK_OK(lnsp_trainer_freeze(a, "*expand*", 1, &support_error));
      if (s == 6) CHECK_OK(lnsp_trainer_freeze(a, "*norm*bias", 0, &support_error));
      if (s == 7) CHECK_OK(lnsp_trainer_set_learning_rate(a, .0173f, &support_error));
      CHECK_OK(step(a, 20, s));
    }
    support_bytes bytes = state_save(a, LNSP_SAVE_STATE);
    CHECK_INT(state_open(&bytes, NULL, NULL, &wide, &b), LNSP_OK);
    CHECK(same_state(a, b));
    for (uint32_t s = 12; s < 20; s++) {
      CHECK_OK(step(a, 20, s));
      CHECK_OK(step(b, 20, s));
    }
    CHECK_SAY(same_state(a, b), "'%s' differs after resuming", texts[i]);
    support_bytes again = state_save(b, LNSP_SAVE_STATE);
    support_bytes other = state_save(a, LNSP_SAVE_STATE);
    CHECK(again.size == other.size && !memcmp(again.data, other.data, other.size));
    lnsp_trainer_destroy(a);
    lnsp_trainer_destroy(b);
    free(bytes.data);
    free(again.data);
    free(other.data);
  }
}

/* A network without weights, and one written out, whose saved text is another. */
static void resumes_graph_texts(void) {
  const char *graphs[] = {"lnsp 1; x = input 3; y = tanh x; output output=y",
                          "lnsp 1\n\n # note\n x   =  input 3 ; y= linear x   3 w=a bias=0\n"
                          "y = add y x; output output=y",
                          TINY};
  for (int i = 0; i < 3; i++) {
    lnsp_trainer *a = make_trainer(graphs[i], "mse", "adamw ema=.9"), *b = NULL;
    for (uint32_t s = 0; s < 4; s++) CHECK_OK(step(a, 3, s));
    support_bytes bytes = state_save(a, LNSP_SAVE_STATE);
    lnsp_size_options limits = {sizeof limits, 3, 2, 0, 0, 0, 0};
    CHECK_INT(state_open(&bytes, NULL, NULL, &limits, &b), LNSP_OK);
    CHECK_OK(step(a, 3, 4));
    CHECK_OK(step(b, 3, 4));
    CHECK(same_state(a, b));
    lnsp_trainer_destroy(a);
    lnsp_trainer_destroy(b);
    free(bytes.data);
  }
}

/* Ages of a long-trained net with many tensors take more room than most nets need. */
static void many_tensors_with_ages_of_their_own(void) {
  enum { LAYERS = 900 };
  lnsp_size_options limits = {sizeof limits, 3, 2, 0, 0, 0, 0};
  char *text = malloc(LAYERS * 40 + 64);
  size_t used = (size_t)sprintf(text, "lnsp 1\nx = input 3\n");
  for (int i = 0; i < LAYERS; i++)
    used += (size_t)sprintf(text + used, "x = linear x 3 w=a%d\n", i);
  sprintf(text + used, "x = l2norm x\noutput output=x\n");
  lnsp_trainer *start = make_trainer(text, "mse", "sgd lr=1e-3"), *a = NULL, *b = NULL;
  support_bytes bytes = state_save(start, LNSP_SAVE_STATE);
  state_change change = {"lnsp.step", "2000000000000000", NULL, NULL, NULL};
  support_bytes late = state_rewrite(&bytes, change);
  CHECK_INT(state_open(&late, NULL, NULL, &limits, &a), LNSP_OK);
  CHECK_OK(lnsp_trainer_freeze(a, "*", 1, &support_error));
  CHECK_OK(lnsp_trainer_freeze(a, "a899.*", 0, &support_error));
  CHECK_OK(step(a, 3, 1));
  support_bytes again = state_save(a, LNSP_SAVE_STATE);
  CHECK_INT(state_open(&again, NULL, NULL, &limits, &b), LNSP_OK);
  CHECK(same_state(a, b));
  lnsp_trainer_destroy(start);
  lnsp_trainer_destroy(a);
  lnsp_trainer_destroy(b);
  free(bytes.data);
  free(late.data);
  free(again.data);
  free(text);
}

/* Every way to cut the file, and every bit of its header flipped: refused, or a
 * sound trainer. */
static void cut_and_flipped(const char *optimizer) {
  lnsp_trainer *t = make_trainer(TINY, "mse", optimizer), *other = NULL;
  CHECK_OK(step(t, 3, 1));
  support_bytes bytes = state_save(t, LNSP_SAVE_STATE), cut = bytes;
  for (cut.size = 0; cut.size < bytes.size; cut.size += 1 + cut.size / 400)
    CHECK(state_open(&cut, NULL, NULL, NULL, &other) != LNSP_OK);
  size_t header = bytes.data[0] + 256u * bytes.data[1] + 8;
  for (size_t at = 0; at < header; at++)
    for (int bit = 0; bit < 8; bit++) {
      bytes.data[at] ^= (unsigned char)(1 << bit);
      int32_t status = state_open(&bytes, NULL, NULL, NULL, &other);
      if (status == LNSP_OK) {
        status = step(other, 3, 3);
        CHECK(status == LNSP_OK || support_error.message[0]);
      }
      lnsp_trainer_destroy(other);
      bytes.data[at] ^= (unsigned char)(1 << bit);
    }
  CHECK_INT(state_open(&bytes, NULL, NULL, NULL, &other), LNSP_OK);
  CHECK(same_state(t, other));
  lnsp_trainer_destroy(other);
  lnsp_trainer_destroy(t);
  free(bytes.data);
}

static void cut_and_flipped_files(void) {
  cut_and_flipped("adamw ema=.9");
  cut_and_flipped("adamw moments=8bit");
}

static void hostile_metadata(void) {
  static char long_text[600];
  memset(long_text, 'a', sizeof long_text - 1);
  const struct {
    const char *key, *value;
    int32_t status; /* 0: must open; -1: must be refused, whatever the code */
  } cases[] = {{"lnsp.step", NULL, -1},
               {"lnsp.step", "", -1},
               {"lnsp.step", "-1", -1},
               {"lnsp.step", "1e3", -1},
               {"lnsp.step", "5 6", LNSP_E_FORMAT},
               {"lnsp.step", "5=", -1},
               {"lnsp.step", "4503599627370496", 0},
               {"lnsp.step", "4503599627370497", -1},
               {"lnsp.step", "99999999999999999999999", -1},
               {"lnsp.step", "0", -1}, /* ages beyond */
               {"lnsp.ages", "0:1", 0},
               {"lnsp.ages", "4:0", -1},
               {"lnsp.ages", "-1:0", -1},
               {"lnsp.ages", "0:3", -1},
               {"lnsp.ages", "0", -1},
               {"lnsp.ages", ":", -1},
               {"lnsp.ages", "0:1:1", LNSP_E_FORMAT},
               {"lnsp.ages", "0:1=2", -1},
               {"lnsp.ages", "0:1\n3", -1},
               {"lnsp.ages", "# 0:1", -1},
               {"lnsp.ages", NULL, 0},
               {"lnsp.frozen", "1", LNSP_E_FORMAT},
               {"lnsp.frozen", "11111", LNSP_E_FORMAT},
               {"lnsp.frozen", "01x0", LNSP_E_FORMAT},
               {"lnsp.frozen", "0110", 0},
               {"lnsp.frozen", NULL, 0},
               {"lnsp.frozen", "", LNSP_E_FORMAT},
               {"lnsp.trainer", "2", LNSP_E_UNSUPPORTED},
               {"lnsp.trainer", "", LNSP_E_UNSUPPORTED},
               {"lnsp.lr", "1e7", -1},
               {"lnsp.lr", "nan", -1},
               {"lnsp.lr", "", -1},
               {"lnsp.lr", ".5", 0},
               {"lnsp.loss", "nosuch", LNSP_E_UNKNOWN},
               {"lnsp.loss", long_text, LNSP_E_LIMIT},
               {"lnsp.optimizer", long_text, LNSP_E_LIMIT},
               {"lnsp.optimizer", "sgd", LNSP_E_UNKNOWN},
               {"lnsp.optimizer", "sgd momentum=.5", LNSP_E_UNKNOWN},
               {"lnsp.optimizer", "adam", 0},
               {"lnsp.optimizer", "adamw ema=.5", LNSP_E_MISSING},
               {"lnsp.graph", "lnsp 1; x = input 3; output output=x", -1},
               {"lnsp.graph", NULL, LNSP_E_MISSING}};
  lnsp_trainer *t = make_trainer(TINY, "mse", "adamw"), *other = NULL;
  for (uint32_t s = 0; s < 2; s++) {
    if (s == 1) CHECK_OK(lnsp_trainer_freeze(t, "b.*", 1, &support_error));
    if (s == 1) CHECK_OK(lnsp_trainer_set_learning_rate(t, .01f, &support_error));
    CHECK_OK(step(t, 3, s));
  }
  support_bytes bytes = state_save(t, LNSP_SAVE_STATE);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    state_change change = {cases[i].key, cases[i].value, NULL, NULL, NULL};
    support_bytes changed = state_rewrite(&bytes, change);
    int32_t status = state_open(&changed, NULL, NULL, NULL, &other);
    CHECK_SAY(cases[i].status < 0 ? status != LNSP_OK : status == cases[i].status,
              "%s = '%.40s' gave %s: %s", cases[i].key,
              cases[i].value ? cases[i].value : "(none)", lnsp_status_name(status),
              support_error.message);
    lnsp_trainer_destroy(other);
    free(changed.data);
  }
  lnsp_trainer_destroy(t);
  free(bytes.data);
}

static void hostile_tensors(void) {
  lnsp_trainer *t = make_trainer(TINY, "mse", "adamw ema=.9"), *other = NULL;
  const char *moment = "optimizer.exp_avg.b.weight", *square = "optimizer.exp_avg_sq.b.bias";
  const struct {
    const char *name;
    float value;
    int32_t status;
  } values[] = {{moment, (float)NAN, LNSP_E_NOT_FINITE},
                {moment, (float)INFINITY, LNSP_E_NOT_FINITE},
                {square, (float)NAN, LNSP_E_NOT_FINITE},
                {square, -1e-30f, LNSP_E_FORMAT},
                {square, -0.f, LNSP_OK},
                {moment, -3e38f, LNSP_OK},
                {square, 3e38f, LNSP_OK},
                {"average.a.bias", (float)NAN, LNSP_E_NOT_FINITE},
                {"a.weight", (float)-INFINITY, LNSP_E_NOT_FINITE}};
  CHECK_OK(step(t, 3, 1));
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    support_bytes bytes = state_save(t, LNSP_SAVE_STATE);
    state_fill(&bytes, values[i].name, values[i].value);
    int32_t status = state_open(&bytes, NULL, NULL, NULL, &other);
    CHECK_SAY(status == values[i].status, "%s = %g gave %s", values[i].name,
              (double)values[i].value, lnsp_status_name(status));
    lnsp_trainer_destroy(other);
    free(bytes.data);
  }
  support_bytes bytes = state_save(t, LNSP_SAVE_STATE), changed;
  const char *missing[] = {"a.weight", "b.bias", "optimizer.exp_avg.a.weight",
                           "optimizer.exp_avg_sq.b.bias", "average.b.weight"};
  for (int i = 0; i < 5; i++) {
    changed = state_rewrite(&bytes, (state_change){NULL, NULL, missing[i], NULL, NULL});
    CHECK_INT(state_open(&changed, NULL, NULL, NULL, &other), LNSP_E_MISSING);
    CHECK(strstr(support_error.message, missing[i]) || i == 2);
    free(changed.data);
  }
  /* moments of another optimizer: sgd keeps none of adamw's */
  CHECK_INT(state_open(&bytes, NULL, "sgd", NULL, &other), LNSP_E_UNKNOWN);
  CHECK_INT(state_open(&bytes, NULL, "sgd momentum=.9", NULL, &other), LNSP_E_UNKNOWN);
  CHECK_INT(state_open(&bytes, NULL, "adam lr=1", NULL, &other), LNSP_OK);
  CHECK_NEAR(lnsp_trainer_learning_rate(other), 1, 0);
  lnsp_trainer_destroy(other);
  lnsp_trainer_destroy(t);
  free(bytes.data);
}

/* A state file is also a model file, and its average another, under a prefix; but
 * with a prefix it is not resumed. */
static void as_a_model(void) {
  lnsp_trainer *t = make_trainer(TINY, "mse", "adamw ema=.9"), *other = NULL;
  uint8_t want[32], got[32];
  lnsp_options options = LNSP_OPTIONS_INIT;
  for (uint32_t s = 0; s < 3; s++) CHECK_OK(step(t, 3, s));
  support_bytes bytes = state_save(t, LNSP_SAVE_STATE);
  for (int average = 0; average < 2; average++) {
    lnsp_model *model = NULL;
    options.prefix = average ? "average." : NULL;
    CHECK_OK(lnsp_model_open_memory(bytes.data, bytes.size, &options, &model, &support_error));
    CHECK_OK(lnsp_model_hash(model, got, &support_error));
    CHECK_OK(lnsp_trainer_hash(t, average ? LNSP_SAVE_AVERAGE : LNSP_SAVE_WEIGHTS, want,
                               &support_error));
    CHECK(!memcmp(want, got, 32));
    lnsp_model_destroy(model);
  }
  lnsp_file *file = NULL;
  CHECK_OK(lnsp_file_open_memory(bytes.data, bytes.size, NULL, &file, &support_error));
  CHECK_REFUSED(lnsp_trainer_open_file(file, NULL, NULL, NULL, &options, &other,
                                       &support_error),
                LNSP_E_ARGUMENT);
  lnsp_file_destroy(file);
  /* a plain file under a prefix opens */
  support_bytes plain = state_save(t, LNSP_SAVE_WEIGHTS);
  support_bytes under = state_rewrite(&plain, (state_change){NULL, NULL, NULL, "", "m."});
  options.prefix = "m.";
  CHECK_OK(lnsp_file_open_memory(under.data, under.size, NULL, &file, &support_error));
  CHECK_OK(lnsp_trainer_open_file(file, "mse", NULL, NULL, &options, &other, &support_error));
  CHECK_OK(lnsp_trainer_hash(other, LNSP_SAVE_WEIGHTS, got, &support_error));
  CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_WEIGHTS, want, &support_error));
  CHECK(!memcmp(want, got, 32));
  lnsp_file_destroy(file);
  lnsp_trainer_destroy(other);
  lnsp_trainer_destroy(t);
  free(bytes.data);
  free(plain.data);
  free(under.data);
}

int main(void) {
  support_use_all();
  RUN(resumes_with_other_limits);
  RUN(resumes_graph_texts);
  RUN(many_tensors_with_ages_of_their_own);
  RUN(cut_and_flipped_files);
  RUN(hostile_metadata);
  RUN(hostile_tensors);
  RUN(as_a_model);
  FINISH();
}
