/* Deltas: round trips to the bit, damage, hostile senders, failing memory. */
#include "models.h"
#include "base/blake2s.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "delta/delta.h"
#include "format/writer.h"
#include "graph/graph.h"
#include "run/model.h"
#include "run/state.h"
#include "run/weight.h"
#include "lnsp.h"

/* small enough to flip every byte; rows of odd lengths, a tensor of each kind */
#define SMALL                                                                  \
  "lnsp 1\nx = input 5\nh = linear x 3 w=a\nh = gelu h\nh = layernorm h w=n\n" \
  "o = linear h 5 w=b bias=0\noutput output=o\n"
#define OTHER                                                                  \
  "lnsp 1\nx = input 5\nh = linear x 3 w=a\nh = relu h\nh = layernorm h w=n\n" \
  "o = linear h 5 w=b bias=0\noutput output=o\n"

/* A model of the same graph with some of the bits changed: of the tensors whose
 * bit in mask is set, every stride-th element. */
static lnsp_model *changed(const lnsp_model *from, uint32_t mask, int64_t stride,
                           uint32_t bits) {
  lnsp_model *model = NULL;
  lnsp_options options;
  float *buffer;
  memset(&options, 0, sizeof options);
  CHECK_INT(lnspi_model_copy(from->graph, from->state, LNSP_F32, &options, &model, NULL),
            LNSP_OK);
  for (int32_t i = 0; i < from->graph->weight_count; i++) {
    const lnspi_weight *w = &from->graph->weights[i];
    if (!(mask >> i & 1)) continue;
    buffer = malloc(sizeof(float) * (size_t)w->count);
    lnspi_state_read(w, model->state, 0, lnspi_weight_rows(w), buffer);
    for (int64_t e = 0; e < w->count; e += stride)
      buffer[e] = lnspi_bits_float(lnspi_float_bits(buffer[e]) ^ bits);
    lnspi_state_write(w, model->state, 0, lnspi_weight_rows(w), buffer);
    free(buffer);
  }
  return model;
}

static int same_model(const lnsp_model *a, const lnsp_model *b) {
  return model_same(a, b) && a->graph->state_floats == b->graph->state_floats &&
         !memcmp(a->state, b->state, sizeof(float) * (size_t)a->graph->state_floats);
}

static lnsp_delta_info facts_of(const lnsp_delta *delta) {
  lnsp_delta_info facts = LNSP_DELTA_INFO_INIT;
  CHECK_INT(lnsp_delta_get_info(delta, &facts, NULL), LNSP_OK);
  return facts;
}

/* base to next and back, through memory and through a file. */
static void round_trip(const lnsp_model *base, const lnsp_model *next, int64_t changes) {
  static const char path[] = "test_delta.tmp";
  lnsp_delta *delta = NULL, *read = NULL, *back = NULL, *twice = NULL;
  lnsp_model *result = NULL, *again = NULL;
  size_t bytes, more;
  uint8_t hash[32];
  CHECK_INT(lnsp_delta_create(base, next, NULL, NULL, &delta, NULL), LNSP_OK);
  lnsp_delta_info facts = facts_of(delta);
  CHECK_INT(facts.exact, 1);
  CHECK_INT(facts.parameter_count, lnsp_graph_parameter_count(lnsp_model_graph(base)));
  CHECK_INT(facts.changed_count, changes);
  lnsp_model_hash(base, hash, NULL);
  CHECK(!memcmp(hash, facts.base_hash, 32));
  lnsp_model_hash(next, hash, NULL);
  CHECK(!memcmp(hash, facts.result_hash, 32));
  CHECK_INT(lnsp_delta_apply(delta, base, NULL, &result, NULL), LNSP_OK);
  CHECK(same_model(result, next));
  lnsp_model_destroy(result);

  uint8_t *data = delta_bytes(delta, &bytes);
  CHECK_INT(facts.encoded_bytes, bytes);
  CHECK_INT(lnsp_delta_open_memory(data, bytes, NULL, &read, NULL), LNSP_OK);
  if (read) {
    lnsp_delta_info other = facts_of(read);
    CHECK_STR(other.codec, "exact");
    CHECK_STR(other.sender, "");
    other.codec = facts.codec; /* each its own texts */
    other.sender = facts.sender;
    CHECK(!memcmp(&facts, &other, sizeof facts));
    uint8_t *copy = delta_bytes(read, &more);
    CHECK(more == bytes && !memcmp(copy, data, bytes));
    free(copy);
    CHECK_INT(lnsp_delta_apply(read, base, NULL, &result, NULL), LNSP_OK);
    CHECK(same_model(result, next));
    CHECK_INT(lnsp_delta_invert(read, NULL, &back, NULL), LNSP_OK);
    lnsp_delta_destroy(read); /* the inverse stands alone */
    CHECK_INT(lnsp_delta_apply(back, result, NULL, &again, NULL), LNSP_OK);
    CHECK(same_model(again, base));
    CHECK_INT(lnsp_delta_invert(back, NULL, &twice, NULL), LNSP_OK);
    copy = delta_bytes(twice, &more);
    CHECK(more == bytes && !memcmp(copy, data, bytes));
    free(copy);
    lnsp_model_destroy(result);
    lnsp_model_destroy(again);
  }
  CHECK_INT(lnsp_delta_save(delta, path, NULL), LNSP_OK);
  FILE *file = fopen(path, "rb");
  uint8_t *copy = malloc(bytes + 1);
  CHECK(file && fread(copy, 1, bytes + 1, file) == bytes && !memcmp(copy, data, bytes));
  if (file) fclose(file);
  read = NULL;
  CHECK_INT(lnsp_delta_open(path, NULL, &read, NULL), LNSP_OK);
  CHECK_INT(lnsp_delta_apply(read, base, NULL, &result, NULL), LNSP_OK);
  CHECK(same_model(result, next));
  remove(path);
  lnsp_model_destroy(result);
  lnsp_delta_destroy(read);
  lnsp_delta_destroy(delta);
  lnsp_delta_destroy(back);
  lnsp_delta_destroy(twice);
  free(data);
  free(copy);
}

static void round_trips(void) {
  /* the second: an in_proj of three parts of 24 rows, widths that are no panels */
  static const char *const texts[] = {SMALL, "student d=50 s=33 k=24 heads=2", "student"};
  for (size_t t = 0; t < sizeof texts / sizeof *texts; t++) {
    lnsp_model *base = model_fresh(texts[t], 1), *next, *other;
    const lnsp_graph *graph = base->graph;
    int64_t all = graph->parameter_count, third = 0;
    for (int32_t i = 0; i < graph->weight_count; i++)
      third += (graph->weights[i].count + 2) / 3;
    next = changed(base, ~0u, 1, 1);
    CHECK(graph->weight_count <= 32);
    round_trip(base, next, all);
    lnsp_model_destroy(next);
    next = changed(base, ~0u, 3, 0x00400001u);
    round_trip(base, next, third);
    lnsp_model_destroy(next);
    next = changed(base, 1u << (graph->weight_count / 2), 1 << 20, 1); /* one element */
    round_trip(base, next, 1);
    lnsp_model_destroy(next);
    next = changed(base, 0, 1, 1); /* nothing */
    round_trip(base, next, 0);
    lnsp_model_destroy(next);
    other = model_fresh(texts[t], 2);
    lnsp_delta *delta = NULL;
    CHECK_INT(lnsp_delta_create(base, other, NULL, NULL, &delta, NULL), LNSP_OK);
    round_trip(base, other, facts_of(delta).changed_count);
    lnsp_delta_destroy(delta);
    lnsp_model_destroy(other);
    lnsp_model_destroy(base);
  }
}

/* A network without weights has a delta too. */
static void weightless(void) {
  lnsp_model *base = model_fresh("lnsp 1\nx = input 5\no = l2norm x\noutput output=o\n", 1);
  round_trip(base, base, 0);
  lnsp_model_destroy(base);
}

/* What did not change takes no room. */
static void small(void) {
  lnsp_model *base = model_fresh(SMALL, 1), *one = changed(base, 2, 1, 1),
             *none = changed(base, 0, 1, 1);
  lnsp_delta *a = NULL, *b = NULL;
  CHECK_INT(lnsp_delta_create(base, one, NULL, NULL, &a, NULL), LNSP_OK);
  CHECK_INT(lnsp_delta_create(base, none, NULL, NULL, &b, NULL), LNSP_OK);
  CHECK_STR(a->text, "exact bytes=6 tensors=1,1,3");
  CHECK_INT(a->bytes, 6); /* three changes of the last bit */
  CHECK_INT(b->bytes, 0);
  CHECK_STR(b->text, "exact bytes=0 tensors=5");
  lnsp_model *sign = changed(base, 1, 1, 0x80000000u); /* 0 to -0 is a change of bits too */
  lnsp_delta_destroy(b);
  CHECK_INT(lnsp_delta_create(base, sign, NULL, NULL, &b, NULL), LNSP_OK);
  CHECK(strstr(b->text, "tensors=0,1,4"));
  lnsp_delta_destroy(a);
  lnsp_delta_destroy(b);
  lnsp_model_destroy(sign);
  lnsp_model_destroy(base);
  lnsp_model_destroy(one);
  lnsp_model_destroy(none);
}

static void wrong_base(void) {
  lnsp_model *base = model_fresh(SMALL, 1), *next = model_fresh(SMALL, 2),
             *third = model_fresh(SMALL, 3);
  lnsp_model *other = model_fresh(OTHER, 1), *out = (lnsp_model *)&base;
  lnsp_delta *delta = NULL, *none = (lnsp_delta *)&base;
  lnsp_error error;
  CHECK(model_same(base, other)); /* one hash, yet another network */
  CHECK_INT(lnsp_delta_create(base, next, NULL, NULL, &delta, NULL), LNSP_OK);
  CHECK_INT(lnsp_delta_apply(delta, third, NULL, &out, &error), LNSP_E_MISMATCH);
  CHECK(out == NULL && strstr(error.message, "hash"));
  CHECK_STR(error.name, "lnsp.delta.base");
  CHECK_INT(lnsp_delta_apply(delta, next, NULL, &out, &error), LNSP_E_MISMATCH);
  CHECK_INT(lnsp_delta_apply(delta, other, NULL, &out, &error), LNSP_E_MISMATCH);
  CHECK(out == NULL && error.message[0]);
  CHECK_INT(lnsp_delta_create(base, other, NULL, NULL, &none, &error), LNSP_E_SHAPE);
  CHECK(none == NULL && strstr(error.message, "another network"));
  CHECK_INT(lnsp_delta_create(NULL, next, NULL, NULL, &none, NULL), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_delta_create(base, next, NULL, NULL, NULL, NULL), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_delta_apply(NULL, next, NULL, &out, NULL), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_delta_invert(NULL, NULL, &none, NULL), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_delta_get_info(NULL, NULL, NULL), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_delta_get_info(delta, NULL, NULL), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_delta_open_memory(NULL, 5, NULL, &none, NULL), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_delta_open("no/such/file", NULL, &none, NULL), LNSP_E_MISSING);
  size_t bytes = 7;
  CHECK_INT(lnsp_delta_save_memory(delta, NULL, 7, &bytes, NULL), LNSP_E_ARGUMENT);
  lnsp_delta_destroy(delta);
  lnsp_delta_destroy(NULL);
  lnsp_model_destroy(base);
  lnsp_model_destroy(next);
  lnsp_model_destroy(third);
  lnsp_model_destroy(other);
}

/* ---- damage ------------------------------------------------------------------ */

static int32_t refused(const void *data, size_t bytes) {
  lnsp_delta *delta = (lnsp_delta *)&refused;
  lnsp_error error;
  memset(&error, 0, sizeof error);
  int32_t code = lnsp_delta_open_memory(data, bytes, NULL, &delta, &error);
  CHECK(code != LNSP_OK && delta == NULL && error.code == code && error.message[0]);
  if (code == LNSP_OK) lnsp_delta_destroy(delta);
  return code;
}

static void damage(void) {
  lnsp_model *base = model_fresh(SMALL, 1), *next = changed(base, 4, 1, 5);
  lnsp_delta *delta = NULL;
  size_t bytes;
  CHECK_INT(lnsp_delta_create(base, next, NULL, NULL, &delta, NULL), LNSP_OK);
  uint8_t *data = delta_bytes(delta, &bytes);
  for (size_t i = 0; i < bytes; i++)
    for (int bit = 0; bit < 8; bit++) {
      data[i] = (uint8_t)(data[i] ^ 1 << bit);
      refused(data, bytes);
      data[i] = (uint8_t)(data[i] ^ 1 << bit);
    }
  for (size_t i = 0; i < bytes; i++) {
    uint8_t keep = data[i];
    static const uint8_t others[] = {0, ' ', '0', '"', 0xff};
    for (size_t o = 0; o < sizeof others; o++) {
      data[i] = others[o];
      if (others[o] != keep) refused(data, bytes);
    }
    data[i] = keep;
  }
  for (size_t n = 0; n < bytes; n++) {
    uint8_t *part = malloc(n ? n : 1); /* so that a reader's overrun is seen */
    memcpy(part, data, n);
    refused(part, n);
    free(part);
  }
  uint8_t *longer = malloc(bytes + 8);
  memcpy(longer, data, bytes);
  memset(longer + bytes, 0, 8);
  for (size_t n = 1; n <= 8; n++) refused(longer, bytes + n);
  free(longer);
  lnsp_delta *good = NULL;
  CHECK_INT(lnsp_delta_open_memory(data, bytes, NULL, &good, NULL), LNSP_OK);
  lnsp_delta_destroy(good);
  free(data);
  lnsp_delta_destroy(delta);
  lnsp_model_destroy(base);
  lnsp_model_destroy(next);
}

/* ---- hostile senders: the checksum is right, the rest is not ------------------- */

typedef struct forgery {
  const char *version, *arch, *base, *result, *stages, *payload_name;
  int32_t dtype, rank;
  int64_t dims[2];
  const uint8_t *payload;
  const char *extra_tensor;
  int checksum_last;
} forgery;

static uint8_t forged[65536];
static size_t forged_bytes;
static int32_t forged_write(void *user, const void *from, size_t bytes) {
  (void)user;
  if (bytes > sizeof forged - forged_bytes) return 1;
  if (bytes) memcpy(forged + forged_bytes, from, bytes);
  forged_bytes += bytes;
  return 0;
}

/* Writes the file as a stranger's program would. */
static void forge(const forgery *f) {
  static char zeros[65];
  char digits[65];
  uint8_t digest[32];
  lnsp_tensor tensors[2];
  lnsp_key_value pairs[8];
  lnsp_writer *writer = NULL;
  lnsp_sink sink = {sizeof sink, NULL, forged_write};
  lnspi_blake2s hash;
  int n = 0, count = 1;
  memset(zeros, '0', 64);
  memset(tensors, 0, sizeof tensors);
  tensors[0].name = f->payload_name;
  tensors[0].dtype = f->dtype;
  tensors[0].rank = f->rank;
  tensors[0].dims[0] = f->dims[0];
  tensors[0].dims[1] = f->dims[1];
  if (f->extra_tensor) {
    tensors[1] = lnsp_tensor_f32(f->extra_tensor, NULL, 1, 0, 0, 0);
    count = 2;
  }
  if (!f->checksum_last) pairs[n++] = (lnsp_key_value){"lnsp.delta.checksum", zeros};
  if (f->version) pairs[n++] = (lnsp_key_value){"lnsp.delta.version", f->version};
  if (f->arch) pairs[n++] = (lnsp_key_value){"lnsp.delta.arch", f->arch};
  if (f->base) pairs[n++] = (lnsp_key_value){"lnsp.delta.base", f->base};
  if (f->result) pairs[n++] = (lnsp_key_value){"lnsp.delta.result", f->result};
  if (f->stages) pairs[n++] = (lnsp_key_value){"lnsp.delta.stages", f->stages};
  if (f->checksum_last) pairs[n++] = (lnsp_key_value){"lnsp.delta.checksum", zeros};
  forged_bytes = 0;
  CHECK_INT(lnsp_writer_create_sink(&sink, tensors, count, pairs, n, NULL, &writer, NULL),
            LNSP_OK);
  size_t payload =
      (size_t)f->dims[0] * (f->rank > 1 ? (size_t)f->dims[1] : 1) * lnsp_dtype_bytes(f->dtype);
  CHECK_INT(lnsp_writer_write(writer, f->payload, payload, NULL), LNSP_OK);
  CHECK_INT(lnsp_writer_close(writer, NULL), LNSP_OK);
  lnsp_writer_destroy(writer);
  lnspi_blake2s_init(&hash);
  lnspi_blake2s_update(&hash, forged, forged_bytes);
  lnspi_blake2s_final(&hash, digest);
  lnspi_digest_to_hex(digest, digits);
  for (size_t i = 0; i + 64 < forged_bytes; i++)
    if (!memcmp(forged + i, "lnsp.delta.checksum", 19)) {
      memcpy(forged + i + 22, digits, 64);
      break;
    }
}

static int32_t forged_refused(const forgery *f) {
  forge(f);
  return refused(forged, forged_bytes);
}

/* Decodes the forgery and applies it to base: the code. */
static int32_t forged_apply(const forgery *f, const lnsp_model *base) {
  lnsp_delta *delta = NULL;
  lnsp_model *out = NULL;
  lnsp_error error;
  memset(&error, 0, sizeof error);
  forge(f);
  CHECK_INT(lnsp_delta_open_memory(forged, forged_bytes, NULL, &delta, &error), LNSP_OK);
  if (!delta) return -1;
  memset(&error, 0, sizeof error);
  int32_t code = lnsp_delta_apply(delta, base, NULL, &out, &error);
  CHECK((code == LNSP_OK) == (out != NULL));
  CHECK(code == LNSP_OK || (error.message[0] && error.code == code));
  lnsp_delta_destroy(delta);
  lnsp_model_destroy(out);
  return code;
}

#define STAGES "exact bytes=14 tensors=1,1,3" /* a bias of three, not coded */

static void hostile_headers(void) {
  lnsp_model *base = model_fresh(SMALL, 1);
  uint8_t hash[32];
  char hex[65];
  uint8_t payload[64];
  lnsp_model_hash(base, hash, NULL);
  lnspi_digest_to_hex(hash, hex);
  memset(payload, 0, sizeof payload);
  payload[0] = payload[1] = 0xff;
  const char *arch = lnsp_graph_architecture(lnsp_model_graph(base));
  /* tensors a.weight [3,5], a.bias [3], n.weight [3], n.bias [3], b.weight [5,3] */
  const forgery good = {"2",     arch, hex,     hex,     STAGES, "payload",
                        LNSP_U8, 1,    {14, 0}, payload, NULL,   0};
  forgery f = good;
  CHECK_INT(forged_apply(&f, base), LNSP_OK); /* the forger can write a good one */
#define BAD(field, bad, code)              \
  do {                                     \
    f = good;                              \
    f.field = (bad);                       \
    CHECK_INT(forged_refused(&f), (code)); \
  } while (0)
  BAD(version, NULL, LNSP_E_MISSING);
  BAD(arch, NULL, LNSP_E_MISSING);
  BAD(base, NULL, LNSP_E_MISSING);
  BAD(result, NULL, LNSP_E_MISSING);
  BAD(stages, NULL, LNSP_E_MISSING);
  BAD(version, "1", LNSP_E_UNSUPPORTED);
  BAD(version, "", LNSP_E_UNSUPPORTED);
  BAD(base, "", LNSP_E_FORMAT);
  BAD(base, "00", LNSP_E_FORMAT);
  BAD(result, "zz", LNSP_E_FORMAT);
  BAD(payload_name, "Payload", LNSP_E_FORMAT);
  BAD(extra_tensor, "more", LNSP_E_FORMAT);
  BAD(dtype, LNSP_F32, LNSP_E_DTYPE);
  BAD(dtype, LNSP_I32, LNSP_E_DTYPE);
  BAD(checksum_last, 1, LNSP_E_FORMAT);
  BAD(dims[0], 13, LNSP_E_SHAPE);
  BAD(dims[0], 15, LNSP_E_SHAPE);
  BAD(dims[0], 0, LNSP_E_SHAPE);
  f = good;
  f.rank = 2;
  f.dims[1] = 1;
  CHECK_INT(forged_refused(&f), LNSP_E_DTYPE);
  static const char *const runs[] =
      {"",           "4",         "6",      "1,1,2",
       "1,1,4",      "1,,1,3",    "1,1,3,", ",1,1,3",
       "1,1,3,0",    "1,0,0,1,3", "01,1,3", "1,1,0,0,3",
       "00,5",       "-1,6",      "1,1,3 ", "99999999999999999999",
       "4294967301", "0",         "0,0,5",  "a",
       "1;1;3"};
  for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
    char stages[96];
    snprintf(stages, sizeof stages, "exact bytes=14 tensors=%s", runs[i]);
    f = good;
    f.stages = stages;
    CHECK_SAY(forged_refused(&f) != LNSP_OK, "tensors=%s", runs[i]);
  }
  static const char *const stages[] =
      {"",
       "exact",
       "exact bytes=14",
       "exact tensors=1,1,3",
       "exact tensors=1,1,3 bytes=14",
       "exact bytes=014 tensors=1,1,3",
       "exact  bytes=14 tensors=1,1,3",
       " " STAGES,
       STAGES " ",
       STAGES ";",
       STAGES "; ",
       STAGES "\n",
       "xor bytes=14 tensors=1,1,3",
       "exact block=64 bytes=14 tensors=1,1,3",
       "exact only=a* bytes=14 tensors=1,1,3",
       "exact back=0 bytes=14 tensors=1,1,3",
       "exact back=2 bytes=14 tensors=1,1,3",
       "exact bytes=14 back=1 tensors=1,1,3",
       "exact bytes=14.0 tensors=1,1,3",
       "exact bytes=14 bytes=14 tensors=1,1,3",
       "exact bytes=15 tensors=1,1,3",
       "int4 bytes=14 tensors=1,1,3",
       "int4 block=63 bytes=14 tensors=1,1,3",
       "int4 block=4 bytes=14 tensors=1,1,3",
       "int4 block=512 bytes=14 tensors=1,1,3",
       "int4 block=64 back=1 bytes=14 tensors=1,1,3",
       "int4 block=64.0 bytes=14 tensors=1,1,3",
       "sparse share=0 bytes=14 tensors=1,1,3",
       "sparse share=nan bytes=14 tensors=1,1,3",
       "exact bytes=7 tensors=1,1,3; exact bytes=8 tensors=1,1,3",
       "exact bytes=18446744073709551602 tensors=1,1,3; exact bytes=28 tensors=1,1,3"};
  for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
    f = good;
    f.stages = stages[i];
    CHECK_SAY(forged_refused(&f) != LNSP_OK, "stages '%s'", stages[i]);
  }
  static char many[65 * 32];
  strcpy(many, STAGES);
  for (int i = 1; i < 65; i++) strcat(many, "; exact bytes=0 tensors=5");
  BAD(stages, many, LNSP_E_LIMIT);
  static const char *const texts[] = {"",
                                      "nonsense",
                                      "lnsp 1\n",
                                      "lnsp 1\nx = input 99999999999\n",
                                      "student heads=0",
                                      "lnsp 1\nx = input 5\noutput output=y\n"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    f = good;
    f.arch = texts[i];
    forged_refused(&f);
  }
  lnsp_model_destroy(base);
}

/* The change of a word as the word coder writes it. */
static void put_change(uint8_t *to, uint32_t from, uint32_t into) {
  uint32_t a = from >> 31 ? ~from : from | 0x80000000u,
           b = into >> 31 ? ~into : into | 0x80000000u;
  lnspi_store32(to, (b - a) << 1 ^ (0u - ((b - a) >> 31)));
}

static void hostile_payloads(void) {
  lnsp_model *base = model_fresh(SMALL, 1), *out = NULL;
  uint8_t hash[32], payload[64];
  char hex[65], lie[65], promised[65];
  float bias[3];
  lnsp_model_hash(base, hash, NULL);
  lnspi_digest_to_hex(hash, hex);
  memset(payload, 0, sizeof payload);
  payload[0] = payload[1] = 0xff;
  memset(lie, '5', 64);
  lie[64] = 0;
  const char *arch = lnsp_graph_architecture(lnsp_model_graph(base));
  forgery f = {"2", arch, hex, lie, STAGES, "payload", LNSP_U8, 1, {14, 0}, payload, NULL, 0};
  CHECK_INT(forged_apply(&f, base), LNSP_E_MISMATCH); /* a lie about the result */
  f.result = hex;
  payload[2] = 2;
  CHECK_INT(forged_apply(&f, base), LNSP_E_MISMATCH);
  f.base = lie;
  CHECK_INT(forged_apply(&f, base), LNSP_E_MISMATCH);
  payload[2] = 0; /* a lie about the base alone */
  CHECK_INT(forged_apply(&f, base), LNSP_E_MISMATCH);
  f.base = hex;
  f.arch = OTHER; /* same tensors and hash, other network */
  CHECK_INT(forged_apply(&f, base), LNSP_E_MISMATCH);
  f.arch = arch;
  /* NaN and infinities whose result hash is right: the sender computes it */
  static const uint32_t bad[] = {0x7fc00000u, 0x7f800000u, 0xff800000u, 0x7f800001u,
                                 0xffffffffu};
  lnspi_state_read(&base->graph->weights[1], base->state, 0, 1, bias);
  for (size_t b = 0; b < sizeof bad / sizeof *bad; b++) {
    lnsp_model *evil = changed(base, 2, 99, bad[b] ^ lnspi_float_bits(bias[0]));
    lnspi_model_hash(evil, hash);
    lnspi_digest_to_hex(hash, promised);
    f.result = promised;
    put_change(payload + 2, lnspi_float_bits(bias[0]), bad[b]);
    CHECK_INT(forged_apply(&f, base), LNSP_E_NOT_FINITE);
    lnsp_model_destroy(evil);
  }
  /* the largest finite number is none of these */
  lnsp_model *large = changed(base, 2, 99, 0x7f7fffffu ^ lnspi_float_bits(bias[0]));
  lnspi_model_hash(large, hash);
  lnspi_digest_to_hex(hash, promised);
  f.result = promised;
  put_change(payload + 2, lnspi_float_bits(bias[0]), 0x7f7fffffu);
  CHECK_INT(forged_apply(&f, base), LNSP_OK);
  lnsp_model_destroy(large);
  lnsp_model_destroy(base);
  lnsp_model_destroy(out);
}

/* ---- memory ------------------------------------------------------------------- */

static support_heap heap;

static lnsp_model *memory_base, *memory_next;
static lnsp_delta *memory_delta;
static uint8_t *memory_data;
static size_t memory_bytes;

static int32_t memory_call(int which, const lnsp_options *options) {
  lnsp_delta *delta = NULL;
  lnsp_model *model = NULL;
  int32_t code = LNSP_OK;
  if (which == 0)
    code = lnsp_delta_create(memory_base, memory_next, NULL, options, &delta, NULL);
  if (which == 1) code = lnsp_delta_apply(memory_delta, memory_base, options, &model, NULL);
  if (which == 2) code = lnsp_delta_invert(memory_delta, options, &delta, NULL);
  if (which == 3)
    code = lnsp_delta_open_memory(memory_data, memory_bytes, options, &delta, NULL);
  if (which == 4) code = lnsp_delta_open("test_delta.tmp", options, &delta, NULL);
  CHECK((code == LNSP_OK) == (delta || model));
  lnsp_delta_destroy(delta);
  lnsp_model_destroy(model);
  return code;
}

static void memory(void) {
  lnsp_allocator allocator = support_allocator(&heap);
  lnsp_options options = LNSP_OPTIONS_INIT;
  options.allocator = &allocator;
  memory_base = model_fresh(SMALL, 1);
  memory_next = model_fresh(SMALL, 2);
  heap.fail_at = 0; /* none */
  CHECK_INT(lnsp_delta_create(memory_base, memory_next, NULL, &options, &memory_delta, NULL),
            LNSP_OK);
  CHECK_INT(heap.calls, 1);
  memory_data = delta_bytes(memory_delta, &memory_bytes);
  facts_of(memory_delta);
  CHECK_INT(heap.calls, 1); /* encode and info allocate nothing */
  CHECK_INT(lnsp_delta_save(memory_delta, "test_delta.tmp", NULL), LNSP_OK);
  CHECK_INT(heap.calls, heap.releases + 1);
  for (int which = 0; which < 5; which++)
    for (int n = 0;; n++) {
      heap.calls = heap.releases = 0;
      heap.fail_at = n + 1;
      int32_t code = memory_call(which, &options);
      if (code == LNSP_OK) {
        CHECK(n >= 1 && heap.calls == n && heap.releases == n);
        break;
      }
      CHECK_SAY(code == LNSP_E_MEMORY && heap.releases == heap.calls - 1,
                "call %d, allocation %d: code %d", which, n, (int)code);
      if (n > 20) break;
    }
  /* the caller's block, of any alignment; one byte less is refused */
  static uint8_t block[65536];
  for (int which = 0; which < 3; which++) {
    options.block = block + 3;
    options.block_bytes = sizeof block - 3;
    heap.calls = 0;
    CHECK_INT(memory_call(which, &options), LNSP_OK);
    CHECK_INT(heap.calls, 0);
    options.block_bytes = 1024;
    CHECK_INT(memory_call(which, &options), LNSP_E_MEMORY);
  }
  heap.fail_at = 0; /* none */
  for (int which = 3; which < 5; which++) {
    options.block_bytes = sizeof block - 3;
    CHECK_INT(memory_call(which, &options), LNSP_OK);
    for (size_t bytes = 0; bytes < 12000; bytes += 61) { /* never beyond the block */
      options.block_bytes = bytes;
      memset(block + 3 + bytes, 0xa5, 256);
      int32_t code = memory_call(which, &options);
      CHECK(code == LNSP_OK || code == LNSP_E_MEMORY || bytes == 0);
      for (int i = 0; i < 256; i++) CHECK(block[3 + bytes + (size_t)i] == 0xa5);
    }
  }
  remove("test_delta.tmp");
  lnsp_delta_destroy(memory_delta);
  lnsp_model_destroy(memory_base);
  lnsp_model_destroy(memory_next);
  free(memory_data);
}

int main(void) {
  support_use_all();
  RUN(round_trips);
  RUN(weightless);
  RUN(small);
  RUN(wrong_base);
  RUN(damage);
  RUN(hostile_headers);
  RUN(hostile_payloads);
  RUN(memory);
  FINISH();
}
