/* lnsp replay: remember an old domain without its data. */

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

static void replay_fit(const args *a) {
  const char *path = args_value(a, "-o");
  const data_spec spec = data_spec_read(a, 0);
  int64_t batch = args_integer(a, "--batch"), width, first;
  lnsp_replay *replay = NULL;
  lnsp_error error;
  data d;

  data_open(&d, a, &spec);
  data_need(&d, "input");
  if (batch > d.rows) batch = d.rows;
  data_reserve(&d, batch);
  width = data_find(&d, "input")->width;
  refuse_if(lnsp_replay_create(width, NULL, &replay, &error), NULL, &error);
  for (first = 0; first < d.rows; first += batch) {
    lnsp_tensor rows;
    data_read(&d, NULL, first, d.rows - first < batch ? d.rows - first : batch);
    rows = *data_batch(&d, "input");
    rows.dims[0] = tensor_rows(&rows); /* concepts of sequences count one by one */
    rows.dims[1] = width;
    rows.rank = 2;
    refuse_batch_if(lnsp_replay_add(replay, &rows, &error), NULL, first, &error);
    progress_show("%lld of %lld rows", (long long)first, (long long)d.rows);
  }
  progress_clear();
  refuse_if(lnsp_replay_finish(replay, &error), NULL, &error);
  refuse_if(lnsp_replay_save(replay, path, &error), path, &error);
  report_start(a);
  report_integer("rows", "rows", d.rows, "");
  report_integer("width", "width", width, "");
  report_text("file", "written", path);
  report_end();
  lnsp_replay_destroy(replay);
  data_close(&d);
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
