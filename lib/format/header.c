/* The parser of a safetensors header: JSON of one fixed shape, read in place,
 * without allocation or recursion. Hostile input is the normal case. */
#include "format/header.h"

#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "format/dtype.h"
#include "format/header_check.h"

typedef struct header_cursor {
  char *text;
  size_t at;
  size_t end;
  const char *name; /* the tensor or key at hand, for messages */
  lnsp_error *error;
} header_cursor;

/* ---- counting ----------------------------------------------------------- */

void lnspi_header_feed(lnspi_header_count *count, const char *bytes, size_t n) {
  size_t i;
  for (i = 0; i < n; i++) {
    char c = bytes[i];
    if (count->in_string) {
      if (count->escaped)
        count->escaped = 0;
      else if (c == '\\')
        count->escaped = 1;
      else if (c == '"')
        count->in_string = 0;
    } else if (c == '"') {
      count->in_string = 1;
    } else if (c == '{' || c == '[') {
      count->depth++;
    } else if (c == '}' || c == ']') {
      count->depth--;
    } else if (c == ':') {
      if (count->depth == 1) count->outer++;
      if (count->depth == 2) count->inner++;
    }
  }
}

/* ---- tokens ------------------------------------------------------------- */

static int32_t header_refuse(const header_cursor *c, size_t at, const char *what) {
  return lnspi_error_set_at(c->error, LNSP_E_FORMAT, (int64_t)(LNSPI_FILE_START + at), c->name,
                            "the file's header is malformed: %s at byte %llu", what,
                            (unsigned long long)(LNSPI_FILE_START + at));
}

/* The next byte after white space, 0 at the end. */
static char header_peek(header_cursor *c) {
  while (c->at < c->end) {
    char next = c->text[c->at];
    if (next != ' ' && next != '\t' && next != '\n' && next != '\r') return next;
    c->at++;
  }
  return 0;
}

static int32_t header_expect(header_cursor *c, char wanted) {
  char next = header_peek(c);
  if (next == wanted && c->at < c->end) {
    c->at++;
    return LNSP_OK;
  }
  return lnspi_error_set_at(c->error, LNSP_E_FORMAT, (int64_t)(LNSPI_FILE_START + c->at),
                            c->name,
                            "the file's header is malformed: '%c' is missing at byte %llu",
                            wanted, (unsigned long long)(LNSPI_FILE_START + c->at));
}

/* Between the members of an object or array: 1 in *more if another follows. */
static int32_t header_more(header_cursor *c, char close, int first, int *more) {
  *more = 1;
  if (header_peek(c) == close) {
    c->at++;
    *more = 0;
    return LNSP_OK;
  }
  return first ? LNSP_OK : header_expect(c, ',');
}

static int header_hex4(const header_cursor *c, size_t at, uint32_t *out) {
  uint32_t value = 0;
  size_t i;
  if (c->end - at < 4) return 0;
  for (i = at; i < at + 4; i++) {
    char d = c->text[i];
    uint32_t digit;
    if (d >= '0' && d <= '9')
      digit = (uint32_t)(d - '0');
    else if (d >= 'a' && d <= 'f')
      digit = (uint32_t)(d - 'a') + 10;
    else if (d >= 'A' && d <= 'F')
      digit = (uint32_t)(d - 'A') + 10;
    else
      return 0;
    value = value << 4 | digit;
  }
  *out = value;
  return 1;
}

static size_t header_encode(uint32_t code, char *to) {
  if (code < 0x80) {
    to[0] = (char)code;
    return 1;
  }
  if (code < 0x800) {
    to[0] = (char)(0xc0 | code >> 6);
    to[1] = (char)(0x80 | (code & 63));
    return 2;
  }
  if (code < 0x10000) {
    to[0] = (char)(0xe0 | code >> 12);
    to[1] = (char)(0x80 | (code >> 6 & 63));
    to[2] = (char)(0x80 | (code & 63));
    return 3;
  }
  to[0] = (char)(0xf0 | code >> 18);
  to[1] = (char)(0x80 | (code >> 12 & 63));
  to[2] = (char)(0x80 | (code >> 6 & 63));
  to[3] = (char)(0x80 | (code & 63));
  return 4;
}

/* \uXXXX, with c->at on the backslash; the result is never longer than that. */
static int32_t header_unicode(header_cursor *c, char **to) {
  size_t start = c->at;
  uint32_t code, low;
  if (!header_hex4(c, c->at + 2, &code))
    return header_refuse(c, start, "\\u without four hex digits");
  c->at += 6;
  if (code == 0) return header_refuse(c, start, "a zero character in a string");
  if (code >= 0xdc00 && code <= 0xdfff) return header_refuse(c, start, "half a surrogate pair");
  if (code >= 0xd800 && code <= 0xdbff) {
    if (c->end - c->at < 6 || c->text[c->at] != '\\' || c->text[c->at + 1] != 'u' ||
        !header_hex4(c, c->at + 2, &low) || low < 0xdc00 || low > 0xdfff)
      return header_refuse(c, start, "half a surrogate pair");
    c->at += 6;
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  }
  *to += header_encode(code, *to);
  return LNSP_OK;
}

static int32_t header_escape(header_cursor *c, char **to) {
  static const char from[] = "\"\\/bfnrt", made[] = "\"\\/\b\f\n\r\t";
  int i;
  if (c->end - c->at < 2) return header_refuse(c, c->at, "a string without its end");
  if (c->text[c->at + 1] == 'u') return header_unicode(c, to);
  for (i = 0; from[i]; i++) {
    if (from[i] == c->text[c->at + 1]) {
      *(*to)++ = made[i];
      c->at += 2;
      return LNSP_OK;
    }
  }
  return header_refuse(c, c->at, "an unknown escape in a string");
}

/* A string, unescaped where it stands; its terminator falls on the closing quote
 * or before. */
static int32_t header_string(header_cursor *c, const char **out) {
  char *to;
  if (header_peek(c) != '"') return header_refuse(c, c->at, "a string is missing");
  to = c->text + ++c->at;
  *out = to;
  for (;;) {
    size_t n;
    char next;
    if (c->at == c->end) return header_refuse(c, c->at, "a string without its end");
    next = c->text[c->at];
    if (next == '"') break;
    if (next == '\\') {
      int32_t status = header_escape(c, &to);
      if (status) return status;
      continue;
    }
    n = lnspi_str_utf8_bytes(c->text + c->at, c->end - c->at);
    if (n == 0) return header_refuse(c, c->at, "a string that is not UTF-8");
    if ((unsigned char)next < 0x20)
      return header_refuse(c, c->at, "a control character in a string");
    memmove(to, c->text + c->at, n);
    to += n;
    c->at += n;
  }
  c->at++;
  *to = 0;
  return LNSP_OK;
}

static int32_t header_number(header_cursor *c, int64_t *out) {
  size_t start;
  int64_t value = 0;
  char next = header_peek(c);
  start = c->at;
  if (next < '0' || next > '9')
    return header_refuse(c, start, "a whole number from 0 on is missing");
  for (; c->at < c->end; c->at++) {
    next = c->text[c->at];
    if (next < '0' || next > '9') break;
    if (c->at == start + 1 && c->text[start] == '0')
      return header_refuse(c, start, "a number with a leading zero");
    if (value > (INT64_MAX - (next - '0')) / 10)
      return header_refuse(c, start, "a number over 2^63 - 1");
    value = value * 10 + (next - '0');
  }
  if (c->at < c->end && (next == '.' || next == 'e' || next == 'E'))
    return header_refuse(c, start, "a number that is not written as a whole number");
  *out = value;
  return LNSP_OK;
}

/* ---- tensors ------------------------------------------------------------ */

static int32_t header_dtype(header_cursor *c, lnspi_entry *entry) {
  const char *text;
  size_t start;
  int32_t status;
  header_peek(c);
  start = c->at;
  status = header_string(c, &text);
  if (status) return status;
  entry->dtype = lnspi_dtype_find(text);
  if (!entry->dtype)
    return lnspi_error_set_at(c->error, LNSP_E_DTYPE, (int64_t)(LNSPI_FILE_START + start),
                              c->name,
                              "tensor '%s' has the dtype '%s', which this library cannot read",
                              c->name, text);
  return LNSP_OK;
}

static int32_t header_shape(header_cursor *c, lnspi_entry *entry) {
  int32_t status = header_expect(c, '[');
  int more = 0, first;
  for (first = 1; !status; first = 0) {
    int64_t dim;
    status = header_more(c, ']', first, &more);
    if (status || !more) break;
    status = header_number(c, &dim);
    if (status) break;
    if (entry->rank == LNSP_MAX_RANK)
      return lnspi_error_set_at(c->error, LNSP_E_LIMIT, (int64_t)(LNSPI_FILE_START + c->at),
                                c->name, "tensor '%s' has more than %d dimensions", c->name,
                                LNSP_MAX_RANK);
    entry->dims[entry->rank++] = dim;
  }
  return status;
}

static int32_t header_offsets(header_cursor *c, lnspi_entry *entry) {
  int64_t begin = 0, end = 0;
  size_t start;
  int32_t status = header_expect(c, '[');
  start = c->at;
  if (!status) status = header_number(c, &begin);
  if (!status) status = header_expect(c, ',');
  if (!status) status = header_number(c, &end);
  if (!status) status = header_expect(c, ']');
  if (!status && begin > end)
    status = header_refuse(c, start, "data_offsets that run backwards");
  entry->begin = (uint64_t)begin;
  entry->end = (uint64_t)end;
  return status;
}

/* The object after a tensor's name. */
static int32_t header_tensor(header_cursor *c, lnspi_entry *entry) {
  unsigned seen = 0;
  int more = 0, first;
  int32_t status = header_expect(c, '{');
  for (first = 1; !status; first = 0) {
    const char *key;
    size_t start;
    unsigned bit;
    status = header_more(c, '}', first, &more);
    if (status || !more) break;
    header_peek(c);
    start = c->at;
    status = header_string(c, &key);
    if (!status) status = header_expect(c, ':');
    if (status) break;
    bit = lnspi_str_equal(key, "dtype")          ? 1u
          : lnspi_str_equal(key, "shape")        ? 2u
          : lnspi_str_equal(key, "data_offsets") ? 4u
                                                 : 0u;
    if (!bit) return header_refuse(c, start, "an unknown key of a tensor");
    if (seen & bit) return header_refuse(c, start, "a key twice in a tensor");
    seen |= bit;
    status = bit == 1   ? header_dtype(c, entry)
             : bit == 2 ? header_shape(c, entry)
                        : header_offsets(c, entry);
  }
  if (!status && seen != 7)
    status = header_refuse(c, c->at - 1, "a tensor without dtype, shape or data_offsets");
  return status;
}

/* ---- metadata ----------------------------------------------------------- */

static int32_t header_metadata(header_cursor *c, lnspi_header *header) {
  int more = 0, first;
  int32_t status = header_expect(c, '{');
  for (first = 1; !status; first = 0) {
    lnsp_key_value pair;
    status = header_more(c, '}', first, &more);
    if (status || !more) break;
    status = header_string(c, &pair.key);
    if (!status) status = header_expect(c, ':');
    if (!status) status = header_string(c, &pair.value);
    if (status) break;
    /* Only a header with an incomplete tensor, refused later, has more pairs
     * than were counted. */
    if (header->pair_count < header->pair_capacity) header->pairs[header->pair_count] = pair;
    header->pair_count++;
  }
  return status;
}

/* ---- the whole ---------------------------------------------------------- */

static int32_t header_member(header_cursor *c, lnspi_header *header, int *metadata_seen) {
  const char *name;
  size_t start;
  int32_t status;
  lnspi_entry entry;
  header_peek(c);
  start = c->at;
  c->name = NULL;
  status = header_string(c, &name);
  if (status) return status;
  c->name = name;
  status = header_expect(c, ':');
  if (status) return status;
  if (lnspi_str_equal(name, "__metadata__")) {
    if (*metadata_seen) return header_refuse(c, start, "__metadata__ twice");
    *metadata_seen = 1;
    return header_metadata(c, header);
  }
  memset(&entry, 0, sizeof(entry));
  entry.name = name;
  status = header_tensor(c, &entry);
  if (status) return status;
  if (header->entry_count == header->entry_capacity)
    return header_refuse(c, start, "more tensors than were counted");
  header->entries[header->entry_count++] = entry;
  return LNSP_OK;
}

int32_t lnspi_header_parse(lnspi_header *header, uint64_t data_bytes, lnsp_error *error) {
  header_cursor c = {header->text, 0, header->bytes, NULL, error};
  int metadata_seen = 0, more = 0, first;
  int32_t status = LNSP_OK;
  header->entry_count = header->pair_count = 0;
  if (c.end == 0 || c.text[0] != '{')
    return header_refuse(&c, 0, "this is no safetensors file: '{' is missing");
  c.at = 1;
  for (first = 1; !status; first = 0) {
    c.name = NULL;
    status = header_more(&c, '}', first, &more);
    if (status || !more) break;
    status = header_member(&c, header, &metadata_seen);
  }
  if (status) return status;
  for (; c.at < c.end; c.at++)
    if (c.text[c.at] != ' ') return header_refuse(&c, c.at, "something follows the last brace");
  if (header->pair_count > header->pair_capacity)
    return header_refuse(&c, 0, "more metadata than was counted");
  return lnspi_header_check(header, data_bytes, error);
}
