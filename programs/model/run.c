/* lnsp run: a model on a file of inputs. */
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/format.h"
#include "cli/json.h"
#include "cli/progress.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "command.h"
#include "data/data.h"
#include "data/model.h"
#include "data/tensor.h"
#include "lnsp.h"

static const option options[] = {
    {"-o", "FILE", "file to write", OPT_OUTPUT, OPT_REQUIRED},
    {"--batch", "N", "rows a call; the result does not depend on it", OPT_INTEGER(1, 1 << 20),
     OPT_DEFAULT("64")},
    {.name = NULL},
};

typedef struct run_job {
  const args *args;
  lnsp_session *session;
  data in;
  int64_t batch;
  int32_t count;
  lnsp_tensor out[8]; /* every named output, whole */
} run_job;

/* Room for all outputs. */
static int run_outputs(run_job *job, const lnsp_graph *graph) {
  const lnsp_tensor *input = data_batch(&job->in, lnsp_graph_input_name(graph, NULL));
  int32_t i;

  for (i = 0; i < lnsp_graph_output_count(graph) && i < 8; i++) {
    lnsp_error error;
    lnsp_tensor *out = &job->out[i];
    if (lnsp_graph_output_shape(graph, i, input, out, &error))
      return refuse_error(job->args, job->args->positional[1], &error);
    out->dims[0] = job->in.rows;
    out->data = malloc((size_t)tensor_elements(out) * sizeof(float));
    job->count++;
    if (!out->data) return refuse_memory(job->args);
  }
  return 0;
}

static int run_rows(run_job *job) {
  progress show;
  lnsp_error error;
  int64_t first;
  int status = 0;

  progress_start(&show);
  for (first = 0; first < job->in.rows && !status; first += job->batch) {
    const int64_t left = job->in.rows - first;
    const int64_t count = left < job->batch ? left : job->batch;
    lnsp_tensor part[8];
    int32_t i;

    status = data_read(&job->in, NULL, first, count);
    for (i = 0; i < job->count; i++) {
      part[i] = job->out[i];
      part[i].data =
          (float *)part[i].data + first * (tensor_elements(&job->out[i]) / job->out[i].dims[0]);
      part[i].dims[0] = count;
    }
    if (!status && lnsp_session_run(job->session, job->in.inputs, job->in.needed_count, part,
                                    job->count, &error))
      status = refuse_batch(job->args, job->args->positional[1], first, &error);
    if (progress_due(&show))
      progress_show(&show, "%lld of %lld rows", (long long)first, (long long)job->in.rows);
  }
  progress_clear(&show);
  return status;
}

static int run(const args *a) {
  run_job job;
  data_spec spec;
  lnsp_model *model = NULL;
  lnsp_error error;
  const char *path = args_value(a, "-o");
  int32_t i;
  int status;

  memset(&job, 0, sizeof job);
  memset(&spec, 0, sizeof spec);
  job.args = a;
  job.batch = args_integer(a, "--batch");
  status = model_load(a, a->positional[0], &model);
  if (!status) {
    spec.path = a->positional[1];
    status = data_open(&job.in, a, &spec);
  }
  if (status) goto done;
  const lnsp_options library = args_run_options(job.args);
  lnsp_size_options limits = model_size_options(job.batch, job.in.max_concepts);
  status = data_need(&job.in, lnsp_graph_input_name(lnsp_model_graph(model), NULL));

  if (job.batch > job.in.rows) limits.max_rows = (int32_t)(job.batch = job.in.rows);
  if (status) goto done;
  status = data_reserve(&job.in, job.batch);
  if (status) goto done;
  if (lnsp_session_create(model, &limits, &library, &job.session, &error))
    status = refuse_error(job.args, job.args->positional[0], &error);
  if (status) goto done;
  status = run_outputs(&job, lnsp_model_graph(model));
  if (status) goto done;
  status = run_rows(&job);
  if (status) goto done;
  if (tensor_save_all(path, job.out, job.count, &error)) status = refuse_error(a, path, &error);
  if (status) goto done;
  report r = report_start(job.args);
  char shape[96];

  report_integer(&r, "rows", "rows", job.in.rows, "");
  report_text(&r, "isa", "kernels", lnsp_session_isa(job.session));
  if (r.json) json_open("outputs", '{');
  for (i = 0; i < job.count; i++) {
    format_shape(&job.out[i], shape, sizeof shape);
    if (r.json)
      json_shape(job.out[i].name, &job.out[i]);
    else
      report_text(&r, job.out[i].name, job.out[i].name, shape);
  }
  if (r.json) json_close('}');
  report_text(&r, "file", "written", path);
  status = report_end(&r, job.args);
done:
  for (i = 0; i < job.count; i++) free(job.out[i].data);
  lnsp_session_destroy(job.session);
  data_close(&job.in);
  lnsp_model_destroy(model);
  return status;
}

const command command_run = {
    .name = "run",
    .usage = "MODEL IN -o FILE",
    .summary = "run a model on a file of inputs",
    .detail =
        "IN has the tensor `input`, [rows, width] or [rows, concepts, width]; or, for text "
        "encoders, `ids` of integers, [rows, concepts]; and `mask` if rows have padding: 1 "
        "for each concept, 0 for padding. The written file has `output` and every further "
        "output of the network (`teacher`, `code`) under its name, as float32.",
    .examples = "run model.safetensors vectors.safetensors -o outputs.safetensors\n"
                "run model.safetensors vectors.safetensors --batch 256 -o outputs.safetensors",
    .options = options,
    .low = 2,
    .high = 2,
    .run = run,
};
