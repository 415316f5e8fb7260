/* The nearest concepts of a prediction, and the rank of the one that came: an index over
 * the vectors that may be found. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/memory.h"
#include "cli/progress.h"
#include "cli/refuse.h"
#include "data/data.h"
#include "loop/loop.h"
#include "lnsp.h"

#define LOOKUP_BATCH 256
#define LOOKUP_MOST 65536 /* results that a search can give: later ranks are not told apart */

static void lookup_fill(loop_lookup *b, loop_stream *s, const char *wanted) {
  float *some = memory_new(LOOKUP_BATCH * s->width, sizeof(float));
  int32_t rows[LOOKUP_BATCH];
  int64_t ids[LOOKUP_BATCH], r = 0, n;
  lnsp_error error;

  while (r < s->stored) {
    for (n = 0; r < s->stored && n < LOOKUP_BATCH; r++)
      if (wanted[r]) {
        rows[n] = (int32_t)r;
        ids[n++] = r;
      }
    loop_stream_read(s, rows, n, some);
    const lnsp_tensor part = lnsp_tensor_f32("vectors", some, 2, n, s->width, 0);
    if (n)
      refuse_if(lnsp_index_add(b->index, &part, ids, &error), s->args->positional[1], &error);
    progress_show("%lld of %lld concepts in the index", (long long)r, (long long)s->stored);
  }
  progress_clear();
  free(some);
}

/* One that is built here, of the rows that may be found: all, what arrives, or that and the
 * rows that --pool names. */
static void lookup_build(loop_lookup *b, loop_stream *s) {
  static const int32_t types[] = {LNSP_F32, LNSP_F16, LNSP_I8};
  const lnsp_options library = args_run_options(s->args);
  const char *pool = args_value(s->args, "--pool");
  lnsp_index_options settings = LNSP_INDEX_OPTIONS_INIT;
  char *wanted = memory_new(s->stored, 1);
  lnsp_error error;
  int64_t i;

  if (!strcmp(pool, "all")) {
    memset(wanted, 1, (size_t)s->stored);
  } else {
    if (strcmp(pool, "arriving") && !strchr(pool, ':'))
      refuse_usage("--pool is '%s': give all, arriving or FILE:TENSOR", pool);
    for (i = 0; i < s->count; i++) wanted[loop_stream_at(s, i).target] = 1;
    if (strcmp(pool, "arriving")) {
      const row_index *rows = loop_stream_rows(s, "--pool");
      for (i = 0; i < rows->count * rows->columns; i++) wanted[rows->row[i]] = 1;
    }
  }
  for (i = 0; i < s->stored; i++) settings.capacity += wanted[i];
  settings.width = s->width;
  settings.dtype = types[args_choice(s->args, "--index-type")];
  refuse_if(lnsp_index_create(&settings, &library, &b->index, &error), NULL, &error);
  lookup_fill(b, s, wanted);
  free(wanted);
}

/* One that was made before: its ids are rows of the stream's vectors. */
static void lookup_load(loop_lookup *b, const loop_stream *s, const char *path) {
  const lnsp_options library = args_run_options(s->args);
  lnsp_index_info facts = LNSP_INDEX_INFO_INIT;
  lnsp_error error;
  int64_t i, id = 0;

  refuse_if(lnsp_index_open(path, NULL, &library, &b->index, &error), path, &error);
  refuse_if(lnsp_index_get_info(b->index, &facts, &error), path, &error);
  if (facts.width != s->width)
    refuse("the index '%s' has vectors of width %lld, but the stream of %lld: build one of the "
           "stream's vectors",
           path, (long long)facts.width, (long long)s->width);
  for (i = 0; i < facts.count; i++) {
    refuse_if(lnsp_index_ids(b->index, i, 1, &id, &error), path, &error);
    if (id < 0 || id >= s->stored)
      refuse("the index '%s' has the id %lld, but %s has rows 0 to %lld: build one of the "
             "stream's vectors",
             path, (long long)id, s->args->positional[1], (long long)s->stored - 1);
  }
}

void loop_lookup_open(loop_lookup *b, loop_stream *s, int64_t shown) {
  const char *path = args_value(s->args, "--index");
  lnsp_search_options limits = LNSP_SEARCH_OPTIONS_INIT;
  lnsp_index_info facts = LNSP_INDEX_INFO_INIT;
  lnsp_error error;

  b->shown = shown;
  b->width = s->width;
  if (path)
    lookup_load(b, s, path);
  else
    lookup_build(b, s);
  refuse_if(lnsp_index_get_info(b->index, &facts, &error), NULL, &error);
  if (facts.count < 1) refuse("the index '%s' is empty: give one with vectors", path);
  b->count = facts.count;
  b->bytes = facts.bytes;
  b->most = b->count < LOOKUP_MOST ? b->count : LOOKUP_MOST;
  limits.max_results = (int32_t)b->most;
  refuse_if(lnsp_search_create(b->index, &limits, NULL, &b->search, &error), NULL, &error);
  b->id = memory_new(b->most, sizeof *b->id);
  b->score = memory_new(b->most, sizeof *b->score);
  b->query = memory_new(b->width, sizeof *b->query);
}

/* Searches in three stages, 10 (or as many as are shown), 1,000 and all results, and ends when
 * the truth is among them: a rank is mostly small, and a search for few results is fast. */
static void lookup_look(loop_lookup *b, const lnsp_tensor *without, int32_t truth,
                        loop_found *out) {
  const lnsp_tensor query = lnsp_tensor_f32("queries", b->query, 2, 1, b->width, 0);
  const int64_t stages[] = {b->shown < 10 ? 10 : b->shown, 1000, b->most};
  lnsp_error error;
  int64_t i, at;
  int stage;

  for (stage = 0; stage < 3; stage++) {
    const int64_t n = stages[stage] < b->most ? stages[stage] : b->most;
    refuse_if(lnsp_search_run(b->search, &query, without, (int32_t)n, b->id, b->score, &error),
              NULL, &error);
    for (i = 0; stage == 0 && i < n && i < b->shown && b->id[i] != LNSP_NO_ID; i++) {
      out->row[i] = (int32_t)b->id[i];
      out->score[i] = b->score[i];
      out->count++;
    }
    if (truth < 0) return; /* rank 0: not found */
    for (at = 0; at < n && b->id[at] != LNSP_NO_ID && b->id[at] != truth;) at++;
    if (at < n && b->id[at] == truth) {
      /* equal scores share the first one's rank */
      while (at > 0 && b->score[at - 1] <= b->score[at]) at--;
      out->rank = at + 1;
      return;
    }
    if (n == b->most) return;
  }
}

void loop_lookup_find(loop_lookup *b, const float *query, const int32_t *without,
                      int64_t without_count, int32_t truth, loop_found *out) {
  const double length = data_length(query, b->width);
  int64_t ids[LOOP_CONCEPTS], count = 0, i;
  lnsp_tensor left_out;

  memset(out, 0, sizeof *out);
  if (!(length > 1e-12) || !isfinite(length)) return; /* it points nowhere */
  memcpy(b->query, query, (size_t)b->width * sizeof *query);
  data_scale(b->query, b->width, length);
  for (i = 0; i < without_count; i++)
    if (without[i] != truth && count < LOOP_CONCEPTS) ids[count++] = without[i];
  left_out = lnsp_tensor_f32("without", NULL, 2, 1, count, 0);
  left_out.dtype = LNSP_I64;
  left_out.data = ids;
  lookup_look(b, count ? &left_out : NULL, truth, out);
}

void loop_lookup_close(loop_lookup *b) {
  lnsp_search_destroy(b->search);
  lnsp_index_destroy(b->index);
  free(b->id);
  free(b->score);
  free(b->query);
}
