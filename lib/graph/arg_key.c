/* The keys of a layer or an architecture, with ranges and defaults.
 *
 * They are in no table: a layer's define and an architecture's emit ask for them one after the
 * other (arg.c). So that a list can never say anything else than what is accepted, listing
 * runs the same code on a builder that builds nothing: each question is noted, and answered so
 * that the next one comes. The inputs of a layer are vectors of some width.
 *
 * It runs twice. In the first round each key gets its default. In the second one each gets
 * another value, of a layer the highest: a default or a range that changes then depends on
 * other values, and the range that is listed is the union of both. */
#include "graph/arg_key.h"

#include <string.h>

#include "base/decimal.h"
#include "base/min_max.h"
#include "base/setting.h"
#include "base/str.h"
#include "graph/arg.h"

#define ARG_KEY_WIDTH 16 /* of the inputs in the first round, twice that in the second */

/* The info if this is the key that is wanted: by its number among the different ones. */
static lnsp_key_info *arg_key_wanted(lnspi_builder *b, const char *key) {
  lnspi_arguments *a = b->arguments;
  int32_t i = 0;
  b->status = LNSP_OK; /* a value that does not fit the others is no reason to stop */
  while (i < a->asked_count && !lnspi_str_equal(a->asked[i], key)) i++;
  if (i == a->asked_count && i < LNSPI_MAX_KEYS) a->asked[a->asked_count++] = key;
  return i == b->listing->wanted ? b->listing->info : NULL;
}

static void arg_key_note(lnspi_builder *b, const char *key, int32_t type, double low,
                         double high, const char *initial) {
  lnsp_key_info *info = arg_key_wanted(b, key);
  const int again = info && info->type;
  if (!info) return;
  if (!again) {
    lnspi_setting_start(info, key, type);
    info->low = low;
    info->high = high;
    if (!initial && !b->listing->given) info->flags = LNSP_KEY_REQUIRED;
    if (b->listing->round) info->flags |= LNSP_KEY_DEPENDS; /* only with other values */
    lnspi_format(info->initial, sizeof info->initial, "%s", initial ? initial : "");
    if (b->listing->given)
      lnspi_format(info->needs, sizeof info->needs, "%s", b->listing->given);
  } else if (low < info->low || high > info->high || low > info->low || high < info->high ||
             (initial && !lnspi_str_equal(initial, info->initial))) {
    info->flags |= LNSP_KEY_DEPENDS;
    if (low < info->low) info->low = low;
    if (high > info->high) info->high = high;
    if (type == LNSP_KEY_REAL) *info->initial = 0; /* on the inputs' width */
  }
}

double lnspi_arg_key_number(lnspi_builder *b, const char *key, int32_t type, double low,
                            double high, double initial) {
  char text[32];
  lnspi_decimal_write((float)initial, text);
  if (type == LNSP_KEY_WHOLE && low >= 0 && low < 1 && high > 0 && high <= 1)
    type = LNSP_KEY_FLAG;
  arg_key_note(b, key, type, low, high, initial < low ? NULL : text);
  if (!b->listing->round) return initial < low ? low : initial;
  if (b->graph) return high;
  initial = initial > 0 ? 2 * initial : 1;
  return initial > high ? low : initial;
}

int32_t lnspi_arg_key_word(lnspi_builder *b, const char *key, const char *words,
                           int32_t initial) {
  const lnspi_token all = {words, (int32_t)lnspi_str_length(words), 0, 0};
  char shown[48];
  arg_key_note(b, key, LNSP_KEY_WORD, 0, 0,
               lnspi_token_show(lnspi_token_split(all, ',', initial), shown));
  lnsp_key_info *info = arg_key_wanted(b, key);
  if (info) lnspi_format(info->words, sizeof info->words, "%s", words);
  return b->listing->round ? !initial : initial;
}

int32_t lnspi_arg_key_several(lnspi_builder *b, const char *key, double low, double high,
                              int32_t most) {
  arg_key_note(b, key, LNSP_KEY_REAL, low, high, "");
  lnsp_key_info *info = arg_key_wanted(b, key);
  if (info) info->count = most;
  return 0;
}

int lnspi_arg_key_given(const lnspi_builder *b, const char *key) {
  b->listing->given = key;
  return 1;
}

void lnspi_arg_key_name(lnspi_builder *b, const char *key) {
  const char *given = b->listing->given;
  if (given && lnspi_str_equal(given, key)) b->listing->given = NULL;
  arg_key_note(b, key, LNSP_KEY_NAME, 0, 0, given ? "" : NULL);
  b->listing->given = given;
}

/* A layer's inputs are vectors, of another width in each round. */
static void arg_key_define(const lnspi_layer *layer, lnspi_builder *b) {
  lnspi_node nodes[LNSPI_MAX_INPUTS + 1]; /* the last is the layer's */
  lnspi_node *node = &nodes[LNSPI_MAX_INPUTS];
  lnsp_graph graph;
  memset(&graph, 0, sizeof graph);
  memset(nodes, 0, sizeof nodes);
  graph.concepts_low = graph.concepts_step = 1;
  graph.nodes = nodes;
  graph.node_count = LNSPI_MAX_INPUTS;
  for (int32_t i = 0; i < LNSPI_MAX_INPUTS; i++) {
    nodes[i].width = ARG_KEY_WIDTH << b->listing->round;
    nodes[i].every = 1;
    node->input[i] = i;
  }
  node->every = 1;
  node->input_count = b->line.input_count = layer->inputs_high;
  b->graph = &graph;
  layer->define(b, node);
  b->graph = NULL; /* it is in this function */
}

int lnspi_arg_key_at(const lnspi_layer *layer, const lnspi_arch *arch, int32_t index,
                     lnsp_key_info *info) {
  lnspi_listing listing = {info, index, 0, NULL};
  lnspi_builder b;
  memset(&b, 0, sizeof b);
  b.listing = &listing;
  b.arguments = arch ? &b.call : &b.line;
  info->type = 0;
  for (; listing.round < 2; listing.round++) {
    listing.given = NULL;
    if (arch)
      arch->emit(&b);
    else
      arg_key_define(layer, &b);
  }
  return info->type != 0;
}
