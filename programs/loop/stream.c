/* The stream of `lnsp loop`: rows of a tensor of vectors in the order they arrive, or
 * windows whose last column arrives. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/refuse.h"
#include "data/data.h"
#include "data/row_index.h"
#include "data/tensor.h"
#include "loop/loop.h"
#include "lnsp.h"

int loop_stream_rows(loop_stream *s, const char *name, const row_index **out) {
  int64_t i;
  const int status = row_index_load(&s->d, name, args_value(s->args, name), out);

  if (status) return status;
  for (i = 0; i < (*out)->count * (*out)->columns; i++)
    if ((*out)->row[i] < 0 || (*out)->row[i] >= s->stored)
      return refuse(s->args, "%s names row %ld at place %lld, but %s has rows 0 to %lld", name,
                    (long)(*out)->row[i], (long long)i, s->args->positional[1],
                    (long long)s->stored - 1);
  return 0;
}

int loop_stream_windows(loop_stream *s, const char *name, const row_index **out) {
  const int status = loop_stream_rows(s, name, out);
  if (status) return status;
  if ((*out)->columns != s->concepts + 1)
    return refuse(s->args,
                  "%s has %lld columns; windows of this stream have %lld, the context "
                  "and what follows it",
                  name, (long long)(*out)->columns, (long long)s->concepts + 1);
  return 0;
}

static int stream_groups(loop_stream *s) {
  const char *text = args_value(s->args, "--group"), *tensor = NULL;
  lnsp_file *file = NULL;
  lnsp_tensor shape;
  lnsp_error error;
  size_t length = 0;
  int status;

  if (!text) return 0;
  if (s->windows)
    return refuse_usage(s->args, "--group is for a stream of rows; each window of --rows is a "
                                 "context of its own");
  status = data_split(&s->d, "--group", text, &length, &tensor);
  if (!status) status = data_file(&s->d, text, length, &file);
  if (status) return status;
  if (lnsp_file_tensor(file, tensor, &shape, &error))
    return refuse_error(s->args, text, &error);
  if (shape.rank != 1 || shape.dims[0] != s->stored)
    return refuse(s->args, "%s: groups are integers [%lld], one for each row of %s", text,
                  (long long)s->stored, s->args->positional[1]);
  s->group = malloc((size_t)s->stored * sizeof *s->group);
  if (!s->group) return refuse_memory(s->args);
  if (lnsp_file_read(file, tensor, 0, s->stored, LNSP_I32, s->group, &error))
    return refuse_error(s->args, text, &error);
  return 0;
}

/* Whether the network takes a context of this length. */
static int stream_fits(const loop_stream *s, int64_t low, int64_t high, int64_t step) {
  char most[48] = " or more", each[48] = "";

  if (s->concepts >= low && (high == 0 || s->concepts <= high) && s->concepts % step == 0)
    return 0;
  if (high == low)
    most[0] = 0;
  else if (high > 0)
    snprintf(most, sizeof most, " to %lld", (long long)high);
  if (step > 1) snprintf(each, sizeof each, ", a multiple of %lld", (long long)step);
  return refuse(s->args,
                "the network takes %lld%s concepts%s, not a context of %lld; choose with "
                "--context",
                (long long)low, most, each, (long long)s->concepts);
}

/* Where contexts begin that have a concept behind them in their group. */
static int stream_places(loop_stream *s) {
  const int64_t step = s->windows ? s->concepts + 1 : 1;
  int64_t i, from = 0;

  s->at = malloc((size_t)(s->length + 1) * sizeof *s->at);
  if (!s->at) return refuse_memory(s->args);
  for (i = 0; s->windows && i < s->length; i += step) s->at[s->count++] = i;
  for (i = 0; !s->windows && i < s->length; i++) {
    if (s->group && i > 0 && s->group[s->row[i]] != s->group[s->row[i - 1]]) from = i;
    if (i - from >= s->concepts) s->at[s->count++] = i - s->concepts;
  }
  if (!s->count)
    return refuse(s->args,
                  "the stream is empty: none of its %lld rows has %lld rows before it%s; give "
                  "more rows, or a shorter --context",
                  (long long)s->length, (long long)s->concepts,
                  s->group ? " in its group" : "");
  return 0;
}

int loop_stream_open(loop_stream *s, const args *a, int64_t low, int64_t high, int64_t step) {
  int status;
  memset(s, 0, sizeof *s);
  s->args = s->d.args = a;
  s->normalise = args_given(a, "--normalise");
  const char *text = s->args->positional[1];
  lnsp_tensor shape;
  lnsp_error error;
  size_t length = 0;
  status = data_split(&s->d, "STREAM", text, &length, &s->tensor);

  if (!status) status = data_file(&s->d, text, length, &s->file);
  if (status) return status;
  if (lnsp_file_tensor(s->file, s->tensor, &shape, &error))
    return refuse_error(s->args, text, &error);
  if (shape.rank != 2 || shape.dims[0] < 1 || shape.dims[1] < 1)
    return refuse(s->args,
                  "%s: the concepts of a stream are vectors [rows, width], this "
                  "tensor has rank %d and %lld elements",
                  text, (int)shape.rank, (long long)tensor_elements(&shape));
  if (shape.dims[0] > INT32_MAX)
    return refuse(s->args, "%s has more than 2,147,483,647 rows", text);
  s->stored = shape.dims[0];
  s->width = shape.dims[1];
  status = 0;
  const row_index *rows = NULL;
  int64_t i;
  status = 0;

  if (args_value(s->args, "--rows")) status = loop_stream_rows(s, "--rows", &rows);
  if (status) return status;
  s->length = rows ? rows->count * rows->columns : s->stored;
  s->windows = rows && rows->columns > 1;
  if (s->windows) s->concepts = rows->columns - 1;
  s->row = malloc((size_t)(s->length + 1) * sizeof *s->row);
  if (!s->row) return refuse_memory(s->args);
  for (i = 0; i < s->length; i++) s->row[i] = rows ? rows->row[i] : (int32_t)i;
  status = stream_groups(s);
  if (status) return status;
  /* How long a context is: as windows say, as --context says, as the network wants it. */
  const int64_t asked = args_integer(s->args, "--context");
  int64_t usual = high > 0 && high < 5 ? high : low > 5 ? low : 5;

  usual = (usual + step - 1) / step * step;
  if (s->windows && asked && asked != s->concepts)
    return refuse(s->args,
                  "the windows of --rows have %lld concepts before the last column, "
                  "not --context %lld; choose columns with [FROM:TO] after the tensor's name",
                  (long long)s->concepts, (long long)asked);
  if (!s->windows) s->concepts = asked ? asked : usual;
  if (s->concepts > LOOP_CONCEPTS)
    return refuse(s->args,
                  "windows have at most %d concepts before the last column, these "
                  "have %lld",
                  LOOP_CONCEPTS, (long long)s->concepts);
  status = stream_fits(s, low, high, step);
  return status ? status : stream_places(s);
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

int loop_stream_read(loop_stream *s, const int32_t *rows, int64_t count, float *out) {
  lnsp_error error;
  int64_t r;
  int status = 0;

  for (r = 0; r < count && !status; r++, out += s->width) {
    if (lnsp_file_read(s->file, s->tensor, rows[r] * s->width, s->width, LNSP_F32, out, &error))
      return refuse_error(s->args, s->args->positional[1], &error);
    /* Vectors from the file may be rounded, so that their length is not quite 1. */
    double sum = 0;
    int64_t i;

    for (i = 0; i < s->width; i++) sum += (double)out[i] * (double)out[i];
    if (!(sum > 0) || !isfinite(sum))
      return refuse(s->args,
                    "row %ld of %s has length %g and cannot be a concept; leave it out",
                    (long)rows[r], s->args->positional[1], sqrt(sum));
    sum = sqrt(sum);
    for (i = 0; s->normalise && i < s->width; i++) out[i] = (float)((double)out[i] / sum);
    status = 0;
  }
  return status;
}

void loop_stream_close(loop_stream *s) {
  free(s->row);
  free(s->group);
  free(s->at);
  data_close(&s->d);
  memset(s, 0, sizeof *s);
}
