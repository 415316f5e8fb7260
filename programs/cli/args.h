/* Options and arguments of the command line, as a command's table of options says. */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include <stdint.h>

#include "command.h"
#include "lnsp.h"

#define ARGS_MAX 128

typedef struct args {
  const command *command;
  const verb *verb; /* NULL: the command has none */
  int json;
  int positional_count, given_count;
  const char *positional[ARGS_MAX]; /* behind the verb */
  struct {
    const option *option;
    const char *value;
  } given[ARGS_MAX];
} args;

/* Reads what follows the command's name, checks it, and runs the command. */
void args_run(const command *c, int argc, char **argv);
/* The verb of this name; refuses another word, or NULL. */
const verb *args_find_verb(const command *c, const char *word);
/* Whether an option of this name, of any command, has a value. */
int args_takes_value(const char *name);

/* What the functions below return has been checked before the command runs. */

/* Value of an option as last given, "" of a flag; its default, or NULL, where it was not
 * given. */
const char *args_value(const args *a, const char *name);
/* Value number index (from 0) of an option that may be repeated, or NULL. */
const char *args_value_at(const args *a, const char *name, int index);
int args_given(const args *a, const char *name);
int64_t args_integer(const args *a, const char *name);
uint64_t args_seed(const args *a, const char *name);
double args_real(const args *a, const char *name);
int args_choice(const args *a, const char *name); /* its number, from 0 */
/* LNSP_F32, F16, BF16 or I8 from --type; F32 without. */
int32_t args_type(const args *a);

/* Checks the number of positional arguments, where that depends on options. */
void args_positionals(const args *a, int low, int high);
/* Whether the command has an option of this name. */
int args_knows(const args *a, const char *name);
/* Positional arguments first.. joined by spaces; to be freed. */
char *args_join(const args *a, int first);
/* Options for the library, which refuses those that a call does not use: --isa for what runs,
 * --arch and --prefix for what opens a model's file, and all of them for a trainer's file. */
lnsp_options args_run_options(const args *a);
lnsp_options args_net_options(const args *a);
lnsp_options args_options(const args *a);

extern const option args_common[];

/* help.c: the help of a command, from its tables. */
void args_help(const command *c);
/* "a, b or c" from "a|b|c". */
void args_list(const char *choices, char *text, size_t bytes);
/* "; did you mean --steps?" if one of the names is near the word, else ";". names: NULL at the
 * end. */
const char *args_suggest(const char *word, const char *const *names, char text[64]);

#endif
