/* Arguments of a line or of a named architecture, and the tensors it declares. */
#include <string.h>

#include "graph/builder.h"
#include "graph/layer.h"

static const lnspi_key *arguments_find(const lnspi_arguments *a, const char *key) {
  int32_t i;
  for (i = 0; i < a->key_count; i++)
    if (lnspi_word_is(a->key[i].key, key)) return &a->key[i];
  return NULL;
}

/* The same, and marks it as read. */
static const lnspi_key *arguments_use(lnspi_builder *b, const char *key) {
  lnspi_arguments *a = b->arguments;
  const lnspi_key *found = arguments_find(a, key);
  if (found) a->key_used |= (uint32_t)1 << (found - a->key);
  return found;
}

/* In a named architecture: the value that holds goes into the graph's text. */
static void arguments_record(lnspi_builder *b, const char *key, const char *value) {
  if (b->arguments == &b->call)
    b->architecture_length =
        LNSPI_APPEND(b->architecture, sizeof b->architecture, b->architecture_length,
                     " %s=%s", key, value);
}

static void arguments_record_integer(lnspi_builder *b, const char *key, int64_t value) {
  char text[24];
  (void)lnspi_format(text, sizeof text, "%lld", (long long)value);
  arguments_record(b, key, text);
}

lnspi_word lnspi_arg_place(const lnspi_builder *b, const char *key) {
  const lnspi_key *found = arguments_find(b->arguments, key);
  return found ? found->value : b->arguments->op;
}

int lnspi_arg_given(const lnspi_builder *b, const char *key) {
  return arguments_find(b->arguments, key) != NULL;
}

int64_t lnspi_arg_size(lnspi_builder *b, const char *what) {
  lnspi_arguments *a = b->arguments;
  int64_t value = 1;
  if (b->status != LNSP_OK) return value;
  if (a->size_used == a->size_count)
    LNSPI_BUILD_FAIL(b, LNSP_E_MISSING, a->op, "the %s is missing: %s", what, a->help);
  else
    b->status = lnspi_word_integer(a->size[a->size_used++], what, 1, LNSPI_MAX_WIDTH, &value,
                                   b->problem);
  return b->status == LNSP_OK ? value : 1;
}

/* The key's value, initial if it is absent, without recording it. */
static int64_t arguments_integer(lnspi_builder *b, const char *key, int64_t low, int64_t high,
                                 int64_t initial) {
  const lnspi_key *found = arguments_use(b, key);
  int64_t value = initial;
  if (b->status != LNSP_OK) return initial < low ? low : initial;
  if (found)
    b->status = lnspi_word_integer(found->value, key, low, high, &value, b->problem);
  else if (initial < low)
    LNSPI_BUILD_FAIL(b, LNSP_E_MISSING, b->arguments->op, "%s= is missing: %s", key,
                     b->arguments->help);
  return b->status == LNSP_OK ? value : initial < low ? low : initial;
}

int64_t lnspi_arg_integer(lnspi_builder *b, const char *key, int64_t low, int64_t high,
                          int64_t initial) {
  const int64_t value = arguments_integer(b, key, low, high, initial);
  arguments_record_integer(b, key, value);
  return value;
}

int32_t lnspi_arg_flag(lnspi_builder *b, const char *key, int32_t initial) {
  return (int32_t)lnspi_arg_integer(b, key, 0, 1, initial);
}

float lnspi_arg_real(lnspi_builder *b, const char *key, double low, double high,
                     double initial) {
  const lnspi_key *found = arguments_use(b, key);
  double value = initial;
  char text[32];
  if (b->status == LNSP_OK && found)
    b->status = lnspi_word_number(found->value, key, low, high, &value, b->problem);
  if (b->status != LNSP_OK) value = initial;
  lnspi_number_text((float)value, text);
  arguments_record(b, key, text);
  return (float)value;
}

int32_t lnspi_arg_choice(lnspi_builder *b, const char *key, const char *choices,
                         int32_t initial) {
  const lnspi_key *found = arguments_use(b, key);
  lnspi_word all, choice;
  int32_t i, value = initial;
  char shown[48];
  memset(&all, 0, sizeof all);
  all.at = choices;
  all.length = (int32_t)lnspi_length(choices);
  if (b->status == LNSP_OK && found) {
    for (i = 0, value = -1; value < 0; i++) {
      choice = lnspi_word_split(all, ',', i);
      if (choice.length == 0) break;
      if (choice.length == found->value.length &&
          !memcmp(choice.at, found->value.at, (size_t)choice.length))
        value = i;
    }
    if (value < 0)
      LNSPI_BUILD_FAIL(b, LNSP_E_UNKNOWN, found->value, "%s=%s is not one of %s", key,
                       lnspi_word_show(found->value, shown), choices);
    if (value < 0) value = initial;
  }
  arguments_record(b, key, lnspi_word_show(lnspi_word_split(all, ',', value), shown));
  return value;
}

void lnspi_arg_finish(lnspi_builder *b) {
  const lnspi_arguments *a = b->arguments;
  char shown[48], op[48];
  int32_t i;
  if (b->status != LNSP_OK) return;
  (void)lnspi_word_show(a->op, op);
  if (a->size_used < a->size_count)
    LNSPI_BUILD_FAIL(b, LNSP_E_SYNTAX, a->size[a->size_used],
                     "%s has no place for the number %s: %s", op,
                     lnspi_word_show(a->size[a->size_used], shown), a->help);
  for (i = 0; i < a->key_count; i++)
    if (!(a->key_used >> i & 1)) {
      LNSPI_BUILD_FAIL(b, LNSP_E_UNKNOWN, a->key[i].key, "%s has no key '%s': %s", op,
                       lnspi_word_show(a->key[i].key, shown), a->help);
      return;
    }
}

int32_t lnspi_arg_list(lnspi_builder *b, const char *key, double low, double high, float *to,
                       int32_t most) {
  const lnspi_key *found = arguments_use(b, key);
  char text[160] = "", number[32];
  size_t used = 0;
  int32_t count = 0;
  if (!found) return 0;
  for (lnspi_word part; b->status == LNSP_OK; count++) {
    double value = 0;
    part = lnspi_word_split(found->value, ',', count);
    if (part.length == 0) break;
    if (count == most) {
      LNSPI_BUILD_FAIL(b, LNSP_E_LIMIT, part, "%s= takes at most %d numbers", key, most);
      break;
    }
    b->status = lnspi_word_number(part, key, low, high, &value, b->problem);
    to[count] = (float)value;
    lnspi_number_text(to[count], number);
    used = LNSPI_APPEND(text, sizeof text, used, "%s%s", count ? "," : "", number);
  }
  arguments_record(b, key, text);
  return b->status == LNSP_OK ? count : 0;
}

/* ---- what a file tells named architectures ------------------------------ */

/* 1 and the width if the file has the tensor; refuses a width out of range. */
static int arguments_file_width(lnspi_builder *b, const char *tensor, int32_t axis,
                                int64_t *width) {
  int64_t dims[4] = {0};
  int32_t rank = 0;
  if (b->status != LNSP_OK || !b->shapes) return 0;
  if (!b->shapes->find(b->shapes->user, tensor, &rank, dims)) return 0;
  if (axis >= rank || axis > 3 || dims[axis] < 1 || dims[axis] > LNSPI_MAX_WIDTH) {
    LNSPI_BUILD_FAIL(b, LNSP_E_SHAPE, b->call.op,
                     "the file's tensor '%s' has rank %d and size %lld where a width is "
                     "looked for: it is not this architecture's",
                     tensor, rank, (long long)(axis < rank && axis < 4 ? dims[axis] : 0));
    return 0;
  }
  *width = dims[axis];
  return 1;
}

static int64_t arguments_width(lnspi_builder *b, const char *key, const char *tensor,
                               int32_t axis, int64_t initial, int required) {
  int64_t width = 0, value;
  const int there = arguments_file_width(b, tensor, axis, &width);
  if (b->shapes && !there && required)
    LNSPI_BUILD_FAIL(b, LNSP_E_MISSING, b->call.op,
                     "the file has no tensor '%s', which the architecture needs: check the "
                     "architecture, or give the prefix of the file's names",
                     tensor);
  value = arguments_integer(b, key, required, LNSPI_MAX_WIDTH, there ? width : initial);
  if (b->shapes && value != width && b->status == LNSP_OK)
    LNSPI_BUILD_FAIL(b, LNSP_E_SHAPE, lnspi_arg_place(b, key),
                     "the text says %s=%lld, but the file's tensor '%s' %s %lld: leave %s= "
                     "out to take the file's",
                     key, (long long)value, tensor, there ? "says" : "is not there, which says",
                     (long long)width, key);
  arguments_record_integer(b, key, value);
  return value;
}

int64_t lnspi_arch_dim(const lnspi_builder *b, const char *tensor, int32_t axis) {
  int64_t dims[4] = {0};
  int32_t rank = 0;
  if (!b->shapes || !b->shapes->find(b->shapes->user, tensor, &rank, dims)) return 0;
  return axis < rank && axis < 4 ? dims[axis] : 0;
}

int64_t lnspi_arch_width(lnspi_builder *b, const char *key, const char *tensor, int32_t axis,
                         int64_t initial) {
  return arguments_width(b, key, tensor, axis, initial, 1);
}

int64_t lnspi_arch_optional_width(lnspi_builder *b, const char *key, const char *tensor,
                                  int32_t axis) {
  return arguments_width(b, key, tensor, axis, 0, 0);
}

int32_t lnspi_arch_flag(lnspi_builder *b, const char *key, const char *tensor,
                        int32_t initial) {
  int64_t dims[4];
  int32_t rank, there, value;
  there = b->shapes && b->shapes->find(b->shapes->user, tensor, &rank, dims);
  value = (int32_t)arguments_integer(b, key, 0, 1, b->shapes ? there : initial);
  if (b->shapes && value != there && b->status == LNSP_OK)
    LNSPI_BUILD_FAIL(b, LNSP_E_SHAPE, lnspi_arg_place(b, key),
                     "the text says %s=%d, but the file has %s tensor '%s': leave %s= out to "
                     "take what the file has",
                     key, value, there ? "the" : "no", tensor, key);
  arguments_record_integer(b, key, value);
  return value;
}

/* ---- lengths ------------------------------------------------------------ */

void lnspi_build_same_length(lnspi_builder *b, const lnspi_node *node) {
  const lnspi_node *nodes = b->graph->nodes;
  if (b->status != LNSP_OK) return;
  for (int32_t i = 1; i < node->input_count; i++)
    if (nodes[node->input[i]].every != nodes[node->input[0]].every)
      LNSPI_BUILD_FAIL(b, LNSP_E_SHAPE, b->line.input[i],
                       "'%s' and '%s' have different numbers of rows a sequence: use last, mean "
                       "or repeat",
                       nodes[node->input[0]].name, nodes[node->input[i]].name);
}

void lnspi_build_pairwise(lnspi_builder *b, lnspi_node *node) {
  const lnspi_node *first = &b->graph->nodes[node->input[0]];
  const lnspi_node *second = &b->graph->nodes[node->input[1]];
  char op[48];
  node->width = first->width;
  lnspi_build_same_length(b, node);
  if (first->width != second->width)
    LNSPI_BUILD_FAIL(b, LNSP_E_SHAPE, b->line.input[1],
                     "%s needs equal widths: '%s' has %lld, '%s' has %lld",
                     lnspi_word_show(b->line.op, op), first->name, (long long)first->width,
                     second->name, (long long)second->width);
}

static int64_t arguments_common(int64_t a, int64_t b) { /* greatest divisor */
  while (b) {
    const int64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

void lnspi_build_concepts(lnspi_builder *b, int64_t low, int64_t high, int64_t step) {
  lnsp_graph *g = b->graph;
  if (b->status != LNSP_OK) return;
  if (low > g->concepts_low) g->concepts_low = low;
  if (high && (!g->concepts_high || high < g->concepts_high)) g->concepts_high = high;
  g->concepts_step = g->concepts_step / arguments_common(g->concepts_step, step) * step;
  if (g->concepts_low < g->concepts_step) g->concepts_low = g->concepts_step;
  g->concepts_low = (g->concepts_low + g->concepts_step - 1) / g->concepts_step * g->concepts_step;
  if (g->concepts_low > LNSPI_MAX_CONCEPTS)
    LNSPI_BUILD_FAIL(b, LNSP_E_LIMIT, b->line.op,
                     "rows would need at least %lld concepts, in multiples of %lld: at most %d",
                     (long long)g->concepts_low, (long long)g->concepts_step, LNSPI_MAX_CONCEPTS);
  if (g->concepts_high && g->concepts_low > g->concepts_high)
    LNSPI_BUILD_FAIL(b, LNSP_E_SHAPE, b->line.op,
                     "no number of concepts a row suits this layer and those before: it would "
                     "be at least %lld, at most %lld and a multiple of %lld",
                     (long long)g->concepts_low, (long long)g->concepts_high,
                     (long long)g->concepts_step);
}

/* ---- tensors ------------------------------------------------------------ */

/* The name NAME + suffix of the line's w=NAME (word: "w"); 0 after a failure. */
static int arguments_weight_name(lnspi_builder *b, const char *word, const char *suffix,
                                 char name[LNSPI_NAME_BYTES]) {
  const lnspi_key *key = arguments_use(b, word);
  size_t used = lnspi_length(suffix);
  int32_t i;
  if (!key) {
    LNSPI_BUILD_FAIL(b, LNSP_E_MISSING, b->arguments->op,
                     "%s=NAME is missing, the name of this layer's tensors in the file: %s",
                     word, b->arguments->help);
    return 0;
  }
  for (i = 0; i < key->value.length; i++)
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

static int arguments_same_shape(const lnspi_weight *a, const lnspi_weight *b) {
  int32_t i;
  if (a->kind != b->kind || a->parts != b->parts || a->rank != b->rank || a->fixed != b->fixed)
    return 0;
  for (i = 0; i < a->rank; i++)
    if (a->dims[i] != b->dims[i]) return 0;
  return 1;
}

static int64_t arguments_round16(int64_t n) { return (n + 15) & ~(int64_t)15; }

/* Elements, and floats in the state. */
static void arguments_lay_out(lnspi_weight *w) {
  int32_t i;
  w->count = 1;
  for (i = 0; i < w->rank; i++) w->count *= w->dims[i];
  if (w->kind == LNSPI_MATRIX)
    w->floats = w->parts * arguments_round16(w->dims[0] / w->parts) * w->dims[1];
  else
    w->floats = w->parts * arguments_round16(w->count / w->parts);
}

void lnspi_build_tensor(lnspi_builder *b, lnspi_node *node, int32_t slot, const char *word,
                        const char *suffix, const lnspi_weight *shape) {
  char name[LNSPI_NAME_BYTES];
  lnsp_graph *g = b->graph;
  lnspi_weight *w;
  int32_t found;
  if (b->status != LNSP_OK || !arguments_weight_name(b, word, suffix, name)) return;
  found = lnspi_graph_find_weight(g, name);
  if (found >= 0) {
    node->slot[slot] = found;
    if (!arguments_same_shape(&g->weights[found], shape))
      LNSPI_BUILD_FAIL(b, LNSP_E_SHAPE, lnspi_arg_place(b, word),
                       "tensor '%s' was declared before with another shape or use: only "
                       "equal layers can share a tensor",
                       name);
    return;
  }
  if (g->weight_count == LNSPI_MAX_WEIGHTS || g->weight_count == b->weight_count) {
    LNSPI_BUILD_FAIL(b, LNSP_E_LIMIT, b->arguments->op, "more than %d tensors: the limit",
                     LNSPI_MAX_WEIGHTS);
    return;
  }
  w = &g->weights[g->weight_count];
  *w = *shape;
  memcpy(w->name, name, sizeof w->name);
  arguments_lay_out(w);
  w->offset = g->state_floats;
  g->state_floats += w->floats;
  if (!w->fixed) g->parameter_count += w->count;
  node->slot[slot] = g->weight_count++;
}

void lnspi_build_weight(lnspi_builder *b, lnspi_node *node, int32_t slot, const char *suffix,
                        const lnspi_weight *shape) {
  lnspi_build_tensor(b, node, slot, "w", suffix, shape);
}
