/* What the commands of `lnsp` share. Everything they do goes through lnsp.h. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lnsp.h"

#define EXIT_DONE 0
#define EXIT_REFUSED 1
#define EXIT_USAGE 2

/* ---- args.c: options and arguments ---- */

#define ARGS_MAX 128

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
int args_integer(const args *a, const char *name, int64_t low, int64_t high,
                 int64_t initial, int64_t *out);
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

/* ---- report.c: what people read ---- */

/* "lnsp train: sentence" on stderr; these return EXIT_USAGE and EXIT_REFUSED. */
int usage_error(const args *a, const char *format, ...);
int refuse(const args *a, const char *format, ...);
/* The library's sentence, with the file it is about where that is known. */
int refuse_problem(const args *a, const char *path, const lnsp_problem *problem);
int refuse_memory(const args *a);
/* The same for a batch of the data that began at row first: sentences that count
 * rows from the batch's begin say so. */
int refuse_batch(const args *a, const char *path, int64_t first, const lnsp_problem *problem);

#define NUMBER_BYTES 32
/* 545,088 */
const char *number_text(int64_t value, char buffer[NUMBER_BYTES]);
void hash_text(const uint8_t hash[LNSP_HASH_BYTES], char text[2 * LNSP_HASH_BYTES + 1]);
/* "[2, 6, 48]" */
void shape_text(const lnsp_tensor *tensor, char *buffer, size_t capacity);
double clock_seconds(void);

/* One line on stderr that replaces itself; silent where that is no terminal. */
typedef struct progress {
  int terminal, shown;
  double last;
} progress;
void progress_start(progress *p);
/* 1 if it is time to show something again. */
int progress_due(progress *p);
void progress_show(progress *p, const char *format, ...);
void progress_clear(progress *p);

/* ---- json.c: one JSON object ---- */

void json_open(const char *key, char bracket); /* '{' or '['; key NULL inside [ */
void json_close(char bracket);
void json_text(const char *key, const char *value);
void json_integer(const char *key, int64_t value);
void json_real(const char *key, double value);
void json_shape(const char *key, const lnsp_tensor *tensor);
/* From now on each report is one line, for a command that prints several. */
void json_lines(void);

/* One fact for both readers: "label  value" for people, key: value in JSON. */
typedef struct report {
  int json;
} report;
report report_start(const args *a);
void report_text(const report *r, const char *key, const char *label, const char *value);
void report_integer(const report *r, const char *key, const char *label, int64_t value,
                    const char *unit);
void report_real(const report *r, const char *key, const char *label, double value,
                 const char *format);
void report_hash(const report *r, const char *key, const char *label,
                 const uint8_t hash[LNSP_HASH_BYTES]);
void report_memory(const report *r, const char *key, const char *label,
                   const lnsp_memory *memory);
/* What a report says of an architecture: its line, or that it is written out. */
const char *architecture_text(const report *r, const lnsp_graph *graph);
/* Ends the object; EXIT_DONE, or EXIT_REFUSED if stdout could not be written. */
int report_end(const report *r, const args *a);

/* ---- tensors.c: whole tensors and files of them ---- */

int64_t tensor_elements(const lnsp_tensor *tensor);
int64_t tensor_rows(const lnsp_tensor *tensor); /* elements / last dimension */
/* Reads a whole tensor as float32; *values to be freed. Status of the library. */
int32_t tensor_load(lnsp_file *file, const char *name, lnsp_tensor *out, float **values,
                    lnsp_problem *problem);
/* Writes tensors with their data as one file. */
int32_t tensors_save(const char *path, const lnsp_tensor *tensors, int32_t count,
                     lnsp_problem *problem);
/* A model, or what is said about it on stderr. 0 or an exit status. */
int model_load(const args *a, const char *path, lnsp_model **out);
/* The limits that fit this batch. */
lnsp_limits limits_for(int64_t rows, int64_t concepts);
/* 1 if path can be opened, and then whether it looks like safetensors. */
int file_exists(const char *path, int *safetensors);
/* A text file of at most 1 MiB, to be freed; NULL if it cannot be read. */
char *text_load(const char *path);

/* ---- memory.c: info --memory ---- */

typedef struct memory_stored_as {
  lnsp_memory model, session;
  int32_t type;
} memory_stored_as;

typedef struct memory_plan {
  memory_stored_as run, published; /* published: what the trainer does */
  lnsp_memory trainer;
  int trains; /* whether there is a trainer */
  int64_t concepts;
} memory_plan;

/* Its options, for the list of a command. */
#define MEMORY_OPTIONS                                                                        \
  { "--memory", NULL, "bytes to run it, to train it, and to train one while another runs" },  \
  { "--batch", "N", "for --memory: most rows a call; default 1" },                            \
  { "--loss", "TEXT", "for --memory: the trainer's loss; default mse" },                      \
  { "--optimizer", "TEXT", "for --memory: the trainer's optimizer; default adamw" },          \
  { "--type", "T", "for --memory: how models that run are stored; default: as it is" }

/* Reads for how many concepts a row FLOP and memory are: --concepts, or a number that the
 * network takes: 5 where it joins a sequence to one row, else the fewest. Measures, but
 * not without --memory. 0 or an exit status. */
int memory_reckon(const args *a, const lnsp_graph *graph, memory_plan *plan);
void memory_report(const report *r, const memory_plan *plan);

/* ---- data.c: rows of training data, streamed ---- */

#define DATA_COLUMNS 15 /* input, target, ...: data.c */
#define DATA_FILES 12
#define DATA_INDEXES 8

typedef struct data_spec {
  const char *path;        /* file with the tensors by name, or NULL */
  const char *input;       /* FILE:TENSOR, or NULL                   */
  const char *rows;        /* FILE:TENSOR[COLUMNS], or NULL: all, in order */
  const char *target;      /* FILE:TENSOR, or NULL: as input         */
  const char *target_rows; /* FILE:TENSOR[COLUMNS], or NULL: as rows */
  int normalise;
} data_spec;

typedef struct data_index {
  char *from;     /* FILE:TENSOR[COLUMNS] */
  int32_t *row;   /* [count, columns] */
  int64_t count, columns;
} data_index;

typedef struct data_column {
  const char *name;
  lnsp_file *file;
  char *tensor;
  int32_t rank;             /* 2, or 3 for sequences  */
  int64_t rows, concepts, width;
  int64_t stored_rows;      /* vectors in the file    */
  const data_index *index;  /* NULL: row r is row r   */
  int64_t index_first;      /* column of the index    */
  int same_as;              /* earlier column with the same content, or -1 */
  int needed;
  int integers;             /* ids or a mask: the buffer has int64_t */
  float *buffer;
} data_column;

typedef struct data {
  const args *args;
  int count, needed_count, file_count, index_count, normalise;
  data_column column[DATA_COLUMNS];
  struct {
    char *path;
    lnsp_file *file;
  } file[DATA_FILES];
  data_index index[DATA_INDEXES];
  int64_t rows;                      /* of what is needed          */
  int64_t max_rows, max_concepts;    /* over all that is there     */
  lnsp_tensor inputs[DATA_COLUMNS];  /* the batch that was read    */
} data;

extern const option data_options[]; /* the five of a data_spec, for help texts */

/* Looks what there is; reads no vector yet. 0 or an exit status. */
int data_open(data *d, const args *a, const data_spec *spec);
/* Says that the column of this name will be read; 0 or an exit status. */
int data_need(data *d, const char *name);
/* Makes room for batches of up to count rows. */
int data_reserve(data *d, int64_t count);
/* Reads rows order[first..] (order NULL: first..) into inputs. */
int data_read(data *d, const int32_t *order, int64_t first, int64_t count);
const lnsp_tensor *data_batch(const data *d, const char *name);
const char *data_input(const data *d); /* "ids" where these are there instead of "input" */
void data_close(data *d);
/* The spec that --input, --rows, --target, --target-rows, --normalise give. */
int data_spec_read(const args *a, int path_at, data_spec *spec);

/* ---- score.c: mean cosine and squared error of a session on data ---- */

typedef struct score {
  int64_t rows, vectors;
  double cosine, mse;
} score;
/* d: input and target are needed, and room for batch rows is reserved. */
int score_session(data *d, lnsp_session *session, int64_t batch, progress *show, score *out);

/* ---- cmd_delta.c ---- */

/* What --key, --max-norm and --max-change ask of a received delta; rules point into key,
 * which is to be cleared behind them. 0 or an exit status. */
int delta_rules(const args *a, uint8_t key[LNSP_KEY_BYTES + 1], lnsp_delta_rules *rules);

/* ---- the commands ---- */

extern const command command_new, command_info, command_run, command_grad, command_train,
    command_eval, command_check, command_convert, command_delta, command_prove, command_aggregate,
    command_replay, command_loop, command_gather, command_store, command_index, command_bench;
extern const command *const commands[]; /* NULL at the end */

#endif
