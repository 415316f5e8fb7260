/* One JSON object on stdout, and facts that are printed for people or as JSON. */
#include "cli/json.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lnsp.h"

#define JSON_DEPTH 16

/* The one object that is being put together (a program has one stdout). It is
 * printed when it is whole, so that a refusal prints none. */
static struct {
  int depth, broken, compact; /* compact: an object is one line */
  int filled[JSON_DEPTH];
  char *text;
  size_t length, capacity;
} json;

static void json_put(const char *format, ...) {
  va_list list;
  int length;

  va_start(list, format);
  length = vsnprintf(NULL, 0, format, list);
  va_end(list);
  if (length < 0 || json.broken) {
    json.broken = 1;
    return;
  }
  if (json.length + (size_t)length + 1 > json.capacity) {
    const size_t capacity = 2 * json.capacity + (size_t)length + 1024;
    char *more = realloc(json.text, capacity);
    if (!more) {
      json.broken = 1;
      return;
    }
    json.text = more;
    json.capacity = capacity;
  }
  va_start(list, format);
  vsnprintf(json.text + json.length, (size_t)length + 1, format, list);
  va_end(list);
  json.length += (size_t)length;
}

static void json_string(const char *text) {
  json_put("\"");
  for (; *text; text++) {
    const unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\')
      json_put("\\%c", c);
    else if (c == '\n')
      json_put("\\n");
    else if (c < 0x20)
      json_put("\\u%04x", c);
    else
      json_put("%c", c);
  }
  json_put("\"");
}

static void json_indent(void) {
  int i;
  for (i = 0; !json.compact && i < json.depth; i++) json_put("  ");
}

static void json_before(const char *key) {
  if (json.depth) {
    json_put("%s%s", json.filled[json.depth - 1] ? "," : "",
             !json.compact                 ? "\n"
             : json.filled[json.depth - 1] ? " "
                                           : "");
    json.filled[json.depth - 1] = 1;
  }
  json_indent();
  if (key) {
    json_string(key);
    json_put(": ");
  }
}

void json_open(const char *key, char bracket) {
  json_before(key);
  json_put("%c", bracket);
  if (json.depth < JSON_DEPTH) json.filled[json.depth++] = 0;
}

void json_close(char bracket) {
  if (json.filled[--json.depth] && !json.compact) {
    json_put("\n");
    json_indent();
  }
  json_put("%c", bracket);
  if (!json.depth) json_put("\n");
}

void json_text(const char *key, const char *value) {
  json_before(key);
  if (value)
    json_string(value);
  else
    json_put("null");
}

void json_integer(const char *key, int64_t value) {
  json_before(key);
  json_put("%lld", (long long)value);
}

void json_real(const char *key, double value) {
  json_before(key);
  if (isfinite(value))
    json_put("%.9g", value);
  else
    json_put("null"); /* JSON has no infinity */
}

void json_shape(const char *key, const lnsp_tensor *tensor) {
  int32_t i;
  json_before(key);
  json_put("[");
  for (i = 0; i < tensor->rank; i++)
    json_put("%s%lld", i ? ", " : "", (long long)tensor->dims[i]);
  json_put("]");
}

void json_lines(void) { json.compact = 1; }

int json_print(void) {
  const int compact = json.compact;
  const int whole = !json.broken && fwrite(json.text, 1, json.length, stdout) == json.length;
  free(json.text);
  memset(&json, 0, sizeof json);
  json.compact = compact;
  return whole;
}
