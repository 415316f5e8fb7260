/* lnsp_model_*: argument checks, options, and down. */
#include "api/api.h"
#include "api/options.h"
#include "api/path_write.h"
#include "base/fpenv.h"
#include "base/refcount.h"
#include "base/struct.h"
#include "format/dtype.h"
#include "run/model.h"
#include "run/save.h"

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
  if (status != LNSP_OK) return status;
  lnspi_fpenv fp = lnspi_fpenv_enter();
  status = lnspi_model_load(file, &read, out, error);
  lnspi_fpenv_leave(fp);
  return status;
}

LNSP_API int32_t lnsp_model_open(const char *path, const lnsp_options *options,
                                 lnsp_model **out, lnsp_error *error) {
  lnsp_options read, part;
  lnsp_file *file = NULL;
  API_OUT(out, error);
  int32_t status =
      API_OPTIONS(options, LNSPI_OPTIONS_HEADER | LNSPI_OPTIONS_NET | LNSPI_OPTIONS_STORAGE,
                  &read, error);
  if (status != LNSP_OK) return status;
  part = lnspi_options_pick(&read, LNSPI_OPTIONS_HEADER);
  status = lnsp_file_open(path, &part, &file, error);
  part = lnspi_options_pick(&read, LNSPI_OPTIONS_NET | LNSPI_OPTIONS_STORAGE);
  if (status == LNSP_OK) status = lnsp_model_open_file(file, &part, out, error);
  lnsp_file_destroy(file);
  return status;
}

LNSP_API int32_t lnsp_model_open_memory(const void *data, size_t bytes,
                                        const lnsp_options *options, lnsp_model **out,
                                        lnsp_error *error) {
  lnsp_options read, part;
  lnsp_file *file = NULL;
  API_OUT(out, error);
  int32_t status =
      API_OPTIONS(options, LNSPI_OPTIONS_HEADER | LNSPI_OPTIONS_NET | LNSPI_OPTIONS_STORAGE,
                  &read, error);
  if (status != LNSP_OK) return status;
  part = lnspi_options_pick(&read, LNSPI_OPTIONS_HEADER);
  status = lnsp_file_open_memory(data, bytes, &part, &file, error);
  part = lnspi_options_pick(&read, LNSPI_OPTIONS_NET | LNSPI_OPTIONS_STORAGE);
  if (status == LNSP_OK) status = lnsp_model_open_file(file, &part, out, error);
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
  if (status != LNSP_OK) return status;
  lnspi_fpenv fp = lnspi_fpenv_enter();
  status = lnspi_model_create(text, seed, &read, out, error);
  lnspi_fpenv_leave(fp);
  return status;
}

LNSP_API int32_t lnsp_model_convert(const lnsp_model *model, int32_t storage,
                                    const lnsp_options *options, lnsp_model **out,
                                    lnsp_error *error) {
  lnsp_options read;
  API_OUT(out, error);
  API_NEED(model, error);
  int32_t status = API_OPTIONS(options, LNSPI_OPTIONS_BLOCK, &read, error);
  if (status == LNSP_OK) status = lnspi_dtype_check_storage(storage, error);
  if (status != LNSP_OK) return status;
  lnspi_fpenv fp = lnspi_fpenv_enter();
  status = lnspi_model_copy(model->graph, model->state, storage, &read, out, error);
  lnspi_fpenv_leave(fp);
  return status;
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
  lnspi_fpenv fp = lnspi_fpenv_enter(); /* codes times scales */
  int32_t status = lnspi_state_read_tensor(model->graph, model->state, name, out, count, error);
  lnspi_fpenv_leave(fp);
  return status;
}

LNSP_API int32_t lnsp_model_hash(const lnsp_model *model, uint8_t out[LNSP_HASH_BYTES],
                                 lnsp_error *error) {
  API_NEED(model, error);
  API_NEED(out, error);
  lnspi_fpenv fp = lnspi_fpenv_enter(); /* codes times scales */
  lnspi_model_hash(model, out);
  lnspi_fpenv_leave(fp);
  return LNSP_OK;
}

LNSP_API int32_t lnsp_model_save_sink(const lnsp_model *model, const lnsp_sink *sink,
                                      int32_t dtype, lnsp_error *error) {
  lnsp_options options;
  lnspi_save_part part;
  API_NEED(model, error);
  API_NEED(sink, error);
  if (dtype == 0) dtype = lnspi_graph_storage(model->graph);
  int32_t status = lnspi_dtype_check_storage(dtype, error);
  if (status != LNSP_OK) return status;
  memset(&options, 0, sizeof options);
  memset(&part, 0, sizeof part);
  if (model->block.owned) options.allocator = &model->block.allocator;
  part.prefix = "";
  part.state = model->state;
  lnspi_fpenv fp = lnspi_fpenv_enter(); /* rounding to F16 */
  status = lnspi_save(model->graph, &part, 1, NULL, 0, dtype, sink, &options, error);
  lnspi_fpenv_leave(fp);
  return status;
}

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
  api_model_save_job job;
  job.model = model;
  job.dtype = dtype;
  API_NEED(model, error);
  return lnspi_path_write(path, api_model_save_to, &job, error);
}
