/* lnsp list: what this build knows, and the keys of each. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/json.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "command.h"
#include "lnsp.h"

static const struct {
  int32_t list;
  const char *key, *title, *one;
} list_all[] = {
    {LNSP_LIST_ARCHITECTURES, "architectures", "architectures", "architecture"},
    {LNSP_LIST_LAYERS, "layers", "layers", "layer"},
    {LNSP_LIST_LOSSES, "losses", "losses", "loss"},
    {LNSP_LIST_OPTIMIZERS, "optimizers", "optimizers", "optimizer"},
    {LNSP_LIST_SCHEDULES, "schedules", "schedules", "schedule"},
    {LNSP_LIST_ISAS, "isas", "kernel sets", "kernel set"},
    {LNSP_LIST_CODECS, "codecs", "delta codecs", "delta codec"},
    {LNSP_LIST_RULES, "rules", "rules of aggregation", "rule of aggregation"},
};

#define LIST_NAMES 256 /* of all lists */
#define LISTS (sizeof list_all / sizeof *list_all)

/* By type. */
static const char *const list_types[] = {"", "real", "whole", "flag", "word", "name", "size"};

static int list_has_range(const lnsp_key_info *key) {
  return key->type == LNSP_KEY_REAL || key->type == LNSP_KEY_WHOLE ||
         key->type == LNSP_KEY_FLAG || key->type == LNSP_KEY_SIZE;
}

/* "  heads=8                 a whole number from 1 to 65536" */
static void list_key_print(const lnsp_key_info *key) {
  char left[80];
  if (key->type == LNSP_KEY_SIZE)
    snprintf(left, sizeof left, "(%s)", key->name);
  else
    snprintf(left, sizeof left, "%s=%s", key->name, key->initial);
  printf("  %-24s ", left);
  if (key->type == LNSP_KEY_WORD) {
    for (const char *c = key->words; *c; c++) printf(*c == ',' ? ", " : "%c", *c);
  } else if (list_has_range(key)) {
    const int real = key->type == LNSP_KEY_REAL;
    if (key->count > 1) printf("%s%d numbers", *key->initial ? "" : "at most ", key->count);
    if (key->count == 1) printf(real ? "a number" : "a whole number");
    printf(real ? " from %.9g to %.9g" : " from %.0f to %.0f", key->low, key->high);
    if (*key->words) printf(", or %s", key->words);
    if (key->flags & LNSP_KEY_PERCENT) printf(", or a percentage");
  } else {
    printf("a name");
  }
  if (key->flags & LNSP_KEY_REQUIRED) printf("; required");
  if (key->flags & LNSP_KEY_DEPENDS) printf("; depends on other values");
  if (*key->needs) printf("; only with %s=", key->needs);
  printf("\n");
}

/* The end of a range: of whole numbers, if they fit 64 bits with a sign, to the last digit. */
static void list_bound(const char *end, const lnsp_key_info *key, double value) {
  if (key->type == LNSP_KEY_REAL || !(fabs(value) < 0x1p63))
    json_real(end, value);
  else
    json_integer(end, (int64_t)value);
}

/* An entry with its keys, if it is asked for; otherwise its line. Whether it is that. */
static int list_entry(size_t which, int32_t index, const char *wanted) {
  const int32_t list = list_all[which].list;
  const char *name = lnsp_list_name(list, index), *help = lnsp_list_help(list, index);
  lnsp_key_info key = LNSP_KEY_INFO_INIT;
  int32_t i;

  if (wanted && strcmp(name, wanted)) return 0;
  json_open(name, '{');
  json_text("help", help);
  json_open("keys", '[');
  if (wanted)
    report_print("%s %s\n  %s\n\n", list_all[which].one, name, help);
  else
    report_print("  %-20s %s\n", name, help);
  for (i = 0; lnsp_list_key_at(list, index, i, &key, NULL) == LNSP_OK; i++) {
/* Texts that are empty, and flags that are not set, are left out. */
    json_open(NULL, '{');
    json_text("name", key.name);
    json_text("type", list_types[key.type]);
    if (key.count > 1) json_integer("count", key.count);
    if (list_has_range(&key)) list_bound("low", &key, key.low);
    if (list_has_range(&key)) list_bound("high", &key, key.high);
    if (*key.initial) json_text("default", key.initial);
    if (*key.words) json_text("words", key.words);
    if (*key.needs) json_text("needs", key.needs);
    if (key.flags & LNSP_KEY_REQUIRED) json_integer("required", 1);
    if (key.flags & LNSP_KEY_PERCENT) json_integer("percent", 1);
    if (key.flags & LNSP_KEY_DEPENDS) json_integer("depends", 1);
    json_close('}');
    if (wanted && !json_wanted()) list_key_print(&key);
  }
  json_close(']');
  json_close('}');
  return 1;
}

static void run(const args *a) {
  const char *wanted = a->positional_count ? a->positional[0] : NULL;
  const char *names[LIST_NAMES + 1];
  char near[64];
  int found = 0, count = 0;

  report_start(a);
  for (size_t which = 0; which < LISTS; which++) {
    json_open(list_all[which].key, '{');
    if (!wanted) report_print("%s%s\n", which ? "\n" : "", list_all[which].title);
    for (int32_t i = 0; lnsp_list_name(list_all[which].list, i); i++) {
      found += list_entry(which, i, wanted);
      if (count < LIST_NAMES) names[count++] = lnsp_list_name(list_all[which].list, i);
    }
    json_close('}');
  }
  names[count] = NULL;
  if (!found)
    refuse("there is no '%s'%s `lnsp list` shows all names", wanted,
           args_suggest(wanted, names, near));
  report_end();
}

const command command_list = {
    .name = "list",
    .usage = "[NAME] [--json]",
    .summary =
        "list architectures, layers, losses, optimizers, schedules, kernel sets, codecs, "
        "rules",
    .detail =
        "Prints what this build knows, a line each; with NAME every key of what has that "
        "name: its default, its range or words. --json prints all keys of all. `lnsp info "
        "ARCH` prints an architecture with the value of every key.",
    .examples = "list triplet\n"
                "list --json",
    .high = 1,
    .run = run,
};
