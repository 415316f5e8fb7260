/* A command of `lnsp`: the options that it takes, its help, its function. */
#ifndef COMMAND_H
#define COMMAND_H

#define EXIT_DONE 0
#define EXIT_REFUSED 1
#define EXIT_USAGE 2

struct args;

enum {
  OPTION_TEXT, /* a flag where it has no value */
  OPTION_INTEGER,
  OPTION_SEED, /* 0 to 2^64 - 1 */
  OPTION_REAL,
  OPTION_CHOICE,
  OPTION_OUTPUT /* a file to write: its folder is checked, and that no other option names it */
};

/* One line of the table that reads the command line, checks it and prints the help. A table
 * ends with a name NULL. */
typedef struct option {
  const char *name; /* "--lr" */
  const char *value; /* its value in the help; NULL: a flag */
  const char *help;
  int kind;
  const char *initial; /* its value where it is not given, as it would be written */
  double low, high; /* limits of a number, both allowed; high 0: none */
  const char *choices; /* "one|another"; of an integer: words that mean high */
  const char *verbs; /* "build add": which verbs take it; NULL: all */
  const char *needs; /* "--a --b": useless without one of them */
  const char *without; /* "--a --b": cannot go together with any of them */
  int required;
  const struct option *also; /* another table, put in here; at most a heading is set then */
  const char *heading; /* line of the help above it and what follows */
} option;

/* How an entry of a table ends, after name, value and help: a kind, then what else there is. */
#define OPT_TEXT .kind = OPTION_TEXT
#define OPT_INTEGER(low_, high_) .kind = OPTION_INTEGER, .low = (low_), .high = (high_)
#define OPT_SEED .kind = OPTION_SEED
#define OPT_REAL(low_) .kind = OPTION_REAL, .low = (low_)
#define OPT_CHOICE(list) .kind = OPTION_CHOICE, .choices = (list)
#define OPT_TYPE OPT_CHOICE("f32|f16|bf16|int8")
#define OPT_OUTPUT .kind = OPTION_OUTPUT
#define OPT_DEFAULT(text) .initial = (text)
#define OPT_VERBS(list) .verbs = (list)
#define OPT_NEEDS(list) .needs = (list)
#define OPT_WITHOUT(list) .without = (list)
#define OPT_REQUIRED .required = 1
#define OPT_HEADING(text) .heading = (text)

typedef struct verb {
  const char *name;
  const char *usage; /* "STORE FILE" */
  const char *summary; /* what it does, one line */
  int low, high; /* arguments behind it */
  void (*run)(const struct args *args);
} verb;

typedef struct command {
  const char *name;
  const char *usage; /* "MODEL IN -o OUT"; NULL with verbs */
  const char *summary; /* what it does, one line */
  const char *detail; /* paragraphs of its help */
  const char *examples; /* two lines, each what follows "lnsp " */
  const option *options; /* may be NULL */
  const verb *verbs; /* name NULL at the end; NULL: run does it all */
  int low, high; /* arguments of a command without verbs */
  void (*run)(const struct args *args);
} command;

extern const command command_new, command_info, command_run, command_grad, command_train,
    command_eval, command_check, command_convert, command_delta, command_verify,
    command_aggregate, command_replay, command_loop, command_gather, command_store,
    command_index, command_bench, command_list;
extern const command *const commands[]; /* NULL at the end */

#endif
