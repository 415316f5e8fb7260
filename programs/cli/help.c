/* The help of a command, printed from the tables that read its command line. */
#include <stdio.h>
#include <string.h>

#include "cli/args.h"

#define HELP_WIDTH 96 /* columns of a line */
#define HELP_TEXT 29  /* where the text of an option begins */

void args_list(const char *choices, char *text, size_t bytes) {
  size_t used = 0;
  *text = 0;
  while (*choices && used < bytes) {
    const size_t length = strcspn(choices, "|");
    const char *rest = choices + length + (choices[length] == '|');
    const char *gap = !used ? "" : *rest ? ", " : " or ";
    used += (size_t)snprintf(text + used, bytes - used, "%s%.*s", gap, (int)length, choices);
    choices = rest;
  }
}

/* Letters to change, add or drop until a is b (Levenshtein). */
static int help_distance(const char *a, const char *b) {
  int row[64], i, j;
  const int n = (int)strlen(b) < 63 ? (int)strlen(b) : 63;

  for (j = 0; j <= n; j++) row[j] = j;
  for (i = 0; a[i]; i++) {
    int corner = row[0];
    row[0] = i + 1;
    for (j = 1; j <= n; j++) {
      const int change = corner + (a[i] != b[j - 1]);
      const int less = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
      corner = row[j];
      row[j] = change < less ? change : less;
    }
  }
  return row[n];
}

const char *args_suggest(const char *word, const char *const *names, char text[64]) {
  int least = (int)strlen(word) > 4 ? 3 : 2;
  strcpy(text, ";");
  for (; *names; names++) {
    const int distance = help_distance(word, *names);
    if (distance >= least) continue;
    least = distance;
    snprintf(text, 64, "; did you mean %s?", *names);
  }
  return text;
}

/* Prints text from column `at` on; words that do not fit go to the next line. */
static void help_wrap(const char *text, size_t at, size_t indent) {
  while (*text) {
    const size_t length = strcspn(text, " \n");
    if (at > indent && at + 1 + length > HELP_WIDTH) {
      printf("\n%*s", (int)indent, "");
      at = indent;
    } else if (at > indent) {
      putchar(' ');
      at++;
    }
    printf("%.*s", (int)length, text);
    at += length;
    text += length + (text[length] == ' ');
    for (; *text == '\n'; text++) {
      putchar('\n');
      at = indent;
    }
  }
  putchar('\n');
}

/* Who takes it, what it is, its limits and its default. */
static void help_option(const option *o) {
  char left[64], text[768], limits[96] = "";
  const char *who = o->verbs ? o->verbs : o->needs;
  size_t used = 0;

  if (who && !o->verbs) used = (size_t)snprintf(text, sizeof text, "with ");
  for (; who && *who; who++)
    used += (size_t)snprintf(text + used, sizeof text - used, *who == ' ' ? ", " : "%c", *who);
  used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", who ? ": " : "", o->help);
  if (o->kind == OPTION_INTEGER && o->high != 0 && o->high < 1e9)
    snprintf(limits, sizeof limits, "%.0f to %.0f", o->low, o->high);
  if (o->kind == OPTION_CHOICE) args_list(o->choices, limits, sizeof limits);
  if (*limits || o->initial) {
    const int more = text[used - 1] == ')'; /* the help tells the default */
    snprintf(text + used - more, sizeof text - used, "%s%s%s%s%s)", more ? "; " : " (", limits,
             *limits && o->initial ? "; " : "", o->initial ? "default " : "",
             o->initial ? o->initial : "");
  }
  snprintf(left, sizeof left, "  %s%s%s", o->name, o->value ? " " : "",
           o->value ? o->value : "");
  printf("%-*s", HELP_TEXT, left);
  if (strlen(left) >= HELP_TEXT) printf("\n%*s", HELP_TEXT, "");
  help_wrap(text, HELP_TEXT, HELP_TEXT);
}

static void help_options(const option *list) {
  for (; list && (list->name || list->also); list++) {
    if (list->heading) printf("\n%s\n", list->heading);
    if (list->also)
      help_options(list->also);
    else
      help_option(list);
  }
}

void args_help(const command *c) {
  const char *line = c->examples;
  const verb *v;

  printf("lnsp %s: %s\n\nusage\n", c->name, c->summary);
  if (!c->verbs) printf("  lnsp %s %s\n", c->name, c->usage);
  for (v = c->verbs; v && v->name; v++)
    printf("  lnsp %s %s %s\n      %s\n", c->name, v->name, v->usage, v->summary);
  putchar('\n');
  help_wrap(c->detail, 0, 0);
  if (line) printf("\nexamples\n");
  while (line && *line) {
    const size_t length = strcspn(line, "\n");
    printf("  lnsp %.*s\n", (int)length, line);
    line += length + (line[length] == '\n');
  }
  if (c->options) printf("\noptions\n");
  help_options(c->options);
  printf("\noptions of every command\n");
  help_options(args_common);
}
