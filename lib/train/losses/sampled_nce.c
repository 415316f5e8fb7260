/* InfoNCE against some targets of the batch, drawn at random.
 *
 * The cost grows with the batch, not with its square: each row is compared with its own target
 * and with those that a few random permutations of the batch put in its place. A permutation
 * gives every target to exactly one row, so all targets are rivals equally often, which
 * independent draws do not achieve. A row may meet its own target again; it then counts as a
 * rival.
 *
 * Permutations are those of Fisher and Yates, from the counter generator with seed, call and
 * number, so that a step can be repeated to the bit. Memory is one index for each row and
 * permutation. */
#include "train/losses/loss_list.h"
#include "kernels/random.h"
#include "train/losses/pair.h"

#define SAMPLED_TAU 0
#define SAMPLED_COUNT 1
#define SAMPLED_SEED 2
#define SAMPLED_NODE UINT32_C(0xfffffe00) /* of the generator; that of a sample is added */

/* Number s of the permutations, by Fisher and Yates. */
static void sampled_nce_shuffle(const lnspi_loss_call *call, uint32_t *order, int64_t s) {
  const uint64_t seed = (uint64_t)call->real[SAMPLED_SEED];
  for (int64_t i = 0; i < call->rows; i++) order[i] = (uint32_t)i;
  for (int64_t i = call->rows - 1; i > 0; i--) {
    const uint64_t draw =
        lnspi_random(seed, call->pass, SAMPLED_NODE + (uint32_t)s, (uint32_t)i);
    const int64_t j = (int64_t)(draw * (uint64_t)(i + 1) >> 32);
    const uint32_t kept = order[i];
    order[i] = order[j];
    order[j] = kept;
  }
}

typedef struct sampled_work {
  float *unit, *toward, *work, *others; /* others: the target and its rivals */
  float *c, *slope, *norm;
  uint32_t *order;                      /* permutations, one after the other */
} sampled_work;

static sampled_work sampled_nce_open(const lnspi_loss_call *call, int64_t samples) {
  sampled_work w;
  w.unit = lnspi_pair_scratch(call, 0);
  w.toward = lnspi_pair_scratch(call, 1);
  w.work = lnspi_pair_scratch(call, 2);
  w.others = lnspi_pair_scratch(call, 3);
  w.c = lnspi_pair_scratch(call, 4 + samples);
  w.slope = w.c + lnspi_round16(samples + 1);
  w.norm = w.slope + lnspi_round16(samples + 1);
  w.order = (uint32_t *)(void *)(w.norm + lnspi_round16(samples + 1));
  for (int64_t s = 0; s < samples; s++) sampled_nce_shuffle(call, w.order + s * call->rows, s);
  return w;
}

static int64_t sampled_nce_floats(const lnspi_loss_call *shape) {
  const int64_t samples = (int64_t)shape->real[SAMPLED_COUNT];
  if (shape->rows > INT32_MAX) return INT64_MAX / 4 * 3; /* that lnspi_arena_alloc refuses */
  return lnspi_pair_floats(4 + samples, shape->width) + 3 * lnspi_round16(samples + 1) +
         lnspi_round16(samples * shape->rows);
}

/* Target number s of row r: its own, then those drawn. */
static int64_t sampled_nce_target(const lnspi_loss_call *call, const sampled_work *w, int64_t r,
                                  int64_t s) {
  return s == 0 ? r : (int64_t)w->order[(s - 1) * call->rows + r];
}

static double sampled_nce_row(const lnspi_loss_call *call, const sampled_work *w, int64_t r,
                              int64_t count, float factor) {
  const int64_t ld = lnspi_round16(call->width);
  const float norm = lnspi_pair_unit(call, 0, r, w->unit);
  for (int64_t s = 0; s < count; s++) {
    float *u = w->others + s * ld;
    w->norm[s] = lnspi_pair_unit(call, 1, sampled_nce_target(call, w, r, s), u);
    w->c[s] = call->k->dot(w->unit, u, call->width);
  }
  const double value =
      lnspi_pair_first(call->k, call->real[SAMPLED_TAU], w->c, w->slope, count);
  memset(w->toward, 0, (size_t)ld * sizeof(float));
  for (int64_t s = 0; s < count; s++) {
    const float *u = w->others + s * ld;
    call->k->axpy(w->toward, w->slope[s], u, call->width);
    lnspi_pair_push(call, 1, sampled_nce_target(call, w, r, s), factor * w->slope[s], w->unit,
                    u, w->norm[s], w->work);
  }
  lnspi_pair_push(call, 0, r, factor, w->toward, w->unit, norm, w->work);
  return value;
}

static double sampled_nce_evaluate(const lnspi_loss_call *call) {
  const int64_t samples = (int64_t)call->real[SAMPLED_COUNT];
  const sampled_work w = sampled_nce_open(call, samples);
  const float factor = lnspi_pair_factor(call, 1, (double)call->rows);
  double total = 0;
  for (int64_t r = 0; r < call->rows; r++)
    total += sampled_nce_row(call, &w, r, samples + 1, factor);
  return total / (double)call->rows;
}

const lnspi_loss lnspi_loss_sampled_nce = {
    .name = "sampled_nce",
    .help = "sampled_nce tau=0.07 samples=8 seed=0: InfoNCE of the target against those that "
            "random permutations of the batch put in its place, by cosine",
    .operand = {LNSPI_LOSS_OUTPUT, LNSPI_LOSS_TARGET},
    .across = 1,
    .keys = "tau=.07:1e-3:1e3 #samples=8:1:255 #seed=0:0:16777216",
    .scratch_floats = sampled_nce_floats,
    .evaluate = sampled_nce_evaluate,
};
