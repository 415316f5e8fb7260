/* The grammar of texts: words, keys, patterns, and numbers against the C library's. */
#include <fenv.h>
#include <float.h>
#include <locale.h>

#include "base/bytes.h"
#include "base/decimal.h"
#include "base/lexer.h"
#include "base/str.h"
#include "base/token.h"
#include "check.h"
#include "splitmix.h"

/* ---- texts ---------------------------------------------------------------- */

static void test_words(void) {
  lnspi_lexer text;
  lnspi_token word;
  char copy[8];
  lnsp_error error;
  lnspi_lexer_open(&text, "  x =\tlinear h 256 # note ; =\r\n\n ; y=\xc3\xa9t\xc3\xa9 end");
  word = lnspi_lexer_next(&text, NULL);
  CHECK(lnspi_token_is(word, "x"));
  CHECK_INT(word.line, 1);
  CHECK_INT(word.column, 3);
  CHECK(lnspi_lexer_peek(&text) == '=');
  CHECK_INT(lnspi_lexer_next(&text, NULL).length, 0);
  CHECK(!lnspi_lexer_take(&text, ';'));
  CHECK(lnspi_lexer_take(&text, '='));
  CHECK(lnspi_token_is(lnspi_lexer_next(&text, NULL), "linear"));
  CHECK(!lnspi_lexer_line_end(&text));
  CHECK(lnspi_token_is(lnspi_lexer_next(&text, NULL), "h"));
  word = lnspi_lexer_next(&text, NULL);
  CHECK(lnspi_token_is(word, "256"));
  CHECK(!lnspi_token_is(word, "25") && !lnspi_token_is(word, "2567"));
  CHECK_INT(lnspi_lexer_next(&text, NULL).length, 0);
  CHECK(lnspi_lexer_line_end(&text));
  word = lnspi_lexer_next(&text, NULL);
  CHECK(lnspi_token_is(word, "y"));
  CHECK_INT(word.line, 3);
  CHECK_INT(word.column, 4);
  CHECK(lnspi_lexer_take(&text, '='));
  word = lnspi_lexer_next(&text, NULL);
  CHECK_INT(word.length, 5);
  word = lnspi_lexer_next(&text, NULL);
  CHECK_INT(word.column, 10); /* characters, not bytes */
  CHECK(lnspi_lexer_at_end(&text));
  CHECK(lnspi_lexer_line_end(&text));
  CHECK(lnspi_lexer_peek(&text) == 0);
  CHECK_INT(lnspi_token_copy(word, copy, sizeof(copy), "name", &error), LNSP_OK);
  CHECK_STR(copy, "end");
  CHECK_INT(lnspi_token_copy(word, copy, 4, "name", &error), LNSP_OK);
  strcpy(copy, "kept");
  CHECK_INT(lnspi_token_copy(word, copy, 3, "name", &error), LNSP_E_LIMIT);
  CHECK_STR(copy, "kept");
  CHECK_INT(error.line, 3);
  lnspi_lexer_open(&text, "2*a+b");
  CHECK(lnspi_token_is(lnspi_lexer_next(&text, "+*"), "2"));
  CHECK(lnspi_lexer_take(&text, '*'));
  CHECK(lnspi_token_is(lnspi_lexer_next(&text, "+*"), "a"));
  CHECK_INT(lnspi_lexer_next(&text, "+*").length, 0);
  lnspi_lexer_open(&text, "1e+3+.5E+01+2");
  CHECK(lnspi_token_is(lnspi_lexer_next(&text, "+*"), "1e+3"));
  CHECK(lnspi_lexer_take(&text, '+'));
  CHECK(lnspi_token_is(lnspi_lexer_next(&text, "+*"), ".5E+01"));
  CHECK(lnspi_lexer_take(&text, '+'));
  CHECK(lnspi_token_is(lnspi_lexer_next(&text, "+*"), "2"));
  lnspi_lexer_open(&text, "the+1");
  CHECK(lnspi_token_is(lnspi_lexer_next(&text, "+*"), "the"));
}

static void test_keys(void) {
  lnspi_lexer text;
  lnspi_key keys[3];
  lnsp_error error;
  int32_t count = -1;
  lnspi_lexer_open(&text, "lr=1e-3 betas=.9,.999 ; x=1");
  CHECK_INT(lnspi_lexer_keys(&text, NULL, keys, 3, &count, &error), LNSP_OK);
  CHECK_INT(count, 2);
  CHECK(lnspi_token_is(keys[0].key, "lr") && lnspi_token_is(keys[0].value, "1e-3"));
  CHECK(lnspi_token_is(lnspi_token_split(keys[1].value, ',', 0), ".9"));
  CHECK(lnspi_token_is(lnspi_token_split(keys[1].value, ',', 1), ".999"));
  CHECK_INT(lnspi_token_split(keys[1].value, ',', 2).length, 0);
  CHECK_INT(lnspi_token_split(keys[1].value, ',', 1).column, 18);
  CHECK(lnspi_lexer_peek(&text) == ';');
  lnspi_lexer_open(&text, "margin=.3 on=code+ .1*alignment");
  CHECK_INT(lnspi_lexer_keys(&text, "+*", keys, 3, &count, &error), LNSP_OK);
  CHECK_INT(count, 2);
  CHECK(lnspi_token_is(keys[1].value, "code"));
  CHECK(lnspi_lexer_take(&text, '+'));
  {
    static const struct {
      const char *text;
      int32_t code, column;
    } bad[] = {{"a=1 a=2", LNSP_E_SYNTAX, 5},     {"a=1 b= c=2", LNSP_E_SYNTAX, 5},
               {"a=1 b=", LNSP_E_SYNTAX, 5},      {"a=1 word", LNSP_E_SYNTAX, 5},
               {"a=1 word =2", LNSP_E_SYNTAX, 5}, {"=1", LNSP_E_SYNTAX, 1},
               {"a=b=c", LNSP_E_SYNTAX, 1},       {"a=1 b=2 c=3 d=4", LNSP_E_LIMIT, 13},
               {"a=;b=1", LNSP_E_SYNTAX, 1},      {"a=+2", LNSP_E_SYNTAX, 1}};
    size_t i;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
      count = -1;
      lnspi_lexer_open(&text, bad[i].text);
      CHECK_SAY(lnspi_lexer_keys(&text, "+", keys, 3, &count, &error) == bad[i].code &&
                    error.column == bad[i].column && error.line == 1 && count == -1,
                "'%s': code %d column %d: %s", bad[i].text, error.code, error.column,
                error.message);
    }
  }
}

static void test_strings(void) {
  char shown[48];
  lnspi_token word = {"a", 1, 1, 1};
  char longer[100];
  CHECK(lnspi_str_match("*", "") && lnspi_str_match("*", "abc") && lnspi_str_match("", ""));
  CHECK(lnspi_str_match("layers.*.weight", "layers.0.weight"));
  CHECK(!lnspi_str_match("layers.*.weight", "layers.0.bias"));
  CHECK(lnspi_str_match("a?c", "abc") && !lnspi_str_match("a?c", "ac"));
  CHECK(lnspi_str_match("a?c", "a\xc3\xa9"
                               "c"));
  CHECK(lnspi_str_match("*a*b*c", "xxaybzzc") && !lnspi_str_match("*a*b*c", "xxaybzzcd"));
  CHECK(!lnspi_str_match("abc", "ab") && !lnspi_str_match("ab", "abc"));
  CHECK(lnspi_str_match("**b", "aab"));
  memset(longer, 'a', 99);
  longer[99] = 0;
  CHECK(!lnspi_str_match("*a*a*a*a*a*a*a*a*a*a*b", longer)); /* in no time */
  CHECK_INT(lnspi_str_utf8_bytes("a", 1), 1);
  CHECK_INT(lnspi_str_utf8_bytes("\xc3\xa9", 2), 2);
  CHECK_INT(lnspi_str_utf8_bytes("\xc3\xa9", 1), 0);
  CHECK_INT(lnspi_str_utf8_bytes("\xe2\x82\xac", 3), 3);
  CHECK_INT(lnspi_str_utf8_bytes("\xf0\x9f\x98\x80", 4), 4);
  CHECK_INT(lnspi_str_utf8_bytes("\xc0\x80", 2), 0);         /* overlong */
  CHECK_INT(lnspi_str_utf8_bytes("\xe0\x80\x80", 3), 0);     /* overlong */
  CHECK_INT(lnspi_str_utf8_bytes("\xed\xa0\x80", 3), 0);     /* surrogate */
  CHECK_INT(lnspi_str_utf8_bytes("\xf4\x90\x80\x80", 4), 0); /* past U+10FFFF */
  CHECK_INT(lnspi_str_utf8_bytes("\xf5\x80\x80\x80", 4), 0);
  CHECK_INT(lnspi_str_utf8_bytes("\x80", 1), 0);
  CHECK_INT(lnspi_str_length("abc"), 3);
  CHECK(lnspi_str_equal("a", "a") && !lnspi_str_equal("a", "ab") && !lnspi_str_equal("", "a"));
  CHECK_STR(lnspi_token_show(word, shown), "a");
  word.at = longer;
  word.length = 99;
  CHECK_INT(strlen(lnspi_token_show(word, shown)), 47);
}

/* ---- numbers -------------------------------------------------------------- */

static lnspi_token word_of(const char *string) {
  lnspi_token word;
  word.at = string;
  word.length = (int32_t)strlen(string);
  word.line = 2;
  word.column = 3;
  return word;
}

static int32_t number(const char *string, double *out) {
  lnsp_error error;
  return lnspi_decimal_parse(word_of(string), "k", -DBL_MAX, DBL_MAX, out, &error);
}

static void check_like_strtod(const char *text, int exact) {
  double got = -77, expected = strtod(text, NULL);
  int32_t code = number(text, &got);
  if (isinf(expected)) {
    CHECK_SAY(code == LNSP_E_LIMIT, "%s: %d", text, code);
    return;
  }
  CHECK_SAY(code == LNSP_OK, "%s: %d", text, code);
  if (exact)
    CHECK_SAY(memcmp(&got, &expected, 8) == 0, "%s: %.17g, expected %.17g", text, got,
              expected);
  else
    CHECK_SAY(fabs(got - expected) <= 1e-15 * fabs(expected) + 5e-324,
              "%s: %.17g, expected %.17g", text, got, expected);
}

static void test_number_values(void) {
  static const char *const exact[] = {"0",
                                      "-0",
                                      "+0",
                                      "1",
                                      "-1",
                                      ".3",
                                      "3.",
                                      "1e-3",
                                      "0.001",
                                      "1E5",
                                      "1e+5",
                                      "123456789012345",
                                      "9007199254740993e0",
                                      "1e22",
                                      "1e-22",
                                      "123456789012345e-22",
                                      "0.1",
                                      "0.30000000000000004",
                                      "000001.5000",
                                      "3.14159265358979",
                                      "1e15",
                                      "-2.5e-7",
                                      "0e999",
                                      "0.000000000000000000001",
                                      "9007199254740992",
                                      "9007199254740993",
                                      "9007199254740995",
                                      "4.35",
                                      "5e-324",
                                      "2.2250738585072014e-308"};
  static const char *const close[] = {"1e300",
                                      "1e308",
                                      "1.7976931348623157e308",
                                      "2.2250738585072011e-308",
                                      "3e-310",
                                      "1e-323",
                                      "1e-400",
                                      "123456789012345678901234567890",
                                      "1e309",
                                      "1e400",
                                      "1e99999999999",
                                      "0.00000000000000000000000000000000000000000000000000001",
                                      "1.00000000000000000000000001"};
  size_t i;
  int n;
  char text[64];
  for (i = 0; i < sizeof(exact) / sizeof(exact[0]); i++) check_like_strtod(exact[i], 1);
  for (i = 0; i < sizeof(close) / sizeof(close[0]); i++) check_like_strtod(close[i], 0);
  for (n = 0; n < 100000; n++) { /* up to 15 digits, exponents to 22: the nearest double */
    uint64_t digits = random_bits() % UINT64_C(1000000000000000) >> random_bits() % 50;
    snprintf(text, sizeof(text), "%llue%d", (unsigned long long)digits,
             (int)(random_bits() % 45) - 22);
    check_like_strtod(text, 1);
  }
  for (n = 0; n < 100000; n++) {
    uint64_t bits = random_bits();
    double value;
    memcpy(&value, &bits, 8);
    if (!isfinite(value)) continue;
    snprintf(text, sizeof(text), "%.17g", value);
    check_like_strtod(text, 0);
  }
}

static void test_number_garbage(void) {
  static const char *const bad[] = {"",    "+",     "-",     ".",   "e5",    "1e",
                                    "1e+", "1..2",  "1.2.3", "1,5", "0x10",  "inf",
                                    "nan", "INF",   "1f",    " 1",  "1 ",    "--1",
                                    "+-1", "1e5.0", "1_000", ".e1", "1e1e1", "\xd9\xa1"};
  double out = 42;
  int64_t whole = 42;
  lnsp_error p;
  size_t i;
  for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    CHECK_SAY(lnspi_decimal_parse(word_of(bad[i]), "k", -1e300, 1e300, &out, &p) ==
                  LNSP_E_SYNTAX,
              "'%s' was taken", bad[i]);
    CHECK_INT(p.line, 2);
    CHECK_INT(p.column, 3);
    CHECK_SAY(lnspi_decimal_parse_integer(word_of(bad[i]), "k", -100, 100, &whole, &p) ==
                  LNSP_E_SYNTAX,
              "'%s' was taken", bad[i]);
  }
  CHECK(out == 42 && whole == 42);
  CHECK_INT(lnspi_decimal_parse(word_of("1.5"), "lr", 0, 1, &out, &p), LNSP_E_LIMIT);
  CHECK(strstr(p.message, "lr") && strstr(p.message, "from 0 to 1"));
  CHECK_INT(lnspi_decimal_parse(word_of("-1e-9"), "lr", 0, 1, &out, &p), LNSP_E_LIMIT);
  CHECK_INT(lnspi_decimal_parse(word_of("1"), "lr", 0, 1, &out, &p), LNSP_OK);
  CHECK_INT(lnspi_decimal_parse(word_of("1e999"), "lr", 0, INFINITY, &out, &p), LNSP_E_LIMIT);
}

static void test_integers(void) {
  int64_t out = 0;
  lnsp_error p;
  CHECK_INT(lnspi_decimal_parse_integer(word_of("-17"), "k", -20, 20, &out, &p), LNSP_OK);
  CHECK_INT(out, -17);
  CHECK_INT(lnspi_decimal_parse_integer(word_of("+008"), "k", -20, 20, &out, &p), LNSP_OK);
  CHECK_INT(out, 8);
  CHECK_INT(lnspi_decimal_parse_integer(word_of("9223372036854775807"), "k", 0, INT64_MAX, &out,
                                        &p),
            LNSP_OK);
  CHECK(out == INT64_MAX);
  CHECK_INT(lnspi_decimal_parse_integer(word_of("9223372036854775808"), "k", 0, INT64_MAX, &out,
                                        &p),
            LNSP_E_LIMIT);
  CHECK_INT(lnspi_decimal_parse_integer(word_of("99999999999999999999999"), "k", 0, INT64_MAX,
                                        &out, &p),
            LNSP_E_LIMIT);
  CHECK_INT(lnspi_decimal_parse_integer(word_of("21"), "k", -20, 20, &out, &p), LNSP_E_LIMIT);
  CHECK(strstr(p.message, "-20") != NULL);
  CHECK_INT(lnspi_decimal_parse_integer(word_of("1.0"), "k", -20, 20, &out, &p), LNSP_E_SYNTAX);
  CHECK_INT(lnspi_decimal_parse_integer(word_of("1e1"), "k", -20, 20, &out, &p), LNSP_E_SYNTAX);
}

static void test_number_text(void) {
  static const struct {
    float value;
    const char *text;
  } known[] = {{0.0f, "0"},
               {-0.0f, "-0"},
               {1.0f, "1"},
               {0.001f, "0.001"},
               {1e-5f, "1e-05"},
               {0.1f, "0.1"},
               {0.3f, "0.3"},
               {-2.5f, "-2.5"},
               {0.999f, "0.999"},
               {100.0f, "100"},
               {16777216.0f, "16777216"},
               {1e10f, "1e10"},
               {FLT_MAX, "3.4028235e38"},
               {FLT_MIN, "1.1754944e-38"},
               {3e-4f, "0.0003"},
               {123.456f, "123.456"},
               {1e-45f, "1e-45"},
               {9.99999e-5f, "9.99999e-05"},
               {1e9f, "1e09"}};
  char text[32], reference[40];
  size_t i;
  int n, digits;
  for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
    lnspi_decimal_write(known[i].value, text);
    CHECK_STR(text, known[i].text);
  }
  lnspi_decimal_write(INFINITY, text);
  CHECK_STR(text, "inf");
  lnspi_decimal_write(-INFINITY, text);
  CHECK_STR(text, "-inf");
  lnspi_decimal_write(NAN, text);
  CHECK_STR(text, "nan");
  for (n = 0; n < 100000; n++) {
    uint32_t bits = (uint32_t)random_bits();
    float value = lnspi_bits_float(bits);
    double back = 0, reference_back;
    size_t length;
    if (!isfinite(value)) continue;
    lnspi_decimal_write(value, text);
    CHECK_SAY(number(text, &back) == LNSP_OK && lnspi_float_bits((float)back) == bits,
              "%.9g became %s became %.17g", (double)value, text, back);
    /* no more digits than the C library needs */
    for (digits = 1; digits <= 9; digits++) {
      snprintf(reference, sizeof(reference), "%.*e", digits - 1, (double)value);
      reference_back = strtod(reference, NULL);
      if ((float)reference_back == value) break;
    }
    for (length = 0, i = 0; text[i] && text[i] != 'e'; i++)
      if (text[i] >= '0' && text[i] <= '9' && (length || text[i] != '0')) length++;
    CHECK_SAY((int)length <= digits || fabsf(value) >= 10.0f, "%s for %s", text, reference);
  }
}

/* What the program around us sets must not change a number. */
static void test_number_surroundings(void) {
  static const int modes[] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
  static const char *const locales[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "C.UTF-8"};
  double a = 0, b = 0, c = 0;
  char text[32];
  size_t i;
  CHECK_INT(number("0.1", &a), LNSP_OK);
  for (i = 0; i < 3; i++) {
    int changed = fesetround(modes[i]);
    number("0.1", &b);
    number("1e-40", &c);
    lnspi_decimal_write(0.1f, text);
    fesetround(FE_TONEAREST);
    CHECK(changed == 0);
    CHECK(memcmp(&a, &b, sizeof(a)) == 0);
    CHECK(c == 1e-40);
    CHECK_STR(text, "0.1");
  }
  for (i = 0; i < 4; i++) {
    if (!setlocale(LC_ALL, locales[i])) continue;
    CHECK_INT(number("0.5", &b), LNSP_OK);
    CHECK(b == 0.5);
    CHECK_INT(number("0,5", &b), LNSP_E_SYNTAX);
    lnspi_decimal_write(0.5f, text);
    CHECK_STR(text, "0.5");
  }
  setlocale(LC_ALL, "C");
}

int main(void) {
  RUN(test_words);
  RUN(test_keys);
  RUN(test_strings);
  RUN(test_number_values);
  RUN(test_number_garbage);
  RUN(test_integers);
  RUN(test_number_text);
  RUN(test_number_surroundings);
  FINISH();
}
