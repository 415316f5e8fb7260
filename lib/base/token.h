/* A token of a text, with its place: it points into the text. */
#ifndef LNSPI_BASE_TOKEN_H
#define LNSPI_BASE_TOKEN_H

#include "lnsp.h"

typedef struct lnspi_token {
  const char *at;
  int32_t length; /* 0: there was no token */
  int32_t line;
  int32_t column;
} lnspi_token;

int lnspi_token_is(lnspi_token word, const char *string);

/* Copies with terminator; LNSP_E_LIMIT if longer than capacity - 1. */
int32_t lnspi_token_copy(lnspi_token word, char *to, size_t capacity, const char *what,
                         lnsp_error *error);

/* Part number index (from 0) of a token split at c; length 0 if there is none. */
lnspi_token lnspi_token_split(lnspi_token word, char c, int32_t index);

/* The token for a message, cut at a whole character if it is long. */
const char *lnspi_token_show(lnspi_token word, char to[48]);

#endif
