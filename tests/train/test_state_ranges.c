/* A trainer's state as pieces of memory: out, back, and what must not come in. */
#include "support.h"
#include "graph/graph.h"
#include "run/model.h"
#include "train/state_ranges.h"
#include "train/trainer.h"

#define WIDTH 20
#define ROWS 3

static lnsp_trainer *image_trainer(const char *optimizer) {
  lnsp_size_options limits = {sizeof limits, ROWS, 1, 2, 0, 0, 0};
  lnsp_model *model = NULL;
  lnsp_trainer *t = NULL;
  CHECK_OK(lnsp_model_create("student d=20 s=12 k=8 heads=2", 3, NULL, &model, &support_error));
  CHECK_OK(lnsp_trainer_create(model, "mse", optimizer, &limits, NULL, &t, &support_error));
  lnsp_model_destroy(model);
  return t;
}

static void image_steps(lnsp_trainer *t, int count, uint32_t seed) {
  float x[ROWS * WIDTH], y[ROWS * WIDTH];
  lnsp_tensor in[2] = {lnsp_tensor_f32("input", x, 2, ROWS, WIDTH, 0),
                       lnsp_tensor_f32("target", y, 2, ROWS, WIDTH, 0)};
  for (int i = 0; i < count; i++) {
    support_fill(x, ROWS * WIDTH, seed + (uint32_t)i);
    support_fill(y, ROWS * WIDTH, seed + (uint32_t)i + 500);
    CHECK_OK(lnsp_trainer_step(t, in, 2, NULL, &support_error));
  }
}

static void image_hash(const lnsp_trainer *t, uint8_t hash[32]) {
  CHECK_OK(lnsp_trainer_hash(t, LNSP_SAVE_STATE, hash, &support_error));
}

static uint8_t *image_out(const lnsp_trainer *t) {
  lnspi_state_range pieces[LNSPI_STATE_RANGES];
  const int32_t n = lnspi_state_ranges(t, pieces);
  size_t bytes = 0;
  CHECK(n <= LNSPI_STATE_RANGES);
  for (int32_t i = 0; i < n; i++) {
    CHECK((uintptr_t)pieces[i].at % 4 == 0 && pieces[i].bytes % 4 == 0);
    bytes += pieces[i].bytes;
  }
  uint8_t *image = malloc(bytes), *at = image;
  for (int32_t i = 0; i < n; at += pieces[i++].bytes) memcpy(at, pieces[i].at, pieces[i].bytes);
  return image;
}

static void image_in(lnsp_trainer *t, const uint8_t *image) {
  lnspi_state_range pieces[LNSPI_STATE_RANGES];
  lnspi_state_ranges_begin(t);
  const int32_t n = lnspi_state_ranges(t, pieces);
  for (int32_t i = 0; i < n; image += pieces[i++].bytes) {
    for (uint64_t at = 0; at < pieces[i].bytes; at += 64) {
      uint64_t some = pieces[i].bytes - at < 64 ? pieces[i].bytes - at : 64;
      CHECK(lnspi_state_ranges_valid(t, &pieces[i], at, image + at, some));
    }
    memcpy(pieces[i].at, image, pieces[i].bytes);
  }
  lnspi_state_ranges_end(t);
}

/* Into the trainer it came from and into another; steps go on to the same bits, and
 * marks stay, also one that rollback left to be copied. */
static void comes_back_to_the_bit(void) {
  const char *texts[] = {"sgd", "adamw ema=.9 residual=1", "adamw moments=8bit weights=bf16",
                         "sgd momentum=.9 schedule=cosine steps=40"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    lnsp_trainer *a = image_trainer(texts[i]), *b = image_trainer(texts[i]);
    uint8_t there[32], later[32], now[32], mark[32];
    image_steps(a, 5, 1);
    CHECK_OK(lnsp_trainer_freeze(a, "*norm*", 1, &support_error));
    CHECK_OK(lnsp_trainer_set_learning_rate(a, .003f, &support_error));
    uint8_t *image = image_out(a);
    image_hash(a, there);
    image_steps(a, 4, 30);
    image_hash(a, later);
    CHECK(memcmp(there, later, 32));
    image_steps(b, 2, 60);
    CHECK_OK(lnsp_trainer_mark(b, &support_error));
    image_hash(b, mark);
    CHECK_OK(lnsp_trainer_rollback(b, 0, &support_error));
    image_in(b, image);
    image_hash(b, now);
    CHECK(!memcmp(there, now, 32));
    image_steps(b, 4, 30);
    image_hash(b, now);
    CHECK(!memcmp(later, now, 32));
    CHECK_OK(lnsp_trainer_rollback(b, 0, &support_error));
    image_hash(b, now);
    CHECK(!memcmp(mark, now, 32));
    image_in(a, image);
    image_hash(a, now);
    CHECK(!memcmp(there, now, 32));
    free(image);
    lnsp_trainer_destroy(a);
    lnsp_trainer_destroy(b);
  }
}

/* How many of the pieces take eight such bytes at their start. */
static int image_takers(const lnsp_trainer *t, uint32_t low, uint32_t high) {
  lnspi_state_range pieces[LNSPI_STATE_RANGES];
  const int32_t n = lnspi_state_ranges(t, pieces);
  uint32_t words[2] = {low, high};
  int takers = 0;
  for (int32_t i = 0; i < n; i++)
    takers += lnspi_state_ranges_valid(t, &pieces[i], 0, words,
                                       pieces[i].bytes < 8 ? pieces[i].bytes : 8);
  return takers;
}

static void takes_only_what_is_sound(void) {
  /* weights, two moments, average, residual; ages, frozen, step, rate, flag */
  lnsp_trainer *t = image_trainer("adamw ema=.9 residual=1");
  CHECK_INT(image_takers(t, 0, 0), 10);
  CHECK_INT(image_takers(t, 0x7fc00000u, 0), 3);  /* NaN, but a count and a tiny rate */
  CHECK_INT(image_takers(t, 0, 0x7f800000u), 1);  /* infinity: the flag's word is 0 */
  CHECK_INT(image_takers(t, 0xbf800000u, 0), 7); /* not squares, flags */
  CHECK_INT(image_takers(t, 2, 0), 8);            /* not flags */
  CHECK_INT(image_takers(t, 0, 0xbff00000u), 5); /* -1 as a rate */
  lnsp_trainer_destroy(t);
  /* codes of m, scale, codes of v, scale */
  t = image_trainer("adamw moments=8bit weights=bf16");
  CHECK_INT(image_takers(t, 0, 0), 10);
  CHECK_INT(image_takers(t, 0x80u, 0), 7); /* -128; flags */
  lnsp_trainer_destroy(t);
}

/* bfloat16 has its own infinity, which is a number in the lower half of a float. */
static void weights_by_their_types(void) {
  lnsp_trainer *t = image_trainer("sgd weights=bf16");
  lnspi_state_range pieces[LNSPI_STATE_RANGES];
  const uint32_t words[2] = {0x00007f80u, 0};
  int matrices = 0, flat = 0;
  (void)lnspi_state_ranges(t, pieces);
  for (int32_t i = 0; i < t->graph->weight_count; i++) {
    const lnspi_weight *weight = &t->graph->weights[i];
    int sound = lnspi_state_ranges_valid(t, &pieces[0], (uint64_t)weight->at, words, 8);
    CHECK_INT(sound, weight->type != LNSP_BF16);
    matrices += weight->type == LNSP_BF16;
    flat += weight->type != LNSP_BF16;
  }
  CHECK(matrices > 2 && flat > 2);
  lnsp_trainer_destroy(t);
}

int main(void) {
  support_use_all();
  RUN(comes_back_to_the_bit);
  RUN(takes_only_what_is_sound);
  RUN(weights_by_their_types);
  FINISH();
}
