/* Facts that are printed for people or as JSON, and values as text. */
#include "cli/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/json.h"
#include "cli/refuse.h"
#include "lnsp.h"

/* ---- numbers, hashes and shapes as text ---- */

const char *format_number(int64_t value, char buffer[FORMAT_NUMBER_BYTES]) {
  char digits[FORMAT_NUMBER_BYTES];
  const int length = snprintf(digits, sizeof digits, "%lld", (long long)value);
  int from, to = 0;

  for (from = 0; from < length; from++) {
    const int left = length - from;
    if (from > 0 && left % 3 == 0 && digits[from - 1] != '-') buffer[to++] = ',';
    buffer[to++] = digits[from];
  }
  buffer[to] = 0;
  return buffer;
}

void format_hash(const uint8_t hash[LNSP_HASH_BYTES], char text[2 * LNSP_HASH_BYTES + 1]) {
  int i;
  for (i = 0; i < LNSP_HASH_BYTES; i++) snprintf(text + 2 * i, 3, "%02x", hash[i]);
}

void format_shape(const lnsp_tensor *tensor, char *buffer, size_t capacity) {
  size_t used = 0;
  int32_t i;

  buffer[0] = 0;
  for (i = 0; i < tensor->rank && used < capacity; i++)
    used += (size_t)snprintf(buffer + used, capacity - used, "%s%lld", i ? ", " : "[",
                             (long long)tensor->dims[i]);
  if (used < capacity) snprintf(buffer + used, capacity - used, tensor->rank ? "]" : "[]");
}

/* ---- reports ---- */

void report_start(const args *a) {
  json_start(a->json);
  json_open(NULL, '{');
}

void report_print(const char *format, ...) {
  va_list list;
  if (json_wanted()) return;
  va_start(list, format);
  vprintf(format, list);
  va_end(list);
}

void report_line(const char *label, const char *format, ...) {
  va_list list;
  if (json_wanted()) return;
  printf("%-18s ", label);
  va_start(list, format);
  vprintf(format, list);
  va_end(list);
  putchar('\n');
}

void report_text(const char *key, const char *label, const char *value) {
  json_text(key, value);
  report_line(label, "%s", value);
}

void report_architecture(const lnsp_graph *graph) {
  const char *text = lnsp_graph_architecture(graph);
  json_text("architecture", text);
  report_line("architecture", "%s",
              strchr(text, '\n') ? "written out; `lnsp info --graph` prints it" : text);
}

void report_integer(const char *key, const char *label, int64_t value, const char *unit) {
  char number[FORMAT_NUMBER_BYTES];
  json_integer(key, value);
  report_line(label, "%s%s%s", format_number(value, number), *unit ? " " : "", unit);
}

void report_real(const char *key, const char *label, double value, const char *format) {
  json_real(key, value);
  report_line(label, format, value);
}

void report_hash(const char *key, const char *label, const uint8_t hash[LNSP_HASH_BYTES]) {
  char text[2 * LNSP_HASH_BYTES + 1];
  format_hash(hash, text);
  report_text(key, label, text);
}

void report_memory(const char *key, const char *label, const lnsp_memory_info *memory) {
  const struct {
    const char *key, *label;
    uint64_t bytes;
  } parts[] = {
      {"total_bytes", "total", memory->total_bytes},
      {"weight_bytes", "weights", memory->weight_bytes},
      {"moment_bytes", "moments", memory->moment_bytes},
      {"average_bytes", "average", memory->average_bytes},
      {"residual_bytes", "residual", memory->residual_bytes},
      {"gradient_bytes", "gradients", memory->gradient_bytes},
      {"undo_bytes", "undo", memory->mark_bytes},
      {"activation_bytes", "activations", memory->activation_bytes},
      {"workspace_bytes", "workspace", memory->workspace_bytes},
      {"plan_bytes", "plan", memory->plan_bytes},
  };
  char number[FORMAT_NUMBER_BYTES];
  size_t i;

  json_open(key, '{');
  report_print("%s, bytes\n", label);
  for (i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    json_integer(parts[i].key, (int64_t)parts[i].bytes);
    if (parts[i].bytes)
      report_print("  %-16s %14s\n", parts[i].label,
                   format_number((int64_t)parts[i].bytes, number));
  }
  json_close('}');
}

void report_end(void) {
  json_close('}');
  if (json_wanted()) json_print();
  refuse_unprinted("the report");
}
