/* lnsp gather: vectors that index tensors name, from several files, in one file. */
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/json.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "command.h"
#include "data/data.h"
#include "data/random.h"
#include "data/row_index.h"
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
  const args *args;
  data d; /* files and index tensors */
  gather_input input[GATHER_INPUTS];
  gather_part part[GATHER_PARTS];
  int inputs, parts;
  uint64_t random;
  int32_t *from;    /* [2 * count]: input and row of each vector of OUT */
  int64_t count, room;
} gather;

static int gather_input_add(gather *g, const char *text) {
  gather_input *in = &g->input[g->inputs];
  lnsp_error error;
  size_t length = 0;
  int64_t r;
  int status;

  if (g->inputs == GATHER_INPUTS)
    return refuse_usage(g->args, "more than %d times --input", GATHER_INPUTS);
  status = data_split(&g->d, "--input", text, &length, &in->tensor);
  if (!status) status = data_file(&g->d, text, length, &in->file);
  if (status) return status;
  if (lnsp_file_tensor(in->file, in->tensor, &in->shape, &error))
    return refuse_error(g->args, text, &error);
  if (in->shape.rank != 2 || in->shape.dims[0] > INT32_MAX || in->shape.dims[1] < 1)
    return refuse(g->args, "%s: vectors are [rows, width]", text);
  if (in->shape.dims[1] != g->input[0].shape.dims[1])
    return refuse(g->args,
                  "%s has vectors of width %lld, those before it %lld; one file has one "
                  "width",
                  text, (long long)in->shape.dims[1], (long long)g->input[0].shape.dims[1]);
  in->place = malloc((size_t)(in->shape.dims[0] + 1) * sizeof *in->place);
  if (!in->place) return refuse_memory(g->args);
  for (r = 0; r < in->shape.dims[0]; r++) in->place[r] = -1;
  g->inputs++;
  return 0;
}

/* The number in OUT of a row, which comes in if it is not there yet; -1: no memory. */
static int32_t gather_row(gather *g, int32_t row) {
  gather_input *in = &g->input[g->inputs - 1];
  if (in->place[row] < 0) {
    if (g->count == g->room) {
      const int64_t room = 2 * g->room + 1024;
      int32_t *more = realloc(g->from, (size_t)(2 * room) * sizeof *more);
      if (!more) return -1;
      g->from = more;
      g->room = room;
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

static int gather_choice_read(const gather *g, const char *text, gather_choice *c,
                              size_t *length) {
  const char *at = strrchr(text, '@');
  char *end;
  long long a, b;

  c->draw = -1;
  c->from = 0;
  c->to = 100;
  *length = strlen(text);
  if (!at || at[1] < '0' || at[1] > '9' || strpbrk(at, ":/")) return 0;
  *length = (size_t)(at - text);
  a = strtoll(at + 1, &end, 10);
  if (!*end && a <= INT32_MAX) {
    c->draw = a;
    return 0;
  }
  b = *end == '-' ? strtoll(end + 1, &end, 10) : -1;
  if (strcmp(end, "%") || a >= b || b > 100)
    return refuse_usage(g->args,
                        "--rows is \"%s\": write after @ a number of rows to draw, "
                        "or a range such as 0-80%%",
                        text);
  c->from = (int)a;
  c->to = (int)b;
  return 0;
}

/* Which of n are taken, in order: all of the stretch, or some of it by chance, each set of
 * that size being as likely (selection sampling). */
static int64_t gather_choose(gather *g, const gather_choice *c, int64_t n, char *taken) {
  const int64_t first = n * c->from / 100, end = n * c->to / 100;
  int64_t want = c->draw < 0 || c->draw > end - first ? end - first : c->draw, i, count = 0;

  for (i = 0; i < n; i++) {
    taken[i] = i >= first && i < end && want > 0 &&
               (int64_t)(random_next(&g->random) % (uint64_t)(end - i)) < want;
    want -= taken[i];
    count += taken[i];
  }
  return count;
}

static int gather_part_add(gather *g, gather_part *p, const row_index *index, const char *taken,
                           int64_t count) {
  int32_t *more =
      realloc(p->row, (size_t)((p->count + count) * index->columns + 1) * sizeof *more);
  int64_t r, i;

  if (!more) return refuse_memory(g->args);
  p->row = more;
  p->columns = index->columns;
  more += p->count * p->columns;
  for (r = 0; r < index->count; r++)
    for (i = 0; taken[r] && i < index->columns; i++)
      if ((*more++ = gather_row(g, index->row[r * index->columns + i])) < 0)
        return refuse_memory(g->args);
  p->count += count;
  return 0;
}

static int gather_rows(gather *g, const char *text, const char *name) {
  const gather_input *in = &g->input[g->inputs - 1];
  gather_part *p = g->part;
  const row_index *index = NULL;
  gather_choice choice;
  char *taken, *spec;
  size_t length = 0;
  int64_t i;
  int status;

  while (p < g->part + g->parts && strcmp(p->name, name)) p++;
  if (p == g->part + GATHER_PARTS || !*name || !strcmp(name, "vectors"))
    return refuse_usage(g->args, "--as needs a name other than vectors, and at most %d names",
                        GATHER_PARTS);
  if (p == g->part + g->parts) g->part[g->parts++].name = name;
  status = gather_choice_read(g, text, &choice, &length);
  spec = malloc(length + 1);
  if (status || !spec) {
    free(spec);
    return status ? status : refuse_memory(g->args);
  }
  memcpy(spec, text, length);
  spec[length] = 0;
  status = row_index_load(&g->d, "--rows", spec, &index);
  for (i = 0; !status && i < index->count * index->columns; i++)
    if (index->row[i] < 0 || index->row[i] >= in->shape.dims[0])
      status =
          refuse(g->args, "%s names row %ld at place %lld, but tensor %s has rows 0 to %lld",
                 spec, (long)index->row[i], (long long)i, in->tensor,
                 (long long)in->shape.dims[0] - 1);
  if (!status && p->columns && p->columns != index->columns)
    status = refuse(g->args,
                    "%s has %lld columns, but \"%s\" has %lld already; give it another "
                    "name with --as",
                    spec, (long long)index->columns, name, (long long)p->columns);
  free(spec);
  taken = status ? NULL : malloc((size_t)index->count + 1);
  if (!status)
    status = taken ? gather_part_add(g, p, index, taken,
                                     gather_choose(g, &choice, index->count, taken))
                   : refuse_memory(g->args);
  free(taken);
  return status;
}

static int gather_write(const gather *g, const char *path) {
  lnsp_tensor tensors[GATHER_PARTS + 1];
  lnsp_writer *writer = NULL;
  lnsp_error error;
  int32_t dtype = g->input[0].shape.dtype;
  int i, status = 0;

  for (i = 1; i < g->inputs; i++)
    if (g->input[i].shape.dtype != dtype) dtype = LNSP_F32;
  memset(tensors, 0, sizeof tensors);
  for (i = 0; i < g->parts; i++) {
    tensors[i].name = g->part[i].name;
    tensors[i].dtype = LNSP_I32;
    tensors[i].rank = g->part[i].columns > 1 ? 2 : 1;
    tensors[i].dims[0] = g->part[i].count;
    tensors[i].dims[1] = g->part[i].columns;
  }
  tensors[i].name = "vectors";
  tensors[i].dtype = dtype;
  tensors[i].rank = 2;
  tensors[i].dims[0] = g->count;
  tensors[i].dims[1] = g->input[0].shape.dims[1];
  if (lnsp_writer_create(path, tensors, g->parts + 1, NULL, 0, NULL, &writer, &error))
    return refuse_error(g->args, path, &error);
  for (i = 0; i < g->parts && !status; i++)
    if (lnsp_writer_write(writer, g->part[i].row,
                          (size_t)(g->part[i].count * g->part[i].columns) * sizeof(int32_t),
                          &error))
      status = refuse_error(g->args, path, &error);
  if (status) goto done;
  /* The vectors' bits as they are, where all have one type; else float32. */
  const int64_t width = g->input[0].shape.dims[1];
  void *one = malloc((size_t)width * 8);
  int64_t k;
  status = one ? 0 : refuse_memory(g->args);

  for (k = 0; k < g->count && !status; k++) {
    const gather_input *in = &g->input[g->from[2 * k]];
    if (lnsp_file_read(in->file, in->tensor, g->from[2 * k + 1] * width, width, dtype, one,
                       &error) ||
        lnsp_writer_write(writer, one, (size_t)width * lnsp_dtype_bytes(dtype), &error))
      status = refuse_error(g->args, NULL, &error);
  }
  free(one);
  if (status) goto done;
  if (lnsp_writer_close(writer, &error)) status = refuse_error(g->args, path, &error);
done:
  lnsp_writer_destroy(writer);
  return status;
}

static int run(const args *a) {
  gather *g = calloc(1, sizeof *g);
  const char *path = args_value(a, "-o");
  int i, status;

  if (!g) return refuse_memory(a);
  g->args = g->d.args = a;
  g->random = args_seed(a, "--seed");
  /* Options in the order in which they stand: --input and --as are about what follows. */
  const char *name = "rows";
  status = 0;

  if (args_value_at(g->args, "--rows", GATHER_PARTS)) {
    status = refuse_usage(g->args, "more than %d times --rows", GATHER_PARTS);
    goto done;
  }

  for (i = 0; i < g->args->given_count && !status; i++) {
    const char *option_name = g->args->given[i].option->name;
    const char *value = g->args->given[i].value;
    if (!strcmp(option_name, "--input"))
      status = gather_input_add(g, value);
    else if (!strcmp(option_name, "--as"))
      name = value;
    else if (!strcmp(option_name, "--rows"))
      status =
          g->inputs
              ? gather_rows(g, value, name)
              : refuse_usage(g->args, "--rows must come after the --input that it belongs to");
  }
  if (status) goto done;
  if (!g->parts)
    status =
        refuse_usage(g->args, "nothing to gather: give --input FILE:TENSOR --rows FILE:TENSOR");
  if (status) goto done;
  if (!g->count) status = refuse(g->args, "no row is left to gather");
  if (status) goto done;
  status = gather_write(g, path);
  if (status) goto done;
  const report r = report_start(g->args);

  report_integer(&r, "vectors", "vectors", g->count, "");
  if (r.json) json_open("rows", '{');
  for (i = 0; i < g->parts; i++)
    report_integer(&r, g->part[i].name, g->part[i].name, g->part[i].count, "rows");
  if (r.json) json_close('}');
  report_text(&r, "file", "written", path);
  status = report_end(&r, g->args);
done:
  for (i = 0; i < GATHER_INPUTS; i++) free(g->input[i].place);
  for (i = 0; i < GATHER_PARTS; i++) free(g->part[i].row);
  free(g->from);
  data_close(&g->d);
  free(g);
  return status;
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
