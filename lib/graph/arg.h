/* Arguments of a line or of a named architecture: the sizes and keys, read one by one. */
#ifndef LNSPI_GRAPH_ARG_H
#define LNSPI_GRAPH_ARG_H

#include <stdint.h>

#include "base/lexer.h"
#include "graph/builder.h"
#include "graph/layer.h"

/* The pair of a key, marked as read, or NULL. */
const lnspi_key *lnspi_arg_use(lnspi_builder *builder, const char *key);

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
lnspi_token lnspi_arg_place(const lnspi_builder *builder, const char *key);

/* Refuses sizes and keys that nobody read. */
void lnspi_arg_finish(lnspi_builder *builder);

/* For named architectures: a width from the key, or dims[axis] of the file's
 * tensor (which must be there if there is a file), or initial; refused if key and
 * file say different things. */
int64_t lnspi_arg_file_width(lnspi_builder *builder, const char *key, const char *tensor,
                             int32_t axis, int64_t initial);

/* The same for the length of a convolution. */
int64_t lnspi_arg_file_kernel(lnspi_builder *builder, const char *key, const char *tensor,
                              int32_t axis, int64_t initial);

/* The same for a layer that need not be there: its width is 0 unless key or file say
 * otherwise. */
int64_t lnspi_arg_file_optional_width(lnspi_builder *builder, const char *key,
                                      const char *tensor, int32_t axis);

/* dims[axis] of the file's tensor, 0 without file or tensor. */
int64_t lnspi_arg_file_dim(const lnspi_builder *builder, const char *tensor, int32_t axis);

/* 0 or 1: whether the tensor is there. */
int32_t lnspi_arg_file_flag(lnspi_builder *builder, const char *key, const char *tensor,
                            int32_t initial);

/* A list of numbers "a,b,c" of the key into to[most]; how many, 0 without the key. */
int32_t lnspi_arg_list(lnspi_builder *builder, const char *key, double low, double high,
                       float *to, int32_t most);

#endif
