/* lnsp: the command line of liblnsp. */
#include <string.h>

#include "program.h"

const command *const commands[] = {
  &command_new,  &command_info,  &command_run,   &command_grad,   &command_train,
  &command_eval, &command_check, &command_delta, &command_replay, NULL,
};

static const command *find_command(const char *name) {
  int i;
  for (i = 0; commands[i]; i++)
    if (!strcmp(commands[i]->name, name))
      return commands[i];
  return NULL;
}

static int print_list(int32_t list, const char *title) {
  const char *name;
  int32_t i;
  printf("\n%s\n", title);
  for (i = 0; (name = lnsp_list_name(list, i)) != NULL; i++) {
    const char *help = lnsp_list_help(list, i);
    printf("  %-20s %s\n", name, help ? help : "");
  }
  return 0;
}

static int print_help(void) {
  int i;
  printf("lnsp %s: small networks on concept vectors: run them, train them a step at a time,\n"
         "share what changed, go back. It works on safetensors files.\n\n"
         "usage: lnsp COMMAND ...    (lnsp help COMMAND tells more)\n\ncommands\n",
         lnsp_version_text());
  for (i = 0; commands[i]; i++)
    printf("  %-8s %s\n", commands[i]->name, commands[i]->summary);
  printf("  %-8s %s\n", "list",
         "architectures, layers, losses, optimizers, schedules, kernel sets");
  printf("  %-8s %s\n", "help", "this text, or that of a command");
  printf("\nExit status: 0 done; 1 refused: a sentence on stderr, nothing written; 2 usage.\n");
  return EXIT_DONE;
}

static int print_lists(void) {
  print_list(LNSP_LIST_ARCHITECTURES, "architectures");
  print_list(LNSP_LIST_LAYERS, "layers");
  print_list(LNSP_LIST_LOSSES, "losses");
  print_list(LNSP_LIST_OPTIMIZERS, "optimizers");
  print_list(LNSP_LIST_SCHEDULES, "schedules");
  print_list(LNSP_LIST_ISAS, "kernel sets");
  print_list(LNSP_LIST_CODECS, "delta codecs");
  return EXIT_DONE;
}

static int unknown_command(const char *name) {
  return usage_error(NULL, "there is no command \"%s\"; `lnsp help` lists them", name);
}

static int run_command(const command *found, int argc, char **argv) {
  args a;
  const char *isa;
  lnsp_problem problem;
  int status;

  memset(&a, 0, sizeof a);
  a.command = found;
  status = args_parse(&a, argc, argv);
  if (status)
    return status;
  if (args_value(&a, "--help")) {
    args_help(found);
    return EXIT_DONE;
  }
  isa = args_value(&a, "--isa");
  if (isa && strcmp(isa, "auto") && lnsp_isa_check(isa, &problem) != LNSP_OK)
    return refuse_problem(&a, NULL, &problem);
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
  if (at >= argc)
    return 0;
  name = argv[at];
  for (i = at; i > 1; i--)
    argv[i] = argv[i - 1];
  argv[1] = name;
  return 1;
}

int main(int argc, char **argv) {
  const command *found;

  if (argc > 1 && (!strcmp(argv[1], "--version") || !strcmp(argv[1], "version"))) {
    printf("lnsp %s (arithmetic %u, kernels %s)\n", lnsp_version_text(),
           (unsigned)lnsp_arithmetic_version(), lnsp_isa_best());
    return EXIT_DONE;
  }
  if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
    return print_help();
  if (argc < 2 || !move_command(argc, argv)) {
    usage_error(NULL, "a command is missing; `lnsp help` lists them");
    return EXIT_USAGE;
  }
  if (!strcmp(argv[1], "help") && argc == 2)
    return print_help();
  if (!strcmp(argv[1], "list"))
    return print_lists();
  if (!strcmp(argv[1], "help")) {
    found = find_command(argv[2]);
    if (!found)
      return unknown_command(argv[2]);
    args_help(found);
    return EXIT_DONE;
  }
  found = find_command(argv[1]);
  if (!found)
    return unknown_command(argv[1]);
  return run_command(found, argc - 2, argv + 2);
}
