/* Arguments of a line or of a named architecture.
 *
 * A layer's define and an architecture's emit ask for their arguments one after the other,
 * each with its range and its default. There is no table of keys: the code that uses an
 * argument is the declaration of it, and arg_key.c lists the keys by asking that code. Three
 * things follow from each question:
 *
 *  - the key (or the next size) is marked as read. lnspi_arg_finish refuses what nobody asked
 *    for, with the nearest of what was, so that a slip in a key is never taken for its default;
 *  - a value out of its range is refused at its line and column, and a value in range is
 *    returned, so that the caller can go on without checking: status keeps the first error;
 *  - in a named architecture, the value that holds is appended to the graph's text. That
 *    text has every argument, also those that were defaults, so that a file means the same
 *    network when a later version has other defaults.
 *
 * With a file (b->shapes), widths and optional parts of a named architecture come from the
 * shapes of its tensors: the user says only what shapes cannot tell, such as heads. A key that
 * contradicts the file is refused rather than believed, because the tensors would not fit. */
#include "graph/arg.h"

#include <string.h>

#include "base/decimal.h"
#include "base/setting.h"
#include "base/str.h"
#include "base/unknown.h"
#include "graph/arg_key.h"
#include "graph/builder.h"

static const lnspi_key *arg_find(const lnspi_arguments *a, const char *key) {
  for (int32_t i = 0; i < a->key_count; i++)
    if (lnspi_token_is(a->key[i].key, key)) return &a->key[i];
  return NULL;
}

/* The same, and marks it as read. */
const lnspi_key *lnspi_arg_use(lnspi_builder *b, const char *key) {
  lnspi_arguments *a = b->arguments;
  const lnspi_key *found = arg_find(a, key);
  if (a->asked_count < LNSPI_MAX_KEYS) a->asked[a->asked_count++] = key;
  if (found) a->key_used |= (uint32_t)1 << (found - a->key);
  return found;
}

/* In a named architecture: the value that holds goes into the graph's text. */
static void arg_record(lnspi_builder *b, const char *key, const char *value) {
  if (b->arguments == &b->call && !b->listing)
    lnspi_text_add(&b->architecture, " %s=%s", key, value);
}

static void arg_record_integer(lnspi_builder *b, const char *key, int64_t value) {
  char text[24];
  (void)lnspi_format(text, sizeof text, "%lld", (long long)value);
  arg_record(b, key, text);
}

lnspi_token lnspi_arg_place(const lnspi_builder *b, const char *key) {
  const lnspi_key *found = arg_find(b->arguments, key);
  return found ? found->value : b->arguments->op;
}

int lnspi_arg_given(const lnspi_builder *b, const char *key) {
  if (b->listing) return lnspi_arg_key_given(b, key);
  return arg_find(b->arguments, key) != NULL;
}

int64_t lnspi_arg_size(lnspi_builder *b, const char *what) {
  lnspi_arguments *a = b->arguments;
  int64_t value = 1;
  if (b->listing)
    return (int64_t)lnspi_arg_key_number(b, what, LNSP_KEY_SIZE, 1, LNSPI_MAX_WIDTH, 0);
  if (b->status != LNSP_OK) return value;
  if (a->size_used == a->size_count)
    LNSPI_BUILD_FAIL(b, LNSP_E_MISSING, a->op, "the %s is missing: %s", what, a->help);
  else
    b->status = lnspi_decimal_parse_integer(a->size[a->size_used++], what, 1, LNSPI_MAX_WIDTH,
                                            &value, b->error);
  return b->status == LNSP_OK ? value : 1;
}

/* Fails where a key is absent that has no default. */
static void arg_check_there(lnspi_builder *b, const char *key, int has_default) {
  if (!has_default)
    LNSPI_BUILD_FAIL(b, LNSP_E_MISSING, b->arguments->op, "%s= is missing: %s", key,
                     b->arguments->help);
}

/* The key's value, initial if it is absent, without recording it. */
static int64_t arg_integer(lnspi_builder *b, const char *key, int64_t low, int64_t high,
                           int64_t initial) {
  if (b->listing)
    return (int64_t)lnspi_arg_key_number(b, key, LNSP_KEY_WHOLE, (double)low, (double)high,
                                         (double)initial);
  const lnspi_key *found = lnspi_arg_use(b, key);
  int64_t value = initial;
  if (b->status != LNSP_OK) return initial < low ? low : initial;
  if (found)
    b->status = lnspi_decimal_parse_integer(found->value, key, low, high, &value, b->error);
  else
    arg_check_there(b, key, initial >= low);
  return b->status == LNSP_OK ? value : initial < low ? low : initial;
}

int64_t lnspi_arg_integer(lnspi_builder *b, const char *key, int64_t low, int64_t high,
                          int64_t initial) {
  const int64_t value = arg_integer(b, key, low, high, initial);
  arg_record_integer(b, key, value);
  return value;
}

int32_t lnspi_arg_flag(lnspi_builder *b, const char *key, int32_t initial) {
  return (int32_t)lnspi_arg_integer(b, key, 0, 1, initial);
}

float lnspi_arg_real(lnspi_builder *b, const char *key, double low, double high,
                     double initial) {
  if (b->listing) return (float)lnspi_arg_key_number(b, key, LNSP_KEY_REAL, low, high, initial);
  const lnspi_key *found = lnspi_arg_use(b, key);
  double value = initial;
  char text[32];
  if (b->status == LNSP_OK && found)
    b->status = lnspi_decimal_parse(found->value, key, low, high, &value, b->error);
  else
    arg_check_there(b, key, initial >= low);
  if (b->status != LNSP_OK) value = initial < low ? low : initial;
  lnspi_decimal_write((float)value, text);
  arg_record(b, key, text);
  return (float)value;
}

int32_t lnspi_arg_choice(lnspi_builder *b, const char *key, const char *choices,
                         int32_t initial) {
  if (b->listing) return lnspi_arg_key_word(b, key, choices, initial);
  const lnspi_key *found = lnspi_arg_use(b, key);
  const lnspi_token all = {choices, (int32_t)lnspi_str_length(choices), 0, 0};
  int32_t value = initial;
  char shown[48];
  if (b->status == LNSP_OK && found)
    b->status = lnspi_setting_choose(found->value, key, choices, &value, b->error);
  arg_record(b, key, lnspi_token_show(lnspi_token_split(all, ',', value), shown));
  return value;
}

void lnspi_arg_finish(lnspi_builder *b) {
  const lnspi_arguments *a = b->arguments;
  char shown[48], op[48];
  if (b->status != LNSP_OK) return;
  (void)lnspi_token_show(a->op, op);
  if (a->size_used < a->size_count)
    LNSPI_BUILD_FAIL(b, LNSP_E_SYNTAX, a->size[a->size_used],
                     "%s does not take the number %s: %s", op,
                     lnspi_token_show(a->size[a->size_used], shown), a->help);
  for (int32_t i = 0; i < a->key_count; i++)
    if (!(a->key_used >> i & 1)) {
      lnspi_unknown key = {a->key[i].key, NULL, 0};
      for (int32_t k = 0; k < a->asked_count; k++) lnspi_unknown_offer(&key, a->asked[k]);
      b->status = lnspi_unknown_refuse(&key, "key", op, b->error);
      return;
    }
}

int32_t lnspi_arg_list(lnspi_builder *b, const char *key, double low, double high, float *to,
                       int32_t most) {
  if (b->listing) return lnspi_arg_key_several(b, key, low, high, most);
  const lnspi_key *found = lnspi_arg_use(b, key);
  char value_text[160] = "", number[32];
  lnspi_text text = {value_text, sizeof value_text, 0};
  int32_t count = 0;
  if (!found) return 0;
  for (lnspi_token part; b->status == LNSP_OK; count++) {
    double value = 0;
    part = lnspi_token_split(found->value, ',', count);
    if (part.length == 0) break;
    if (count == most) {
      LNSPI_BUILD_FAIL(b, LNSP_E_LIMIT, part, "%s= takes at most %d numbers", key, most);
      break;
    }
    b->status = lnspi_decimal_parse(part, key, low, high, &value, b->error);
    to[count] = (float)value;
    lnspi_decimal_write(to[count], number);
    lnspi_text_add(&text, "%s%s", count ? "," : "", number);
  }
  arg_record(b, key, value_text);
  return b->status == LNSP_OK ? count : 0;
}

/* ---- what a file tells named architectures ------------------------------ */

/* 1 and the width if the file has the tensor; refuses a width out of range. */
static int arg_file_width(lnspi_builder *b, const char *tensor, int32_t axis, int64_t high,
                          int64_t *width) {
  int64_t dims[4] = {0};
  int32_t rank = 0;
  if (b->status != LNSP_OK || !b->shapes) return 0;
  if (!b->shapes->find(b->shapes->user, tensor, &rank, dims)) return 0;
  if (axis >= rank || axis > 3 || dims[axis] < 1 || dims[axis] > high) {
    LNSPI_BUILD_FAIL(b, LNSP_E_SHAPE, b->call.op,
                     "the file's tensor '%s' has rank %d and size %lld where this architecture "
                     "has a width from 1 to %lld: the file is of another network",
                     tensor, rank, (long long)(axis < rank && axis < 4 ? dims[axis] : 0),
                     (long long)high);
    return 0;
  }
  *width = dims[axis];
  return 1;
}

static int64_t arg_width(lnspi_builder *b, const char *key, const char *tensor, int32_t axis,
                         int64_t high, int64_t initial, int required) {
  int64_t width = 0, value;
  const int there = arg_file_width(b, tensor, axis, high, &width);
  if (b->shapes && !there && required)
    LNSPI_BUILD_FAIL(b, LNSP_E_MISSING, b->call.op,
                     "the file has no tensor '%s', which the architecture needs: check the "
                     "architecture, or give the prefix of the file's names",
                     tensor);
  value = arg_integer(b, key, required, high, there ? width : initial);
  if (b->shapes && value != width && b->status == LNSP_OK)
    LNSPI_BUILD_FAIL(b, LNSP_E_SHAPE, lnspi_arg_place(b, key),
                     "the text says %s=%lld, but the file's tensor '%s' %s %lld: leave %s= "
                     "out to take the file's",
                     key, (long long)value, tensor, there ? "says" : "is missing, which means",
                     (long long)width, key);
  arg_record_integer(b, key, value);
  return value;
}

int64_t lnspi_arg_file_dim(const lnspi_builder *b, const char *tensor, int32_t axis) {
  int64_t dims[4] = {0};
  int32_t rank = 0;
  if (!b->shapes || !b->shapes->find(b->shapes->user, tensor, &rank, dims)) return 0;
  return axis < rank && axis < 4 ? dims[axis] : 0;
}

int64_t lnspi_arg_file_width(lnspi_builder *b, const char *key, const char *tensor,
                             int32_t axis, int64_t initial) {
  return arg_width(b, key, tensor, axis, LNSPI_MAX_WIDTH, initial, 1);
}

int64_t lnspi_arg_file_kernel(lnspi_builder *b, const char *key, const char *tensor,
                              int32_t axis, int64_t initial) {
  return arg_width(b, key, tensor, axis, LNSPI_MAX_KERNEL, initial, 1);
}

int64_t lnspi_arg_file_optional_width(lnspi_builder *b, const char *key, const char *tensor,
                                      int32_t axis) {
  return arg_width(b, key, tensor, axis, LNSPI_MAX_WIDTH, 0, 0);
}

int32_t lnspi_arg_file_flag(lnspi_builder *b, const char *key, const char *tensor,
                            int32_t initial) {
  int64_t dims[4];
  int32_t rank, there, value;
  there = b->shapes && b->shapes->find(b->shapes->user, tensor, &rank, dims);
  value = (int32_t)arg_integer(b, key, 0, 1, b->shapes ? there : initial);
  if (b->shapes && value != there && b->status == LNSP_OK)
    LNSPI_BUILD_FAIL(b, LNSP_E_SHAPE, lnspi_arg_place(b, key),
                     "the text says %s=%d, but the file has %s tensor '%s': leave %s= out to "
                     "take what the file has",
                     key, value, there ? "the" : "no", tensor, key);
  arg_record_integer(b, key, value);
  return value;
}
