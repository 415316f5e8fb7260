/* Losses as they are called: kernel sets, sums of terms, strides, texts, refusals, memory. */
#include "loss_cases.h"
#include "base/setting.h"
#include "kernels/dispatch.h"
#include "kernels/kernels.h"
#include "train/loss_text.h"
#include "train/loss_weighting.h"

/* ---- every kernel set, sums of terms, strides ------------------------------ */

static void same_bits(void) {
  static const char *const texts[] =
      {"mse",
       "cosine",
       "student",
       "triplet kind=l2 + 2*mse",
       "nuclear_diversity kind=mean + .5*alignment",
       "cosine_mse + .1*rehearsal + norm + 2*echo",
       "info_nce negatives=2 context=mask duplicates=mask",
       "info_nce_symmetric + info_nce_negatives + listwise",
       "margin + margin_smooth + margin_ratio + orthogonality",
       "anticopy + future_margin + micro_direction",
       "moment + variance + hard_negative + positive_floor",
       "mmd + sampled_nce + bce + huber + .1*echo rows=3",
       "margin gate=.1 + margin auto=.2 high=9 + mse ramp=-1 full=1"};
  static float x[8][7 * 37 * 2], g[7 * 37], first[7 * 37];
  static const char *const names[8] = {"p",    "t",   "positive", "negative",
                                       "prev", "neg", "ctx",      "future"};
  lnsp_tensor in[8], out = matrix("gradient", g, 7, 37);
  noise_state = 5;
  for (int o = 0; o < 8; o++) {
    for (int i = 0; i < 7 * 37 * 2; i++) x[o][i] = noise();
    in[o] =
        o < 5 ? matrix(names[o], x[o], 7, 37) : lnsp_tensor_f32(names[o], x[o], 3, 7, 2, 37);
  }
  memcpy(&x[1][37], &x[1][74], 37 * sizeof(float)); /* duplicates, and a known context */
  memcpy(&x[6][37], &x[1][111], 37 * sizeof(float));
  for (size_t t = 0; t < sizeof texts / sizeof *texts; t++) {
    float value, value_first = 0;
    for (int i = 0; lnsp_list_name(LNSP_LIST_ISAS, i); i++) {
      lnsp_options options = LNSP_OPTIONS_INIT;
      options.isa = i ? lnsp_list_name(LNSP_LIST_ISAS, i - 1) : "scalar";
      if (!strcmp(options.isa, "cblas") || lnsp_isa_check(options.isa, NULL)) continue;
      CHECK_INT(lnsp_loss_evaluate(texts[t], in, 8, &value, &out, &options, NULL), LNSP_OK);
      if (i == 0) {
        memcpy(first, g, sizeof g);
        value_first = value;
      }
      CHECK_SAY(!memcmp(first, g, sizeof g) && !memcmp(&value, &value_first, 4),
                "%s: other bits with %s", texts[t], options.isa);
    }
  }
}

static void sums_and_strides(void) {
  static float p[6 * 5 * 2], t[6 * 5], g[6 * 5 * 3], plain[6 * 5], grad[6 * 5];
  float both, a, b;
  lnsp_tensor in[2], out;
  noise_state = 9;
  for (int i = 0; i < 30; i++) {
    plain[i] = noise();
    t[i] = noise();
    p[i / 5 + 12 * (i % 5)] = plain[i]; /* columns of stride 12, rows of stride 1 */
  }
  in[0] = matrix("p", plain, 6, 5);
  in[1] = matrix("t", t, 6, 5);
  out = matrix("g", grad, 6, 5);
  CHECK_INT(lnsp_loss_evaluate("2*mse + -.5 * cosine", in, 2, &both, &out, NULL, NULL),
            LNSP_OK);
  CHECK_INT(lnsp_loss_evaluate("mse", in, 2, &a, NULL, NULL, NULL), LNSP_OK);
  CHECK_INT(lnsp_loss_evaluate("cosine", in, 2, &b, NULL, NULL, NULL), LNSP_OK);
  CHECK_NEAR(both, 2 * (double)a - .5 * (double)b, 1e-6);
  in[0].data = p;
  in[0].strides[0] = 1;
  in[0].strides[1] = 12;
  for (int i = 0; i < 90; i++) g[i] = 7;
  out.data = g;
  out.strides[0] = 15;
  out.strides[1] = 3;
  float again;
  CHECK_INT(lnsp_loss_evaluate("2*mse + -.5 * cosine", in, 2, &again, &out, NULL, NULL),
            LNSP_OK);
  CHECK(again == both);
  for (int i = 0; i < 90; i++) CHECK(g[i] == (i % 3 ? 7.0f : grad[i / 15 * 5 + i % 15 / 3]));
}

/* ---- texts ----------------------------------------------------------------- */

static void good_texts(void) {
  lnspi_loss_term terms[LNSPI_LOSS_TERMS];
  int32_t count = 0;
  CHECK_INT(lnspi_loss_text_parse("student", terms, &count, NULL), LNSP_OK);
  CHECK_INT(count, 3);
  CHECK_STR(terms[0].loss->name, "triplet");
  CHECK(terms[0].weight == 1 && terms[0].real[0] == .3f && terms[0].real[1] == 0);
  CHECK_STR(terms[0].on, "output");
  CHECK_STR(terms[1].loss->name, "alignment");
  CHECK(terms[1].weight == .1f);
  CHECK_STR(terms[1].on, "teacher");
  CHECK_STR(terms[2].loss->name, "nuclear_diversity");
  CHECK(terms[2].weight == 1 && terms[2].real[0] == 0);
  CHECK_STR(terms[2].on, "code");

  CHECK_INT(lnspi_loss_text_parse(" cosine+4 *replay rows=9 seed=18+.5*mse on=raw ", terms,
                                  &count, NULL),
            LNSP_OK);
  CHECK_INT(count, 3);
  CHECK(terms[0].weight == 1 && terms[1].loss == NULL && terms[1].weight == 4);
  CHECK(terms[1].rows == 9 && terms[1].seed == 18);
  CHECK_STR(terms[1].on, "output");
  CHECK_STR(terms[2].on, "raw");
  CHECK(terms[2].weight == .5f);

  CHECK_INT(
      lnspi_loss_text_parse("mse from=3 until=9 every=2 + .5*margin gate=.03 weak=.5 auto=.1 "
                            "low=.001 high=.02 + info_nce against=key stop=1",
                            terms, &count, NULL),
      LNSP_OK);
  CHECK_INT(count, 3);
  CHECK(terms[0].from == 3 && terms[0].until == 9 && terms[0].every == 2 && !terms[0].gated);
  CHECK(terms[1].from == 0 && terms[1].until == INT64_MAX && terms[1].every == 1);
  CHECK(terms[1].gated && terms[1].gate == .03f && terms[1].weak == .5f);
  CHECK(terms[1].share == .1f && terms[1].low == .001f && terms[1].high == .02f);
  CHECK_STR(terms[2].against, "key");
  CHECK(terms[2].stop == 1 && !terms[2].gated && !(terms[2].share > 0));
  for (uint64_t step = 0; step < 12; step++)
    for (uint64_t pass = 0; pass < 3; pass++)
      CHECK(lnspi_loss_weighting_active(&terms[0], step, pass) ==
            (step >= 3 && step < 9 && pass % 2 == 0));

  CHECK_INT(lnspi_loss_text_parse("1e+2*triplet kind=l2 margin=2e-1 on=code", terms, &count,
                                  NULL),
            LNSP_OK);
  CHECK(count == 1 && terms[0].weight == 100 && terms[0].real[0] == .2f &&
        terms[0].real[1] == 1);
  CHECK_STR(terms[0].on, "code");
  CHECK_INT(lnspi_loss_text_parse("2*student + mse", terms, &count, NULL), LNSP_OK);
  CHECK(count == 4 && terms[0].weight == 2 && terms[1].weight == .2f && terms[2].weight == 2);
  CHECK_INT(lnspi_loss_text_parse("mse+mse+mse+mse+mse+mse+mse+mse", terms, &count, NULL),
            LNSP_OK);
  CHECK_INT(count, 8);
}

static void bad_texts(void) {
  static const struct {
    const char *text;
    int32_t code, column;
    const char *says;
  } all[] = {
      {"", LNSP_E_SYNTAX, 1, "name"},
      {"  ", LNSP_E_SYNTAX, 3, "name"},
      {"mes", LNSP_E_UNKNOWN, 1, "mse"},
      {"mse + msee", LNSP_E_UNKNOWN, 7, "mse"},
      {"triplet margins=1", LNSP_E_UNKNOWN, 9, "margin"},
      {"triplet kind=l3", LNSP_E_UNKNOWN, 14, "cosine, l2"},
      {"triplet kind=l", LNSP_E_UNKNOWN, 14, "cosine, l2"},
      {"triplet margin=abc", LNSP_E_SYNTAX, 16, ""},
      {"triplet margin=nan", LNSP_E_SYNTAX, 16, ""},
      {"triplet margin=-1", -1, 16, "margin"},
      {"triplet margin=1 margin=2", LNSP_E_SYNTAX, 18, "margin"},
      {"triplet margin", LNSP_E_SYNTAX, 9, "margin"},
      {"mse +", LNSP_E_SYNTAX, 6, "name"},
      {"+ mse", LNSP_E_SYNTAX, 1, "name"},
      {"* mse", LNSP_E_SYNTAX, 1, "name"},
      {"2 mse", LNSP_E_SYNTAX, 3, "*"},
      {"2*3*mse", LNSP_E_SYNTAX, 4, ""},
      {"2x*mse", LNSP_E_SYNTAX, 1, ""},
      {"mse * 2", LNSP_E_SYNTAX, 5, ""},
      {"1e30*mse", -1, 1, "weight"},
      {"mse\ncosine", LNSP_E_SYNTAX, 1, "+"},
      {"student margin=.3", LNSP_E_UNKNOWN, 9, "triplet"},
      {"replay rows=0", -1, 13, "rows"},
      {"replay sed=1", LNSP_E_UNKNOWN, 8, "'seed'"},
      {"mse on=abcdefghijabcdefghijabcdefghijabcdefghij", LNSP_E_LIMIT, 8, "on"},
      {"mse+mse+mse+mse+mse+mse+mse+mse+mse", LNSP_E_LIMIT, 33, "8"},
      {"mse+mse+mse+mse+mse+mse+student", LNSP_E_LIMIT, 0, "8"},
      {"mse weak=.5", LNSP_E_ARGUMENT, 5, "gate="},
      {"mse + cosine high=.5", LNSP_E_ARGUMENT, 14, "auto="},
      {"mse stop=1", LNSP_E_ARGUMENT, 5, "against="},
      {"mse + norm against=key", LNSP_E_ARGUMENT, 12, "target"},
      {"triplet against=key", LNSP_E_ARGUMENT, 9, "target"},
      {"mse ramp=.1", LNSP_E_ARGUMENT, 5, "full="},
      {"mse full=.1", LNSP_E_ARGUMENT, 5, "ramp="},
      {"mse ramp=.3 full=.3", LNSP_E_ARGUMENT, 13, "above"},
      {"norm ramp=.1 full=.3", LNSP_E_ARGUMENT, 6, "target"},
      {"mse auto=.1", LNSP_E_ARGUMENT, 1, "later"},
      {"mse + cosine auto=.1 high=.1 low=.2", LNSP_E_ARGUMENT, 30, "high"},
      {"mse from=5 until=5", LNSP_E_ARGUMENT, 12, "never"},
      {"mse until=0", -1, 11, "until"},
      {"mse every=1.5", -1, 11, "every"},
      {"mse every=0", -1, 11, "every"},
      {"mse from=-1", -1, 10, "from"},
      {"mse gate=3", -1, 10, "gate"},
      {"mse stop=2 against=a", -1, 10, "stop"},
      {"mse + replay gate=.1", LNSP_E_UNKNOWN, 14, "lnsp list replay"},
      {"mse + replay against=code", LNSP_E_UNKNOWN, 14, "lnsp list replay"},
      {NULL, LNSP_E_ARGUMENT, 0, "cosine"},
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    lnspi_loss_term terms[LNSPI_LOSS_TERMS];
    lnsp_error error;
    int32_t count = 0;
    memset(&error, 0, sizeof error);
    int32_t code = lnspi_loss_text_parse(all[i].text, terms, &count, &error);
    CHECK_SAY(code != LNSP_OK && (all[i].code < 0 || code == all[i].code), "'%s' gives %d: %s",
              all[i].text ? all[i].text : "NULL", (int)code, error.message);
    CHECK_SAY(error.column == all[i].column, "'%s': column %d, expected %d (%s)",
              all[i].text ? all[i].text : "NULL", (int)error.column, (int)all[i].column,
              error.message);
    CHECK_SAY(error.message[0] && strstr(error.message, all[i].says), "'%s' says: %s",
              all[i].text ? all[i].text : "NULL", error.message);
    CHECK(code == error.code);
  }
}

/* The list is what texts know, each with a help that names its keys. */
static void list(void) {
  int n = 0;
  for (; lnspi_loss_at(n); n++) {
    const lnspi_loss *loss = lnspi_loss_at(n);
    lnspi_loss_term terms[LNSPI_LOSS_TERMS];
    int32_t count;
    CHECK_INT(lnspi_loss_text_parse(loss->name, terms, &count, NULL), LNSP_OK);
    CHECK(terms[0].loss == loss && loss->evaluate && loss->scratch_floats);
    CHECK_STR(terms[0].on, loss->on ? loss->on : "output");
    CHECK(!strncmp(loss->help, loss->name, strlen(loss->name)));
    CHECK(loss->operand[0].name == NULL && !strcmp(loss->operand[0].direct, "p"));
    lnsp_key_info info;
    for (int a = 0; lnspi_setting_at(loss->keys, a, &info); a++)
      CHECK_SAY(strstr(loss->help, info.name) != NULL, "%s: help lacks %s", loss->name,
                info.name);
  }
  CHECK(n >= 8 && lnspi_loss_at(-1) == NULL && lnspi_loss_at(n + 1) == NULL);
}

/* ---- what evaluate refuses -------------------------------------------------- */

static int32_t refused(const char *text, const lnsp_tensor *in, int32_t count,
                       const lnsp_tensor *out) {
  lnsp_error error;
  float value = 42, *g = out ? out->data : NULL, before = g ? g[0] : 0;
  memset(&error, 0, sizeof error);
  int32_t code = lnsp_loss_evaluate(text, in, count, &value, out, NULL, &error);
  CHECK_SAY(code != LNSP_OK && error.code == code && error.message[0], "%s is taken", text);
  CHECK(value == 42 && (!g || g[0] == before));
  return code;
}

static void refusals(void) {
  float p[6] = {1, 2, 3, 4, 5, 6}, t[6] = {1, 1, 1, 1, 1, 1}, g[6] = {9, 9, 9, 9, 9, 9};
  lnsp_tensor in[2] = {matrix("p", p, 2, 3), matrix("t", t, 2, 3)}, out = matrix("g", g, 2, 3);
  lnsp_tensor bad;
  float value;
  CHECK_INT(refused("mse", in, 1, &out), LNSP_E_MISSING);
  CHECK_INT(refused("mse", in + 1, 1, &out), LNSP_E_MISSING);
  CHECK_INT(refused("triplet", in, 2, &out), LNSP_E_MISSING);
  CHECK_INT(refused("cosine + replay", in, 2, &out), LNSP_E_UNSUPPORTED);
  CHECK_INT(refused("nope", in, 2, &out), LNSP_E_UNKNOWN);
  in[1].dims[1] = 2;
  CHECK_INT(refused("mse", in, 2, &out), LNSP_E_SHAPE);
  in[1] = matrix("t", t, 1, 3);
  CHECK_INT(refused("mse", in, 2, &out), LNSP_E_SHAPE);
  in[1] = matrix("t", t, 2, 3);
  in[1].dtype = LNSP_F16;
  CHECK_INT(refused("mse", in, 2, &out), LNSP_E_DTYPE);
  in[1] = matrix("t", t, 2, 3);
  bad = out;
  bad.dims[0] = 3;
  CHECK_INT(refused("mse", in, 2, &bad), LNSP_E_SHAPE);
  in[0].rank = 9;
  CHECK_INT(refused("mse", in, 2, &out), LNSP_E_SHAPE);
  in[0].rank = 0;
  CHECK_INT(refused("mse", in, 2, &out), LNSP_E_SHAPE);
  in[0] = matrix("p", p, 1, 3);
  CHECK_INT(refused("nuclear_diversity", in, 1, NULL), LNSP_E_SHAPE);
  in[0] = matrix("p", p, 2, 3);
  p[4] = NAN;
  CHECK_INT(refused("mse", in, 2, &out), LNSP_E_NOT_FINITE);
  p[4] = -INFINITY;
  CHECK_INT(refused("mse", in, 2, &out), LNSP_E_NOT_FINITE);
  p[4] = 3e38f; /* the square overflows */
  CHECK_INT(refused("mse", in, 2, &out), LNSP_E_NOT_FINITE);
  p[4] = 5;
  CHECK_INT(lnsp_loss_evaluate("mse", NULL, 2, &value, NULL, NULL, NULL), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_loss_evaluate("mse", in, 2, NULL, NULL, NULL, NULL), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_loss_evaluate(NULL, in, 2, &value, NULL, NULL, NULL), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_loss_evaluate("mse", in, 2, &value, &out, NULL, NULL), LNSP_OK);
}

/* Sets that do not fit, and sizes that nothing has the memory for. */
static void refused_sets(void) {
  float p[6] = {1, 2, 3, 4, 5, 6}, t[6] = {1, 1, 1, 1, 1, 1}, neg[18] = {1}, value;
  lnsp_tensor in[3] = {matrix("p", p, 2, 3), matrix("t", t, 2, 3),
                       lnsp_tensor_f32("neg", neg, 3, 2, 3, 3)};
  CHECK_INT(lnsp_loss_evaluate("listwise", in, 3, &value, NULL, NULL, NULL), LNSP_OK);
  CHECK_INT(lnsp_loss_evaluate("info_nce", in, 2, &value, NULL, NULL, NULL), LNSP_OK);
  CHECK_INT(refused("info_nce negatives=1", in, 2, NULL), LNSP_E_MISSING);
  CHECK_INT(refused("info_nce context=mask", in, 3, NULL), LNSP_E_MISSING);
  in[2].dims[0] = 1;
  CHECK_INT(refused("listwise", in, 3, NULL), LNSP_E_SHAPE);
  in[2] = lnsp_tensor_f32("neg", neg, 3, 2, 3, 2);
  CHECK_INT(refused("listwise", in, 3, NULL), LNSP_E_SHAPE);
  in[2] = lnsp_tensor_f32("neg", neg, 3, 2, 0, 3);
  CHECK_INT(refused("listwise", in, 3, NULL), LNSP_E_SHAPE);
  neg[4] = NAN;
  in[2] = lnsp_tensor_f32("neg", neg, 3, 2, 3, 3);
  CHECK_INT(refused("listwise", in, 3, NULL), LNSP_E_NOT_FINITE);
  static const char *const texts[] = {"info_nce",      "info_nce_symmetric",
                                      "hard_negative", "info_nce negatives=3",
                                      "listwise",      "variance"};
  static const int64_t sizes[][2] = {{1 << 21, 1},
                                     {(int64_t)1 << 33, 1},
                                     {1, (int64_t)1 << 61},
                                     {(int64_t)1 << 39, (int64_t)1 << 39}};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
      int64_t rows = sizes[s][0], each = sizes[s][1];
      if (rows * 8 < each && i < 3) continue; /* a small p, and no set */
      lnsp_tensor many[3] = {matrix("p", p, rows, 1), matrix("t", t, rows, 1),
                             lnsp_tensor_f32("neg", neg, 3, rows, each, 1)};
      static char room[4096]; /* so that nobody has to be asked for terabytes */
      lnsp_options options = LNSP_OPTIONS_INIT;
      options.block = room;
      options.block_bytes = sizeof room;
      for (int o = 0; o < 3; o++)
        many[o].strides[0] = many[o].strides[1] = many[o].strides[2] = 0;
      if (i == 5 && rows == 1) continue;
      int32_t code = lnsp_loss_evaluate(texts[i], many, 3, &value, NULL, &options, NULL);
      CHECK_SAY(code == LNSP_E_MEMORY || code == LNSP_E_LIMIT || code == LNSP_E_SHAPE,
                "%s, %lld rows of %lld: %d", texts[i], (long long)rows, (long long)each,
                (int)code);
    }
}

static support_heap heap;

static void memory(void) {
  float p[6] = {1, 2, 3, 4, 5, 6}, t[6] = {1, 1, 1, 1, 1, 1}, value = 42;
  static char block[4096];
  lnsp_tensor in[2] = {matrix("p", p, 2, 3), matrix("t", t, 2, 3)};
  lnsp_allocator allocator = support_allocator(&heap);
  lnsp_options options = LNSP_OPTIONS_INIT;
  options.allocator = &allocator;
  heap.fail_at = 1;
  CHECK_INT(lnsp_loss_evaluate("mse", in, 2, &value, NULL, &options, NULL), LNSP_E_MEMORY);
  CHECK(value == 42 && heap.calls == 1 && heap.releases == 0);
  heap.fail_at = 0; /* none */
  CHECK_INT(lnsp_loss_evaluate("mse", in, 2, &value, NULL, &options, NULL), LNSP_OK);
  CHECK(heap.calls == 2 && heap.releases == 1);
  p[0] = NAN;
  CHECK_INT(lnsp_loss_evaluate("mse", in, 2, &value, NULL, &options, NULL), LNSP_E_NOT_FINITE);
  CHECK(heap.calls == 3 && heap.releases == 2);
  p[0] = 1;
  options.block = block + 1;
  options.block_bytes = sizeof block - 1;
  CHECK_INT(lnsp_loss_evaluate("mse", in, 2, &value, NULL, &options, NULL), LNSP_OK);
  CHECK(heap.calls == 3);
  options.block_bytes = 100;
  CHECK_INT(lnsp_loss_evaluate("mse", in, 2, &value, NULL, &options, NULL), LNSP_E_MEMORY);
}

int main(void) {
  support_use_all();
  RUN(same_bits);
  RUN(sums_and_strides);
  RUN(good_texts);
  RUN(bad_texts);
  RUN(list);
  RUN(refusals);
  RUN(refused_sets);
  RUN(memory);
  FINISH();
}
