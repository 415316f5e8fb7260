/* lnsp index: vectors with ids, and the nearest among them. */
#include "index/index.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/progress.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "command.h"
#include "data/data.h"
#include "data/row_index.h"
#include "data/tensor.h"
#include "index/vector_rows.h"
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

/* A tensor of whole numbers, --ids or `ids` of the file; *ids to be freed. */
static int ids_load(data *d, const char *text, int64_t **ids, int64_t *count) {
  lnsp_file *file = NULL;
  lnsp_tensor shape;
  lnsp_error error;
  const char *tensor = NULL;
  size_t length = 0;
  int status = data_split(d, "--ids", text, &length, &tensor);

  if (!status) status = data_file(d, text, length, &file);
  if (status) return status;
  if (lnsp_file_tensor(file, tensor, &shape, &error))
    return refuse_error(d->args, text, &error);
  *count = tensor_elements(&shape);
  *ids = malloc((size_t)(*count + 1) * sizeof **ids);
  if (!*ids) return refuse_memory(d->args);
  if (lnsp_file_read(file, tensor, 0, *count, LNSP_I64, *ids, &error))
    return refuse_error(d->args, text, &error);
  return 0;
}

/* The ids of the vectors: --ids; the rows of --rows; the file's own; *ids stays NULL where the
 * index is to give them. Rows that --rows names again are left out. */
static int ids_of_vectors(const args *a, vector_rows *v, int64_t **ids) {
  const char *text = args_value(a, "--ids");
  int64_t count = v->count, i, kept = 0;
  lnsp_error error;
  unsigned char *seen;
  int status;

  if (text) {
    status = ids_load(&v->d, text, ids, &count);
    if (!status && count != v->count)
      status = refuse(a, "--ids has %lld ids, but there are %lld vectors", (long long)count,
                      (long long)v->count);
    return status;
  }
  if (!v->rows && !v->is_index) return 0;
  *ids = malloc((size_t)(count + 1) * sizeof **ids);
  if (!*ids) return refuse_memory(a);
  if (v->is_index && !v->rows)
    return lnsp_file_read(v->file, "ids", 0, count, LNSP_I64, *ids, &error)
               ? refuse_error(a, a->positional[0], &error)
               : 0;
  seen = calloc((size_t)v->stored_rows + 1, 1);
  if (!seen) return refuse_memory(a);
  for (i = 0; i < count; i++) {
    const int32_t row = v->rows->row[i];
    if (!seen[row]) {
      seen[row] = 1;
      v->rows->row[kept] = row;
      (*ids)[kept++] = row;
    }
  }
  v->count = kept;
  free(seen);
  return 0;
}

/* ---- build, add ---- */

static int index_fill(const args *a, lnsp_index *index, vector_rows *v, const int64_t *ids,
                      const char *path) {
  float *x = malloc((size_t)INDEX_BATCH * (size_t)v->width * sizeof *x);
  lnsp_error error;
  progress show;
  int64_t first;
  int status = x ? 0 : refuse_memory(a);

  progress_start(&show);
  for (first = 0; first < v->count && !status; first += INDEX_BATCH) {
    const int64_t left = v->count - first, count = left < INDEX_BATCH ? left : INDEX_BATCH;
    status = vector_rows_read(v, first, count, x);
    if (!status) {
      const lnsp_tensor part = lnsp_tensor_f32("vectors", x, 2, count, v->width, 0);
      if (lnsp_index_add(index, &part, ids ? ids + first : NULL, &error))
        status = refuse_batch(a, path, first, &error);
    }
    if (progress_due(&show))
      progress_show(&show, "%lld of %lld vectors", (long long)first, (long long)v->count);
  }
  progress_clear(&show);
  free(x);
  return status;
}

static int index_report(const args *a, const lnsp_index *index, const char *path) {
  lnsp_index_info facts;
  lnsp_error error;
  char type[8];
  report r;
  size_t i;

  memset(&facts, 0, sizeof facts);
  facts.struct_size = sizeof facts;
  if (lnsp_index_get_info(index, &facts, &error)) return refuse_error(a, path, &error);
  snprintf(type, sizeof type, "%s", lnsp_dtype_name(facts.dtype));
  for (i = 0; type[i]; i++) /* as --type has it */
    type[i] = (char)(type[i] == 'F' ? 'f' : type[i]);
  r = report_start(a);
  report_integer(&r, "vectors", "vectors", facts.count, "");
  report_integer(&r, "width", "width", facts.width, "");
  report_text(&r, "type", "type", facts.dtype == LNSP_I8 ? "int8" : type);
  report_integer(&r, "bytes", "in memory", (int64_t)facts.bytes, "bytes");
  if (args_value(a, "-o")) report_text(&r, "file", "written", path);
  return report_end(&r, a);
}

static int index_write(const args *a, lnsp_index *index) {
  const char *path = args_value(a, "-o");
  lnsp_error error;
  if (lnsp_index_save(index, path, &error)) return refuse_error(a, path, &error);
  return index_report(a, index, path);
}

/* The index file, with room for more. */
static int index_open(const args *a, int64_t more, lnsp_index **out) {
  const lnsp_options o = args_run_options(a);
  const char *path = a->positional[0];
  lnsp_index_options settings;
  lnsp_index_info facts;
  lnsp_error error;
  int pass;

  memset(&settings, 0, sizeof settings);
  memset(&facts, 0, sizeof facts);
  settings.struct_size = sizeof settings;
  settings.no_normalize = args_given(a, "--keep");
  facts.struct_size = sizeof facts;
  for (pass = 0; pass < (more ? 2 : 1); pass++) {
    lnsp_index_destroy(*out);
    *out = NULL;
    if (lnsp_index_open(path, &settings, &o, out, &error) ||
        lnsp_index_get_info(*out, &facts, &error))
      return refuse_error(a, path, &error);
    settings.capacity = facts.count + more;
  }
  return 0;
}

static int index_build(const args *a) {
  static const char *const names[] = {"vectors", "output", "input", NULL};
  const lnsp_options o = args_run_options(a);
  lnsp_index *index = NULL;
  lnsp_index_options settings;
  lnsp_error error;
  vector_rows v;
  int64_t *ids = NULL;
  int status;

  memset(&v, 0, sizeof v);
  memset(&settings, 0, sizeof settings);
  settings.struct_size = sizeof settings;
  settings.dtype = args_type(a);
  status = vector_rows_open(a, a->positional[0], names, &v);
  if (!status) status = ids_of_vectors(a, &v, &ids);
  settings.width = v.width;
  settings.capacity = v.count;
  settings.no_normalize = args_given(a, "--keep");
  if (!status && lnsp_index_create(&settings, &o, &index, &error))
    status = refuse_error(a, a->positional[0], &error);
  if (!status) status = index_fill(a, index, &v, ids, a->positional[0]);
  if (!status) status = index_write(a, index);
  lnsp_index_destroy(index);
  vector_rows_close(&v);
  free(ids);
  return status;
}

static int index_add(const args *a) {
  static const char *const names[] = {"vectors", "output", "input", NULL};
  lnsp_index *index = NULL;
  vector_rows v;
  int64_t *ids = NULL;
  int status = vector_rows_open(a, a->positional[1], names, &v);

  if (!status) status = ids_of_vectors(a, &v, &ids);
  if (!status) status = index_open(a, v.count, &index);
  if (!status) status = index_fill(a, index, &v, ids, a->positional[1]);
  if (!status) status = index_write(a, index);
  lnsp_index_destroy(index);
  vector_rows_close(&v);
  free(ids);
  return status;
}

/* ---- remove, info ---- */

static int index_remove(const args *a) {
  const char *text = args_value(a, "--ids");
  lnsp_index *index = NULL;
  lnsp_error error;
  data d;
  int64_t *ids = NULL, count = 0;
  int status = 0;

  memset(&d, 0, sizeof d);
  d.args = a;
  if (!text == (a->positional_count == 1))
    status = refuse_usage(a, "give the ids to remove, or --ids FILE:TENSOR");
  if (!status) {
    if (text) {
      status = ids_load(&d, text, &ids, &count);
    } else {
      int i;
      ids = malloc(ARGS_MAX * sizeof *ids);
      if (!ids) {
        status = refuse_memory(a);
        goto done;
      }
      for (i = 1; i < a->positional_count; i++) {
        char *end = NULL;
        errno = 0;
        (ids)[(count)++] = strtoll(a->positional[i], &end, 10);
        if (errno || end == a->positional[i] || *end) {
          status =
              refuse_usage(a, "\"%s\" is not an id; ids are whole numbers", a->positional[i]);
          goto done;
        }
      }
      status = 0;
    }
  }
  if (status) goto done;
  status = index_open(a, 0, &index);
  if (status) goto done;
  if (lnsp_index_remove(index, ids, count, &error))
    status = refuse_error(a, a->positional[0], &error);
  if (status) goto done;
  status = index_write(a, index);
done:
  lnsp_index_destroy(index);
  data_close(&d);
  free(ids);
  return status;
}

static int index_info(const args *a) {
  lnsp_index *index = NULL;
  int status = index_open(a, 0, &index);
  if (!status) status = index_report(a, index, a->positional[0]);
  lnsp_index_destroy(index);
  return status;
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
