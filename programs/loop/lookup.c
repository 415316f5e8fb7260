/* The nearest concepts of a prediction, and the rank of the one that came: an index over
 * the vectors that may be found. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/progress.h"
#include "cli/refuse.h"
#include "data/data.h"
#include "loop/loop.h"
#include "lnsp.h"

#define LOOKUP_BATCH 256
#define LOOKUP_MOST 65536 /* results that a search can give: later ranks are not told apart */

/* Which rows may be found: all, what arrives, or that and the rows that --pool names. */
static int lookup_wanted(loop_stream *s, char *wanted, int64_t *count) {
  const char *pool = args_text(s->args, "--pool");
  const row_index *rows = NULL;
  int64_t i;
  int status = 0;

  if (!strcmp(pool, "all")) {
    memset(wanted, 1, (size_t)s->stored);
  } else {
    for (i = 0; i < s->count; i++) wanted[loop_stream_at(s, i).target] = 1;
    if (strcmp(pool, "arriving")) status = loop_stream_rows(s, "--pool", &rows);
    for (i = 0; !status && rows && i < rows->count * rows->columns; i++)
      wanted[rows->row[i]] = 1;
  }
  for (*count = 0, i = 0; i < s->stored; i++) *count += wanted[i];
  return status;
}

static int lookup_fill(loop_lookup *b, loop_stream *s, const char *wanted) {
  float *some = malloc((size_t)(LOOKUP_BATCH * s->width) * sizeof(float));
  int32_t rows[LOOKUP_BATCH];
  int64_t ids[LOOKUP_BATCH], r = 0, n;
  lnsp_error error;
  progress show;
  int status = some ? 0 : refuse_memory(s->args);

  progress_start(&show);
  while (r < s->stored && !status) {
    lnsp_tensor part;
    for (n = 0; r < s->stored && n < LOOKUP_BATCH; r++)
      if (wanted[r]) {
        rows[n] = (int32_t)r;
        ids[n++] = r;
      }
    status = loop_stream_read(s, rows, n, some);
    part = lnsp_tensor_f32("vectors", some, 2, n, s->width, 0);
    if (!status && n && lnsp_index_add(b->index, &part, ids, &error))
      status = refuse_error(s->args, s->args->positional[1], &error);
    if (progress_due(&show))
      progress_show(&show, "%lld of %lld concepts in the index", (long long)r,
                    (long long)s->stored);
  }
  progress_clear(&show);
  free(some);
  return status;
}

/* One that was made before: its ids are rows of the stream's vectors. */
static int lookup_load(loop_lookup *b, const loop_stream *s, const char *path) {
  const lnsp_options library = args_run_options(s->args);
  lnsp_index_info facts;
  lnsp_error error;
  int64_t i, id = 0;

  if (lnsp_index_open(path, NULL, &library, &b->index, &error))
    return refuse_error(s->args, path, &error);
  memset(&facts, 0, sizeof facts);
  facts.struct_size = sizeof facts;
  if (lnsp_index_get_info(b->index, &facts, &error)) return refuse_error(s->args, path, &error);
  if (facts.width != s->width)
    return refuse(s->args, "%s has vectors of width %lld, the stream of %lld", path,
                  (long long)facts.width, (long long)s->width);
  for (i = 0; i < facts.count; i++) {
    if (lnsp_index_ids(b->index, i, 1, &id, &error)) return refuse_error(s->args, path, &error);
    if (id < 0 || id >= s->stored)
      return refuse(s->args,
                    "%s has the id %lld, but %s has rows 0 to %lld; make the index of "
                    "these vectors",
                    path, (long long)id, s->args->positional[1], (long long)s->stored - 1);
  }
  return 0;
}

int loop_lookup_open(loop_lookup *b, loop_stream *s, int64_t shown) {
  static const int32_t types[] = {LNSP_F32, LNSP_F16, LNSP_I8};
  const char *path = args_value(s->args, "--index");
  int status;

  memset(b, 0, sizeof *b);
  b->shown = shown;
  b->width = s->width;
  b->type = types[args_choice(s->args, "--index-type")];
  if (path) {
    status = lookup_load(b, s, path);
  } else {
    const lnsp_options library = args_run_options(s->args);
    char *wanted = calloc((size_t)s->stored, 1);
    lnsp_index_options settings;
    lnsp_error error;
    int64_t count = 0;
    status = wanted ? lookup_wanted(s, wanted, &count) : refuse_memory(s->args);

    memset(&settings, 0, sizeof settings);
    settings.struct_size = sizeof settings;
    settings.width = s->width;
    settings.capacity = count;
    settings.dtype = b->type;
    if (!status && lnsp_index_create(&settings, &library, &b->index, &error))
      status = refuse_error(s->args, NULL, &error);
    if (!status) status = lookup_fill(b, s, wanted);
    free(wanted);
  }
  if (status) return status;
  const args *a = s->args;
  lnsp_search_options limits;
  lnsp_index_info facts;
  lnsp_error error;

  memset(&facts, 0, sizeof facts);
  facts.struct_size = sizeof facts;
  if (lnsp_index_get_info(b->index, &facts, &error)) return refuse_error(a, NULL, &error);
  if (facts.count < 1) return refuse(a, "the index is empty; there is nothing to find");
  b->count = facts.count;
  b->bytes = facts.bytes;
  b->most = b->count < LOOKUP_MOST ? b->count : LOOKUP_MOST;
  memset(&limits, 0, sizeof limits);
  limits.struct_size = sizeof limits;
  limits.max_results = (int32_t)b->most;
  if (lnsp_search_create(b->index, &limits, NULL, &b->search, &error))
    return refuse_error(a, NULL, &error);
  b->id = malloc((size_t)b->most * sizeof *b->id);
  b->score = malloc((size_t)b->most * sizeof *b->score);
  b->query = malloc((size_t)b->width * sizeof *b->query);
  return b->id && b->score && b->query ? 0 : refuse_memory(a);
}

/* Searches in three stages, 10 (or as many as are shown), 1,000 and all results, and ends when
 * the truth is among them: a rank is mostly small, and a search for few results is fast. */
static int lookup_look(loop_lookup *b, const args *a, const lnsp_tensor *without, int32_t truth,
                       loop_found *out) {
  const lnsp_tensor query = lnsp_tensor_f32("queries", b->query, 2, 1, b->width, 0);
  const int64_t stages[] = {b->shown < 10 ? 10 : b->shown, 1000, b->most};
  lnsp_error error;
  int64_t i, at;
  int stage;

  for (stage = 0; stage < 3; stage++) {
    const int64_t n = stages[stage] < b->most ? stages[stage] : b->most;
    if (lnsp_search_run(b->search, &query, without, (int32_t)n, b->id, b->score, &error))
      return refuse_error(a, NULL, &error);
    if (stage == 0)
      for (i = 0; i < n && i < b->shown && b->id[i] != LNSP_NO_ID; i++) {
        out->row[i] = (int32_t)b->id[i];
        out->score[i] = b->score[i];
        out->count++;
      }
    for (at = 0; at < n && b->id[at] != LNSP_NO_ID && b->id[at] != truth;) at++;
    if (truth < 0 || n == b->most || (at < n && b->id[at] == truth)) {
      if (truth < 0 || at == n || b->id[at] != truth) return 0; /* rank 0: not found */
      /* equal scores share the first one's rank */
      while (at > 0 && b->score[at - 1] <= b->score[at]) at--;
      out->rank = at + 1;
      return 0;
    }
  }
  return 0;
}

int loop_lookup_find(loop_lookup *b, const args *a, const float *query, const int32_t *without,
                     int64_t without_count, int32_t truth, loop_found *out) {
  int64_t ids[LOOP_CONCEPTS], count = 0, i;
  lnsp_tensor left_out;
  double length = 0;

  memset(out, 0, sizeof *out);
  for (i = 0; i < b->width; i++) length += (double)query[i] * (double)query[i];
  if (!(length > 1e-24) || !isfinite(length)) return 0; /* it points nowhere */
  for (i = 0; i < b->width; i++) b->query[i] = (float)((double)query[i] / sqrt(length));
  for (i = 0; i < without_count; i++)
    if (without[i] != truth && count < LOOP_CONCEPTS) ids[count++] = without[i];
  memset(&left_out, 0, sizeof left_out);
  left_out.name = "without";
  left_out.dtype = LNSP_I64;
  left_out.rank = 2;
  left_out.dims[0] = 1;
  left_out.dims[1] = count;
  left_out.data = ids;
  return lookup_look(b, a, count ? &left_out : NULL, truth, out);
}

void loop_lookup_close(loop_lookup *b) {
  lnsp_search_destroy(b->search);
  lnsp_index_destroy(b->index);
  free(b->id);
  free(b->score);
  free(b->query);
  memset(b, 0, sizeof *b);
}
