/* Marks: earlier states in memory, and the hash of a state. */
#include "train/trainer.h"

/* The next array of a set, each aligned as the live ones are. */
static void *history_next(uint8_t **set, int64_t count, size_t each) {
  void *here = *set;
  *set += ((uint64_t)count * each + LNSPI_ALIGN - 1) / LNSPI_ALIGN * LNSPI_ALIGN;
  return here;
}

/* The arrays of a mark lie one after the other, and so do the live ones. */
static void history_point(lnsp_trainer *t, void *at) {
  int64_t floats = t->graph->state_floats;
  uint8_t *set = at;
  t->state = history_next(&set, t->graph->state_bytes, 1);
  if (t->limits.undo == LNSP_UNDO_WEIGHTS) return;
  for (int32_t m = 0; m < t->moment_count; m++) {
    if (t->narrow) {
      t->code[m] = history_next(&set, floats, 1);
      t->scale[m] = history_next(&set, t->block_at[t->graph->weight_count], sizeof(float));
    } else {
      t->moment[m] = history_next(&set, floats, sizeof(float));
    }
  }
  if (t->average) t->average = history_next(&set, floats, sizeof(float));
  if (t->residual) t->residual = history_next(&set, floats, sizeof(float));
}

void lnspi_trainer_settle(lnsp_trainer *t) {
  if (t->mark_pending < 0) return;
  memcpy(t->mark_at[t->mark_pending], t->state, (size_t)t->mark_bytes);
  t->mark_pending = -1;
}

void lnspi_trainer_mark(lnsp_trainer *t) {
  size_t weights = (size_t)t->graph->weight_count;
  lnspi_trainer_settle(t);
  t->mark_newest = (t->mark_newest + 1) % t->limits.history;
  if (t->mark_count < t->limits.history) t->mark_count++;
  uint64_t *ages = t->mark_ages + (size_t)t->mark_newest * (1 + weights);
  memcpy(t->mark_at[t->mark_newest], t->state, (size_t)t->mark_bytes);
  ages[0] = t->step;
  memcpy(ages + 1, t->age, weights * sizeof(uint64_t));
}

/* The mark's memory becomes the live one, at once; the memory that was live takes
 * the mark's copy when the live state next changes. */
void lnspi_trainer_rollback(lnsp_trainer *t, int32_t back) {
  int32_t slot = (t->mark_newest + t->limits.history - back) % t->limits.history;
  size_t weights = (size_t)t->graph->weight_count;
  const uint64_t *ages = t->mark_ages + (size_t)slot * (1 + weights);
  t->mark_newest = slot;
  t->mark_count -= back;
  if (t->mark_pending != slot) {
    float *live = t->state;
    history_point(t, t->mark_at[slot]);
    t->mark_at[slot] = live;
    t->mark_pending = slot;
  }
  if (t->limits.undo == LNSP_UNDO_ALL) {
    t->step = ages[0];
    memcpy(t->age, ages + 1, weights * sizeof(uint64_t));
  }
  lnspi_accumulate_void(t);
  t->bounds_known = 0;
  t->phase = LNSPI_PHASE_IDLE;
}

void lnspi_trainer_hash(const lnsp_trainer *t, int32_t what, uint8_t out[32]) {
  lnspi_blake2s hash;
  lnspi_blake2s_start(&hash);
  if (what == LNSP_SAVE_STATE) {
    uint8_t bytes[8];
    lnspi_state_hash(t->graph, t->state, &hash);
    for (int32_t m = 0; m < t->moment_count; m++) {
      const lnspi_moment_values values = {t, m, 0};
      if (t->narrow)
        lnspi_rows_hash(t->graph, lnspi_moments_read, &values, &hash);
      else
        lnspi_array_hash(t->graph, t->moment[m], &hash);
    }
    if (t->average) lnspi_array_hash(t->graph, t->average, &hash);
    if (t->residual) lnspi_array_hash(t->graph, t->residual, &hash);
    lnspi_store64(bytes, t->step);
    lnspi_blake2s_add(&hash, bytes, 8);
    for (int32_t i = 0; i < t->graph->weight_count; i++) {
      lnspi_store64(bytes, t->age[i]);
      lnspi_blake2s_add(&hash, bytes, 8);
    }
  } else if (what == LNSP_SAVE_AVERAGE) {
    lnspi_array_hash(t->graph, t->average, &hash);
  } else {
    lnspi_state_hash(t->graph, t->state, &hash);
  }
  lnspi_blake2s_end(&hash, out);
}
