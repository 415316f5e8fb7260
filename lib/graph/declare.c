/* Declarations of a layer, through the builder: its tensors, and the lengths of its
 * inputs.
 *
 * A tensor is declared by shape and use, under the line's w=NAME and the layer's suffix. Lines
 * with the same name and the same shape share one tensor; that is how a weight is used at two
 * places. Each new tensor gets the next offset in the state, padded to 16 floats, and so the
 * order of declaration is the order of everything that is ever written of a model. Changing it
 * in a layer would change the hashes of all models that have the layer.
 *
 * A graph also knows which numbers of concepts per row it can take, as a range and a step. It
 * starts as "any", and every layer that cares narrows it (lnspi_declare_concepts): a table of
 * 100 positions says at most 100, chunks of 10 say multiples of 10, flatten says exactly n. A
 * line that leaves no number at all is refused there, and a batch that does not fit is refused
 * before anything runs. */
#include "graph/declare.h"

#include <math.h>
#include <string.h>

#include "base/str.h"
#include "graph/arg.h"
#include "graph/arg_key.h"
#include "graph/builder.h"

/* ---- lengths ------------------------------------------------------------ */

void lnspi_declare_same_length(lnspi_builder *b, const lnspi_node *node) {
  const lnspi_node *nodes = b->graph->nodes;
  if (b->status != LNSP_OK) return;
  for (int32_t i = 1; i < node->input_count; i++)
    if (nodes[node->input[i]].every != nodes[node->input[0]].every)
      LNSPI_BUILD_FAIL(
          b, LNSP_E_SHAPE, b->line.input[i],
          "'%s' and '%s' have different numbers of rows per sequence: use last, mean "
          "or repeat",
          nodes[node->input[0]].name, nodes[node->input[i]].name);
}

void lnspi_declare_pairwise(lnspi_builder *b, lnspi_node *node) {
  const lnspi_node *first = &b->graph->nodes[node->input[0]];
  const lnspi_node *second = &b->graph->nodes[node->input[1]];
  char op[48];
  node->width = first->width;
  lnspi_declare_same_length(b, node);
  if (first->width != second->width)
    LNSPI_BUILD_FAIL(b, LNSP_E_SHAPE, b->line.input[1],
                     "%s needs equal widths: '%s' has %lld, '%s' has %lld",
                     lnspi_token_show(b->line.op, op), first->name, (long long)first->width,
                     second->name, (long long)second->width);
}

static int64_t declare_common_divisor(int64_t a, int64_t b) { /* greatest divisor */
  while (b) {
    const int64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

void lnspi_declare_concepts(lnspi_builder *b, int64_t low, int64_t high, int64_t step) {
  lnsp_graph *g = b->graph;
  if (b->status != LNSP_OK) return;
  if (low > g->concepts_low) g->concepts_low = low;
  if (high && (!g->concepts_high || high < g->concepts_high)) g->concepts_high = high;
  g->concepts_step = g->concepts_step / declare_common_divisor(g->concepts_step, step) * step;
  if (g->concepts_low < g->concepts_step) g->concepts_low = g->concepts_step;
  g->concepts_low =
      (g->concepts_low + g->concepts_step - 1) / g->concepts_step * g->concepts_step;
  if (g->concepts_low > LNSPI_MAX_CONCEPTS)
    LNSPI_BUILD_FAIL(b, LNSP_E_LIMIT, b->line.op,
                     "rows would need at least %lld concepts, in multiples of %lld: at most %d",
                     (long long)g->concepts_low, (long long)g->concepts_step,
                     LNSPI_MAX_CONCEPTS);
  if (g->concepts_high && g->concepts_low > g->concepts_high)
    LNSPI_BUILD_FAIL(
        b, LNSP_E_SHAPE, b->line.op,
        "no number of concepts per row fits this layer and the earlier ones: it would "
        "be at least %lld, at most %lld and a multiple of %lld",
        (long long)g->concepts_low, (long long)g->concepts_high, (long long)g->concepts_step);
}

/* ---- tensors ------------------------------------------------------------ */

/* The name NAME + suffix of the line's w=NAME (word: "w"); 0 after a failure. */
static int declare_tensor_name(lnspi_builder *b, const char *word, const char *suffix,
                               char name[LNSPI_NAME_BYTES]) {
  const lnspi_key *key = lnspi_arg_use(b, word);
  size_t used = lnspi_str_length(suffix);
  if (!key) {
    LNSPI_BUILD_FAIL(b, LNSP_E_MISSING, b->arguments->op,
                     "%s=NAME is missing, the name of this layer's tensors in the file: %s",
                     word, b->arguments->help);
    return 0;
  }
  for (int32_t i = 0; i < key->value.length; i++)
    if (key->value.at[i] < '!' || key->value.at[i] > '~' || key->value.at[i] == '"' ||
        key->value.at[i] == '\\') {
      LNSPI_BUILD_FAIL(b, LNSP_E_SYNTAX, key->value,
                       "%s= must be plain ASCII without blanks, quotes and backslashes", word);
      return 0;
    }
  if ((size_t)key->value.length + used >= LNSPI_NAME_BYTES) {
    LNSPI_BUILD_FAIL(b, LNSP_E_LIMIT, key->value,
                     "the tensor's name would have %d letters: at most %d",
                     (int)(key->value.length + (int32_t)used), LNSPI_NAME_BYTES - 1);
    return 0;
  }
  memset(name, 0, LNSPI_NAME_BYTES);
  memcpy(name, key->value.at, (size_t)key->value.length);
  memcpy(name + key->value.length, suffix, used);
  return 1;
}

static int declare_same_shape(const lnspi_weight *a, const lnspi_weight *b) {
  if (a->kind != b->kind || a->parts != b->parts || a->rank != b->rank || a->fixed != b->fixed)
    return 0;
  for (int32_t i = 0; i < a->rank; i++)
    if (a->dims[i] != b->dims[i]) return 0;
  return 1;
}

static int64_t declare_round16(int64_t n) { return (n + 15) & ~(int64_t)15; }

/* Elements, and floats in the state. */
static void declare_lay_out(lnspi_weight *w) {
  w->count = 1;
  for (int32_t i = 0; i < w->rank; i++) w->count *= w->dims[i];
  if (w->kind == LNSPI_MATRIX)
    w->floats = w->parts * declare_round16(w->dims[0] / w->parts) * w->dims[1];
  else
    w->floats = w->parts * declare_round16(w->count / w->parts);
}

void lnspi_declare_tensor(lnspi_builder *b, lnspi_node *node, int32_t slot, const char *word,
                          const char *suffix, const lnspi_weight *shape) {
  char name[LNSPI_NAME_BYTES];
  lnsp_graph *g = b->graph;
  lnspi_weight *w;
  int32_t found;
  if (b->listing) {
    lnspi_arg_key_name(b, word);
    return;
  }
  if (b->status != LNSP_OK || !declare_tensor_name(b, word, suffix, name)) return;
  found = lnspi_graph_find_weight(g, name);
  if (found >= 0) {
    node->slot[slot] = found;
    if (!declare_same_shape(&g->weights[found], shape))
      LNSPI_BUILD_FAIL(b, LNSP_E_SHAPE, lnspi_arg_place(b, word),
                       "tensor '%s' was declared before with another shape or use: only "
                       "equal layers can share a tensor",
                       name);
    return;
  }
  if (g->weight_count == LNSPI_MAX_WEIGHTS || g->weight_count == b->weight_count) {
    LNSPI_BUILD_FAIL(b, LNSP_E_LIMIT, b->arguments->op,
                     "the network has more than %d tensors, the limit", LNSPI_MAX_WEIGHTS);
    return;
  }
  w = &g->weights[g->weight_count];
  *w = *shape;
  memcpy(w->name, name, sizeof w->name);
  declare_lay_out(w);
  w->offset = g->state_floats;
  g->state_floats += w->floats;
  if (!w->fixed) g->parameter_count += w->count;
  node->slot[slot] = g->weight_count++;
}

void lnspi_declare_weight(lnspi_builder *b, lnspi_node *node, int32_t slot, const char *suffix,
                          const lnspi_weight *shape) {
  lnspi_declare_tensor(b, node, slot, "w", suffix, shape);
}

lnspi_weight lnspi_declare_flat_shape(int64_t rows, int64_t columns, int32_t init,
                                      float amount) {
  lnspi_weight shape;
  memset(&shape, 0, sizeof shape);
  shape.kind = LNSPI_FLAT;
  shape.parts = 1;
  shape.init = init;
  shape.amount = amount;
  shape.rank = columns ? 2 : 1;
  shape.dims[0] = rows;
  shape.dims[1] = columns;
  return shape;
}

lnspi_weight lnspi_declare_matrix_shape(int32_t parts, int64_t out, int64_t in, float amount) {
  lnspi_weight shape = lnspi_declare_flat_shape(parts * out, in, LNSPI_INIT_UNIFORM, amount);
  shape.kind = LNSPI_MATRIX;
  shape.parts = parts;
  return shape;
}

void lnspi_declare_linear(lnspi_builder *b, lnspi_node *node, int32_t slot,
                          const char *const suffix[2], int64_t out, int64_t in) {
  const float amount = (float)(1.0 / sqrt((double)in));
  const lnspi_weight matrix = lnspi_declare_matrix_shape(1, out, in, amount);
  const lnspi_weight bias = lnspi_declare_flat_shape(out, 0, LNSPI_INIT_UNIFORM, amount);
  lnspi_declare_weight(b, node, slot, suffix[0], &matrix);
  lnspi_declare_weight(b, node, slot + 1, suffix[1], &bias);
}
