/* Options and arguments of the command line. */
#include "cli/args.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/refuse.h"
#include "command.h"
#include "lnsp.h"

const option args_common[] = {
    {"--isa", "NAME", "kernel set: auto, scalar, avx2, avx512, avx512vnni, avx512amx or neon"},
    {"--arch", "TEXT", "architecture of a file that names none, or another than it names"},
    {"--prefix", "TEXT", "what stands before every tensor name in the model file"},
    {"--json", NULL, "print one JSON object"},
    {"--help", NULL, "print this help"},
    {NULL, NULL, NULL},
};

static const option *args_find(const option *list, const char *name, size_t length) {
  for (; list && list->name; list++)
    if (strlen(list->name) == length && !memcmp(list->name, name, length)) return list;
  return NULL;
}

static int args_option(args *a, int argc, char **argv, int *at) {
  const char *word = argv[*at], *equals = word[1] == '-' ? strchr(word, '=') : NULL;
  const size_t length = equals ? (size_t)(equals - word) : strlen(word);
  const option *found = args_find(a->command->options, word, length);
  const char *value = "";

  if (!found) found = args_find(args_common, word, length);
  if (!found)
    return refuse_usage(a, "there is no option %.*s; `lnsp help %s` lists them", (int)length,
                        word, a->command->name);
  if (found->value && equals) {
    value = equals + 1;
  } else if (found->value) {
    if (*at + 1 >= argc)
      return refuse_usage(a, "%s needs a value: %s %s", found->name, found->name, found->value);
    value = argv[++*at];
  } else if (equals) {
    return refuse_usage(a, "%s takes no value", found->name);
  }
  if (a->given_count == ARGS_MAX) return refuse_usage(a, "more than %d options", ARGS_MAX);
  a->given[a->given_count].option = found;
  a->given[a->given_count++].value = value;
  return 0;
}

int args_parse(args *a, int argc, char **argv) {
  int at, only_words = 0;

  for (at = 0; at < argc; at++) {
    const char *word = argv[at];
    if (!only_words && !strcmp(word, "--")) {
      only_words = 1;
    } else if (!only_words && word[0] == '-' && word[1]) {
      const int status = args_option(a, argc, argv, &at);
      if (status) return status;
    } else if (a->positional_count == ARGS_MAX) {
      return refuse_usage(a, "more than %d arguments", ARGS_MAX);
    } else {
      a->positional[a->positional_count++] = word;
    }
  }
  a->json = args_value(a, "--json") != NULL;
  return 0;
}

const char *args_value(const args *a, const char *name) {
  int i;
  for (i = a->given_count - 1; i >= 0; i--)
    if (!strcmp(a->given[i].option->name, name)) return a->given[i].value;
  return NULL;
}

const char *args_value_at(const args *a, const char *name, int index) {
  int i;
  for (i = 0; i < a->given_count; i++)
    if (!strcmp(a->given[i].option->name, name) && index-- == 0) return a->given[i].value;
  return NULL;
}

int args_positionals(const args *a, int low, int high) {
  if (a->positional_count < low)
    return refuse_usage(a, "an argument is missing: lnsp %s %s", a->command->name,
                        a->command->usage);
  if (a->positional_count > high)
    return refuse_usage(a, "\"%s\" is one argument too many: lnsp %s %s", a->positional[high],
                        a->command->name, a->command->usage);
  return 0;
}

int args_integer(const args *a, const char *name, int64_t low, int64_t high, int64_t initial,
                 int64_t *out) {
  const char *text = args_value(a, name);
  char *end = NULL;
  long long value;

  *out = initial;
  if (!text) return 0;
  errno = 0;
  value = strtoll(text, &end, 10);
  if (errno || end == text || *end || value < low || value > high)
    return refuse_usage(a, "%s is \"%s\", and must be a whole number from %lld to %lld", name,
                        text, (long long)low, (long long)high);
  *out = value;
  return 0;
}

int args_unsigned(const args *a, const char *name, uint64_t initial, uint64_t *out) {
  const char *text = args_value(a, name);
  char *end = NULL;
  unsigned long long value;

  *out = initial;
  if (!text) return 0;
  errno = 0;
  value = strtoull(text, &end, 10);
  if (errno || end == text || *end || text[0] == '-')
    return refuse_usage(a, "%s is \"%s\", and must be a whole number from 0 to 2^64 - 1", name,
                        text);
  *out = value;
  return 0;
}

int args_real(const args *a, const char *name, double low, double initial, double *out) {
  const char *text = args_value(a, name);
  char *end = NULL;

  *out = initial;
  if (!text) return 0;
  *out = strtod(text, &end);
  if (end == text || *end || !isfinite(*out) || *out < low)
    return refuse_usage(a, "%s is \"%s\", and must be a number of at least %g", name, text,
                        low);
  return 0;
}

int args_type(const args *a, int32_t *dtype) {
  static const struct {
    const char *name;
    int32_t dtype;
  } types[] = {{"f32", LNSP_F32}, {"f16", LNSP_F16}, {"bf16", LNSP_BF16},
               {"F32", LNSP_F32}, {"F16", LNSP_F16}, {"BF16", LNSP_BF16},
               {"int8", LNSP_I8}, {"i8", LNSP_I8},   {"I8", LNSP_I8}};
  const char *text = args_value(a, "--type");
  size_t i;

  *dtype = LNSP_F32;
  if (!text) return 0;
  for (i = 0; i < sizeof types / sizeof types[0]; i++)
    if (!strcmp(text, types[i].name)) {
      *dtype = types[i].dtype;
      return 0;
    }
  return refuse_usage(a, "--type is \"%s\", and must be f32, f16, bf16 or int8", text);
}

int args_knows(const args *a, const char *name) {
  return args_find(a->command->options, name, strlen(name)) != NULL;
}

int args_writable(const args *a, const char *name, const char *out) {
  const char *slash = strrchr(out, '/');
  char folder[4096] = ".";
  struct stat there;

  if (!stat(out, &there) && S_ISDIR(there.st_mode))
    return refuse(a, "%s is a folder; give the file to write with %s", out, name);
  if (slash == out) {
    strcpy(folder, "/");
  } else if (slash) {
    const size_t length = (size_t)(slash - out);
    if (length >= sizeof folder)
      return refuse_usage(a, "the path of %s is longer than %d bytes", name,
                          (int)sizeof folder - 1);
    memcpy(folder, out, length);
    folder[length] = 0;
  }
  if (access(folder, W_OK))
    return refuse(a, "%s cannot be written: %s: %s; choose another place with %s", out, folder,
                  strerror(errno), name);
  return 0;
}

int args_output(const args *a, const char **path) {
  const char *out = args_value(a, "-o");

  if (!out || !*out) return refuse_usage(a, "-o FILE is missing, the file to write");
  *path = out;
  return args_writable(a, "-o", out);
}

char *args_join(const args *a, int first) {
  size_t length = 1;
  char *text, *to;
  int i;

  for (i = first; i < a->positional_count; i++) length += strlen(a->positional[i]) + 1;
  to = text = malloc(length);
  if (!text) return NULL;
  for (i = first; i < a->positional_count; i++) {
    const size_t n = strlen(a->positional[i]);
    if (i > first) *to++ = ' ';
    memcpy(to, a->positional[i], n);
    to += n;
  }
  *to = 0;
  return text;
}

lnsp_options args_options(const args *a) {
  lnsp_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.isa = args_value(a, "--isa");
  options.architecture = args_value(a, "--arch");
  options.prefix = args_value(a, "--prefix");
  return options;
}

static void args_help_list(const option *list) {
  for (; list && list->name; list++) {
    char left[64];
    snprintf(left, sizeof left, "%s%s%s", list->name, list->value ? " " : "",
             list->value ? list->value : "");
    printf("  %-26s %s\n", left, list->help);
  }
}

void args_help(const command *c) {
  printf("lnsp %s %s\n\n%s\n", c->name, c->usage, c->detail);
  if (c->options && c->options->name) printf("\noptions\n");
  args_help_list(c->options);
  printf("\noptions of every command\n");
  args_help_list(args_common);
}
