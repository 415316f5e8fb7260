/* 5CAT, the causal alignment test of five concepts to one (of the repository
 * TrentCarter/lnsp-phase-4): does a network predict the next concept of an article, or one
 * that lies nearby? Pure functions, as metrics.h. docs/evaluation.md has the formulas. */
#ifndef FIVE_CAT_H
#define FIVE_CAT_H

#include <stdint.h>

#define FIVE_OFFSETS 7 /* k = -3 .. 3 */
#define FIVE_STEPS 16  /* most steps of a rollout */

/* All vectors in reading order, with the number of their article (negative: none). */
typedef struct five_bank {
  const float *vectors; /* [count, width], of length 1 */
  const int32_t *article;
  const int32_t *order; /* rows by article, then by row: five_order */
  const int32_t *place; /* of a row in order */
  int64_t count, width;
} five_bank;

/* Fills order and place, [count] each. */
void five_order(const int32_t *article, int64_t count, int32_t *order, int32_t *place);
/* The row k places after this one in its article, or -1. */
int64_t five_neighbour(const five_bank *bank, int64_t row, int64_t k);

/* Predicts rows contexts [rows, concepts, width] into out [rows, width]; 0 or a status that
 * ends the test. */
typedef int (*five_predict)(void *self, const float *contexts, int64_t rows, float *out);

typedef struct five_setting {
  int target_base; /* 1: offsets count from the target (the origin's); 0: from the last of the
                      context, so that k = +1 is the target */
  int64_t concepts, horizon, batch;
} five_setting;

enum { FIVE_SHUFFLED, FIVE_REVERSED, FIVE_LEFT_OUT, FIVE_REPEATED, FIVE_CROSS, FIVE_ABLATIONS };

typedef struct five_result {
  int64_t rows, without_article; /* windows; those whose target has no article */
  double offset[FIVE_OFFSETS], margin;
  int64_t offset_rows, offset_skipped;
  double hit1, hit5, mrr;
  int64_t article_rows, article_skipped;
  double ablation[FIVE_ABLATIONS];
  double rollout, step[FIVE_STEPS];
  int64_t rollout_rows, rollout_skipped;
  double low, normal; /* mean cosine where the context's coherence is < .45, .45 to .55 */
  int64_t low_rows, normal_rows;
  double cosine;      /* with the target, of all */
} five_result;

/* windows [rows, concepts + 1]: rows of the bank, the target last. scratch:
 * five_scratch floats. */
int64_t five_scratch(const five_bank *bank, const five_setting *s);
int five_run(const five_bank *bank, const int32_t *windows, int64_t rows,
             const five_setting *setting, five_predict predict, void *self, float *scratch,
             five_result *out);

enum { FIVE_A, FIVE_B, FIVE_C, FIVE_D, FIVE_E, FIVE_GATES };

/* 1: passed. second: by the limits of the second set (OOD). E compares both; without the
 * other set it is 0. */
int five_gate(int gate, const five_result *r, const five_result *other, int second);
extern const char *const five_gate_names[FIVE_GATES];
extern const char *const five_ablation_names[FIVE_ABLATIONS];

/* Python's random.Random(seed): its shuffle of n things, one after another. */
typedef struct five_random {
  uint32_t state[624];
  int at;
} five_random;
void five_random_start(five_random *r, uint32_t seed);
void five_shuffle(five_random *r, int32_t *x, int32_t n);

#endif
