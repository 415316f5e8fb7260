/* Facts that are printed for people or as JSON. */
#include "cli/report.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/format.h"
#include "cli/json.h"
#include "cli/refuse.h"
#include "command.h"
#include "lnsp.h"

report report_start(const args *a) {
  report r;
  r.json = a->json;
  if (r.json) json_open(NULL, '{');
  return r;
}

static void report_label(const char *label) { printf("%-18s ", label); }

void report_text(const report *r, const char *key, const char *label, const char *value) {
  if (r->json) {
    json_text(key, value);
  } else {
    report_label(label);
    printf("%s\n", value);
  }
}

const char *report_architecture(const report *r, const lnsp_graph *graph) {
  const char *text = lnsp_graph_architecture(graph);
  return r->json || !strchr(text, '\n') ? text : "written out; `lnsp info --graph` prints it";
}

void report_integer(const report *r, const char *key, const char *label, int64_t value,
                    const char *unit) {
  char number[FORMAT_NUMBER_BYTES];
  if (r->json) {
    json_integer(key, value);
  } else {
    report_label(label);
    printf("%s%s%s\n", format_number(value, number), *unit ? " " : "", unit);
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
  format_hash(hash, text);
  report_text(r, key, label, text);
}

void report_memory(const report *r, const char *key, const char *label,
                   const lnsp_memory_info *memory) {
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

  if (r->json)
    json_open(key, '{');
  else
    printf("%s, bytes\n", label);
  for (i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    if (r->json)
      json_integer(parts[i].key, (int64_t)parts[i].bytes);
    else if (parts[i].bytes)
      printf("  %-16s %14s\n", parts[i].label, format_number((int64_t)parts[i].bytes, number));
  }
  if (r->json) json_close('}');
}

int report_end(const report *r, const args *a) {
  if (r->json) {
    json_close('}');
    if (!json_print()) return refuse(a, "the report could not be written to standard output");
  }
  return refuse_printed(a, "the report");
}
