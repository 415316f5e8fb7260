/* lnsp index search: the nearest vectors, with their texts. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/json.h"
#include "cli/progress.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "command.h"
#include "data/data.h"
#include "data/row_index.h"
#include "data/tensor.h"
#include "index/index.h"
#include "data/texts.h"
#include "index/vector_rows.h"
#include "lnsp.h"

enum { SEARCH_BATCH = 256 };

/* An index file, mapped where that is possible. */
typedef struct mapped_index {
  void *bytes;
  size_t size;
  lnsp_index *index;
} mapped_index;

static int mapped_open(const args *a, const char *path, mapped_index *m) {
  const lnsp_options o = args_run_options(a);
  lnsp_index_options settings;
  lnsp_error error;
  struct stat facts;
  const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

  memset(m, 0, sizeof *m);
  memset(&settings, 0, sizeof settings);
  settings.struct_size = sizeof settings;
  settings.skip_checks = args_given(a, "--trust");
  if (file >= 0 && !fstat(file, &facts) && S_ISREG(facts.st_mode) && facts.st_size > 0) {
    m->size = (size_t)facts.st_size;
    m->bytes = mmap(NULL, m->size, PROT_READ, MAP_PRIVATE, file, 0);
    if (m->bytes == MAP_FAILED) m->bytes = NULL;
  }
  if (file >= 0) close(file);
  if (m->bytes && !lnsp_index_open_borrowed(m->bytes, m->size, &settings, &o, &m->index, NULL))
    return 0;
  if (lnsp_index_open(path, &settings, &o, &m->index, &error)) /* a copy can do more */
    return refuse_error(a, path, &error);
  return 0;
}

typedef struct search_job {
  const args *args;
  mapped_index m;
  lnsp_search *search;
  vector_rows queries;
  const row_index *without;
  texts names;
  int64_t results;
  float *x, *scores; /* a batch of queries; all scores */
  int64_t *left_out, *ids;
  double seconds;
} search_job;

static int search_prepare(search_job *job) {
  const int64_t n = job->queries.count, batch = n < SEARCH_BATCH ? n : SEARCH_BATCH;
  const int64_t columns = job->without ? job->without->columns : 0;
  lnsp_search_options limits;
  lnsp_error error;

  memset(&limits, 0, sizeof limits);
  limits.struct_size = sizeof limits;
  limits.max_queries = (int32_t)(batch ? batch : 1);
  limits.max_results = (int32_t)job->results;
  if (lnsp_search_create(job->m.index, &limits, NULL, &job->search, &error))
    return refuse_error(job->args, job->args->positional[0], &error);
  job->x = malloc((size_t)(batch * job->queries.width + 1) * sizeof *job->x);
  job->left_out = malloc((size_t)(batch * columns + 1) * sizeof *job->left_out);
  job->ids = malloc((size_t)(n * job->results + 1) * sizeof *job->ids);
  job->scores = malloc((size_t)(n * job->results + 1) * sizeof *job->scores);
  if (!job->x || !job->left_out || !job->ids || !job->scores) return refuse_memory(job->args);
  return 0;
}

static int search_all(search_job *job) {
  progress show;
  int64_t first, n = job->queries.count;
  int status = 0;

  progress_start(&show);
  for (first = 0; first < n && !status; first += SEARCH_BATCH) {
    /* Queries first.. of a batch. */
    const int64_t count = n - first < SEARCH_BATCH ? n - first : SEARCH_BATCH;
    const int64_t columns = job->without ? job->without->columns : 0;
    lnsp_tensor x, left_out;
    lnsp_error error;
    double start;
    int64_t i;
    status = vector_rows_read(&job->queries, first, count, job->x);

    if (status) goto done;
    for (i = 0; i < count * columns; i++)
      job->left_out[i] = job->without->row[first * columns + i];
    x = lnsp_tensor_f32("queries", job->x, 2, count, job->queries.width, 0);
    memset(&left_out, 0, sizeof left_out);
    left_out.dtype = LNSP_I64;
    left_out.rank = 2;
    left_out.dims[0] = count;
    left_out.dims[1] = columns;
    left_out.data = job->left_out;
    start = progress_clock();
    if (lnsp_search_run(job->search, &x, job->without ? &left_out : NULL, (int32_t)job->results,
                        job->ids + first * job->results, job->scores + first * job->results,
                        &error)) {
      status = refuse_batch(job->args, job->args->positional[1], first, &error);
      goto done;
    }
    job->seconds += progress_clock() - start;
    status = 0;
    if (progress_due(&show))
      progress_show(&show, "%lld of %lld queries", (long long)first, (long long)n);
  }
done:
  progress_clear(&show);
  return status;
}

/* ---- what was found ---- */

static void print_found(const search_job *job) {
  const int json = job->args->json;
  int64_t q, r, number;
  if (json) json_open("found", '[');
  for (q = 0; q < job->queries.count; q++) {
    number = job->queries.rows ? job->queries.rows->row[q] : q;
    if (json) {
      json_open(NULL, '{');
      json_integer("query", number);
      json_open("nearest", '[');
    } else {
      printf("%squery %lld\n", q ? "\n" : "", (long long)number);
    }
    for (r = 0; r < job->results && job->ids[q * job->results + r] != LNSP_NO_ID; r++) {
      const int64_t at = q * job->results + r, id = job->ids[at];
      const char *text = texts_find(&job->names, id);
      if (!json) {
        printf("%6lld  %8.5f  %lld%s%s\n", (long long)r + 1, (double)job->scores[at],
               (long long)id, text ? "  " : "", text ? text : "");
        continue;
      }
      json_open(NULL, '{');
      json_integer("id", id);
      json_real("score", (double)job->scores[at]);
      if (text) json_text("text", text);
      json_close('}');
    }
    if (json) {
      json_close(']');
      json_close('}');
    }
  }
  if (json) json_close(']');
}

static int search_report(const search_job *job, const char *path) {
  report r;
  if (!path && !job->args->json) {
    print_found(job);
    return refuse_printed(job->args, "the results");
  }
  r = report_start(job->args);
  report_integer(&r, "queries", "queries", job->queries.count, "");
  report_integer(&r, "results", "results", job->results, "a query");
  report_real(&r, "milliseconds", "milliseconds",
              job->queries.count ? job->seconds * 1e3 / (double)job->queries.count : 0, "4");
  if (path)
    report_text(&r, "file", "written", path);
  else
    print_found(job);
  return report_end(&r, job->args);
}

int index_search(const args *a) {
  static const char *const names[] = {"queries", "output", "input", "vectors", NULL};
  const char *path = args_value(a, "-o"), *without = args_value(a, "--without");
  search_job job;
  int status;

  memset(&job, 0, sizeof job);
  job.args = a;
  job.results = args_integer(a, "-k");
  status = mapped_open(a, a->positional[0], &job.m);
  if (!status) status = vector_rows_open(a, a->positional[1], names, &job.queries);
  if (!status && without)
    status = row_index_load(&job.queries.d, "--without", without, &job.without);
  if (!status && job.without && job.without->count != job.queries.count)
    status = refuse(a, "--without has ids for %lld queries, but there are %lld",
                    (long long)job.without->count, (long long)job.queries.count);
  if (!status) status = texts_open(a, &job.names);
  if (!status) status = search_prepare(&job);
  if (!status) status = search_all(&job);
  if (!status && path) {
    lnsp_tensor out[2];
    lnsp_error error;

    memset(out, 0, sizeof out);
    out[0].name = "ids";
    out[0].dtype = LNSP_I64;
    out[0].data = job.ids;
    out[1].name = "scores";
    out[1].dtype = LNSP_F32;
    out[1].data = job.scores;
    out[0].rank = out[1].rank = 2;
    out[0].dims[0] = out[1].dims[0] = job.queries.count;
    out[0].dims[1] = out[1].dims[1] = job.results;
    status = tensor_save_all(path, out, 2, &error) ? refuse_error(job.args, path, &error) : 0;
  }
  if (!status) status = search_report(&job, path);
  free(job.x);
  free(job.left_out);
  free(job.ids);
  free(job.scores);
  texts_close(&job.names);
  lnsp_search_destroy(job.search);
  lnsp_index_destroy(job.m.index);
  if (job.m.bytes) munmap(job.m.bytes, job.m.size);
  vector_rows_close(&job.queries);
  return status;
}
