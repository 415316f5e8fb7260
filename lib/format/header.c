/* The parser of a safetensors header: JSON of one fixed shape,
 *
 *   {"__metadata__": {"key": "text", ...},
 *    "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}
 *
 * read in place, without allocation or recursion. Files come from anywhere, so every byte is
 * an attack until it is checked.
 *
 * Two passes. The first (lnspi_header_feed) sees the bytes in small pieces and counts colons
 * outside strings by their depth, which bounds how many tensors and pairs there can be; the
 * handle's tables are allocated by that. It needs no other check: wrong JSON gives a wrong
 * count, and the second pass refuses it. The second pass is a parser by recursive descent
 * whose depth is fixed by the shape: whole, tensor, list of numbers. It writes into the
 * text: a string is unescaped where it is, which never makes it longer, and its terminator
 * overwrites the closing quote. So names are pointers into the header.
 *
 * What is allowed in JSON and refused here: keys that are not known, keys given twice,
 * numbers that are not whole or are written with a leading zero or an exponent, zero
 * characters in strings, halves of surrogate pairs. Two readers that disagree about such a
 * file could be made to load different weights.
 *
 * What concerns the header as a whole (sizes, holes, overlaps, names given twice) is in
 * header_check.c. */
#include "format/header.h"

#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "format/dtype.h"
#include "format/header_check.h"

typedef struct header_cursor {
  char *text;       /* the JSON, of which strings before at are unescaped already */
  size_t at;        /* next byte; at <= end */
  size_t end;
  const char *name; /* the tensor at hand, for messages */
  lnsp_error *error;
} header_cursor;

/* ---- counting ----------------------------------------------------------- */

void lnspi_header_feed(lnspi_header_count *count, const char *bytes, size_t n) {
  for (size_t i = 0; i < n; i++) {
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

/* Skips white space, and returns the next byte without reading on; 0 at the end. */
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

/* Between members of an object or array: *more is 1 if another follows, else `close` was
 * read. A comma is expected unless this is before the first. */
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
  if (c->end - at < 4) return 0;
  for (size_t i = at; i < at + 4; i++) {
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

/* \uXXXX, with c->at on the backslash. Six bytes become at most three, twelve (a pair) four. */
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
  if (c->end - c->at < 2) return header_refuse(c, c->at, "a string without its end");
  if (c->text[c->at + 1] == 'u') return header_unicode(c, to);
  for (int i = 0; from[i]; i++) {
    if (from[i] == c->text[c->at + 1]) {
      *(*to)++ = made[i];
      c->at += 2;
      return LNSP_OK;
    }
  }
  return header_refuse(c, c->at, "an unknown escape in a string");
}

/* Reads a string, unescaping it where it is: `to` never gets ahead of c->at. */
static int32_t header_string(header_cursor *c, const char **out) {
  if (header_peek(c) != '"') return header_refuse(c, c->at, "a string is missing");
  char *to = c->text + ++c->at;
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
  int64_t value = 0;
  char next = header_peek(c);
  size_t start = c->at;
  if (next < '0' || next > '9')
    return header_refuse(c, start, "a whole number that is not negative is missing");
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
  header_peek(c);
  size_t start = c->at;
  int32_t status = header_string(c, &text);
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
  if (status) return status;
  for (int first = 1;; first = 0) {
    int64_t dim;
    int more;
    status = header_more(c, ']', first, &more);
    if (status || !more) return status;
    status = header_number(c, &dim);
    if (status) return status;
    if (entry->rank == LNSP_MAX_RANK)
      return lnspi_error_set_at(c->error, LNSP_E_LIMIT, (int64_t)(LNSPI_FILE_START + c->at),
                                c->name, "tensor '%s' has more than %d dimensions", c->name,
                                LNSP_MAX_RANK);
    entry->dims[entry->rank++] = dim;
  }
}

static int32_t header_offsets(header_cursor *c, lnspi_entry *entry) {
  int64_t begin = 0, end = 0;
  int32_t status = header_expect(c, '[');
  size_t start = c->at;
  if (!status) status = header_number(c, &begin);
  if (!status) status = header_expect(c, ',');
  if (!status) status = header_number(c, &end);
  if (!status) status = header_expect(c, ']');
  if (status) return status;
  if (begin > end) return header_refuse(c, start, "data_offsets that run backwards");
  entry->begin = (uint64_t)begin;
  entry->end = (uint64_t)end;
  return LNSP_OK;
}

/* The object after a tensor's name. */
static int32_t header_tensor(header_cursor *c, lnspi_entry *entry) {
  static const struct {
    const char *name;
    int32_t (*read)(header_cursor *c, lnspi_entry *entry);
  } keys[] = {{"dtype", header_dtype},
              {"shape", header_shape},
              {"data_offsets", header_offsets}};
  unsigned seen = 0, k; /* seen: bit k for key k */
  int32_t status = header_expect(c, '{');
  for (int first = 1; status == LNSP_OK; first = 0) {
    const char *key;
    int more;
    status = header_more(c, '}', first, &more);
    if (status) return status;
    if (!more && seen == 7) return LNSP_OK;
    if (!more)
      return header_refuse(c, c->at - 1, "a tensor without dtype, shape or data_offsets");
    header_peek(c);
    size_t start = c->at;
    status = header_string(c, &key);
    if (!status) status = header_expect(c, ':');
    if (status) return status;
    for (k = 0; k < 3 && !lnspi_str_equal(key, keys[k].name); k++) continue;
    if (k == 3) return header_refuse(c, start, "an unknown key of a tensor");
    if (seen >> k & 1) return header_refuse(c, start, "a key twice in a tensor");
    seen |= 1u << k;
    status = keys[k].read(c, entry);
  }
  return status;
}

/* ---- metadata ----------------------------------------------------------- */

static int32_t header_metadata(header_cursor *c, lnspi_header *header) {
  int32_t status = header_expect(c, '{');
  if (status) return status;
  for (int first = 1;; first = 0) {
    lnsp_key_value pair;
    int more;
    status = header_more(c, '}', first, &more);
    if (status || !more) return status;
    status = header_string(c, &pair.key);
    if (!status) status = header_expect(c, ':');
    if (!status) status = header_string(c, &pair.value);
    if (status) return status;
    /* more pairs than were counted: only with an incomplete tensor, which is refused later */
    if (header->pair_count < header->pair_capacity) header->pairs[header->pair_count] = pair;
    header->pair_count++;
  }
}

/* ---- the whole ---------------------------------------------------------- */

static int32_t header_member(header_cursor *c, lnspi_header *header, int *metadata_seen) {
  const char *name;
  lnspi_entry entry;
  header_peek(c);
  size_t start = c->at;
  c->name = NULL;
  int32_t status = header_string(c, &name);
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
  int metadata_seen = 0, more;
  header->entry_count = header->pair_count = 0;
  if (c.end == 0 || c.text[0] != '{')
    return header_refuse(&c, 0, "this is not a safetensors file: '{' is missing");
  c.at = 1;
  for (int first = 1;; first = 0) {
    c.name = NULL;
    int32_t status = header_more(&c, '}', first, &more);
    if (!status && !more) break;
    if (!status) status = header_member(&c, header, &metadata_seen);
    if (status) return status;
  }
  for (; c.at < c.end; c.at++)
    if (c.text[c.at] != ' ') return header_refuse(&c, c.at, "text after the last brace");
  if (header->pair_count > header->pair_capacity)
    return header_refuse(&c, 0, "more metadata than was counted");
  return lnspi_header_check(header, data_bytes, error);
}
