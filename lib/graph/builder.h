/* Building a graph line by line. The parser of written-out texts and the named
 * architectures both feed lines to it. The first failure is remembered in status;
 * everything after it does nothing, so that callers need not check each step. */
#ifndef LNSPI_GRAPH_BUILDER_H
#define LNSPI_GRAPH_BUILDER_H

#include "base/problem.h"
#include "base/text.h"
#include "graph/graph.h"

#define LNSPI_MAX_KEYS 24         /* key=value pairs of one line */
#define LNSPI_MAX_SIZES 4         /* numbers after the inputs of one line */
#define LNSPI_MAX_TEXT 1048576    /* bytes of an architecture text */
#define LNSPI_ARCHITECTURE_BYTES 512 /* a named architecture with all arguments */

/* The words of one line. */
typedef struct lnspi_arguments {
  lnspi_word op; /* the layer or architecture: where a missing key is reported */
  const char *help;
  lnspi_word input[LNSPI_MAX_INPUTS];
  int32_t input_count;
  lnspi_word size[LNSPI_MAX_SIZES];
  int32_t size_count, size_used;
  lnspi_key key[LNSPI_MAX_KEYS];
  int32_t key_count;
  uint32_t key_used; /* a bit a key */
} lnspi_arguments;

typedef struct lnspi_builder lnspi_builder;

struct lnspi_builder {
  const char *text;
  const lnspi_shapes *shapes; /* NULL: no file */
  lnsp_graph *graph;          /* NULL: only counting */
  lnsp_problem *problem;
  int32_t status;
  int32_t node_count, weight_count; /* bounds while counting, limits later */
  uint64_t text_bytes;              /* bound for the architecture's text */
  int has_output;
  int named;                        /* lines come from a named architecture */
  lnspi_arguments *arguments;       /* those that lnspi_arg_ functions read */
  lnspi_arguments line, call;       /* of the line; of the named architecture */
  char buffer[256];                 /* LNSPI_LINE */
  char architecture[LNSPI_ARCHITECTURE_BYTES];
  size_t architecture_length;
};

/* Runs the whole text through the builder. */
int32_t lnspi_builder_run(lnspi_builder *builder);

/* One line, as in a text, from a named architecture. */
void lnspi_build_line(lnspi_builder *builder, const char *line);
#define LNSPI_LINE(builder, ...)                                        \
  (lnspi_format((builder)->buffer, sizeof (builder)->buffer, __VA_ARGS__), \
   lnspi_build_line((builder), (builder)->buffer))

/* Fails at a word of the text, unless something failed before. The format is
 * lnspi_format's. */
#define LNSPI_BUILD_FAIL(builder, code, word, ...)                                         \
  ((builder)->status != LNSP_OK                                                            \
       ? (void)0                                                                           \
       : (void)((builder)->status = lnspi_fail_text((builder)->problem, (code), (word).line, \
                                                    (word).column, __VA_ARGS__)))

/* Arguments of the line (in a layer's define) or of the named architecture (in
 * its emit). Each returns the value, or the initial one where the key is absent
 * or something failed. In an architecture each also goes, with the value that
 * holds, into the text that the graph keeps. */
int64_t lnspi_arg_size(lnspi_builder *builder, const char *what);
/* initial < low: the key must be there */
int64_t lnspi_arg_integer(lnspi_builder *builder, const char *key, int64_t low, int64_t high,
                          int64_t initial);
int32_t lnspi_arg_flag(lnspi_builder *builder, const char *key, int32_t initial);
float lnspi_arg_real(lnspi_builder *builder, const char *key, double low, double high,
                     double initial);
/* Index of the key's value in a list "a,b,c". */
int32_t lnspi_arg_choice(lnspi_builder *builder, const char *key, const char *choices,
                         int32_t initial);
int lnspi_arg_given(const lnspi_builder *builder, const char *key); /* not marked as read */
/* Where a key's value stands; the op itself if the key is absent. */
lnspi_word lnspi_arg_place(const lnspi_builder *builder, const char *key);
/* Refuses sizes and keys that nobody read. */
void lnspi_arg_finish(lnspi_builder *builder);

/* For named architectures: a width from the key, or dims[axis] of the file's
 * tensor (which must be there if there is a file), or initial; refused if key and
 * file say different things. */
int64_t lnspi_arch_width(lnspi_builder *builder, const char *key, const char *tensor,
                         int32_t axis, int64_t initial);
/* The same for a layer that need not be there: its width is 0 unless key or file say
 * otherwise. */
int64_t lnspi_arch_optional_width(lnspi_builder *builder, const char *key, const char *tensor,
                                  int32_t axis);
/* dims[axis] of the file's tensor, 0 without file or tensor. */
int64_t lnspi_arch_dim(const lnspi_builder *builder, const char *tensor, int32_t axis);

/* 0 or 1: whether the tensor is there. */
int32_t lnspi_arch_flag(lnspi_builder *builder, const char *key, const char *tensor,
                        int32_t initial);

/* Refuses inputs of which a sequence has different numbers of rows. */
void lnspi_build_same_length(lnspi_builder *builder, const lnspi_node *node);
/* The define of layers of two values, number by number: the same length and width. */
void lnspi_build_pairwise(lnspi_builder *builder, lnspi_node *node);
/* The network takes only low to high (0: any) concepts a row, in multiples of step:
 * narrows what earlier layers said, and refuses what contradicts them. */
void lnspi_build_concepts(lnspi_builder *builder, int64_t low, int64_t high, int64_t step);
/* A list of numbers "a,b,c" of the key into to[most]; how many, 0 without the key. */
int32_t lnspi_arg_list(lnspi_builder *builder, const char *key, double low, double high,
                       float *to, int32_t most);

/* Declares the tensor NAME followed by suffix, where the line has w=NAME. shape
 * gives kind, parts, init, amount, rank, dims. A tensor declared before is shared
 * if all of that agrees. Sets node->slot[slot]. */
void lnspi_build_weight(lnspi_builder *builder, lnspi_node *node, int32_t slot,
                        const char *suffix, const lnspi_weight *shape);

/* The same of a tensor named by another key than w. */
void lnspi_build_tensor(lnspi_builder *builder, lnspi_node *node, int32_t slot, const char *key,
                        const char *suffix, const lnspi_weight *shape);

/* For a layer's write: appends to a text of which used bytes are there, and
 * returns the length it has then; with too little room it only counts. */
#define LNSPI_APPEND(to, capacity, used, ...)                                              \
  ((used) + lnspi_format((used) < (capacity) ? (to) + (used) : (char[1]){0},               \
                         (used) < (capacity) ? (capacity) - (used) : 1, __VA_ARGS__))
/* Appends " w=NAME", NAME being the name of the weight in slot without suffix. */
size_t lnspi_write_weight(const lnsp_graph *graph, const lnspi_node *node, int32_t slot,
                          const char *suffix, char *to, size_t capacity, size_t used);
size_t lnspi_write_tensor(const lnsp_graph *graph, const lnspi_node *node, int32_t slot,
                          const char *key, const char *suffix, char *to, size_t capacity,
                          size_t used);

#endif
