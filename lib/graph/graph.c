/* Graphs as data: their memory, copies, look-ups and counts.
 *
 * How large a graph is shows only when its text was read, and reading must not allocate. So the
 * builder runs over the text twice. Without a graph it checks the words of each line and
 * counts: nodes, tensors and an upper bound for the text's bytes. With one, in memory of that
 * size, it fills in nodes and weights, and checks inputs and shapes. The graph then takes only
 * what it needs (graph->bytes), which may be less: a tensor that two lines share is counted
 * twice, and the text may be shorter than its bound.
 *
 * The text that a graph keeps is not the one it was built from, but a canonical one, by which
 * files and stores recognise a network: a named architecture with all its arguments, or the
 * layers as graph_text.c writes them. lnspi_graph_equal does not look at it: it compares what
 * decides a result (layers, inputs, widths, arguments, tensors), and neither the names of
 * values nor how matrices are stored, which is each handle's own choice. */
#include "graph/graph.h"

#include <string.h>

#include "base/arena.h"
#include "base/checked.h"
#include "base/str.h"
#include "graph/builder.h"
#include "graph/graph_text.h"
#include "kernels/lowp.h"

#define GRAPH_STRUCT_BYTES 512 /* counted for struct lnsp_graph on every host */

static void graph_builder_open(lnspi_builder *b, const char *text, const lnspi_shapes *shapes,
                               lnsp_error *error) {
  memset(b, 0, sizeof *b);
  b->text = text;
  b->shapes = shapes;
  b->error = error;
}

/* Gives out the pieces of a graph's memory; the text comes last, and starts where
 * the weights that there are end. */
static lnsp_graph *graph_lay_out(lnspi_arena *arena, int32_t nodes, int32_t weights) {
  lnsp_graph *g = LNSPI_ARENA_STRUCT(arena, lnsp_graph, GRAPH_STRUCT_BYTES);
  void *node_memory = lnspi_arena_alloc(arena, (uint64_t)nodes, sizeof(lnspi_node));
  void *weight_memory = lnspi_arena_alloc(arena, (uint64_t)weights, sizeof(lnspi_weight));
  if (g) {
    memset(g, 0, sizeof *g);
    g->concepts_low = g->concepts_step = 1;
    g->nodes = node_memory;
    g->weights = weight_memory;
  }
  return g;
}

/* Bytes of a graph with its text; 0 if that is too much for this machine. */
static uint64_t graph_bytes(int32_t nodes, int32_t weights, uint64_t text_bytes) {
  lnspi_arena arena = {NULL, 0, UINT64_MAX, 0};
  uint64_t bytes = 0;
  (void)graph_lay_out(&arena, nodes, weights);
  (void)lnspi_arena_alloc(&arena, text_bytes, 1);
  return arena.failed || !lnspi_checked_align_up(arena.used, LNSPI_ALIGN, &bytes) ? 0 : bytes;
}

/* Counts lines, tensors and letters. */
static int32_t graph_count(lnspi_builder *b, uint64_t *bytes) {
  const int32_t status = lnspi_builder_run(b);
  if (status != LNSP_OK) return status;
  if (b->weight_count > LNSPI_MAX_WEIGHTS) b->weight_count = LNSPI_MAX_WEIGHTS;
  b->text_bytes += 16; /* the written-out text's first line and terminator */
  *bytes = graph_bytes(b->node_count, b->weight_count, b->text_bytes);
  return LNSP_OK;
}

int32_t lnspi_graph_measure(const char *text, const lnspi_shapes *shapes, uint64_t *bytes,
                            lnsp_error *error) {
  lnspi_builder b;
  graph_builder_open(&b, text, shapes, error);
  return graph_count(&b, bytes);
}

/* Keeps the architecture's text, and only as much memory as it needs. */
static int32_t graph_finish(lnsp_graph *g, const lnspi_builder *b, uint64_t text_bytes,
                            lnsp_error *error) {
  const uint64_t start = graph_bytes(g->node_count, g->weight_count, 0);
  size_t length;
  g->architecture = (char *)g + start;
  if (b->named) {
    length = b->architecture.used;
    memcpy(g->architecture, b->architecture.to, length + 1);
  } else {
    length = lnspi_graph_text_write(g, g->architecture, (size_t)text_bytes);
  }
  if (length >= text_bytes)
    return lnspi_error_set(
        error, LNSP_E_INTERNAL, NULL,
        "the written-out text is longer than computed: please report this as a bug");
  g->bytes = graph_bytes(g->node_count, g->weight_count, length + 1);
  lnspi_graph_set_storage(g, LNSP_F32);
  return LNSP_OK;
}

int32_t lnspi_graph_build(const char *text, const lnspi_shapes *shapes, void *memory,
                          uint64_t bytes, lnsp_graph **out, lnsp_error *error) {
  lnspi_builder b;
  lnspi_arena arena;
  lnsp_graph *g;
  uint64_t needed = 0, text_bytes;
  int32_t nodes, weights, status;
  *out = NULL;
  graph_builder_open(&b, text, shapes, error);
  status = graph_count(&b, &needed);
  if (status != LNSP_OK) return status;
  if (needed > bytes)
    return lnspi_error_set(error, LNSP_E_MEMORY, NULL,
                           "the graph needs %llu bytes, but was given %llu",
                           (unsigned long long)needed, (unsigned long long)bytes);
  nodes = b.node_count;
  weights = b.weight_count;
  text_bytes = b.text_bytes;
  memset(memory, 0, (size_t)needed);
  memset(&arena, 0, sizeof arena);
  arena.base = memory;
  arena.capacity = needed;
  g = graph_lay_out(&arena, nodes, weights);
  graph_builder_open(&b, text, shapes, error);
  b.graph = g;
  b.weight_count = weights;
  status = lnspi_builder_run(&b);
  if (status == LNSP_OK) status = graph_finish(g, &b, text_bytes, error);
  if (status == LNSP_OK) *out = g;
  return status;
}

lnsp_graph *lnspi_graph_move(const lnsp_graph *from, void *memory) {
  const size_t nodes = (size_t)((const char *)from->nodes - (const char *)from);
  const size_t weights = (size_t)((const char *)from->weights - (const char *)from);
  const size_t text = (size_t)((const char *)from->architecture - (const char *)from);
  lnsp_graph *g = memory;
  memmove(memory, from, (size_t)from->bytes);
  memset(&g->block, 0, sizeof g->block);
  g->nodes = (lnspi_node *)(void *)((char *)memory + nodes);
  g->weights = (lnspi_weight *)(void *)((char *)memory + weights);
  g->architecture = (char *)memory + text;
  return g;
}

/* Bytes of a weight in a state whose matrices have this type. */
static int64_t graph_weight_bytes(const lnspi_weight *w, int32_t type) {
  if (w->kind != LNSPI_MATRIX || type == LNSP_F32) return w->floats * (int64_t)sizeof(float);
  return w->parts * (int64_t)lnspi_lowp_bytes(type, w->dims[1], w->dims[0] / w->parts);
}

int64_t lnspi_graph_storage_bytes(const lnsp_graph *g, int32_t type) {
  int64_t bytes = 0;
  for (int32_t i = 0; i < g->weight_count; i++)
    bytes += graph_weight_bytes(&g->weights[i], type);
  return bytes;
}

void lnspi_graph_set_storage(lnsp_graph *g, int32_t type) {
  g->state_bytes = 0;
  for (int32_t i = 0; i < g->weight_count; i++) {
    lnspi_weight *w = &g->weights[i];
    w->type = w->kind == LNSPI_MATRIX ? type : LNSP_F32;
    w->bytes = graph_weight_bytes(w, type);
    w->at = g->state_bytes;
    g->state_bytes += w->bytes;
  }
}

int32_t lnspi_graph_storage(const lnsp_graph *g) {
  for (int32_t i = 0; i < g->weight_count; i++)
    if (g->weights[i].kind == LNSPI_MATRIX) return g->weights[i].type;
  return LNSP_F32;
}

int32_t lnspi_graph_find_weight(const lnsp_graph *g, const char *name) {
  for (int32_t i = 0; i < g->weight_count; i++)
    if (lnspi_str_equal(g->weights[i].name, name)) return i;
  return -1;
}

int32_t lnspi_graph_find_output(const lnsp_graph *g, const char *name) {
  for (int32_t i = 0; i < g->output_count; i++)
    if (lnspi_str_equal(g->outputs[i].name, name)) return i;
  return -1;
}

/* Arguments are compared as bytes: the builder zeroes a node first, padding included. */
static int graph_nodes_equal(const lnspi_node *a, const lnspi_node *b) {
  return a->layer == b->layer && a->input_count == b->input_count && a->width == b->width &&
         a->every == b->every && !memcmp(a->input, b->input, sizeof a->input) &&
         !memcmp(a->slot, b->slot, sizeof a->slot) &&
         !memcmp(&a->args, &b->args, sizeof a->args);
}

static int graph_weights_equal(const lnspi_weight *a, const lnspi_weight *b) {
  return lnspi_str_equal(a->name, b->name) && a->kind == b->kind && a->parts == b->parts &&
         a->fixed == b->fixed && a->rank == b->rank &&
         !memcmp(a->dims, b->dims, sizeof a->dims) && a->offset == b->offset;
}

int lnspi_graph_equal(const lnsp_graph *a, const lnsp_graph *b) {
  if (a->node_count != b->node_count || a->weight_count != b->weight_count ||
      a->output_count != b->output_count || a->id_count != b->id_count)
    return 0;
  for (int32_t i = 0; i < a->node_count; i++)
    if (!graph_nodes_equal(&a->nodes[i], &b->nodes[i])) return 0;
  for (int32_t i = 0; i < a->weight_count; i++)
    if (!graph_weights_equal(&a->weights[i], &b->weights[i])) return 0;
  for (int32_t i = 0; i < a->output_count; i++) {
    const int32_t other = lnspi_graph_find_output(b, a->outputs[i].name);
    if (other < 0 || b->outputs[other].node != a->outputs[i].node) return 0;
  }
  return 1;
}

int32_t lnspi_graph_check_concepts(const lnsp_graph *g, int64_t concepts, lnsp_error *error) {
  const long long n = (long long)concepts, low = (long long)g->concepts_low;
  const long long high = (long long)g->concepts_high, step = (long long)g->concepts_step;
  if (n >= low && (!high || n <= high) && n % step == 0) return LNSP_OK;
  if (low == high)
    return lnspi_error_set(error, LNSP_E_SHAPE, "input",
                           "this network takes rows of %lld concepts, not of %lld", low, n);
  if (n % step)
    return lnspi_error_set(
        error, LNSP_E_SHAPE, "input",
        "this network takes rows of a multiple of %lld concepts, not of %lld", step, n);
  if (n < low)
    return lnspi_error_set(error, LNSP_E_SHAPE, "input",
                           "this network takes rows of at least %lld concepts, not of %lld",
                           low, n);
  return lnspi_error_set(error, LNSP_E_SHAPE, "input",
                         "this network takes rows of at most %lld concepts, not of %lld", high,
                         n);
}

int64_t lnspi_graph_flops(const lnsp_graph *g, int64_t concepts) {
  int64_t sum = 0;
  for (int32_t i = 0; i < g->node_count; i++) {
    const lnspi_extent e = lnspi_layer_extent(g, &g->nodes[i], 1, concepts);
    sum += lnspi_layer_flops(&e);
  }
  return sum;
}

int lnspi_graph_tensor_alias(const char *name, int32_t index, char *to) {
  static const char *const prefixes[][2] = {
      {"layers.multi_head_attention.", "layers.multi_head_attention.attention."},
  };
  const int32_t count = (int32_t)(sizeof prefixes / sizeof *prefixes);
  for (int32_t i = 0; i < count; i++) {
    const size_t n = lnspi_str_length(prefixes[i][0]);
    if (lnspi_str_length(name) < n || memcmp(name, prefixes[i][0], n)) continue;
    if (index-- == 0)
      return lnspi_format(to, LNSPI_NAME_BYTES, "%s%s", prefixes[i][1], name + n) <
             LNSPI_NAME_BYTES;
  }
  return 0;
}

static int graph_ends(const char *name, const char *end) {
  const size_t n = lnspi_str_length(name), m = lnspi_str_length(end);
  return n >= m && lnspi_str_equal(name + n - m, end);
}

int lnspi_graph_ignores(const lnsp_graph *g, const char *name) {
  if (!g->id_count) return 0;
  return graph_ends(name, "embeddings.position_ids") ||
         graph_ends(name, "pooler.dense.weight") || graph_ends(name, "pooler.dense.bias");
}
