/* Tiles of a matrix: its gradient, a few kilobytes at a time.
 *
 * The gradient of a matrix is as large as the matrix. It is never stored: it is formed in
 * tiles of at most 4 KiB (LNSPI_GRAD_TILE_FLOATS) in the first-level cache, and each tile is
 * handed to a visitor while it is there: the optimizer, a square sum, an addition to
 * accumulated gradients, or a copy for the caller. A tile is a range of inputs of one panel,
 * that is of up to 64 outputs, and contiguous in the packed layout, so that moments and
 * weights of a tile are contiguous too.
 *
 * Where a part of a matrix has one use and the optimizer has a kernel for it (fused), the
 * gradient does not even reach the cache: the kernel forms an element in a register and
 * applies it. Tiles can be longer then. Fused or not, an element is the same sum in the same
 * order.
 *
 * Panels are numbered through the parts, and tiles through the panels. The number of tiles of
 * a panel depends on how they are visited, because fused tiles are longer; so
 * lnspi_grad_tiles_each counts them first and then gives each task an equal, contiguous share.
 * A visit in reverse order (BACK) gives every task the same share: in every second step the
 * update begins with what the step before touched last, which is still in the cache. Each
 * element is updated by itself, so order changes no bit.
 *
 * Tasks are used only where work or memory is worth it; otherwise the next forward would spend
 * more on fetching weights from other caches than was saved. */
#include "train/grad_tiles.h"

#include "base/min_max.h"
#include "kernels/lowp.h"
#include "train/accumulate.h"

#define GRAD_TILES_FUSED_FLOATS 6144 /* of a tile whose gradient the kernel forms itself */
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
  int32_t weight, how, count; /* count: tasks */
  int64_t part_panels, panels; /* of a part, of the matrix */
  int64_t tiles;
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
                               const lnspi_grad_tile *tile, int add) {
  t->engine.k->grad_strip(tile->g, tile->lanes, use->d + tile->lane0, use->ldd,
                          use->x + tile->k0, use->ldx, use->rows, tile->kn, add);
}

/* Adds what the caller gave. */
static void grad_tiles_given(const lnsp_trainer *t, const lnspi_grad_tile *tile) {
  const lnspi_weight *weight = &t->graph->weights[tile->weight];
  const int64_t in = weight->dims[1];
  const int64_t row = tile->part * (weight->dims[0] / weight->parts) + tile->lane0;
  const float *from = t->grad.given[tile->weight];
  if (!from) return;
  from += row * in + tile->k0;
  for (int64_t l = 0; l < tile->real; l++, from += in)
    for (int64_t k = 0; k < tile->kn; k++) tile->g[k * tile->lanes + l] += from[k];
}

const float *lnspi_grad_tiles_gradient(const lnsp_trainer *t, const lnspi_grad_tile *tile) {
  const size_t bytes = (size_t)(tile->kn * tile->lanes) * sizeof(float);
  int started = lnspi_accumulate_has(t, tile->weight);
  if (started) memcpy(tile->g, t->accum.sum + tile->offset, bytes);
  if (t->grad.given) {
    if (!started) memset(tile->g, 0, bytes);
    grad_tiles_given(t, tile);
    return tile->g;
  }
  if (tile->use) {
    grad_tiles_add_use(t, tile->use, tile, started);
    return tile->g;
  }
  for (int32_t u = 0; u < t->grad.use_count; u++)
    if (t->grad.uses[u].weight == tile->weight && t->grad.uses[u].part == tile->part)
      grad_tiles_add_use(t, &t->grad.uses[u], tile, started++);
  if (!started) memset(tile->g, 0, bytes);
  return tile->g;
}

int lnspi_grad_tiles_fused(const lnsp_trainer *t, const lnspi_use *use) {
  return use && !t->optim.has_moments8 && !t->accum.sum && !(t->optim.rule.noise > 0) &&
         t->optim.rule.optimizer->apply_strip;
}

/* ---- all of them ---- */

int64_t lnspi_grad_tiles_count(const lnspi_weight *weight) {
  const int64_t in = weight->dims[1], out = lnspi_round16(weight->dims[0] / weight->parts);
  const int64_t most = LNSPI_GRAD_TILE_FLOATS / 64, rest = out % 64;
  int64_t tiles = out / 64 * ((in + most - 1) / most);
  if (rest) tiles += (in + LNSPI_GRAD_TILE_FLOATS / rest - 1) / (LNSPI_GRAD_TILE_FLOATS / rest);
  return tiles * weight->parts;
}

/* Most inputs of a tile. */
static int64_t grad_tiles_most(const grad_tiles_job *job, const lnspi_grad_tile *tile) {
  const lnsp_trainer *t = job->t;
  int64_t floats = LNSPI_GRAD_TILE_FLOATS;
  if (!(job->how & LNSPI_GRAD_TILES_UPDATE)) return floats / tile->lanes;
  if (t->optim.rule.weights == LNSP_F32 && lnspi_grad_tiles_fused(t, tile->use))
    floats =
        t->engine.tasks.count > 1 ? GRAD_TILES_FUSED_TASKS_FLOATS : GRAD_TILES_FUSED_FLOATS;
  return floats / tile->lanes & ~(int64_t)7;
}

/* Makes tile that of no inputs of a panel; the panels of all parts are counted on. Returns
 * the panel's number of tiles. */
static int64_t grad_tiles_panel(const grad_tiles_job *job, int64_t panel,
                                lnspi_grad_tile *tile) {
  const lnspi_weight *weight = &job->t->graph->weights[job->weight];
  const int64_t in = weight->dims[1], out = weight->dims[0] / weight->parts;
  const int32_t part = (int32_t)(panel / job->part_panels);
  if (part != tile->part) tile->use = grad_tiles_only_use(job->t, job->weight, part);
  tile->part = part;
  tile->lane0 = 64 * (panel % job->part_panels);
  const int64_t left = out - tile->lane0;
  tile->lanes = lnspi_min_i64(lnspi_round16(left), 64);
  tile->real = lnspi_min_i64(left, 64);
  tile->offset = weight->offset + part * lnspi_packed_floats(in, out) + tile->lane0 * in;
  const int64_t most = grad_tiles_most(job, tile);
  return (in + most - 1) / most;
}

/* Visits tile number j of that panel, whose first is number base of the matrix. */
static void grad_tiles_visit(const grad_tiles_job *job, const lnspi_grad_tile *panel,
                             int64_t base, int64_t j) {
  const int64_t in = job->t->graph->weights[job->weight].dims[1];
  const int64_t most = grad_tiles_most(job, panel);
  lnspi_grad_tile tile = *panel;
  tile.k0 = j * most;
  tile.kn = lnspi_min_i64(in - tile.k0, most);
  tile.offset += tile.k0 * tile.lanes;
  tile.number = base + j;
  job->visit(job->t, &tile, job->data);
}

/* A task has the same tiles in both directions, so that they stay in its processor's cache. */
static void grad_tiles_share(void *argument, int32_t index) {
  const grad_tiles_job *job = argument;
  const int64_t from = lnspi_tasks_from(job->tiles, job->count, index);
  const int64_t end = lnspi_tasks_from(job->tiles, job->count, index + 1);
  const int back = (job->how & LNSPI_GRAD_TILES_BACK) != 0;
  float memory[2 * LNSPI_GRAD_TILE_FLOATS];
  lnspi_grad_tile panel = {.weight = job->weight, .part = -1};
  int64_t base = back ? job->tiles : 0;
  panel.g = memory;
  panel.w = memory + LNSPI_GRAD_TILE_FLOATS;
  for (int64_t i = 0; i < job->panels; i++) {
    const int64_t tiles = grad_tiles_panel(job, back ? job->panels - 1 - i : i, &panel);
    if (back) base -= tiles;
    const int64_t low = lnspi_max_i64(from - base, 0);
    const int64_t high = lnspi_min_i64(end - base, tiles);
    for (int64_t n = low; n < high; n++)
      grad_tiles_visit(job, &panel, base, back ? low + high - 1 - n : n);
    if (!back) base += tiles;
  }
}

void lnspi_grad_tiles_each(lnsp_trainer *t, int32_t weight, int how,
                           lnspi_grad_tile_visit visit, void *data) {
  const int64_t floats = t->graph->state_floats, rows = t->engine.batch * t->engine.concepts;
  const lnspi_weight *matrix = &t->graph->weights[weight];
  lnspi_grad_tile panel = {.weight = weight, .part = -1};
  grad_tiles_job job = {t, visit, data, weight, how, 1, 0, 0, 0};
  job.part_panels = (matrix->dims[0] / matrix->parts + 63) / 64;
  job.panels = job.part_panels * matrix->parts;
  for (int64_t i = 0; i < job.panels; i++) job.tiles += grad_tiles_panel(&job, i, &panel);
  if (!(how & LNSPI_GRAD_TILES_ALONE) &&
      (rows * floats >= GRAD_TILES_WORK || floats >= GRAD_TILES_STATE))
    job.count = lnspi_tasks_count(&t->engine.tasks, job.tiles, GRAD_TILES_LEAST);
  lnspi_tasks_run(&t->engine.tasks, job.count, grad_tiles_share, &job);
}

void *lnspi_grad_tiles_bf16_weights(const lnsp_trainer *t, const lnspi_grad_tile *tile) {
  const lnspi_weight *weight = &t->graph->weights[tile->weight];
  uint8_t *part = (uint8_t *)(void *)lnspi_trainer_weight(t, weight) +
                  tile->part * (weight->bytes / weight->parts);
  return part + 2 * (tile->lane0 * weight->dims[1] + tile->k0 * lnspi_round32(tile->lanes));
}
