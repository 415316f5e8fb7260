/* lnsp gather: vectors that index tensors name, from several files, in one file. */
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/memory.h"
#include "cli/json.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "command.h"
#include "data/data.h"
#include "data/random.h"
#include "data/tensor.h"

#include "lnsp.h"

#define GATHER_PARTS DATA_INDEXES
#define GATHER_INPUTS (DATA_FILES - GATHER_PARTS)

static const option options[] = {
    {"-o", "FILE", "file to write", OPT_OUTPUT, OPT_REQUIRED},
    {"--input", "FILE:TENSOR", "vectors [N, width] for each --rows after it", OPT_TEXT},
    {"--rows", "FILE:TENSOR[@...]",
     "rows [M] or windows [M, L]; @100 draws 100 of them, @0-80% takes a range; may be "
     "repeated",
     OPT_TEXT},
    {"--as", "NAME", "name in the written file of each --rows after it", OPT_TEXT,
     OPT_DEFAULT("rows")},
    {"--seed", "N", "seed of the draws", OPT_SEED, OPT_DEFAULT("0")},
    {.name = NULL},
};

typedef struct gather_input {
  lnsp_file *file;
  const char *tensor;
  lnsp_tensor shape;
  int32_t *place; /* [rows]: where a row is in OUT, or -1 */
} gather_input;

typedef struct gather_part {
  const char *name;
  int64_t count, columns;
  int32_t *row; /* numbers in OUT */
} gather_part;

typedef struct gather {
  data d; /* files and index tensors */
  gather_input input[GATHER_INPUTS];
  gather_part part[GATHER_PARTS];
  int inputs, parts;
  uint64_t random;
  int32_t *from;    /* [2 * count]: input and row of each vector of OUT */
  int64_t count, room;
} gather;

static void gather_input_add(gather *g, const char *text) {
  gather_input *in = &g->input[g->inputs];
  int64_t r, width;

  if (g->inputs == GATHER_INPUTS) refuse_usage("give --input at most %d times", GATHER_INPUTS);
  in->file = data_file_of(&g->d, "--input", text, &in->tensor);
  in->shape = tensor_find(in->file, data_path(&g->d, in->file), in->tensor);
  if (in->shape.rank != 2 || in->shape.dims[0] > INT32_MAX || in->shape.dims[1] < 1)
    refuse("'%s' does not hold vectors: give a tensor [rows, width]", text);
  width = g->input[0].shape.dims[1];
  if (in->shape.dims[1] != width)
    refuse("'%s' has vectors of width %lld, those before it %lld: gather them in two files",
           text, (long long)in->shape.dims[1], (long long)width);
  in->place = memory_new(in->shape.dims[0], sizeof *in->place);
  for (r = 0; r < in->shape.dims[0]; r++) in->place[r] = -1;
  g->inputs++;
}

/* The number in OUT of a row, which comes in if it is not there yet. */
static int32_t gather_row(gather *g, int32_t row) {
  gather_input *in = &g->input[g->inputs - 1];
  if (in->place[row] < 0) {
    if (g->count == g->room) {
      g->room = 2 * g->room + 1024;
      g->from = memory_grow(g->from, 2 * g->room, sizeof *g->from);
    }
    g->from[2 * g->count] = g->inputs - 1;
    g->from[2 * g->count + 1] = row;
    in->place[row] = (int32_t)g->count++;
  }
  return in->place[row];
}

/* What stands behind the last @: a number to draw, or a stretch in per cent. */
typedef struct gather_choice {
  int64_t draw; /* -1: none */
  int from, to; /* per cent */
} gather_choice;

/* The choice, and the length of the text before it. */
static size_t gather_choice_read(const char *text, gather_choice *c) {
  const char *at = strrchr(text, '@');
  char *end;
  long long a, b;

  c->draw = -1;
  c->from = 0;
  c->to = 100;
  if (!at || at[1] < '0' || at[1] > '9' || strpbrk(at, ":/")) return strlen(text);
  a = strtoll(at + 1, &end, 10);
  if (!*end && a <= INT32_MAX) {
    c->draw = a;
    return (size_t)(at - text);
  }
  b = *end == '-' ? strtoll(end + 1, &end, 10) : -1;
  if (strcmp(end, "%") || a >= b || b > 100)
    refuse_usage("--rows is '%s': write after @ how many rows to draw, or a range such as "
                 "0-80%%",
                 text);
  c->from = (int)a;
  c->to = (int)b;
  return (size_t)(at - text);
}

static void gather_rows(gather *g, const char *text, const char *name) {
  const gather_input *in;
  gather_part *p = g->part;
  const row_index *index;
  gather_choice choice;
  char *taken, *spec;
  int64_t first, end, kept, want, r, i, at;

  if (!g->inputs) refuse_usage("--rows %s: give the --input that it belongs to first", text);
  in = &g->input[g->inputs - 1];
  while (p < g->part + g->parts && strcmp(p->name, name)) p++;
  if (!*name || !strcmp(name, "vectors"))
    refuse_usage("--as is '%s': give another name for these rows", name);
  if (p == g->part + GATHER_PARTS) refuse_usage("give --rows at most %d names", GATHER_PARTS);
  if (p == g->part + g->parts) g->part[g->parts++].name = name;
  spec = memory_text(text, gather_choice_read(text, &choice));
  index = row_index_load(&g->d, "--rows", spec);
  row_index_check(index, spec, in->tensor, in->shape.dims[0]);
  if (p->columns && p->columns != index->columns)
    refuse("'%s' has %lld columns, but '%s' has %lld already: give it another name with --as",
           spec, (long long)index->columns, name, (long long)p->columns);
  taken = memory_new(index->count, 1);
  /* Which are taken, in order: all of the stretch, or some of it at random, each set of that
   * size being as likely (selection sampling). */
  first = index->count * choice.from / 100;
  end = index->count * choice.to / 100;
  kept = choice.draw < 0 || choice.draw > end - first ? end - first : choice.draw;
  for (r = first, want = kept; r < end && want > 0; r++) {
    taken[r] = (int64_t)(random_next(&g->random) % (uint64_t)(end - r)) < want;
    want -= taken[r];
  }
  p->columns = index->columns;
  at = p->count * p->columns;
  p->count += kept;
  p->row = memory_grow(p->row, p->count * p->columns + 1, sizeof *p->row);
  for (r = 0; r < index->count; r++)
    for (i = 0; taken[r] && i < index->columns; i++)
      p->row[at++] = gather_row(g, index->row[r * index->columns + i]);
  free(spec);
  free(taken);
}

static void gather_write(const gather *g, const char *path) {
  lnsp_tensor tensors[GATHER_PARTS + 1];
  const int64_t width = g->input[0].shape.dims[1];
  void *one = memory_new(width, 8);
  lnsp_writer *writer = NULL;
  lnsp_error error;
  int32_t dtype = g->input[0].shape.dtype, status;
  int64_t k;
  int i;

  for (i = 1; i < g->inputs; i++)
    if (g->input[i].shape.dtype != dtype) dtype = LNSP_F32;
  for (i = 0; i < g->parts; i++) {
    const gather_part *p = &g->part[i];
    tensors[i] =
        lnsp_tensor_f32(p->name, NULL, p->columns > 1 ? 2 : 1, p->count, p->columns, 0);
    tensors[i].dtype = LNSP_I32;
  }
  tensors[i] = lnsp_tensor_f32("vectors", NULL, 2, g->count, width, 0);
  tensors[i].dtype = dtype;
  status = lnsp_writer_create(path, tensors, g->parts + 1, NULL, 0, NULL, &writer, &error);
  for (i = 0; i < g->parts && !status; i++)
    status =
        lnsp_writer_write(writer, g->part[i].row,
                          (size_t)(g->part[i].count * g->part[i].columns) * sizeof(int32_t),
                          &error);
  /* The vectors' bits as they are, where all have one type; else float32. */
  for (k = 0; k < g->count && !status; k++) {
    const gather_input *in = &g->input[g->from[2 * k]];
    status = lnsp_file_read(in->file, in->tensor, g->from[2 * k + 1] * width, width, dtype, one,
                            &error);
    if (!status)
      status = lnsp_writer_write(writer, one, (size_t)width * lnsp_dtype_bytes(dtype), &error);
  }
  free(one);
  if (!status) status = lnsp_writer_close(writer, &error);
  lnsp_writer_destroy(writer); /* before a refusal: it removes what was begun */
  refuse_if(status, path, &error);
}

static void run(const args *a) {
  gather *g = memory_new(1, sizeof *g);
  const char *path = args_value(a, "-o"), *name = "rows";
  int i;

  g->d.args = a;
  g->random = args_seed(a, "--seed");
  if (args_value_at(a, "--rows", GATHER_PARTS))
    refuse_usage("give --rows at most %d times", GATHER_PARTS);
  /* Options in the order in which they stand: --input and --as are about what follows. */
  for (i = 0; i < a->given_count; i++) {
    const char *option_name = a->given[i].option->name, *value = a->given[i].value;
    if (!strcmp(option_name, "--input"))
      gather_input_add(g, value);
    else if (!strcmp(option_name, "--as"))
      name = value;
    else if (!strcmp(option_name, "--rows"))
      gather_rows(g, value, name);
  }
  if (!g->parts)
    refuse_usage("nothing is named to gather: give --input FILE:TENSOR --rows FILE:TENSOR");
  if (!g->count) refuse("no row is left to gather: choose more with what follows @ in --rows");
  gather_write(g, path);
  report_start(a);
  report_integer("vectors", "vectors", g->count, "");
  json_open("rows", '{');
  for (i = 0; i < g->parts; i++)
    report_integer(g->part[i].name, g->part[i].name, g->part[i].count, "rows");
  json_close('}');
  report_text("file", "written", path);
  report_end();
  for (i = 0; i < GATHER_INPUTS; i++) free(g->input[i].place);
  for (i = 0; i < GATHER_PARTS; i++) free(g->part[i].row);
  free(g->from);
  data_close(&g->d);
  free(g);
}

const command command_gather = {
    .name = "gather",
    .usage = "--input FILE:TENSOR --rows FILE:TENSOR ... -o FILE",
    .summary = "collect vectors from files in one file",
    .detail =
        "The written file has the tensor `vectors` with every vector that the index tensors "
        "name, once, and `rows` with their numbers in it: train, eval and loop read this "
        "through --input and --rows. Further --rows are appended, or written under names of "
        "their own with --as. This makes one training set of the day's new sequences and some "
        "of the old ones.",
    .examples =
        "gather --input day.st:vectors --rows day.st:windows -o set.st\n"
        "gather --input day.st:vectors --rows day.st:windows --input old.st:vectors --rows "
        "old.st:windows@500 -o set.st",
    .options = options,
    .low = 0,
    .high = 0,
    .run = run,
};
