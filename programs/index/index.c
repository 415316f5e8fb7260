/* lnsp index: vectors with ids, and the nearest among them. */
#include "index/index.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/memory.h"
#include "cli/progress.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "command.h"
#include "data/data.h"

#include "data/tensor.h"
#include "lnsp.h"

enum { INDEX_BATCH = 512 };

static const option options[] = {
    {"-o", "FILE", "file to write", OPT_OUTPUT, OPT_VERBS("build add remove"), OPT_REQUIRED},
    {"-o", "FILE", "write ids and scores to a file instead of printing them", OPT_OUTPUT,
     OPT_VERBS("search")},
    {"--type", "T", "how vectors are stored", OPT_TYPE, OPT_DEFAULT("f32"), OPT_VERBS("build")},
    {"--rows", "FILE:TENSOR", "only these rows of the vectors, each once; the rows are the ids",
     OPT_TEXT, OPT_VERBS("build add"), OPT_WITHOUT("--ids")},
    {"--rows", "FILE:TENSOR", "only these rows of the queries", OPT_TEXT, OPT_VERBS("search")},
    {"--ids", "FILE:TENSOR", "ids of the vectors", OPT_TEXT, OPT_VERBS("build add")},
    {"--ids", "FILE:TENSOR", "ids to remove", OPT_TEXT, OPT_VERBS("remove")},
    {"--keep", NULL, "keep the lengths of the vectors instead of scaling them to 1", OPT_TEXT,
     OPT_VERBS("build add")},
    {"-k", "N", "results a query", OPT_INTEGER(1, 65536), OPT_DEFAULT("10"),
     OPT_VERBS("search")},
    {"--texts", "TSV",
     "texts to print with the ids: of the lines 0, 1, ..., or, if the first line begins with "
     "id, as each line says",
     OPT_TEXT, OPT_VERBS("search")},
    {"--columns", "A,B", "columns of the texts to print (default all)", OPT_TEXT,
     OPT_VERBS("search"), OPT_NEEDS("--texts")},
    {"--without", "FILE:TENSOR", "ids that a query leaves out, [queries, any]", OPT_TEXT,
     OPT_VERBS("search")},
    {"--trust", NULL, "do not check the index for NaN first", OPT_TEXT, OPT_VERBS("search")},
    {.name = NULL},
};

/* ---- ids ---- */

typedef struct index_ids {
  int64_t *id; /* NULL: the index is to give them */
  int64_t count;
} index_ids;

/* A tensor of whole numbers. */
static index_ids ids_load(data *d, const char *text) {
  const char *tensor;
  lnsp_file *file = data_file_of(d, "--ids", text, &tensor);
  const lnsp_tensor shape = tensor_find(file, data_path(d, file), tensor);
  index_ids ids = {NULL, tensor_elements(&shape)};
  lnsp_error error;

  ids.id = memory_new(ids.count, sizeof *ids.id);
  refuse_if(lnsp_file_read(file, tensor, 0, ids.count, LNSP_I64, ids.id, &error), text, &error);
  return ids;
}

/* The ids of the vectors: --ids; the rows of --rows; the file's own. Rows that --rows names
 * again are left out. */
static index_ids ids_of_vectors(const args *a, vector_rows *v) {
  const char *text = args_value(a, "--ids");
  index_ids ids = {NULL, 0};
  lnsp_error error;
  unsigned char *seen;
  int64_t i;

  if (text) {
    ids = ids_load(&v->d, text);
    if (ids.count != v->count)
      refuse("--ids has %lld ids for %lld vectors: give one for each", (long long)ids.count,
             (long long)v->count);
    return ids;
  }
  if (!v->rows && !v->is_index) return ids;
  ids.id = memory_new(v->count, sizeof *ids.id);
  if (!v->rows) {
    refuse_if(lnsp_file_read(v->file, "ids", 0, v->count, LNSP_I64, ids.id, &error),
              a->positional[0], &error);
    return ids;
  }
  seen = memory_new(v->stored_rows, 1);
  for (i = 0; i < v->count; i++) {
    const int32_t row = v->rows->row[i];
    if (seen[row]++) continue;
    seen[row] = 1;
    v->rows->row[ids.count] = row;
    ids.id[ids.count++] = row;
  }
  v->count = ids.count;
  free(seen);
  return ids;
}

/* ---- build, add ---- */

static const char *const index_tensors[] = {"vectors", "output", "input", NULL};

static void index_report(const args *a, const lnsp_index *index, const char *path) {
  lnsp_index_info facts = LNSP_INDEX_INFO_INIT;
  lnsp_error error;
  char type[8];
  size_t i;

  refuse_if(lnsp_index_get_info(index, &facts, &error), path, &error);
  snprintf(type, sizeof type, "%s", lnsp_dtype_name(facts.dtype));
  for (i = 0; type[i]; i++) /* as --type has it */
    type[i] = (char)(type[i] == 'F' ? 'f' : type[i]);
  report_start(a);
  report_integer("vectors", "vectors", facts.count, "");
  report_integer("width", "width", facts.width, "");
  report_text("type", "type", facts.dtype == LNSP_I8 ? "int8" : type);
  report_integer("bytes", "in memory", (int64_t)facts.bytes, "bytes");
  if (args_value(a, "-o")) report_text("file", "written", path);
  report_end();
}

/* Writes the index, says what it is, and closes it. */
static void index_write(const args *a, lnsp_index *index) {
  const char *path = args_value(a, "-o");
  lnsp_error error;
  refuse_if(lnsp_index_save(index, path, &error), path, &error);
  index_report(a, index, path);
  lnsp_index_destroy(index);
}

/* Adds the vectors of a file, and writes the index. */
static void index_fill(const args *a, lnsp_index *index, vector_rows *v, index_ids ids,
                       const char *path) {
  float *x = memory_new(INDEX_BATCH * v->width, sizeof *x);
  lnsp_error error;
  int64_t first;

  for (first = 0; first < v->count; first += INDEX_BATCH) {
    const int64_t left = v->count - first, count = left < INDEX_BATCH ? left : INDEX_BATCH;
    const lnsp_tensor part = lnsp_tensor_f32("vectors", x, 2, count, v->width, 0);
    vector_rows_read(v, first, count, x);
    refuse_batch_if(lnsp_index_add(index, &part, ids.id ? ids.id + first : NULL, &error), path,
                    first, &error);
    progress_show("%lld of %lld vectors", (long long)first, (long long)v->count);
  }
  progress_clear();
  index_write(a, index);
  free(x);
  free(ids.id);
  vector_rows_close(v);
}

/* The index file, with room for more. */
static lnsp_index *index_open(const args *a, int64_t more) {
  const lnsp_options o = args_run_options(a);
  const char *path = a->positional[0];
  lnsp_index_options settings = LNSP_INDEX_OPTIONS_INIT;
  lnsp_index_info facts = LNSP_INDEX_INFO_INIT;
  lnsp_index *index = NULL;
  lnsp_error error;

  settings.no_normalize = args_given(a, "--keep");
  refuse_if(lnsp_index_open(path, &settings, &o, &index, &error), path, &error);
  if (!more) return index;
  refuse_if(lnsp_index_get_info(index, &facts, &error), path, &error);
  settings.capacity = facts.count + more;
  lnsp_index_destroy(index);
  index = NULL;
  refuse_if(lnsp_index_open(path, &settings, &o, &index, &error), path, &error);
  return index;
}

static void index_build(const args *a) {
  const lnsp_options o = args_run_options(a);
  lnsp_index_options settings = LNSP_INDEX_OPTIONS_INIT;
  lnsp_index *index = NULL;
  lnsp_error error;
  vector_rows v;
  index_ids ids;

  vector_rows_open(a, a->positional[0], index_tensors, &v);
  ids = ids_of_vectors(a, &v);
  settings.dtype = args_type(a);
  settings.width = v.width;
  settings.capacity = v.count;
  settings.no_normalize = args_given(a, "--keep");
  refuse_if(lnsp_index_create(&settings, &o, &index, &error), a->positional[0], &error);
  index_fill(a, index, &v, ids, a->positional[0]);
}

static void index_add(const args *a) {
  vector_rows v;
  index_ids ids;

  vector_rows_open(a, a->positional[1], index_tensors, &v);
  ids = ids_of_vectors(a, &v);
  index_fill(a, index_open(a, v.count), &v, ids, a->positional[1]);
}

/* ---- remove, info ---- */

static void index_remove(const args *a) {
  const char *text = args_value(a, "--ids");
  index_ids ids = {NULL, 0};
  lnsp_index *index;
  lnsp_error error;
  data d;
  int i;

  if (!text == (a->positional_count == 1))
    refuse_usage("name the ids to remove, either behind INDEX or with --ids FILE:TENSOR");
  memset(&d, 0, sizeof d);
  d.args = a;
  if (text) {
    ids = ids_load(&d, text);
  } else {
    ids.id = memory_new(a->positional_count, sizeof *ids.id);
    for (i = 1; i < a->positional_count; i++) {
      char *end = NULL;
      errno = 0;
      ids.id[ids.count++] = strtoll(a->positional[i], &end, 10);
      if (errno || end == a->positional[i] || *end)
        refuse_usage("'%s' is not an id: ids are whole numbers", a->positional[i]);
    }
  }
  index = index_open(a, 0);
  refuse_if(lnsp_index_remove(index, ids.id, ids.count, &error), a->positional[0], &error);
  index_write(a, index);
  data_close(&d);
  free(ids.id);
}

static void index_info(const args *a) {
  lnsp_index *index = index_open(a, 0);
  index_report(a, index, a->positional[0]);
  lnsp_index_destroy(index);
}

static const verb verbs[] = {
    {"build", "VECTORS -o INDEX", "make an index", 1, 1, index_build},
    {"search", "INDEX QUERIES [-o FILE]", "print the nearest vectors of each query", 2, 2,
     index_search},
    {"add", "INDEX VECTORS -o INDEX", "add vectors", 2, 2, index_add},
    {"remove", "INDEX ID... -o INDEX", "remove vectors", 1, ARGS_MAX, index_remove},
    {"info", "INDEX", "print sizes", 1, 1, index_info},
    {.name = NULL},
};

const command command_index = {
    .name = "index",
    .summary = "find the nearest of many vectors by cosine, with ids and texts",
    .detail =
        "VECTORS is a file with the tensor `vectors` (or `output`, or `input`), [n, width], "
        "or FILE:TENSOR. Ids are the tensor `ids` of that file, --ids, or row numbers. "
        "QUERIES is a file with `queries`, `output` (as `lnsp run` writes it), `input` or "
        "`vectors`, or FILE:TENSOR. search compares each query with all vectors; of equal "
        "scores the lower id comes first. With -o it writes `ids` and `scores` [queries, k], "
        "with id -1 where there are no more (docs/index.md).",
    .examples = "index build vectors.safetensors --type int8 -o vectors.index\n"
                "index search vectors.index queries.safetensors -k 5 --texts texts.tsv",
    .options = options,
    .verbs = verbs,
};
