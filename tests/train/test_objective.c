/* Objectives through the trainer: gradients of whole losses against central
 * differences, the replay term, and tensors that several layers share. */
#include "state_edit.h"

#define STUDENT "student d=10 s=6 k=4 heads=2"

typedef struct batch {
  float values[4][128];
  lnsp_tensor tensors[4];
} batch;

/* Named tensors of rows x concepts x width, random. */
static void make_batch(batch *b, const char *const names[4], int64_t rows, int64_t concepts,
                       int64_t width, uint32_t seed) {
  for (uint32_t i = 0; i < 4; i++) {
    support_fill(b->values[i], 128, seed + 17 * i);
    b->tensors[i] = lnsp_tensor_f32(names[i], b->values[i], 3, rows, concepts, width);
  }
}

static const char *const student_names[4] = {"anchor", "positive", "negative", "teacher"};
static const char *const pair_names[4] = {"input", "target", "unused_a", "unused_b"};

static lnsp_replay *make_replay(int64_t width) {
  lnsp_replay *replay = NULL;
  float rows[40 * 16];
  support_fill(rows, 40 * 16, 77);
  lnsp_tensor tensor = lnsp_tensor_f32("rows", rows, 2, 40, width, 0);
  CHECK_OK(lnsp_replay_create(width, NULL, &replay, &support_error));
  CHECK_OK(lnsp_replay_add(replay, &tensor, &support_error));
  CHECK_OK(lnsp_replay_finish(replay, &support_error));
  return replay;
}

/* A trainer of a model file, with replay statistics if the loss wants them. */
static lnsp_trainer *open_trainer(const support_bytes *bytes, const char *loss,
                                  const char *optimizer, const lnsp_replay *replay) {
  lnsp_size_options limits = {sizeof limits, 4, 3, 2, 0, 0, 0};
  lnsp_trainer *t = NULL;
  CHECK_INT(state_open(bytes, loss, optimizer, &limits, &t), LNSP_OK);
  if (replay) CHECK_OK(lnsp_trainer_set_replay(t, replay, &support_error));
  return t;
}

static support_bytes model_file(const char *text, uint64_t seed) {
  lnsp_model *model = NULL;
  support_bytes bytes;
  lnsp_sink sink = support_sink(&bytes);
  CHECK_OK(lnsp_model_create(text, seed, NULL, &model, &support_error));
  CHECK_OK(lnsp_model_save_sink(model, &sink, LNSP_F32, &support_error));
  lnsp_model_destroy(model);
  return bytes;
}

static double loss_of(const support_bytes *bytes, const char *loss, const lnsp_replay *replay,
                      const batch *b) {
  float value = 0;
  lnsp_trainer *t = open_trainer(bytes, loss, "sgd", replay);
  CHECK_OK(lnsp_trainer_compute_gradients(t, b->tensors, 4, &value, &support_error));
  lnsp_trainer_destroy(t);
  return (double)value;
}

/* Every weight's gradient against (L(w + h) - L(w - h)) / 2h. The loss is a float,
 * so that a difference is good to some 1e-7 / h, and is off by h^2 for curvature. */
static void compare(const char *graph, const char *loss, const batch *b, int32_t expected) {
  support_bytes bytes = model_file(graph, 5);
  lnsp_replay *replay = strstr(loss, "replay") ? make_replay(10) : NULL;
  lnsp_trainer *t = open_trainer(&bytes, loss, "sgd", replay);
  const lnsp_graph *g = lnsp_trainer_graph(t);
  double error = 0, size = 0;
  int32_t reached = 0;
  CHECK_OK(lnsp_trainer_compute_gradients(t, b->tensors, 4, NULL, &support_error));
  for (int32_t w = 0; w < lnsp_graph_tensor_count(g); w++) {
    lnsp_tensor info;
    float gradient[512];
    int64_t n;
    lnsp_graph_tensor_at(g, w, &info, NULL);
    unsigned char *at = state_values(&bytes, info.name, &n);
    int known = lnsp_trainer_gradient(t, info.name, gradient, n, NULL) == LNSP_OK;
    reached += known;
    for (int64_t i = 0; i < n; i += 1 + n / 12) {
      const float h = 4e-3f;
      float old, up, down;
      memcpy(&old, at + 4 * i, 4);
      up = old + h;
      down = old - h;
      memcpy(at + 4 * i, &up, 4);
      double high = loss_of(&bytes, loss, replay, b);
      memcpy(at + 4 * i, &down, 4);
      double low = loss_of(&bytes, loss, replay, b);
      memcpy(at + 4 * i, &old, 4);
      double slope = (high - low) / ((double)up - (double)down);
      double got = known ? (double)gradient[i] : 0;
      CHECK_SAY(fabs(slope - got) < 2e-3 + 2e-2 * fabs(slope),
                "%s: %s[%d]: gradient %g, difference %g", loss, info.name, (int)i, got, slope);
      error += (slope - got) * (slope - got);
      size += slope * slope;
    }
  }
  CHECK_INT(reached, expected);
  CHECK_SAY(size > 1e-4 && sqrt(error / size) < 5e-3, "%s: relative error %g of %g", loss,
            sqrt(error / size), sqrt(size));
  lnsp_trainer_destroy(t);
  lnsp_replay_destroy(replay);
  free(bytes.data);
}

static void student_gradients(void) {
  batch b;
  support_bytes bytes = model_file(STUDENT, 5);
  lnsp_trainer *t = open_trainer(&bytes, "student", "sgd", NULL);
  int32_t all = lnsp_graph_tensor_count(lnsp_trainer_graph(t));
  lnsp_trainer_destroy(t);
  free(bytes.data);
  for (int64_t rows = 1; rows <= 4; rows += 3)
    for (int64_t concepts = 1; concepts <= 3; concepts += 2) {
      if (rows * concepts < 2) continue; /* diversity needs two rows */
      make_batch(&b, student_names, rows, concepts, 10, (uint32_t)(3 * rows + concepts));
      compare(STUDENT, "student", &b, all);
    }
  make_batch(&b, student_names, 3, 3, 10, 40);
  compare(STUDENT, "triplet margin=.5 kind=l2 + -.3*nuclear_diversity kind=mean", &b, all - 2);
}

/* Terms on the code reach only the tensors before it; those on one output add up. */
static void terms_on_the_code(void) {
  batch b;
  make_batch(&b, student_names, 4, 3, 10, 9);
  support_bytes bytes = model_file(STUDENT, 5);
  lnsp_trainer *t = open_trainer(&bytes, "triplet on=code", "sgd", NULL);
  float gradient[60];
  CHECK_OK(lnsp_trainer_compute_gradients(t, b.tensors, 4, NULL, &support_error));
  CHECK_REFUSED(lnsp_trainer_gradient(t, "layers.teacher_align.weight", gradient, 60,
                                      &support_error),
                LNSP_E_STATE);
  CHECK_OK(lnsp_trainer_gradient(t, "layers.compress_1.weight", gradient, 60, &support_error));
  int32_t all = lnsp_graph_tensor_count(lnsp_trainer_graph(t)), before = 0;
  for (int32_t w = 0; w < all; w++) {
    lnsp_tensor info;
    float values[512];
    lnsp_graph_tensor_at(lnsp_trainer_graph(t), w, &info, NULL);
    int64_t n = info.dims[0] * (info.rank > 1 ? info.dims[1] : 1);
    before += lnsp_trainer_gradient(t, info.name, values, n, NULL) == LNSP_OK;
  }
  CHECK(before > 4 && before < all);
  lnsp_trainer_destroy(t);
  free(bytes.data);
  compare(STUDENT, "triplet margin=.6 on=code + .5*nuclear_diversity kind=mean on=code", &b,
          before);
}

static void replay_gradients(void) {
  batch b;
  for (int64_t concepts = 1; concepts <= 3; concepts += 2) {
    make_batch(&b, pair_names, 2, concepts, 10, 21);
    compare("ln_min d=10 s=4", "cosine + 4*replay rows=5 seed=3", &b, 6);
  }
}

/* The term is the mean of 1 - cos(network(v), v) over the vectors of this step, one
 * for each concept of each row that was asked for. */
static void replay_value(void) {
  enum { DRAWN = 6, D = 10 };
  batch b;
  float v[DRAWN * D], y[DRAWN * D], with = 0, without = 0;
  lnsp_size_options limits = {sizeof limits, DRAWN, 1, 0, 0, 0, 0};
  lnsp_replay *replay = make_replay(D);
  lnsp_model *model = NULL;
  lnsp_session *session = NULL;
  support_bytes bytes = model_file("ln_min d=10 s=4", 5);
  double expected = 0;
  lnsp_tensor in = lnsp_tensor_f32("input", v, 2, DRAWN, D, 0);
  lnsp_tensor out = lnsp_tensor_f32("output", y, 2, DRAWN, D, 0);
  CHECK_OK(lnsp_replay_draw(replay, 9, 0, &in, &support_error));
  CHECK_OK(lnsp_model_open_memory(bytes.data, bytes.size, NULL, &model, &support_error));
  CHECK_OK(lnsp_session_create(model, &limits, NULL, &session, &support_error));
  CHECK_OK(lnsp_session_run(session, &in, 1, &out, 1, &support_error));
  for (int r = 0; r < DRAWN; r++) {
    double dot = 0, vv = 0, yy = 0;
    for (int i = r * D; i < (r + 1) * D; i++) {
      dot += (double)v[i] * (double)y[i];
      vv += (double)v[i] * (double)v[i];
      yy += (double)y[i] * (double)y[i];
    }
    expected += (1 - dot / sqrt(vv * yy)) / DRAWN;
  }
  make_batch(&b, pair_names, 1, 3, D, 21);
  lnsp_trainer *t = open_trainer(&bytes, "cosine + 4*replay rows=2 seed=9", "sgd", replay);
  lnsp_trainer *plain = open_trainer(&bytes, "cosine", "sgd", NULL);
  CHECK_OK(lnsp_trainer_compute_gradients(t, b.tensors, 4, &with, &support_error));
  CHECK_OK(lnsp_trainer_compute_gradients(plain, b.tensors, 4, &without, &support_error));
  CHECK_NEAR((double)with - (double)without, 4 * expected, 2e-6);
  lnsp_trainer_destroy(t);
  lnsp_trainer_destroy(plain);
  lnsp_session_destroy(session);
  lnsp_model_destroy(model);
  lnsp_replay_destroy(replay);
  free(bytes.data);
}

/* Two steps draw different vectors, going back draws the same again, and another
 * seed others. At rate zero the loss changes only with what is drawn. */
static void replay_draws(void) {
  batch b;
  float loss[5], seen[4];
  uint8_t first[32], again[32];
  lnsp_replay *replay = make_replay(10);
  support_bytes bytes = model_file("ln_min d=10 s=4", 5);
  lnsp_trainer *t = open_trainer(&bytes, "cosine + 4*replay rows=3", "sgd lr=0", replay);
  make_batch(&b, pair_names, 2, 1, 10, 21);
  CHECK_OK(lnsp_trainer_mark(t, &support_error));
  for (int s = 0; s < 4; s++)
    CHECK_OK(lnsp_trainer_step(t, b.tensors, 4, &loss[s], &support_error));
  for (int s = 0; s < 4; s++)
    for (int r = 0; r < s; r++) CHECK(loss[s] != loss[r]);
  lnsp_trainer_hash(t, LNSP_SAVE_STATE, first, NULL);
  CHECK_OK(lnsp_trainer_compute_gradients(t, b.tensors, 4, &loss[4], &support_error));
  CHECK_OK(lnsp_trainer_compute_gradients(t, b.tensors, 4, &seen[0], &support_error));
  CHECK(loss[4] == seen[0]); /* evaluating does not draw on */
  CHECK_OK(lnsp_trainer_rollback(t, 0, &support_error));
  for (int s = 0; s < 4; s++) {
    CHECK_OK(lnsp_trainer_step(t, b.tensors, 4, &seen[s], &support_error));
    CHECK(seen[s] == loss[s]);
  }
  lnsp_trainer_hash(t, LNSP_SAVE_STATE, again, NULL);
  CHECK(!memcmp(first, again, 32));
  lnsp_trainer_destroy(t);
  t = open_trainer(&bytes, "cosine + 4*replay rows=3 seed=2", "sgd lr=0", replay);
  CHECK_OK(lnsp_trainer_step(t, b.tensors, 4, &seen[0], &support_error));
  CHECK(seen[0] != loss[0]);
  lnsp_trainer_destroy(t);
  t = open_trainer(&bytes, "cosine + 4*replay rows=3", "sgd lr=0", NULL);
  CHECK_REFUSED(lnsp_trainer_step(t, b.tensors, 4, &seen[0], &support_error), LNSP_E_STATE);
  CHECK(strstr(support_error.message, "without statistics: call lnsp_trainer_set_replay"));
  lnsp_trainer_destroy(t);
  lnsp_replay_destroy(replay);
  free(bytes.data);
}

/* Contexts are the network's own input; sets have several vectors for every row. */
static void contexts_and_sets(void) {
  static const char *const names[4] = {"input", "target", "prev", "neg"};
  static float many[4 * 3 * 2 * 10];
  batch b;
  for (int64_t concepts = 1; concepts <= 3; concepts += 2) {
    make_batch(&b, names, 4, concepts, 10, 31);
    support_fill(many, sizeof many / sizeof *many, 77);
    b.tensors[3] = lnsp_tensor_f32("neg", many, 3, 4 * concepts, 2, 10);
    compare("ln_min d=10 s=4", "anticopy margin=.3 + margin_smooth margin=.5", &b, 6);
    compare("ln_min d=10 s=4", "info_nce tau=.5 context=mask + info_nce_negatives negatives=2",
            &b, 6);
    compare("ln_min d=10 s=4", "info_nce_symmetric tau=.5 + .3*info_nce tau=.3 negatives=4", &b,
            6);
    compare("ln_min d=10 s=4", "moment + variance of=raw + listwise + micro_direction", &b, 6);
  }
}

/* Attention is compared within each sequence; what is drawn is the same at each step 0. */
static void other_losses(void) {
  static const char *const names[4] = {"input", "target", "prev", "label"};
  static const char attention[] =
      "lnsp 1; x = input 10; h = linear x 4 w=a; h = scale h by=3; a = softmax h; "
      "output output=h attention=a";
  batch b;
  for (int64_t concepts = 1; concepts <= 3; concepts += 2) {
    make_batch(&b, names, 4, concepts, 10, 31);
    compare("ln_min d=10 s=4", "sampled_nce tau=.5 samples=3 + .3*mmd sigma=.8", &b, 6);
    compare("ln_min d=10 s=4", "huber delta=.3 + .5*bce + margin_smooth gate=.1", &b, 6);
  }
  make_batch(&b, names, 3, 3, 10, 12);
  compare(attention, "attention_diversity + .1*norm on=attention", &b, 2);
}

/* A row's own context among the targets counts only where it is not masked, and each
 * trainer's row has the sequence that it stands in. */
static void context_masks(void) {
  static const char *const names[4] = {"input", "target", "unused_a", "unused_b"};
  support_bytes bytes = model_file("ln_min d=10 s=4", 5);
  float value[3];
  batch b;
  make_batch(&b, names, 3, 2, 10, 31);
  /* the first sequence's second vector is the last target */
  memcpy(b.values[0] + 10, b.values[1] + 50, 10 * sizeof(float));
  for (int i = 0; i < 3; i++) {
    lnsp_trainer *t =
        open_trainer(&bytes, i == 1 ? "info_nce tau=.5 context=mask" : "info_nce tau=.5", "sgd",
                     NULL);
    if (i == 2) b.values[0][10] += .5f; /* no longer known, with or without the mask */
    CHECK_OK(lnsp_trainer_compute_gradients(t, b.tensors, 4, &value[i], &support_error));
    lnsp_trainer_destroy(t);
  }
  CHECK_SAY(value[1] < value[0] - .05f, "%g with a mask, %g without", (double)value[1],
            (double)value[0]);
  lnsp_trainer *t = open_trainer(&bytes, "info_nce tau=.5 context=mask", "sgd", NULL);
  CHECK_OK(lnsp_trainer_compute_gradients(t, b.tensors, 4, &value[1], &support_error));
  CHECK(value[1] == value[2]);
  lnsp_trainer_destroy(t);
  free(bytes.data);
}

static void refused_sets(void) {
  static const char *const names[4] = {"input", "target", "prev", "neg"};
  support_bytes bytes = model_file("ln_min d=10 s=4", 5);
  lnsp_error error;
  float value;
  batch b;
  make_batch(&b, names, 3, 1, 10, 31);
  lnsp_trainer *t = open_trainer(&bytes, "info_nce negatives=2", "sgd", NULL);
  CHECK_STR(lnsp_trainer_input_name(t, 1), "target");
  CHECK_STR(lnsp_trainer_input_name(t, 2), "neg");
  CHECK(lnsp_trainer_input_name(t, 3) == NULL);
  b.tensors[3] = lnsp_tensor_f32("neg", b.values[3], 3, 3, 3, 10);
  CHECK_INT(lnsp_trainer_compute_gradients(t, b.tensors, 4, &value, &error), LNSP_E_LIMIT);
  CHECK(strstr(error.message, "at most 2") != NULL);
  b.tensors[3] = lnsp_tensor_f32("neg", b.values[3], 3, 2, 2, 10);
  CHECK_INT(lnsp_trainer_compute_gradients(t, b.tensors, 4, &value, &error), LNSP_E_SHAPE);
  b.tensors[3] = lnsp_tensor_f32("neg", b.values[3], 3, 3, 2, 9);
  CHECK_INT(lnsp_trainer_compute_gradients(t, b.tensors, 4, &value, &error), LNSP_E_SHAPE);
  CHECK_INT(lnsp_trainer_compute_gradients(t, b.tensors, 3, &value, &error), LNSP_E_MISSING);
  b.tensors[3] = lnsp_tensor_f32("neg", b.values[3], 2, 3, 10, 0);
  CHECK_OK(lnsp_trainer_compute_gradients(t, b.tensors, 4, &value, &error));
  lnsp_trainer_destroy(t);
  t = NULL;
  lnsp_size_options limits = {sizeof limits, 4, 3, 2, 0, 0, 0};
  CHECK(state_open(&bytes, "anticopy", "sgd clip_each=1", &limits, &t) == LNSP_OK);
  lnsp_trainer_destroy(t);
  t = NULL;
  CHECK_INT(state_open(&bytes, "info_nce", "sgd clip_each=1", &limits, &t), LNSP_E_UNSUPPORTED);
  free(bytes.data);
  support_bytes code = model_file(STUDENT, 5); /* a code of another width than the input */
  CHECK_INT(state_open(&code, "anticopy on=code", "sgd", &limits, &t), LNSP_E_SHAPE);
  free(code.data);
}

/* ---- shared tensors ---- */

/* A graph whose layers share tensors, and one that has a copy of them each. */
static const struct {
  const char *shared, *apart;
} shares[] = {
    {"lnsp 1; x = input 10; h = linear x 10 w=a; h = tanh h; h = linear h 10 w=a; "
     "output output=h",
     "lnsp 1; x = input 10; h = linear x 10 w=a; h = tanh h; h = linear h 10 w=b; "
     "output output=h"},
    {"lnsp 1; x = input 10; n = layernorm x w=a; h = tanh n; h = add h x; h = layernorm h w=a; "
     "output output=h code=n",
     "lnsp 1; x = input 10; n = layernorm x w=a; h = tanh n; h = add h x; h = layernorm h w=b; "
     "output output=h code=n"},
    {"lnsp 1; x = input 10; h = attention x heads=2 w=a; h = attention h heads=2 w=a; "
     "output output=h",
     "lnsp 1; x = input 10; h = attention x heads=2 w=a; h = attention h heads=2 w=b; "
     "output output=h"},
};

static support_bytes unshare(const support_bytes *bytes, const char *graph) {
  lnsp_file *file = NULL;
  lnsp_writer *writer = NULL;
  support_bytes out;
  lnsp_sink sink = support_sink(&out);
  lnsp_tensor tensors[16];
  char names[16][64];
  float values[512];
  lnsp_key_value pair = {"lnsp.graph", graph};
  CHECK_OK(lnsp_file_open_memory(bytes->data, bytes->size, NULL, &file, &support_error));
  int32_t n = lnsp_file_tensor_count(file);
  for (int32_t i = 0; i < 2 * n; i++) {
    lnsp_file_tensor_at(file, i % n, &tensors[i], NULL);
    snprintf(names[i], sizeof names[i], "%s%s", i < n ? "a" : "b", tensors[i].name + 1);
    tensors[i].name = names[i];
  }
  CHECK_OK(
      lnsp_writer_create_sink(&sink, tensors, 2 * n, &pair, 1, NULL, &writer, &support_error));
  for (int32_t i = 0; i < 2 * n; i++) {
    int64_t count = tensors[i].dims[0] * (tensors[i].rank > 1 ? tensors[i].dims[1] : 1);
    CHECK_OK(lnsp_file_read(file, names[i % n], 0, count, LNSP_F32, values, &support_error));
    CHECK_OK(lnsp_writer_write(writer, values, (size_t)count * 4, &support_error));
  }
  CHECK_OK(lnsp_writer_close(writer, &support_error));
  lnsp_writer_destroy(writer);
  lnsp_file_destroy(file);
  return out;
}

/* The gradient of a shared tensor is the sum of those of its copies, clipping takes
 * the norm of the sum, and the step is made once. */
static void shared_tensors(void) {
  batch b;
  for (int i = 0; i < 3; i++)
    for (int64_t rows = 1; rows <= 3; rows += 2)
      for (int64_t concepts = 1; concepts <= 3; concepts += 2) {
        make_batch(&b, pair_names, rows, concepts, 10, 21);
        support_bytes one = model_file(shares[i].shared, 4);
        support_bytes two = unshare(&one, shares[i].apart);
        lnsp_trainer *s = open_trainer(&one, "mse", "sgd lr=.5 clip=.01", NULL);
        lnsp_trainer *a = open_trainer(&two, "mse", "sgd lr=.5", NULL);
        const lnsp_graph *g = lnsp_trainer_graph(s);
        float ls, la, sum[8][512], part[512], before[8][512], after[512];
        double norm = 0;
        CHECK_OK(lnsp_trainer_compute_gradients(s, b.tensors, 2, &ls, &support_error));
        CHECK_OK(lnsp_trainer_compute_gradients(a, b.tensors, 2, &la, &support_error));
        CHECK(ls == la);
        for (int32_t w = 0; w < lnsp_graph_tensor_count(g); w++) {
          lnsp_tensor info;
          char copy[64];
          lnsp_graph_tensor_at(g, w, &info, NULL);
          int64_t n = info.dims[0] * (info.rank > 1 ? info.dims[1] : 1);
          snprintf(copy, sizeof copy, "b%s", info.name + 1);
          CHECK_OK(lnsp_trainer_tensor_read(s, info.name, 0, before[w], n, &support_error));
          CHECK_OK(lnsp_trainer_gradient(a, info.name, sum[w], n, &support_error));
          CHECK_OK(lnsp_trainer_gradient(a, copy, part, n, &support_error));
          for (int64_t e = 0; e < n; e++) sum[w][e] += part[e];
          CHECK_OK(lnsp_trainer_gradient(s, info.name, part, n, &support_error));
          for (int64_t e = 0; e < n; e++) {
            CHECK_NEAR(part[e], sum[w][e], 2e-6);
            norm += (double)sum[w][e] * (double)sum[w][e];
          }
        }
        double factor = .01 / (sqrt(norm) + 1e-6);
        CHECK(factor < 1);
        CHECK_OK(lnsp_trainer_apply(s, &support_error));
        for (int32_t w = 0; w < lnsp_graph_tensor_count(g); w++) {
          lnsp_tensor info;
          lnsp_graph_tensor_at(g, w, &info, NULL);
          int64_t n = info.dims[0] * (info.rank > 1 ? info.dims[1] : 1);
          CHECK_OK(lnsp_trainer_tensor_read(s, info.name, 0, after, n, &support_error));
          for (int64_t e = 0; e < n; e++)
            CHECK_NEAR(after[e], (double)before[w][e] - .5 * factor * (double)sum[w][e], 3e-7);
        }
        lnsp_trainer_destroy(s);
        lnsp_trainer_destroy(a);
        free(one.data);
        free(two.data);
      }
}

static void shared_gradients(void) {
  batch b;
  make_batch(&b, pair_names, 2, 3, 10, 33);
  compare(shares[0].shared, "mse", &b, 2);
  compare(shares[1].shared, "mse + .5*mse on=code", &b, 2);
  compare(shares[2].shared, "mse", &b, 4);
}

int main(void) {
  support_use_all();
  RUN(student_gradients);
  RUN(terms_on_the_code);
  RUN(contexts_and_sets);
  RUN(other_losses);
  RUN(context_masks);
  RUN(refused_sets);
  RUN(replay_gradients);
  RUN(replay_value);
  RUN(replay_draws);
  RUN(shared_tensors);
  RUN(shared_gradients);
  FINISH();
}
