/* lnsp run: a model on a file of inputs. */
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/memory.h"
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

#define RUN_OUTPUTS 8

typedef struct run_job {
  const args *args;
  lnsp_session *session;
  data in;
  int64_t batch;
  int32_t count;
  lnsp_tensor out[RUN_OUTPUTS]; /* every named output, whole */
} run_job;

static void run_rows(run_job *job) {
  lnsp_error error;
  int64_t first;
  int32_t i;

  for (first = 0; first < job->in.rows; first += job->batch) {
    const int64_t left = job->in.rows - first;
    const int64_t count = left < job->batch ? left : job->batch;
    lnsp_tensor part[RUN_OUTPUTS];

    data_read(&job->in, NULL, first, count);
    for (i = 0; i < job->count; i++) {
      part[i] = job->out[i];
      part[i].data =
          (float *)part[i].data + first * (tensor_elements(&job->out[i]) / job->out[i].dims[0]);
      part[i].dims[0] = count;
    }
    refuse_batch_if(lnsp_session_run(job->session, job->in.inputs, job->in.needed_count, part,
                                     job->count, &error),
                    job->args->positional[1], first, &error);
    progress_show("%lld of %lld rows", (long long)first, (long long)job->in.rows);
  }
  progress_clear();
}

static void run(const args *a) {
  const char *path = args_value(a, "-o"), *model_path = a->positional[0];
  const data_spec spec = {a->positional[1], NULL, NULL, NULL, NULL, 0};
  const lnsp_options library = args_run_options(a);
  lnsp_model *model = model_load(a, model_path);
  const lnsp_graph *graph = lnsp_model_graph(model);
  const char *input = lnsp_graph_input_name(graph, NULL);
  lnsp_size_options limits;
  lnsp_error error;
  run_job job;
  char shape[96];
  int32_t i;

  memset(&job, 0, sizeof job);
  job.args = a;
  data_open(&job.in, a, &spec);
  data_need(&job.in, input);
  job.batch = args_integer(a, "--batch");
  if (job.batch > job.in.rows) job.batch = job.in.rows;
  data_reserve(&job.in, job.batch);
  limits = model_size_options(job.batch, job.in.max_concepts);
  refuse_if(lnsp_session_create(model, &limits, &library, &job.session, &error), model_path,
            &error);
  job.count = lnsp_graph_output_count(graph);
  if (job.count > RUN_OUTPUTS) job.count = RUN_OUTPUTS;
  for (i = 0; i < job.count; i++) { /* room for all outputs */
    lnsp_tensor *out = &job.out[i];
    refuse_if(lnsp_graph_output_shape(graph, i, data_batch(&job.in, input), out, &error),
              a->positional[1], &error);
    out->dims[0] = job.in.rows;
    out->data = memory_new(tensor_elements(out), sizeof(float));
  }
  run_rows(&job);
  tensor_save_all(path, job.out, job.count);
  report_start(a);
  report_integer("rows", "rows", job.in.rows, "");
  report_text("isa", "kernels", lnsp_session_isa(job.session));
  json_open("outputs", '{');
  for (i = 0; i < job.count; i++) {
    format_shape(&job.out[i], shape, sizeof shape);
    json_shape(job.out[i].name, &job.out[i]);
    report_line(job.out[i].name, "%s", shape);
  }
  json_close('}');
  report_text("file", "written", path);
  report_end();
  for (i = 0; i < job.count; i++) free(job.out[i].data);
  lnsp_session_destroy(job.session);
  data_close(&job.in);
  lnsp_model_destroy(model);
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
