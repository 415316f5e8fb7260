/* lnsp bench: microseconds of runs and training steps on this machine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/json.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "command.h"
#include "lnsp.h"
#include "../../bench/works.h"

static const option options[] = {
    {"--seconds", "X", "time to measure each row for; default .3"},
    {NULL, NULL, NULL},
};

static int bench_row(const args *a, const report *r, const work_spec *spec, int64_t batch,
                     double seconds) {
  const lnsp_options library = args_options(a);
  lnsp_error error;
  work_times times;
  work w;
  int32_t status;

  memset(&error, 0, sizeof error);
  status = work_open(spec, batch, &library, 0, &w, &error);
  if (!status) status = work_time(&w, seconds, &times, &error);
  work_close(&w);
  if (status) return refuse_error(a, NULL, &error);
  if (r->json) {
    json_open(NULL, '{');
    json_text("work", spec->name);
    json_integer("batch", batch);
    json_real("us_min", times.least);
    json_real("us_median", times.median);
    json_integer("peak_rss_kb", peak_resident_kb());
    json_close('}');
  } else {
    printf("%-12s %5lld %10.2f %10.2f %8lld\n", spec->name, (long long)batch, times.least,
           times.median, (long long)peak_resident_kb());
    fflush(stdout);
  }
  return EXIT_DONE;
}

static int run(const args *a) {
  static const int64_t usual[] = {1, 32, 256};
  const char *text = a->positional_count > 0 ? a->positional[0] : NULL;
  work_spec list[WORKS_MAX];
  int64_t only = 0;
  double seconds = .3;
  int i, b, count = works_select(text, list), status = args_positionals(a, 0, 2);
  lnsp_error error;
  report r;

  if (!status) status = args_real(a, "--seconds", .001, .3, &seconds);
  if (!status && a->positional_count == 2) {
    char *end;
    only = strtol(a->positional[1], &end, 10);
    if (*end || only < 1 || only > 65536)
      return refuse_usage(a, "BATCH is \"%s\", and must be a number from 1 to 65536",
                          a->positional[1]);
  }
  if (!status && !count)
    return refuse_usage(a, "there is no work \"%s\"; `lnsp help bench` lists them", text);
  if (status) return status;
  if (lnsp_isa_check(args_options(a).isa, &error)) /* before anything is printed */
    return refuse_error(a, NULL, &error);
  r = report_start(a);
  if (r.json)
    json_open("rows", '[');
  else
    printf("# work       batch     us_min  us_median peak_rss_kb\n");
  for (i = 0; i < count && !status; i++)
    for (b = 0; b < (only ? 1 : 3) && !status; b++)
      status = bench_row(a, &r, &list[i], only ? only : usual[b], seconds);
  if (status) return status;
  if (r.json) json_close(']');
  return report_end(&r, a);
}

const command command_bench = {
    "bench",
    "[WORK [BATCH]]",
    "microseconds of runs and steps here",
    "Measures networks of fixed shape on made-up vectors, one thread: the least and the median\n"
    "time of a call, and the peak resident memory of the process so far. WORK is one of these, or\n"
    "one with .fwd (a run), .train (a step: mse, Adam) or .converged (a step of a network that has\n"
    "learnt its sample) behind it; BATCH is 1, 32 and 256 without the argument.\n\n" WORKS_HELP,
    options,
    run,
};
