/* lnsp index search: the nearest vectors, with their texts. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/memory.h"
#include "cli/json.h"
#include "cli/progress.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "data/data.h"

#include "data/tensor.h"
#include "index/index.h"
#include "data/texts.h"
#include "lnsp.h"

enum { SEARCH_BATCH = 256 };

/* An index file, mapped where that is possible. */
typedef struct mapped_index {
  void *bytes;
  size_t size;
  lnsp_index *index;
} mapped_index;

static void mapped_open(const args *a, const char *path, mapped_index *m) {
  const lnsp_options o = args_run_options(a);
  lnsp_index_options settings = LNSP_INDEX_OPTIONS_INIT;
  lnsp_error error;
  struct stat facts;
  const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

  settings.skip_checks = args_given(a, "--trust");
  if (file >= 0 && !fstat(file, &facts) && S_ISREG(facts.st_mode) && facts.st_size > 0) {
    m->size = (size_t)facts.st_size;
    m->bytes = mmap(NULL, m->size, PROT_READ, MAP_PRIVATE, file, 0);
    if (m->bytes == MAP_FAILED) m->bytes = NULL;
  }
  if (file >= 0) close(file);
  if (m->bytes && !lnsp_index_open_borrowed(m->bytes, m->size, &settings, &o, &m->index, NULL))
    return;
  /* a copy can do more */
  refuse_if(lnsp_index_open(path, &settings, &o, &m->index, &error), path, &error);
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

static void search_all(search_job *job) {
  const int64_t n = job->queries.count;
  int64_t first;

  for (first = 0; first < n; first += SEARCH_BATCH) {
    const int64_t count = n - first < SEARCH_BATCH ? n - first : SEARCH_BATCH;
/* Queries first.. of a batch. */
    const int64_t columns = job->without ? job->without->columns : 0;
    const lnsp_tensor x = lnsp_tensor_f32("queries", job->x, 2, count, job->queries.width, 0);
    lnsp_tensor left_out = lnsp_tensor_f32("without", NULL, 2, count, columns, 0);
    lnsp_error error;
    double start;
    int64_t i;

    vector_rows_read(&job->queries, first, count, job->x);
    for (i = 0; i < count * columns; i++)
      job->left_out[i] = job->without->row[first * columns + i];
    left_out.dtype = LNSP_I64;
    left_out.data = job->left_out;
    start = progress_clock();
    refuse_batch_if(lnsp_search_run(job->search, &x, job->without ? &left_out : NULL,
                                    (int32_t)job->results, job->ids + first * job->results,
                                    job->scores + first * job->results, &error),
                    job->args->positional[1], first, &error);
    job->seconds += progress_clock() - start;
    progress_show("%lld of %lld queries", (long long)first, (long long)n);
  }
  progress_clear();
}

/* ---- what was found ---- */

static void print_found(const search_job *job) {
  int64_t q, r;

  json_open("found", '[');
  for (q = 0; q < job->queries.count; q++) {
    const int64_t number = job->queries.rows ? job->queries.rows->row[q] : q;
    json_open(NULL, '{');
    json_integer("query", number);
    json_open("nearest", '[');
    report_print("%squery %lld\n", q ? "\n" : "", (long long)number);
    for (r = 0; r < job->results && job->ids[q * job->results + r] != LNSP_NO_ID; r++) {
      const int64_t at = q * job->results + r, id = job->ids[at];
      const char *text = texts_find(&job->names, id);
      json_open(NULL, '{');
      json_integer("id", id);
      json_real("score", (double)job->scores[at]);
      if (text) json_text("text", text);
      json_close('}');
      report_print("%6lld  %8.5f  %lld%s%s\n", (long long)r + 1, (double)job->scores[at],
                   (long long)id, text ? "  " : "", text ? text : "");
    }
    json_close(']');
    json_close('}');
  }
  json_close(']');
}

void index_search(const args *a) {
  static const char *const names[] = {"queries", "output", "input", "vectors", NULL};
  const char *path = args_value(a, "-o"), *without = args_value(a, "--without");
  lnsp_tensor out[2];
  search_job job;

  memset(&job, 0, sizeof job);
  job.args = a;
  job.results = args_integer(a, "-k");
  mapped_open(a, a->positional[0], &job.m);
  vector_rows_open(a, a->positional[1], names, &job.queries);
  if (without) job.without = row_index_load(&job.queries.d, "--without", without);
  if (job.without && job.without->count != job.queries.count)
    refuse("--without has ids for %lld queries, but there are %lld: give a row for each",
           (long long)job.without->count, (long long)job.queries.count);
  texts_open(a, &job.names);
  const int64_t n = job.queries.count, batch = n < SEARCH_BATCH ? n : SEARCH_BATCH;
  lnsp_search_options limits = LNSP_SEARCH_OPTIONS_INIT;
  lnsp_error error;

  limits.max_queries = (int32_t)(batch ? batch : 1);
  limits.max_results = (int32_t)job.results;
  refuse_if(lnsp_search_create(job.m.index, &limits, NULL, &job.search, &error),
            job.args->positional[0], &error);
  job.x = memory_new(batch * job.queries.width, sizeof *job.x);
  if (job.without)
    job.left_out = memory_new(batch * job.without->columns, sizeof *job.left_out);
  job.ids = memory_new(n * job.results, sizeof *job.ids);
  job.scores = memory_new(n * job.results, sizeof *job.scores);
  search_all(&job);
  out[1] = lnsp_tensor_f32("scores", job.scores, 2, job.queries.count, job.results, 0);
  out[0] = out[1];
  out[0].name = "ids";
  out[0].dtype = LNSP_I64;
  out[0].data = job.ids;
  if (path) tensor_save_all(path, out, 2);
  report_start(job.args);
  if (path || job.args->json) {
    report_integer("queries", "queries", job.queries.count, "");
    report_integer("results", "results", job.results, "a query");
    report_real("milliseconds", "milliseconds",
                job.queries.count ? job.seconds * 1e3 / (double)job.queries.count : 0, "%.4f");
  }
  if (path)
    report_text("file", "written", path);
  else
    print_found(&job);
  report_end();
  free(job.x);
  free(job.left_out);
  free(job.ids);
  free(job.scores);
  texts_close(&job.names);
  lnsp_search_destroy(job.search);
  lnsp_index_destroy(job.m.index);
  if (job.m.bytes) munmap(job.m.bytes, job.m.size);
  vector_rows_close(&job.queries);
}
