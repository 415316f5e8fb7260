/* Building a graph line by line. The parser of written-out texts and the named architectures
 * both feed lines to it. The first error is kept in status, and everything after it does
 * nothing, so that callers need not check each step. */
#ifndef LNSPI_GRAPH_BUILDER_H
#define LNSPI_GRAPH_BUILDER_H

#include "base/error.h"
#include "base/lexer.h"
#include "graph/layer.h"

#define LNSPI_MAX_KEYS 24         /* key=value pairs of one line */
#define LNSPI_MAX_SIZES 4         /* numbers after the inputs of one line */
#define LNSPI_MAX_TEXT 1048576    /* bytes of an architecture text */
#define LNSPI_ARCHITECTURE_BYTES 512 /* a named architecture with all arguments */

/* The words of one line. */
typedef struct lnspi_arguments {
  lnspi_token op; /* the layer or architecture: where a missing key is reported */
  const char *help;
  lnspi_token input[LNSPI_MAX_INPUTS];
  int32_t input_count;
  lnspi_token size[LNSPI_MAX_SIZES];
  int32_t size_count, size_used;
  lnspi_key key[LNSPI_MAX_KEYS];
  int32_t key_count;
  uint32_t key_used; /* a bit a key */
  const char *asked[LNSPI_MAX_KEYS]; /* those that define asked for, for messages */
  int32_t asked_count;
} lnspi_arguments;

/* Asks define or emit which keys there are, instead of building anything (arg_key.c). */
typedef struct lnspi_listing {
  lnsp_key_info *info; /* of the key number wanted; type 0: not seen */
  int32_t wanted;
  int32_t
      round; /* 0: every key gets its default; 1: another value, to see what depends on it */
  const char *given; /* what define reads only where this key is there */
} lnspi_listing;

struct lnspi_builder {
  const char *text;
  const lnspi_shapes *shapes; /* NULL: no file */
  lnsp_graph *graph;          /* NULL: only counting */
  lnsp_error *error;
  int32_t status;
  int32_t node_count, weight_count; /* bounds while counting, limits later */
  uint64_t text_bytes;              /* bound for the architecture's text */
  int has_output;
  lnspi_listing *listing;           /* NULL: building */
  int named;                        /* lines come from a named architecture */
  lnspi_arguments *arguments;       /* those that lnspi_arg_ functions read */
  lnspi_arguments line, call;       /* of the line; of the named architecture */
  char buffer[256];                 /* LNSPI_LINE */
  lnspi_text architecture; /* a named architecture with all its arguments, in: */
  char architecture_bytes[LNSPI_ARCHITECTURE_BYTES];
};

/* Runs the whole text through the builder. */
int32_t lnspi_builder_run(lnspi_builder *builder);

/* One line, as in a text, from a named architecture. */
void lnspi_builder_add_line(lnspi_builder *builder, const char *line);

#define LNSPI_LINE(builder, ...)                                          \
  (lnspi_format((builder)->buffer, sizeof(builder)->buffer, __VA_ARGS__), \
   lnspi_builder_add_line((builder), (builder)->buffer))

/* Fails at a word of the text, unless something failed before. The format is
 * lnspi_format's. */
#define LNSPI_BUILD_FAIL(builder, code, word, ...)                                             \
  ((builder)->status != LNSP_OK                                                                \
       ? (void)0                                                                               \
       : (void)((builder)->status =                                                            \
                    lnspi_error_set_line((builder)->error, (code), (word).line, (word).column, \
                                         __VA_ARGS__)))

#endif
