/* lnsp replay: remember an old domain without its data. */
#include <string.h>

#include "cli/args.h"
#include "cli/progress.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "command.h"
#include "data/data.h"
#include "data/tensor.h"
#include "lnsp.h"

static const option options[] = {
    {"-o", "FILE", "file to write"},
    {"--input", "FILE:TENSOR", "vectors [N, width], instead of DATA"},
    {"--rows", "FILE:TENSOR", "which rows of them: I32 [M] (TENSOR=N: where it is N)"},
    {"--batch", "N", "rows read at a time; default 256"},
    {NULL, NULL, NULL},
};

static int replay_gather(data *d, lnsp_replay *replay, int64_t batch) {
  progress show;
  lnsp_error error;
  int64_t first;
  int status = 0;

  progress_start(&show);
  for (first = 0; first < d->rows && !status; first += batch) {
    const int64_t count = d->rows - first < batch ? d->rows - first : batch;
    lnsp_tensor rows;
    status = data_read(d, NULL, first, count);
    rows = *data_batch(d, "input");
    rows.dims[0] = tensor_rows(&rows); /* concepts of sequences count one by one */
    rows.dims[1] = rows.dims[rows.rank - 1];
    rows.rank = 2;
    if (!status && lnsp_replay_add(replay, &rows, &error))
      status = refuse_batch(d->args, NULL, first, &error);
    if (progress_due(&show))
      progress_show(&show, "%lld of %lld rows", (long long)first, (long long)d->rows);
  }
  progress_clear(&show);
  if (!status && lnsp_replay_finish(replay, &error))
    status = refuse_error(d->args, NULL, &error);
  return status;
}

static int replay_report(const args *a, const data *d, const char *path) {
  const lnsp_tensor *input = data_batch(d, "input");
  report r = report_start(a);
  report_integer(&r, "rows", "rows", d->rows, "");
  report_integer(&r, "width", "width", input->dims[input->rank - 1], "");
  report_text(&r, "file", "written", path);
  return report_end(&r, a);
}

static int replay_fit(const args *a, const data_spec *spec, int64_t batch, const char *path) {
  lnsp_replay *replay = NULL;
  lnsp_error error;
  data d;
  int status = data_open(&d, a, spec);

  if (status) return status;
  status = data_need(&d, "input");
  if (batch > d.rows) batch = d.rows;
  if (!status) status = data_reserve(&d, batch);
  if (!status) {
    const lnsp_tensor *input = data_batch(&d, "input");
    if (lnsp_replay_create(input->dims[input->rank - 1], NULL, &replay, &error))
      status = refuse_error(a, NULL, &error);
  }
  if (!status) status = replay_gather(&d, replay, batch);
  if (!status && lnsp_replay_save(replay, path, &error)) status = refuse_error(a, path, &error);
  if (!status) status = replay_report(a, &d, path);
  lnsp_replay_destroy(replay);
  data_close(&d);
  return status;
}

static int run(const args *a) {
  data_spec spec;
  const char *path = NULL;
  int64_t batch = 0;
  int status = args_positionals(a, 1, 2);

  memset(&spec, 0, sizeof spec);
  if (!status && strcmp(a->positional[0], "fit"))
    status = refuse_usage(a, "\"%s\" is not known; write `lnsp replay fit [DATA] -o FILE`",
                          a->positional[0]);
  if (!status) status = args_integer(a, "--batch", 1, 1 << 20, 256, &batch);
  if (!status) status = data_spec_read(a, 1, &spec);
  if (!status) status = args_output(a, &path);
  return status ? status : replay_fit(a, &spec, batch, path);
}

const command command_replay = {
    "replay",
    "fit [DATA] -o FILE",
    "statistics that stand in for old data",
    "Fits a mean and a Cholesky factor (float16) to the vectors `input` of DATA, or to those\n"
    "that --input and --rows name; each is scaled to length 1 first. `lnsp train --replay FILE\n"
    "--loss \"cosine + 4*replay rows=7\"` draws from it, so that an old domain is kept while a\n"
    "new one is learnt.",
    options,
    run,
};
