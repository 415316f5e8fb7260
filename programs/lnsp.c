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
static const command *find_command(const char *name, const char *verb, int *words) {
  const size_t length = strlen(name);
  int i;
  for (i = 0, *words = 2; verb && commands[i]; i++)
    if (!strncmp(commands[i]->name, name, length) && commands[i]->name[length] == ' ' &&
        !strcmp(commands[i]->name + length + 1, verb))
      return commands[i];
  for (i = 0, *words = 1; commands[i]; i++)
    if (!strcmp(commands[i]->name, name)) return commands[i];
  return NULL;
}

/* What is printed before the end of the program must have arrived. */
static int printed(void) {
  if (fflush(stdout) || ferror(stdout))
    return refuse(NULL, "the text could not be written to standard output");
  return EXIT_DONE;
}

static int print_help(void) {
  int i;
  printf("lnsp %s: small networks on concept vectors: run them, train them a step at a time,\n"
         "share what changed, go back. It works on safetensors files.\n\n"
         "usage: lnsp COMMAND ...    (lnsp help COMMAND tells more)\n\ncommands\n",
         lnsp_version_text());
  for (i = 0; commands[i]; i++) printf("  %-13s %s\n", commands[i]->name, commands[i]->summary);
  printf("  %-13s %s\n", "help", "this text, or that of a command");
  printf("\nExit status: 0 done; 1 refused: a sentence on stderr, nothing written; 2 usage.\n");
  return printed();
}

static int print_command_help(const command *of) {
  args_help(of);
  return printed();
}

static int run_version(const args *a) {
  const int status = args_positionals(a, 0, 0);
  report r;

  if (status) return status;
  r = report_start(a);
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
    "version",
    "[--json]",
    "of the program and its arithmetic, and the kernels chosen",
    "Prints the version of the program, the number of its arithmetic (equal numbers give equal\n"
    "bits), and the kernel set that `auto` takes here for other models than int8.",
    NULL,
    run_version,
};

static int unknown_command(const char *name) {
  return refuse_usage(NULL, "there is no command \"%s\"; `lnsp help` lists them", name);
}

static int run_command(const command *found, int argc, char **argv) {
  args a;
  const char *isa;
  lnsp_error error;
  int status;

  memset(&a, 0, sizeof a);
  a.command = found;
  status = args_parse(&a, argc, argv);
  if (status) return status;
  if (args_value(&a, "--help")) return print_command_help(found);
  isa = args_value(&a, "--isa");
  if (isa && strcmp(isa, "auto") && lnsp_isa_check(isa, &error) != LNSP_OK)
    return refuse_error(&a, NULL, &error);
  return found->run(&a);
}

/* Options before the command's name go behind it, so that both orders work. */
static int move_command(int argc, char **argv) {
  int at = 1, i;
  char *name;

  while (at < argc && argv[at][0] == '-') {
    const int takes_value = !strcmp(argv[at], "--isa") || !strcmp(argv[at], "--arch") ||
                            !strcmp(argv[at], "--prefix");
    at += takes_value ? 2 : 1;
  }
  if (at >= argc) return 0;
  name = argv[at];
  for (i = at; i > 1; i--) argv[i] = argv[i - 1];
  argv[1] = name;
  return 1;
}

int main(int argc, char **argv) {
  const command *found;
  int words;

  if (argc > 1 && !strcmp(argv[1], "--version"))
    return run_command(&command_version, argc - 2, argv + 2);
  if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) return print_help();
  if (argc < 2 || !move_command(argc, argv)) {
    refuse_usage(NULL, "a command is missing; `lnsp help` lists them");
    return EXIT_USAGE;
  }
  if (!strcmp(argv[1], "help")) {
    if (argc == 2 || argv[2][0] == '-' || !strcmp(argv[2], "help")) return print_help();
    found = find_command(argv[2], argv[3], &words);
    return found ? print_command_help(found) : unknown_command(argv[2]);
  }
  found = find_command(argv[1], argv[2], &words);
  if (!found) return unknown_command(argv[1]);
  return run_command(found, argc - 1 - words, argv + 1 + words);
}
