/* A graph written out as text, which the parser reads back to an equal graph. */
#include "graph/graph_text.h"

#include <string.h>

#include "base/str.h"
#include "graph/builder.h"

size_t lnspi_graph_text_tensor(const lnsp_graph *graph, const lnspi_node *node, int32_t slot,
                               const char *key, const char *suffix, char *to, size_t capacity,
                               size_t used) {
  char name[LNSPI_NAME_BYTES];
  const size_t cut = lnspi_str_length(suffix);
  memcpy(name, graph->weights[node->slot[slot]].name, sizeof name);
  name[lnspi_str_length(name) - cut] = 0;
  return LNSPI_APPEND(to, capacity, used, " %s=%s", key, name);
}

size_t lnspi_graph_text_weight(const lnsp_graph *graph, const lnspi_node *node, int32_t slot,
                               const char *suffix, char *to, size_t capacity, size_t used) {
  return lnspi_graph_text_tensor(graph, node, slot, "w", suffix, to, capacity, used);
}

static size_t graph_text_node(const lnsp_graph *graph, const lnspi_node *node, char *to,
                              size_t capacity, size_t used) {
  const lnspi_layer *layer = lnspi_layer_at(node->layer);
  char nowhere[1];
  int32_t i;
  used = LNSPI_APPEND(to, capacity, used, "%s = %s", node->name, layer->name);
  for (i = 0; i < node->input_count; i++)
    used = LNSPI_APPEND(to, capacity, used, " %s", graph->nodes[node->input[i]].name);
  if (layer->write)
    used += used < capacity ? layer->write(graph, node, to + used, capacity - used)
                            : layer->write(graph, node, nowhere, 1);
  return LNSPI_APPEND(to, capacity, used, "\n");
}

size_t lnspi_graph_text_write(const lnsp_graph *graph, char *buffer, size_t capacity) {
  size_t used = LNSPI_APPEND(buffer, capacity, (size_t)0, "lnsp 1\n");
  int32_t i;
  for (i = 0; i < graph->node_count; i++)
    used = graph_text_node(graph, &graph->nodes[i], buffer, capacity, used);
  used = LNSPI_APPEND(buffer, capacity, used, "output");
  for (i = 0; i < graph->output_count; i++)
    used = LNSPI_APPEND(buffer, capacity, used, " %s=%s", graph->outputs[i].name,
                        graph->nodes[graph->outputs[i].node].name);
  return LNSPI_APPEND(buffer, capacity, used, "\n");
}

static lnspi_token graph_text_word(const char *text) {
  lnspi_token word = {text, 0, 0, 0};
  while (text[word.length] && text[word.length] != ' ' && text[word.length] != '\n')
    word.length++;
  return word;
}

/* Such a text has one blank or newline between its words, and a layer's name after "=". */
int lnspi_graph_text_same(const char *a, const char *b) {
  for (int is_layer = 0;; a++, b++) {
    const lnspi_token x = graph_text_word(a), y = graph_text_word(b);
    const int equal = x.length == y.length && !memcmp(a, b, (size_t)x.length);
    const int32_t layer = is_layer && !equal ? lnspi_layer_find(x) : -1;
    if (!equal && (layer < 0 || layer != lnspi_layer_find(y))) return 0;
    is_layer = lnspi_token_is(x, "=");
    a += x.length;
    b += y.length;
    if (*a != *b) return 0;
    if (!*a) return 1;
  }
}
