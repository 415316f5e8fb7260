/* Options and arguments of the command line, as a command's table of options says. */
#include "cli/args.h"
#include "cli/memory.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/refuse.h"

#define ARGS_LARGEST ((double)(INT64_C(1) << 53)) /* a double has all integers up to it */
#define ARGS_OPTIONS 96                            /* most of a command */

const option args_common[] = {
    {"--isa", "NAME", "kernel set: auto, scalar, avx2, avx512, avx512vnni, avx512amx or neon",
     OPT_TEXT},
    {"--arch", "TEXT", "architecture of the file; overrides what it says", OPT_TEXT},
    {"--prefix", "TEXT", "what precedes every tensor name in the model file", OPT_TEXT},
    {"--json", NULL, "print one JSON object", OPT_TEXT},
    {"--help", NULL, "print this help", OPT_TEXT},
    {.name = NULL},
};

/* Whether the list "a b c" has the word. */
static int args_lists(const char *list, const char *word) {
  const size_t length = strlen(word);
  for (; list && *list; list += strcspn(list, " "), list += *list == ' ')
    if (strcspn(list, " ") == length && !memcmp(list, word, length)) return 1;
  return 0;
}

/* The option of a table that this verb takes; verb NULL: that any verb takes. */
static const option *args_find(const option *list, const char *name, size_t length,
                               const verb *of) {
  for (; list && (list->name || list->also); list++) {
    const option *inner = list->also ? args_find(list->also, name, length, of) : NULL;
    if (inner) return inner;
    if (list->name && strlen(list->name) == length && !memcmp(list->name, name, length) &&
        (!of || !list->verbs || args_lists(list->verbs, of->name)))
      return list;
  }
  return NULL;
}

static int args_names(const option *list, const char **names, int count) {
  for (; list && (list->name || list->also) && count < ARGS_OPTIONS; list++)
    if (list->also)
      count = args_names(list->also, names, count);
    else
      names[count++] = list->name;
  return count;
}

/* The option of the command, whatever its verb, or of every command; NULL: there is none. */
static const option *args_named(const args *a, const char *name, size_t length) {
  const option *found = args_find(a->command->options, name, length, NULL);
  return found ? found : args_find(args_common, name, length, NULL);
}

/* The option at *at, and its value, which may be the next word. */
static void args_option(args *a, int argc, char **argv, int *at) {
  const char *word = argv[*at], *equals = word[1] == '-' ? strchr(word, '=') : NULL;
  const size_t length = equals ? (size_t)(equals - word) : strlen(word);
  const option *found = args_named(a, word, length);
  const char *value = "", *names[ARGS_OPTIONS + 1];
  char near[64];

  if (!found) {
    names[args_names(args_common, names, args_names(a->command->options, names, 0))] = NULL;
    refuse_usage("there is no option '%.*s'%s `lnsp help %s` lists the options", (int)length,
                 word, args_suggest(word, names, near), a->command->name);
  }
  if (found->value && equals) {
    value = equals + 1;
  } else if (found->value) {
    value = *at + 1 < argc ? argv[++*at] : NULL;
    if (!value || args_named(a, value, strlen(value)))
      refuse_usage("%s needs a value%s%s%s: write %s %s", found->name,
                   value ? ", not the option '" : "", value ? value : "", value ? "'" : "",
                   found->name, found->value);
  } else if (equals) {
    refuse_usage("%s takes no value: leave out what follows the =", found->name);
  }
  if (a->given_count == ARGS_MAX) refuse_usage("give at most %d options", ARGS_MAX);
  a->given[a->given_count].option = found;
  a->given[a->given_count++].value = value;
}

const verb *args_find_verb(const command *c, const char *word) {
  const char *names[32];
  char list[256] = "", text[256], near[64];
  const size_t length = strlen(c->name);
  const verb *v;
  int i, count = 0;

  for (v = c->verbs; v->name; v++) {
    if (word && !strcmp(v->name, word)) return v;
    names[count++] = v->name;
  }
  for (i = 0; commands[i]; i++) /* "delta verify" is a command of its own */
    if (!strncmp(commands[i]->name, c->name, length) && commands[i]->name[length] == ' ')
      names[count++] = commands[i]->name + length + 1;
  names[count] = NULL;
  for (i = 0; i < count; i++) {
    strcat(list, i ? "|" : "");
    strcat(list, names[i]);
  }
  args_list(list, text, sizeof text);
  if (!word) refuse_usage("a verb is missing: choose %s", text);
  refuse_usage("'%s' has no verb '%s'%s choose %s", c->name, word,
               args_suggest(word, names, near), text);
}

/* The verb, which is the first argument, and the options as it takes them. */
static void args_verb(args *a) {
  const char *name = a->command->name;
  int i;

  a->verb = args_find_verb(a->command, a->positional_count ? a->positional[0] : NULL);
  refuse_name(name, a->verb->name);
  a->positional_count--;
  memmove(a->positional, a->positional + 1,
          (size_t)a->positional_count * sizeof *a->positional);
  for (i = 0; i < a->given_count; i++) {
    const option *given = a->given[i].option, *own;
    if (args_find(args_common, given->name, strlen(given->name), NULL) == given) continue;
    own = args_find(a->command->options, given->name, strlen(given->name), a->verb);
    if (!own)
      refuse_usage("%s has no effect here: leave it out; `lnsp help %s` says which options "
                   "%s takes",
                   given->name, name, a->verb->name);
    a->given[i].option = own;
  }
}

/* ---- values ---- */

/* A number of the text, without blanks before it or anything behind it. */
static int args_number(const option *o, const char *text, double *value) {
  char *end = NULL;
  const int whole = o->kind == OPTION_INTEGER;
  const double high = o->high != 0 ? o->high : whole ? ARGS_LARGEST : HUGE_VAL;

  if (whole && o->choices && !strcmp(text, o->choices)) {
    *value = high;
    return 1;
  }
  *value = whole ? (double)strtoll(text, &end, 10) : strtod(text, &end);
  return end != text && !*end && !strchr(" \t\n", *text) && isfinite(*value) &&
         *value >= o->low && *value <= high;
}

static int args_chosen(const char *choices, const char *text) {
  const size_t length = strlen(text);
  int number = 0;
  for (; *choices; choices += strcspn(choices, "|"), choices += *choices == '|', number++)
    if (strcspn(choices, "|") == length && !memcmp(choices, text, length)) return number;
  return -1;
}

/* Refuses a file that cannot be written, or that another option writes, too. */
static void args_writable(const args *a, const option *o, const char *out) {
  const char *slash = strrchr(out, '/');
  const size_t length = slash ? (size_t)(slash - out) : 1;
  char *folder = memory_text(slash ? out : ".", length ? length : 1);
  struct stat there;
  int i;

  if (!*out) refuse_usage("%s is empty: write %s %s", o->name, o->name, o->value);
  for (i = 0; i < a->given_count; i++)
    if (a->given[i].option != o && a->given[i].option->kind == OPTION_OUTPUT &&
        !strcmp(a->given[i].value, out))
      refuse_usage("%s and %s both name '%s': give each a file of its own", o->name,
                   a->given[i].option->name, out);
  if (!stat(out, &there) && S_ISDIR(there.st_mode))
    refuse("%s is '%s', which is a folder: name a file in it", o->name, out);
  if (access(folder, W_OK))
    refuse("%s is '%s', but the folder '%s' cannot be written: %s; choose another place",
           o->name, out, folder, strerror(errno));
  free(folder);
}

/* Refuses a value that the option does not take. */
static void args_check_value(const args *a, const option *o, const char *text) {
  char *end = NULL, list[160];
  double value;

  switch (o->kind) {
    case OPTION_INTEGER:
      if (args_number(o, text, &value)) return;
      snprintf(list, sizeof list, o->high != 0 ? "from %.0f to %.0f" : "of at least %.0f",
               o->low, o->high);
      refuse_usage("%s is '%s': give a whole number %s%s%s", o->name, text, list,
                   o->choices ? ", or " : "", o->choices ? o->choices : "");
    case OPTION_REAL:
      if (args_number(o, text, &value)) return;
      *list = 0;
      if (isfinite(o->low)) snprintf(list, sizeof list, " of at least %g", o->low);
      refuse_usage("%s is '%s': give a number%s", o->name, text, list);
    case OPTION_SEED:
      errno = 0;
      strtoull(text, &end, 10);
      if (!errno && end != text && !*end && text[0] >= '0' && text[0] <= '9') return;
      refuse_usage("%s is '%s': give a whole number from 0 to 2^64 - 1", o->name, text);
    case OPTION_CHOICE:
      if (args_chosen(o->choices, text) >= 0) return;
      args_list(o->choices, list, sizeof list);
      refuse_usage("%s is '%s': give %s", o->name, text, list);
    case OPTION_OUTPUT: args_writable(a, o, text);
  }
}

/* One of the options of the list "--a --b" that was given, or NULL. */
static const char *args_any(const args *a, const char *list) {
  int i;
  for (i = 0; i < a->given_count; i++)
    if (args_lists(list, a->given[i].option->name)) return a->given[i].option->name;
  return NULL;
}

static void args_required(const args *a, const option *list) {
  for (; list && (list->name || list->also); list++) {
    if (list->also) args_required(a, list->also);
    if (list->required && (!list->verbs || args_lists(list->verbs, a->verb->name)) &&
        !args_given(a, list->name))
      refuse_usage("%s %s is missing: %s", list->name, list->value, list->help);
  }
}

static void args_check(const args *a) {
  int i;

  for (i = 0; i < a->given_count; i++) {
    const option *o = a->given[i].option;
    const char *other = args_any(a, o->without);
    char words[160];
    size_t w;
    if (other) refuse_usage("give %s or %s, not both", o->name, other);
    if (o->needs && !args_any(a, o->needs)) {
      for (w = 0; w + 1 < sizeof words && o->needs[w]; w++)
        words[w] = o->needs[w] == ' ' ? '|' : o->needs[w];
      words[w] = 0;
      char list[192];
      args_list(words, list, sizeof list);
      refuse_usage("%s needs %s: give both", o->name, list);
    }
  }
  for (i = 0; i < a->given_count; i++)
    args_check_value(a, a->given[i].option, a->given[i].value);
  args_required(a, a->command->options);
}

void args_run(const command *c, int argc, char **argv) {
  args a;
  const char *isa;
  lnsp_error error;
  int at, only_words = 0;

  memset(&a, 0, sizeof a);
  a.command = c;
  refuse_name(c->name, NULL);
  for (at = 0; at < argc; at++) {
    const char *word = argv[at];
    if (!only_words && !strcmp(word, "--"))
      only_words = 1;
    else if (!only_words && word[0] == '-' && word[1])
      args_option(&a, argc, argv, &at);
    else if (a.positional_count == ARGS_MAX)
      refuse_usage("give at most %d arguments", ARGS_MAX);
    else
      a.positional[a.positional_count++] = word;
  }
  if (args_given(&a, "--help")) {
    args_help(c);
    return;
  }
  a.json = args_given(&a, "--json");
  isa = args_value(&a, "--isa");
  refuse_if(isa && strcmp(isa, "auto") ? lnsp_isa_check(isa, &error) : LNSP_OK, NULL, &error);
  if (c->verbs) args_verb(&a);
  args_positionals(&a, a.verb ? a.verb->low : c->low, a.verb ? a.verb->high : c->high);
  args_check(&a);
  (a.verb ? a.verb->run : c->run)(&a);
}

int args_takes_value(const char *name) {
  const option *found = args_find(args_common, name, strlen(name), NULL);
  int i;
  for (i = 0; !found && commands[i]; i++)
    found = args_find(commands[i]->options, name, strlen(name), NULL);
  return found && found->value;
}

/* ---- for commands ---- */

const char *args_value_at(const args *a, const char *name, int index) {
  int i;
  for (i = 0; i < a->given_count; i++)
    if (!strcmp(a->given[i].option->name, name) && index-- == 0) return a->given[i].value;
  return NULL;
}

int args_given(const args *a, const char *name) { return args_value_at(a, name, 0) != NULL; }

static const option *args_of(const args *a, const char *name) {
  return args_find(a->command->options, name, strlen(name), a->verb);
}

const char *args_value(const args *a, const char *name) {
  const option *o = args_of(a, name);
  int i;
  for (i = a->given_count - 1; i >= 0; i--)
    if (!strcmp(a->given[i].option->name, name)) return a->given[i].value;
  return o ? o->initial : NULL;
}

double args_real(const args *a, const char *name) {
  const char *text = args_value(a, name);
  double value = 0;
  if (text) args_number(args_of(a, name), text, &value);
  return value;
}

int64_t args_integer(const args *a, const char *name) { return (int64_t)args_real(a, name); }

uint64_t args_seed(const args *a, const char *name) {
  const char *text = args_value(a, name);
  return text ? strtoull(text, NULL, 10) : 0;
}

int args_choice(const args *a, const char *name) {
  const char *text = args_value(a, name);
  return text ? args_chosen(args_of(a, name)->choices, text) : 0;
}

int32_t args_type(const args *a) {
  static const int32_t types[] = {LNSP_F32, LNSP_F16, LNSP_BF16, LNSP_I8};
  return types[args_choice(a, "--type")];
}

void args_positionals(const args *a, int low, int high) {
  const char *usage = a->verb ? a->verb->usage : a->command->usage;
  const char *name = a->verb ? a->verb->name : "", *gap = a->verb ? " " : "";
  if (a->positional_count < low)
    refuse_usage("an argument is missing: write lnsp %s%s%s %s", a->command->name, gap, name,
                 usage);
  if (a->positional_count > high)
    refuse_usage("'%s' is one argument too many: write lnsp %s%s%s %s", a->positional[high],
                 a->command->name, gap, name, usage);
}

int args_knows(const args *a, const char *name) { return args_of(a, name) != NULL; }

char *args_join(const args *a, int first) {
  int64_t length = 1;
  char *text;
  int i;

  for (i = first; i < a->positional_count; i++) length += (int64_t)strlen(a->positional[i]) + 1;
  text = memory_new(length, 1);
  for (i = first; i < a->positional_count; i++) {
    strcat(text, i > first ? " " : "");
    strcat(text, a->positional[i]);
  }
  return text;
}

lnsp_options args_run_options(const args *a) {
  lnsp_options options = LNSP_OPTIONS_INIT;
  options.isa = args_value(a, "--isa");
  return options;
}

lnsp_options args_net_options(const args *a) {
  lnsp_options options = LNSP_OPTIONS_INIT;
  options.architecture = args_value(a, "--arch");
  options.prefix = args_value(a, "--prefix");
  return options;
}

lnsp_options args_options(const args *a) {
  lnsp_options options = args_net_options(a);
  options.isa = args_value(a, "--isa");
  return options;
}
