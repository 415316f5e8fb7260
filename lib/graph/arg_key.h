/* The keys of layers and architectures, listed by asking the code that reads them. */
#ifndef LNSPI_GRAPH_ARG_KEY_H
#define LNSPI_GRAPH_ARG_KEY_H

#include "graph/arch/arch.h"
#include "graph/builder.h"

/* The key or size number index of a layer or an architecture (the other NULL); 0 past the
 * end. */
int lnspi_arg_key_at(const lnspi_layer *layer, const lnspi_arch *arch, int32_t index,
                     lnsp_key_info *info);

/* In place of the functions of arg.c while keys are listed: each notes what is asked for, and
 * returns a value so that the code continues. */
double lnspi_arg_key_number(lnspi_builder *builder, const char *key, int32_t type, double low,
                            double high, double initial);
int32_t lnspi_arg_key_word(lnspi_builder *builder, const char *key, const char *words,
                           int32_t initial);
int32_t lnspi_arg_key_several(lnspi_builder *builder, const char *key, double low, double high,
                              int32_t most);
int lnspi_arg_key_given(const lnspi_builder *builder, const char *key); /* 1 */
void lnspi_arg_key_name(lnspi_builder *builder, const char *key);

#endif
