/* The pool that predictions are ranked in: the distinct targets of the data, and which
 * of them a row's own context has. Vectors that are rows of one tensor are told apart by
 * their row number, others by their bits. */
#include "score/candidates.h"

#include <stdlib.h>
#include <string.h>

#include "cli/memory.h"
#include "cli/refuse.h"
#include "data/data.h"

#include "lnsp.h"

int candidates_exist(data *d) {
  const data_column *input = data_find(d, data_input(d)), *target = data_find(d, "target");
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

static void candidates_by_row(candidates_build *b, const char *extra) {
  const int same =
      b->input->file == b->target->file && !strcmp(b->input->tensor, b->target->tensor);
  const int64_t stored = b->target->stored_rows, width = b->target->width;
  candidates *out = b->out;
  lnsp_error error;
  int64_t r, c;

  b->place = memory_new(stored, sizeof *b->place);
  b->row = memory_new(stored, sizeof *b->row);
  for (r = 0; r < stored; r++) b->place[r] = -1;
  for (r = 0; r < out->rows; r++) candidates_add(b, candidates_row(b->target, r, 0));
  if (extra) {
    const row_index *index = row_index_load(b->d, "--pool", extra);
    row_index_check(index, "--pool", b->target->tensor, stored);
    for (r = 0; r < index->count * index->columns; r++) candidates_add(b, index->row[r]);
  }
  for (r = 0; r < out->rows; r++) {
    out->truth[r] = b->place[candidates_row(b->target, r, 0)];
    for (c = 0; out->without && c < out->concepts; c++)
      out->without[r * out->concepts + c] =
          same ? b->place[candidates_row(b->input, r, c)] : -1;
  }
  out->vectors = memory_new(out->count * width, sizeof(float));
  for (r = 0; r < out->count; r++)
    refuse_if(lnsp_file_read(b->target->file, b->target->tensor, b->row[r] * width, width,
                             LNSP_F32, out->vectors + r * width, &error),
              NULL, &error);
  free(b->place);
  free(b->row);
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
static void candidates_pass(data *d, int64_t batch, const candidates_table *t, candidates *out,
                            int contexts) {
  const lnsp_tensor *tensor = data_batch(d, contexts ? "input" : "target");
  const int64_t width = out->width, each = contexts ? out->concepts : 1;
  int64_t first, i;

  for (first = 0; first < out->rows; first += batch) {
    const int64_t count = out->rows - first < batch ? out->rows - first : batch;
    data_read(d, NULL, first, count);
    for (i = 0; i < count * each; i++) {
      const float *x = (const float *)tensor->data + i * width;
      const uint64_t at = candidates_find(t, out, x, width);
      if (contexts) {
        out->without[first * each + i] = t->slot[at];
        continue;
      }
      if (t->slot[at] < 0) {
        memcpy(out->vectors + out->count * width, x, (size_t)width * sizeof *x);
        t->slot[at] = (int32_t)out->count++;
      }
      out->truth[first + i] = t->slot[at];
    }
  }
}

void candidates_open(data *d, int64_t batch, const char *extra, int keep_context,
                     candidates *out) {
  candidates_build b = {d,    out, data_find(d, data_input(d)), data_find(d, "target"),
                        NULL, NULL};

  candidates_table t;
  uint64_t i;

  memset(out, 0, sizeof *out);
  out->rows = d->rows;
  out->concepts = b.input->concepts;
  out->width = b.target->width;
  out->truth = memory_new(out->rows, sizeof *out->truth);
  if (!keep_context) out->without = memory_new(out->rows * out->concepts, sizeof *out->without);
  if (extra && !b.target->index)
    refuse_usage("--pool names rows of --input: give --input, and --target-rows or --rows");
  if (b.target->index) {
    candidates_by_row(&b, extra);
  } else {
    for (t.mask = 1023; t.mask < 2 * (uint64_t)out->rows; t.mask = 2 * t.mask + 1);
    t.slot = memory_new((int64_t)t.mask + 1, sizeof *t.slot);
    out->vectors = memory_new(out->rows * out->width, sizeof(float));
    for (i = 0; i <= t.mask; i++) t.slot[i] = -1;
    candidates_pass(d, batch, &t, out, 0);
    if (out->without && !b.input->integers && b.input->width == out->width) {
      candidates_pass(d, batch, &t, out, 1);
    } else {
      free(out->without);
      out->without = NULL;
    }
    free(t.slot);
  }
  lnsp_metrics_normalize(out->vectors, out->count, out->width, 0);
}

void candidates_close(candidates *pool) {
  free(pool->vectors);
  free(pool->truth);
  free(pool->without);
  memset(pool, 0, sizeof *pool);
}
