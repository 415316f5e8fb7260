/* Marks: earlier states in memory, and the hash of a state. */
#include "train/history.h"

#include "train/accumulate.h"

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
  if (t->limits.undo == LNSP_MARK_WEIGHTS) return;
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

void lnspi_history_copy_pending(lnsp_trainer *t) {
  if (t->mark_pending < 0) return;
  memcpy(t->mark_at[t->mark_pending], t->state, (size_t)t->mark_bytes);
  t->mark_pending = -1;
}

void lnspi_history_mark(lnsp_trainer *t) {
  size_t weights = (size_t)t->graph->weight_count;
  lnspi_history_copy_pending(t);
  t->mark_newest = (t->mark_newest + 1) % t->limits.history;
  if (t->mark_count < t->limits.history) t->mark_count++;
  uint64_t *ages = t->mark_ages + (size_t)t->mark_newest * (1 + weights);
  memcpy(t->mark_at[t->mark_newest], t->state, (size_t)t->mark_bytes);
  ages[0] = t->step;
  memcpy(ages + 1, t->age, weights * sizeof(uint64_t));
}

/* The mark's memory becomes the live one, at once; the memory that was live takes
 * the mark's copy when the live state next changes. */
void lnspi_history_rollback(lnsp_trainer *t, int32_t back) {
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
  if (t->limits.undo == LNSP_MARK_STATE) {
    t->step = ages[0];
    memcpy(t->age, ages + 1, weights * sizeof(uint64_t));
  }
  lnspi_accumulate_reset(t);
  t->bounds_known = 0;
  t->phase = LNSPI_PHASE_IDLE;
}
