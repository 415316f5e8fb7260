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

static void run_version(const args *a) {
  report_start(a);
  json_text("version", lnsp_version_text());
  json_integer("arithmetic", lnsp_arithmetic_version());
  json_text("isa", lnsp_isa_best());
  report_print("lnsp %s (arithmetic %u, kernels %s)\n", lnsp_version_text(),
               (unsigned)lnsp_arithmetic_version(), lnsp_isa_best());
  report_end();
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

/* The command that the words name, and how many of them; refuses words that name none. A verb
 * that is a command of its own ("delta verify") has both words as its name. */
static const command *choose_command(const char *name, const char *second, int *words) {
  const size_t length = strlen(name);
  const char *names[32];
  char near[64];
  int i;

  for (i = 0, *words = 2; second && commands[i]; i++)
    if (!strncmp(commands[i]->name, name, length) && commands[i]->name[length] == ' ' &&
        !strcmp(commands[i]->name + length + 1, second))
      return commands[i];
  for (i = 0, *words = 1; commands[i]; i++) {
    if (!strcmp(commands[i]->name, name)) return commands[i];
    names[i] = commands[i]->name;
  }
  names[i] = NULL;
  refuse_usage("there is no command '%s'%s `lnsp help` lists the commands", name,
               args_suggest(name, names, near));
}

/* What follows "lnsp help". */
static void run_help(int argc, char **argv) {
  const command *found;
  int words, i;

  if (argc == 0 || argv[0][0] == '-' || !strcmp(argv[0], "help")) {
    printf(
        "lnsp %s: run and train small networks on concept vectors, share what they learned,\n"
        "and go back to any version. Files are safetensors files.\n\n"
        "usage: lnsp COMMAND ...    (`lnsp help COMMAND` explains a command)\n\ncommands\n",
        lnsp_version_text());
    for (i = 0; commands[i]; i++)
      printf("  %-16s %s\n", commands[i]->name, commands[i]->summary);
    printf("  %-16s %s\n", "help", "print this text, or the help of a command");
    printf("\nExit status: 0 done; 1 refused, with a sentence on stderr; 2 wrong usage.\n");
    return;
  }
  found = choose_command(argv[0], argv[1], &words);
  if (argc > words && argv[words][0] != '-') {
    if (!found->verbs)
      refuse_usage("'%s' is one word too many: write lnsp help %s", argv[words], found->name);
    args_find_verb(found, argv[words]);
  }
  args_help(found);
}

int main(int argc, char **argv) {
  const command *found;
  char *name;
  int words, at = 1;

  if (argc > 1 && !strcmp(argv[1], "--version")) {
    args_run(&command_version, argc - 2, argv + 2);
    return EXIT_DONE;
  }
  while (at < argc && argv[at][0] == '-' && strcmp(argv[at], "--help") &&
         strcmp(argv[at], "-h"))
    at += args_takes_value(argv[at]) ? 2 : 1;
  if (at >= argc) refuse_usage("a command is missing; `lnsp help` lists the commands");
  name = argv[at]; /* options before the command's name go behind it: both orders work */
  for (; at > 1; at--) argv[at] = argv[at - 1];
  argv[1] = name;
  if (!strcmp(name, "help") || !strcmp(name, "--help") || !strcmp(name, "-h")) {
    run_help(name[0] == '-' ? 0 : argc - 2, argv + 2);
  } else {
    if (argc > 2 && !strcmp(name, "delta") && !strcmp(argv[2], "replay"))
      refuse_usage("`lnsp delta replay` is now called `lnsp delta verify`: write that");
    found = choose_command(name, argv[2], &words);
    args_run(found, argc - 1 - words, argv + 1 + words);
  }
  refuse_unprinted("the help");
  return EXIT_DONE;
}
