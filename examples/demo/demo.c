/* The whole loop on real vectors: a student meets the sentences of a manual,
 * learns from them one at a time without losing its old domain, hands out what
 * changed, and goes back to the bit.
 *
 *   lnsp-demo [FOLDER [PICTURE.svg [KERNELS]]]
 *
 * FOLDER (default examples/demo) has base, replay, manual and old .safetensors;
 * docs/demo.md says what they are and which commands made them. Everything goes
 * through lnsp.h; no figure is written down here. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "curve.h"
#include "lnsp.h"

#define WIDTH 384
#define BATCH 16 /* of the evaluation; learning takes one vector at a time */
#define SECONDS 20 /* a slow machine learns fewer steps */
#define LOSS "cosine + 4*replay rows=7"
#define OPTIMIZER "adamw lr=3e-4 weight_decay=0 ema=.999"

static lnsp_error error;

static void check(int32_t status, const char *what) {
  if (status == LNSP_OK) return;
  fflush(stdout);
  fprintf(stderr, "demo: %s: %s\n", what, error.message);
  exit(1);
}

#define NUMBER_BYTES 32

/* 545,088 */
static const char *number(uint64_t value, char text[NUMBER_BYTES]) {
  char digits[NUMBER_BYTES];
  const int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
  int to = 0;
  for (int from = 0; from < length; from++) {
    if (from && (length - from) % 3 == 0) text[to++] = ',';
    text[to++] = digits[from];
  }
  text[to] = 0;
  return text;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Peak resident memory in kB, 0 where the system does not tell. */
static long resident_kb(void) {
  FILE *f = fopen("/proc/self/status", "r");
  char line[128];
  long kb = 0;
  while (f && fgets(line, sizeof line, f))
    if (!strncmp(line, "VmHWM:", 6)) kb = strtol(line + 6, NULL, 10);
  if (f) fclose(f);
  return kb;
}

static int64_t row_count(const lnsp_file *file, const char *name) {
  lnsp_tensor t;
  check(lnsp_file_tensor(file, name, &t, &error), name);
  if (t.rank != 2 || t.dims[1] != WIDTH) {
    fprintf(stderr, "demo: tensor %s must be [rows, %d]\n", name, WIDTH);
    exit(1);
  }
  return t.dims[0];
}

/* Vectors are stored as float16, so their length is not quite 1. */
static void read_unit(lnsp_file *file, const char *name, int64_t first, int64_t count,
                      float *to) {
  check(lnsp_file_read(file, name, first * WIDTH, count * WIDTH, LNSP_F32, to, &error), name);
  for (int64_t r = 0; r < count; r++, to += WIDTH) {
    double sum = 0;
    for (int i = 0; i < WIDTH; i++) sum += (double)to[i] * (double)to[i];
    for (int i = 0; i < WIDTH; i++) to[i] = (float)((double)to[i] / sqrt(sum));
  }
}

/* Mean cosine between held-out vectors and the student's outputs for them. */
static double mean_cosine(lnsp_session *session, lnsp_file *file, const char *name) {
  static float x[BATCH * WIDTH], y[BATCH * WIDTH];
  const int64_t rows = row_count(file, name);
  double total = 0;
  for (int64_t first = 0; first < rows; first += BATCH) {
    const int64_t count = rows - first < BATCH ? rows - first : BATCH;
    lnsp_tensor in = lnsp_tensor_f32("input", x, 2, count, WIDTH, 0);
    lnsp_tensor out = lnsp_tensor_f32("output", y, 2, count, WIDTH, 0);
    read_unit(file, name, first, count, x);
    check(lnsp_session_run(session, &in, 1, &out, 1, &error), "run");
    for (int64_t r = 0; r < count; r++) {
      double xy = 0, yy = 0;
      for (int i = 0; i < WIDTH; i++) {
        const double a = (double)x[r * WIDTH + i], b = (double)y[r * WIDTH + i];
        xy += a * b;
        yy += b * b;
      }
      total += xy / sqrt(yy);
    }
  }
  return total / (double)rows;
}

typedef struct demo {
  lnsp_model *base;
  lnsp_trainer *trainer;
  lnsp_session *session;    /* on the moving average of the trainer's weights */
  lnsp_file *manual, *old;
  lnsp_memory_info memory;
  int64_t rows, step;
  double seconds;           /* in lnsp_trainer_step since the last stage */
  int64_t timed_from;
  curve curve;
  uint8_t base_hash[LNSP_HASH_BYTES];
} demo;

static void show_hash(const char *label, const uint8_t hash[LNSP_HASH_BYTES]) {
  printf("  %-34s ", label);
  for (int i = 0; i < 8; i++) printf("%02x", hash[i]);
  printf("...\n");
}

static int same(const char *label, const uint8_t *a, const uint8_t *b) {
  const int equal = !memcmp(a, b, LNSP_HASH_BYTES);
  show_hash(label, a);
  if (!equal) printf("  NOT THE SAME HASH\n");
  return equal;
}

static void open_all(demo *d, const char *folder, const char *isa) {
  lnsp_options options = LNSP_OPTIONS_INIT;
  static const char *const names[] = {"base", "replay", "manual", "old"};
  lnsp_size_options limits = LNSP_SIZE_OPTIONS_INIT;
  lnsp_replay *replay = NULL;
  char path[4][1024];

  options.isa = isa;
  limits.max_marks = 1;
  for (int i = 0; i < 4; i++)
    snprintf(path[i], sizeof path[i], "%s/%s.safetensors", folder, names[i]);
  check(lnsp_model_open(path[0], NULL, &d->base, &error), path[0]);
  check(lnsp_replay_open(path[1], NULL, &replay, &error), path[1]);
  check(lnsp_file_open(path[2], NULL, &d->manual, &error), path[2]);
  check(lnsp_file_open(path[3], NULL, &d->old, &error), path[3]);
  check(lnsp_trainer_create(d->base, LOSS, OPTIMIZER, &limits, &options, &d->trainer, &error),
        "trainer");
  check(lnsp_trainer_set_replay(d->trainer, replay, &error), "replay");
  lnsp_replay_destroy(replay);
  check(lnsp_trainer_mark(d->trainer, &error), "mark");
  limits.max_rows = BATCH;
  limits.max_marks = 0;
  check(lnsp_session_create_live(d->trainer, 1, &limits, &options, &d->session, &error),
        "session");
  d->memory = (lnsp_memory_info)LNSP_MEMORY_INFO_INIT;
  check(lnsp_trainer_memory(d->trainer, &d->memory, &error), "memory");
  check(lnsp_model_hash(d->base, d->base_hash, &error), "hash");
  d->rows = row_count(d->manual, "learn");
}

static void evaluate(demo *d) {
  curve *c = &d->curve;
  if (c->count == CURVE_POINTS) return;
  c->step[c->count] = (double)d->step;
  c->fresh[c->count] = mean_cosine(d->session, d->manual, "held_out");
  c->old[c->count++] = mean_cosine(d->session, d->old, "held_out");
}

static void learn(demo *d) {
  float x[WIDTH];
  lnsp_tensor in[2];
  double start;

  read_unit(d->manual, "learn", d->step % d->rows, 1, x);
  in[0] = lnsp_tensor_f32("input", x, 2, 1, WIDTH, 0);
  in[1] = lnsp_tensor_f32("target", x, 2, 1, WIDTH, 0);
  start = now();
  check(lnsp_trainer_step(d->trainer, in, 2, NULL, &error), "step");
  d->seconds += now() - start;
  d->step++;
}

/* The difference between the base and the present average. */
static lnsp_delta *make_delta(demo *d, lnsp_delta_info *facts) {
  lnsp_model *learned = NULL;
  lnsp_delta *delta = NULL;
  check(lnsp_trainer_publish(d->trainer, 1, NULL, &learned, &error), "publish");
  check(lnsp_delta_create(d->base, learned, NULL, NULL, &delta, &error), "delta");
  lnsp_model_destroy(learned);
  *facts = (lnsp_delta_info)LNSP_DELTA_INFO_INIT;
  check(lnsp_delta_get_info(delta, facts, &error), "delta");
  return delta;
}

static void show_stage(demo *d) {
  const curve *c = &d->curve;
  lnsp_delta_info facts;
  lnsp_delta *delta;
  const long kb = resident_kb(); /* before this stage makes its delta */
  const int64_t steps = d->step - d->timed_from;
  char text[NUMBER_BYTES];

  printf("%6s  %.4f %+.4f  %.4f %+.4f ", number((uint64_t)d->step, text),
         c->fresh[c->count - 1], c->fresh[c->count - 1] - c->fresh[0], c->old[c->count - 1],
         c->old[c->count - 1] - c->old[0]);
  if (steps)
    printf("%8.0f", 1e6 * d->seconds / (double)steps);
  else
    printf("%8s", "-");
  delta = make_delta(d, &facts);
  printf(" %8s", number(d->memory.weight_bytes / 1000, text));
  printf(" %8s", number(d->memory.moment_bytes / 1000, text));
  printf(" %11s", number(d->memory.activation_bytes / 1000, text));
  printf(" %8s", number((uint64_t)kb, text));
  printf(" %6s\n", number((uint64_t)facts.encoded_bytes / 1000, text));
  fflush(stdout);
  lnsp_delta_destroy(delta);
  d->seconds = 0;
  d->timed_from = d->step;
}

static void show_memory(const lnsp_memory_info *m) {
  const struct {
    const char *label;
    uint64_t bytes;
  } part[] = {{"in all", m->total_bytes},
              {"weights", m->weight_bytes},
              {"moments", m->moment_bytes},
              {"average", m->average_bytes},
              {"activations", m->activation_bytes},
              {"workspace", m->workspace_bytes},
              {"plan", m->plan_bytes},
              {"a mark to go back to", m->mark_bytes}};
  char text[NUMBER_BYTES];

  printf("\nbytes of the trainer, known before the first step:\n ");
  for (size_t i = 0; i < sizeof part / sizeof part[0]; i++)
    printf(" %s %s%s", part[i].label, number(part[i].bytes, text),
           i == 0   ? " ="
           : i == 4 ? " +\n "
           : i == 7 ? "\n"
                    : " +");
}

static void stages(demo *d) {
  /* evaluated at all of these, a line in the table at those marked 1 */
  static const struct {
    int64_t step;
    int line;
  } at[] = {{0, 1},    {25, 0},   {50, 0},   {100, 1},  {150, 0}, {200, 0},
            {300, 1},  {400, 0},  {550, 0},  {700, 0},  {850, 0}, {1000, 1},
            {1200, 0}, {1400, 0}, {1700, 0}, {2000, 1}, {2400, 1}};

  printf("        held-out cosine (change)               bytes / 1000 "
         "                 peak kB  kB\n");
  printf("%6s  %-14s  %-14s %8s %8s %8s %11s %8s %6s\n", "steps", "new domain", "old domain",
         "us/step", "weights", "moments", "activations", "resident", "delta");
  const double start = now();
  double evaluation = 0, a_step = 0;
  int shown = 0;
  for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
    const double before = now(), steps = (double)(at[i].step - d->step);
    if (evaluation > .3 && !at[i].line) continue;
    if (before - start + steps * a_step + 2 * evaluation > SECONDS) {
      if (!shown) show_stage(d);
      printf("this machine is slow: the demo stops at step %lld of %d\n", (long long)d->step,
             (int)at[sizeof at / sizeof at[0] - 1].step);
      return;
    }
    while (d->step < at[i].step) learn(d);
    if (steps > 0) a_step = (now() - before) / steps;
    evaluation = now();
    evaluate(d);
    evaluation = now() - evaluation;
    shown = at[i].line;
    if (shown) show_stage(d);
  }
}

/* Another device applies the delta; then it goes back by the inverse. */
static int share(demo *d, const char *folder) {
  lnsp_delta *delta, *back = NULL;
  lnsp_delta_info facts;
  lnsp_model *copy = NULL, *applied = NULL, *twice = NULL, *returned = NULL;
  uint8_t learned[LNSP_HASH_BYTES], hash[LNSP_HASH_BYTES];
  char path[1024], text[NUMBER_BYTES];
  int good;

  delta = make_delta(d, &facts);
  check(lnsp_trainer_hash(d->trainer, LNSP_SAVE_AVERAGE, learned, &error), "hash");
  printf("\nshare: an exact delta of %s bytes", number((uint64_t)facts.encoded_bytes, text));
  printf(", %s parameters changed\n", number((uint64_t)facts.changed_count, text));
  show_hash("what was learned", learned);
  snprintf(path, sizeof path, "%s/base.safetensors", folder);
  check(lnsp_model_open(path, NULL, &copy, &error), path);
  check(lnsp_delta_apply(delta, copy, NULL, &applied, &error), "apply");
  check(lnsp_model_hash(applied, hash, &error), "hash");
  good = same("second copy with the delta", hash, learned);
  if (lnsp_delta_apply(delta, applied, NULL, &twice, &error) == LNSP_OK)
    good = 0;
  else
    printf("  applied once more it is refused:   %s\n", error.message);
  check(lnsp_delta_invert(delta, NULL, &back, &error), "invert");
  check(lnsp_delta_apply(back, applied, NULL, &returned, &error), "apply");
  check(lnsp_model_hash(returned, hash, &error), "hash");
  good = same("second copy with the inverse", hash, d->base_hash) && good;
  lnsp_model_destroy(returned);
  lnsp_model_destroy(twice);
  lnsp_model_destroy(applied);
  lnsp_model_destroy(copy);
  lnsp_delta_destroy(back);
  lnsp_delta_destroy(delta);
  return good;
}

static int go_back(demo *d) {
  uint8_t hash[LNSP_HASH_BYTES];
  double start = now(), seconds;
  int good;

  check(lnsp_trainer_rollback(d->trainer, 0, &error), "rollback");
  seconds = now() - start;
  check(lnsp_trainer_hash(d->trainer, LNSP_SAVE_WEIGHTS, hash, &error), "hash");
  printf("\ngo back: weights, moments, average and step count to the mark, in %.1f us\n",
         1e6 * seconds);
  show_hash("at the start", d->base_hash);
  good = same("after the rollback", hash, d->base_hash);
  printf("  held-out cosine again              new %.4f, old %.4f\n",
         mean_cosine(d->session, d->manual, "held_out"),
         mean_cosine(d->session, d->old, "held_out"));
  return good;
}

int main(int argc, char **argv) {
  static demo d;
  const char *folder = argc > 1 ? argv[1] : "examples/demo";
  const char *picture = argc > 2 ? argv[2] : "curve.svg";
  const double start = now();
  char parameters[NUMBER_BYTES];
  int good;

  open_all(&d, folder, argc > 3 ? argv[3] : "auto");
  number((uint64_t)lnsp_graph_parameter_count(lnsp_model_graph(d.base)), parameters);
  printf("A student of %s parameters that knows WordNet's definitions reads a manual,\n"
         "one sentence vector a step. Loss: %s. Optimizer: %s.\nKernels: %s.\n\n",
         parameters, LOSS, OPTIMIZER, lnsp_trainer_isa(d.trainer));
  stages(&d);
  show_memory(&d.memory);
  good = share(&d, folder);
  good = go_back(&d) && good;
  snprintf(d.curve.title, sizeof d.curve.title, "A student of %s parameters reads a manual",
           parameters);
  snprintf(d.curve.subtitle, sizeof d.curve.subtitle,
           "cosine between a vector and its reconstruction through 192 numbers, on vectors "
           "never learned from");
  if (curve_write(&d.curve, picture)) {
    fprintf(stderr, "demo: %s cannot be written\n", picture);
    good = 0;
  } else {
    printf("\nlearning curve: %s   (%.1f s in all)\n", picture, now() - start);
  }
  lnsp_session_destroy(d.session);
  lnsp_trainer_destroy(d.trainer);
  lnsp_file_destroy(d.manual);
  lnsp_file_destroy(d.old);
  lnsp_model_destroy(d.base);
  return good ? 0 : 1;
}
