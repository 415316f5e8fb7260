/* lnsp_trainer_*: making, steps, and the user's own loss.
 *
 * A trainer copies the weights into its own block, from a model or row by row from a file;
 * neither is needed afterwards, and without a model there is never a second copy. A file that
 * is a state of a trainer also gives moments, ages and, where the caller gives NULL, the texts.
 * The storage of weights is the optimizer text's matter (weights=); options->storage is read
 * only so that an int8 file can be opened as float32, and refused for anything else.
 *
 * A step has two halves, which callers may also make one by one. What the first leaves in the
 * trainer is its phase (train/trainer.h), and each call refuses a phase that it cannot use:
 *
 *   compute_gradients   any phase -> GRADIENT     the loss of the text, forward and backward
 *   forward             any phase -> FORWARD      the caller computes a loss from the outputs
 *   backward            FORWARD   -> GRADIENT     and gives its gradients
 *   gradient            GRADIENT                  shows the gradient of one tensor
 *   apply               GRADIENT  -> IDLE         updates, or adds to the sum (accumulate=)
 *   apply_gradients     any phase -> IDLE         updates with the caller's own gradients
 *
 * Tensors are bound and checked before a phase is left, so a call with a wrong argument may
 * simply be repeated. After that the pass overwrites the values of the pass before; if it then
 * fails (NaN), the phase is IDLE and there is nothing to apply. Weights change only in the
 * second half of an update, which cannot fail (train/update.c). */
#include "api/api.h"
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
  API_COMPUTE(status = lnspi_trainer_measure(graph, loss, optimizer, &read, &memory, error));
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
  API_RETURN(lnspi_trainer_from_model(model, loss, optimizer, &read_sizes, &read, out, error));
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
  API_RETURN(lnspi_trainer_from_file(file, loss, optimizer, &read_sizes, &read, out, error));
}

LNSP_API int32_t lnsp_trainer_open(const char *path, const char *loss, const char *optimizer,
                                   const lnsp_size_options *sizes, const lnsp_options *options,
                                   lnsp_trainer **out, lnsp_error *error) {
  lnsp_options small, own;
  lnsp_file *file = NULL;
  API_OUT(out, error);
  API_NEED(path, error);
  int32_t status = API_SPLIT(options, API_TRAINER_FILE, &small, &own, error);
  if (!status) status = lnsp_file_open(path, &small, &file, error);
  if (!status) status = lnsp_trainer_open_file(file, loss, optimizer, sizes, &own, out, error);
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
  int32_t status;
  API_NEED(trainer, error);
  API_NEED(inputs, error);
  API_COMPUTE(status = lnspi_loss_eval_gradients(trainer, inputs, input_count, &value, error));
  if (!status && loss) *loss = (float)value;
  return status;
}

/* The two halves. The loss is handed out only if the update was made. */
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
  API_RETURN(lnspi_update_apply(trainer, error));
}

/* Finds the weight that a gradient is for, and checks that its data can be used where they are:
 * contiguous rows of aligned floats, which the update reads tile by tile without a copy. */
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

/* Puts a pointer to each weight's gradient into the trainer's list, NULL where none was given:
 * such a weight is left alone, as one that no loss reaches. */
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
  API_RETURN(api_trainer_apply_gradients(trainer, gradients, count, error));
}

LNSP_API int32_t lnsp_trainer_forward(lnsp_trainer *trainer, const lnsp_tensor *inputs,
                                      int32_t input_count, const lnsp_tensor *outputs,
                                      int32_t output_count, lnsp_error *error) {
  API_NEED(trainer, error);
  API_NEED(inputs, error);
  if (output_count > 0) API_NEED(outputs, error);
  API_RETURN(
      lnspi_user_loss_forward(trainer, inputs, input_count, outputs, output_count, error));
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
  API_RETURN(lnspi_user_loss_backward(trainer, gradients, gradient_count, error));
}

/* Reading a tensor without a state checks its name and count, and writes nothing. */
LNSP_API int32_t lnsp_trainer_gradient(lnsp_trainer *trainer, const char *name, float *out,
                                       int64_t count, lnsp_error *error) {
  API_NEED(trainer, error);
  API_NEED(name, error);
  API_NEED(out, error);
  int32_t status = lnspi_state_read_tensor(trainer->graph, NULL, name, out, count, error);
  if (status) return status;
  API_RETURN(
      lnspi_gradient_read(trainer, lnspi_graph_find_weight(trainer->graph, name), out, error));
}
