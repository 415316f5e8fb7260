/* lnsp store log: a history as a person wants to read it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/memory.h"
#include "cli/json.h"
#include "cli/report.h"
#include "store/store.h"
#include "lnsp.h"

typedef struct row {
  lnsp_store_version_info v;
  int undone; /* a rollback went back to before it */
} row;

typedef struct history {
  row *rows; /* newest first */
  uint64_t count, shown;
  lnsp_store_info facts;
  int colour, utf8;
} history;

static const char *age_text(uint64_t at, uint64_t now, char text[32]) {
  const uint64_t s = now > at ? now - at : 0;
  const time_t when = (time_t)at;
  struct tm day;

  if (!at) return "-";
  if (s < 60)
    snprintf(text, 32, "%d s ago", (int)s);
  else if (s < 3600)
    snprintf(text, 32, "%d min ago", (int)(s / 60));
  else if (s < 86400)
    snprintf(text, 32, "%d h ago", (int)(s / 3600));
  else if (s < 14 * 86400)
    snprintf(text, 32, "%d day%s ago", (int)(s / 86400), s < 2 * 86400 ? "" : "s");
  else if (!gmtime_r(&when, &day) || !strftime(text, 32, "%Y-%m-%d", &day))
    return "-";
  return text;
}

static const char *bytes_text(uint64_t bytes, char text[32]) {
  static const char *const unit[] = {"B", "kB", "MB", "GB"};
  double value = (double)bytes;
  int i = 0;
  for (; value >= 999.5 && i < 3; i++) value /= 1000;
  snprintf(text, 32, i && value < 9.95 ? "%.1f %s" : "%.0f %s", value, unit[i]);
  return text;
}

static void print_row(const history *h, const row *r, int width, int steps, uint64_t now) {
  char age[32], bytes[32], loss[32] = "", step[FORMAT_NUMBER_BYTES],
                           hash[2 * LNSP_HASH_BYTES + 1];
  static const char *const marks[][2] = {{"o", "\xe2\x97\x8b"},
                                         {".", "\xc2\xb7"},
                                         {"*", "\xe2\x97\x8f"},
                                         {"<", "\xe2\x86\xa9"}};
  /* an empty circle, undone a dot, current a full circle, a rollback an arrow that turns
   * back */
  const char *mark = marks[r->v.kind == LNSP_VERSION_ROLLBACK ? 3
                           : r->v.current                     ? 2
                                                              : r->undone][h->utf8];
  const char *on = "", *off = "";

  if (h->colour && (r->v.current || r->undone)) {
    on = r->v.current ? "\033[1;32m" : "\033[2m";
    off = "\033[0m";
  }
  printf("%s%s %*llu  %-11s", on, mark, width, (unsigned long long)r->v.number,
         age_text(r->v.time, now, age));
  if (r->v.kind == LNSP_VERSION_ROLLBACK) {
    printf("  back to %llu%s\n", (unsigned long long)r->v.parent, off);
    return;
  }
  format_hash(r->v.hash, hash);
  if (isfinite(r->v.loss) && r->v.loss != 0)
    snprintf(loss, sizeof loss, "%.6g", (double)r->v.loss);
  if (steps) printf("  step %*s", steps, format_number((int64_t)r->v.step, step));
  printf("  %-12s %7s%s  %.12s%s%s%s\n", loss[0] ? loss : "-", bytes_text(r->v.bytes, bytes),
         r->v.kind == LNSP_VERSION_SNAPSHOT ? " whole" : "      ", hash, *r->v.tag ? "  " : "",
         r->v.tag, off);
}

static void print_history(const args *a, lnsp_store *store, const history *h) {
  char number[FORMAT_NUMBER_BYTES], used[32], size[32], digits[FORMAT_NUMBER_BYTES];
  const char *architecture = lnsp_store_text(store, 0);
  const uint64_t now = (uint64_t)time(NULL);
  int width = snprintf(digits, sizeof digits, "%llu", (unsigned long long)h->facts.newest);
  int steps = 0;
  uint64_t i;

  for (i = 0; i < h->shown; i++) {
    const int length = (int)strlen(format_number((int64_t)h->rows[i].v.step, number));
    if (h->facts.of_trainer && length > steps) steps = length;
  }
  printf("%s: %s version%s of a %s, %s of %s used\n", a->positional[0],
         format_number((int64_t)h->count, number), h->count == 1 ? "" : "s",
         h->facts.of_trainer ? "trainer's state" : "model",
         bytes_text(h->facts.used_bytes, used), bytes_text(h->facts.bank_bytes, size));
  printf("%s\n", strchr(architecture, '\n') ? "architecture written out" : architecture);
  if (h->facts.damaged) printf("damaged: some versions are lost\n");
  printf("\n");
  if (width < 3) width = 3;
  for (i = 0; i < h->shown; i++) print_row(h, &h->rows[i], width, steps, now);
  if (h->shown < h->count)
    printf("  %llu older ones\n", (unsigned long long)(h->count - h->shown));
}

static void log_json(lnsp_store *store, const history *h) {
  static const char *const kinds[] = {"?", "snapshot", "delta", "rollback"};
  char hash[2 * LNSP_HASH_BYTES + 1];
  uint64_t i;

  json_text("architecture", lnsp_store_text(store, 0));
  json_text("of", h->facts.of_trainer ? "trainer" : "model");
  json_integer("newest", (int64_t)h->facts.newest);
  json_integer("used_bytes", (int64_t)h->facts.used_bytes);
  json_integer("bank_bytes", (int64_t)h->facts.bank_bytes);
  json_integer("damaged", h->facts.damaged);
  json_open("versions", '[');
  for (i = 0; i < h->shown; i++) {
    const lnsp_store_version_info *v = &h->rows[i].v;
    format_hash(v->hash, hash);
    json_open(NULL, '{');
    json_integer("version", (int64_t)v->number);
    json_text("kind", kinds[v->kind]);
    json_integer("from", (int64_t)v->parent);
    json_integer("time", (int64_t)v->time);
    json_integer("step", (int64_t)v->step);
    json_real("loss", (double)v->loss);
    json_integer("bytes", (int64_t)v->bytes);
    json_text("hash", hash);
    json_text("tag", v->tag);
    json_integer("current", v->current);
    json_integer("undone", h->rows[i].undone);
    json_close('}');
  }
  json_close(']');
}

void store_log(const args *a) {
  const uint64_t last =
      args_given(a, "--last") ? (uint64_t)args_integer(a, "--last") : UINT64_MAX;
  static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
  lnsp_store *store = store_open(a, 1);
  uint64_t i, next = 0;
  int n;
  history h;

  memset(&h, 0, sizeof h);
  h.colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
  for (n = 0; n < 3; n++) { /* the first of them that is set says the character set */
    const char *value = getenv(names[n]);
    if (!value || !*value) continue;
    h.utf8 = strstr(value, "UTF-8") || strstr(value, "utf8") || strstr(value, "UTF8");
    break;
  }
  h.facts = store_facts(a, store);
  h.count = h.facts.versions;
  h.shown = last < h.count ? last : h.count;
  h.rows = memory_new((int64_t)h.count, sizeof *h.rows);
  /* from the newest back, each to the one it came from: the others are undone */
  for (i = 0; i < h.count; i++) {
    row *r = &h.rows[i];
    r->v = store_version(a, store, i);
    r->undone = i > 0 && r->v.number != next;
    if (!r->undone) next = r->v.parent;
  }
  report_start(a);
  if (a->json)
    log_json(store, &h);
  else
    print_history(a, store, &h);
  report_end();
  free(h.rows);
  lnsp_store_destroy(store);
}
