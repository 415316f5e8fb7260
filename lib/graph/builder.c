/* From lines to nodes: the parser of written-out texts, and the lines of named architectures.
 *
 * A text is run through the builder twice. The first run (graph == NULL) only counts: lines,
 * the most tensors each may declare, and the bytes of the text that the graph will keep. From
 * these counts follows how much memory the graph takes at most, which the caller then
 * provides, as part of whatever handle will own the graph. The second run fills it in. What a
 * line means (its inputs, widths and keys) is only checked in the second run, where earlier
 * nodes are known; the grammar is checked by both. No memory is allocated, nothing is
 * recursive, and every loop is bounded by the text or by a stated limit.
 *
 * A line goes through these steps: builder_statement tells `name = ...` from the output line;
 * builder_node looks the layer up, splits the words into inputs, sizes and keys
 * (builder_words), and checks the number of inputs; builder_make_node binds the inputs to
 * nodes and hands the line to the layer's define. Each key and size that define reads is
 * marked (arg.c), and a line with anything left over is refused: a misspelt key is an error
 * and never silently the default.
 *
 * A named architecture is one line too. Its emit reads its arguments with the same functions
 * (b->arguments then points at b->call instead of b->line) and gives lines as text
 * (LNSPI_LINE), which go through builder_statement like a user's. So there is one way to make
 * a node, and `lnsp info --graph` can print every network. Errors in such a line point at the
 * architecture's name, which is what the user wrote.
 *
 * A name may be bound again; builder_find takes the newest. When all lines are there, nodes
 * that no output needs are refused (builder_check_used), and lnspi_zero_grad_mark finds biases
 * whose gradient is exactly zero. */
#include "graph/builder.h"

#include <string.h>

#include "base/str.h"
#include "graph/arch/arch.h"
#include "graph/arg.h"
#include "graph/zero_grad.h"

static lnspi_token builder_here(lnspi_lexer *text) {
  lnspi_token word;
  (void)lnspi_lexer_peek(text);
  word.at = text->at;
  word.length = 0;
  word.line = text->line;
  word.column = text->column;
  return word;
}

/* Value and output names: a letter or _, then letters, digits and _. */
static void builder_check_name(lnspi_builder *b, lnspi_token word, const char *what) {
  char shown[48];
  int32_t i, good = word.length > 0;
  for (i = 0; i < word.length; i++) {
    const char c = word.at[i];
    const int letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!letter && (i == 0 || c < '0' || c > '9')) good = 0;
  }
  if (!good)
    LNSPI_BUILD_FAIL(b, LNSP_E_SYNTAX, word,
                     "'%s' cannot name %s: use letters, digits and _, a letter first",
                     lnspi_token_show(word, shown), what);
  else if (word.length >= LNSPI_VALUE_BYTES)
    LNSPI_BUILD_FAIL(b, LNSP_E_LIMIT, word, "'%s' is too long for %s: at most %d letters",
                     lnspi_token_show(word, shown), what, LNSPI_VALUE_BYTES - 1);
}

/* The latest node bound to a name, or -1. */
static int32_t builder_find(const lnspi_builder *b, lnspi_token word) {
  for (int32_t i = b->graph->node_count - 1; i >= 0; i--)
    if (lnspi_token_is(word, b->graph->nodes[i].name)) return i;
  return -1;
}

static int32_t builder_value(lnspi_builder *b, lnspi_token word) {
  char shown[48];
  const int32_t node = builder_find(b, word);
  if (node < 0)
    LNSPI_BUILD_FAIL(b, LNSP_E_UNKNOWN, word, "no earlier line has a value named '%s'",
                     lnspi_token_show(word, shown));
  return node;
}

/* ---- one line: words ---------------------------------------------------- */

static int builder_is_number(lnspi_token word) {
  const char c = word.length ? *word.at : 0;
  return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.';
}

/* After `op`: inputs, sizes, keys. */
static void builder_words(lnspi_builder *b, lnspi_lexer *text, lnspi_arguments *a) {
  char shown[48];
  for (;;) {
    const lnspi_lexer before = *text;
    const lnspi_token word = lnspi_lexer_next(text, "");
    if (word.length == 0) break;
    if (lnspi_lexer_peek(text) == '=') {
      *text = before;
      break;
    }
    if (builder_is_number(word)) {
      if (a->size_count == LNSPI_MAX_SIZES) {
        LNSPI_BUILD_FAIL(b, LNSP_E_LIMIT, word, "'%s' is one number too many (at most %d)",
                         lnspi_token_show(word, shown), LNSPI_MAX_SIZES);
        return;
      }
      a->size[a->size_count++] = word;
    } else if (a->size_count > 0) {
      LNSPI_BUILD_FAIL(b, LNSP_E_SYNTAX, word,
                       "'%s' comes after a size: write inputs, then sizes, then key=value",
                       lnspi_token_show(word, shown));
      return;
    } else {
      if (a->input_count == LNSPI_MAX_INPUTS) {
        LNSPI_BUILD_FAIL(b, LNSP_E_LIMIT, word, "'%s' is one input too many (at most %d)",
                         lnspi_token_show(word, shown), LNSPI_MAX_INPUTS);
        return;
      }
      a->input[a->input_count++] = word;
    }
  }
  b->status = lnspi_lexer_keys(text, "", a->key, LNSPI_MAX_KEYS, &a->key_count, b->error);
}

/* ---- one line: a node --------------------------------------------------- */

static void builder_check_inputs(lnspi_builder *b, const lnspi_layer *layer) {
  const lnspi_arguments *a = &b->line;
  if (a->input_count >= layer->inputs_low && a->input_count <= layer->inputs_high) return;
  LNSPI_BUILD_FAIL(b, LNSP_E_SYNTAX,
                   a->input_count > layer->inputs_high ? a->input[layer->inputs_high] : a->op,
                   "%s takes %d input%s, not %d: %s", layer->name, layer->inputs_low,
                   layer->inputs_low == 1 ? "" : "s", a->input_count, layer->help);
}

static void builder_make_node(lnspi_builder *b, lnspi_token name, int32_t index) {
  const lnspi_layer *layer = lnspi_layer_at(index);
  lnspi_arguments *a = &b->line;
  lnspi_node *node = &b->graph->nodes[b->graph->node_count];
  memset(node, 0, sizeof *node);
  for (int32_t i = 0; i < LNSPI_MAX_SLOTS; i++) node->slot[i] = -1;
  memcpy(node->name, name.at, (size_t)name.length);
  node->layer = index;
  node->input_count = a->input_count;
  for (int32_t i = 0; i < a->input_count; i++) node->input[i] = builder_value(b, a->input[i]);
  for (int32_t i = 0; i < a->input_count; i++)
    if (node->input[i] == 0 && b->graph->id_count && !layer->takes_ids)
      LNSPI_BUILD_FAIL(b, LNSP_E_SHAPE, a->input[i],
                       "'%s' holds ids, which only an embedding can read: put an embedding "
                       "line between them",
                       b->graph->nodes[0].name);
  if (b->status != LNSP_OK) return;
  node->every = node->input_count ? b->graph->nodes[node->input[0]].every : 1;
  layer->define(b, node);
  lnspi_arg_finish(b);
  if (b->status == LNSP_OK) b->graph->node_count++;
}

static void builder_node(lnspi_builder *b, lnspi_lexer *text, lnspi_token name) {
  int32_t index;
  const lnspi_layer *layer;
  b->line.op = lnspi_lexer_next(text, "");
  builder_check_name(b, name, "a value");
  if (b->line.op.length == 0)
    LNSPI_BUILD_FAIL(b, LNSP_E_SYNTAX, builder_here(text),
                     "a layer's name must follow '=', as in h = gelu h");
  if (b->status != LNSP_OK) return;
  lnspi_unknown op = {b->line.op, NULL, 0};
  index = lnspi_layer_find(&op);
  layer = lnspi_layer_at(index);
  if (!layer) {
    b->status = lnspi_unknown_refuse(&op, "layer", NULL, b->error);
    return;
  }
  b->line.help = layer->help;
  if (lnspi_str_length(layer->name) > (size_t)b->line.op.length) /* an old name was read */
    b->text_bytes += lnspi_str_length(layer->name) - (size_t)b->line.op.length;
  builder_words(b, text, &b->line);
  if (b->status == LNSP_OK) builder_check_inputs(b, layer);
  if ((layer->inputs_high == 0) != (b->node_count == 0))
    LNSPI_BUILD_FAIL(b, LNSP_E_SYNTAX, b->line.op,
                     layer->inputs_high
                         ? "the first line must be the input, as in x = input 384"
                         : "there is an input already: a network has one, in its first line");
  if (b->node_count == LNSPI_MAX_NODES)
    LNSPI_BUILD_FAIL(b, LNSP_E_LIMIT, name, "the network has more than %d lines, the limit",
                     LNSPI_MAX_NODES);
  if (b->status != LNSP_OK) return;
  b->node_count++;
  if (b->graph)
    builder_make_node(b, name, index);
  else
    b->weight_count += layer->weights ? layer->weights(b) : layer->weights_high;
}

/* ---- one line: the outputs ---------------------------------------------- */

static void builder_add_output(lnspi_builder *b, int32_t at, const lnspi_key *key) {
  lnspi_output *output = &b->graph->outputs[at];
  const int32_t node = builder_value(b, key->value);
  if (b->status != LNSP_OK) return;
  if (node == 0) {
    LNSPI_BUILD_FAIL(b, LNSP_E_SHAPE, key->value,
                     "this output is the input itself: give it a layer");
    return;
  }
  memset(output, 0, sizeof *output);
  memcpy(output->name, key->key.at, (size_t)key->key.length);
  output->node = node;
}

static void builder_outputs(lnspi_builder *b, lnspi_lexer *text, lnspi_token word) {
  lnspi_arguments *a = &b->line;
  int32_t i, first = -1, at = 1;
  a->op = word;
  b->status = lnspi_lexer_keys(text, "", a->key, LNSPI_MAX_OUTPUTS, &a->key_count, b->error);
  for (i = 0; i < a->key_count && b->status == LNSP_OK; i++) {
    builder_check_name(b, a->key[i].key, "an output");
    builder_check_name(b, a->key[i].value, "a value");
    if (lnspi_token_is(a->key[i].key, "output")) first = i;
  }
  if (first < 0)
    LNSPI_BUILD_FAIL(b, LNSP_E_MISSING, word,
                     "the output line must name the value of \"output\", as in output "
                     "output=o code=c");
  if (b->status != LNSP_OK) return;
  b->has_output = 1;
  if (!b->graph) return;
  for (i = 0; i < a->key_count && b->status == LNSP_OK; i++)
    builder_add_output(b, i == first ? 0 : at++, &a->key[i]);
  b->graph->output_count = a->key_count;
}

/* Name, `=`, layer, ... or the output line; text stays before the line's end. */
static void builder_statement(lnspi_builder *b, lnspi_lexer *text) {
  const char *start = text->at;
  lnspi_arguments *before = b->arguments;
  const lnspi_token word = lnspi_lexer_next(text, "");
  char shown[48];
  if (b->has_output) {
    LNSPI_BUILD_FAIL(b, LNSP_E_SYNTAX, word, "the output line must be the last one");
    return;
  }
  memset(&b->line, 0, sizeof b->line);
  b->arguments = &b->line;
  if (word.length == 0)
    LNSPI_BUILD_FAIL(b, LNSP_E_SYNTAX, builder_here(text),
                     "a line starts with a name, as in h = gelu h");
  else if (lnspi_lexer_take(text, '='))
    builder_node(b, text, word);
  else if (lnspi_token_is(word, "output"))
    builder_outputs(b, text, word);
  else
    LNSPI_BUILD_FAIL(b, LNSP_E_SYNTAX, word,
                     "'%s' must be followed by '=' and a layer, as in h = gelu h",
                     lnspi_token_show(word, shown));
  /* What is written back holds the same words, numbers perhaps spelt longer. */
  b->text_bytes += (uint64_t)(text->at - start) + 16 + 32 * (uint64_t)b->line.key_count;
  b->arguments = before;
}

void lnspi_builder_add_line(lnspi_builder *b, const char *line) {
  lnspi_lexer text;
  if (b->status != LNSP_OK || b->listing) return;
  lnspi_lexer_open(&text, line);
  builder_statement(b, &text);
  if (b->status != LNSP_OK && b->error) { /* the place in the user's text */
    b->error->line = b->call.op.line;
    b->error->column = b->call.op.column;
  }
}

/* ---- whole texts -------------------------------------------------------- */

static void builder_line_end(lnspi_builder *b, lnspi_lexer *text) {
  char shown[48];
  lnspi_lexer rest;
  lnspi_token word;
  if (b->status != LNSP_OK || lnspi_lexer_line_end(text)) return;
  rest = *text;
  word = lnspi_lexer_next(&rest, "");
  if (word.length == 0)
    LNSPI_BUILD_FAIL(b, LNSP_E_SYNTAX, word, "unexpected '%c': remove it",
                     lnspi_lexer_peek(&rest));
  else
    LNSPI_BUILD_FAIL(b, LNSP_E_SYNTAX, word,
                     "unexpected '%s': one line is name = layer inputs sizes key=value",
                     lnspi_token_show(word, shown));
}

/* "lnsp 1" and its lines. */
static void builder_written(lnspi_builder *b, lnspi_lexer *text) {
  const lnspi_token version = lnspi_lexer_next(text, "");
  char shown[48];
  if (!lnspi_token_is(version, "1"))
    LNSPI_BUILD_FAIL(b, LNSP_E_UNKNOWN, version,
                     "version '%s' of the text is not known: write \"lnsp 1\" first",
                     lnspi_token_show(version, shown));
  builder_line_end(b, text);
  while (b->status == LNSP_OK && !lnspi_lexer_at_end(text)) {
    builder_statement(b, text);
    builder_line_end(b, text);
  }
  if (!b->has_output && b->graph) /* not while counting: earlier faults come first */
    LNSPI_BUILD_FAIL(b, LNSP_E_MISSING, builder_here(text),
                     "the text ends without its last line, as in output output=o");
}

/* "student heads=8 ..." */
static void builder_named(lnspi_builder *b, lnspi_lexer *text, lnspi_token name) {
  lnspi_unknown word = {name, NULL, 0};
  const lnspi_arch *arch = lnspi_arch_at(lnspi_arch_find(&word));
  lnspi_arguments *a = &b->call;
  if (!arch) {
    b->status = lnspi_unknown_refuse(&word, "architecture", NULL, b->error);
    return;
  }
  a->op = name;
  a->help = arch->help;
  b->status = lnspi_lexer_keys(text, "", a->key, LNSPI_MAX_KEYS, &a->key_count, b->error);
  builder_line_end(b, text);
  if (!lnspi_lexer_at_end(text))
    LNSPI_BUILD_FAIL(b, LNSP_E_SYNTAX, builder_here(text),
                     "a named architecture is one line: nothing may follow it");
  if (b->status != LNSP_OK) return;
  b->named = 1;
  b->arguments = a;
  b->architecture = (lnspi_text){b->architecture_bytes, sizeof b->architecture_bytes, 0};
  lnspi_text_add(&b->architecture, "%s", arch->name);
  arch->emit(b);
  if (b->architecture.used >= b->architecture.capacity)
    LNSPI_BUILD_FAIL(b, LNSP_E_INTERNAL, name, "the architecture's text is too long");
  b->text_bytes = b->architecture.used + 1;
}

/* Where line number node (0: the input) of a written-out text starts. */
static lnspi_token builder_line_place(const lnspi_builder *b, int32_t node) {
  lnspi_lexer text;
  lnspi_token word;
  lnspi_lexer_open(&text, b->text);
  (void)lnspi_lexer_line_end(&text);
  for (int32_t i = -1;; i++) { /* -1: "lnsp 1" */
    word = lnspi_lexer_next(&text, "");
    if (i == node) return word;
    while (!lnspi_lexer_line_end(&text))
      if (!lnspi_lexer_take(&text, '=')) (void)lnspi_lexer_next(&text, "");
  }
}

/* Refuses a node that no output needs: it is most likely a slip. */
static void builder_check_used(lnspi_builder *b) {
  uint8_t used[LNSPI_MAX_NODES] = {0};
  const lnsp_graph *g = b->graph;
  for (int32_t i = 0; i < g->output_count; i++) used[g->outputs[i].node] = 1;
  for (int32_t i = g->node_count - 1; i >= 0; i--)
    if (used[i])
      for (int32_t j = 0; j < g->nodes[i].input_count; j++) used[g->nodes[i].input[j]] = 1;
  for (int32_t i = 0; i < g->node_count; i++)
    if (!used[i]) {
      LNSPI_BUILD_FAIL(
          b, LNSP_E_SYNTAX, b->named ? b->call.op : builder_line_place(b, i),
          "no output depends on '%s' of this line: use the value or remove the line",
          g->nodes[i].name);
      return;
    }
}

int32_t lnspi_builder_run(lnspi_builder *b) {
  lnspi_lexer text;
  lnspi_token word;
  if (lnspi_str_length(b->text) > LNSPI_MAX_TEXT)
    return b->status = lnspi_error_set(b->error, LNSP_E_LIMIT, NULL,
                                       "the architecture's text is longer than %d bytes",
                                       LNSPI_MAX_TEXT);
  lnspi_lexer_open(&text, b->text);
  (void)lnspi_lexer_line_end(&text);
  word = lnspi_lexer_next(&text, "");
  if (word.length == 0)
    LNSPI_BUILD_FAIL(b, LNSP_E_SYNTAX, builder_here(&text),
                     "the architecture's text must start with a name, such as student, or "
                     "with \"lnsp 1\"");
  else if (lnspi_token_is(word, "lnsp"))
    builder_written(b, &text);
  else
    builder_named(b, &text, word);
  if (b->status == LNSP_OK && b->graph) builder_check_used(b);
  if (b->status == LNSP_OK && b->graph) lnspi_zero_grad_mark(b->graph);
  return b->status;
}
