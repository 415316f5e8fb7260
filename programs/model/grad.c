/* lnsp grad: the gradient of a loss, of a network's tensors or of a prediction. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/memory.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "command.h"
#include "data/data.h"
#include "data/model.h"
#include "data/tensor.h"
#include "lnsp.h"

static const option options[] = {
    {"-o", "FILE", "file to write", OPT_OUTPUT, OPT_REQUIRED},
    {"--loss", "TEXT", "loss to differentiate", OPT_TEXT, OPT_DEFAULT("mse")},
    {"--direct", NULL,
     "differentiate with respect to a prediction `p` that CASE has, without a MODEL", OPT_TEXT},
    {.name = NULL},
};

typedef struct grad_job {
  lnsp_trainer *trainer;
  float value;
  float *buffer;
  lnsp_tensor *tensors; /* the first is the loss */
  char (*names)[128];
  int32_t count;
} grad_job;

/* Names, shapes and count of what the loss reaches. */
static void grad_list(grad_job *job) {
  const lnsp_graph *graph = lnsp_trainer_graph(job->trainer);
  const int32_t total = lnsp_graph_tensor_count(graph);
  lnsp_error error;
  int64_t most = 1;
  int32_t i;

  job->tensors = memory_new(total + 1, sizeof *job->tensors);
  job->names = memory_new(total + 1, sizeof *job->names);
  job->tensors[0] = lnsp_tensor_f32("loss", &job->value, 1, 1, 0, 0);
  for (job->count = 1, i = 0; i < total; i++) {
    lnsp_tensor *t = &job->tensors[job->count];
    int32_t status;
    refuse_if(lnsp_graph_tensor_at(graph, i, t, &error), NULL, &error);
    if (tensor_elements(t) > most || !job->buffer) {
      most = tensor_elements(t) > most ? tensor_elements(t) : most;
      job->buffer = memory_grow(job->buffer, most, sizeof(float));
    }
    status =
        lnsp_trainer_gradient(job->trainer, t->name, job->buffer, tensor_elements(t), &error);
    if (status == LNSP_E_STATE) continue; /* the loss does not reach it */
    refuse_if(status, NULL, &error);
    snprintf(job->names[job->count], sizeof job->names[0], "grad.%s", t->name);
    t->name = job->names[job->count++];
    t->dtype = LNSP_F32;
  }
}

static void grad_write(grad_job *job, const char *path) {
  lnsp_writer *writer = NULL;
  lnsp_error error;
  int32_t i, status = lnsp_writer_create(path, job->tensors, job->count, NULL, 0, NULL, &writer,
                                         &error);

  if (!status) status = lnsp_writer_write(writer, &job->value, sizeof job->value, &error);
  for (i = 1; i < job->count && !status; i++) {
    const int64_t elements = tensor_elements(&job->tensors[i]);
    status = lnsp_trainer_gradient(job->trainer, job->tensors[i].name + strlen("grad."),
                                   job->buffer, elements, &error);
    if (!status)
      status = lnsp_writer_write(writer, job->buffer, (size_t)elements * sizeof(float), &error);
  }
  if (!status) status = lnsp_writer_close(writer, &error);
  lnsp_writer_destroy(writer); /* before a refusal: it removes what was begun */
  refuse_if(status, path, &error);
}

static void grad_report(const args *a, const char *loss, double value, int32_t gradients) {
  report_start(a);
  report_text("loss_text", "loss", loss);
  report_real("loss", "value", value, "%.6g");
  report_integer("gradients", "gradients of", gradients, "tensors");
  report_text("file", "written", args_value(a, "-o"));
  report_end();
}

static void grad_model(const args *a, const char *loss) {
  const data_spec spec = {a->positional[1], NULL, NULL, NULL, NULL, 0};
  const lnsp_options library = args_options(a);
  lnsp_size_options limits;
  lnsp_file *file = NULL;
  lnsp_error error;
  grad_job job;
  data in;

  memset(&job, 0, sizeof job);
  data_open(&in, a, &spec);
  limits = model_size_options(in.max_rows, in.max_concepts);
  file = data_file(&in, a->positional[0], strlen(a->positional[0]));
  refuse_if(lnsp_trainer_open_file(file, loss, "sgd lr=0", &limits, &library, &job.trainer,
                                   &error),
            a->positional[0], &error);
  data_need_inputs(&in, job.trainer);
  data_reserve(&in, in.rows);
  data_read(&in, NULL, 0, in.rows);
  refuse_if(lnsp_trainer_compute_gradients(job.trainer, in.inputs, in.needed_count, &job.value,
                                           &error),
            NULL, &error);
  grad_list(&job);
  grad_write(&job, args_value(a, "-o"));
  grad_report(a, loss, (double)job.value, job.count - 1);
  free(job.tensors);
  free(job.names);
  free(job.buffer);
  lnsp_trainer_destroy(job.trainer);
  data_close(&in);
}

/* Of the prediction that the case itself has. */
static void grad_direct(const args *a, const char *loss) {
  static const char *const operands[] = {"p",    "t",   "positive", "negative", "teacher",
                                         "prev", "neg", "ctx",      "future"};
  enum { OPERANDS = sizeof operands / sizeof operands[0] };
  const char *path = a->positional[0];
  const lnsp_options library = args_run_options(a);
  lnsp_tensor inputs[OPERANDS], out[2], shape;
  float value = 0;
  lnsp_file *file = NULL;
  lnsp_error error;
  int32_t count = 0, i;

  refuse_if(lnsp_file_open(path, NULL, &file, &error), path, &error);
  inputs[count++] = tensor_load(file, path, operands[0]);
  for (i = 1; i < OPERANDS; i++)
    if (!lnsp_file_tensor(file, operands[i], &shape, NULL))
      inputs[count++] = tensor_load(file, path, operands[i]);
  out[0] = lnsp_tensor_f32("loss", &value, 1, 1, 0, 0);
  out[1] = inputs[0];
  out[1].name = "grad.p";
  out[1].data = memory_new(tensor_elements(&inputs[0]), sizeof(float));
  refuse_if(lnsp_loss_evaluate(loss, inputs, count, &value, &out[1], &library, &error), path,
            &error);
  tensor_save_all(args_value(a, "-o"), out, 2);
  grad_report(a, loss, (double)value, 1);
  for (i = 0; i < count; i++) free(inputs[i].data);
  free(out[1].data);
  lnsp_file_destroy(file);
}

static void run(const args *a) {
  const char *loss = args_value(a, "--loss");
  const int direct = args_given(a, "--direct");

  args_positionals(a, direct ? 1 : 2, direct ? 1 : 2);
  if (strstr(loss, "replay"))
    refuse("--loss has a replay term, which draws its vectors in training: leave it out");
  if (direct)
    grad_direct(a, loss);
  else
    grad_model(a, loss);
}

const command command_grad = {
    .name = "grad",
    .usage = "MODEL CASE -o FILE | CASE --direct -o FILE",
    .summary = "compute the gradients of a loss",
    .detail =
        "Computes the gradient of a loss for all rows of CASE as one batch, and changes "
        "no weight. CASE is a file with `input` and `target`, or with what the loss reads "
        "(the loss student: `anchor`, `positive`, `negative`, `teacher`). The written "
        "file has the tensor `loss` [1], and `grad.NAME` for each weight NAME that the "
        "loss depends on. With --direct there is no MODEL: CASE has the prediction `p` "
        "[rows, width] and, as the loss needs them, the target `t`, `positive`, "
        "`negative`, `teacher`, `prev`, `neg`, `ctx` and `future`; the written file has "
        "`loss` and `grad.p`.",
    .examples = "grad model.safetensors case.safetensors -o gradients.safetensors\n"
                "grad --direct case.safetensors --loss cosine -o gradients.safetensors",
    .options = options,
    .low = 1,
    .high = 2,
    .run = run,
};
