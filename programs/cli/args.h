/* Options and arguments of the command line. */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include "command.h"
#include "lnsp.h"

#define ARGS_MAX 128

typedef struct args {
  const command *command;
  int json;
  int positional_count, given_count;
  const char *positional[ARGS_MAX];
  struct {
    const option *option;
    const char *value;
  } given[ARGS_MAX];
} args;

extern const option args_common[];

/* Reads what follows the command's name. 0, or EXIT_USAGE after a sentence. */
int args_parse(args *a, int argc, char **argv);
/* Value of an option as last given, "" of a flag, NULL if it was not given. */
const char *args_value(const args *a, const char *name);
/* Value number index (from 0) of an option that may be repeated, or NULL. */
const char *args_value_at(const args *a, const char *name, int index);
/* Checks the number of positional arguments; 0 or EXIT_USAGE. */
int args_positionals(const args *a, int low, int high);
/* A whole number in low..high; *out is initial where the option is absent. 0 or
 * EXIT_USAGE. */
int args_integer(const args *a, const char *name, int64_t low, int64_t high, int64_t initial,
                 int64_t *out);
int args_unsigned(const args *a, const char *name, uint64_t initial, uint64_t *out);
int args_real(const args *a, const char *name, double low, double initial, double *out);
/* LNSP_F32, F16, BF16 or I8 from --type; F32 without. */
int args_type(const args *a, int32_t *dtype);
/* The value of -o, after a look whether its folder can be written. 0, EXIT_USAGE
 * or EXIT_REFUSED. */
int args_output(const args *a, const char **path);
/* The same look at any path that the option of this name gives. */
int args_writable(const args *a, const char *name, const char *path);
/* Whether the command has an option of this name. */
int args_knows(const args *a, const char *name);
/* Positional arguments first.. joined by spaces; free it. NULL: no memory. */
char *args_join(const args *a, int first);
/* Options for the library: --isa, --arch, --prefix. */
lnsp_options args_options(const args *a);
void args_help(const command *c);

#endif
