/* Marks: earlier states in memory, and the hash of a state. */
#include "train/trainer.h"

/* The arrays of a state, in the order that marks and hashes take them. */
static int32_t history_arrays(const lnsp_trainer *t, float *arrays[LNSPI_SAVED_STATES]) {
  int32_t count = 0;
  arrays[count++] = t->state;
  for (int32_t m = 0; m < t->moment_count; m++) arrays[count++] = t->moment[m];
  if (t->average) arrays[count++] = t->average;
  return count;
}

static void history_copy(lnsp_trainer *t, int32_t slot, int restore) {
  float *arrays[LNSPI_SAVED_STATES], *mark = t->marks + slot * t->mark_floats;
  int32_t count = t->limits.undo == LNSP_UNDO_WEIGHTS ? 1 : history_arrays(t, arrays);
  size_t bytes = (size_t)t->graph->state_floats * sizeof(float);
  size_t weights = (size_t)t->graph->weight_count;
  uint64_t *ages = t->mark_ages + (size_t)slot * (1 + weights);
  arrays[0] = t->state;
  for (int32_t i = 0; i < count; i++, mark += t->graph->state_floats) {
    if (restore)
      memcpy(arrays[i], mark, bytes);
    else
      memcpy(mark, arrays[i], bytes);
  }
  if (!restore) {
    ages[0] = t->step;
    memcpy(ages + 1, t->age, weights * sizeof(uint64_t));
  } else if (t->limits.undo == LNSP_UNDO_ALL) {
    t->step = ages[0];
    memcpy(t->age, ages + 1, weights * sizeof(uint64_t));
  }
}

void lnspi_trainer_mark(lnsp_trainer *t) {
  t->mark_newest = (t->mark_newest + 1) % t->limits.history;
  if (t->mark_count < t->limits.history) t->mark_count++;
  history_copy(t, t->mark_newest, 0);
}

void lnspi_trainer_rollback(lnsp_trainer *t, int32_t back) {
  t->mark_newest = (t->mark_newest + t->limits.history - back) % t->limits.history;
  t->mark_count -= back;
  history_copy(t, t->mark_newest, 1);
  t->bounds_known = 0;
  t->phase = LNSPI_PHASE_IDLE;
}

void lnspi_trainer_hash(const lnsp_trainer *t, int32_t what, uint8_t out[32]) {
  lnspi_blake2s hash;
  lnspi_blake2s_start(&hash);
  if (what == LNSP_SAVE_STATE) {
    float *arrays[LNSPI_SAVED_STATES];
    uint8_t bytes[8];
    int32_t count = history_arrays(t, arrays);
    for (int32_t i = 0; i < count; i++) lnspi_state_hash(t->graph, arrays[i], &hash);
    lnspi_store64(bytes, t->step);
    lnspi_blake2s_add(&hash, bytes, 8);
    for (int32_t i = 0; i < t->graph->weight_count; i++) {
      lnspi_store64(bytes, t->age[i]);
      lnspi_blake2s_add(&hash, bytes, 8);
    }
  } else {
    lnspi_state_hash(t->graph, what == LNSP_SAVE_AVERAGE ? t->average : t->state, &hash);
  }
  lnspi_blake2s_end(&hash, out);
}
