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
    {"-o", "FILE", "file to write", OPT_OUTPUT, OPT_REQUIRED},
    {"--input", "FILE:TENSOR", "vectors [N, width], instead of DATA", OPT_TEXT},
    {"--rows", "FILE:TENSOR", "which rows of them, I32 [M]; TENSOR=N: those where it is N",
     OPT_TEXT},
    {"--batch", "N", "rows to read at a time", OPT_INTEGER(1, 1 << 20), OPT_DEFAULT("256")},
    {.name = NULL},
};

static int replay_fit(const args *a) {
  const char *path = args_value(a, "-o");
  int64_t batch = args_integer(a, "--batch");
  lnsp_replay *replay = NULL;
  const lnsp_tensor *input;
  data_spec spec;
  lnsp_error error;
  data d;
  int status = data_spec_read(a, 0, &spec);

  if (!status) status = data_open(&d, a, &spec);
  if (status) return status;
  status = data_need(&d, "input");
  if (batch > d.rows) batch = d.rows;
  if (!status) status = data_reserve(&d, batch);
  if (status) goto done;
  input = data_batch(&d, "input");
  if (lnsp_replay_create(input->dims[input->rank - 1], NULL, &replay, &error)) {
    status = refuse_error(a, NULL, &error);
    goto done;
  }
  progress show;
  int64_t first;
  status = 0;

  progress_start(&show);
  for (first = 0; first < d.rows && !status; first += batch) {
    const int64_t count = d.rows - first < batch ? d.rows - first : batch;
    lnsp_tensor rows;
    status = data_read(&d, NULL, first, count);
    rows = *data_batch(&d, "input");
    rows.dims[0] = tensor_rows(&rows); /* concepts of sequences count one by one */
    rows.dims[1] = rows.dims[rows.rank - 1];
    rows.rank = 2;
    if (!status && lnsp_replay_add(replay, &rows, &error))
      status = refuse_batch(d.args, NULL, first, &error);
    if (progress_due(&show))
      progress_show(&show, "%lld of %lld rows", (long long)first, (long long)d.rows);
  }
  progress_clear(&show);
  if (status) goto done;
  if (lnsp_replay_finish(replay, &error)) status = refuse_error(d.args, NULL, &error);
  if (status) goto done;
  if (lnsp_replay_save(replay, path, &error)) status = refuse_error(a, path, &error);
  if (status) goto done;
  input = data_batch(&d, "input");
  report r = report_start(a);
  report_integer(&r, "rows", "rows", d.rows, "");
  report_integer(&r, "width", "width", input->dims[input->rank - 1], "");
  report_text(&r, "file", "written", path);
  status = report_end(&r, a);
done:
  lnsp_replay_destroy(replay);
  data_close(&d);
  return status;
}

static const verb verbs[] = {
    {"fit", "[DATA] -o FILE", "fit statistics to vectors", 0, 1, replay_fit},
    {.name = NULL},
};

const command command_replay = {
    .name = "replay",
    .summary = "fit statistics that replace old data in training",
    .detail =
        "Fits a mean and a Cholesky factor (float16) to the vectors `input` of DATA, or to "
        "those that --input and --rows name; each is scaled to length 1 first. A replay term "
        "of a loss draws vectors from the statistics, so that a network keeps an old domain "
        "while it learns a new one.",
    .examples = "replay fit old.safetensors -o replay.safetensors\n"
                "train model.st new.st --loss \"cosine + 4*replay rows=7\" --replay "
                "replay.safetensors -o out.st",
    .options = options,
    .verbs = verbs,
};
