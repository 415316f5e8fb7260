/* One JSON object on stdout. */
#include "cli/json.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "cli/memory.h"
#include "lnsp.h"

#define JSON_DEPTH 16

/* The one object that is being put together (a program has one stdout). It is
 * printed when it is whole, so that a refusal prints none. */
static struct {
  int wanted, compact; /* compact: an object is one line */
  int depth, filled[JSON_DEPTH];
  char *text;
  size_t length, capacity;
} json;

void json_start(int wanted) { json.wanted = wanted; }

int json_wanted(void) { return json.wanted; }

static void json_put(const char *format, ...) {
  va_list list;
  size_t room;

  va_start(list, format);
  room = (size_t)vsnprintf(NULL, 0, format, list) + 1;
  va_end(list);
  if (json.length + room > json.capacity) {
    json.capacity = 2 * json.capacity + room + 1024;
    json.text = memory_grow(json.text, (int64_t)json.capacity, 1);
  }
  va_start(list, format);
  vsnprintf(json.text + json.length, room, format, list);
  va_end(list);
  json.length += room - 1;
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

static void json_line(void) { json_put("\n%*s", 2 * json.depth, ""); }

/* What goes before a value: a comma, a line of its own, its key. */
static void json_before(const char *key) {
  if (json.depth) {
    int *filled = &json.filled[json.depth - 1];
    if (*filled) json_put(json.compact ? ", " : ",");
    if (!json.compact) json_line();
    *filled = 1;
  }
  if (!key) return;
  json_string(key);
  json_put(": ");
}

void json_open(const char *key, char bracket) {
  if (!json.wanted) return;
  json_before(key);
  json_put("%c", bracket);
  json.filled[json.depth++] = 0;
}

void json_close(char bracket) {
  if (!json.wanted) return;
  if (json.filled[--json.depth] && !json.compact) json_line();
  json_put("%c%s", bracket, json.depth ? "" : "\n");
}

void json_text(const char *key, const char *value) {
  if (!json.wanted) return;
  json_before(key);
  if (value)
    json_string(value);
  else
    json_put("null");
}

void json_integer(const char *key, int64_t value) {
  if (!json.wanted) return;
  json_before(key);
  json_put("%lld", (long long)value);
}

void json_real(const char *key, double value) {
  if (!json.wanted) return;
  json_before(key);
  json_put(isfinite(value) ? "%.9g" : "null", value); /* JSON has no infinity */
}

void json_shape(const char *key, const lnsp_tensor *tensor) {
  int32_t i;
  if (!json.wanted) return;
  json_before(key);
  json_put("[");
  for (i = 0; i < tensor->rank; i++)
    json_put("%s%lld", i ? ", " : "", (long long)tensor->dims[i]);
  json_put("]");
}

void json_lines(void) { json.compact = 1; }

void json_print(void) {
  fwrite(json.text, 1, json.length, stdout);
  json.length = 0;
}
