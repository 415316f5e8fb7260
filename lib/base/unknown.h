/* A word that is not known: the error names the nearest one that is. */
#ifndef LNSPI_BASE_UNKNOWN_H
#define LNSPI_BASE_UNKNOWN_H

#include "base/token.h"

typedef struct lnspi_unknown {
  lnspi_token word;
  const char *nearest; /* NULL: none is near */
  int32_t distance; /* of the nearest */
} lnspi_unknown;

/* One of the known words, up to its end or a character that no name has. */
void lnspi_unknown_offer(lnspi_unknown *unknown, const char *word);

/* "there is no layer 'glu': did you mean 'gelu'? `lnsp list` shows all". of: whose key it is,
 * or NULL. Returns LNSP_E_UNKNOWN. */
int32_t lnspi_unknown_refuse(const lnspi_unknown *unknown, const char *kind, const char *of,
                             lnsp_error *error);

/* "schedule=cosin is unknown; did you mean 'cosine'? choose from constant, cosine". Returns
 * LNSP_E_UNKNOWN. */
int32_t lnspi_unknown_refuse_choice(const lnspi_unknown *unknown, const char *key,
                                    const char *list, lnsp_error *error);

/* The index of the entry with the word as its name; -1 if there is none, after offering all.
 * table: pointers to structs that begin with their name, NULL at the end. */
int32_t lnspi_unknown_find(const void *const *table, lnspi_unknown *unknown);

#endif
