/* What a command of `lnsp` is: its options, its help, its function; the table of all. */
#ifndef COMMAND_H
#define COMMAND_H

#define EXIT_DONE 0
#define EXIT_REFUSED 1
#define EXIT_USAGE 2

typedef struct option {
  const char *name;  /* "--lr"                                    */
  const char *value; /* what stands for its value in the help; NULL: a flag */
  const char *help;
} option;

struct args;

typedef struct command {
  const char *name;
  const char *usage;   /* "MODEL IN -o OUT" */
  const char *summary; /* one line for the list of commands */
  const char *detail;  /* paragraphs for its own help */
  const option *options; /* its own, NULL name at the end */
  int (*run)(const struct args *args);
} command;

/* ---- the commands ---- */

extern const command command_new, command_info, command_run, command_grad, command_train,
    command_eval, command_check, command_convert, command_delta, command_verify,
    command_aggregate, command_replay, command_loop, command_gather, command_store,
    command_index, command_bench, command_list;
extern const command *const commands[]; /* NULL at the end */

#endif
