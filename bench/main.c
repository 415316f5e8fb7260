/* lnsp-bench: how fast and how large liblnsp is on this machine. Uses lnsp.h and POSIX
 * alone. */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "delta.h"
#include "pool.h"
#include "process.h"
#include "roofline.h"
#include "store.h"

static const char help[] =
    "usage: lnsp-bench [option ...] [WORK [BATCH]]\n"
    "       lnsp-bench --limits | --serve | --process LNSP | --delta BASE NEW [CODECS]\n"
    "       lnsp-bench --store MODEL FILE VERSIONS\n"
    "\n"
    "Prints a line for each row:\n"
    "  work batch us_min us_median peak_rss_kb gflops gb_s limit_us share\n"
    "  forward backward update bound\n"
    "the least and the median time of a call, peak resident memory of this process, what is\n"
    "done and moved a second at the least time, the least time that this core could take, and\n"
    "its share (limit_us / us_min), the three parts of that least time, and what bounds each\n"
    "(o operations, m memory); docs/performance.md derives it.\n"
    "\n"
    "WORK is one of these, or one with .fwd (a run), .train (a step: mse, Adam) or .converged\n"
    "(a step of a network that has learnt its sample) behind it. BATCH is 1, 32 and 256\n"
    "without the argument.\n"
    "\n" WORKS_HELP "\n\n"
    "  --isa NAME     kernel set: auto, or one that `lnsp list` names\n"
    "  --tasks N      splits the work over N threads, each on a processor of its own, which\n"
    "                 wait without sleeping; the limits stay those of one core\n"
    "  --seconds X    time to measure each row for; default .3\n"
    "  --no-limits    leaves out the columns from limit_us on and their measurements\n"
    "  --calls N      only makes N calls of each row, for profilers and counters\n"
    "  --limits       prints multiply-add peak, bandwidth and Adam by size of the set\n"
    "  --cpu-time     measures processor time of this process instead of elapsed time: for a\n"
    "                 machine with other load; one thread, no limits\n"
    "  --serve        reads lines WORK BATCH MILLISECONDS SAMPLE_US, answers with samples,\n"
    "                 for bench/compare.py\n"
    "  --process LNSP start to output of the program LNSP (build/lnsp) and its memory: run,"
    " train,\n"
    "                 and training during a session\n"
    "  --delta BASE NEW [CODECS]   deltas between two model files: bytes of the file, how "
    "many\n"
    "                 times smaller than float32, least time from models to bytes and from "
    "bytes\n"
    "                 to the checked new model, memory in addition to the models (for "
    "encoding,\n"
    "                 the delta's own block). CODECS: texts joined by ;; default: every codec\n"
    "  --store MODEL FILE VERSIONS   commits VERSIONS states of a trainer, a step apart, "
    "to a new\n"
    "                 FILE, opens it, rolls back five times; FILE is removed at the end\n";

typedef struct request {
  lnsp_options options;
  const char *isa; /* as the library has chosen it */
  const char *work, *process;
  int64_t batch, calls;
  int tasks;
  double seconds;
  int limits, no_limits, serve;
} request;

static int fail(const char *what, const char *which) {
  fprintf(stderr, "lnsp-bench: %s%s%s\n", what, which ? ": " : "", which ? which : "");
  return 1;
}

/* ---- rows ---- */

static int print_row(const request *q, const work_spec *spec, int64_t batch) {
  const limits_loops *loops = q->no_limits ? NULL : limits_find(q->isa);
  roofline_measured measured;
  roofline_shape shape;
  lnsp_error error;
  work_times times;
  roofline r;
  work w;
  int64_t kb;

  memset(&measured, 0, sizeof measured);
  if (roofline_describe(spec, batch, &shape, &error)) return fail(error.message, NULL);
  if (shape.flops) loops = NULL; /* networks of sequences: no bound is derived */
  if (loops && roofline_measure(&shape, loops, q->seconds / 2, &measured)) loops = NULL;
  if (work_open(spec, batch, &q->options, q->tasks, &w, &error))
    return fail(error.message, NULL);
  if (work_time(&w, q->seconds, &times, &error)) {
    work_close(&w);
    return fail(error.message, NULL);
  }
  kb = peak_resident_kb();
  work_close(&w);
  if (loops) /* once more: a machine is not equally fast all the time */
    (void)roofline_measure(&shape, loops, q->seconds / 2, &measured);
  r = roofline_of(&shape, &measured);
  printf("%-14s %5lld %9.2f %9.2f %8lld %8.1f %7.1f", spec->name, (long long)batch, times.least,
         times.median, (long long)kb, 1e-3 * r.flops / times.least,
         1e-3 * r.bytes / times.least);
  if (loops)
    printf(" %9.2f %6.2f %8.2f %8.2f %8.2f %s\n", r.us, r.us / times.least, r.forward_us,
           r.backward_us, r.update_us, r.bound);
  else
    printf("\n");
  fflush(stdout);
  return 0;
}

static int call_row(const request *q, const work_spec *spec, int64_t batch) {
  lnsp_error error;
  work w;
  int64_t i;
  int32_t status = work_open(spec, batch, &q->options, q->tasks, &w, &error);

  for (i = 0; i < q->calls && !status; i++) status = work_call(&w, &error);
  work_close(&w);
  return status ? fail(error.message, NULL) : 0;
}

static int rows(const request *q) {
  static const int64_t usual[] = {1, 32, 256};
  work_spec list[WORKS_MAX];
  const int count = works_select(q->work, list);
  int i, b, status = 0;

  if (!count) return fail("there is no such work (see --help)", q->work), 2;
  if (!q->calls)
    printf("# kernel set %s\n# %-12s %5s %9s %9s %8s %8s %7s %9s %6s %8s %8s %8s bound\n",
           q->isa, "work", "batch", "us_min", "us_median", "rss_kb", "gflops", "gb_s",
           "limit_us", "share", "forward", "backward", "update");
  for (i = 0; i < count && !status; i++)
    for (b = 0; b < (q->batch ? 1 : 3) && !status; b++) {
      const int64_t batch = q->batch ? q->batch : usual[b];
      status = q->calls ? call_row(q, &list[i], batch) : print_row(q, &list[i], batch);
    }
  return status;
}

/* ---- answering bench/compare.py ---- */

#define SERVED 64

typedef struct served {
  char name[WORK_NAME_BYTES];
  int64_t batch;
  work w;
} served;

/* The work of this name, made when it is first asked for; NULL: there is none. */
static work *serve_find(const request *q, served *cache, int *count, const char *name,
                        int64_t batch) {
  work_spec list[WORKS_MAX];
  lnsp_error error;
  int i, found;

  for (i = 0; i < *count; i++)
    if (!strcmp(cache[i].name, name) && cache[i].batch == batch) return &cache[i].w;
  found = works_select(name, list);
  if (!found || *count == SERVED || strcmp(list[found - 1].name, name) ||
      work_open(&list[found - 1], batch, &q->options, q->tasks, &cache[*count].w, &error))
    return NULL;
  snprintf(cache[*count].name, sizeof cache[*count].name, "%s", name);
  cache[*count].batch = batch;
  return &cache[(*count)++].w;
}

static int serve(const request *q) {
  static served cache[SERVED];
  static double sample[WORK_SAMPLES];
  char line[160], name[WORK_NAME_BYTES];
  int count = 0, i, got;
  double ms, sample_us;
  long batch;

  printf("READY lnsp %s %s\n", lnsp_version_text(), q->isa);
  fflush(stdout);
  while (fgets(line, sizeof line, stdin)) {
    lnsp_error error;
    work *w = NULL;
    if (sscanf(line, "%47s %ld %lf %lf", name, &batch, &ms, &sample_us) == 4 && batch > 0 &&
        batch <= 65536)
      w = serve_find(q, cache, &count, name, batch);
    got = w ? work_sample(w, 1e-3 * ms, 1e-6 * sample_us, sample, WORK_SAMPLES, &error) : 0;
    if (!got) printf("NA");
    for (i = 0; i < got; i++) printf("%.4f ", sample[i]);
    printf("\n");
    fflush(stdout);
  }
  for (i = 0; i < count; i++) work_close(&cache[i].w);
  return 0;
}

/* ---- arguments ---- */

static int read_number(const char *text, double low, double high, double *out) {
  char *end;
  *out = strtod(text, &end);
  return end != text && !*end && *out >= low && *out <= high;
}

/* 1 if the option was read, 0 if its value is wrong, -1 if there is no such option. */
static int read_option(request *q, const char *name, const char *value, int *used) {
  double number = 0;
  int good = 1;

  *used = 1;
  if (!strcmp(name, "--limits"))
    q->limits = 1;
  else if (!strcmp(name, "--no-limits"))
    q->no_limits = 1;
  else if (!strcmp(name, "--cpu-time")) {
    q->no_limits = 1; /* those are of the wall's clock */
    works_use_processor_time();
  } else if (!strcmp(name, "--serve"))
    q->serve = 1;
  else {
    *used = 2;
    if (!value) return -1;
    if (!strcmp(name, "--isa"))
      q->options.isa = value;
    else if (!strcmp(name, "--process"))
      q->process = value;
    else if (!strcmp(name, "--seconds"))
      good = read_number(value, 0, 3600, &q->seconds);
    else if (!strcmp(name, "--tasks")) {
      good = read_number(value, 1, POOL_THREADS, &number);
      q->tasks = (int)number;
    } else if (!strcmp(name, "--calls")) {
      good = read_number(value, 1, 1e9, &number);
      q->calls = (int64_t)number;
    } else
      return -1;
  }
  return good;
}

static int read_arguments(request *q, int argc, char **argv) {
  int i, used, positional = 0;
  double number;

  for (i = 1; i < argc; i += used) {
    used = 1;
    if (argv[i][0] == '-') {
      const int good = read_option(q, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &used);
      if (good <= 0)
        return fail(good ? "no such option, or its value is missing (see --help)"
                         : "this option's value is out of range",
                    argv[i]);
    } else if (positional == 0) {
      q->work = argv[i];
      positional++;
    } else if (positional == 1 && read_number(argv[i], 1, 65536, &number)) {
      q->batch = (int64_t)number;
      positional++;
    } else {
      return fail("BATCH must be a number from 1 to 65536, and the last argument", argv[i]);
    }
  }
  return 0;
}

int main(int argc, char **argv) {
  const limits_loops *loops;
  lnsp_error error;
  request q;

  memset(&q, 0, sizeof q);
  q.options.struct_size = sizeof q.options;
  q.seconds = .3;
  if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
    return fputs(help, stdout) < 0;
  if (argc > 1 && !strcmp(argv[1], "--delta"))
    return argc == 4 || argc == 5 ? delta_print(argv[2], argv[3], argv[4], q.seconds)
                                  : fail("--delta needs BASE NEW [CODECS]", NULL) + 1;
  if (argc > 1 && !strcmp(argv[1], "--store")) {
    double versions;
    return argc == 5 && read_number(argv[4], 2, 1e6, &versions)
               ? store_print(argv[2], argv[3], (int)versions)
               : fail("--store needs MODEL FILE VERSIONS, at least 2 of them", NULL) + 1;
  }
  if (read_arguments(&q, argc, argv)) return 2;
  if (lnsp_isa_check(q.options.isa, &error)) return fail(error.message, NULL);
  q.isa = !q.options.isa || !strcmp(q.options.isa, "auto") ? lnsp_isa_best() : q.options.isa;
  if (q.tasks > 1 && !(q.options.parallel = pool_start(q.tasks)))
    return fail("the threads could not be started", NULL);
  if (q.process) return process_print(q.process);
  if (q.serve) return serve(&q);
  if (!q.limits) return rows(&q);
  loops = limits_find(q.isa);
  if (!loops) return fail("no limits are measured for the kernel set", q.isa);
  return limits_print(loops) ? fail("there is not enough memory to measure", NULL) : 0;
}
