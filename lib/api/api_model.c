/* lnsp_model_*: making, reading and saving models.
 *
 * A model may be made of a path, of bytes in memory or of a file that is open. The first two
 * open a file of their own and then do what the third does; the model has copied all that it
 * needs when the call returns, so the file is closed at once. Options are split: the header's
 * limit is for the file, the rest (and so the caller's block) for the model.
 *
 * A model never changes after it was given out, so no function of this file takes a lock. Only
 * the count of its owners changes, atomically: retain and every session that runs the model
 * add one, and the last destroy frees the block (run/model.c).
 *
 * Of an int8 model each value is a code times its row's scale, a product that is rounded. So
 * even functions that only read (tensor_read, hash, save) compute in the library's
 * floating-point environment.
 *
 * Saving goes through a sink in all cases: with a path, api/path_write.c makes one that
 * replaces the file in one step. The writer's block comes from the model's own allocator, or,
 * if the model is in a block of the caller's, from malloc: that block is full. */
#include "api/api.h"
#include "api/path_write.h"
#include "base/refcount.h"
#include "base/struct.h"
#include "format/dtype.h"
#include "run/model.h"
#include "run/save.h"

/* Models have no options of size, so a graph and its storage type give all bytes; what is not
 * weights is the handle, its copy of the graph, and room for one row. */
LNSP_API int32_t lnsp_model_measure(const lnsp_graph *graph, lnsp_memory_info *out,
                                    lnsp_error *error) {
  lnsp_memory_info memory;
  API_NEED(graph, error);
  API_NEED(out, error);
  memset(&memory, 0, sizeof memory);
  memory.total_bytes = lnspi_model_bytes(graph, lnspi_graph_storage(graph));
  memory.weight_bytes = (uint64_t)graph->state_bytes;
  memory.plan_bytes = memory.total_bytes - memory.weight_bytes;
  return lnspi_struct_write(out, &memory, sizeof memory, "lnsp_memory_info", error);
}

LNSP_API int32_t lnsp_model_open_file(lnsp_file *file, const lnsp_options *options,
                                      lnsp_model **out, lnsp_error *error) {
  lnsp_options read;
  API_OUT(out, error);
  API_NEED(file, error);
  int32_t status =
      API_OPTIONS(options, LNSPI_OPTIONS_NET | LNSPI_OPTIONS_STORAGE, &read, error);
  if (status) return status;
  API_RETURN(lnspi_model_load(file, &read, out, error));
}

LNSP_API int32_t lnsp_model_open(const char *path, const lnsp_options *options,
                                 lnsp_model **out, lnsp_error *error) {
  lnsp_options small, own;
  lnsp_file *file = NULL;
  API_OUT(out, error);
  API_NEED(path, error);
  int32_t status =
      API_SPLIT(options, LNSPI_OPTIONS_NET | LNSPI_OPTIONS_STORAGE, &small, &own, error);
  if (!status) status = lnsp_file_open(path, &small, &file, error);
  if (!status) status = lnsp_model_open_file(file, &own, out, error);
  lnsp_file_destroy(file);
  return status;
}

LNSP_API int32_t lnsp_model_open_memory(const void *data, size_t bytes,
                                        const lnsp_options *options, lnsp_model **out,
                                        lnsp_error *error) {
  lnsp_options small, own;
  lnsp_file *file = NULL;
  API_OUT(out, error);
  API_NEED(data, error);
  int32_t status =
      API_SPLIT(options, LNSPI_OPTIONS_NET | LNSPI_OPTIONS_STORAGE, &small, &own, error);
  if (!status) status = lnsp_file_open_memory(data, bytes, &small, &file, error);
  if (!status) status = lnsp_model_open_file(file, &own, out, error);
  lnsp_file_destroy(file);
  return status;
}

LNSP_API int32_t lnsp_model_create(const char *text, uint64_t seed, const lnsp_options *options,
                                   lnsp_model **out, lnsp_error *error) {
  lnsp_options read;
  API_OUT(out, error);
  API_NEED(text, error);
  int32_t status =
      API_OPTIONS(options, LNSPI_OPTIONS_BLOCK | LNSPI_OPTIONS_STORAGE, &read, error);
  if (status) return status;
  API_RETURN(lnspi_model_create(text, seed, &read, out, error));
}

LNSP_API int32_t lnsp_model_convert(const lnsp_model *model, int32_t storage,
                                    const lnsp_options *options, lnsp_model **out,
                                    lnsp_error *error) {
  lnsp_options read;
  API_OUT(out, error);
  API_NEED(model, error);
  int32_t status = API_OPTIONS(options, LNSPI_OPTIONS_BLOCK, &read, error);
  if (!status) status = lnspi_dtype_check_storage(storage, error);
  if (status) return status;
  API_RETURN(lnspi_model_copy(model->graph, model->state, storage, &read, out, error));
}

LNSP_API lnsp_model *lnsp_model_retain(lnsp_model *model) {
  if (model) lnspi_refcount_increment(&model->owners);
  return model;
}

LNSP_API void lnsp_model_destroy(lnsp_model *model) { lnspi_model_release(model); }

LNSP_API const lnsp_graph *lnsp_model_graph(const lnsp_model *model) {
  return model ? model->graph : NULL;
}

LNSP_API int32_t lnsp_model_memory(const lnsp_model *model, lnsp_memory_info *out,
                                   lnsp_error *error) {
  API_NEED(model, error);
  return lnsp_model_measure(model->graph, out, error);
}

LNSP_API int32_t lnsp_model_tensor_read(const lnsp_model *model, const char *name, float *out,
                                        int64_t count, lnsp_error *error) {
  API_NEED(model, error);
  API_NEED(name, error);
  API_NEED(out, error);
  API_RETURN(lnspi_state_read_tensor(model->graph, model->state, name, out, count, error));
}

/* A hash that is cancelled half way must not reach the caller, so it is formed in a local. */
LNSP_API int32_t lnsp_model_hash(const lnsp_model *model, uint8_t out[LNSP_HASH_BYTES],
                                 lnsp_error *error) {
  API_NEED(model, error);
  API_NEED(out, error);
  lnspi_progress progress;
  uint8_t hash[LNSP_HASH_BYTES];
  const lnsp_options own = lnspi_block_options(&model->block);
  lnspi_progress_begin(&progress, &own, (uint64_t)model->graph->parameter_count);
  API_COMPUTE(lnspi_model_hash_reporting(model, &progress, hash));
  int32_t status = lnspi_progress_end(&progress, error);
  if (!status) memcpy(out, hash, sizeof hash);
  return status;
}

LNSP_API int32_t lnsp_model_save_sink(const lnsp_model *model, const lnsp_sink *sink,
                                      int32_t dtype, lnsp_error *error) {
  lnsp_sink own;
  API_NEED(model, error);
  int32_t status = API_SINK(sink, &own, error);
  if (status) return status;
  if (dtype == 0) dtype = lnspi_graph_storage(model->graph);
  status = lnspi_dtype_check_storage(dtype, error);
  if (status) return status;
  const lnsp_options options = lnspi_block_options(&model->block);
  const lnspi_save_part weights = {"", model->state, 0, 0, NULL};
  API_RETURN(lnspi_save(model->graph, &weights, 1, NULL, 0, dtype, &own, &options, error));
}

/* What a save into a path passes through lnspi_path_write to its sink. */
typedef struct api_model_save_job {
  const lnsp_model *model;
  int32_t dtype;
} api_model_save_job;

static int32_t api_model_save_to(void *user, const lnsp_sink *sink, lnsp_error *error) {
  const api_model_save_job *job = user;
  return lnsp_model_save_sink(job->model, sink, job->dtype, error);
}

LNSP_API int32_t lnsp_model_save(const lnsp_model *model, const char *path, int32_t dtype,
                                 lnsp_error *error) {
  api_model_save_job job = {model, dtype};
  API_NEED(model, error);
  API_NEED(path, error);
  return lnspi_path_write(path, api_model_save_to, &job, error);
}
