/* Decimal numbers in texts, in integer arithmetic alone. */
#ifndef LNSPI_BASE_DECIMAL_H
#define LNSPI_BASE_DECIMAL_H

#include "base/token.h"

/* Reads a token that is one number: [+-] digits [. digits] [e [+-] digits], also
 * ".3" and "3."; correctly rounded for up to 15 digits and exponents to 22 and
 * otherwise within 1e-15 relative; the same on every host, whatever the locale.
 * Refused with line and column: anything else, and values outside [low, high].
 * key names the value in the message. */
int32_t lnspi_decimal_parse(lnspi_token word, const char *key, double low, double high,
                            double *out, lnsp_error *error);
int32_t lnspi_decimal_parse_integer(lnspi_token word, const char *key, int64_t low,
                                    int64_t high, int64_t *out, lnsp_error *error);

/* Shortest text (at most 17 digits) that lnspi_decimal_parse reads back to the
 * same float; to[32]. Without exponent where that is short: "0.001", "1e-05". */
void lnspi_decimal_write(float value, char to[32]);

#endif
