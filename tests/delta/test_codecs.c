/* Delta codecs: what comes back, how large it is, hostile payloads, the same bytes
 * everywhere; stages. */
#include "base/blake2s.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/digest.h"
#include "base/token.h"
#include "delta/codec.h"
#include "delta/codec_config.h"
#include "delta/coder.h"
#include "delta/delta.h"
#include "graph/graph.h"
#include "run/model.h"
#include "run/state.h"
#include "lnsp.h"
#include "splitmix.h"
#include "models.h"

#define SMALL                                                                  \
  "lnsp 1\nx = input 5\nh = linear x 3 w=a\nh = gelu h\nh = layernorm h w=n\n" \
  "o = linear h 5 w=b bias=0\noutput output=o\n"
#define STUDENT "student d=50 s=33 k=24 heads=2"

static const char *const codecs[] = {"exact",
                                     "int8",
                                     "int5",
                                     "int4",
                                     "sparse",
                                     "sign",
                                     "float16",
                                     "float32",
                                     "int4 block=8",
                                     "int8 block=256",
                                     "sparse share=.5",
                                     "sparse share=1",
                                     "int4 only=*bias,1d"};
#define CODECS ((int)(sizeof codecs / sizeof *codecs))

static float uniform(void) { return (float)(random_bits() >> 40) * 0x1p-23f - 1; }

/* A model of a text, with weights moved by up to size. */
static lnsp_model *moved(const lnsp_model *from, float size, int32_t type, uint64_t seed) {
  lnsp_model *wide = NULL, *model = NULL;
  lnsp_options options;
  memset(&options, 0, sizeof options);
  random_state = seed;
  CHECK_INT(lnspi_model_copy(from->graph, from->state, LNSP_F32, &options, &wide, NULL),
            LNSP_OK);
  for (int32_t i = 0; i < wide->graph->weight_count; i++) {
    const lnspi_weight *w = &wide->graph->weights[i];
    for (int64_t e = 0; e < w->count; e++) {
      float value;
      lnspi_state_read_span(w, wide->state, e, 1, &value);
      value += size * uniform() * uniform() * uniform();
      lnspi_state_write_span(w, wide->state, e, 1, &value);
    }
  }
  CHECK_INT(lnspi_model_copy(wide->graph, wide->state, type, &options, &model, NULL), LNSP_OK);
  lnsp_model_destroy(wide);
  return model;
}

static float value_of(const lnsp_model *model, int32_t tensor, int64_t element) {
  float value;
  lnspi_state_read_span(&model->graph->weights[tensor], model->state, element, 1, &value);
  return value;
}

static lnsp_delta_info facts_of(const lnsp_delta *delta) {
  lnsp_delta_info facts = LNSP_DELTA_INFO_INIT;
  CHECK_OK(lnsp_delta_get_info(delta, &facts, &support_error));
  return facts;
}

/* What each codec promises about a block of its changes: the largest error. */
static float allowed(const char *codec, float most, float want) {
  if (!strncmp(codec, "exact", 5)) return 0;
  if (!strncmp(codec, "int8", 4)) return most / 127 * 1.13f / 2;
  if (!strncmp(codec, "int5", 4)) return most / 15 * 1.13f / 2;
  if (!strncmp(codec, "int4", 4)) return most / 7 * 1.13f / 2;
  if (!strncmp(codec, "float16", 7)) return fabsf(want) * 0x1p-11f + 0x1p-25f;
  if (!strncmp(codec, "float32", 7)) return 0;
  return most; /* sparse, sign: no change grows beyond the largest */
}

static void check_values(const char *codec, const lnsp_model *base, const lnsp_model *next,
                         const lnsp_model *result) {
  int64_t set = 0, all = base->graph->parameter_count;
  for (int32_t i = 0; i < base->graph->weight_count; i++) {
    const lnspi_weight *w = &base->graph->weights[i];
    float most = 0;
    for (int64_t e = 0; e < w->count; e++)
      most = fmaxf(most, fabsf(value_of(next, i, e) - value_of(base, i, e)));
    if (!strncmp(codec, "sparse", 6)) most = 1;
    for (int64_t e = 0; e < w->count; e++) {
      float a = value_of(base, i, e), b = value_of(next, i, e), c = value_of(result, i, e);
      float slack = strcmp(codec, "exact") ? (fabsf(a) + fabsf(c)) * 0x1p-23f : 0;
      set += c != a;
      if (strstr(codec, "only") && w->rank > 1)
        CHECK(lnspi_float_bits(a) == lnspi_float_bits(c));
      else
        CHECK_SAY(fabsf(c - b) <= allowed(codec, most, b - a) + slack,
                  "%s, %s[%d]: %g to %g gave %g", codec, w->name, (int)e, (double)a, (double)b,
                  (double)c);
    }
  }
  if (!strcmp(codec, "sparse"))
    CHECK_SAY(set > 0 && set <= (all + 5) / 10, "%d of %d elements set", (int)set, (int)all);
  if (!strcmp(codec, "exact")) {
    uint8_t a[32], b[32];
    lnspi_model_hash(next, a);
    lnspi_model_hash(result, b);
    CHECK(!memcmp(a, b, 32));
  }
}

static void round_trip(const char *codec, const lnsp_model *base, const lnsp_model *next) {
  lnsp_delta *delta = NULL, *read = NULL;
  lnsp_model *a = NULL, *b = NULL;
  size_t bytes;
  uint8_t hash[32];
  CHECK_OK(lnsp_delta_create(base, next, codec, NULL, &delta, &support_error));
  if (!delta) return;
  lnsp_delta_info facts = facts_of(delta);
  CHECK_INT(facts.exact, !strcmp(codec, "exact"));
  CHECK_INT(facts.stage_count, 1);
  CHECK(!strncmp(facts.codec, codec, strcspn(codec, " ")));
  CHECK(delta->bytes <= delta->capacity);
  CHECK_OK(lnsp_delta_apply(delta, base, NULL, &a, &support_error));
  lnspi_model_hash(a, hash);
  CHECK(!memcmp(hash, facts.result_hash, 32));
  check_values(codec, base, next, a);
  int64_t changes = 0;
  for (int32_t i = 0; i < base->graph->weight_count; i++)
    for (int64_t e = 0; e < base->graph->weights[i].count; e++)
      changes += lnspi_float_bits(value_of(a, i, e)) != lnspi_float_bits(value_of(base, i, e));
  CHECK_INT(facts.changed_count, changes);
  uint8_t *data = delta_bytes(delta, &bytes);
  CHECK_INT(bytes, facts.encoded_bytes);
  CHECK_OK(lnsp_delta_open_memory(data, bytes, NULL, &read, &support_error));
  CHECK_OK(lnsp_delta_apply(read, base, NULL, &b, &support_error));
  CHECK(!memcmp(a->state, b->state, (size_t)a->graph->state_bytes));
  free(data);
  lnsp_model_destroy(a);
  lnsp_model_destroy(b);
  lnsp_delta_destroy(delta);
  lnsp_delta_destroy(read);
}

static void round_trips(void) {
  static const char *const texts[] = {SMALL, STUDENT};
  static const int32_t types[][2] = {{LNSP_F32, LNSP_F32},
                                     {LNSP_BF16, LNSP_F32},
                                     {LNSP_BF16, LNSP_BF16},
                                     {LNSP_F32, LNSP_F16}};
  for (size_t t = 0; t < 2; t++)
    for (size_t k = 0; k < 4; k++) {
      lnsp_model *start = model_fresh(texts[t], 1), *base = moved(start, 1e-3f, types[k][0], 2);
      lnsp_model *next = moved(base, .02f, types[k][1], 3);
      for (int c = 0; c < CODECS; c++) round_trip(codecs[c], base, next);
      lnsp_model_destroy(start);
      lnsp_model_destroy(base);
      lnsp_model_destroy(next);
    }
}

/* Nothing changed: an empty payload whatever the codec, applied all the same. */
static void nothing(void) {
  lnsp_model *base = model_fresh(SMALL, 1), *out = NULL;
  for (int c = 0; c < CODECS; c++) {
    lnsp_delta *delta = NULL;
    CHECK_OK(lnsp_delta_create(base, base, codecs[c], NULL, &delta, &support_error));
    CHECK_INT(delta->bytes, 0);
    CHECK_INT(facts_of(delta).changed_count, 0);
    CHECK_OK(lnsp_delta_apply(delta, base, NULL, &out, &support_error));
    lnsp_model_destroy(out);
    lnsp_delta_destroy(delta);
  }
  lnsp_model_destroy(base);
}

static void sizes(void) {
  static const struct {
    const char *codec;
    int32_t most; /* bits a parameter, times 100 */
  } limits[] = {{"exact", 2300}, {"int8", 800}, {"int5", 500},     {"int4", 400},
                {"sparse", 70},  {"sign", 120}, {"float16", 1400}, {"float32", 3000}};
  lnsp_model *base = model_fresh("student d=96 s=80 k=64 heads=2", 1);
  lnsp_model *next = moved(base, 4e-3f, LNSP_F32, 5);
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
    lnsp_delta *delta = NULL;
    CHECK_OK(lnsp_delta_create(base, next, limits[i].codec, NULL, &delta, &support_error));
    double bits = 800. * (double)delta->bytes / (double)base->graph->parameter_count;
    CHECK_SAY(bits <= limits[i].most, "%s: %.2f bits a parameter", limits[i].codec, bits / 100);
    lnsp_delta_destroy(delta);
  }
  lnsp_model_destroy(base);
  lnsp_model_destroy(next);
}

static void texts(void) {
  static const struct {
    const char *text;
    int32_t code;
  } bad[] = {{"", LNSP_E_UNKNOWN},
             {"int3", LNSP_E_UNKNOWN},
             {"exact block=64", LNSP_E_UNKNOWN},
             {"int4 block=63", LNSP_E_SYNTAX},
             {"int4 block=4", LNSP_E_LIMIT},
             {"int4 block=512", LNSP_E_LIMIT},
             {"int4 block=", LNSP_E_SYNTAX},
             {"int4 block=64 block=64", LNSP_E_SYNTAX},
             {"sparse share=0", LNSP_E_LIMIT},
             {"sparse share=2", LNSP_E_LIMIT},
             {"int4 only=nothing*", LNSP_E_MISSING},
             {"int4 tensors=0,5", LNSP_E_UNKNOWN},
             {"exact back=1", LNSP_E_UNKNOWN},
             {"exact; exact", LNSP_E_SYNTAX},
             {"exact bytes=0", LNSP_E_UNKNOWN}};
  lnsp_model *base = model_fresh(SMALL, 1);
  lnsp_memory_info memory;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    lnsp_delta *delta = (lnsp_delta *)&base;
    int32_t code = lnsp_delta_create(base, base, bad[i].text, NULL, &delta, &support_error);
    CHECK_SAY(code == bad[i].code && !delta && support_error.message[0], "'%s' gave %d: %s",
              bad[i].text, (int)code, support_error.message);
    memory.struct_size = sizeof memory;
    CHECK_INT(lnsp_delta_measure(lnsp_model_graph(base), bad[i].text, &memory, NULL), code);
  }
  lnsp_model *next = moved(base, .1f, LNSP_F32, 4);
  lnsp_delta *delta = NULL;
  CHECK_OK(lnsp_delta_create(base, next, "int5 only=b*,?.bias", NULL, &delta, &support_error));
  CHECK(strstr(delta->text, "tensors=1,1,1,2")); /* a.bias, n.bias, b.weight */
  CHECK_STR(facts_of(delta).codec, "int5 block=64");
  CHECK_INT(facts_of(delta).selected_count, 3);
  lnsp_delta_destroy(delta);
  lnsp_model_destroy(base);
  lnsp_model_destroy(next);
}

/* Changes that a codec cannot say are refused by name, never clipped in silence. */
static void too_large(void) {
  static const struct {
    float from, into;
    const char *codec;
    int32_t code;
  } tries[] = {{3e38f, -3e38f, "exact", LNSP_OK},
               {3e38f, -3e38f, "int8", LNSP_E_NOT_FINITE},
               {3e38f, -3e38f, "sparse", LNSP_E_NOT_FINITE},
               {3e38f, -3e38f, "sign", LNSP_E_NOT_FINITE},
               {3e38f, -3e38f, "float32", LNSP_E_NOT_FINITE},
               {0, 65520, "float16", LNSP_E_NOT_FINITE},
               {0, 65519, "float16", LNSP_OK},
               {0, 1e-40f, "int4", LNSP_OK},
               {0, 3e38f, "int4", LNSP_OK},
               {0, 1e-45f, "sign", LNSP_OK},
               {0, 1e-45f, "sparse", LNSP_OK}};
  for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
    lnsp_model *base = model_fresh(SMALL, 1), *next = model_fresh(SMALL, 1);
    lnsp_delta *delta = NULL;
    lnspi_state_write_span(&base->graph->weights[0], base->state, 4, 1, &tries[i].from);
    lnspi_state_write_span(&next->graph->weights[0], next->state, 4, 1, &tries[i].into);
    int32_t code = lnsp_delta_create(base, next, tries[i].codec, NULL, &delta, &support_error);
    CHECK_SAY(code == tries[i].code, "%s from %g to %g gave %d: %s", tries[i].codec,
              (double)tries[i].from, (double)tries[i].into, (int)code, support_error.message);
    if (code) CHECK_STR(support_error.name, "a.weight");
    lnsp_delta_destroy(delta);
    lnsp_model_destroy(base);
    lnsp_model_destroy(next);
  }
}

/* ---- plain payloads: where probabilities would cost more than they save ---- */

static void plain(void) {
  enum { ELEMENTS = 3000 };
  static float change[ELEMENTS], wanted[ELEMENTS], base[ELEMENTS], next[ELEMENTS];
  static uint8_t payload[40000];
  static uint64_t work[2000];
  for (int c = 1; c < CODECS - 1; c++) {
    lnspi_codec_config config;
    lnspi_token only;
    lnspi_coder coder;
    lnspi_weight weight;
    memset(&coder, 0, sizeof coder);
    memset(&weight, 0, sizeof weight);
    memset(work, 0, sizeof work);
    weight.rank = 2;
    weight.dims[0] = 30;
    weight.dims[1] = 100;
    weight.count = ELEMENTS;
    CHECK_OK(lnspi_codec_config_parse(codecs[c], &config, &only, &support_error));
    const lnspi_codec *codec = config.codec;
    coder.config = &config;
    coder.work = work;
    coder.payload = payload;
    coder.elements = ELEMENTS;
    coder.capacity = codec->bound(&config, ELEMENTS, 1);
    CHECK(coder.capacity <= sizeof payload && codec->write_bytes <= sizeof work);
    random_state = 3;
    for (int i = 0; i < ELEMENTS; i++) wanted[i] = change[i] = uniform() * (float)(1 << i % 9);
    for (int32_t pass = 0; pass < codec->passes; pass++) {
      codec->scan(&coder, pass, change, ELEMENTS);
      codec->scan_end(&coder, pass);
    }
    for (int is_plain = 0; is_plain < 2; is_plain++) {
      int full = 1;
      memcpy(change, wanted, sizeof change);
      CHECK_INT(lnspi_coder_write_start(&coder, is_plain), LNSP_OK);
      if (codec->tensor_passes) {
        codec->scan(&coder, 0, change, ELEMENTS);
        codec->scan_end(&coder, 0);
      }
      if (codec->tensor) codec->tensor(&coder, &weight, 1);
      for (int at = 0; at < ELEMENTS; at += LNSPI_DELTA_SPAN) {
        int n = ELEMENTS - at < LNSPI_DELTA_SPAN ? ELEMENTS - at : LNSPI_DELTA_SPAN;
        lnspi_codec_span span = {base + at, next + at, change + at, n};
        CHECK_INT(codec->put(&coder, &span), LNSP_OK);
      }
      CHECK_INT(lnspi_coder_write_end(&coder, &full), LNSP_OK);
      CHECK_SAY(!full, "%s does not fit", codecs[c]);
      /* and back */
      lnspi_coder reader = coder;
      static uint64_t read_work[LNSPI_CODEC_READ_BYTES / 8];
      static float again[ELEMENTS];
      memset(read_work, 0, sizeof read_work);
      reader.work = read_work;
      reader.capacity = coder.used;
      CHECK_INT(lnspi_coder_read_start(&reader), LNSP_OK);
      if (codec->tensor) codec->tensor(&reader, &weight, 0);
      for (int at = 0; at < ELEMENTS; at += LNSPI_DELTA_SPAN) {
        int n = ELEMENTS - at < LNSPI_DELTA_SPAN ? ELEMENTS - at : LNSPI_DELTA_SPAN;
        lnspi_codec_span span = {base + at, next + at, again + at, n};
        CHECK_INT(codec->get(&reader, &span), LNSP_OK);
      }
      CHECK_INT(lnspi_coder_read_end(&reader), LNSP_OK);
      CHECK_SAY(!memcmp(again, change, sizeof again), "%s, plain %d: other changes", codecs[c],
                is_plain);
      /* too little room is noticed, and nothing written beyond it */
      coder.capacity = coder.used / 2;
      memset(payload + coder.capacity, 0xa5, 64);
      memcpy(change, wanted, sizeof change);
      lnspi_coder_write_start(&coder, is_plain);
      if (codec->tensor) codec->tensor(&coder, &weight, 1);
      for (int at = 0; at < ELEMENTS; at += LNSPI_DELTA_SPAN) {
        int n = ELEMENTS - at < LNSPI_DELTA_SPAN ? ELEMENTS - at : LNSPI_DELTA_SPAN;
        lnspi_codec_span span = {base + at, next + at, change + at, n};
        codec->put(&coder, &span);
      }
      CHECK_INT(lnspi_coder_write_end(&coder, &full), LNSP_OK);
      CHECK_SAY(full, "%s fits into half its bytes", codecs[c]);
      for (int i = 0; i < 64; i++) CHECK(payload[coder.capacity + (uint64_t)i] == 0xa5);
      coder.capacity = codec->bound(&config, ELEMENTS, 1);
    }
  }
}

/* ---- hostile payloads, with a checksum that fits ---- */

static void seal(uint8_t *data, size_t bytes) {
  uint8_t digest[32];
  char digits[65];
  lnspi_blake2s hash;
  memset(data + 48, '0', 64);
  lnspi_blake2s_init(&hash);
  lnspi_blake2s_update(&hash, data, bytes);
  lnspi_blake2s_final(&hash, digest);
  lnspi_digest_to_hex(digest, digits);
  memcpy(data + 48, digits, 64);
}

/* Whatever is flipped, only the promised result comes out, or none. */
static void hostile(void) {
  lnsp_model *base = model_fresh(SMALL, 1), *next = moved(base, .1f, LNSP_F32, 3);
  for (int c = 0; c < CODECS; c++) {
    lnsp_delta *delta = NULL;
    size_t bytes;
    int refused = 0, tried = 0;
    uint8_t hash[32];
    CHECK_OK(lnsp_delta_create(base, next, codecs[c], NULL, &delta, &support_error));
    uint8_t *data = delta_bytes(delta, &bytes);
    lnsp_delta_info facts = facts_of(delta);
    for (size_t bit = 8 * 112; bit < 8 * bytes; bit++) {
      lnsp_delta *read = NULL;
      lnsp_model *out = NULL;
      data[bit / 8] = (uint8_t)(data[bit / 8] ^ 1u << bit % 8);
      seal(data, bytes);
      int32_t code = lnsp_delta_open_memory(data, bytes, NULL, &read, NULL);
      if (!code) code = lnsp_delta_apply(read, base, NULL, &out, NULL);
      tried++;
      refused += code != LNSP_OK;
      if (out) {
        lnspi_model_hash(out, hash);
        CHECK(!memcmp(hash, facts_of(read).result_hash, 32));
        CHECK(!memcmp(hash, facts.result_hash, 32));
      }
      lnsp_model_destroy(out);
      lnsp_delta_destroy(read);
      data[bit / 8] = (uint8_t)(data[bit / 8] ^ 1u << bit % 8);
    }
    CHECK_SAY(refused * 10 > tried * 9, "%s: %d of %d flips refused", codecs[c], refused,
              tried);
    free(data);
    lnsp_delta_destroy(delta);
  }
  lnsp_model_destroy(base);
  lnsp_model_destroy(next);
}

/* ---- stages ---- */

static void check_same(const lnsp_model *a, const lnsp_model *b) {
  CHECK(!memcmp(a->state, b->state, (size_t)a->graph->state_bytes));
}

static void merges(void) {
  lnsp_model *model[5] = {model_fresh(STUDENT, 1)}, *out = NULL;
  lnsp_delta *delta[4] = {NULL}, *all = NULL, *back = NULL, *read = NULL;
  static const char *const chain[] = {"exact", "int4", "sparse", "exact only=*bias"};
  for (int i = 0; i < 4; i++) {
    lnsp_model *next = moved(model[i], .05f, LNSP_F32, (uint64_t)i + 7);
    CHECK_OK(lnsp_delta_create(model[i], next, chain[i], NULL, &delta[i], &support_error));
    CHECK_OK(lnsp_delta_apply(delta[i], model[i], NULL, &model[i + 1], &support_error));
    lnsp_model_destroy(next);
  }
  const lnsp_delta *const list[] = {delta[0], delta[1], delta[2], delta[3]};
  CHECK_OK(lnsp_delta_merge(list, 4, NULL, &all, &support_error));
  CHECK_INT(facts_of(all).stage_count, 4);
  CHECK_INT(facts_of(all).changed_count, -1);
  CHECK_STR(facts_of(all).codec, "exact; int4 block=64; sparse share=0.1; exact");
  CHECK_OK(lnsp_delta_apply(all, model[0], NULL, &out, &support_error));
  check_same(out, model[4]);
  lnsp_model_destroy(out);
  lnsp_options options = {.struct_size = sizeof options, .storage = LNSP_BF16};
  CHECK_REFUSED(lnsp_delta_apply(all, model[0], &options, &out, &support_error),
                LNSP_E_MISMATCH); /* rounded, it is not the promised result */
  size_t bytes;
  uint8_t *data = delta_bytes(all, &bytes);
  CHECK_OK(lnsp_delta_open_memory(data, bytes, NULL, &read, &support_error));
  CHECK_OK(lnsp_delta_apply(read, model[0], NULL, &out, &support_error));
  check_same(out, model[4]);
  lnsp_model_destroy(out);
  free(data);
  CHECK_REFUSED(lnsp_delta_invert(all, NULL, &back, &support_error), LNSP_E_UNSUPPORTED);
  CHECK_REFUSED(lnsp_delta_merge(list + 1, 0, NULL, &back, &support_error), LNSP_E_ARGUMENT);
  const lnsp_delta *const gap[] = {delta[0], delta[2]};
  CHECK_REFUSED(lnsp_delta_merge(gap, 2, NULL, &back, &support_error), LNSP_E_MISMATCH);
  lnsp_delta_destroy(all);
  lnsp_delta_destroy(read);

  /* exact ones lead back, merged too; there and back 32 times are 64 stages */
  lnsp_delta *there = NULL, *here = NULL;
  CHECK_OK(lnsp_delta_create(model[0], model[2], "exact", NULL, &there, &support_error));
  CHECK_OK(lnsp_delta_invert(there, NULL, &here, &support_error));
  const lnsp_delta *many[66];
  for (int i = 0; i < 66; i++) many[i] = i % 2 ? here : there;
  CHECK_OK(lnsp_delta_merge(many, 63, NULL, &all, &support_error));
  CHECK_OK(lnsp_delta_apply(all, model[0], NULL, &out, &support_error));
  check_same(out, model[2]);
  lnsp_model_destroy(out);
  CHECK_OK(lnsp_delta_invert(all, NULL, &back, &support_error));
  CHECK_OK(lnsp_delta_apply(back, model[2], NULL, &out, &support_error));
  check_same(out, model[0]);
  lnsp_model_destroy(out);
  const lnsp_delta *const two[] = {all, here, there};
  lnsp_delta *more = NULL;
  CHECK_OK(lnsp_delta_merge(two, 2, NULL, &more, &support_error));
  lnsp_delta_destroy(more);
  CHECK_REFUSED(lnsp_delta_merge(two, 3, NULL, &more, &support_error), LNSP_E_LIMIT);
  lnsp_delta_destroy(all);
  lnsp_delta_destroy(back);
  lnsp_delta_destroy(there);
  lnsp_delta_destroy(here);
  for (int i = 0; i < 4; i++) lnsp_delta_destroy(delta[i]);
  for (int i = 0; i < 5; i++) lnsp_model_destroy(model[i]);
}

/* ---- memory: as measured, and no more ---- */

static void measured(void) {
  lnsp_model *base = model_fresh(STUDENT, 1), *next = moved(base, .01f, LNSP_F32, 3);
  support_heap heap;
  lnsp_allocator allocator = support_allocator(&heap);
  lnsp_options options = {.struct_size = sizeof options, .allocator = &allocator};
  for (int c = 0; c < CODECS; c++) {
    lnsp_delta *delta = NULL;
    lnsp_memory_info memory = LNSP_MEMORY_INFO_INIT;
    CHECK_OK(lnsp_delta_measure(lnsp_model_graph(base), codecs[c], &memory, &support_error));
    memset(&heap, 0, sizeof heap);
    CHECK_OK(lnsp_delta_create(base, next, codecs[c], &options, &delta, &support_error));
    CHECK_INT(heap.calls, 1);
    CHECK_INT(heap.bytes, memory.total_bytes);
    /* beside states and payload: what the issue allows */
    CHECK_SAY(memory.total_bytes - memory.workspace_bytes <= 65536, "%s: %d bytes", codecs[c],
              (int)(memory.total_bytes - memory.workspace_bytes));
    lnsp_delta_destroy(delta);
  }
  lnsp_model_destroy(base);
  lnsp_model_destroy(next);
}

/* ---- the same bytes on every CPU, from every compiler ---- */

static void golden(void) {
  static const uint32_t expected[CODECS] = {0xdd9a7e4cu, 0x7151a42cu, 0xae63264bu, 0x7c694228u,
                                            0x87485fb7u, 0x703ab6c7u, 0xa3d74884u, 0xe007812fu,
                                            0x1f9543d0u, 0x68fadcb9u, 0xc0650716u, 0x6cadff58u,
                                            0xc01380c2u};
  lnsp_model *base = model_fresh(STUDENT, 1), *next = moved(base, .02f, LNSP_F32, 11);
  for (int c = 0; c < CODECS; c++) {
    lnsp_delta *delta = NULL;
    CHECK_OK(lnsp_delta_create(base, next, codecs[c], NULL, &delta, &support_error));
    uint32_t crc = lnspi_crc32c(0, delta->payload, (size_t)delta->bytes);
    crc = lnspi_crc32c(crc, delta->result, sizeof delta->result);
    CHECK_SAY(crc == expected[c], "%s: 0x%08xu", codecs[c], (unsigned)crc);
    lnsp_delta_destroy(delta);
  }
  lnsp_model_destroy(base);
  lnsp_model_destroy(next);
}

int main(void) {
  support_use_all();
  RUN(round_trips);
  RUN(nothing);
  RUN(sizes);
  RUN(texts);
  RUN(too_large);
  RUN(plain);
  RUN(hostile);
  RUN(merges);
  RUN(measured);
  RUN(golden);
  FINISH();
}
