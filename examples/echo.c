/* Learn to say what can be said: an echo loss.
 *
 *   cc -o echo echo.c $(pkg-config --cflags --libs lnsp)
 *   ./echo
 *
 * A network predicts the next concept. What it predicts is worth as much as what is left
 * of it once it has been decoded to text and encoded again. Here the text is a vocabulary of
 * known concepts, and decoding finds the nearest one (of many: lnsp_search_run); a program
 * with a decoder calls that instead. Decoding is expensive, so only four rows of every fourth
 * batch are decoded. */
#include <lnsp.h>
#include <stdio.h>
#include <string.h>

enum { WIDTH = 24, WORDS = 40, ROWS = 16, CONTEXT = 3, STEPS = 400 };

typedef struct vocabulary {
  float words[WORDS][WIDTH]; /* of length one */
  int32_t asked;
} vocabulary;

/* Deterministic numbers in [-1, 1). */
static float number(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return (float)(*state >> 8) / 8388608.0f - 1;
}

static void unit(float *x) {
  float square = 0, root = 1;
  for (int i = 0; i < WIDTH; i++) square += x[i] * x[i];
  for (int i = 0; i < 30; i++) root = (root + square / root) / 2; /* Newton */
  for (int i = 0; i < WIDTH; i++) x[i] /= root;
}

static int nearest(const vocabulary *v, const float *x) {
  int best = 0;
  float most = 0;
  for (int w = 0; w < WORDS; w++) {
    float dot = 0;
    for (int i = 0; i < WIDTH; i++) dot += x[i] * v->words[w][i];
    if (w == 0 || dot > most) {
      most = dot;
      best = w;
    }
  }
  return best;
}

/* What the library calls during a step. A failing decoder returns anything but 0, and the
 * step is refused: nothing has changed. */
static int32_t echo(void *user, const lnsp_tensor *output, const lnsp_tensor *echoed) {
  vocabulary *v = user;
  for (int64_t r = 0; r < output->dims[0]; r++) {
    const float *x = (const float *)output->data + r * output->strides[0];
    float *y = (float *)echoed->data + r * echoed->strides[0];
    memcpy(y, v->words[nearest(v, x)], sizeof v->words[0]);
    v->asked++;
  }
  return 0;
}

/* Sentences that count upwards in steps of one or two, from any word. */
static void batch(const vocabulary *v, uint32_t *state, float *input, float *target) {
  for (int r = 0; r < ROWS; r++) {
    const int by = 1 + (int)(*state >> 16 & 1);
    int word = (int)((number(state) + 1) * WORDS / 2);
    for (int c = 0; c <= CONTEXT; c++, word = (word + by) % WORDS)
      memcpy(c < CONTEXT ? input + (r * CONTEXT + c) * WIDTH : target + r * WIDTH,
             v->words[word % WORDS], sizeof v->words[0]);
  }
}

int main(void) {
  static const char network[] =
      "lnsp 1; x = input 24; h = flatten x 3; h = linear h 64 w=in; h = gelu h; "
      "h = linear h 24 w=out; h = l2norm h; output output=h";
  static vocabulary v;
  static float input[ROWS * CONTEXT * WIDTH], target[ROWS * WIDTH];
  lnsp_error error;
  lnsp_model *model = NULL;
  lnsp_trainer *trainer = NULL;
  lnsp_size_options limits = LNSP_SIZE_OPTIONS_INIT;
  lnsp_echo function = LNSP_ECHO_INIT;
  lnsp_tensor tensors[2];
  uint32_t state = 1;
  float loss = 0;
  int32_t status;

  for (int w = 0; w < WORDS; w++) {
    for (int i = 0; i < WIDTH; i++) v.words[w][i] = number(&state);
    unit(v.words[w]);
  }
  limits.max_rows = ROWS;
  limits.max_concepts = CONTEXT;
  function.user = &v;
  function.echo = echo;
  tensors[0] = lnsp_tensor_f32("input", input, 3, ROWS, CONTEXT, WIDTH);
  tensors[1] = lnsp_tensor_f32("target", target, 2, ROWS, WIDTH, 0);

  status = lnsp_model_create(network, 1, NULL, &model, &error);
  if (!status)
    status = lnsp_trainer_create(model, "cosine + .1*echo every=4 rows=4", "adamw lr=3e-3",
                                 &limits, NULL, &trainer, &error);
  if (!status) status = lnsp_trainer_set_echo(trainer, &function, &error);
  for (int step = 0; !status && step < STEPS; step++) {
    batch(&v, &state, input, target);
    status = lnsp_trainer_step(trainer, tensors, 2, &loss, &error);
    if (!status && step % 100 == 0) printf("step %3d  loss %.3f\n", step, (double)loss);
  }
  if (status)
    fprintf(stderr, "echo: %s\n", error.message);
  else
    printf("step %3d  loss %.3f; %d echoes\n", STEPS, (double)loss, (int)v.asked);
  lnsp_trainer_destroy(trainer);
  lnsp_model_destroy(model);
  return status ? 1 : 0;
}
