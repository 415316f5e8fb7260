/* A graph written out as text, which the parser reads back to an equal graph.
 *
 * The text is canonical: one blank between words, sizes before keys, keys only where they
 * differ from the default, numbers in their shortest exact form, one line per node. It is what
 * `lnsp info --graph` prints, and what a graph made from a written-out text keeps, and saves.
 * Each layer writes its own sizes and keys (lnspi_layer.write); a key that define reads and
 * write forgets would be lost on the way, which the round trip of all examples in the tests
 * finds. */
#include "graph/graph_text.h"

#include <string.h>

#include "base/decimal.h"
#include "base/error.h"
#include "base/str.h"
#include "graph/layer.h"

void lnspi_graph_text_tensor(const lnsp_graph *graph, const lnspi_node *node, int32_t slot,
                             const char *key, const char *suffix, lnspi_text *text) {
  char name[LNSPI_NAME_BYTES];
  const size_t cut = lnspi_str_length(suffix);
  memcpy(name, graph->weights[node->slot[slot]].name, sizeof name);
  name[lnspi_str_length(name) - cut] = 0;
  lnspi_text_add(text, " %s=%s", key, name);
}

void lnspi_graph_text_weight(const lnsp_graph *graph, const lnspi_node *node, int32_t slot,
                             const char *suffix, lnspi_text *text) {
  lnspi_graph_text_tensor(graph, node, slot, "w", suffix, text);
}

void lnspi_graph_text_real(lnspi_text *text, const char *key, float value, double usual) {
  char number[32];
  if (lnspi_float_bits(value) == lnspi_float_bits((float)usual)) return;
  lnspi_decimal_write(value, number);
  lnspi_text_add(text, " %s=%s", key, number);
}

static void graph_text_node(const lnsp_graph *graph, const lnspi_node *node, lnspi_text *text) {
  const lnspi_layer *layer = lnspi_layer_at(node->layer);
  lnspi_text_add(text, "%s = %s", node->name, layer->name);
  for (int32_t i = 0; i < node->input_count; i++)
    lnspi_text_add(text, " %s", graph->nodes[node->input[i]].name);
  if (layer->write) layer->write(graph, node, text);
  lnspi_text_add(text, "\n");
}

size_t lnspi_graph_text_write(const lnsp_graph *graph, char *buffer, size_t capacity) {
  lnspi_text text = {buffer, capacity, 0};
  lnspi_text_add(&text, "lnsp 1\n");
  for (int32_t i = 0; i < graph->node_count; i++)
    graph_text_node(graph, &graph->nodes[i], &text);
  lnspi_text_add(&text, "output");
  for (int32_t i = 0; i < graph->output_count; i++)
    lnspi_text_add(&text, " %s=%s", graph->outputs[i].name,
                   graph->nodes[graph->outputs[i].node].name);
  lnspi_text_add(&text, "\n");
  return text.used;
}

static lnspi_token graph_text_word(const char *text) {
  lnspi_token word = {text, 0, 0, 0};
  while (text[word.length] && text[word.length] != ' ' && text[word.length] != '\n')
    word.length++;
  return word;
}

/* Moves to the first word, or the end of a line, that is another one; 1 at the texts' end. Such
 * a text has one blank or newline between its words, and a layer's name after "=". */
static int graph_text_compare(const char **a, const char **b) {
  for (int is_layer = 0;; ++*a, ++*b) {
    const lnspi_token x = graph_text_word(*a), y = graph_text_word(*b);
    const int equal = x.length == y.length && !memcmp(x.at, y.at, (size_t)x.length);
    lnspi_unknown one = {x, NULL, 0}, other = {y, NULL, 0};
    const int32_t layer = is_layer && !equal ? lnspi_layer_find(&one) : -1;
    if (!equal && (layer < 0 || layer != lnspi_layer_find(&other))) return 0;
    is_layer = lnspi_token_is(x, "=");
    *a += x.length;
    *b += y.length;
    if (**a != **b) return 0;
    if (!**a) return 1;
  }
}

int lnspi_graph_text_same(const char *a, const char *b) { return graph_text_compare(&a, &b); }

/* The word there if it is key=value, otherwise its line. */
static lnspi_token graph_text_part(const char *text, const char *at) {
  lnspi_token part = graph_text_word(at);
  if (lnspi_token_split(part, '=', 1).length) return part;
  while (part.at > text && part.at[-1] != '\n') part.at--;
  for (part.length = 0; part.at[part.length] && part.at[part.length] != '\n';) part.length++;
  return part;
}

int32_t lnspi_graph_text_refuse(int32_t code, const char *name, const char *what,
                                const char *its, const char *needed, lnsp_error *error) {
  const char *a = its, *b = needed;
  char has[48], needs[48];
  (void)graph_text_compare(&a, &b);
  return lnspi_error_set(error, code, name,
                         "%s is for another network, with '%s': give one with '%s'", what,
                         lnspi_token_show(graph_text_part(its, a), has),
                         lnspi_token_show(graph_text_part(needed, b), needs));
}
