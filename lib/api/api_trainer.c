/* lnsp_trainer_*: making, steps, and the user's own loss. */
#include "api/api.h"
#include "api/options.h"
#include "base/fpenv.h"
#include "base/struct.h"
#include "run/state.h"
#include "train/gradient.h"
#include "train/loss_eval.h"
#include "train/update.h"
#include "train/user_loss.h"

/* What opens a trainer from a file; storage widens an int8 file, which is refused otherwise. */
#define API_TRAINER_FILE (LNSPI_OPTIONS_NET | LNSPI_OPTIONS_RUN | LNSPI_OPTIONS_STORAGE)

LNSP_API int32_t lnsp_trainer_measure(const lnsp_graph *graph, const char *loss,
                                      const char *optimizer, const lnsp_size_options *sizes,
                                      lnsp_memory_info *out, lnsp_error *error) {
  lnsp_size_options read;
  lnsp_memory_info memory;
  API_NEED(graph, error);
  API_NEED(out, error);
  int32_t status = API_SIZES(sizes, 1, &read, error);
  if (status) return status;
  lnspi_fpenv fp = lnspi_fpenv_enter(); /* numbers in texts */
  status = lnspi_trainer_measure(graph, loss, optimizer, &read, &memory, error);
  lnspi_fpenv_leave(fp);
  if (status) return status;
  return lnspi_struct_write(out, &memory, sizeof memory, "lnsp_memory_info", error);
}

LNSP_API int32_t lnsp_trainer_create(const lnsp_model *model, const char *loss,
                                     const char *optimizer, const lnsp_size_options *sizes,
                                     const lnsp_options *options, lnsp_trainer **out,
                                     lnsp_error *error) {
  lnsp_size_options read_sizes;
  lnsp_options read;
  API_OUT(out, error);
  API_NEED(model, error);
  int32_t status = API_SIZES(sizes, 1, &read_sizes, error);
  if (!status) status = API_OPTIONS(options, LNSPI_OPTIONS_RUN, &read, error);
  if (status) return status;
  lnspi_fpenv fp = lnspi_fpenv_enter();
  status = lnspi_trainer_from_model(model, loss, optimizer, &read_sizes, &read, out, error);
  lnspi_fpenv_leave(fp);
  return status;
}

LNSP_API int32_t lnsp_trainer_open_file(lnsp_file *file, const char *loss,
                                        const char *optimizer, const lnsp_size_options *sizes,
                                        const lnsp_options *options, lnsp_trainer **out,
                                        lnsp_error *error) {
  lnsp_size_options read_sizes;
  lnsp_options read;
  API_OUT(out, error);
  API_NEED(file, error);
  int32_t status = API_SIZES(sizes, 1, &read_sizes, error);
  if (!status) status = API_OPTIONS(options, API_TRAINER_FILE, &read, error);
  if (status) return status;
  if (read.storage && read.storage != LNSP_F32)
    return lnspi_error_set(error, LNSP_E_UNSUPPORTED, "storage",
                           "a trainer reads a file as it is, or with options->storage LNSP_F32 "
                           "an int8 file as float32; weights=bf16 in the optimizer text keeps "
                           "weights as bfloat16");
  lnspi_fpenv fp = lnspi_fpenv_enter();
  status = lnspi_trainer_from_file(file, loss, optimizer, &read_sizes, &read, out, error);
  lnspi_fpenv_leave(fp);
  return status;
}

LNSP_API int32_t lnsp_trainer_open(const char *path, const char *loss, const char *optimizer,
                                   const lnsp_size_options *sizes, const lnsp_options *options,
                                   lnsp_trainer **out, lnsp_error *error) {
  lnsp_options read, part;
  lnsp_file *file = NULL;
  API_OUT(out, error);
  int32_t status = API_OPTIONS(options, LNSPI_OPTIONS_HEADER | API_TRAINER_FILE, &read, error);
  if (status) return status;
  part = lnspi_options_pick(&read, LNSPI_OPTIONS_HEADER);
  status = lnsp_file_open(path, &part, &file, error);
  part = lnspi_options_pick(&read, API_TRAINER_FILE);
  if (!status) status = lnsp_trainer_open_file(file, loss, optimizer, sizes, &part, out, error);
  lnsp_file_destroy(file);
  return status;
}

LNSP_API void lnsp_trainer_destroy(lnsp_trainer *trainer) {
  if (trainer) lnspi_block_close(&trainer->block);
}

/* ---- steps ---- */

LNSP_API int32_t lnsp_trainer_compute_gradients(lnsp_trainer *trainer,
                                                const lnsp_tensor *inputs, int32_t input_count,
                                                float *loss, lnsp_error *error) {
  double value = 0;
  API_NEED(trainer, error);
  API_NEED(inputs, error);
  lnspi_fpenv fp = lnspi_fpenv_enter();
  int32_t status = lnspi_loss_eval_gradients(trainer, inputs, input_count, &value, error);
  lnspi_fpenv_leave(fp);
  if (!status && loss) *loss = (float)value;
  return status;
}

LNSP_API int32_t lnsp_trainer_step(lnsp_trainer *trainer, const lnsp_tensor *inputs,
                                   int32_t input_count, float *loss, lnsp_error *error) {
  float value = 0;
  int32_t status = lnsp_trainer_compute_gradients(trainer, inputs, input_count, &value, error);
  if (!status) status = lnsp_trainer_apply(trainer, error);
  if (!status && loss) *loss = value;
  return status;
}

LNSP_API int32_t lnsp_trainer_apply(lnsp_trainer *trainer, lnsp_error *error) {
  API_NEED(trainer, error);
  if (trainer->pass.phase != LNSPI_PHASE_GRADIENT)
    return lnspi_error_set(
        error, LNSP_E_STATE, NULL,
        "there is no gradient to apply: call lnsp_trainer_compute_gradients or "
        "lnsp_trainer_backward first");
  lnspi_fpenv fp = lnspi_fpenv_enter();
  int32_t status = lnspi_update_apply(trainer, error);
  lnspi_fpenv_leave(fp);
  return status;
}

/* Which weight a gradient is for, whose data can be used where they are. */
static int32_t api_trainer_check_gradient(const lnsp_graph *graph, const lnsp_tensor *tensor,
                                          int32_t *index, lnsp_error *error) {
  const char *name = tensor->name ? tensor->name : "";
  int64_t stride = 1;
  *index = lnspi_graph_find_weight(graph, name);
  if (*index < 0)
    return lnspi_error_set(error, LNSP_E_MISSING, name, "the network has no tensor '%s'", name);
  const lnspi_weight *weight = &graph->weights[*index];
  if (tensor->dtype != LNSP_F32)
    return lnspi_error_set(error, LNSP_E_DTYPE, name, "the gradient of '%s' must be F32", name);
  int same = tensor->rank == weight->rank, given = 0;
  for (int32_t d = 0; same && d < weight->rank; d++) {
    same = tensor->dims[d] == weight->dims[d];
    given |= tensor->strides[d] != 0;
  }
  if (!same)
    return lnspi_error_set(error, LNSP_E_SHAPE, name,
                           "the gradient of '%s' must have the shape of the tensor", name);
  for (int32_t d = weight->rank - 1; given && d >= 0; stride *= weight->dims[d--])
    if (tensor->strides[d] != stride && weight->dims[d] > 1)
      return lnspi_error_set(error, LNSP_E_ARGUMENT, name,
                             "the gradient of '%s' must be contiguous and row-major", name);
  if (!tensor->data || (uintptr_t)tensor->data % sizeof(float))
    return lnspi_error_set(
        error, LNSP_E_ARGUMENT, name,
        "the gradient of '%s' has no data, or data that are not aligned to 4 bytes", name);
  return LNSP_OK;
}

static int32_t api_trainer_apply_gradients(lnsp_trainer *t, const lnsp_tensor *gradients,
                                           int32_t count, lnsp_error *error) {
  const float **given = t->grad.given_room;
  for (int32_t i = 0; i < t->graph->weight_count; i++) given[i] = NULL;
  for (int32_t i = 0; i < count; i++) {
    int32_t index;
    int32_t status = api_trainer_check_gradient(t->graph, &gradients[i], &index, error);
    if (status) return status;
    if (given[index])
      return lnspi_error_set(error, LNSP_E_ARGUMENT, gradients[i].name,
                             "'%s' is given twice: leave one out", gradients[i].name);
    given[index] = gradients[i].data;
  }
  return lnspi_update_apply_given(t, given, error);
}

LNSP_API int32_t lnsp_trainer_apply_gradients(lnsp_trainer *trainer,
                                              const lnsp_tensor *gradients, int32_t count,
                                              lnsp_error *error) {
  API_NEED(trainer, error);
  API_NEED(gradients, error);
  if (count < 1)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                           "the list of gradients is empty: give at least one");
  lnspi_fpenv fp = lnspi_fpenv_enter();
  int32_t status = api_trainer_apply_gradients(trainer, gradients, count, error);
  lnspi_fpenv_leave(fp);
  return status;
}

LNSP_API int32_t lnsp_trainer_forward(lnsp_trainer *trainer, const lnsp_tensor *inputs,
                                      int32_t input_count, const lnsp_tensor *outputs,
                                      int32_t output_count, lnsp_error *error) {
  API_NEED(trainer, error);
  API_NEED(inputs, error);
  if (output_count > 0) API_NEED(outputs, error);
  lnspi_fpenv fp = lnspi_fpenv_enter();
  int32_t status =
      lnspi_user_loss_forward(trainer, inputs, input_count, outputs, output_count, error);
  lnspi_fpenv_leave(fp);
  return status;
}

LNSP_API int32_t lnsp_trainer_backward(lnsp_trainer *trainer, const lnsp_tensor *gradients,
                                       int32_t gradient_count, lnsp_error *error) {
  API_NEED(trainer, error);
  API_NEED(gradients, error);
  if (gradient_count < 1)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                           "the list of output gradients is empty: give at least one");
  if (trainer->pass.phase != LNSPI_PHASE_FORWARD)
    return lnspi_error_set(
        error, LNSP_E_STATE, NULL,
        "there is no forward pass to go back from: call lnsp_trainer_forward first");
  lnspi_fpenv fp = lnspi_fpenv_enter();
  int32_t status = lnspi_user_loss_backward(trainer, gradients, gradient_count, error);
  lnspi_fpenv_leave(fp);
  return status;
}

LNSP_API int32_t lnsp_trainer_gradient(lnsp_trainer *trainer, const char *name, float *out,
                                       int64_t count, lnsp_error *error) {
  API_NEED(trainer, error);
  API_NEED(name, error);
  API_NEED(out, error);
  int32_t status = lnspi_state_read_tensor(trainer->graph, NULL, name, out, count, error);
  if (status) return status;
  lnspi_fpenv fp = lnspi_fpenv_enter();
  status =
      lnspi_gradient_read(trainer, lnspi_graph_find_weight(trainer->graph, name), out, error);
  lnspi_fpenv_leave(fp);
  return status;
}
