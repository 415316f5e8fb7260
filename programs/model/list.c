/* lnsp list: what this build knows. */
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/json.h"
#include "cli/report.h"
#include "command.h"
#include "lnsp.h"

static void list_print(const report *r, int32_t list, const char *key, const char *title) {
  const char *name;
  int32_t i;
  if (r->json)
    json_open(key, '{');
  else
    printf("%s%s\n", list == LNSP_LIST_ARCHITECTURES ? "" : "\n", title);
  for (i = 0; (name = lnsp_list_name(list, i)) != NULL; i++) {
    const char *help = lnsp_list_help(list, i);
    if (r->json)
      json_text(name, help ? help : "");
    else
      printf("  %-20s %s\n", name, help ? help : "");
  }
  if (r->json) json_close('}');
}

static int run(const args *a) {
  const report r = report_start(a);

  list_print(&r, LNSP_LIST_ARCHITECTURES, "architectures", "architectures");
  list_print(&r, LNSP_LIST_LAYERS, "layers", "layers");
  list_print(&r, LNSP_LIST_LOSSES, "losses", "losses");
  list_print(&r, LNSP_LIST_OPTIMIZERS, "optimizers", "optimizers");
  list_print(&r, LNSP_LIST_SCHEDULES, "schedules", "schedules");
  list_print(&r, LNSP_LIST_ISAS, "isas", "kernel sets");
  list_print(&r, LNSP_LIST_CODECS, "codecs", "delta codecs");
  return report_end(&r, a);
}

const command command_list = {
    .name = "list",
    .usage = "[--json]",
    .summary = "list architectures, layers, losses, optimizers, schedules, kernel sets, codecs",
    .detail = "Prints what this build knows, with the keys of each. `lnsp info ARCH` prints an "
              "architecture with the value of every key.",
    .examples = "list\n"
                "list --json",
    .run = run,
};
