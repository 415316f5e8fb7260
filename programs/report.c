/* Sentences, numbers, the clock and the progress line. */
#define _POSIX_C_SOURCE 200809L
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "program.h"

static void report_sentence(const args *a, const char *format, va_list list) {
  fflush(stdout);
  fprintf(stderr, "lnsp%s%s: ", a && a->command ? " " : "",
          a && a->command ? a->command->name : "");
  vfprintf(stderr, format, list);
  fputc('\n', stderr);
}

int usage_error(const args *a, const char *format, ...) {
  va_list list;
  va_start(list, format);
  report_sentence(a, format, list);
  va_end(list);
  return EXIT_USAGE;
}

int refuse(const args *a, const char *format, ...) {
  va_list list;
  va_start(list, format);
  report_sentence(a, format, list);
  va_end(list);
  return EXIT_REFUSED;
}

/* Sentences of the library that name a call or a field, said for the command line. */
static const struct {
  const char *library, *here;
} report_words[] = {
  { "as options->architecture", "with --arch" },
  { "options->max_header_bytes to allow more", "a program of your own to allow more" },
  { "call lnsp_trainer_set_replay", "give them with --replay FILE to train or eval" },
};

int refuse_problem(const args *a, const char *path, const lnsp_problem *problem) {
  size_t i;
  for (i = 0; i < sizeof report_words / sizeof report_words[0]; i++) {
    const char *at = strstr(problem->message, report_words[i].library);
    if (at)
      return refuse(a, "%s%s%.*s%s%s", path ? path : "", path ? ": " : "",
                    (int)(at - problem->message), problem->message, report_words[i].here,
                    at + strlen(report_words[i].library));
  }
  if (problem->line > 0) /* of a loss, an optimizer, an architecture */
    return refuse(a, "%s (line %d, column %d of the text)", problem->message,
                  (int)problem->line, (int)problem->column);
  if (path && !strstr(problem->message, path))
    return refuse(a, "%s: %s", path, problem->message);
  return refuse(a, "%s", problem->message);
}

int refuse_batch(const args *a, const char *path, int64_t first, const lnsp_problem *problem) {
  if (first > 0 && strstr(problem->message, " in row "))
    return refuse(a, "%s%s%s (counted from row %lld of the data)", path ? path : "",
                  path ? ": " : "", problem->message, (long long)first);
  return refuse_problem(a, path, problem);
}

int refuse_memory(const args *a) {
  return refuse(a, "not enough memory; use a smaller --batch or a machine with more");
}

const char *number_text(int64_t value, char buffer[NUMBER_BYTES]) {
  char digits[NUMBER_BYTES];
  const int length = snprintf(digits, sizeof digits, "%lld", (long long)value);
  int from, to = 0;

  for (from = 0; from < length; from++) {
    const int left = length - from;
    if (from > 0 && left % 3 == 0 && digits[from - 1] != '-')
      buffer[to++] = ',';
    buffer[to++] = digits[from];
  }
  buffer[to] = 0;
  return buffer;
}

void hash_text(const uint8_t hash[LNSP_HASH_BYTES], char text[2 * LNSP_HASH_BYTES + 1]) {
  int i;
  for (i = 0; i < LNSP_HASH_BYTES; i++)
    snprintf(text + 2 * i, 3, "%02x", hash[i]);
}

void shape_text(const lnsp_tensor *tensor, char *buffer, size_t capacity) {
  size_t used = 0;
  int32_t i;

  buffer[0] = 0;
  for (i = 0; i < tensor->rank && used < capacity; i++)
    used += (size_t)snprintf(buffer + used, capacity - used, "%s%lld", i ? ", " : "[",
                             (long long)tensor->dims[i]);
  if (used < capacity)
    snprintf(buffer + used, capacity - used, tensor->rank ? "]" : "[]");
}

double clock_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void progress_start(progress *p) {
  p->terminal = isatty(STDERR_FILENO);
  p->shown = 0;
  p->last = 0;
}

int progress_due(progress *p) {
  double now;
  if (!p->terminal)
    return 0;
  now = clock_seconds();
  if (now - p->last < .1)
    return 0;
  p->last = now;
  return 1;
}

void progress_show(progress *p, const char *format, ...) {
  va_list list;
  if (!p->terminal)
    return;
  fputs("\r\033[K", stderr);
  va_start(list, format);
  vfprintf(stderr, format, list);
  va_end(list);
  fflush(stderr);
  p->shown = 1;
}

void progress_clear(progress *p) {
  if (p->shown)
    fputs("\r\033[K", stderr);
  p->shown = 0;
}
