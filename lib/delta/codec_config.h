/* Texts of deltas */
#ifndef LNSPI_DELTA_CODEC_CONFIG_H
#define LNSPI_DELTA_CODEC_CONFIG_H

#include "base/lexer.h"
#include "delta/codec.h"

/* "int4 block=64 only=*.weight,1d"; NULL: exact. only: the patterns, length 0 where none. */
int32_t lnspi_codec_config_parse(const char *text, lnspi_codec_config *setting,
                                 lnspi_token *only, lnsp_error *error);

/* Marks the tensors that the patterns select; no patterns: all. */
int32_t lnspi_codec_config_select(lnspi_token only, const lnsp_graph *graph, uint8_t *tensors,
                                  lnsp_error *error);

/* "int4 block=64", at most capacity bytes with the terminator; its length. */
size_t lnspi_codec_config_text(const lnspi_codec_config *setting, char *to, size_t capacity);

/* Codec and keys up to a line's end; keys that are not the codec's stay in others. */
int32_t lnspi_codec_config_read_line(lnspi_lexer *text, lnspi_codec_config *setting,
                                     lnspi_key *others, int32_t *count, lnsp_error *error);
int32_t lnspi_codec_config_unknown_key(const lnspi_key *key, const lnspi_codec_config *setting,
                                       lnsp_error *error);

#endif
