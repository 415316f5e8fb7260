/* The keys of a text: what each is called, its type, range and default.
 *
 * A table of keys is a text itself, of which each takes about twenty bytes; structs with
 * pointers take five times that. The reader of texts, the lists of lnsp_list_key_at and the
 * suggestions in messages all come from the same table.
 *
 *   table  = key { " " key }
 *   key    = real | whole | word | name
 *   real   = NAME "=" DEFAULT ":" LOW ":" HIGH [ ":" WORD ] [ "&" NEEDED ]
 *   whole  = "#" real
 *   word   = NAME "=" WORD { "," WORD }              the first is the default
 *   name   = "@" NAME "=" DEFAULT [ "&" NEEDED ]     any word
 *
 * DEFAULT may be empty: leaving the key out is what no value says; "!" means required. Commas
 * in it separate as many numbers as the key takes. WORD is allowed in place of a number. "%"
 * first: a percentage is allowed too. NEEDED is a key without which this one has no effect. */
#ifndef LNSPI_BASE_SETTING_H
#define LNSPI_BASE_SETTING_H

#include <stddef.h>

#include "base/lexer.h"

/* Where a value goes. A real place gets a word as its index, WORD as -1 and a percentage as
 * -share; a whole one a word as its index. */
typedef struct lnspi_setting_place {
  uint16_t at;
  uint8_t bytes;
  uint8_t real;
} lnspi_setting_place;

#define LNSPI_SETTING_REAL(type, member) \
  {(uint16_t)offsetof(type, member), (uint8_t)sizeof((type *)0)->member, 1}
#define LNSPI_SETTING_WHOLE(type, member) \
  {(uint16_t)offsetof(type, member), (uint8_t)sizeof((type *)0)->member, 0}

/* places: one for each key; NULL: all numbers go one after the other from first. */
typedef struct lnspi_settings {
  const char *keys; /* NULL: none */
  const lnspi_setting_place *places;
  lnspi_setting_place first;
} lnspi_settings;

/* Something with a table of keys, and a line that says what it is. */
typedef struct lnspi_setting_owner {
  const char *name, *help, *keys;
} lnspi_setting_owner;

/* The key number index of a table, 0 past the end. */
int lnspi_setting_at(const char *keys, int32_t index, lnsp_key_info *info);

/* The same of several tables, one after the other. */
int lnspi_setting_list(const lnspi_settings *settings, int32_t tables, int32_t index,
                       lnsp_key_info *info);

/* Zeros, but for struct_size, and what these say. */
void lnspi_setting_start(lnsp_key_info *info, const char *name, int32_t type);

/* Writes all defaults. */
void lnspi_setting_defaults(const lnspi_settings *settings, int32_t tables, void *to);

/* Reads a pair by the tables: 0 if they have no such key, otherwise 1 and *status. */
int lnspi_setting_read(const lnspi_settings *settings, int32_t tables, const lnspi_key *pair,
                       void *to, int32_t *status, lnsp_error *error);

/* The error for a key of `of` that the tables do not have. */
int32_t lnspi_setting_refuse(const lnspi_settings *settings, int32_t tables, lnspi_token key,
                             const char *of, lnsp_error *error);

/* Index of a word in "a,b,c"; refuses others. */
int32_t lnspi_setting_choose(lnspi_token value, const char *key, const char *words,
                             int32_t *index, lnsp_error *error);

#endif
