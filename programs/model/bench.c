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
#include "common/works.h"

static const option options[] = {
    {"--seconds", "X", "how long to time each row of the table", OPT_REAL(.001),
     OPT_DEFAULT(".3")},
    {.name = NULL},
};

static void run(const args *a) {
  static const int64_t usual[] = {1, 32, 256};
  const char *text = a->positional_count > 0 ? a->positional[0] : NULL;
  const lnsp_options library = args_run_options(a);
  work_spec list[WORKS_MAX];
  work_times times;
  lnsp_error error;
  int64_t only = 0;
  int i, b, count = works_select(text, list);
  work w;

  if (a->positional_count == 2) {
    char *end;
    only = strtol(a->positional[1], &end, 10);
    if (*end || only < 1 || only > 65536)
      refuse_usage("BATCH is '%s': give a whole number from 1 to 65536", a->positional[1]);
  }
  if (!count) refuse_usage("there is no work '%s'; `lnsp help bench` lists the works", text);
  memset(&error, 0, sizeof error);
  report_start(a);
  json_open("rows", '[');
  report_print("# work       batch     us_min  us_median peak_rss_kb\n");
  for (i = 0; i < count; i++)
    for (b = 0; b < (only ? 1 : 3); b++) {
      const int64_t batch = only ? only : usual[b];
      refuse_if(work_open(&list[i], batch, &library, 0, &w, &error), NULL, &error);
      refuse_if(work_time(&w, args_real(a, "--seconds"), &times, &error), NULL, &error);
      work_close(&w);
      json_open(NULL, '{');
      json_text("work", list[i].name);
      json_integer("batch", batch);
      json_real("us_min", times.least);
      json_real("us_median", times.median);
      json_integer("peak_rss_kb", peak_resident_kb());
      json_close('}');
      report_print("%-12s %5lld %10.2f %10.2f %8lld\n", list[i].name, (long long)batch,
                   times.least, times.median, (long long)peak_resident_kb());
      fflush(stdout);
    }
  json_close(']');
  report_end();
}

const command command_bench = {
    .name = "bench",
    .usage = "[WORK [BATCH]]",
    .summary = "measure runs and training steps on this machine",
    .detail =
        "Times networks of fixed shape on random vectors, with one thread. Prints the "
        "shortest and the median time of a call in microseconds, and the most memory that "
        "the process has held so far. WORK is a network of the list below; without it, "
        "all of them are timed. After the network's name, .fwd means running it, .train a "
        "training step (mse, Adam), and .converged a step when its sample is learned and "
        "every gradient is zero. BATCH is the number of rows of a call; without it, 1, 32 "
        "and 256.\n\n" WORKS_HELP,
    .examples = "bench\n"
                "bench W1.train 32 --seconds 1",
    .options = options,
    .low = 0,
    .high = 2,
    .run = run,
};
