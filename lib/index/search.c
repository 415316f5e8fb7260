/* The nearest vectors, exactly: every vector is scored against every query.
 *
 * Blocks of 256 rows are scored for all queries at once, so that a row is read from memory
 * once. A query keeps its best results in a heap with the worst on top, whose score is the
 * level that others must reach: the kernel `above` returns the few rows that do, and only
 * those are looked at one by one.
 *
 * Equal scores are ordered by id, so the result does not depend on the order of rows, and
 * tasks can each take a range of rows: their heaps are joined at the end, in any order, to
 * the same result.
 *
 * Of an index stored as I8, a query becomes two lines of codes: the second has what rounding
 * left over from the first. With one line the query would lose as much precision as the
 * vectors do; with two, its loss is negligible, and all products stay integers. */
#include "index/search.h"

#include <math.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/heap.h"
#include "base/min_max.h"
#include "base/refcount.h"
#include "kernels/lowp.h"
#include "kernels/scalar.h"

#define SEARCH_PIECES 128 /* of a search that somebody may cancel */
#define SEARCH_LEAST 2048 /* vectors of a task, at least */

/* ---- memory ---- */

static int64_t search_round64(int64_t n) { return (n + 63) & ~(int64_t)63; }

static lnsp_search *search_layout(lnspi_arena *arena, int32_t dtype, int64_t width,
                                  int32_t tasks, lnsp_search *s) {
  const uint64_t queries = (uint64_t)s->queries, floats = (uint64_t)lnspi_round16(width);
  const uint64_t lines = (dtype == LNSP_I8 ? 2 : 1) * queries;
  lnsp_search *search = LNSPI_ARENA_STRUCT(arena, lnsp_search, LNSPI_SEARCH_BYTES);
  s->x = lnspi_arena_alloc(arena, (dtype == LNSP_I8 ? 1 : queries) * floats, sizeof(float));
  if (dtype == LNSP_I8) {
    s->codes = lnspi_arena_alloc(arena, lines, (uint64_t)search_round64(width));
    s->s = lnspi_arena_alloc(arena, lines, sizeof(float));
    s->sum = lnspi_arena_alloc(arena, lines, sizeof(int32_t));
  }
  s->parts = lnspi_arena_alloc(arena, (uint64_t)tasks, LNSPI_SEARCH_PART_BYTES);
  for (int32_t i = 0; i < tasks; i++) {
    lnspi_search_part p;
    memset(&p, 0, sizeof p);
    p.scores = lnspi_arena_alloc(arena, lines, LNSPI_SEARCH_ROWS * sizeof(float));
    p.places = lnspi_arena_alloc(arena, LNSPI_SEARCH_ROWS, sizeof(int32_t));
    p.counts = lnspi_arena_alloc(arena, queries, sizeof(int32_t));
    if (dtype == LNSP_F16 && queries > 1)
      p.wide = lnspi_arena_alloc(arena, 16 * (uint64_t)width, sizeof(float));
    p.hits = lnspi_arena_alloc(arena, queries * (uint64_t)s->results, sizeof(lnspi_search_hit));
    if (s->parts) s->parts[i] = p;
  }
  return search;
}

static int32_t search_check_options(const lnsp_search_options *limits, lnsp_search *s,
                                    int32_t *tasks, lnsp_error *error) {
  s->queries = limits->max_queries ? limits->max_queries : 1;
  s->results = limits->max_results ? limits->max_results : 10;
  *tasks = limits->tasks ? limits->tasks : 1;
  if (s->queries < 1 || s->queries > 65536 || s->results < 1 || s->results > 65536)
    return lnspi_error_set(error, LNSP_E_LIMIT, NULL,
                           "a search can have 1 to 65,536 queries and 1 to 65,536 results");
  if (*tasks < 1 || *tasks > LNSPI_MAX_TASKS)
    return lnspi_error_set(error, LNSP_E_LIMIT, NULL, "a search can have 1 to %d tasks, not %d",
                           LNSPI_MAX_TASKS, *tasks);
  return LNSP_OK;
}

static int32_t search_measure(int32_t dtype, int64_t width, const lnsp_search_options *limits,
                              lnsp_search *s, uint64_t *bytes, lnsp_error *error) {
  lnspi_arena arena = {NULL, 0, 0, 0};
  int32_t tasks = 1;
  memset(s, 0, sizeof *s);
  int32_t status = search_check_options(limits, s, &tasks, error);
  if (status != LNSP_OK) return status;
  search_layout(&arena, dtype, width, tasks, s);
  if (arena.failed)
    return lnspi_error_set(error, LNSP_E_MEMORY, NULL,
                           "the search is too large for this machine");
  *bytes = arena.used;
  return LNSP_OK;
}

int32_t lnspi_search_measure(const lnsp_index_options *settings,
                             const lnsp_search_options *limits, uint64_t *bytes,
                             lnsp_error *error) {
  lnsp_search search;
  lnsp_index_options own = *settings;
  own.capacity = 1;
  int32_t status = lnspi_index_measure(&own, bytes, error);
  if (status != LNSP_OK) return status;
  return search_measure(own.dtype, own.width, limits, &search, bytes, error);
}

int32_t lnspi_search_create(lnsp_index *index, const lnsp_search_options *limits,
                            const lnsp_options *options, lnsp_search **out, lnsp_error *error) {
  lnsp_search fresh;
  lnspi_tasks tasks;
  uint64_t bytes = 0;
  int32_t status = lnspi_tasks_open(&tasks, options, limits->tasks, error);
  if (status == LNSP_OK)
    status = search_measure(index->dtype, index->width, limits, &fresh, &bytes, error);
  if (status == LNSP_OK) status = lnspi_block_open(&fresh.block, options, bytes, error);
  if (status != LNSP_OK) return status;
  lnspi_arena arena = {fresh.block.memory, 0, bytes, 0};
  lnsp_search *search = search_layout(&arena, index->dtype, index->width, tasks.count, &fresh);
  lnspi_refcount_increment(&index->owners);
  fresh.index = index;
  fresh.tasks = tasks;
  *search = fresh;
  *out = search;
  return LNSP_OK;
}

/* ---- queries ---- */

/* Two lines of codes: of the query, and of what rounding it left over. Overwrites x. */
static void search_codes(lnsp_search *search, int64_t q, float *x) {
  const int64_t width = search->index->width, ld = search_round64(width);
  for (int64_t line = 2 * q; line < 2 * q + 2; line++) {
    int8_t *codes = search->codes + line * ld;
    const float s = lnspi_lowp_quantise(codes, 4, x, width);
    search->s[line] = s;
    search->sum[line] = 0;
    for (int64_t i = 0; i < width; i++) {
      search->sum[line] += codes[i];
      x[i] = lnspi_scalar_fma((float)-codes[i], s, x[i]);
    }
  }
}

static int32_t search_load(lnsp_search *search, const lnsp_tensor *queries, int64_t count,
                           lnsp_error *error) {
  const lnsp_index *index = search->index;
  const int64_t width = index->width, ld = lnspi_round16(width);
  for (int64_t q = 0; q < count; q++) {
    float *x = search->x + (index->dtype == LNSP_I8 ? 0 : q * ld);
    lnspi_index_gather(queries, q, width, x);
    int32_t status = lnspi_index_check(index->k, x, width, 0, "queries", q, error);
    if (status != LNSP_OK) return status;
    index->k->unit(x, x, width, 0);
    if (index->dtype == LNSP_I8) search_codes(search, q, x);
  }
  return LNSP_OK;
}

/* ---- heaps ---- */

static int search_better(const lnsp_index *index, lnspi_search_hit a, lnspi_search_hit b) {
  if (a.score > b.score || a.score < b.score) return a.score > b.score;
  return lnspi_index_id(index, a.row) < lnspi_index_id(index, b.row);
}

/* The worst hit is on top: a better one replaces it. */
static int search_above(const lnsp_index *index, lnspi_search_hit a, lnspi_search_hit b) {
  return search_better(index, b, a);
}

LNSPI_HEAP(search, lnspi_search_hit, const lnsp_index *, search_above)

static void search_push(const lnsp_index *index, lnspi_search_hit *hits, int32_t *count,
                        int32_t most, lnspi_search_hit hit) {
  if (*count == most) {
    if (!search_better(index, hit, hits[0])) return;
    hits[0] = hit;
    search_sink(index, hits, 0, most);
    return;
  }
  int32_t at = (*count)++;
  while (at > 0 && search_better(index, hits[(at - 1) / 2], hit)) {
    hits[at] = hits[(at - 1) / 2];
    at = (at - 1) / 2;
  }
  hits[at] = hit;
}

/* The level that a score must be above: just below the worst result, since an equal score may
 * have a lower id. Any score is above it while there are fewer results than wanted, but -inf
 * and NaN are above nothing. */
static float search_level(const lnspi_search_hit *hits, int32_t count, int32_t most) {
  if (count < most) return -INFINITY;
  const uint32_t bits = lnspi_float_bits(hits[0].score);
  if (hits[0].score > 0) return lnspi_bits_float(bits - 1);
  return hits[0].score < 0 ? lnspi_bits_float(bits + 1) : lnspi_bits_float(0x80000001u);
}

/* ---- the search ---- */

typedef struct search_job {
  lnspi_search_walk walk;
  const lnsp_tensor *without; /* or NULL */
  int64_t queries;
  int32_t results, reserved;
} search_job;

int64_t lnspi_search_share(const lnspi_search_walk *walk, int32_t number, int64_t *end) {
  const int64_t count = walk->end - walk->from;
  *end = walk->from + lnspi_tasks_from(count, walk->parts, number + 1);
  return walk->from + lnspi_tasks_from(count, walk->parts, number);
}

int32_t lnspi_search_all(lnspi_search_walk *walk, int64_t least,
                         void (*task)(void *argument, int32_t index), lnsp_error *error) {
  lnsp_search *search = walk->search;
  const lnsp_options own = lnspi_block_options(&search->block);
  const int64_t count = search->index->count;
  const int64_t piece = own.progress ? count / SEARCH_PIECES + LNSPI_SEARCH_ROWS : count;
  lnspi_progress progress;
  lnspi_progress_begin(&progress, &own, (uint64_t)count);
  walk->parts = lnspi_tasks_count(&search->tasks, count, least);
  walk->end = 0;
  do {
    walk->from = walk->end;
    walk->end = lnspi_min_i64(walk->from + piece, count);
    lnspi_tasks_run(&search->tasks, walk->parts, task, walk);
    int32_t status = lnspi_progress_add(&progress, (uint64_t)(walk->end - walk->from), error);
    if (status) return status;
  } while (walk->end < count);
  return LNSP_OK;
}

int lnspi_search_left_out(const lnsp_tensor *without, int64_t q, int64_t id) {
  const int packed = without->strides[0] == 0 && without->strides[1] == 0;
  const int64_t n = without->dims[1], step = packed ? 1 : without->strides[1];
  const int64_t *ids = (const int64_t *)without->data + q * (packed ? n : without->strides[0]);
  for (int64_t i = 0; i < n; i++)
    if (ids[i * step] == id) return 1;
  return 0;
}

/* Scores of n vectors from row on. */
void lnspi_search_scores(const lnsp_search *search, const lnspi_search_part *part,
                         int64_t queries, int64_t row, int64_t n) {
  const lnsp_index *index = search->index;
  const lnspi_kernels *k = index->k;
  const int64_t width = index->width, ld = lnspi_round16(width), at = row * width;
  if (index->dtype == LNSP_I8) {
    k->near_i8((const int8_t *)index->vectors + at, index->scales + row, n, width,
               search->codes, search_round64(width), search->s, search->sum, 2 * queries,
               part->scores, LNSPI_SEARCH_ROWS);
    for (int64_t q = 0; q < queries; q++) {
      const float *lines = part->scores + 2 * q * LNSPI_SEARCH_ROWS;
      k->add(part->scores + q * LNSPI_SEARCH_ROWS, lines, lines + LNSPI_SEARCH_ROWS, n);
    }
  } else if (index->dtype == LNSP_F32) {
    k->near_f32((const float *)index->vectors + at, n, width, search->x, ld, queries,
                part->scores, LNSPI_SEARCH_ROWS);
  } else if (queries == 1) {
    k->near_f16((const uint16_t *)index->vectors + at, n, width, search->x, ld, 1, part->scores,
                LNSPI_SEARCH_ROWS);
  } else {
    for (int64_t i = 0; i < n; i += 16) { /* widened once, for all queries */
      const int64_t some = n - i < 16 ? n - i : 16;
      k->f16_to_f32(part->wide, (const uint16_t *)index->vectors + at + i * width,
                    some * width);
      k->near_f32(part->wide, some, width, search->x, ld, queries, part->scores + i,
                  LNSPI_SEARCH_ROWS);
    }
  }
}

static void search_task(void *argument, int32_t number) {
  const search_job *job = argument;
  const lnsp_search *search = job->walk.search;
  const lnsp_index *index = search->index;
  const lnspi_search_part *part = &search->parts[number];
  int64_t end, row = lnspi_search_share(&job->walk, number, &end);
  for (int64_t q = 0; q < job->queries && !job->walk.from; q++) part->counts[q] = 0;
  for (int64_t n; row < end; row += n) {
    n = end - row < LNSPI_SEARCH_ROWS ? end - row : LNSPI_SEARCH_ROWS;
    lnspi_search_scores(search, part, job->queries, row, n);
    for (int64_t q = 0; q < job->queries; q++) {
      lnspi_search_hit *hits = part->hits + q * job->results;
      const float *scores = part->scores + q * LNSPI_SEARCH_ROWS;
      const float level = search_level(hits, part->counts[q], job->results);
      const int64_t found = index->k->above(scores, n, level, part->places);
      for (int64_t i = 0; i < found; i++) {
        const lnspi_search_hit hit = {scores[part->places[i]], (int32_t)row + part->places[i]};
        if (job->without &&
            lnspi_search_left_out(job->without, q, lnspi_index_id(index, hit.row)))
          continue;
        search_push(index, hits, &part->counts[q], job->results, hit);
      }
    }
  }
}

/* Joins the results of all tasks for a query, and writes them, the best first. */
static void search_finish(const search_job *job, int64_t q, int64_t *ids, float *scores) {
  const lnsp_index *index = job->walk.search->index;
  const lnspi_search_part *parts = job->walk.search->parts;
  lnspi_search_hit *hits = parts[0].hits + q * job->results;
  int32_t *count = parts[0].counts + q;
  for (int32_t p = 1; p < job->walk.parts; p++)
    for (int32_t i = 0; i < parts[p].counts[q]; i++)
      search_push(index, hits, count, job->results, parts[p].hits[q * job->results + i]);
  search_sort(index, hits, *count);
  for (int32_t i = 0; i < job->results; i++) {
    ids[i] = i < *count ? lnspi_index_id(index, hits[i].row) : LNSP_NO_ID;
    scores[i] = i < *count ? hits[i].score : -FLT_MAX;
  }
}

static int32_t search_without(const lnsp_tensor *without, int64_t queries, lnsp_error *error) {
  int64_t rows = 0;
  const int64_t width = without->rank == 2 && without->dims[1] >= 0 ? without->dims[1] : 0;
  int32_t status = lnspi_index_shape(without, "without", LNSP_I64, width, &rows, error);
  if (status == LNSP_OK && rows != queries)
    return lnspi_error_set(error, LNSP_E_SHAPE, "without",
                           "'without' has ids for %lld queries, but there are %lld",
                           (long long)rows, (long long)queries);
  return status;
}

int32_t lnspi_search_begin(lnsp_search *search, const lnsp_tensor *queries,
                           const lnsp_tensor *without, int64_t *count, lnsp_error *error) {
  const lnsp_index *index = search->index;
  int32_t status = lnspi_index_shape(queries, "queries", LNSP_F32, index->width, count, error);
  if (status == LNSP_OK && *count > search->queries)
    return lnspi_error_set(
        error, LNSP_E_LIMIT, "queries",
        "there are %lld queries, but this search was made for at most %d: raise "
        "max_queries, or search in parts",
        (long long)*count, search->queries);
  if (status == LNSP_OK && without) status = search_without(without, *count, error);
  return status == LNSP_OK ? search_load(search, queries, *count, error) : status;
}

int32_t lnspi_search_run(lnsp_search *search, const lnsp_tensor *queries,
                         const lnsp_tensor *without, int32_t results, int64_t *ids,
                         float *scores, lnsp_error *error) {
  search_job job = {{.search = search}, without, 0, results, 0};
  if (results < 1 || results > search->results)
    return lnspi_error_set(
        error, LNSP_E_LIMIT, NULL,
        "%d results were asked for, but this search was made for 1 to %d: raise "
        "max_results",
        results, search->results);
  int32_t status = lnspi_search_begin(search, queries, without, &job.queries, error);
  if (status == LNSP_OK) status = lnspi_search_all(&job.walk, SEARCH_LEAST, search_task, error);
  if (status != LNSP_OK) return status;
  for (int64_t q = 0; q < job.queries; q++)
    search_finish(&job, q, ids + q * results, scores + q * results);
  return LNSP_OK;
}
