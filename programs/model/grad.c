/* lnsp grad: the gradient of a loss, of a network's tensors or of a prediction. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "command.h"
#include "data/data.h"
#include "data/model.h"
#include "data/tensor.h"
#include "lnsp.h"

static const option options[] = {
    {"-o", "FILE", "file to write", OPT_OUTPUT, OPT_REQUIRED},
    {"--loss", "TEXT", "loss", OPT_TEXT, OPT_DEFAULT("mse")},
    {"--direct", NULL, "take the prediction itself, `p`, from CASE; there is no MODEL then",
     OPT_TEXT},
    {.name = NULL},
};

typedef struct grad_job {
  const args *args;
  const char *loss;
  lnsp_trainer *trainer;
  data in;
  float value;
  float *buffer;
} grad_job;

/* Names, shapes and count of what the loss reaches; out[0] is the loss. */
static int grad_list(grad_job *job, lnsp_tensor *out, char (*names)[128], int32_t *count) {
  const lnsp_graph *graph = lnsp_trainer_graph(job->trainer);
  const int32_t total = lnsp_graph_tensor_count(graph);
  lnsp_error error;
  int64_t most = 1;
  int32_t i;

  *count = 1;
  out[0] = lnsp_tensor_f32("loss", &job->value, 1, 1, 0, 0);
  for (i = 0; i < total; i++) {
    if (lnsp_graph_tensor_at(graph, i, &out[1], &error))
      return refuse_error(job->args, NULL, &error);
    most = tensor_elements(&out[1]) > most ? tensor_elements(&out[1]) : most;
  }
  job->buffer = malloc((size_t)most * sizeof(float));
  if (!job->buffer) return refuse_memory(job->args);
  for (i = 0; i < total; i++) {
    lnsp_tensor *t = &out[*count];
    int32_t status = lnsp_graph_tensor_at(graph, i, t, &error);
    if (!status)
      status =
          lnsp_trainer_gradient(job->trainer, t->name, job->buffer, tensor_elements(t), &error);
    if (status == LNSP_E_STATE) continue; /* the loss does not reach it */
    if (status) return refuse_error(job->args, NULL, &error);
    snprintf(names[*count], 128, "grad.%s", t->name);
    t->name = names[*count];
    t->dtype = LNSP_F32;
    ++*count;
  }
  return 0;
}

static int grad_write(grad_job *job, const lnsp_tensor *tensors, int32_t count,
                      const char *path) {
  lnsp_writer *writer = NULL;
  lnsp_error error;
  int32_t i, status = lnsp_writer_create(path, tensors, count, NULL, 0, NULL, &writer, &error);

  if (!status) status = lnsp_writer_write(writer, &job->value, sizeof job->value, &error);
  for (i = 1; i < count && !status; i++) {
    const int64_t elements = tensor_elements(&tensors[i]);
    status = lnsp_trainer_gradient(job->trainer, tensors[i].name + strlen("grad."), job->buffer,
                                   elements, &error);
    if (!status)
      status = lnsp_writer_write(writer, job->buffer, (size_t)elements * sizeof(float), &error);
  }
  if (!status) status = lnsp_writer_close(writer, &error);
  lnsp_writer_destroy(writer);
  return status ? refuse_error(job->args, path, &error) : 0;
}

static int grad_report(const args *a, const char *loss, double value, int32_t gradients,
                       const char *path) {
  report r = report_start(a);
  report_text(&r, "loss_text", "loss", loss);
  report_real(&r, "loss", "value", value, "6");
  report_integer(&r, "gradients", "gradients of", gradients, "tensors");
  report_text(&r, "file", "written", path);
  return report_end(&r, a);
}

static int grad_model(const args *a, const char *loss, const char *path) {
  grad_job job;
  data_spec spec;
  lnsp_tensor *tensors = NULL;
  char(*names)[128] = NULL;
  int32_t count = 0;
  int status;

  memset(&job, 0, sizeof job);
  memset(&spec, 0, sizeof spec);
  job.args = a;
  job.loss = loss;
  spec.path = a->positional[1];
  status = data_open(&job.in, a, &spec);
  if (status) goto done;
  const lnsp_options library = args_options(job.args);
  const lnsp_size_options limits = model_size_options(job.in.max_rows, job.in.max_concepts);
  lnsp_error error;
  lnsp_file *file = NULL;
  const char *name;
  int32_t i;
  status = 0;

  if (lnsp_file_open(a->positional[0], NULL, &file, &error) ||
      lnsp_trainer_open_file(file, job.loss, "sgd lr=0", &limits, &library, &job.trainer,
                             &error))
    status = refuse_error(job.args, a->positional[0], &error);
  lnsp_file_destroy(file);
  for (i = 0; !status && (name = lnsp_trainer_input_name(job.trainer, i)) != NULL; i++)
    status = data_need(&job.in, name);
  if (status) goto done;
  status = data_reserve(&job.in, job.in.rows);
  if (status) goto done;
  status = data_read(&job.in, NULL, 0, job.in.rows);
  if (status) goto done;
  if (lnsp_trainer_compute_gradients(job.trainer, job.in.inputs, job.in.needed_count,
                                     &job.value, &error))
    status = refuse_error(job.args, NULL, &error);
  if (!status) {
    const size_t most = (size_t)lnsp_graph_tensor_count(lnsp_trainer_graph(job.trainer)) + 1;
    tensors = calloc(most + 1, sizeof *tensors);
    names = calloc(most + 1, sizeof *names);
    status = tensors && names ? grad_list(&job, tensors, names, &count) : refuse_memory(a);
  }
  if (status) goto done;
  status = grad_write(&job, tensors, count, path);
  if (status) goto done;
  status = grad_report(a, loss, (double)job.value, count - 1, path);
done:
  free(tensors);
  free(names);
  free(job.buffer);
  lnsp_trainer_destroy(job.trainer);
  data_close(&job.in);
  return status;
}

static int run(const args *a) {
  const char *loss = args_text(a, "--loss"), *path = args_value(a, "-o");
  const int direct = args_given(a, "--direct");
  int status = args_positionals(a, direct ? 1 : 2, direct ? 1 : 2);

  if (status) return status;
  if (strstr(loss, "replay"))
    return refuse(a, "a replay term draws its vectors in training; leave it out here");
  if (direct) {
    static const char *const operands[] = {"p",    "t",   "positive", "negative", "teacher",
                                           "prev", "neg", "ctx",      "future"};
    enum { OPERANDS = sizeof operands / sizeof operands[0] };
    const lnsp_options library = args_run_options(a);
    lnsp_tensor inputs[OPERANDS], out[2];
    float *values[OPERANDS] = {NULL}, *gradient = NULL, value = 0;
    lnsp_file *file = NULL;
    lnsp_error error;
    lnsp_tensor shape;
    int32_t count = 0, i;

    status = lnsp_file_open(a->positional[0], NULL, &file, &error);
    for (i = 0; i < OPERANDS && !status; i++)
      if (!i || !lnsp_file_tensor(file, operands[i], &shape, &error)) {
        status = tensor_load(file, operands[i], &inputs[count], &values[count], &error);
        count++;
      }
    if (!status) {
      gradient = malloc((size_t)tensor_elements(&inputs[0]) * sizeof(float) + 1);
      out[0] = lnsp_tensor_f32("loss", &value, 1, 1, 0, 0);
      out[1] = inputs[0];
      out[1].name = "grad.p";
      out[1].data = gradient;
    }
    if (!status && gradient)
      status = lnsp_loss_evaluate(loss, inputs, count, &value, &out[1], &library, &error);
    if (!status && gradient) status = tensor_save_all(path, out, 2, &error);
    for (i = 0; i < OPERANDS; i++) free(values[i]);
    lnsp_file_destroy(file);
    if (status)
      status = refuse_error(a, a->positional[0], &error);
    else
      status = gradient ? grad_report(a, loss, (double)value, 1, path) : refuse_memory(a);
    free(gradient);
    return status;
  }
  return grad_model(a, loss, path);
}

const command command_grad = {
    .name = "grad",
    .usage = "MODEL CASE -o FILE | CASE --direct -o FILE",
    .summary = "compute the gradients of a loss",
    .detail =
        "CASE has `input` and `target`, or what the loss reads (`student`: `anchor`, "
        "`positive`, `negative`, `teacher`). The written file has `loss` [1] and "
        "`grad.<name>` for every tensor that the loss reaches. With --direct, CASE has the "
        "prediction `p` [rows, width] itself and `t`, `positive`, `negative`, `prev`, `neg`, "
        "`ctx` as the loss needs them; the written file has `loss` and `grad.p`.",
    .examples = "grad model.safetensors case.safetensors -o gradients.safetensors\n"
                "grad --direct case.safetensors --loss cosine -o gradients.safetensors",
    .options = options,
    .low = 1,
    .high = 2,
    .run = run,
};
