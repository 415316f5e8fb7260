/* Decimal numbers in texts, in integer arithmetic alone: the same on every host, whatever the
 * locale, the rounding mode and the C library.
 *
 * Reading. The first 19 digits become an integer m of 64 bits; later ones only count as
 * powers of ten, and set `sticky` if they are not zero. m is multiplied or divided by powers
 * of five (powers of two only change the exponent) in a 64-bit significand with the sticky
 * bit, and rounded once to 53 bits, to nearest, ties to even. A power up to 5^27 fits into
 * 64 bits, so up to there the result is the correctly rounded one. Larger exponents need
 * several steps of 2^-64 relative error each; the double may then be off by one unit in the
 * last place, which no setting in an architecture needs.
 *
 * Writing. The shortest text that reads back to the same float: one digit is tried, then
 * two, up to nine, which always suffice for a float. Trying is slow and obviously right;
 * texts are written when a file is saved, a handful of numbers each. */
#include "base/decimal.h"

#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/str.h"

/* m * 2^e, the top bit of m being set (or m zero); sticky: the exact value is a little more.
 * 64 bits and the sticky bit round correctly to 53 or 24. */
typedef struct decimal_wide {
  uint64_t m;
  int32_t e;
  int32_t sticky;
} decimal_wide;

static decimal_wide decimal_normal(uint64_t m, int32_t e) {
  decimal_wide w = {m, e, 0};
  while (w.m && !(w.m >> 63)) {
    w.m <<= 1;
    w.e--;
  }
  return w;
}

static decimal_wide decimal_multiply(decimal_wide a, decimal_wide b) {
  uint64_t a0 = a.m & 0xffffffffu, a1 = a.m >> 32, b0 = b.m & 0xffffffffu, b1 = b.m >> 32;
  uint64_t middle = a1 * b0 + (a0 * b0 >> 32);
  uint64_t middle2 = a0 * b1 + (middle & 0xffffffffu);
  uint64_t high = a1 * b1 + (middle >> 32) + (middle2 >> 32);
  uint64_t low = (middle2 << 32) | (a0 * b0 & 0xffffffffu);
  decimal_wide w;
  w.e = a.e + b.e + 64;
  if (high && !(high >> 63)) {
    high = high << 1 | low >> 63;
    low <<= 1;
    w.e--;
  }
  w.m = high;
  w.sticky = low != 0 || a.sticky || b.sticky;
  return w;
}

/* a / b by long division, 64 bits of quotient. */
static decimal_wide decimal_divide(decimal_wide a, decimal_wide b) {
  decimal_wide w = {0, 0, 0};
  uint64_t rest = a.m;
  int carry = 0;
  w.e = a.e - b.e + 1;
  while (!(w.m >> 63)) {
    int bit = carry || rest >= b.m;
    if (bit) rest -= b.m;
    w.m = w.m << 1 | (uint64_t)bit;
    w.e--;
    carry = (int)(rest >> 63);
    rest <<= 1;
  }
  w.sticky = rest != 0 || carry || a.sticky || b.sticky;
  return w;
}

/* w * 10^k, by powers of five up to 5^27, which are exact. */
static decimal_wide decimal_scale(decimal_wide w, int32_t k) {
  while (k != 0 && w.m) {
    int32_t n = k > 27 ? 27 : k < -27 ? 27 : k < 0 ? -k : k, i;
    uint64_t five = 1;
    for (i = 0; i < n; i++) five *= 5;
    if (k > 0)
      w = decimal_multiply(w, decimal_normal(five, n));
    else
      w = decimal_divide(w, decimal_normal(five, n));
    k += k > 0 ? -n : n;
  }
  return w;
}

/* Rounds to nearest, ties to even, to an IEEE format with `bits` significant bits
 * (the hidden one included) and least normal exponent `least`; returns the bits
 * without sign. Overflow gives the bits of infinity. */
static uint64_t decimal_round(decimal_wide w, int32_t bits, int32_t least) {
  const uint64_t infinity = (uint64_t)(2 - 2 * least + 1) << (bits - 1);
  int32_t exponent = w.e + 63, drop = 64 - bits;
  if (!w.m) return 0;
  if (exponent < least) drop += least - exponent;
  if (drop > 64) return 0;
  uint64_t kept = drop == 64 ? 0 : w.m >> drop;
  uint64_t rest = drop == 64 ? w.m : w.m & (((uint64_t)1 << drop) - 1);
  uint64_t half = (uint64_t)1 << (drop - 1);
  if (rest > half || (rest == half && (w.sticky || (kept & 1)))) kept++;
  uint64_t result = kept;
  if (exponent >= least) {
    if (exponent > 1 - least) return infinity;
    result += (uint64_t)(exponent - least) << (bits - 1);
  }
  return result > infinity ? infinity : result;
}

static uint64_t decimal_double_bits(decimal_wide w) { return decimal_round(w, 53, -1022); }

static double decimal_double(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

static int decimal_is_digit(char c) { return c >= '0' && c <= '9'; }

/* Reads an unsigned number; returns the first byte behind it, or NULL if there is none. */
static const char *decimal_scan(const char *at, const char *end, decimal_wide *out) {
  uint64_t m = 0;
  int32_t power = 0, exponent = 0;
  int digits = 0, point = 0, sticky = 0, minus = 0;
  for (; at < end && (decimal_is_digit(*at) || (*at == '.' && !point)); at++) {
    if (*at == '.') {
      point = 1;
      continue;
    }
    digits = 1;
    if (m < UINT64_C(1000000000000000000)) {
      m = m * 10 + (uint64_t)(*at - '0');
      if (point && power > -100000) power--;
    } else {
      if (*at != '0') sticky = 1;
      if (!point && power < 100000) power++;
    }
  }
  if (!digits) return NULL;
  if (at < end && (*at == 'e' || *at == 'E')) {
    at++;
    if (at < end && (*at == '+' || *at == '-')) minus = *at++ == '-';
    if (at == end || !decimal_is_digit(*at)) return NULL;
    for (; at < end && decimal_is_digit(*at); at++)
      if (exponent < 100000) exponent = exponent * 10 + (*at - '0');
  }
  power += minus ? -exponent : exponent;
  if (power > 400) power = 400; /* beyond it, a double is infinity or zero */
  if (power < -400) power = -400;
  *out = decimal_normal(m, 0);
  out->sticky = sticky;
  *out = decimal_scale(*out, power);
  return at;
}

/* ---- reading ------------------------------------------------------------ */

static int32_t decimal_refuse_range(lnspi_token word, const char *key, double low, double high,
                                    lnsp_error *error) {
  const double most = (double)3.402823466e38f;
  char shown[48], from[32], to[32];
  lnspi_decimal_write((float)(low < -most ? -most : low > most ? most : low), from);
  lnspi_decimal_write((float)(high < -most ? -most : high > most ? most : high), to);
  return lnspi_error_set_line(error, LNSP_E_LIMIT, word.line, word.column,
                              "%s=%s is out of range: it must be from %s to %s", key,
                              lnspi_token_show(word, shown), from, to);
}

int32_t lnspi_decimal_parse(lnspi_token word, const char *key, double low, double high,
                            double *out, lnsp_error *error) {
  const char *at = word.at, *end = word.at + word.length;
  int minus = 0;
  char shown[48];
  decimal_wide wide;
  uint64_t bits;
  double value;
  if (at < end && (*at == '+' || *at == '-')) minus = *at++ == '-';
  if (decimal_scan(at, end, &wide) != end)
    return lnspi_error_set_line(error, LNSP_E_SYNTAX, word.line, word.column,
                                "%s needs a decimal number such as 0.3 or 1e-3, not '%s'", key,
                                lnspi_token_show(word, shown));
  bits = decimal_double_bits(wide);
  if (bits >> 52 == 2047) return decimal_refuse_range(word, key, low, high, error);
  value = decimal_double(bits | (uint64_t)minus << 63);
  if (!(value >= low && value <= high))
    return decimal_refuse_range(word, key, low, high, error);
  *out = value;
  return LNSP_OK;
}

int32_t lnspi_decimal_parse_integer(lnspi_token word, const char *key, int64_t low,
                                    int64_t high, int64_t *out, lnsp_error *error) {
  const char *at = word.at, *end = word.at + word.length;
  int minus = 0, over = 0;
  uint64_t m = 0;
  int64_t value;
  char shown[48];
  if (at < end && (*at == '+' || *at == '-')) minus = *at++ == '-';
  if (at == end) end = NULL;
  for (; end && at < end && decimal_is_digit(*at); at++) {
    uint64_t digit = (uint64_t)(*at - '0');
    if (m > ((uint64_t)INT64_MAX - digit) / 10) over = 1;
    if (!over) m = m * 10 + digit;
  }
  if (at != end)
    return lnspi_error_set_line(error, LNSP_E_SYNTAX, word.line, word.column,
                                "%s needs a whole number, not '%s'", key,
                                lnspi_token_show(word, shown));
  value = minus ? -(int64_t)m : (int64_t)m;
  if (over || value < low || value > high)
    return lnspi_error_set_line(error, LNSP_E_LIMIT, word.line, word.column,
                                "%s=%s is out of range: it must be from %lld to %lld", key,
                                lnspi_token_show(word, shown), (long long)low, (long long)high);
  *out = value;
  return LNSP_OK;
}

/* ---- writing ------------------------------------------------------------ */

static decimal_wide decimal_of_float(uint32_t bits) {
  uint32_t exponent = bits >> 23 & 255, m = bits & 0x7fffffu;
  if (exponent) return decimal_normal(m | 0x800000u, (int32_t)exponent - 150);
  return decimal_normal(m, -149);
}

/* w * 10^k rounded to an integer, which must be below 2^40. */
static uint64_t decimal_integer(decimal_wide w, int32_t k) {
  decimal_wide s = decimal_scale(w, k);
  int32_t drop = -s.e;
  if (drop > 64) return 0;
  if (drop == 64) return s.m >> 63;
  return (s.m >> drop) + (s.m >> (drop - 1) & 1);
}

/* Writes count digits of value: without an exponent for powers of ten from -4 to 8. */
static void decimal_write(uint64_t value, int32_t count, int32_t exponent, char *to) {
  char digits[12] = {0};
  for (int32_t i = count; i > 0; i--) {
    digits[i - 1] = (char)('0' + value % 10);
    value /= 10;
  }
  while (count > 1 && digits[count - 1] == '0') count--;
  if (exponent >= 0 && exponent < 9) {
    for (int32_t i = 0; i < count || i <= exponent; i++) {
      if (i == exponent + 1) *to++ = '.';
      *to++ = i < count ? digits[i] : '0';
    }
  } else if (exponent < 0 && exponent > -5) {
    *to++ = '0';
    *to++ = '.';
    for (int32_t i = -1; i > exponent; i--) *to++ = '0';
    for (int32_t i = 0; i < count; i++) *to++ = digits[i];
  } else {
    for (int32_t i = 0; i < count; i++) {
      if (i == 1) *to++ = '.';
      *to++ = digits[i];
    }
    *to++ = 'e';
    if (exponent < 0) *to++ = '-';
    exponent = exponent < 0 ? -exponent : exponent;
    *to++ = (char)('0' + exponent / 10);
    *to++ = (char)('0' + exponent % 10);
  }
  *to = 0;
}

/* The float that a text reads as: first rounded to double, then to float, as a caller does. */
static uint32_t decimal_read_back(const char *text) {
  decimal_wide wide;
  if (!decimal_scan(text, text + lnspi_str_length(text), &wide)) return 0;
  uint64_t bits = decimal_double_bits(wide);
  if (bits >> 52)
    wide = decimal_normal((bits & 0xfffffffffffffu) | (uint64_t)1 << 52,
                          (int32_t)(bits >> 52) - 1075);
  else
    wide = decimal_normal(bits, -1074);
  return (uint32_t)decimal_round(wide, 24, -126);
}

void lnspi_decimal_write(float value, char to[32]) {
  uint32_t bits = lnspi_float_bits(value), magnitude = bits & 0x7fffffffu;
  decimal_wide wide = decimal_of_float(magnitude);
  int32_t count;
  if (bits >> 31 && magnitude <= 0x7f800000u) *to++ = '-';
  if (magnitude > 0x7f800000u) {
    memcpy(to, "nan", 4);
    return;
  }
  if (magnitude == 0x7f800000u || magnitude == 0) {
    memcpy(to, magnitude ? "inf" : "0", magnitude ? 4 : 2);
    return;
  }
  /* floor of log10, from 0.30103 = log10(2): one too small at most */
  int32_t exponent = (wide.e + 63) * 30103 / 100000 - 1;
  while (decimal_integer(wide, 9 - exponent) >= UINT64_C(10000000000)) exponent++;
  for (count = 1; count <= 9; count++) {
    uint64_t limit = 1, digits;
    int32_t i, up = 0;
    for (i = 0; i < count; i++) limit *= 10;
    digits = decimal_integer(wide, count - 1 - exponent);
    if (digits >= limit) { /* rounded up to the next power of ten */
      digits /= 10;
      up = 1;
    }
    decimal_write(digits, count, exponent + up, to);
    if (decimal_read_back(to) == magnitude) return;
  }
}
