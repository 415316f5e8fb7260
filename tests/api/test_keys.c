/* The lists of keys against the readers of texts: every key that is listed is taken, with the
 * default, the range and the words that are listed; and no reader takes a key that is not.
 *
 * A text is tried by what it is read as: an architecture or a layer as a graph, which writes
 * out what it understood; the others by lnsp_text_check, and the structs that their readers
 * fill in. */
#include "support.h"

#include <ctype.h>
#include <math.h>

#include "graph/examples.h"

#include "train/loss_text.h"
#include "train/optimizer.h"

#define TEXT 2048
#define UNIVERSE 400

typedef struct entry {
  int32_t list, index;
  const char *name;
  lnsp_key_info key[24];
  int32_t count;
} entry;

static void entry_read(entry *e) {
  e->name = lnsp_list_name(e->list, e->index);
  e->count = lnsp_list_key_count(e->list, e->index);
  REQUIRE(e->count >= 0 && e->count <= 24);
  for (int32_t k = 0; k < e->count; k++) {
    lnsp_struct_init(&e->key[k], sizeof e->key[k]);
    CHECK_OK(lnsp_list_key_at(e->list, e->index, k, &e->key[k], &support_error));
  }
}

static int has(const entry *e, const char *name) {
  for (int32_t k = 0; k < e->count; k++)
    if (!strcmp(e->key[k].name, name)) return 1;
  return 0;
}

/* ---- texts ---- */

static const char *layer_text(const char *name) {
  static const char *const inputs[][2] =
      {{"input", "lnsp 1\nx = input 4\ny = relu x\noutput output=y"},
       {"ids", "lnsp 1\nx = ids count=9\ny = embedding x 9 5 w=e\noutput output=y"}};
  for (int i = 0; i < 2; i++)
    if (!strcmp(inputs[i][0], name)) return inputs[i][1];
  return examples_of(layer_examples, sizeof layer_examples / sizeof *layer_examples, name)[0];
}

/* Puts " key=value" at the end of the layer's line, in place of the key if it is there. */
static void layer_with(const char *name, const char *key, const char *value, char to[TEXT]) {
  const char *text = layer_text(name);
  char word[80], given[80];
  snprintf(word, sizeof word, "= %s ", name);
  snprintf(given, sizeof given, " %s=", key);
  const char *line = strstr(text, word), *end = line + strcspn(line, ";\n");
  const char *old = strstr(line, given);
  if (old && old < end)
    snprintf(to, TEXT, "%.*s %s=%s%s", (int)(old - text), text, key, value,
             old + 1 + strcspn(old + 1, " ;\n"));
  else
    snprintf(to, TEXT, "%.*s %s=%s%s", (int)(end - text), text, key, value, end);
}

/* What a key needs next to it. */
static const char *companion(const char *needs) {
  static const char *const all[][2] = {{"auto", " auto=1"},
                                       {"gate", " gate=0"},
                                       {"full", " full=.9"},
                                       {"ramp", " ramp=-1"},
                                       {"against", " against=code"},
                                       {"clip_each", " clip_each=1"},
                                       {"", ""}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (!strcmp(all[i][0], needs)) return all[i][1];
  CHECK_SAY(0, "the test does not know %s", needs);
  return "";
}

/* The entry's text with a key, without one if value is NULL. */
static void text_with(const entry *e, const lnsp_key_info *key, const char *value,
                      char to[TEXT]) {
  char pair[200] = "", required[200] = "";
  if (e->list == LNSP_LIST_LAYERS) {
    if (value)
      layer_with(e->name, key->name, value, to);
    else
      snprintf(to, TEXT, "%s", layer_text(e->name));
    return;
  }
  if (value) snprintf(pair, sizeof pair, " %s=%s", key->name, value);
  for (int32_t k = 0; k < e->count; k++)
    if (e->key[k].flags & LNSP_KEY_REQUIRED && &e->key[k] != key)
      snprintf(required + strlen(required), 99, " %s=5", e->key[k].name);
  snprintf(to, TEXT, "%s%s%s%s%s",
           e->list == LNSP_LIST_LOSSES      ? "bce + "
           : e->list == LNSP_LIST_SCHEDULES ? "schedule="
                                            : "",
           e->name, required, companion(key->needs), pair);
}

/* ---- what a reader understood ---- */

typedef struct meaning {
  int32_t status;
  char text[4096];
  union {
    lnspi_loss_term terms[LNSPI_LOSS_TERMS];
    lnspi_optimizer_config optimizer;
  } as;
} meaning;

static void understand(int32_t list, const char *text, meaning *m) {
  lnsp_graph *graph = NULL;
  int32_t count = 0;
  memset(m, 0, sizeof *m);
  memset(&support_error, 0, sizeof support_error);
  if (list == LNSP_LIST_LAYERS || list == LNSP_LIST_ARCHITECTURES) {
    m->status = lnsp_graph_create(text, NULL, &graph, &support_error);
    if (!m->status) snprintf(m->text, sizeof m->text, "%s", lnsp_graph_architecture(graph));
    lnsp_graph_destroy(graph);
    return;
  }
  m->status = lnsp_text_check(list, text, &support_error);
  if (m->status) return;
  if (list == LNSP_LIST_LOSSES)
    CHECK_OK(lnspi_loss_text_parse(text, m->as.terms, &count, &support_error));
  if (list == LNSP_LIST_OPTIMIZERS)
    CHECK_OK(lnspi_optimizer_parse(text, &m->as.optimizer, &support_error));
}

/* 1: the key or its value was refused, not how it goes with others. */
static int refused_value(const meaning *m, const char *key) {
  const char *says = support_error.message;
  char start[48], unknown[80];
  snprintf(start, sizeof start, "%s=", key);
  snprintf(unknown, sizeof unknown, "there is no key '%s'", key);
  return m->status && (strstr(says, unknown) ||
                       (!strncmp(says, key, strlen(key)) && strstr(says, " needs a ")) ||
                       (!strncmp(says, start, strlen(start)) &&
                        (strstr(says, "must be from") || strstr(says, "is unknown"))));
}

static void try_value(const entry *e, const lnsp_key_info *key, const char *value, int good) {
  char text[TEXT];
  meaning m;
  text_with(e, key, value, text);
  understand(e->list, text, &m);
  CHECK_SAY(refused_value(&m, key->name) == !good, "'%s': %s, %s", text,
            lnsp_status_name(m.status), m.status ? support_error.message : "accepted");
}

/* ---- a key ---- */

static void check_default(const entry *e, const lnsp_key_info *key) {
  char text[TEXT];
  meaning with, without;
  text_with(e, key, NULL, text);
  if (key->flags & LNSP_KEY_REQUIRED && e->list != LNSP_LIST_LAYERS) {
    understand(e->list, text, &without);
    CHECK_SAY(without.status != LNSP_OK, "'%s' is accepted without %s", text, key->name);
  }
  if (!*key->initial || key->flags & LNSP_KEY_DEPENDS) return;
  understand(e->list, text, &without);
  text_with(e, key, key->initial, text);
  if (e->list == LNSP_LIST_LAYERS) { /* its text may have another value */
    layer_with(e->name, key->name, key->initial, text);
    understand(e->list, text, &with);
    CHECK_SAY(with.status == LNSP_OK || !refused_value(&with, key->name), "'%s': %s", text,
              support_error.message);
    if (strstr(layer_text(e->name), key->name)) return;
  }
  understand(e->list, text, &with);
  CHECK_SAY(with.status == LNSP_OK, "'%s': %s", text, support_error.message);
  CHECK_SAY(!memcmp(&with, &without, sizeof with), "'%s' is another text than without %s", text,
            key->name);
}

/* A value of the key: a list of numbers has it in each place. */
static void try_number(const entry *e, const lnsp_key_info *key, double number, int good) {
  char value[64], all[200] = "";
  snprintf(value, sizeof value, key->type == LNSP_KEY_REAL ? "%.17g" : "%.0f", number);
  for (int32_t i = 0; i < (*key->initial ? key->count : 1); i++)
    snprintf(all + strlen(all), 66, "%s%s", i ? "," : "", value);
  try_value(e, key, all, good);
}

static void check_range(const entry *e, const lnsp_key_info *key) {
  const int whole = key->type != LNSP_KEY_REAL,
            exact = !whole || key->high < 9007199254740992.0;
  CHECK(key->low < key->high);
  if (!(key->flags & LNSP_KEY_DEPENDS)) {
    try_number(e, key, key->low, 1);
    if (exact) try_number(e, key, key->high, 1);
  }
  try_number(e, key, whole ? key->low - 1 : nextafter(key->low, -INFINITY), 0);
  if (exact) try_number(e, key, whole ? key->high + 1 : nextafter(key->high, INFINITY), 0);
  if (!exact && key->high > 9e18) try_value(e, key, "9223372036854775807", 1);
  if (!exact && key->high < 9e18) try_value(e, key, "9007199254740993", 0);
  try_value(e, key, "x", 0);
  if (whole) try_value(e, key, "1.5", 0);
  if (*key->words) try_value(e, key, key->words, 1);
  try_value(e, key, "100%", (key->flags & LNSP_KEY_PERCENT) != 0);
  if (key->flags & LNSP_KEY_PERCENT) try_value(e, key, "101%", 0);
}

static void check_words(const entry *e, const lnsp_key_info *key) {
  char words[sizeof key->words];
  int initial = 0;
  snprintf(words, sizeof words, "%s", key->words);
  for (char *word = strtok(words, ","); word; word = strtok(NULL, ",")) {
    try_value(e, key, word, 1);
    initial |= !strcmp(word, key->initial);
  }
  CHECK_SAY(initial, "%s: '%s' is not one of %s", key->name, key->initial, key->words);
  try_value(e, key, "zzz", 0);
}

static void check_key(const entry *e, const lnsp_key_info *key) {
  CHECK(*key->name && key->struct_size == sizeof *key && key->count >= 1);
  CHECK(!(key->flags & LNSP_KEY_REQUIRED) || !*key->initial);
  if (key->type == LNSP_KEY_SIZE) return;
  if (e->list == LNSP_LIST_LAYERS && (*key->needs || key->type == LNSP_KEY_NAME)) return;
  check_default(e, key);
  switch (key->type) {
    case LNSP_KEY_FLAG: CHECK(key->low >= 0 && key->high <= 1); /* fall through */
    case LNSP_KEY_REAL:
    case LNSP_KEY_WHOLE: check_range(e, key); break;
    case LNSP_KEY_WORD: check_words(e, key); break;
    case LNSP_KEY_NAME: break;
    default: CHECK_SAY(0, "%s has type %d", key->name, (int)key->type);
  }
}

static void each_entry(void (*call)(const entry *e)) {
  static entry e;
  for (e.list = LNSP_LIST_ARCHITECTURES; e.list <= LNSP_LIST_RULES; e.list++)
    for (e.index = 0; lnsp_list_name(e.list, e.index); e.index++) {
      entry_read(&e);
      call(&e);
    }
}

static void check_entry(const entry *e) {
  for (int32_t k = 0; k < e->count; k++) check_key(e, &e->key[k]);
}

static void listed_keys_are_taken(void) { each_entry(check_entry); }

/* ---- nothing is missing ---- */

static char universe[UNIVERSE][32];
static int universe_count;

static void universe_add(const char *word, size_t length) {
  if (length == 0 || length >= sizeof universe[0] || isdigit((unsigned char)*word)) return;
  for (int i = 0; i < universe_count; i++)
    if (strlen(universe[i]) == length && !memcmp(universe[i], word, length)) return;
  REQUIRE(universe_count < UNIVERSE);
  memcpy(universe[universe_count++], word, length);
}

/* The keys of the lists, and each word= of the documents and the help. */
static void universe_text(const char *text) {
  for (const char *at = text; (at = strchr(at, '=')) != NULL; at++) {
    const char *start = at;
    while (start > text && (isalnum((unsigned char)start[-1]) || start[-1] == '_')) start--;
    universe_add(start, (size_t)(at - start));
  }
}

static void universe_entry(const entry *e) {
  for (int32_t k = 0; k < e->count; k++)
    if (e->key[k].type != LNSP_KEY_SIZE) universe_add(e->key[k].name, strlen(e->key[k].name));
  universe_text(lnsp_list_help(e->list, e->index));
}

static void universe_document(const char *name) {
  static char text[200000];
  FILE *file = fopen(name, "rb");
  REQUIRE(file != NULL);
  const size_t bytes = fread(text, 1, sizeof text - 1, file);
  text[bytes] = 0;
  fclose(file);
  universe_text(text);
}

static void check_others(const entry *e) {
  if (e->list == LNSP_LIST_ISAS || !strcmp(e->name, "student") || !strcmp(e->name, "schedule"))
    return;
  for (int i = 0; i < universe_count; i++) {
    lnsp_key_info key = LNSP_KEY_INFO_INIT;
    char text[TEXT];
    meaning m;
    if (has(e, universe[i]) || (e->list == LNSP_LIST_SCHEDULES && has(e, "warmup") &&
                                strcmp(universe[i], "every") && strcmp(universe[i], "factor")))
      continue;
    snprintf(key.name, sizeof key.name, "%s", universe[i]);
    text_with(e, &key, "1", text);
    understand(e->list, text, &m);
    CHECK_SAY(m.status && (strstr(support_error.message, "there is no key") ||
                           strstr(support_error.message, "has no effect with") ||
                           strstr(support_error.message, "concerns the target")),
              "'%s' is accepted, but %s is not listed (%s)", text, universe[i],
              m.status ? support_error.message : "");
  }
}

static void no_key_is_missing(void) {
  static const char *const documents[] = {"docs/architecture.md", "docs/losses.md",
                                          "docs/training.md",     "docs/delta.md",
                                          "docs/federation.md",   "docs/privacy.md"};
  for (size_t i = 0; i < sizeof documents / sizeof *documents; i++)
    universe_document(documents[i]);
  each_entry(universe_entry);
  CHECK(universe_count > 100);
  each_entry(check_others);
}

/* ---- the functions ---- */

static void ends(void) {
  lnsp_key_info key = LNSP_KEY_INFO_INIT, small = {.struct_size = 12};
  CHECK_INT(lnsp_list_key_count(LNSP_LIST_LAYERS, -1), 0);
  CHECK_INT(lnsp_list_key_count(LNSP_LIST_LAYERS, 1000), 0);
  CHECK_INT(lnsp_list_key_count(0, 0), 0);
  CHECK_INT(lnsp_list_key_count(LNSP_LIST_ISAS, 0), 0);
  CHECK_REFUSED(lnsp_list_key_at(LNSP_LIST_LOSSES, 0, -1, &key, &support_error),
                LNSP_E_MISSING);
  CHECK_REFUSED(lnsp_list_key_at(LNSP_LIST_LOSSES, 0, 99, &key, &support_error),
                LNSP_E_MISSING);
  CHECK_INT(key.type, 0);
  CHECK_REFUSED(lnsp_list_key_at(LNSP_LIST_LOSSES, 0, 0, NULL, &support_error),
                LNSP_E_ARGUMENT);
  CHECK_OK(lnsp_list_key_at(LNSP_LIST_LOSSES, 0, 0, &small, &support_error));
  CHECK(small.struct_size == 12 && small.type == LNSP_KEY_NAME && !*small.name);
}

/* The nearest word, and where all are. */
static void suggestions(void) {
  static const struct {
    int32_t list;
    const char *text, *says;
  } all[] = {
      {LNSP_LIST_ARCHITECTURES, "studnet", "did you mean 'student'? `lnsp list` shows all"},
      {LNSP_LIST_ARCHITECTURES, "zebra", "there is no architecture 'zebra': `lnsp list` shows"},
      {LNSP_LIST_ARCHITECTURES, "student head=4", "did you mean 'heads'? `lnsp list student`"},
      {LNSP_LIST_LAYERS, "lnsp 1; x = input 4; y = glu x; output output=y", "mean 'gelu'?"},
      {LNSP_LIST_LAYERS, "lnsp 1; x = input 4; y = linear x 4 w=a bais=0; output output=y",
       "did you mean 'bias'? `lnsp list linear`"},
      {LNSP_LIST_LOSSES, "cosin", "did you mean 'cosine'?"},
      {LNSP_LIST_LOSSES, "reply", "did you mean 'replay'?"},
      {LNSP_LIST_LOSSES, "cosine mse",
       "is not key=value (no blanks around '='); join terms with '+'"},
      {LNSP_LIST_LOSSES, "triplet marign=1", "did you mean 'margin'? `lnsp list triplet`"},
      {LNSP_LIST_OPTIMIZERS, "adanw", "did you mean 'adamw'?"},
      {LNSP_LIST_OPTIMIZERS, "adamw weightdecay=0", "did you mean 'weight_decay'?"},
      {LNSP_LIST_OPTIMIZERS, "adamw mse", "is not key=value (no blanks around '=')"},
      {LNSP_LIST_OPTIMIZERS, "adamw schedule=cosin",
       "schedule=cosin is unknown; did you mean 'cosine'? choose from constant, cosine, "
       "linear, step, plateau"},
      {LNSP_LIST_OPTIMIZERS, "adamw schedule=zebra",
       "schedule=zebra is unknown: choose from constant, cosine, linear, step, plateau"},
      {LNSP_LIST_OPTIMIZERS, "adamw schedule=cosine steps=9 warmup=5percent",
       "warmup needs a number of steps or a percentage such as 5%, not '5percent'"},
      {LNSP_LIST_OPTIMIZERS, "adamw schedule=cosine steps=9 warmup=x%",
       "percentage such as 5%"},
      {LNSP_LIST_OPTIMIZERS, "adamw schedule=cosine steps=9 min_lr=low",
       "min_lr needs a number or a percentage such as 5%, not 'low'"},
      {LNSP_LIST_OPTIMIZERS, "adamw every=3", "every= has no effect with schedule=constant"},
      {LNSP_LIST_OPTIMIZERS, "adamw schedule=step every=3 patience=1", "take schedule=plateau"},
      {LNSP_LIST_SCHEDULES, "schedule=cosine step=9", "did you mean 'steps'?"},
      {LNSP_LIST_CODECS, "int9", "did you mean 'int8'?"},
      {LNSP_LIST_CODECS, "int8 blocks=64", "did you mean 'block'? `lnsp list int8`"},
      {LNSP_LIST_RULES, "meam", "did you mean 'mean'?"},
      {LNSP_LIST_RULES, "trimmed sahre=.1", "did you mean 'share'? `lnsp list trimmed`"},
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    meaning m;
    understand(all[i].list, all[i].text, &m);
    CHECK_SAY(m.status && strstr(support_error.message, all[i].says), "'%s': %s", all[i].text,
              support_error.message);
  }
}

/* The highest conv= of the list can be built, and the next one is refused by its own name. */
static void mamba_convolutions(void) {
  lnsp_key_info key = LNSP_KEY_INFO_INIT;
  char text[TEXT];
  int32_t seen = 0;
  for (int32_t a = 0; lnsp_list_name(LNSP_LIST_ARCHITECTURES, a); a++)
    for (int32_t k = 0; k < lnsp_list_key_count(LNSP_LIST_ARCHITECTURES, a); k++) {
      CHECK_OK(lnsp_list_key_at(LNSP_LIST_ARCHITECTURES, a, k, &key, &support_error));
      if (strcmp(key.name, "conv")) continue;
      for (int32_t over = 0; over < 2; over++) {
        meaning m;
        snprintf(text, sizeof text, "%s in=8 d=8 state=4 conv=%.0f",
                 lnsp_list_name(LNSP_LIST_ARCHITECTURES, a), key.high + over);
        understand(LNSP_LIST_ARCHITECTURES, text, &m);
        CHECK_SAY(over ? refused_value(&m, "conv") : !m.status, "'%s': %s", text,
                  support_error.message);
      }
      seen++;
    }
  CHECK_INT(seen, 5);
}

int main(void) {
  (void)arch_examples;
  RUN(listed_keys_are_taken);
  RUN(no_key_is_missing);
  RUN(ends);
  RUN(suggestions);
  RUN(mamba_convolutions);
  FINISH();
}
