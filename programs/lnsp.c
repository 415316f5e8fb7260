/* lnsp: the command line of liblnsp. */
#include "lnsp.h"

#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/json.h"
#include "cli/refuse.h"
#include "cli/report.h"
#include "command.h"

static const command command_version;

const command *const commands[] = {
    &command_new,       &command_info,   &command_run,     &command_grad,    &command_train,
    &command_eval,      &command_check,  &command_convert, &command_delta,   &command_verify,
    &command_aggregate, &command_replay, &command_loop,    &command_gather,  &command_store,
    &command_index,     &command_bench,  &command_list,    &command_version, NULL,
};

/* A command that is a verb of another one ("delta verify") has both words as its name. */
static const command *find_command(const char *name, const char *second, int *words) {
  const size_t length = strlen(name);
  int i;
  for (i = 0, *words = 2; second && commands[i]; i++)
    if (!strncmp(commands[i]->name, name, length) && commands[i]->name[length] == ' ' &&
        !strcmp(commands[i]->name + length + 1, second))
      return commands[i];
  for (i = 0, *words = 1; commands[i]; i++)
    if (!strcmp(commands[i]->name, name)) return commands[i];
  return NULL;
}

static int print_help(void) {
  int i;
  printf("lnsp %s: run and train small networks on concept vectors, share what they learned,\n"
         "and go back to any version. Files are safetensors files.\n\n"
         "usage: lnsp COMMAND ...    (`lnsp help COMMAND` explains it)\n\ncommands\n",
         lnsp_version_text());
  for (i = 0; commands[i]; i++) printf("  %-16s %s\n", commands[i]->name, commands[i]->summary);
  printf("  %-16s %s\n", "help", "print this text, or the help of a command");
  printf("\nExit status: 0 done; 1 refused, with a sentence on stderr; 2 wrong usage.\n");
  return refuse_printed(NULL, "the help");
}

static int run_version(const args *a) {
  const report r = report_start(a);

  if (r.json) {
    json_text("version", lnsp_version_text());
    json_integer("arithmetic", lnsp_arithmetic_version());
    json_text("isa", lnsp_isa_best());
  } else {
    printf("lnsp %s (arithmetic %u, kernels %s)\n", lnsp_version_text(),
           (unsigned)lnsp_arithmetic_version(), lnsp_isa_best());
  }
  return report_end(&r, a);
}

static const command command_version = {
    .name = "version",
    .usage = "[--json]",
    .summary = "print the version of the program and its arithmetic, and the kernels",
    .detail =
        "Prints the version of the program, the number of its arithmetic (equal numbers give "
        "equal bits), and the kernel set that `auto` chooses here for models other than int8.",
    .examples = "version\n"
                "version --json",
    .run = run_version,
};

static int unknown_command(const char *name) {
  const char *names[32];
  char near[64];
  int i;
  for (i = 0; commands[i]; i++) names[i] = commands[i]->name;
  names[i] = NULL;
  return refuse_usage(NULL, "there is no command \"%s\"%s `lnsp help` lists them", name,
                      args_suggest(name, names, near));
}

int main(int argc, char **argv) {
  const command *found;
  char *name;
  int words, at = 1;

  if (argc > 1 && !strcmp(argv[1], "--version"))
    return args_run(&command_version, argc - 2, argv + 2);
  if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) return print_help();
  while (at < argc && argv[at][0] == '-') at += args_takes_value(argv[at]) ? 2 : 1;
  if (at >= argc) return refuse_usage(NULL, "a command is missing; `lnsp help` lists them");
  name = argv[at]; /* options before the command's name go behind it: both orders work */
  for (; at > 1; at--) argv[at] = argv[at - 1];
  argv[1] = name;
  if (!strcmp(argv[1], "help")) {
    if (argc == 2 || argv[2][0] == '-' || !strcmp(argv[2], "help")) return print_help();
    found = find_command(argv[2], argv[3], &words);
    if (!found) return unknown_command(argv[2]);
    args_help(found);
    return refuse_printed(NULL, "the help");
  }
  if (argc > 2 && !strcmp(argv[1], "delta") && !strcmp(argv[2], "replay"))
    return refuse_usage(NULL,
                        "`lnsp delta replay` is now called `lnsp delta verify`; write that");
  found = find_command(argv[1], argv[2], &words);
  if (!found) return unknown_command(argv[1]);
  return args_run(found, argc - 1 - words, argv + 1 + words);
}
