/* Matrices strip by strip, and their gradients. */
#include "train/grad_tiles.h"

#include "kernels/lowp.h"
#include "train/accumulate.h"

#define GRAD_TILES_FUSED_FLOATS 6144 /* of a strip whose gradient the kernel forms itself */
#define GRAD_TILES_FUSED_TASKS_FLOATS 3072 /* the same, so that tasks have equal shares */
/* What is worth tasks: multiply-adds that form the gradients, or so many weights that
 * the time is memory's. Less is lost again when the next forward fetches weights from
 * other processors' caches. */
#define GRAD_TILES_WORK (INT64_C(1) << 22)
#define GRAD_TILES_STATE (INT64_C(1) << 19)
#define GRAD_TILES_LEAST 4 /* of a task */

typedef struct grad_tiles_job {
  lnsp_trainer *t;
  lnspi_grad_tile_visit visit;
  void *data;
  int32_t weight, how, count, reserved;
  int64_t strips;
} grad_tiles_job;

/* ---- gradients ---- */

/* The only use of a part of a matrix, or NULL. */
static const lnspi_use *grad_tiles_only_use(const lnsp_trainer *t, int32_t weight,
                                            int32_t part) {
  const lnspi_use *found = NULL;
  for (int32_t u = 0; u < t->grad.use_count; u++)
    if (t->grad.uses[u].weight == weight && t->grad.uses[u].part == part) {
      if (found) return NULL;
      found = &t->grad.uses[u];
    }
  return found;
}

static void grad_tiles_add_use(const lnsp_trainer *t, const lnspi_use *use,
                               const lnspi_grad_tile *strip, int add) {
  t->engine.k->grad_strip(strip->g, strip->lanes, use->d + strip->lane0, use->ldd,
                          use->x + strip->k0, use->ldx, use->rows, strip->kn, add);
}

/* Adds what the caller gave. */
static void grad_tiles_given(const lnsp_trainer *t, const lnspi_grad_tile *strip) {
  const lnspi_weight *weight = &t->graph->weights[strip->weight];
  const int64_t in = weight->dims[1];
  const int64_t row = strip->part * (weight->dims[0] / weight->parts) + strip->lane0;
  const float *from = t->grad.given[strip->weight];
  if (!from) return;
  from += row * in + strip->k0;
  for (int64_t l = 0; l < strip->real; l++, from += in)
    for (int64_t k = 0; k < strip->kn; k++) strip->g[k * strip->lanes + l] += from[k];
}

const float *lnspi_grad_tiles_gradient(const lnsp_trainer *t, const lnspi_grad_tile *strip) {
  const size_t bytes = (size_t)(strip->kn * strip->lanes) * sizeof(float);
  int started = lnspi_accumulate_has(t, strip->weight);
  if (started) memcpy(strip->g, t->accum.sum + strip->offset, bytes);
  if (t->grad.given) {
    if (!started) memset(strip->g, 0, bytes);
    grad_tiles_given(t, strip);
    return strip->g;
  }
  if (strip->use) {
    grad_tiles_add_use(t, strip->use, strip, started);
    return strip->g;
  }
  for (int32_t u = 0; u < t->grad.use_count; u++)
    if (t->grad.uses[u].weight == strip->weight && t->grad.uses[u].part == strip->part)
      grad_tiles_add_use(t, &t->grad.uses[u], strip, started++);
  if (!started) memset(strip->g, 0, bytes);
  return strip->g;
}

int lnspi_grad_tiles_fused(const lnsp_trainer *t, const lnspi_use *use) {
  return use && !t->optim.has_moments8 && !t->accum.sum && !(t->optim.rule.noise > 0) &&
         t->optim.rule.optimizer->apply_strip;
}

/* ---- all of them ---- */

int64_t lnspi_grad_tiles_count(const lnspi_weight *weight) {
  const int64_t in = weight->dims[1], out = lnspi_round16(weight->dims[0] / weight->parts);
  const int64_t most = LNSPI_GRAD_TILE_FLOATS / 64, rest = out % 64;
  int64_t strips = out / 64 * ((in + most - 1) / most);
  if (rest)
    strips += (in + LNSPI_GRAD_TILE_FLOATS / rest - 1) / (LNSPI_GRAD_TILE_FLOATS / rest);
  return strips * weight->parts;
}

/* Inputs of a strip. */
static int64_t grad_tiles_most(const grad_tiles_job *job, const lnspi_grad_tile *strip) {
  const lnsp_trainer *t = job->t;
  int64_t floats = LNSPI_GRAD_TILE_FLOATS;
  if (!(job->how & LNSPI_GRAD_TILES_UPDATE)) return floats / strip->lanes;
  if (t->optim.rule.weights == LNSP_F32 && lnspi_grad_tiles_fused(t, strip->use))
    floats =
        t->engine.tasks.count > 1 ? GRAD_TILES_FUSED_TASKS_FLOATS : GRAD_TILES_FUSED_FLOATS;
  return floats / strip->lanes & ~(int64_t)7;
}

/* The strips of one panel, from number base on, as far as they are in the share. */
static void grad_tiles_panel(const grad_tiles_job *job, lnspi_grad_tile *strip, int64_t base,
                             int64_t from, int64_t end) {
  const int64_t in = job->t->graph->weights[strip->weight].dims[1];
  const int64_t most = grad_tiles_most(job, strip), strips = (in + most - 1) / most;
  const int64_t start = strip->offset;
  from = from > base ? from - base : 0;
  end = end - base < strips ? end - base : strips;
  for (int64_t n = from; n < end; n++) {
    const int64_t j = job->how & LNSPI_GRAD_TILES_BACK ? from + end - 1 - n : n;
    strip->k0 = j * most;
    strip->kn = in - strip->k0 < most ? in - strip->k0 : most;
    strip->offset = start + strip->k0 * strip->lanes;
    strip->number = base + j;
    job->visit(job->t, strip, job->data);
  }
}

/* The strips with numbers from .. end-1, or, without a visit, only their number in all. */
static int64_t grad_tiles_walk(const grad_tiles_job *job, lnspi_grad_tile *strip, int64_t from,
                               int64_t end) {
  const lnspi_weight *weight = &job->t->graph->weights[job->weight];
  const int64_t in = weight->dims[1], out = weight->dims[0] / weight->parts;
  const int64_t panels = (out + 63) / 64, back = job->how & LNSPI_GRAD_TILES_BACK;
  int64_t base = back ? job->strips : 0;
  strip->weight = job->weight;
  for (int32_t p = 0; p < weight->parts; p++) {
    strip->part = back ? weight->parts - 1 - p : p;
    strip->use = grad_tiles_only_use(job->t, job->weight, strip->part);
    for (int64_t i = 0; i < panels; i++) {
      strip->lane0 = 64 * (back ? panels - 1 - i : i);
      const int64_t left = lnspi_round16(out) - strip->lane0;
      strip->lanes = left < 64 ? left : 64;
      strip->real = out - strip->lane0 < strip->lanes ? out - strip->lane0 : strip->lanes;
      strip->offset =
          weight->offset + strip->part * lnspi_packed_floats(in, out) + strip->lane0 * in;
      const int64_t most = grad_tiles_most(job, strip), strips = (in + most - 1) / most;
      if (back) base -= strips;
      if (job->visit) grad_tiles_panel(job, strip, base, from, end);
      if (!back) base += strips;
    }
  }
  return base;
}

/* A task has the same strips both ways, so that they stay in its processor's cache. */
static void grad_tiles_share(void *argument, int32_t index) {
  const grad_tiles_job *job = argument;
  float memory[2 * LNSPI_GRAD_TILE_FLOATS];
  lnspi_grad_tile strip;
  strip.g = memory;
  strip.w = memory + LNSPI_GRAD_TILE_FLOATS;
  (void)grad_tiles_walk(job, &strip, lnspi_tasks_from(job->strips, job->count, index),
                        lnspi_tasks_from(job->strips, job->count, index + 1));
}

void lnspi_grad_tiles_each(lnsp_trainer *t, int32_t weight, int how,
                           lnspi_grad_tile_visit visit, void *data) {
  const int64_t floats = t->graph->state_floats, rows = t->engine.batch * t->engine.concepts;
  grad_tiles_job job = {t, NULL, data, weight, how & ~LNSPI_GRAD_TILES_BACK, 1, 0, 0};
  lnspi_grad_tile strip;
  job.strips = grad_tiles_walk(&job, &strip, 0, 0);
  job.how = how;
  job.visit = visit;
  if (!(how & LNSPI_GRAD_TILES_ALONE) &&
      (rows * floats >= GRAD_TILES_WORK || floats >= GRAD_TILES_STATE))
    job.count = lnspi_tasks_count(&t->engine.tasks, job.strips, GRAD_TILES_LEAST);
  lnspi_tasks_run(&t->engine.tasks, job.count, grad_tiles_share, &job);
}

void *lnspi_grad_tiles_bf16_weights(const lnsp_trainer *t, const lnspi_grad_tile *strip) {
  const lnspi_weight *weight = &t->graph->weights[strip->weight];
  uint8_t *part = (uint8_t *)(void *)lnspi_trainer_weight(t, weight) +
                  strip->part * (weight->bytes / weight->parts);
  return part + 2 * (strip->lane0 * weight->dims[1] + strip->k0 * lnspi_round32(strip->lanes));
}
