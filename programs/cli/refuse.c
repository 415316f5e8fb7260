/* Refusals: one sentence on stderr, and the exit status that goes with it. */
#include "cli/refuse.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "command.h"
#include "lnsp.h"

static void refuse_sentence(const args *a, const char *format, va_list list) {
  fflush(stdout);
  fprintf(stderr, "lnsp%s%s: ", a && a->command ? " " : "",
          a && a->command ? a->command->name : "");
  vfprintf(stderr, format, list);
  fputc('\n', stderr);
}

int refuse_usage(const args *a, const char *format, ...) {
  va_list list;
  va_start(list, format);
  refuse_sentence(a, format, list);
  va_end(list);
  return EXIT_USAGE;
}

int refuse(const args *a, const char *format, ...) {
  va_list list;
  va_start(list, format);
  refuse_sentence(a, format, list);
  va_end(list);
  return EXIT_REFUSED;
}

/* Sentences of the library that name a call or a field, said for the command line. */
static const struct {
  const char *library, *here;
} refuse_words[] = {
    {"as options->architecture", "with --arch"},
    {"options->max_header_bytes to allow more", "a program of your own to allow more"},
    {"call lnsp_trainer_set_replay", "give them with --replay FILE to train or eval"},
};

int refuse_error(const args *a, const char *path, const lnsp_error *error) {
  size_t i;
  for (i = 0; i < sizeof refuse_words / sizeof refuse_words[0]; i++) {
    const char *at = strstr(error->message, refuse_words[i].library);
    if (at)
      return refuse(a, "%s%s%.*s%s%s", path ? path : "", path ? ": " : "",
                    (int)(at - error->message), error->message, refuse_words[i].here,
                    at + strlen(refuse_words[i].library));
  }
  if (error->line > 0) /* of a loss, an optimizer, an architecture */
    return refuse(a, "%s (line %d, column %d of the text)", error->message, (int)error->line,
                  (int)error->column);
  if (path && !strstr(error->message, path)) return refuse(a, "%s: %s", path, error->message);
  return refuse(a, "%s", error->message);
}

int refuse_batch(const args *a, const char *path, int64_t first, const lnsp_error *error) {
  if (first > 0 && strstr(error->message, " in row "))
    return refuse(a, "%s%s%s (counted from row %lld of the data)", path ? path : "",
                  path ? ": " : "", error->message, (long long)first);
  return refuse_error(a, path, error);
}

int refuse_memory(const args *a) {
  return refuse(a, "not enough memory; use a smaller --batch or a machine with more");
}

int refuse_printed(const args *a, const char *what) {
  if (fflush(stdout) || ferror(stdout))
    return refuse(a, "%s could not be written to standard output", what);
  return EXIT_DONE;
}
