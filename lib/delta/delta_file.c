/* A delta as a safetensors file: docs/delta.md has the keys.
 *
 * The checksum is a hash of every byte of the file, but it is in the file itself. So its 64
 * digits count as zeros in the hash, and those of an authentication code too, which is
 * computed from that hash. To find them in a file that may be hostile, before its header is
 * parsed, both are at fixed places: the checksum is the first pair of the metadata, the code
 * the second, and the writer writes pairs in the order given.
 *
 *   8 bytes | {"__metadata__":{"lnsp.delta.checksum":"<64>","lnsp.delta.mac":"<64>", ...
 *
 * Writing runs the same code twice, into the hash with zeros as digits, then into the file.
 * Reading verifies the hash over the whole source first, and parses after that: no other
 * check has to stand damage. It has to stand malice, since anyone can compute a checksum:
 * each number must be written as this library writes it, which makes one delta one file. */
#include "delta/delta_file.h"

#include "base/blake2s.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/str.h"
#include "delta/stages.h"
#include "format/read_tensor.h"
#include "run/handle.h"

#define DELTA_FILE_VERSION "2"
#define DELTA_FILE_DIGITS 64
/* What is between the eight bytes of the header's length and the checksum. */
#define DELTA_FILE_PREFIX "{\"__metadata__\":{\"lnsp.delta.checksum\":\""
#define DELTA_FILE_PLACE (8 + sizeof(DELTA_FILE_PREFIX) - 1)
/* What is between the checksum and the authentication code, if there is one. */
#define DELTA_FILE_MAC "\",\"lnsp.delta.mac\":\""
#define DELTA_FILE_MAC_PLACE (DELTA_FILE_PLACE + DELTA_FILE_DIGITS + sizeof(DELTA_FILE_MAC) - 1)

static const char delta_file_zeros[] =
    "0000000000000000000000000000000000000000000000000000000000000000";

/* ---- writing -------------------------------------------------------------- */

static void delta_file_describe(const lnsp_delta *delta, lnspi_delta_file_header *header) {
  memset(header, 0, sizeof *header);
  lnsp_key_value *pair = header->pairs;
  memcpy(header->checksum, delta_file_zeros, sizeof header->checksum);
  lnspi_digest_to_hex(delta->base, header->base);
  lnspi_digest_to_hex(delta->result, header->result);
  lnspi_format(header->changed, sizeof header->changed, "%lld",
               (long long)delta->changed_count);
  header->tensor.name = "payload";
  header->tensor.dtype = LNSP_U8;
  header->tensor.rank = 1;
  header->tensor.dims[0] = (int64_t)delta->bytes;
  memcpy(header->mac, delta_file_zeros, sizeof header->mac);
  lnspi_format(header->nonce, sizeof header->nonce, "%llu", (unsigned long long)delta->nonce);
  *pair++ = (lnsp_key_value){"lnsp.delta.checksum", header->checksum};
  if (delta->has_mac) *pair++ = (lnsp_key_value){"lnsp.delta.mac", header->mac};
  *pair++ = (lnsp_key_value){"lnsp.delta.version", DELTA_FILE_VERSION};
  *pair++ = (lnsp_key_value){"lnsp.delta.arch", delta->graph->architecture};
  *pair++ = (lnsp_key_value){"lnsp.delta.base", header->base};
  *pair++ = (lnsp_key_value){"lnsp.delta.result", header->result};
  *pair++ = (lnsp_key_value){"lnsp.delta.stages", delta->text};
  if (delta->changed_count >= 0)
    *pair++ = (lnsp_key_value){"lnsp.delta.changed", header->changed};
  if (delta->sender[0]) *pair++ = (lnsp_key_value){"lnsp.delta.sender", delta->sender};
  if (delta->nonce) *pair++ = (lnsp_key_value){"lnsp.delta.nonce", header->nonce};
  header->pair_count = (int32_t)(pair - header->pairs);
}

static int32_t delta_file_hash_bytes(void *user, const void *from, size_t bytes) {
  lnspi_blake2s_update(user, from, bytes);
  return 0;
}

int32_t lnspi_delta_file_write(const lnsp_delta *delta, lnsp_writer *writer,
                               lnsp_error *error) {
  int32_t status = LNSP_OK;
  if (delta->bytes)
    status = lnspi_writer_write(writer, delta->payload, (size_t)delta->bytes, error);
  return status ? status : lnspi_writer_close(writer, error);
}

/* The hash of the file, the digits of checksum and code being zeros; fills header. */
static int32_t delta_file_digest_of(const lnsp_delta *delta, lnspi_delta_file_header *header,
                                    uint8_t digest[LNSP_HASH_BYTES], lnsp_error *error) {
  lnspi_blake2s hash;
  lnsp_writer *writer = NULL;
  lnsp_options options = LNSP_OPTIONS_INIT;
  uint8_t room[LNSPI_DELTA_FILE_WRITER_BYTES];
  lnsp_sink sink = {(uint32_t)sizeof(lnsp_sink), &hash, delta_file_hash_bytes};
  options.block = room;
  options.block_bytes = sizeof room;
  delta_file_describe(delta, header);
  lnspi_blake2s_init(&hash);
  int32_t status = lnspi_writer_open(&sink, &header->tensor, 1, header->pairs,
                                     header->pair_count, &options, &writer, error);
  if (status) return status;
  status = lnspi_delta_file_write(delta, writer, error);
  lnspi_writer_destroy(writer);
  if (status) return status;
  lnspi_blake2s_final(&hash, digest);
  return LNSP_OK;
}

int32_t lnspi_delta_file_seal(const lnsp_delta *delta, lnspi_delta_file_header *header,
                              lnsp_error *error) {
  uint8_t digest[LNSP_HASH_BYTES];
  int32_t status = delta_file_digest_of(delta, header, digest, error);
  if (status) return status;
  lnspi_digest_to_hex(digest, header->checksum);
  if (delta->has_mac) lnspi_digest_to_hex(delta->mac, header->mac);
  return LNSP_OK;
}

int32_t lnspi_delta_file_bytes(const lnsp_delta *delta, uint64_t *bytes, lnsp_error *error) {
  lnspi_delta_file_header header;
  delta_file_describe(delta, &header);
  int32_t status = lnspi_writer_header_bytes(&header.tensor, 1, header.pairs, header.pair_count,
                                             bytes, error);
  if (!status) *bytes += delta->bytes;
  return status;
}

/* ---- stamps --------------------------------------------------------------- */

void lnspi_delta_file_mac(const uint8_t digest[LNSP_HASH_BYTES], const void *key,
                          size_t key_bytes, uint8_t mac[LNSP_HASH_BYTES]) {
  lnspi_blake2s hash;
  lnspi_blake2s_init_keyed(&hash, key, key_bytes);
  lnspi_blake2s_update(&hash, digest, LNSP_HASH_BYTES);
  lnspi_blake2s_final(&hash, mac);
}

/* Allows printable characters that JSON and `lnsp store log` show as they are. */
static int32_t delta_file_check_sender(const char *sender, int32_t code, lnsp_error *error) {
  int good = lnspi_str_length(sender) < LNSP_SENDER_BYTES;
  for (const char *at = sender; good && *at; at++)
    good = *at > ' ' && *at < 0x7f && *at != '"' && *at != '\\' && *at != ';';
  if (good) return LNSP_OK;
  return lnspi_error_set(
      error, code, "lnsp.delta.sender",
      "a sender's name has at most %d printable ASCII characters; blank, \", \\ and ; are not "
      "allowed",
      LNSP_SENDER_BYTES - 1);
}

int32_t lnspi_delta_file_stamp(lnsp_delta *delta, const char *sender, uint64_t nonce,
                               const void *key, size_t key_bytes, lnsp_error *error) {
  lnspi_delta_file_header header;
  uint8_t digest[LNSP_HASH_BYTES];
  char name[LNSP_SENDER_BYTES], before[LNSP_SENDER_BYTES];
  const uint64_t nonce_before = delta->nonce;
  const int32_t had_mac = delta->has_mac;
  int32_t status = delta_file_check_sender(sender, LNSP_E_ARGUMENT, error);
  if (status) return status;
  memset(name, 0, sizeof name);
  memcpy(name, sender, lnspi_str_length(sender)); /* sender may be delta->sender itself */
  memcpy(before, delta->sender, sizeof before);
  memcpy(delta->sender, name, sizeof name);
  delta->nonce = nonce;
  delta->has_mac = key_bytes > 0;
  status = delta_file_digest_of(delta, &header, digest, error);
  if (status) {
    memcpy(delta->sender, before, sizeof before);
    delta->nonce = nonce_before;
    delta->has_mac = had_mac;
    return status;
  }
  memcpy(delta->digest, digest, sizeof digest);
  if (key_bytes) lnspi_delta_file_mac(digest, key, key_bytes, delta->mac);
  return LNSP_OK;
}

/* ---- reading -------------------------------------------------------------- */

/* Replaces the digits of checksum and code in the first piece of the file by zeros. */
static void delta_file_mask(uint8_t *piece, size_t bytes) {
  memset(piece + DELTA_FILE_PLACE, '0', DELTA_FILE_DIGITS);
  if (bytes >= DELTA_FILE_MAC_PLACE + DELTA_FILE_DIGITS &&
      !memcmp(piece + DELTA_FILE_PLACE + DELTA_FILE_DIGITS, DELTA_FILE_MAC,
              sizeof(DELTA_FILE_MAC) - 1))
    memset(piece + DELTA_FILE_MAC_PLACE, '0', DELTA_FILE_DIGITS);
}

/* Computes the hash of the file, and refuses it unless that is the checksum. */
static int32_t delta_file_verify(const lnsp_source *source, uint8_t digest[LNSP_HASH_BYTES],
                                 lnsp_error *error) {
  uint8_t piece[1024], said[LNSP_HASH_BYTES];
  char digits[DELTA_FILE_DIGITS + 1];
  lnspi_blake2s hash;
  lnspi_blake2s_init(&hash);
  memset(digits, 0, sizeof digits);
  for (uint64_t offset = 0; offset < source->size_bytes;) {
    uint64_t left = source->size_bytes - offset;
    size_t bytes = left < sizeof piece ? (size_t)left : sizeof piece;
    if (source->read(source->user, offset, piece, bytes))
      return lnspi_error_set_at(error, LNSP_E_IO, (int64_t)offset, NULL,
                                "reading the delta failed at byte %llu",
                                (unsigned long long)offset);
    if (offset == 0) {
      if (bytes < DELTA_FILE_PLACE + DELTA_FILE_DIGITS ||
          memcmp(piece + 8, DELTA_FILE_PREFIX, sizeof(DELTA_FILE_PREFIX) - 1))
        return lnspi_error_set_at(error, LNSP_E_FORMAT, 8, "lnsp.delta.checksum",
                                  "this is not a delta file: its header does not begin with "
                                  "lnsp.delta.checksum");
      memcpy(digits, piece + DELTA_FILE_PLACE, DELTA_FILE_DIGITS);
      delta_file_mask(piece, bytes);
    }
    lnspi_blake2s_update(&hash, piece, bytes);
    offset += bytes;
  }
  lnspi_blake2s_final(&hash, digest);
  if (!lnspi_digest_from_hex(digits, said) || memcmp(said, digest, sizeof said))
    return lnspi_error_set_at(
        error, LNSP_E_MISMATCH, (int64_t)DELTA_FILE_PLACE, "lnsp.delta.checksum",
        "the checksum does not match: the delta is damaged, get it again");
  return LNSP_OK;
}

static int32_t delta_file_text(const lnsp_file *file, const char *key, const char **out,
                               lnsp_error *error) {
  *out = lnspi_safetensors_metadata(file, key);
  if (!*out)
    return lnspi_error_set(error, LNSP_E_MISSING, key, "the metadata of the delta has no %s",
                           key);
  return LNSP_OK;
}

static int32_t delta_file_digest(const lnsp_file *file, const char *key, uint8_t out[32],
                                 lnsp_error *error) {
  const char *text;
  int32_t status = delta_file_text(file, key, &text, error);
  if (status) return status;
  if (!lnspi_digest_from_hex(text, out))
    return lnspi_error_set(error, LNSP_E_FORMAT, key, "%s must be 64 lower-case hex digits",
                           key);
  return LNSP_OK;
}

/* Checks the version and the one tensor. */
static int32_t delta_file_header(const lnsp_file *file, uint64_t *bytes, lnsp_error *error) {
  const char *version;
  int32_t status = delta_file_text(file, "lnsp.delta.version", &version, error);
  if (status) return status;
  if (!lnspi_str_equal(version, DELTA_FILE_VERSION))
    return lnspi_error_set(error, LNSP_E_UNSUPPORTED, "lnsp.delta.version",
                           "the delta has format version '%s'; this library reads version %s",
                           version, DELTA_FILE_VERSION);
  const lnspi_entry *payload = file->entries;
  if (file->tensor_count != 1 || !lnspi_str_equal(payload->name, "payload"))
    return lnspi_error_set(
        error, LNSP_E_FORMAT, "payload",
        "a delta file has one tensor named payload; this file has %d tensors or another name",
        (int)file->tensor_count);
  if (payload->dtype != LNSP_U8 || payload->rank != 1)
    return lnspi_error_set(error, LNSP_E_DTYPE, "payload", "the payload must be U8 of rank 1");
  *bytes = (uint64_t)payload->dims[0];
  return LNSP_OK;
}

/* The number of changed parameters, as the sender says; may be missing. */
static int32_t delta_file_changed(const lnsp_file *file, lnsp_delta *delta, lnsp_error *error) {
  const char *text = lnspi_safetensors_metadata(file, "lnsp.delta.changed");
  char again[24];
  int64_t count = 0;
  if (!text) return LNSP_OK;
  for (const char *at = text;
       *at >= '0' && *at <= '9' && count <= delta->graph->parameter_count; at++)
    count = 10 * count + (*at - '0');
  lnspi_format(again, sizeof again, "%lld", (long long)count);
  if (count > delta->graph->parameter_count || !lnspi_str_equal(again, text))
    return lnspi_error_set(error, LNSP_E_FORMAT, "lnsp.delta.changed",
                           "'%s' is not a count of at most %lld parameters", text,
                           (long long)delta->graph->parameter_count);
  delta->changed_count = count;
  return LNSP_OK;
}

/* Reads a number only as it would be written. */
static int32_t delta_file_nonce(const char *text, uint64_t *nonce, lnsp_error *error) {
  char again[24];
  *nonce = 0;
  for (const char *at = text; *at >= '0' && *at <= '9' && at - text < 20; at++)
    *nonce = 10 * *nonce + (uint64_t)(*at - '0');
  lnspi_format(again, sizeof again, "%llu", (unsigned long long)*nonce);
  if (*nonce && lnspi_str_equal(again, text)) return LNSP_OK;
  return lnspi_error_set(error, LNSP_E_FORMAT, "lnsp.delta.nonce",
                         "'%s' is not a number from 1 to 2^64 - 1", text);
}

/* Sender, number and code; each may be missing. */
static int32_t delta_file_stamp(const lnsp_file *file, lnsp_delta *delta, lnsp_error *error) {
  const char *sender = lnspi_safetensors_metadata(file, "lnsp.delta.sender");
  const char *nonce = lnspi_safetensors_metadata(file, "lnsp.delta.nonce");
  const char *mac = lnspi_safetensors_metadata(file, "lnsp.delta.mac");
  int32_t status = LNSP_OK;
  if (sender) {
    status = delta_file_check_sender(sender, LNSP_E_FORMAT, error);
    if (!status) memcpy(delta->sender, sender, lnspi_str_length(sender));
  }
  if (!status && nonce) status = delta_file_nonce(nonce, &delta->nonce, error);
  delta->has_mac = mac != NULL;
  if (!status && mac && !lnspi_digest_from_hex(mac, delta->mac))
    status = lnspi_error_set(error, LNSP_E_FORMAT, "lnsp.delta.mac",
                             "lnsp.delta.mac must be 64 lower-case hex digits");
  return status;
}

static int32_t delta_file_fill(lnsp_file *file, const char *stages, lnsp_delta *delta,
                               lnsp_error *error) {
  int32_t status = delta_file_digest(file, "lnsp.delta.base", delta->base, error);
  if (!status) status = delta_file_digest(file, "lnsp.delta.result", delta->result, error);
  if (!status) status = lnspi_stages_read(delta, stages, error);
  if (!status) status = delta_file_changed(file, delta, error);
  if (!status) status = delta_file_stamp(file, delta, error);
  if (!status && delta->bytes)
    status =
        lnspi_read_tensor(file, 0, 0, (int64_t)delta->bytes, LNSP_U8, delta->payload, error);
  return status;
}

int32_t lnspi_delta_file_read(lnsp_file *file, const lnsp_options *options, lnsp_delta **out,
                              lnsp_error *error) {
  const char *architecture, *stages;
  uint8_t digest[LNSP_HASH_BYTES];
  lnspi_delta_shape shape;
  lnspi_handle stage;
  lnspi_block block;
  lnsp_graph *graph = NULL;
  uint64_t total = 0;
  memset(&shape, 0, sizeof shape);
  int32_t status = delta_file_verify(&file->source, digest, error);
  if (!status) status = delta_file_header(file, &shape.payload, error);
  if (!status) status = delta_file_text(file, "lnsp.delta.arch", &architecture, error);
  if (!status) status = delta_file_text(file, "lnsp.delta.stages", &stages, error);
  if (!status) status = lnspi_stages_count(stages, &shape.stages, error);
  if (!status) status = lnspi_handle_begin(&stage, architecture, NULL, options, error);
  if (status) return status;
  shape.text = lnspi_str_length(stages) + 1;
  status = lnspi_delta_bytes(stage.graph, &shape, &total, error);
  if (status) {
    lnspi_handle_cancel(&stage);
    return status;
  }
  status = lnspi_handle_finish(&stage, total, options, &block, &graph, error);
  if (status) return status;
  lnsp_delta *delta = lnspi_delta_place(&block, graph, &shape);
  memcpy(delta->digest, digest, sizeof digest);
  status = delta_file_fill(file, stages, delta, error);
  if (status)
    lnspi_delta_release(delta);
  else
    *out = delta;
  return status;
}
