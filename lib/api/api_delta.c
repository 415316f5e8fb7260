/* lnsp_delta_*: what changed between two models, made, applied, written and read.
 *
 * A delta is one block with a copy of the graph and its payload. Whoever makes it gives the
 * room for the longest payload that the codec can produce (lnsp_delta_measure says how much),
 * since how much it will be is known only at the end.
 *
 * Deltas do not change after they were made, but for the stamp; so make, apply, invert, merge
 * and info may run on any thread on the same ones. Each gives a new handle, or nothing.
 *
 * A file of a delta is written by the ordinary writer, header first. The header has the hash of
 * the whole file, so `seal` runs the same writing into a hash before the real one
 * (delta/delta_file.c). The size of the file follows from the header and the payload's length,
 * so a buffer that is too small is refused before a byte is written.
 *
 * Reading needs a file only until the call returns. The hash of all its bytes is verified
 * first, and everything else is parsed after that; the caller's block is for the delta. */
#include "api/api.h"
#include "base/struct.h"
#include "delta/delta_apply.h"
#include "delta/delta_create.h"
#include "delta/delta_file.h"
#include "delta/live_delta.h"

int32_t lnsp_delta_measure(const lnsp_graph *graph, const char *codec, lnsp_memory_info *out,
                           lnsp_error *error) {
  lnsp_memory_info memory;
  int32_t status;
  API_NEED(graph, error);
  API_NEED(out, error);
  memset(&memory, 0, sizeof memory);
  API_COMPUTE(status = lnspi_delta_create_bytes(graph, codec, &memory.total_bytes,
                                                &memory.workspace_bytes, error));
  if (status) return status;
  memory.plan_bytes = memory.total_bytes - memory.workspace_bytes;
  return lnspi_struct_write(out, &memory, sizeof memory, "lnsp_memory_info", error);
}

int32_t lnsp_delta_create(const lnsp_model *base, const lnsp_model *next, const char *codec,
                          const lnsp_options *options, lnsp_delta **out, lnsp_error *error) {
  lnsp_options read;
  API_OUT(out, error);
  API_NEED(base, error);
  API_NEED(next, error);
  int32_t status = API_OPTIONS(options, LNSPI_OPTIONS_BLOCK, &read, error);
  if (status) return status;
  API_RETURN(lnspi_delta_create(base, next, codec, &read, out, error));
}

int32_t lnsp_delta_create_live(const lnsp_model *base, lnsp_trainer *trainer, const char *codec,
                               int32_t snap, const lnsp_options *options, lnsp_delta **out,
                               lnsp_error *error) {
  lnsp_options read;
  API_OUT(out, error);
  API_NEED(base, error);
  API_NEED(trainer, error);
  API_FLAG(snap, error);
  int32_t status = API_OPTIONS(options, LNSPI_OPTIONS_BLOCK, &read, error);
  if (status) return status;
  API_RETURN(lnspi_live_delta_create(base, trainer, codec, snap, &read, out, error));
}

int32_t lnsp_delta_apply(const lnsp_delta *delta, const lnsp_model *base,
                         const lnsp_options *options, lnsp_model **out, lnsp_error *error) {
  lnsp_options read;
  API_OUT(out, error);
  API_NEED(delta, error);
  API_NEED(base, error);
  int32_t status =
      API_OPTIONS(options, LNSPI_OPTIONS_BLOCK | LNSPI_OPTIONS_STORAGE, &read, error);
  if (status) return status;
  API_RETURN(lnspi_delta_apply(delta, base, &read, out, error));
}

int32_t lnsp_delta_invert(const lnsp_delta *delta, const lnsp_options *options,
                          lnsp_delta **out, lnsp_error *error) {
  lnsp_options read;
  API_OUT(out, error);
  API_NEED(delta, error);
  int32_t status = API_OPTIONS(options, LNSPI_OPTIONS_BLOCK, &read, error);
  if (status) return status;
  API_RETURN(lnspi_delta_invert(delta, &read, out, error));
}

int32_t lnsp_delta_merge(const lnsp_delta *const *deltas, int32_t count,
                         const lnsp_options *options, lnsp_delta **out, lnsp_error *error) {
  lnsp_options read;
  API_OUT(out, error);
  API_NEED(deltas, error);
  int32_t status = API_OPTIONS(options, LNSPI_OPTIONS_BLOCK, &read, error);
  if (status) return status;
  if (count < 1 || count > LNSPI_DELTA_STAGES)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, "count", "1 to %d deltas are merged, not %d",
                           LNSPI_DELTA_STAGES, (int)count);
  for (int32_t i = 0; i < count; i++)
    if (!deltas[i])
      return lnspi_error_set(error, LNSP_E_ARGUMENT, "deltas", "delta %d is NULL",
                             (int)(i + 1));
  API_RETURN(lnspi_delta_merge(deltas, count, &read, out, error));
}

/* Tensors that some stage is about: the union, since merged stages may select differently. */
static int32_t api_delta_selected(const lnsp_delta *delta) {
  int32_t count = 0;
  for (int32_t i = 0; i < delta->graph->weight_count; i++) {
    int any = 0;
    for (int32_t s = 0; s < delta->stage_count; s++) any |= delta->stages[s].tensors[i];
    count += any;
  }
  return count;
}

/* encoded_bytes is the size of the file, so it is computed as for saving: the header depends on
 * the stamp. A merged delta is exact only if all its stages are. */
int32_t lnsp_delta_get_info(const lnsp_delta *delta, lnsp_delta_info *out, lnsp_error *error) {
  lnsp_delta_info facts;
  uint64_t bytes = 0;
  API_NEED(delta, error);
  API_NEED(out, error);
  int32_t status = lnspi_delta_file_bytes(delta, &bytes, error);
  if (status) return status;
  memset(&facts, 0, sizeof facts);
  facts.exact = 1;
  for (int32_t s = 0; s < delta->stage_count; s++)
    facts.exact &= delta->stages[s].config.codec->exact;
  facts.parameter_count = delta->graph->parameter_count;
  facts.changed_count = delta->changed_count;
  facts.encoded_bytes = (int64_t)bytes;
  memcpy(facts.base_hash, delta->base, sizeof facts.base_hash);
  memcpy(facts.result_hash, delta->result, sizeof facts.result_hash);
  facts.codec = delta->codec;
  facts.stage_count = delta->stage_count;
  facts.selected_count = api_delta_selected(delta);
  facts.sender = delta->sender;
  facts.nonce = delta->nonce;
  facts.authenticated = delta->has_mac;
  return lnspi_struct_write(out, &facts, sizeof facts, "out", error);
}

void lnsp_delta_destroy(lnsp_delta *delta) { lnspi_delta_release(delta); }

/* ---- out ---- */

/* Writes the payload and ends the writer, which close has put in its place by then. opened: the
 * status of opening the writer, passed on if it failed. */
static int32_t api_delta_finish(const lnsp_delta *delta, int32_t opened, lnsp_writer *writer,
                                lnsp_error *error) {
  if (opened) return opened;
  int32_t status = lnspi_delta_file_write(delta, writer, error);
  lnsp_writer_destroy(writer);
  return status;
}

int32_t lnsp_delta_save(const lnsp_delta *delta, const char *path, lnsp_error *error) {
  lnspi_delta_file_header header;
  lnsp_writer *writer = NULL;
  API_NEED(delta, error);
  int32_t status = lnspi_delta_file_seal(delta, &header, error);
  if (status) return status;
  const lnsp_options options = lnspi_block_options(&delta->block);
  status = lnsp_writer_create(path, &header.tensor, 1, header.pairs, header.pair_count,
                              &options, &writer, error);
  return api_delta_finish(delta, status, writer, error);
}

/* A sink into the caller's memory, which was found large enough before. */
typedef struct api_delta_buffer {
  uint8_t *at; /* where the next byte goes */
  size_t left; /* bytes from there on */
} api_delta_buffer;

static int32_t api_delta_append(void *user, const void *from, size_t bytes) {
  api_delta_buffer *buffer = user;
  if (bytes > buffer->left) return 1;
  if (bytes) memcpy(buffer->at, from, bytes);
  buffer->at += bytes;
  buffer->left -= bytes;
  return 0;
}

int32_t lnsp_delta_save_memory(const lnsp_delta *delta, void *buffer, size_t capacity,
                               size_t *bytes, lnsp_error *error) {
  lnspi_delta_file_header header;
  lnsp_writer *writer = NULL;
  uint8_t room[LNSPI_DELTA_FILE_WRITER_BYTES]; /* so that nothing is allocated */
  uint64_t needed = 0;
  API_NEED(delta, error);
  if (capacity) API_NEED(buffer, error);
  int32_t status = lnspi_delta_file_bytes(delta, &needed, error);
  if (status) return status;
  if (bytes) *bytes = (size_t)needed;
  if (needed > capacity)
    return lnspi_error_set(error, LNSP_E_LIMIT, NULL,
                           "the delta takes %llu bytes, the buffer has %zu",
                           (unsigned long long)needed, capacity);
  status = lnspi_delta_file_seal(delta, &header, error);
  if (status) return status;
  api_delta_buffer to = {buffer, capacity};
  lnsp_sink sink = {(uint32_t)sizeof(lnsp_sink), &to, api_delta_append};
  lnsp_options options = LNSP_OPTIONS_INIT;
  options.block = room;
  options.block_bytes = sizeof room;
  status = lnsp_writer_create_sink(&sink, &header.tensor, 1, header.pairs, header.pair_count,
                                   &options, &writer, error);
  return api_delta_finish(delta, status, writer, error);
}

/* ---- in ---- */

/* Reads a delta and closes its file. opened: the status of opening it. */
static int32_t api_delta_read(int32_t opened, lnsp_file *file, const lnsp_options *options,
                              lnsp_delta **out, lnsp_error *error) {
  int32_t status = opened;
  if (!status) API_COMPUTE(status = lnspi_delta_file_read(file, options, out, error));
  lnsp_file_destroy(file);
  return status;
}

int32_t lnsp_delta_open(const char *path, const lnsp_options *options, lnsp_delta **out,
                        lnsp_error *error) {
  lnsp_options small, own;
  lnsp_file *file = NULL;
  API_OUT(out, error);
  API_NEED(path, error);
  int32_t status = API_SPLIT(options, LNSPI_OPTIONS_BLOCK, &small, &own, error);
  if (!status) status = lnsp_file_open(path, &small, &file, error);
  return api_delta_read(status, file, &own, out, error);
}

int32_t lnsp_delta_open_memory(const void *data, size_t bytes, const lnsp_options *options,
                               lnsp_delta **out, lnsp_error *error) {
  lnsp_options small, own;
  lnsp_file *file = NULL;
  API_OUT(out, error);
  API_NEED(data, error);
  int32_t status = API_SPLIT(options, LNSPI_OPTIONS_BLOCK, &small, &own, error);
  if (!status) status = lnsp_file_open_memory(data, bytes, &small, &file, error);
  return api_delta_read(status, file, &own, out, error);
}
