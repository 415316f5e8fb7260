/* The stream of `lnsp loop`: rows of a tensor of vectors in the order they arrive, or
 * windows whose last column arrives. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/args.h"
#include "cli/memory.h"
#include "cli/refuse.h"
#include "data/data.h"

#include "data/tensor.h"
#include "loop/loop.h"
#include "lnsp.h"

const row_index *loop_stream_rows(loop_stream *s, const char *name) {
  const row_index *rows = row_index_load(&s->d, name, args_value(s->args, name));
  row_index_check(rows, name, s->tensor, s->stored);
  return rows;
}

const row_index *loop_stream_windows(loop_stream *s, const char *name) {
  const row_index *rows = loop_stream_rows(s, name);
  if (rows->columns != s->concepts + 1)
    refuse("%s has %lld columns, but a window of this stream has %lld, the context and the "
           "concept after it: choose columns with [FROM:TO]",
           name, (long long)rows->columns, (long long)s->concepts + 1);
  return rows;
}

/* How long a context is: as windows say, as --context says, as the network wants it. */
static void stream_context(loop_stream *s, int64_t low, int64_t high, int64_t step) {
  const int64_t asked = args_integer(s->args, "--context");
  char most[48] = " or more", each[48] = "";
  int64_t usual = high > 0 && high < 5 ? high : low > 5 ? low : 5;

  usual = (usual + step - 1) / step * step;
  if (s->windows && asked && asked != s->concepts)
    refuse("the windows of --rows have %lld concepts before the last column, not --context "
           "%lld: choose columns with [FROM:TO] after the tensor's name",
           (long long)s->concepts, (long long)asked);
  if (!s->windows) s->concepts = asked ? asked : usual;
  if (s->concepts > LOOP_CONCEPTS)
    refuse("these windows have %lld concepts before the last column, more than %d: choose "
           "fewer columns",
           (long long)s->concepts, LOOP_CONCEPTS);
  if (s->concepts >= low && (high == 0 || s->concepts <= high) && s->concepts % step == 0)
    return;
  if (high == low)
    most[0] = 0;
  else if (high > 0)
    snprintf(most, sizeof most, " to %lld", (long long)high);
  if (step > 1) snprintf(each, sizeof each, ", a multiple of %lld", (long long)step);
  refuse("the network takes %lld%s concepts%s, not a context of %lld: choose with --context",
         (long long)low, most, each, (long long)s->concepts);
}

/* Where contexts begin that have a concept behind them in their group. */
static void stream_places(loop_stream *s) {
  const int64_t step = s->windows ? s->concepts + 1 : 1;
  int64_t i, from = 0;

  s->at = memory_new(s->length, sizeof *s->at);
  for (i = 0; s->windows && i < s->length; i += step) s->at[s->count++] = i;
  for (i = 0; !s->windows && i < s->length; i++) {
    if (s->group && i > 0 && s->group[s->row[i]] != s->group[s->row[i - 1]]) from = i;
    if (i - from >= s->concepts) s->at[s->count++] = i - s->concepts;
  }
  if (!s->count)
    refuse("the stream is empty: none of its %lld rows has %lld rows before it%s; give more "
           "rows, or a shorter --context",
           (long long)s->length, (long long)s->concepts, s->group ? " in its group" : "");
}

void loop_stream_open(loop_stream *s, const args *a, int64_t low, int64_t high, int64_t step) {
  const char *text = a->positional[1], *group = args_value(a, "--group"), *tensor;
  const row_index *rows = NULL;
  lnsp_tensor shape;
  lnsp_error error;
  int64_t i;

  s->args = s->d.args = a;
  s->normalise = args_given(a, "--normalise");
  s->file = data_file_of(&s->d, "STREAM", text, &s->tensor);
  shape = tensor_find(s->file, data_path(&s->d, s->file), s->tensor);
  if (shape.rank != 2 || shape.dims[0] < 1 || shape.dims[1] < 1)
    refuse("'%s' has rank %d and %lld elements: a stream is a tensor of vectors [rows, width]",
           text, (int)shape.rank, (long long)tensor_elements(&shape));
  if (shape.dims[0] > INT32_MAX)
    refuse("'%s' has more than 2,147,483,647 rows: split it", text);
  s->stored = shape.dims[0];
  s->width = shape.dims[1];
  if (args_given(a, "--rows")) rows = loop_stream_rows(s, "--rows");
  s->length = rows ? rows->count * rows->columns : s->stored;
  s->windows = rows && rows->columns > 1;
  if (s->windows) s->concepts = rows->columns - 1;
  s->row = memory_new(s->length, sizeof *s->row);
  for (i = 0; i < s->length; i++) s->row[i] = rows ? rows->row[i] : (int32_t)i;
  if (group && s->windows)
    refuse_usage("--group is for a stream of rows, but --rows gives windows, each a context of "
                 "its own: leave --group out");
  if (group) {
    lnsp_file *file = data_file_of(&s->d, "--group", group, &tensor);
    shape = tensor_find(file, data_path(&s->d, file), tensor);
    if (shape.rank != 1 || shape.dims[0] != s->stored)
      refuse("--group '%s' does not fit: give whole numbers [%lld], one for each row of %s",
             group, (long long)s->stored, text);
    s->group = memory_new(s->stored, sizeof *s->group);
    refuse_if(lnsp_file_read(file, tensor, 0, s->stored, LNSP_I32, s->group, &error), group,
              &error);
  }
  stream_context(s, low, high, step);
  stream_places(s);
}

loop_place loop_stream_at(const loop_stream *s, int64_t index) {
  const int64_t at = s->at[index], behind = at + s->concepts + 1;
  loop_place p;

  p.context = s->row + at;
  p.target = s->row[at + s->concepts];
  p.future = s->row + behind;
  p.future_count = 0;
  while (!s->windows && behind + p.future_count < s->length && p.future_count < LOOP_CONCEPTS &&
         (!s->group || s->group[p.future[p.future_count]] == s->group[p.target]))
    p.future_count++;
  return p;
}

void loop_stream_read(loop_stream *s, const int32_t *rows, int64_t count, float *out) {
  lnsp_error error;
  int64_t r;

  for (r = 0; r < count; r++, out += s->width) {
    double length;
    refuse_if(lnsp_file_read(s->file, s->tensor, rows[r] * s->width, s->width, LNSP_F32, out,
                             &error),
              s->args->positional[1], &error);
    /* Vectors from the file may be rounded, so that their length is not quite 1. */
    length = data_length(out, s->width);
    if (!(length > 0) || !isfinite(length))
      refuse("row %ld of %s has length %g and cannot be a concept: leave it out", (long)rows[r],
             s->args->positional[1], length);
    if (s->normalise) data_scale(out, s->width, length);
  }
}

void loop_stream_close(loop_stream *s) {
  free(s->row);
  free(s->group);
  free(s->at);
  data_close(&s->d);
}
