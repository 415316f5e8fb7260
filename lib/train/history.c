/* Marks: earlier states in memory, and rollback.
 *
 * A mark is a copy of the live state in a ring of limits.max_marks slots; the newest overwrites
 * the oldest. The live arrays (weights, moments, average, residual) are adjacent, so a copy is
 * one memcpy of marks.bytes. Marks that keep weights only copy the first of them.
 *
 * Rollback copies nothing. It exchanges pointers: the slot's memory becomes the live state,
 * and what was live becomes the slot's memory. The mark must survive, since one may roll back
 * to it again, so it is now equal to the live state and has no copy of its own
 * (marks.pending). Before the live state next changes, whoever changes it calls
 * lnspi_history_copy_pending, which makes the copy then. Rolling back twice in a row is free,
 * and a rollback cannot fail.
 *
 * So t->state and its neighbours are not constant: whoever keeps such a pointer (a live
 * session, state ranges) must read it again after a rollback. Step and ages are kept with each
 * mark. Accumulated gradients are dropped and bounds are forgotten, because they belong to the
 * state that was left. */
#include "train/history.h"

#include "train/accumulate.h"
#include "train/schedule.h"

#define HISTORY_PLATEAU 6 /* its state, the rate and whether that was changed */

size_t lnspi_history_words(const lnsp_trainer *t) {
  return 1 + (size_t)t->graph->weight_count +
         (lnspi_schedule_is_plateau(&t->optim.rule) ? HISTORY_PLATEAU : 0);
}

/* The next array of a set, each aligned as the live ones are. */
static void *history_next(uint8_t **set, int64_t count, size_t each) {
  void *here = *set;
  *set += ((uint64_t)count * each + LNSPI_ALIGN - 1) / LNSPI_ALIGN * LNSPI_ALIGN;
  return here;
}

/* Points the trainer at the arrays of a mark, which follow each other as the live ones do. */
static void history_point(lnsp_trainer *t, void *at) {
  int64_t floats = t->graph->state_floats;
  uint8_t *set = at;
  t->state = history_next(&set, t->graph->state_bytes, 1);
  if (t->limits.mark_contents == LNSP_MARK_WEIGHTS) return;
  for (int32_t m = 0; m < t->optim.moment_count; m++) {
    if (t->optim.has_moments8) {
      t->optim.code[m] = history_next(&set, floats, 1);
      t->optim.scale[m] =
          history_next(&set, t->optim.block_at[t->graph->weight_count], sizeof(float));
    } else {
      t->optim.moment[m] = history_next(&set, floats, sizeof(float));
    }
  }
  if (t->average) t->average = history_next(&set, floats, sizeof(float));
  if (t->residual) t->residual = history_next(&set, floats, sizeof(float));
}

void lnspi_history_copy_pending(lnsp_trainer *t) {
  if (t->marks.pending < 0) return;
  memcpy(t->marks.at[t->marks.pending], t->state, (size_t)t->marks.bytes);
  t->marks.pending = -1;
}

void lnspi_history_mark(lnsp_trainer *t) {
  size_t weights = (size_t)t->graph->weight_count;
  lnspi_history_copy_pending(t);
  t->marks.newest = (t->marks.newest + 1) % t->limits.max_marks;
  if (t->marks.count < t->limits.max_marks) t->marks.count++;
  uint64_t *ages = t->marks.ages + (size_t)t->marks.newest * lnspi_history_words(t);
  memcpy(t->marks.at[t->marks.newest], t->state, (size_t)t->marks.bytes);
  ages[0] = t->step;
  memcpy(ages + 1, t->optim.age, weights * sizeof(uint64_t));
  if (lnspi_schedule_is_plateau(&t->optim.rule)) {
    uint64_t *words = ages + 1 + weights;
    memcpy(words, &t->optim.plateau, sizeof t->optim.plateau);
    memcpy(words + 4, &t->optim.rule.lr, sizeof t->optim.rule.lr);
    words[5] = (uint64_t)t->optim.lr_changed;
  }
}

/* The mark's memory becomes the live one, at once; the memory that was live takes
 * the mark's copy when the live state next changes. */
void lnspi_history_rollback(lnsp_trainer *t, int32_t back) {
  int32_t slot = (t->marks.newest + t->limits.max_marks - back) % t->limits.max_marks;
  size_t weights = (size_t)t->graph->weight_count;
  const uint64_t *ages = t->marks.ages + (size_t)slot * lnspi_history_words(t);
  t->marks.newest = slot;
  t->marks.count -= back;
  if (t->marks.pending != slot) {
    float *live = t->state;
    history_point(t, t->marks.at[slot]);
    t->marks.at[slot] = live;
    t->marks.pending = slot;
  }
  if (t->limits.mark_contents == LNSP_MARK_STATE) {
    t->step = ages[0];
    memcpy(t->optim.age, ages + 1, weights * sizeof(uint64_t));
    if (lnspi_schedule_is_plateau(&t->optim.rule)) {
      const uint64_t *words = ages + 1 + weights;
      memcpy(&t->optim.plateau, words, sizeof t->optim.plateau);
      memcpy(&t->optim.rule.lr, words + 4, sizeof t->optim.rule.lr);
      t->optim.lr_changed = (int32_t)words[5];
    }
  }
  lnspi_accumulate_reset(t);
  t->optim.bounds_known = 0;
  t->pass.phase = LNSPI_PHASE_IDLE;
}
