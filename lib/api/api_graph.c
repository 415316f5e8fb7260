/* lnsp_graph_*: networks without weights.
 *
 * A graph is one block that holds its nodes, tensors, names and text, and points only into
 * itself, so that a copy is one move (lnspi_graph_move) and models and trainers keep a copy of
 * their own. The size of the block is found by building the graph once without keeping it
 * (lnspi_graph_measure); the second time it is built in place. graph->bytes remembers that
 * size, since every handle that is made of the graph reserves as much for its copy.
 *
 * A text that leaves sizes open needs the shapes of a file: lnsp_graph_open_file gives the
 * parser a function that looks them up by name, under the prefix of the options. Only there
 * can the storage type come from the file too.
 *
 * A graph never changes after it was given out, so its functions are safe on any thread and
 * take no lock. Those that return a number or a string say 0 or NULL for a NULL graph, those
 * with a status refuse it. */
#include <string.h>

#include "api/api.h"
#include "base/str.h"
#include "base/struct.h"
#include "format/dtype.h"
#include "graph/graph_text.h"
#include "run/file_arch.h"
#include "run/batch.h"
#include "run/load.h"

#define API_GRAPH_CONCEPTS 65536 /* for lnsp_graph_flops: beyond it sums could overflow */

/* Builds the graph in a block of its own, which the graph itself keeps and destroy frees. The
 * text is not needed after that. options: already read. */
static int32_t api_graph_open(const char *text, const lnspi_shapes *shapes,
                              const lnsp_options *options, lnsp_graph **out,
                              lnsp_error *error) {
  lnspi_block block;
  lnsp_graph *graph = NULL;
  uint64_t bytes = 0;
  int32_t status = lnspi_graph_measure(text, shapes, &bytes, error);
  if (!status) status = lnspi_block_open(&block, options, bytes, error);
  if (status) return status;
  status = lnspi_graph_build(text, shapes, block.memory, bytes, &graph, error);
  if (status) {
    lnspi_block_close(&block);
    return status;
  }
  graph->block = block;
  graph->bytes = bytes; /* what a handle made from the same text takes for its copy */
  if (options->storage) lnspi_graph_set_storage(graph, options->storage);
  *out = graph;
  return LNSP_OK;
}

LNSP_API int32_t lnsp_graph_create(const char *text, const lnsp_options *options,
                                   lnsp_graph **out, lnsp_error *error) {
  lnsp_options read;
  API_OUT(out, error);
  API_NEED(text, error);
  int32_t status =
      API_OPTIONS(options, LNSPI_OPTIONS_BLOCK | LNSPI_OPTIONS_STORAGE, &read, error);
  if (status) return status;
  API_RETURN(api_graph_open(text, NULL, &read, out, error));
}

LNSP_API int32_t lnsp_graph_open_file(lnsp_file *file, const lnsp_options *options,
                                      lnsp_graph **out, lnsp_error *error) {
  lnspi_file_shapes shapes;
  lnsp_options read;
  const char *text = NULL;
  API_OUT(out, error);
  API_NEED(file, error);
  int32_t status =
      API_OPTIONS(options, LNSPI_OPTIONS_NET | LNSPI_OPTIONS_STORAGE, &read, error);
  if (!status) status = lnspi_file_arch_text(file, &read, &text, error);
  if (status) return status;
  lnspi_file_arch_shapes(&shapes, file, read.prefix);
  API_COMPUTE(status = api_graph_open(text, &shapes.shapes, &read, out, error));
  if (!status && !read.storage)
    lnspi_graph_set_storage(*out, lnspi_load_type(file, *out, read.prefix));
  return status;
}

/* The storage type of a graph is a property of its weights' places, so a converted graph is a
 * copy of the same size with the places computed again. */
LNSP_API int32_t lnsp_graph_convert(const lnsp_graph *graph, int32_t storage,
                                    const lnsp_options *options, lnsp_graph **out,
                                    lnsp_error *error) {
  lnspi_block block;
  lnsp_options read;
  API_OUT(out, error);
  API_NEED(graph, error);
  int32_t status = API_OPTIONS(options, LNSPI_OPTIONS_BLOCK, &read, error);
  if (!status) status = lnspi_dtype_check_storage(storage, error);
  if (!status) status = lnspi_block_open(&block, &read, graph->bytes, error);
  if (status) return status;
  *out = lnspi_graph_move(graph, block.memory);
  (*out)->block = block;
  lnspi_graph_set_storage(*out, storage);
  return LNSP_OK;
}

LNSP_API int32_t lnsp_graph_storage(const lnsp_graph *graph) {
  return graph ? lnspi_graph_storage(graph) : LNSP_F32;
}

LNSP_API int64_t lnsp_graph_parameter_count(const lnsp_graph *graph) {
  return graph ? graph->parameter_count : 0;
}

LNSP_API int32_t lnsp_graph_tensor_count(const lnsp_graph *graph) {
  return graph ? graph->weight_count : 0;
}

LNSP_API int32_t lnsp_graph_tensor_at(const lnsp_graph *graph, int32_t index, lnsp_tensor *out,
                                      lnsp_error *error) {
  API_NEED(graph, error);
  API_NEED(out, error);
  if (index < 0 || index >= graph->weight_count)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                           "there is no tensor number %d: the graph has %d, counted from 0",
                           index, graph->weight_count);
  const lnspi_weight *weight = &graph->weights[index];
  memset(out, 0, sizeof *out);
  out->name = weight->name;
  out->dtype = LNSP_F32;
  out->rank = weight->rank;
  memcpy(out->dims, weight->dims, sizeof out->dims);
  return LNSP_OK;
}

LNSP_API int32_t lnsp_graph_tensor_trained(const lnsp_graph *graph, int32_t index) {
  return graph && index >= 0 && index < graph->weight_count && !graph->weights[index].fixed;
}

LNSP_API const char *lnsp_graph_input_name(const lnsp_graph *graph, int64_t *id_count) {
  const char *name = graph ? lnspi_batch_input_name(graph) : NULL;
  if (id_count) *id_count = graph ? graph->id_count : 0;
  return name;
}

LNSP_API int32_t lnsp_graph_concept_range(const lnsp_graph *graph, int64_t *low, int64_t *high,
                                          int64_t *step, lnsp_error *error) {
  API_NEED(graph, error);
  if (low) *low = graph->concepts_low;
  if (high) *high = graph->concepts_high;
  if (step) *step = graph->concepts_step;
  return LNSP_OK;
}

/* An output has three dimensions if its value has a row for each concept (node.every) and the
 * input has them too; otherwise one vector a row. How many concepts come out of how many that
 * go in is lnspi_graph_rows: layers may shorten or lengthen a sequence. The strides stay 0:
 * the caller asks this to allocate a contiguous array. */
LNSP_API int32_t lnsp_graph_output_shape(const lnsp_graph *graph, int32_t index,
                                         const lnsp_tensor *input, lnsp_tensor *out,
                                         lnsp_error *error) {
  int32_t status = lnsp_graph_output_at(graph, index, out, error);
  if (status) return status;
  API_NEED(input, error);
  const int ids = lnspi_str_equal(lnspi_batch_input_name(graph), "ids");
  const int32_t rank = input->rank;
  const int64_t concepts = ids || rank == 3 ? input->dims[1] : 1, width = out->dims[0];
  const int32_t node = graph->outputs[index].node;
  if (ids ? rank != 2 : rank != 2 && rank != 3)
    return lnspi_error_set(error, LNSP_E_SHAPE, input->name, "the input has rank %d: give %s",
                           rank,
                           ids ? "[rows, concepts]"
                               : "[rows, width] or [rows, concepts, width]");
  if (input->dims[0] < 1 || concepts < 1)
    return lnspi_error_set(error, LNSP_E_SHAPE, input->name, "the input is empty");
  status = lnspi_graph_check_concepts(graph, concepts, error);
  if (status) return status;
  out->dims[0] = input->dims[0];
  out->rank = graph->nodes[node].every && (ids || rank == 3) ? 3 : 2;
  out->dims[1] = lnspi_graph_rows(graph, node, concepts);
  out->dims[out->rank - 1] = width;
  return LNSP_OK;
}

LNSP_API int64_t lnsp_graph_input_width(const lnsp_graph *graph) {
  return graph ? graph->nodes[0].width : 0;
}

LNSP_API int32_t lnsp_graph_output_count(const lnsp_graph *graph) {
  return graph ? graph->output_count : 0;
}

LNSP_API int32_t lnsp_graph_output_at(const lnsp_graph *graph, int32_t index, lnsp_tensor *out,
                                      lnsp_error *error) {
  API_NEED(graph, error);
  API_NEED(out, error);
  if (index < 0 || index >= graph->output_count)
    return lnspi_error_set(error, LNSP_E_ARGUMENT, NULL,
                           "there is no output number %d: the graph has %d, counted from 0",
                           index, graph->output_count);
  const lnspi_output *output = &graph->outputs[index];
  memset(out, 0, sizeof *out);
  out->name = output->name;
  out->dtype = LNSP_F32;
  out->rank = 1;
  out->dims[0] = graph->nodes[output->node].width;
  return LNSP_OK;
}

LNSP_API int64_t lnsp_graph_flops(const lnsp_graph *graph, int64_t concepts) {
  if (!graph || concepts < 1 || concepts > API_GRAPH_CONCEPTS ||
      lnspi_graph_check_concepts(graph, concepts, NULL) != LNSP_OK)
    return 0;
  return lnspi_graph_flops(graph, concepts);
}

LNSP_API const char *lnsp_graph_architecture(const lnsp_graph *graph) {
  return graph ? graph->architecture : NULL;
}

/* Writes the text twice, as with snprintf: into one byte to learn its length, then into the
 * buffer, which is not touched if it is too small. */
LNSP_API int32_t lnsp_graph_text(const lnsp_graph *graph, char *buffer, size_t capacity,
                                 size_t *needed_bytes, lnsp_error *error) {
  char nowhere[1];
  API_NEED(graph, error);
  if (capacity) API_NEED(buffer, error);
  const size_t needed = lnspi_graph_text_write(graph, nowhere, sizeof nowhere) + 1;
  if (needed_bytes) *needed_bytes = needed;
  if (needed > capacity)
    return lnspi_error_set(error, LNSP_E_LIMIT, NULL,
                           "the text takes %zu bytes, the buffer holds %zu: give a larger one",
                           needed, capacity);
  (void)lnspi_graph_text_write(graph, buffer, capacity);
  return LNSP_OK;
}

LNSP_API void lnsp_graph_destroy(lnsp_graph *graph) {
  if (graph) lnspi_block_close(&graph->block);
}
