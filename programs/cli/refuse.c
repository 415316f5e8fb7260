/* Refusals: one sentence on stderr, and the end of the program. */
#include "cli/refuse.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/file.h"
#include "cli/progress.h"
#include "command.h"

static char refuse_of[64]; /* " delta make" */

void refuse_name(const char *first, const char *second) {
  snprintf(refuse_of, sizeof refuse_of, " %s%s%s", first, second ? " " : "",
           second ? second : "");
}

/* Without what exit would still do: nothing was closed, so there is nothing to tell of. */
static _Noreturn void refuse_end(int status, const char *format, va_list list) {
  progress_clear();
  fprintf(stderr, "lnsp%s: ", refuse_of);
  vfprintf(stderr, format, list);
  fputc('\n', stderr);
  fflush(NULL);
  _Exit(status);
}

void refuse_usage(const char *format, ...) {
  va_list list;
  va_start(list, format);
  refuse_end(EXIT_USAGE, format, list);
}

void refuse(const char *format, ...) {
  va_list list;
  va_start(list, format);
  refuse_end(EXIT_REFUSED, format, list);
}

/* Sentences of the library that name a call or a field, said for the command line. */
static const struct {
  const char *library, *here;
} refuse_words[] = {
    {"options->max_header_bytes to allow more", "a program of your own to allow more"},
    {"destroy this handle and open the store again", "make room on its disk, and try again"},
    {"create one with lnsp_store_create", "`lnsp store init` makes one"},
    {"a number of steps or a percentage such as 5%", "steps, 5% or (in --schedule) 1epoch"},
    {"call lnsp_trainer_set_replay", "add --replay FILE, which `lnsp replay fit` writes"},
};

/* A file that was given as a model, and is something else. */
static void refuse_kind(const char *path, const lnsp_error *error) {
  const int named = strstr(error->message, "what its architecture is") != NULL;
  const char *kind;

  if (!path || !(named || strstr(error->message, "not a safetensors file"))) return;
  kind = file_kind(path);
  if (!strcmp(kind, "store"))
    refuse("'%s' is a store: `lnsp store checkout %s -o FILE` writes its newest version", path,
           path);
  if (named && strcmp(kind, "data"))
    refuse("'%s' is not a model but has the kind '%s': give a model", path, kind);
  if (named)
    refuse("'%s' does not say what its architecture is: give a model, or the text, such as "
           "'student heads=8', with --arch",
           path);
}

void refuse_error(const char *path, const lnsp_error *error) {
  size_t i;

  refuse_kind(path, error);
  if (error->line > 0) path = NULL; /* it is about a text, not about the file */
  for (i = 0; i < sizeof refuse_words / sizeof refuse_words[0]; i++) {
    const char *at = strstr(error->message, refuse_words[i].library);
    if (at)
      refuse("%s%s%.*s%s%s", path ? path : "", path ? ": " : "", (int)(at - error->message),
             error->message, refuse_words[i].here, at + strlen(refuse_words[i].library));
  }
  if (error->line > 0) /* of a loss, an optimizer, an architecture */
    refuse("%s (line %d, column %d of the text)", error->message, (int)error->line,
           (int)error->column);
  if (path && !strstr(error->message, path)) refuse("%s: %s", path, error->message);
  refuse("%s", error->message);
}

void refuse_if(int32_t status, const char *path, const lnsp_error *error) {
  if (status) refuse_error(path, error);
}

void refuse_batch_if(int32_t status, const char *path, int64_t first, const lnsp_error *error) {
  if (status && first > 0 && strstr(error->message, " in row "))
    refuse("%s%s%s (counted from row %lld of the data)", path ? path : "", path ? ": " : "",
           error->message, (long long)first);
  refuse_if(status, path, error);
}

void refuse_unprinted(const char *what) {
  if (fflush(stdout) || ferror(stdout))
    refuse("%s could not be written to standard output: make room, or redirect it elsewhere",
           what);
}
