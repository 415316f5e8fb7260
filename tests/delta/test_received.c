/* Deltas of others: aggregates against sums made here, a server's step, stamps, rules,
 * senders that lie. */
#include <math.h>

#include "models.h"
#include "delta/delta.h"
#include "run/model.h"
#include "train/trainer.h"
#include "lnsp.h"

#define NET "student d=20 s=18 k=16 heads=2"
#define CLIENTS 5

static lnsp_error error;

/* base with every value moved by factor times that of another fresh model. */
static lnsp_model *moved(const lnsp_model *base, uint64_t seed, float factor) {
  lnsp_model *other = model_fresh(NET, seed), *model = NULL;
  lnsp_options options = LNSP_OPTIONS_INIT;
  CHECK_INT(lnspi_model_copy(base->graph, base->state, LNSP_F32, &options, &model, &error),
            LNSP_OK);
  float *to = model->state;
  const float *from = other->state;
  for (int64_t i = 0; i < model->graph->state_floats; i++) to[i] += factor * from[i];
  lnsp_model_destroy(other);
  return model;
}

typedef struct clients {
  lnsp_model *base, *result[CLIENTS]; /* what base and the decoded delta give */
  lnsp_delta *delta[CLIENTS];
} clients;

static void clients_open(clients *c) {
  static const char *const codecs[CLIENTS] = {"exact", "int8", "sparse share=.3", "float16",
                                              "int4 only=1d,*.weight"};
  c->base = model_fresh(NET, 1);
  for (int i = 0; i < CLIENTS; i++) {
    lnsp_model *next = moved(c->base, (uint64_t)(2 + i), .01f * (float)(i + 1));
    c->delta[i] = delta_between(c->base, next, codecs[i]);
    CHECK_INT(lnsp_delta_apply(c->delta[i], c->base, NULL, &c->result[i], &error), LNSP_OK);
    lnsp_model_destroy(next);
  }
}

static void clients_close(clients *c) {
  for (int i = 0; i < CLIENTS; i++) {
    lnsp_model_destroy(c->result[i]);
    lnsp_delta_destroy(c->delta[i]);
  }
  lnsp_model_destroy(c->base);
}

/* Norm of the difference of two states; padding is zero in both. */
static double distance(const lnsp_model *a, const lnsp_model *b, double *most) {
  const float *x = a->state, *y = b->state;
  double sum = 0;
  if (most) *most = 0;
  for (int64_t i = 0; i < a->graph->state_floats; i++) {
    const double d = fabs((double)(x[i] - y[i]));
    sum += d * d;
    if (most && d > *most) *most = d;
  }
  return sqrt(sum);
}

static lnsp_model *aggregated(const clients *c, const double *weights, const char *rule) {
  lnsp_delta *delta = NULL;
  lnsp_model *model = NULL;
  error.message[0] = 0;
  CHECK_SAY(lnsp_delta_aggregate(c->base, (const lnsp_delta *const *)c->delta, weights, CLIENTS,
                                 rule, NULL, NULL, &delta, &error) == LNSP_OK,
            "%s: %s", rule, error.message);
  CHECK_INT(lnsp_delta_apply(delta, c->base, NULL, &model, &error), LNSP_OK);
  lnsp_delta_destroy(delta);
  return model;
}

static int by_value(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The rule on one element's changes, written as its definition reads. */
static double combined(const char *rule, const double *weights, double *change) {
  static const double equal[CLIENTS] = {1, 1, 1, 1, 1};
  double sum = 0, total = 0;
  if (!strncmp(rule, "mean", 4)) {
    for (int i = 0; i < CLIENTS; i++) {
      sum += (weights ? weights : equal)[i] * change[i];
      total += (weights ? weights : equal)[i];
    }
    return sum / total;
  }
  qsort(change, CLIENTS, sizeof *change, by_value);
  if (!strncmp(rule, "median", 6)) return change[CLIENTS / 2];
  return (change[1] + change[2] + change[3]) / 3; /* trimmed share=.2 */
}

static void test_rules(void) {
  static const double weights[CLIENTS] = {1, 0, 2.5, 400, 3};
  static const struct {
    const char *rule;
    const double *weights;
  } cases[] = {{NULL, NULL},
               {"mean", weights},
               {"median", NULL},
               {"trimmed share=.2", NULL},
               {"mean clip=median", weights},
               {"median clip=median", NULL},
               {"mean clip=.05", NULL}};
  clients c;
  clients_open(&c);
  for (size_t r = 0; r < sizeof cases / sizeof *cases; r++) {
    const char *rule = cases[r].rule ? cases[r].rule : "mean";
    lnsp_model *model = aggregated(&c, cases[r].weights, cases[r].rule);
    double scale[CLIENTS], norm[CLIENTS], sorted[CLIENTS], worst = 0;
    for (int i = 0; i < CLIENTS; i++) norm[i] = sorted[i] = distance(c.result[i], c.base, NULL);
    qsort(sorted, CLIENTS, sizeof *sorted, by_value);
    for (int i = 0; i < CLIENTS; i++) {
      const double most = strstr(rule, "clip=median") ? sorted[CLIENTS / 2]
                          : strstr(rule, "clip=.05")  ? .05
                                                      : 1e300;
      scale[i] = norm[i] > most ? most / norm[i] : 1;
    }
    CHECK(!strstr(rule, "clip") || scale[CLIENTS - 2] < 1);
    for (int64_t e = 0; e < c.base->graph->state_floats; e++) {
      double change[CLIENTS];
      const float from = ((const float *)c.base->state)[e];
      for (int i = 0; i < CLIENTS; i++)
        change[i] = (double)(((const float *)c.result[i]->state)[e] - from) * scale[i];
      const double wanted = (double)from + combined(rule, cases[r].weights, change);
      worst = fmax(worst, fabs((double)((const float *)model->state)[e] - wanted));
    }
    CHECK_SAY(worst < 1e-7, "%s: %g", rule, worst);
    lnsp_model_destroy(model);
  }
  clients_close(&c);
}

/* A median of the middle two, and one delta alone, which any rule leaves as it is. */
static void test_few(void) {
  clients c;
  lnsp_delta *delta = NULL;
  lnsp_model *model = NULL;
  clients_open(&c);
  const lnsp_delta *two[2] = {c.delta[0], c.delta[3]};
  CHECK_INT(lnsp_delta_aggregate(c.base, two, NULL, 2, "median", NULL, NULL, &delta, &error),
            LNSP_OK);
  CHECK_INT(lnsp_delta_apply(delta, c.base, NULL, &model, &error), LNSP_OK);
  for (int64_t e = 0; e < c.base->graph->state_floats; e++) {
    const float from = ((const float *)c.base->state)[e];
    const double a = (double)(((const float *)c.result[0]->state)[e] - from);
    const double b = (double)(((const float *)c.result[3]->state)[e] - from);
    CHECK(((const float *)model->state)[e] == from + (float)((a + b) / 2));
  }
  lnsp_model_destroy(model);
  lnsp_delta_destroy(delta);
  static const char *const rules[] = {"mean", "median", "trimmed share=.4", "mean clip=median"};
  for (size_t r = 0; r < sizeof rules / sizeof *rules; r++) {
    CHECK_INT(lnsp_delta_aggregate(c.base, two, NULL, 1, rules[r], NULL, NULL, &delta, &error),
              LNSP_OK);
    CHECK_INT(lnsp_delta_apply(delta, c.base, NULL, &model, &error), LNSP_OK);
    CHECK(distance(model, c.result[0], NULL) == 0);
    lnsp_model_destroy(model);
    lnsp_delta_destroy(delta);
  }
  clients_close(&c);
}

static void refused(const clients *c, const double *weights, int32_t count, const char *rule,
                    int32_t status, const char *said) {
  lnsp_delta *delta = NULL;
  CHECK_INT(lnsp_delta_aggregate(c->base, (const lnsp_delta *const *)c->delta, weights, count,
                                 rule, NULL, NULL, &delta, &error),
            status);
  CHECK(delta == NULL);
  CHECK_SAY(strstr(error.message, said) != NULL, "'%s' lacks '%s'", error.message, said);
}

static void test_arguments(void) {
  static const double nothing[CLIENTS] = {0, 0, 0, 0, 0}, negative[CLIENTS] = {1, -1, 1, 1, 1};
  const double nan[CLIENTS] = {1, 1, 1, 1, (double)NAN};
  clients c;
  clients_open(&c);
  refused(&c, NULL, 0, NULL, LNSP_E_LIMIT, "1 to 1024");
  refused(&c, NULL, CLIENTS, "mode", LNSP_E_UNKNOWN, "`lnsp list` shows all");
  refused(&c, NULL, CLIENTS, "mean share=.1", LNSP_E_UNKNOWN, "lnsp list mean");
  refused(&c, NULL, CLIENTS, "trimmed share=.5", LNSP_E_LIMIT, "share");
  refused(&c, NULL, CLIENTS, "mean clip=median clip=1", LNSP_E_SYNTAX, "");
  refused(&c, NULL, CLIENTS, "mean clip=-1", LNSP_E_LIMIT, "clip");
  refused(&c, NULL, CLIENTS, "mean\nmedian", LNSP_E_SYNTAX, "");
  refused(&c, nothing, CLIENTS, "mean", LNSP_E_ARGUMENT, "sum to 0");
  refused(&c, negative, CLIENTS, "mean", LNSP_E_ARGUMENT, "weight 2 of 5");
  refused(&c, nan, CLIENTS, "mean", LNSP_E_ARGUMENT, "weight 5 of 5");
  refused(&c, negative, CLIENTS, "median", LNSP_E_ARGUMENT, "treat all deltas equally");
  clients_close(&c);
}

/* Deltas that cannot be used: of another base; one whose result is infinite, which no
 * library makes but any sender can; with and without skip. */
static void test_bad_clients(void) {
  clients c;
  clients_open(&c);
  lnsp_model *other = model_fresh(NET, 77), *far = moved(c.base, 3, 1e38f);
  lnsp_model *third = NULL, *twice = NULL;
  lnsp_delta *keep = c.delta[2], *sum = NULL;
  int32_t why[CLIENTS];
  memset(why, 0xff, sizeof why);
  c.delta[2] = delta_between(other, c.base, "int8");
  CHECK_INT(lnsp_delta_stamp(c.delta[2], "phone-3", 9, NULL, 0, &error), LNSP_OK);
  refused(&c, NULL, CLIENTS, "mean", LNSP_E_MISMATCH, "delta 3 of 5 (from phone-3)");
  lnsp_delta_destroy(c.delta[2]);

  /* far + (far - base) overflows: the delta of base and far, which says it is on far */
  c.delta[2] = delta_between(c.base, far, "float32");
  lnsp_model_hash(far, c.delta[2]->base, &error);
  const lnsp_delta *one[1] = {c.delta[2]};
  lnsp_model *result = NULL;
  CHECK_INT(lnsp_delta_apply(c.delta[2], far, NULL, &result, &error), LNSP_E_MISMATCH);
  lnsp_delta_destroy(c.delta[2]);
  third = moved(c.base, 3, 3e38f);
  c.delta[2] = delta_between(c.base, third, "float32");
  lnsp_model_hash(third, c.delta[2]->base, &error);
  one[0] = c.delta[2];
  CHECK_INT(lnsp_delta_aggregate(third, one, NULL, 1, "mean", NULL, NULL, &sum, &error),
            LNSP_E_NOT_FINITE);
  CHECK_INT(lnsp_delta_apply(c.delta[2], third, NULL, &result, &error), LNSP_E_NOT_FINITE);
  CHECK(result == NULL && sum == NULL);

  /* left out: the same as if it had not been sent */
  CHECK_INT(lnsp_delta_aggregate(c.base, (const lnsp_delta *const *)c.delta, NULL, CLIENTS,
                                 "mean skip=1", NULL, why, &sum, &error),
            LNSP_OK);
  for (int i = 0; i < CLIENTS; i++) CHECK_INT(why[i], i == 2 ? LNSP_E_MISMATCH : LNSP_OK);
  CHECK_INT(lnsp_delta_apply(sum, c.base, NULL, &result, &error), LNSP_OK);
  const lnsp_delta *rest[CLIENTS - 1] = {c.delta[0], c.delta[1], c.delta[3], c.delta[4]};
  lnsp_delta *fewer = NULL;
  CHECK_INT(lnsp_delta_aggregate(c.base, rest, NULL, CLIENTS - 1, "mean", NULL, NULL, &fewer,
                                 &error),
            LNSP_OK);
  CHECK_INT(lnsp_delta_apply(fewer, c.base, NULL, &twice, &error), LNSP_OK);
  CHECK(distance(result, twice, NULL) == 0);
  lnsp_delta_destroy(fewer);
  lnsp_delta_destroy(sum);
  sum = NULL;
  CHECK_INT(lnsp_delta_aggregate(c.base, one, NULL, 1, "median skip=1", NULL, why, &sum,
                                 &error),
            LNSP_E_MISSING);
  CHECK(sum == NULL);

  /* a damaged payload is found by reading it, before anything is combined */
  lnsp_delta_destroy(c.delta[2]);
  c.delta[2] = keep;
  c.delta[0]->payload[c.delta[0]->bytes / 2] ^= 0x55;
  c.delta[0]->stages[0].bytes -= 7;
  refused(&c, NULL, CLIENTS, "mean", LNSP_E_FORMAT, "delta 1 of 5");
  lnsp_model_destroy(twice);
  lnsp_model_destroy(result);
  lnsp_model_destroy(third);
  lnsp_model_destroy(far);
  lnsp_model_destroy(other);
  clients_close(&c);
}

static lnsp_trainer *server(const lnsp_model *model, const char *optimizer) {
  lnsp_trainer *trainer = NULL;
  CHECK_INT(lnsp_trainer_create(model, NULL, optimizer, NULL, NULL, &trainer, &error), LNSP_OK);
  return trainer;
}

/* sgd lr=1 is the aggregate applied; any optimizer is a step with minus its values. */
static void test_server(void) {
  static const char *const optimizers[] = {"sgd lr=1", "adam lr=.01 betas=.9,.99 eps=1e-3",
                                           "adamw lr=.01 clip=.5"};
  clients c;
  clients_open(&c);
  for (size_t o = 0; o < sizeof optimizers / sizeof *optimizers; o++) {
    lnsp_trainer *a = server(c.base, optimizers[o]), *b = server(c.base, optimizers[o]);
    lnsp_delta *sum = NULL;
    lnsp_model *applied = NULL;
    CHECK_INT(lnsp_delta_aggregate(c.base, (const lnsp_delta *const *)c.delta, NULL, CLIENTS,
                                   "mean", NULL, NULL, &sum, &error),
              LNSP_OK);
    CHECK_INT(lnsp_delta_apply(sum, c.base, NULL, &applied, &error), LNSP_OK);
    CHECK_INT(lnsp_trainer_step_delta(a, sum, &error), LNSP_OK);
    CHECK_INT(lnsp_trainer_step_count(a), 1);
    lnsp_model *stepped = model_published(a);
    if (o == 0) CHECK(distance(stepped, applied, NULL) == 0);
    if (o > 0) { /* base 0 reads the aggregate's float32 changes as they are */
      lnsp_tensor gradients[64];
      const int32_t count = lnsp_graph_tensor_count(c.base->graph);
      for (int32_t i = 0; i < count; i++) {
        lnsp_graph_tensor_at(c.base->graph, i, &gradients[i], &error);
        const int64_t n = c.base->graph->weights[i].count;
        float *from = malloc((size_t)n * 4), *to = malloc((size_t)n * 4);
        lnsp_model_tensor_read(c.base, gradients[i].name, from, n, &error);
        lnsp_model_tensor_read(applied, gradients[i].name, to, n, &error);
        for (int64_t k = 0; k < n; k++) to[k] = from[k] - to[k];
        free(from);
        gradients[i].data = to;
      }
      CHECK_INT(lnsp_trainer_apply_gradients(b, gradients, count, &error), LNSP_OK);
      lnsp_model *wanted = model_published(b);
      CHECK(distance(stepped, wanted, NULL) == 0);
      CHECK(distance(stepped, c.base, NULL) > 1e-3);
      lnsp_model_destroy(wanted);
      for (int32_t i = 0; i < count; i++) free(gradients[i].data);
    }
    /* its base is no more the trainer's weights */
    CHECK_INT(lnsp_trainer_step_delta(a, sum, &error), LNSP_E_MISMATCH);
    CHECK_INT(lnsp_trainer_step_count(a), 1);
    lnsp_model_destroy(stepped);
    lnsp_model_destroy(applied);
    lnsp_delta_destroy(sum);
    lnsp_trainer_destroy(a);
    lnsp_trainer_destroy(b);
  }
  clients_close(&c);
}

/* ---- stamps and rules ---- */

static lnsp_delta_check_options rules_with(const void *key, uint32_t bytes) {
  lnsp_delta_check_options rules = LNSP_DELTA_CHECK_OPTIONS_INIT;
  rules.key = key;
  rules.key_bytes = bytes;
  return rules;
}

static int32_t checked(const lnsp_delta *delta, const lnsp_model *base,
                       const lnsp_delta_check_options *rules) {
  return lnsp_delta_check(delta, base, rules, NULL, &error);
}

static void test_stamp(void) {
  static const char key[] = "sixteen bytes...", wrong[] = "sixteen bytes..,";
  lnsp_model *base = model_fresh(NET, 1), *next = moved(base, 2, .01f);
  lnsp_delta *delta = delta_between(base, next, "int8"), *read = NULL;
  lnsp_delta_info facts = LNSP_DELTA_INFO_INIT;
  lnsp_delta_check_options rules = rules_with(key, 16), others = rules_with(wrong, 16);
  CHECK_INT(checked(delta, base, &rules), LNSP_E_MISSING);
  CHECK_INT(lnsp_delta_stamp(delta, "watch-17", 18446744073709551615u, key, 16, &error),
            LNSP_OK);
  size_t bytes, unsigned_bytes;
  uint8_t *data = delta_bytes(delta, &bytes);
  CHECK_INT(lnsp_delta_open_memory(data, bytes, NULL, &read, &error), LNSP_OK);
  CHECK_INT(lnsp_delta_get_info(read, &facts, &error), LNSP_OK);
  CHECK_STR(facts.sender, "watch-17");
  CHECK(facts.nonce == 18446744073709551615u);
  CHECK_INT(facts.authenticated, 1);
  CHECK_INT(facts.encoded_bytes, bytes);
  CHECK_INT(checked(read, base, &rules), LNSP_OK);
  CHECK_INT(checked(delta, base, &rules), LNSP_OK);
  CHECK_INT(checked(read, base, &others), LNSP_E_MISMATCH);
  rules.key_bytes = 15; /* another key: its length counts */
  CHECK_INT(checked(read, base, &rules), LNSP_E_MISMATCH);
  lnsp_delta_destroy(read);
  /* without a key: name and number alone */
  CHECK_INT(lnsp_delta_stamp(delta, "watch-18", 1, NULL, 0, &error), LNSP_OK);
  free(delta_bytes(delta, &unsigned_bytes));
  CHECK(unsigned_bytes < bytes);
  CHECK_INT(checked(delta, base, &others), LNSP_E_MISSING);
  static const char *const bad[] =
      {"a b",
       "a\"b",
       "a;b",
       "\x7f",
       "a\\b",
       "\xc3\xa9",
       "0123456789012345678901234567890123456789012345678901234567890123"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    CHECK_INT(lnsp_delta_stamp(delta, bad[i], 1, NULL, 0, &error), LNSP_E_ARGUMENT);
  CHECK_INT(lnsp_delta_stamp(delta, "a", 1, key, 33, &error), LNSP_E_ARGUMENT);
  free(data);
  lnsp_delta_destroy(delta);
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
}

/* No bit of a stamped file can be turned without one of the two checks seeing it. */
static void test_stamped_bits(void) {
  static const char key[] = "0123456789abcdef0123456789abcdef";
  lnsp_model *base = NULL, *next = NULL;
  lnsp_delta_check_options rules = rules_with(key, 32);
  static const char text[] = "lnsp 1\nx = input 3\no = linear x 2 w=a\noutput output=o\n";
  CHECK_INT(lnsp_model_create(text, 1, NULL, &base, &error), LNSP_OK);
  CHECK_INT(lnsp_model_create(text, 2, NULL, &next, &error), LNSP_OK);
  lnsp_delta *delta = delta_between(base, next, "exact");
  CHECK_INT(lnsp_delta_stamp(delta, "b", 3, key, 32, &error), LNSP_OK);
  size_t bytes;
  uint8_t *data = delta_bytes(delta, &bytes);
  int32_t decoded = 0;
  for (size_t bit = 0; bit < 8 * bytes; bit++) {
    lnsp_delta *read = NULL;
    data[bit / 8] = (uint8_t)(data[bit / 8] ^ 1u << bit % 8);
    if (lnsp_delta_open_memory(data, bytes, NULL, &read, &error) == LNSP_OK) {
      decoded++;
      CHECK_INT(checked(read, base, &rules), LNSP_E_MISMATCH);
    }
    lnsp_delta_destroy(read);
    data[bit / 8] = (uint8_t)(data[bit / 8] ^ 1u << bit % 8);
  }
  CHECK(decoded <= 8 * 64); /* only among the digits of the code itself */
  free(data);
  lnsp_delta_destroy(delta);
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
}

typedef struct witness {
  int verified, judged;
  int32_t verify, judge;
} witness;

static int32_t witness_verify(void *user, const uint8_t digest[LNSP_HASH_BYTES],
                              const char *sender, uint64_t nonce) {
  witness *w = user;
  w->verified += digest != NULL && !strcmp(sender, "s") && nonce == 5;
  return w->verify;
}

static int32_t witness_judge(void *user, lnsp_model *candidate) {
  witness *w = user;
  w->judged += candidate != NULL;
  return w->judge;
}

static void test_rules_of_a_receiver(void) {
  lnsp_model *base = model_fresh(NET, 1), *next = moved(base, 2, .01f), *out = NULL,
             *made_of = NULL;
  lnsp_delta *delta = delta_between(base, next, "int8");
  lnsp_delta_check_options rules = rules_with(NULL, 0);
  witness w = {0, 0, 0, 0};
  double norm = 0, most = 0, wanted_most = 0;
  CHECK_INT(lnsp_delta_stamp(delta, "s", 5, NULL, 0, &error), LNSP_OK);
  CHECK_INT(lnsp_delta_apply(delta, base, NULL, &made_of, &error), LNSP_OK);
  const double wanted = distance(made_of, base, &wanted_most);
  CHECK_INT(lnsp_delta_norm(delta, base, &norm, &most, NULL, &error), LNSP_OK);
  CHECK(fabs(norm - wanted) <= 1e-12 * wanted && most == wanted_most);
  CHECK_INT(lnsp_delta_norm(delta, next, &norm, &most, NULL, &error), LNSP_E_MISMATCH);
  rules.max_norm = 1.001 * wanted;
  rules.max_change = wanted_most;
  CHECK_INT(checked(delta, base, &rules), LNSP_OK);
  rules.max_norm = .999 * wanted;
  CHECK_INT(checked(delta, base, &rules), LNSP_E_LIMIT);
  rules.max_norm = 0;
  rules.max_change = .999 * wanted_most;
  CHECK_INT(checked(delta, base, &rules), LNSP_E_LIMIT);
  rules.max_change = (double)NAN;
  CHECK_INT(checked(delta, base, &rules), LNSP_E_ARGUMENT);
  rules.max_change = 0;
  rules.user = &w;
  rules.verify = witness_verify;
  rules.judge = witness_judge;
  CHECK_INT(lnsp_delta_accept(delta, base, &rules, NULL, &out, &error), LNSP_OK);
  CHECK(out != NULL && distance(out, made_of, NULL) == 0);
  CHECK(w.verified == 1 && w.judged == 1);
  lnsp_model_destroy(out);
  w.judge = 1;
  CHECK_INT(lnsp_delta_accept(delta, base, &rules, NULL, &out, &error), LNSP_E_REFUSED);
  CHECK(out == NULL && w.judged == 2);
  w.verify = 1;
  CHECK_INT(lnsp_delta_accept(delta, base, &rules, NULL, &out, &error), LNSP_E_REFUSED);
  CHECK(out == NULL && w.judged == 2);
  lnsp_delta_destroy(delta);
  lnsp_model_destroy(made_of);
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
}

int main(void) {
  RUN(test_rules);
  RUN(test_few);
  RUN(test_arguments);
  RUN(test_bad_clients);
  RUN(test_server);
  RUN(test_stamp);
  RUN(test_stamped_bits);
  RUN(test_rules_of_a_receiver);
  FINISH();
}
