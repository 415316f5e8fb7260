/* Clipping by example and noise: against PyTorch's gradients of single examples, against
 * our own of one row at a time, and what noise must be. */
#include "graph/graph.h"
#include "kernels/noise.h"
#include "run/model.h"
#include "run/weight.h"
#include "train/replay.h"
#include "train/trainer.h"
#include "privacy_numbers.h"
#include "state_edit.h"
#include "support.h"

#define MOST_FLOATS 1024

static const uint8_t key[LNSP_NOISE_KEY_BYTES] = {7, 1, 4, 250, 3, 99, 31, 2};

/* ---- a net, its data, a trainer ---- */

typedef struct data {
  float values[4][PRIVACY_ROWS * 3 * PRIVACY_WIDTH];
  lnsp_tensor tensors[4];
} data;

/* rows from row first on; each tensor from a seed of its own */
static void data_make(data *d, int64_t first, int64_t rows, int64_t concepts) {
  static const char *const names[4] = {"input", "target", "unused", "unused"};
  for (int i = 0; i < 4; i++) {
    support_fill(d->values[i], (size_t)(PRIVACY_ROWS * concepts * PRIVACY_WIDTH),
                 10 + (uint32_t)i);
    d->tensors[i] = lnsp_tensor_f32(names[i], d->values[i] + first * concepts * PRIVACY_WIDTH,
                                    concepts > 1 ? 3 : 2, rows,
                                    concepts > 1 ? concepts : PRIVACY_WIDTH, PRIVACY_WIDTH);
  }
}

static void data_name(data *d, const char *loss) {
  const int groups = strstr(loss, "triplet") != NULL;
  d->tensors[0].name = groups ? "anchor" : "input";
  d->tensors[1].name = groups ? "positive" : "target";
  d->tensors[2].name = groups ? "negative" : "unused";
}

static lnsp_trainer *net_open(const char *loss, const char *optimizer,
                              const lnsp_options *options, int32_t tasks) {
  lnsp_size_options limits = {sizeof limits, PRIVACY_ROWS, 3, 1, 0, 0, tasks};
  lnsp_model *model = NULL;
  lnsp_trainer *t = NULL;
  CHECK_OK(lnsp_model_create(privacy_graph, PRIVACY_SEED, NULL, &model, &support_error));
  CHECK_OK(lnsp_trainer_create(model, loss, optimizer, &limits, options, &t, &support_error));
  lnsp_model_destroy(model);
  if (t && t->optim.rule.noise > 0)
    CHECK_OK(lnsp_trainer_set_noise_key(t, key, &support_error));
  return t;
}

static void net_evaluate(lnsp_trainer *t, const char *loss, int64_t first, int64_t rows,
                         int64_t concepts) {
  data d;
  data_make(&d, first, rows, concepts);
  data_name(&d, loss);
  CHECK_OK(lnsp_trainer_compute_gradients(t, d.tensors, strstr(loss, "triplet") ? 3 : 2, NULL,
                                          &support_error));
}

static void net_steps(lnsp_trainer *t, const char *loss, int count, int64_t concepts) {
  for (int i = 0; i < count; i++) {
    net_evaluate(t, loss, i % 3, PRIVACY_ROWS - i % 3, 1 + (concepts - 1) * (i & 1));
    CHECK_OK(lnsp_trainer_apply(t, &support_error));
  }
}

static void net_hash(const lnsp_trainer *t, uint8_t hash[32]) {
  CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_STATE, hash, &support_error));
}

static int64_t net_gradient(lnsp_trainer *t, int32_t weight, float *out) {
  const int64_t count = t->graph->weights[weight].count;
  CHECK(count <= MOST_FLOATS * 2);
  CHECK_OK(
      lnsp_trainer_gradient(t, t->graph->weights[weight].name, out, count, &support_error));
  return count;
}

/* ---- clipping ---- */

static double norm_of(const float *x, int64_t n) {
  double total = 0;
  for (int64_t i = 0; i < n; i++) total += (double)x[i] * (double)x[i];
  return sqrt(total);
}

/* Clipped to almost nothing, shares tell the norms. */
static void norms_are_those_of_torch(void) {
  for (size_t c = 0; c < sizeof privacy_cases / sizeof *privacy_cases; c++) {
    lnsp_trainer *t = net_open(privacy_cases[c].loss, "sgd clip_each=1e-4", NULL, 0);
    net_evaluate(t, privacy_cases[c].loss, 0, PRIVACY_ROWS, privacy_cases[c].concepts);
    for (int e = 0; e < PRIVACY_ROWS; e++) {
      double norm = 1e-4 / t->dp.factor[e], wanted = privacy_cases[c].norm[e];
      CHECK_NEAR(norm / wanted, 1, 1e-5);
    }
    lnsp_trainer_destroy(t);
  }
}

static void clipped_means_are_those_of_torch(void) {
  for (size_t c = 0; c < sizeof privacy_cases / sizeof *privacy_cases; c++) {
    char text[64];
    float g[MOST_FLOATS * 2];
    snprintf(text, sizeof text, "adamw clip_each=%.9g", privacy_cases[c].most);
    lnsp_trainer *t = net_open(privacy_cases[c].loss, text, NULL, 0);
    net_evaluate(t, privacy_cases[c].loss, 0, PRIVACY_ROWS, privacy_cases[c].concepts);
    for (int i = 0; i < PRIVACY_TENSORS; i++) {
      int32_t weight = lnspi_graph_find_weight(t->graph, privacy_cases[c].tensor[i].name);
      CHECK(weight >= 0);
      if (weight < 0) continue;
      int64_t n = net_gradient(t, weight, g), at[3] = {0, n / 3, n - 1};
      double whole = privacy_cases[c].tensor[i].norm;
      CHECK_NEAR(norm_of(g, n) / whole, 1, 1e-5);
      for (int k = 0; k < 3; k++)
        CHECK_NEAR(g[at[k]], privacy_cases[c].tensor[i].element[k], 1e-5 * whole);
    }
    lnsp_trainer_destroy(t);
  }
}

/* The same from plain gradients of one row at a time, also with a lot of another size
 * and tensors that are frozen and do not count. */
static void equals_one_row_at_a_time(void) {
  const char *losses[] = {"mse", "triplet margin=1.5"};
  for (int c = 0; c < 8; c++) {
    const char *loss = losses[c & 1];
    const int64_t concepts = c & 2 ? 3 : 1;
    static float sum[PRIVACY_TENSORS][MOST_FLOATS * 2];
    float g[PRIVACY_TENSORS][MOST_FLOATS * 2];
    double clip = .6, lot = c & 4 ? 10 : PRIVACY_ROWS;
    lnsp_trainer *plain = net_open(loss, "sgd", NULL, 0);
    lnsp_trainer *t =
        net_open(loss, c & 4 ? "sgd clip_each=.6 lot=10" : "sgd clip_each=.6", NULL, 0);
    const char *frozen = c & 4 ? "m.*" : "n0.weight";
    int clipped = 0;
    memset(sum, 0, sizeof sum);
    CHECK_OK(lnsp_trainer_freeze(plain, frozen, 1, &support_error));
    CHECK_OK(lnsp_trainer_freeze(t, frozen, 1, &support_error));
    for (int e = 0; e < PRIVACY_ROWS; e++) {
      double square = 0;
      net_evaluate(plain, loss, e, 1, concepts);
      for (int32_t i = 0; i < PRIVACY_TENSORS; i++)
        if (plain->grad.touched[i])
          square += pow(norm_of(g[i], net_gradient(plain, i, g[i])), 2);
      double factor = clip / sqrt(square);
      clipped += factor < 1;
      if (factor > 1) factor = 1;
      for (int32_t i = 0; i < PRIVACY_TENSORS; i++)
        for (int64_t j = 0; plain->grad.touched[i] && j < plain->graph->weights[i].count; j++)
          sum[i][j] += (float)(factor / lot) * g[i][j];
    }
    CHECK(clipped > 0);
    net_evaluate(t, loss, 0, PRIVACY_ROWS, concepts);
    for (int32_t i = 0; i < PRIVACY_TENSORS; i++) {
      if (!plain->grad.touched[i]) continue;
      int64_t n = net_gradient(t, i, g[i]);
      for (int64_t j = 0; j < n; j++) CHECK_NEAR(g[i][j], sum[i][j], 3e-6);
    }
    lnsp_trainer_destroy(plain);
    lnsp_trainer_destroy(t);
  }
}

/* An example that is far beyond all others moves the gradient by no more than it may. */
static void one_example_counts_no_more_than_it_may(void) {
  lnsp_trainer *t = net_open("mse", "sgd clip_each=.25", NULL, 0);
  float with[MOST_FLOATS * 2], without[MOST_FLOATS * 2];
  for (int e = 0; e < PRIVACY_ROWS; e++) {
    double square = 0;
    for (int32_t i = 0; i < PRIVACY_TENSORS; i++) {
      for (int changed = 0; changed < 2; changed++) {
        data d;
        data_make(&d, 0, PRIVACY_ROWS, 1);
        for (int j = 0; changed && j < PRIVACY_WIDTH; j++) {
          d.values[0][e * PRIVACY_WIDTH + j] *= (float)(-900 * (j % 3));
          d.values[1][e * PRIVACY_WIDTH + j] = 1e9f;
        }
        CHECK_OK(lnsp_trainer_compute_gradients(t, d.tensors, 2, NULL, &support_error));
        net_gradient(t, i, changed ? with : without);
      }
      for (int64_t j = 0; j < t->graph->weights[i].count; j++)
        square += pow((double)with[j] - (double)without[j], 2);
    }
    CHECK(sqrt(square) > .01);
    CHECK_SAY(sqrt(square) <= 2 * .25 / PRIVACY_ROWS * (1 + 1e-6), "moved by %g", sqrt(square));
  }
  lnsp_trainer_destroy(t);
}

/* Where no example is clipped, nothing is changed, to the bit. */
static void clips_nothing_that_is_small(void) {
  const char *losses[] = {"mse", "triplet margin=1.5"};
  for (int c = 0; c < 2; c++) {
    lnsp_trainer *a = net_open(losses[c], "adamw", NULL, 0);
    lnsp_trainer *b = net_open(losses[c], "adamw clip_each=1e5", NULL, 0);
    uint8_t x[32], y[32];
    net_steps(a, losses[c], 9, 3);
    net_steps(b, losses[c], 9, 3);
    net_hash(a, x);
    net_hash(b, y);
    CHECK(!memcmp(x, y, 32));
    lnsp_trainer_destroy(a);
    lnsp_trainer_destroy(b);
  }
}

/* Rows that replay draws are nobody's: they are neither clipped nor counted. */
static void replay_is_left_as_it_is(void) {
  const char *loss = "mse + 2*replay rows=3";
  float rows[5 * PRIVACY_WIDTH], a[MOST_FLOATS * 2], b[MOST_FLOATS * 2], c[MOST_FLOATS * 2];
  lnsp_tensor tensor = lnsp_tensor_f32("rows", rows, 2, 5, PRIVACY_WIDTH, 0);
  lnsp_replay *replay = NULL;
  lnsp_trainer *t[3] = {net_open("mse", "sgd clip_each=.1", NULL, 0),
                        net_open(loss, "sgd clip_each=.1", NULL, 0),
                        net_open(loss, "sgd clip_each=1e-6", NULL, 0)};
  support_fill(rows, 5 * PRIVACY_WIDTH, 3);
  CHECK_OK(lnsp_replay_create(PRIVACY_WIDTH, NULL, &replay, &support_error));
  CHECK_OK(lnsp_replay_add(replay, &tensor, &support_error));
  CHECK_OK(lnsp_replay_finish(replay, &support_error));
  for (int i = 0; i < 3; i++) {
    if (i) CHECK_OK(lnsp_trainer_set_replay(t[i], replay, &support_error));
    net_evaluate(t[i], "mse", 0, PRIVACY_ROWS, 1);
  }
  for (int e = 0; e < PRIVACY_ROWS; e++)
    CHECK_NEAR(t[0]->dp.factor[e], t[1]->dp.factor[e], 1e-9);
  for (int32_t i = 0; i < PRIVACY_TENSORS; i++) {
    int64_t n = net_gradient(t[0], i, a);
    net_gradient(t[1], i, b);
    net_gradient(t[2], i, c); /* replay alone, or nearly */
    for (int64_t j = 0; j < n; j++) CHECK_NEAR(a[j] + c[j], b[j], 3e-6);
  }
  lnsp_replay_destroy(replay);
  for (int i = 0; i < 3; i++) lnsp_trainer_destroy(t[i]);
}

/* dL/dy by hand goes the same way. */
static void clips_a_users_own_loss(void) {
  lnsp_trainer *a = net_open("mse", "sgd clip_each=.3 lot=9", NULL, 0);
  lnsp_trainer *b = net_open(NULL, "sgd clip_each=.3 lot=9", NULL, 0);
  float out[PRIVACY_ROWS * 3 * PRIVACY_WIDTH], x[MOST_FLOATS * 2], y[MOST_FLOATS * 2];
  const int n = PRIVACY_ROWS * 3 * PRIVACY_WIDTH;
  lnsp_tensor tensor = lnsp_tensor_f32("output", out, 3, PRIVACY_ROWS, 3, PRIVACY_WIDTH);
  data d;
  data_make(&d, 0, PRIVACY_ROWS, 3);
  net_evaluate(a, "mse", 0, PRIVACY_ROWS, 3);
  CHECK_OK(lnsp_trainer_forward(b, d.tensors, 1, &tensor, 1, &support_error));
  for (int i = 0; i < n; i++) out[i] = 2.f * (out[i] - d.values[1][i]) / (float)n;
  CHECK_OK(lnsp_trainer_backward(b, &tensor, 1, &support_error));
  for (int e = 0; e < PRIVACY_ROWS; e++) {
    CHECK(a->dp.factor[e] < 1.);
    CHECK_NEAR(a->dp.factor[e], b->dp.factor[e], 1e-6);
  }
  for (int32_t i = 0; i < PRIVACY_TENSORS; i++) {
    int64_t count = net_gradient(a, i, x);
    net_gradient(b, i, y);
    for (int64_t j = 0; j < count; j++) CHECK_NEAR(x[j], y[j], 1e-6);
  }
  CHECK_OK(lnsp_trainer_apply(b, &support_error));
  lnsp_trainer_destroy(a);
  lnsp_trainer_destroy(b);
}

/* ---- the generator ---- */

/* RFC 8439, 2.3.2 */
static void chacha_is_that_of_the_rfc(void) {
  const uint32_t wanted[16] = {0xe4e7f110u, 0x15593bd1u, 0x1fdd0f50u, 0xc47120a3u,
                               0xc7f4d1c7u, 0x0368c033u, 0x9aaa2204u, 0x4e6cd4c3u,
                               0x466482d2u, 0x09aa9f07u, 0x05d7c214u, 0xa2028bd9u,
                               0xd19c12b5u, 0xb94e16deu, 0xe883d0cbu, 0x4e3c50a2u};
  const uint32_t nonce[3] = {0x09000000u, 0x4a000000u, 0};
  uint32_t rfc_key[8], words[16][LNSPI_NOISE_LANES], counter[LNSPI_NOISE_LANES];
  for (uint32_t i = 0; i < 8; i++) rfc_key[i] = 0x03020100u + 0x04040404u * i;
  for (uint32_t l = 0; l < LNSPI_NOISE_LANES; l++) counter[l] = 8 - l;
  lnspi_noise_chacha20(rfc_key, nonce, counter, words);
  for (int i = 0; i < 16; i++) CHECK_INT(words[i][7], wanted[i]);
  for (int i = 0; i < 16; i++) CHECK(words[i][6] != wanted[i]);
}

static int by_size(const void *a, const void *b) {
  const float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

/* Moments, tails, and the largest distance from the normal distribution. */
static void noise_is_normal(void) {
  static float z[1 << 17];
  const uint32_t words[8] = {1, 2, 3, 4, 5, 6, 7, 8}, nonce[3] = {9, 10, 11};
  const int n = 1 << 17;
  double sum[5] = {0}, pairs = 0, far = 0;
  int beyond = 0;
  for (uint32_t b = 0; b < (uint32_t)n / 8; b += LNSPI_NOISE_LANES) {
    uint32_t counter[LNSPI_NOISE_LANES];
    float out[LNSPI_NOISE_LANES][LNSPI_NOISE_BLOCK];
    for (uint32_t l = 0; l < LNSPI_NOISE_LANES; l++) counter[l] = b + l;
    lnspi_noise(out[0], words, nonce, counter);
    memcpy(z + 8 * b, out, sizeof out);
  }
  for (int i = 0; i < n; i++) {
    for (int p = 1; p < 5; p++) sum[p] += pow((double)z[i], p);
    pairs += (double)z[i] * (double)z[(i + 1) % n];
    beyond += fabsf(z[i]) > 3.f;
  }
  const double root = sqrt((double)n);
  CHECK_NEAR(sum[1] / n, 0, 4 / root);
  CHECK_NEAR(sum[2] / n, 1, 4 * sqrt(2.) / root);
  CHECK_NEAR(sum[3] / n, 0, 4 * sqrt(15.) / root);
  CHECK_NEAR(sum[4] / n, 3, 4 * sqrt(96.) / root);
  CHECK_NEAR(pairs / n, 0, 4 / root);
  CHECK_NEAR(beyond, n * .0026998, 4 * sqrt(n * .0027));
  qsort(z, (size_t)n, sizeof *z, by_size);
  for (int i = 0; i < n; i++) {
    double d = fabs(.5 * erfc(-(double)z[i] / sqrt(2.)) - (i + .5) / n);
    if (d > far) far = d;
  }
  CHECK_SAY(far < 1.95 / root, "%g from normal", far * root); /* one in a thousand */
  CHECK(fabsf(z[0]) < (float)LNSPI_NOISE_MOST && z[n - 1] < (float)LNSPI_NOISE_MOST);
}

/* The numbers of a block from its words in double, with the C library's functions. */
static void noise_follows_its_formula(void) {
  const uint32_t words[8] = {3, 1, 4, 1, 5, 9, 2, 6}, nonce[3] = {5, 3, 5};
  for (uint32_t b = 0; b < 800; b += LNSPI_NOISE_LANES) {
    uint32_t counter[LNSPI_NOISE_LANES], w[16][LNSPI_NOISE_LANES];
    float out[LNSPI_NOISE_LANES][LNSPI_NOISE_BLOCK];
    for (uint32_t l = 0; l < LNSPI_NOISE_LANES; l++) counter[l] = b + l;
    lnspi_noise_chacha20(words, nonce, counter, w);
    lnspi_noise(out[0], words, nonce, counter);
    for (int l = 0; l < LNSPI_NOISE_LANES; l++)
      for (int j = 0; j < 4; j++) {
        double u = ((double)w[4 * j][l] * 0x1p32 + (double)w[4 * j + 1][l] + 1) * 0x1p-64;
        double a = (((double)w[4 * j + 2][l] + .5) * 0x1p-32 - .125) * 2 * 3.14159265358979324;
        double r = sqrt(-2 * log(u));
        CHECK_NEAR(out[l][2 * j], r * cos(a), 1e-6);
        CHECK_NEAR(out[l][2 * j + 1], r * sin(a), 1e-6);
      }
  }
}

/* ---- noise in a step ---- */

static void noise_of(const lnsp_trainer *t, int32_t weight, uint64_t step, float deviation,
                     float *out) {
  const lnspi_weight *w = &t->graph->weights[weight];
  const int64_t rows = lnspi_weight_rows(w), columns = lnspi_weight_columns(w);
  const uint32_t nonce[3] = {(uint32_t)weight, (uint32_t)step, (uint32_t)(step >> 32)};
  uint32_t words[8];
  for (int i = 0; i < 8; i++)
    words[i] = (uint32_t)key[4 * i] | (uint32_t)key[4 * i + 1] << 8 |
               (uint32_t)key[4 * i + 2] << 16 | (uint32_t)key[4 * i + 3] << 24;
  for (int64_t r = 0; r < rows; r++)
    for (int64_t c = 0; c < columns; c++) {
      uint32_t counter[LNSPI_NOISE_LANES] = {(uint32_t)(r * ((columns + 7) / 8) + c / 8)};
      float z[LNSPI_NOISE_LANES][LNSPI_NOISE_BLOCK];
      lnspi_noise(z[0], words, nonce, counter);
      *out++ = deviation * z[0][c % 8];
    }
}

/* A step of plain descent takes away the clipped mean and noise of the stated size, each
 * element its own. */
static void noise_is_added_once(void) {
  lnsp_trainer *t = net_open("mse", "sgd lr=1 clip_each=.5 noise=2 lot=8", NULL, 0);
  static float before[PRIVACY_TENSORS][MOST_FLOATS * 2], g[PRIVACY_TENSORS][MOST_FLOATS * 2];
  float after[MOST_FLOATS * 2], noise[MOST_FLOATS * 2];
  for (uint64_t step = 0; step < 2; step++) {
    net_evaluate(t, "mse", 0, PRIVACY_ROWS - (int64_t)step, 1);
    for (int32_t i = 0; i < PRIVACY_TENSORS; i++) {
      net_gradient(t, i, g[i]);
      CHECK_OK(lnsp_trainer_tensor_read(t, t->graph->weights[i].name, 0, before[i],
                                        t->graph->weights[i].count, &support_error));
    }
    CHECK_OK(lnsp_trainer_apply(t, &support_error));
    for (int32_t i = 0; i < PRIVACY_TENSORS; i++) {
      const int64_t n = t->graph->weights[i].count;
      CHECK_OK(
          lnsp_trainer_tensor_read(t, t->graph->weights[i].name, 0, after, n, &support_error));
      noise_of(t, i, step, .125f, noise);
      for (int64_t j = 0; j < n; j++)
        CHECK_NEAR(after[j], before[i][j] - g[i][j] - noise[j], 1e-6);
    }
  }
  lnsp_trainer_destroy(t);
}

static void run_backwards(void *user, int32_t count,
                          void (*task)(void *argument, int32_t index), void *argument) {
  *(int *)user += count;
  for (int32_t i = count - 1; i >= 0; i--) task(argument, i);
}

/* On every kernel set, with and without tasks; with each form of the state. */
static void same_bits_everywhere(void) {
  const char *texts[] = {"adamw clip_each=.4 noise=1.1 lot=6",
                         "adamw moments=8bit weights=bf16 clip_each=.4 noise=1.1",
                         "sgd momentum=.9 ema=.9 clip_each=.4 noise=.3"};
  for (size_t x = 0; x < sizeof texts / sizeof *texts; x++) {
    uint8_t first[32], hash[32];
    int runs = 0, calls = 0;
    lnsp_parallel parallel = {.struct_size = sizeof parallel,
                              .user = &calls,
                              .run = run_backwards};
    for (int32_t i = 0; lnsp_list_name(LNSP_LIST_ISAS, i); i++)
      for (int32_t tasks = 1; tasks < 6; tasks += 4) {
        const char *isa = lnsp_list_name(LNSP_LIST_ISAS, i);
        if (!strcmp(isa, "cblas") || lnsp_isa_check(isa, NULL) != LNSP_OK) continue;
        lnsp_options options = {.struct_size = sizeof options,
                                .isa = isa,
                                .parallel = tasks > 1 ? &parallel : NULL};
        lnsp_trainer *t = net_open("triplet margin=1.5", texts[x], &options, tasks);
        net_steps(t, "triplet", 8, 3);
        net_hash(t, runs ? hash : first);
        CHECK_SAY(!runs || !memcmp(first, hash, 32), "%s, %s, %d tasks", texts[x], isa, tasks);
        runs++;
        lnsp_trainer_destroy(t);
      }
    CHECK(runs >= 2);
  }
}

/* A net that is large enough to be split. */
static void same_bits_in_tasks(void) {
  uint8_t first[32], hash[32];
  int calls = 0;
  lnsp_parallel parallel = {.struct_size = sizeof parallel,
                            .user = &calls,
                            .run = run_backwards};
  float x[32 * 384];
  lnsp_tensor in[2] = {lnsp_tensor_f32("input", x, 2, 32, 384, 0),
                       lnsp_tensor_f32("target", x, 2, 32, 384, 0)};
  support_fill(x, sizeof x / sizeof *x, 4);
  for (int32_t tasks = 1; tasks < 8; tasks += 3) {
    lnsp_size_options limits = {sizeof limits, 32, 1, 0, 0, 0, tasks};
    lnsp_options options = {.struct_size = sizeof options,
                            .parallel = tasks > 1 ? &parallel : NULL};
    lnsp_model *model = NULL;
    lnsp_trainer *t = NULL;
    CHECK_OK(lnsp_model_create("student", 1, NULL, &model, &support_error));
    CHECK_OK(lnsp_trainer_create(model, "cosine", "adamw clip_each=.1 noise=.5", &limits,
                                 &options, &t, &support_error));
    CHECK_OK(lnsp_trainer_set_noise_key(t, key, &support_error));
    for (int i = 0; i < 2; i++) CHECK_OK(lnsp_trainer_step(t, in, 2, NULL, &support_error));
    CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_STATE, tasks > 1 ? hash : first, &support_error));
    CHECK(tasks == 1 || !memcmp(first, hash, 32));
    lnsp_trainer_destroy(t);
    lnsp_model_destroy(model);
  }
  CHECK(calls > 0);
}

/* The noise is a function of key and step: it goes on after a resume, comes back after a
 * rollback, and another key gives other noise. */
static void noise_depends_on_key_and_step(void) {
  const char *text = "adamw clip_each=.4 noise=1.1";
  lnsp_size_options limits = {sizeof limits, PRIVACY_ROWS, 3, 1, 0, 0, 0};
  lnsp_trainer *t = net_open("mse", text, NULL, 0), *back = NULL;
  uint8_t other[LNSP_NOISE_KEY_BYTES], there[32], now[32];
  memcpy(other, key, sizeof other);
  other[31] ^= 1;
  net_steps(t, "mse", 2, 1);
  CHECK_OK(lnsp_trainer_mark(t, &support_error));
  support_bytes bytes = state_save(t, LNSP_SAVE_STATE);
  net_steps(t, "mse", 3, 1);
  net_hash(t, there);
  CHECK_OK(lnsp_trainer_rollback(t, 0, &support_error));
  net_steps(t, "mse", 3, 1);
  net_hash(t, now);
  CHECK(!memcmp(there, now, 32));
  CHECK_OK(state_open(&bytes, NULL, NULL, &limits, &back));
  for (size_t i = 0; i + 32 <= bytes.size; i++) CHECK(memcmp(bytes.data + i, key, 8));
  net_evaluate(back, "mse", 0, PRIVACY_ROWS, 1);
  CHECK_REFUSED(lnsp_trainer_apply(back, &support_error), LNSP_E_STATE);
  CHECK_OK(lnsp_trainer_set_noise_key(back, key, &support_error));
  net_steps(back, "mse", 3, 1);
  net_hash(back, now);
  CHECK(!memcmp(there, now, 32));
  lnsp_trainer_destroy(back);
  CHECK_OK(state_open(&bytes, NULL, NULL, &limits, &back));
  CHECK_OK(lnsp_trainer_set_noise_key(back, other, &support_error));
  net_steps(back, "mse", 3, 1);
  net_hash(back, now);
  CHECK(memcmp(there, now, 32));
  lnsp_trainer_destroy(back);
  lnsp_trainer_destroy(t);
  free(bytes.data);
}

/* ---- what is refused ---- */

static int32_t text_status(const char *loss, const char *optimizer) {
  lnsp_memory_info memory = LNSP_MEMORY_INFO_INIT;
  lnsp_graph *graph = NULL;
  CHECK_OK(lnsp_graph_create("student d=20 s=12 k=8 heads=2", NULL, &graph, &support_error));
  int32_t status = lnsp_trainer_measure(graph, loss, optimizer, NULL, &memory, &support_error);
  lnsp_graph_destroy(graph);
  return status;
}

static void refuses_what_cannot_be(void) {
  lnsp_trainer *plain = net_open("mse", "sgd", NULL, 0);
  lnsp_trainer *t = net_open("mse", "sgd clip_each=1 noise=1", NULL, 0);
  float g[PRIVACY_WIDTH] = {0};
  lnsp_tensor gradient = lnsp_tensor_f32("n0.weight", g, 1, PRIVACY_WIDTH, 0, 0);
  uint8_t before[32], after[32];
  CHECK_OK(text_status("triplet + .1*alignment", "sgd clip_each=1"));
  CHECK_REFUSED(text_status("student", "sgd clip_each=1"), LNSP_E_UNSUPPORTED);
  CHECK_REFUSED(text_status("mse + nuclear_diversity", "sgd clip_each=1"), LNSP_E_UNSUPPORTED);
  CHECK_REFUSED(text_status("mse", "sgd noise=1"), LNSP_E_ARGUMENT);
  CHECK_REFUSED(text_status("mse", "sgd lot=8"), LNSP_E_ARGUMENT);
  CHECK_REFUSED(text_status("mse", "sgd clip_each=1 noise=1 clip=1"), LNSP_E_ARGUMENT);
  CHECK(text_status("mse", "sgd clip_each=-1") != LNSP_OK);
  CHECK(text_status("mse", "sgd clip_each=1 noise=nan") != LNSP_OK);
  CHECK_REFUSED(lnsp_trainer_set_noise_key(plain, key, &support_error), LNSP_E_STATE);
  CHECK_REFUSED(lnsp_trainer_set_noise_key(t, NULL, &support_error), LNSP_E_ARGUMENT);
  net_hash(t, before);
  CHECK_REFUSED(lnsp_trainer_apply_gradients(t, &gradient, 1, &support_error), LNSP_E_STATE);
  t->dp.has_noise_key = 0;
  net_evaluate(t, "mse", 0, 2, 1);
  CHECK_REFUSED(lnsp_trainer_apply(t, &support_error), LNSP_E_STATE);
  net_hash(t, after);
  CHECK(!memcmp(before, after, 32));
  lnsp_trainer_destroy(plain);
  lnsp_trainer_destroy(t);
}

/* Noise that could make weights infinite is refused as a gradient is. */
static void noise_passes_the_gate(void) {
  lnsp_trainer *t = net_open("mse", "sgd lr=1e6 clip_each=1e6 noise=1e6", NULL, 0);
  uint8_t before[32], after[32];
  int32_t status = LNSP_OK;
  data d;
  data_make(&d, 0, PRIVACY_ROWS, 1);
  for (int i = 0; i < 20 && status == LNSP_OK; i++) {
    net_hash(t, before);
    status = lnsp_trainer_step(t, d.tensors, 2, NULL, &support_error);
  }
  CHECK_INT(status, LNSP_E_NOT_FINITE);
  net_hash(t, after);
  CHECK(!memcmp(before, after, 32));
  for (int32_t i = 0; i < t->graph->weight_count; i++) {
    float w[MOST_FLOATS * 2];
    const lnspi_weight *weight = &t->graph->weights[i];
    CHECK_OK(lnsp_trainer_tensor_read(t, weight->name, 0, w, weight->count, &support_error));
    for (int64_t j = 0; j < weight->count; j++) CHECK(isfinite(w[j]));
  }
  lnsp_trainer_destroy(t);
}

int main(void) {
  support_use_all();
  RUN(norms_are_those_of_torch);
  RUN(clipped_means_are_those_of_torch);
  RUN(equals_one_row_at_a_time);
  RUN(one_example_counts_no_more_than_it_may);
  RUN(clips_nothing_that_is_small);
  RUN(replay_is_left_as_it_is);
  RUN(clips_a_users_own_loss);
  RUN(chacha_is_that_of_the_rfc);
  RUN(noise_is_normal);
  RUN(noise_follows_its_formula);
  RUN(noise_is_added_once);
  RUN(same_bits_everywhere);
  RUN(same_bits_in_tasks);
  RUN(noise_depends_on_key_and_step);
  RUN(refuses_what_cannot_be);
  RUN(noise_passes_the_gate);
  FINISH();
}
