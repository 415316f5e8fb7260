/* The text of a codec. */
#ifndef LNSPI_DELTA_CODEC_CONFIG_H
#define LNSPI_DELTA_CODEC_CONFIG_H

#include "base/lexer.h"
#include "delta/codec.h"

/* Reads "int4 block=64 only=*.weight,1d"; NULL: exact. only: the patterns; length 0: none. */
int32_t lnspi_codec_config_parse(const char *text, lnspi_codec_config *config,
                                 lnspi_token *only, lnsp_error *error);

/* A key of a codec's text. 0 past the end. */
int lnspi_codec_config_key(const lnspi_codec *codec, int32_t index, lnsp_key_info *info);

/* Marks the tensors that the patterns select; all, if there are no patterns. */
int32_t lnspi_codec_config_select(lnspi_token only, const lnsp_graph *graph, uint8_t *tensors,
                                  lnsp_error *error);

/* Writes "int4 block=64", at most capacity bytes with the terminator; returns its length. */
size_t lnspi_codec_config_text(const lnspi_codec_config *config, char *to, size_t capacity);

/* Reads a codec and keys up to the end of a line; keys that are not the codec's go to others
 * (room for LNSPI_CODEC_CONFIG_KEYS). */
int32_t lnspi_codec_config_read_line(lnspi_lexer *text, lnspi_codec_config *config,
                                     lnspi_key *others, int32_t *count, lnsp_error *error);
int32_t lnspi_codec_config_unknown_key(const lnspi_key *key, const lnspi_codec_config *config,
                                       lnsp_error *error);

#endif
