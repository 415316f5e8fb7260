/* The pool that predictions are ranked in: the distinct targets of the data, and which
 * of them a row's own context has. Vectors that are rows of one tensor are told apart by
 * their row number, others by their bits. */
#include "score/candidates.h"

#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/refuse.h"
#include "data/data.h"
#include "data/row_index.h"
#include "lnsp.h"

static const data_column *candidates_column(const data *d, const char *name) {
  int i;
  for (i = 0; i < d->count; i++)
    if (!strcmp(d->column[i].name, name)) return &d->column[i];
  return NULL;
}

int candidates_exist(const data *d) {
  const data_column *input = candidates_column(d, data_input(d)),
                    *target = candidates_column(d, "target");
  return input && target && target->rank == 2 &&
         (target->file != input->file || strcmp(target->tensor, input->tensor) ||
          target->index != input->index);
}

static int64_t candidates_row(const data_column *c, int64_t row, int64_t concept) {
  return c->index ? c->index->row[row * c->index->columns + c->index_first + concept] : row;
}

/* ---- by row number ---- */

typedef struct candidates_build {
  data *d;
  candidates *out;
  const data_column *input, *target;
  int32_t *place; /* [stored rows]: of a row in the pool, or -1 */
  int32_t *row;   /* [pool]: the row */
} candidates_build;

static void candidates_add(candidates_build *b, int64_t row) {
  if (b->place[row] < 0) {
    b->row[b->out->count] = (int32_t)row;
    b->place[row] = (int32_t)b->out->count++;
  }
}

static int candidates_by_row(candidates_build *b, const char *extra) {
  const int same =
      b->input->file == b->target->file && !strcmp(b->input->tensor, b->target->tensor);
  const int64_t stored = b->target->stored_rows;
  candidates *out = b->out;
  int64_t r, c;
  int status = 0;

  b->place = malloc((size_t)stored * sizeof *b->place);
  b->row = malloc((size_t)stored * sizeof *b->row);
  if (!b->place || !b->row) return refuse_memory(b->d->args);
  for (r = 0; r < stored; r++) b->place[r] = -1;
  for (r = 0; r < out->rows; r++) candidates_add(b, candidates_row(b->target, r, 0));
  if (extra) {
    const row_index *index = NULL;
    int64_t i;
    status = row_index_load(b->d, "--pool", extra, &index);

    for (i = 0; !status && i < index->count * index->columns; i++) {
      if (index->row[i] < 0 || index->row[i] >= b->target->stored_rows)
        return refuse(b->d->args, "--pool names row %ld, but tensor %s has rows 0 to %lld",
                      (long)index->row[i], b->target->tensor,
                      (long long)b->target->stored_rows - 1);
      candidates_add(b, index->row[i]);
    }
  }
  for (r = 0; r < out->rows && !status; r++) {
    out->truth[r] = b->place[candidates_row(b->target, r, 0)];
    for (c = 0; out->without && c < out->concepts; c++)
      out->without[r * out->concepts + c] =
          same ? b->place[candidates_row(b->input, r, c)] : -1;
  }
  if (status) return status;
  const int64_t width = b->target->width;
  lnsp_error error;
  int64_t p;

  b->out->vectors = malloc((size_t)(b->out->count * width) * sizeof(float));
  if (!b->out->vectors) return refuse_memory(b->d->args);
  for (p = 0; p < b->out->count; p++)
    if (lnsp_file_read(b->target->file, b->target->tensor, b->row[p] * width, width, LNSP_F32,
                       b->out->vectors + p * width, &error))
      return refuse_error(b->d->args, NULL, &error);
  return 0;
}

/* ---- by bits ---- */

typedef struct candidates_table {
  int32_t *slot; /* [mask + 1]: place in the pool, or -1 */
  uint64_t mask;
} candidates_table;

/* Where the vector is, or the free slot where it would be. */
static uint64_t candidates_find(const candidates_table *t, const candidates *out,
                                const float *x, int64_t width) {
  const unsigned char *bytes = (const unsigned char *)x;
  uint64_t hash = UINT64_C(0xcbf29ce484222325), at;
  size_t i;

  for (i = 0; i < (size_t)width * sizeof *x; i++)
    hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
  for (at = (hash ^ (hash >> 29)) & t->mask; t->slot[at] >= 0; at = (at + 1) & t->mask)
    if (!memcmp(out->vectors + t->slot[at] * width, x, (size_t)width * sizeof *x)) break;
  return at;
}

/* One pass over the data: targets into the pool, or contexts looked up in it. */
static int candidates_pass(data *d, int64_t batch, const candidates_table *t, candidates *out,
                           int contexts) {
  const lnsp_tensor *tensor = data_batch(d, contexts ? "input" : "target");
  const int64_t width = out->width, each = contexts ? out->concepts : 1;
  int64_t first, i;
  int status = 0;

  for (first = 0; first < out->rows && !status; first += batch) {
    const int64_t count = out->rows - first < batch ? out->rows - first : batch;
    status = data_read(d, NULL, first, count);
    for (i = 0; i < count * each && !status; i++) {
      const float *x = (const float *)tensor->data + i * width;
      const uint64_t at = candidates_find(t, out, x, width);
      if (contexts) {
        out->without[first * each + i] = t->slot[at];
      } else if (t->slot[at] < 0) {
        memcpy(out->vectors + out->count * width, x, (size_t)width * sizeof *x);
        t->slot[at] = (int32_t)out->count++;
      }
      if (!contexts) out->truth[first + i] = t->slot[at];
    }
  }
  return status;
}

int candidates_open(data *d, int64_t batch, const char *extra, int keep_context,
                    candidates *out) {
  candidates_build b;
  int status;

  memset(out, 0, sizeof *out);
  memset(&b, 0, sizeof b);
  b.d = d;
  b.out = out;
  b.input = candidates_column(d, data_input(d));
  b.target = candidates_column(d, "target");
  out->rows = d->rows;
  out->concepts = b.input->concepts;
  out->width = b.target->width;
  out->truth = malloc((size_t)out->rows * sizeof *out->truth);
  if (!keep_context)
    out->without = malloc((size_t)(out->rows * out->concepts) * sizeof *out->without);
  if (!out->truth || (!keep_context && !out->without))
    status = refuse_memory(d->args);
  else if (b.target->index)
    status = candidates_by_row(&b, extra);
  else if (extra)
    status = refuse_usage(d->args, "--pool needs --input, and --target-rows or --rows");
  else {
    const int64_t input_width = b.input->integers ? 0 : b.input->width;
    candidates_table t;
    uint64_t i;

    for (t.mask = 1023; t.mask < 2 * (uint64_t)out->rows; t.mask = 2 * t.mask + 1);
    t.slot = malloc((size_t)(t.mask + 1) * sizeof *t.slot);
    out->vectors = malloc((size_t)(out->rows * out->width) * sizeof(float));
    if (!t.slot || !out->vectors) {
      free(t.slot);
      return refuse_memory(d->args);
    }
    for (i = 0; i <= t.mask; i++) t.slot[i] = -1;
    status = candidates_pass(d, batch, &t, out, 0);
    if (!status && out->without && input_width == out->width) {
      status = candidates_pass(d, batch, &t, out, 1);
    } else {
      free(out->without);
      out->without = NULL;
    }
    free(t.slot);
  }
  free(b.place);
  free(b.row);
  if (!status) lnsp_metrics_normalize(out->vectors, out->count, out->width, 0);
  if (status) candidates_close(out);
  return status;
}

void candidates_close(candidates *pool) {
  free(pool->vectors);
  free(pool->truth);
  free(pool->without);
  memset(pool, 0, sizeof *pool);
}
