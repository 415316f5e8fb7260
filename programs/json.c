/* One JSON object on stdout, and facts that are printed for people or as JSON. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

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
  for (i = 0; !json.compact && i < json.depth; i++)
    json_put("  ");
}

static void json_before(const char *key) {
  if (json.depth) {
    json_put("%s%s", json.filled[json.depth - 1] ? "," : "",
             !json.compact ? "\n" : json.filled[json.depth - 1] ? " " : "");
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
  if (json.depth < JSON_DEPTH)
    json.filled[json.depth++] = 0;
}

void json_close(char bracket) {
  if (json.filled[--json.depth] && !json.compact) {
    json_put("\n");
    json_indent();
  }
  json_put("%c", bracket);
  if (!json.depth)
    json_put("\n");
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

report report_start(const args *a) {
  report r;
  r.json = a->json;
  if (r.json)
    json_open(NULL, '{');
  return r;
}

static void report_label(const char *label) {
  printf("%-18s ", label);
}

void report_text(const report *r, const char *key, const char *label, const char *value) {
  if (r->json) {
    json_text(key, value);
  } else {
    report_label(label);
    printf("%s\n", value);
  }
}

const char *architecture_text(const report *r, const lnsp_graph *graph) {
  const char *text = lnsp_graph_architecture(graph);
  return r->json || !strchr(text, '\n') ? text
                                        : "written out; `lnsp info --graph` prints it";
}

void report_integer(const report *r, const char *key, const char *label, int64_t value,
                    const char *unit) {
  char number[NUMBER_BYTES];
  if (r->json) {
    json_integer(key, value);
  } else {
    report_label(label);
    printf("%s%s%s\n", number_text(value, number), *unit ? " " : "", unit);
  }
}

void report_real(const report *r, const char *key, const char *label, double value,
                 const char *format) {
  char text[64];
  if (r->json) {
    json_real(key, value);
  } else {
    if (!strcmp(format, "4"))
      snprintf(text, sizeof text, "%.4f", value);
    else if (!strcmp(format, "1"))
      snprintf(text, sizeof text, "%.1f", value);
    else
      snprintf(text, sizeof text, "%.6g", value);
    report_label(label);
    printf("%s\n", text);
  }
}

void report_hash(const report *r, const char *key, const char *label,
                 const uint8_t hash[LNSP_HASH_BYTES]) {
  char text[2 * LNSP_HASH_BYTES + 1];
  hash_text(hash, text);
  report_text(r, key, label, text);
}

void report_memory(const report *r, const char *key, const char *label,
                   const lnsp_memory *memory) {
  const struct {
    const char *key, *label;
    uint64_t bytes;
  } parts[] = {
    { "total_bytes", "total", memory->total_bytes },
    { "weight_bytes", "weights", memory->weight_bytes },
    { "moment_bytes", "moments", memory->moment_bytes },
    { "average_bytes", "average", memory->average_bytes },
    { "residual_bytes", "residual", memory->residual_bytes },
    { "gradient_bytes", "gradients", memory->gradient_bytes },
    { "undo_bytes", "undo", memory->undo_bytes },
    { "activation_bytes", "activations", memory->activation_bytes },
    { "workspace_bytes", "workspace", memory->workspace_bytes },
    { "plan_bytes", "plan", memory->plan_bytes },
  };
  char number[NUMBER_BYTES];
  size_t i;

  if (r->json)
    json_open(key, '{');
  else
    printf("%s, bytes\n", label);
  for (i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    if (r->json)
      json_integer(parts[i].key, (int64_t)parts[i].bytes);
    else if (parts[i].bytes)
      printf("  %-16s %14s\n", parts[i].label, number_text((int64_t)parts[i].bytes, number));
  }
  if (r->json)
    json_close('}');
}

void json_lines(void) { json.compact = 1; }

int report_end(const report *r, const args *a) {
  int failed = 0;
  if (r->json) {
    const int compact = json.compact;
    json_close('}');
    failed = json.broken || fwrite(json.text, 1, json.length, stdout) != json.length;
    free(json.text);
    memset(&json, 0, sizeof json);
    json.compact = compact;
  }
  if (failed || fflush(stdout) || ferror(stdout))
    return refuse(a, "the report could not be written to standard output");
  return EXIT_DONE;
}
