/* The state of a trainer as ranges of its own memory, and what may be written into them.
 *
 * A store keeps a trainer's state by writing changed words to flash and reading them back into
 * the trainer, without a second copy. For that it needs the addresses of everything that a
 * later step depends on, in a fixed order: weights, moments, average, residual, ages, frozen
 * flags, step, learning rate. Bytes are those of this host; a store is not a file for
 * exchange.
 *
 * What comes back from flash may be damaged or malicious. Before anything is written, each
 * range is checked by its kind: floats finite, squares and scales not negative, codes in
 * range, counts at most 2^52, flags 0 or 1. With those the trainer stays sound, whatever the
 * values mean. Afterwards bounds are recomputed, and tensors that are fixed by the graph are
 * frozen again. */
#include "train/state_ranges.h"

#include <float.h>

#include "train/accumulate.h"
#include "train/history.h"
#include "train/plateau.h"
#include "train/schedule.h"

/* What a range may hold. */
enum {
  STATE_RANGES_WEIGHTS,  /* finite, by the weights' types; zero between them */
  STATE_RANGES_FLOATS,   /* finite: moments, average, residual */
  STATE_RANGES_POSITIVE, /* finite and not negative: squares, and scales */
  STATE_RANGES_CODES,    /* of moments in 8 bits: not -128 */
  STATE_RANGES_COUNTS,   /* ages, the step */
  STATE_RANGES_FLAGS,    /* bytes, 0 or 1 */
  STATE_RANGES_RATE,     /* a double that lnsp_trainer_set_learning_rate would take */
  STATE_RANGES_FLAG,     /* a word, 0 or 1 */
  STATE_RANGES_PLATEAU   /* what lnspi_plateau_valid takes */
};

#define STATE_RANGES_MOST_COUNT (UINT64_C(1) << 52) /* as in state files */

static void state_ranges_add(lnspi_state_range *pieces, int32_t *count, void *at,
                             uint64_t bytes, int32_t kind, int32_t moment) {
  pieces[(*count)++] = (lnspi_state_range){at, bytes, kind, moment};
}

int32_t lnspi_state_ranges(const lnsp_trainer *t,
                           lnspi_state_range pieces[LNSPI_STATE_RANGES]) {
  const uint64_t floats = (uint64_t)t->graph->state_floats;
  const uint64_t weights = (uint64_t)t->graph->weight_count;
  lnsp_trainer *live = (lnsp_trainer *)(uintptr_t)t; /* handed out to be written */
  int32_t n = 0;
  state_ranges_add(pieces, &n, t->state, (uint64_t)t->graph->state_bytes, STATE_RANGES_WEIGHTS,
                   0);
  for (int32_t m = 0; m < t->optim.moment_count; m++) {
    int32_t kind =
        m == t->optim.rule.optimizer->squares ? STATE_RANGES_POSITIVE : STATE_RANGES_FLOATS;
    if (t->optim.has_moments8) {
      state_ranges_add(pieces, &n, t->optim.code[m], floats, STATE_RANGES_CODES, m);
      state_ranges_add(pieces, &n, t->optim.scale[m], 4 * (uint64_t)t->optim.block_at[weights],
                       STATE_RANGES_POSITIVE, m);
    } else {
      state_ranges_add(pieces, &n, t->optim.moment[m], 4 * floats, kind, m);
    }
  }
  if (t->average) state_ranges_add(pieces, &n, t->average, 4 * floats, STATE_RANGES_FLOATS, 0);
  if (t->residual)
    state_ranges_add(pieces, &n, t->residual, 4 * floats, STATE_RANGES_FLOATS, 0);
  state_ranges_add(pieces, &n, t->optim.age, 8 * weights, STATE_RANGES_COUNTS, 0);
  state_ranges_add(pieces, &n, t->frozen, (weights + 3) / 4 * 4, STATE_RANGES_FLAGS, 0);
  state_ranges_add(pieces, &n, &live->step, 8, STATE_RANGES_COUNTS, 0);
  state_ranges_add(pieces, &n, &live->optim.rule.lr, 8, STATE_RANGES_RATE, 0);
  state_ranges_add(pieces, &n, &live->optim.lr_changed, 4, STATE_RANGES_FLAG, 0);
  if (lnspi_schedule_is_plateau(&t->optim.rule))
    state_ranges_add(pieces, &n, &live->optim.plateau, sizeof live->optim.plateau,
                     STATE_RANGES_PLATEAU, 0);
  return n;
}

static int state_ranges_finite(const uint8_t *at, uint64_t bytes, int positive) {
  for (uint64_t i = 0; i < bytes; i += 4) {
    uint32_t bits;
    memcpy(&bits, at + i, 4);
    if ((bits & 0x7f800000u) == 0x7f800000u) return 0;
    if (positive && bits >> 31) return 0;
  }
  return 1;
}

static int state_ranges_finite_bf16(const uint8_t *at, uint64_t bytes) {
  for (uint64_t i = 0; i < bytes; i += 2) {
    uint16_t bits;
    memcpy(&bits, at + i, 2);
    if ((bits & 0x7f80u) == 0x7f80u) return 0;
  }
  return 1;
}

/* Pads between tensors are zero and stay so. */
static int state_ranges_weights(const lnsp_graph *graph, uint64_t at, const uint8_t *words,
                                uint64_t bytes) {
  for (int32_t i = 0; i < graph->weight_count; i++) {
    const lnspi_weight *weight = &graph->weights[i];
    uint64_t from = (uint64_t)weight->at, end = from + (uint64_t)weight->bytes;
    if (from < at) from = at;
    if (end > at + bytes) end = at + bytes;
    if (from >= end) continue;
    if (weight->type == LNSP_BF16 ? !state_ranges_finite_bf16(words + (from - at), end - from)
                                  : !state_ranges_finite(words + (from - at), end - from, 0))
      return 0;
  }
  return 1;
}

static int state_ranges_codes(const lnsp_trainer *t, int32_t moment, const uint8_t *at,
                              uint64_t bytes) {
  if (moment == t->optim.rule.optimizer->squares) return 1;
  for (uint64_t i = 0; i < bytes; i++)
    if (at[i] == 0x80) return 0; /* -128 */
  return 1;
}

static int state_ranges_counts(const uint8_t *at, uint64_t bytes) {
  for (uint64_t i = 0; i + 8 <= bytes; i += 8) {
    uint64_t count;
    memcpy(&count, at + i, 8);
    if (count > STATE_RANGES_MOST_COUNT) return 0;
  }
  return 1;
}

static int state_ranges_flags(const uint8_t *at, uint64_t bytes) {
  for (uint64_t i = 0; i < bytes; i++)
    if (at[i] > 1) return 0;
  return 1;
}

static int state_ranges_rate(const uint8_t *at) {
  double lr;
  memcpy(&lr, at, 8);
  return lr >= 0 && lr <= 1e6;
}

static int state_ranges_flag(const uint8_t *at) {
  uint32_t word;
  memcpy(&word, at, 4);
  return word <= 1;
}

int lnspi_state_ranges_valid(const lnsp_trainer *t, const lnspi_state_range *piece, uint64_t at,
                             const void *words, uint64_t bytes) {
  switch (piece->kind) {
    case STATE_RANGES_WEIGHTS: return state_ranges_weights(t->graph, at, words, bytes);
    case STATE_RANGES_FLOATS: return state_ranges_finite(words, bytes, 0);
    case STATE_RANGES_POSITIVE: return state_ranges_finite(words, bytes, 1);
    case STATE_RANGES_CODES: return state_ranges_codes(t, piece->moment, words, bytes);
    case STATE_RANGES_COUNTS: return state_ranges_counts(words, bytes);
    case STATE_RANGES_FLAGS: return state_ranges_flags(words, bytes);
    case STATE_RANGES_RATE: return bytes == 8 && state_ranges_rate(words);
    case STATE_RANGES_PLATEAU:
      return bytes == sizeof(lnspi_plateau) && lnspi_plateau_valid(words);
    default: return state_ranges_flag(words);
  }
}

void lnspi_state_ranges_begin(lnsp_trainer *t) {
  lnspi_history_copy_pending(t);
  lnspi_accumulate_reset(t);
  t->pass.phase = LNSPI_PHASE_IDLE;
}

void lnspi_state_ranges_end(lnsp_trainer *t) {
  for (int32_t i = 0; i < t->graph->weight_count; i++)
    if (t->graph->weights[i].fixed) t->frozen[i] = 1; /* whatever was written */
  t->optim.bounds_known = 0;
}
