/* 5CAT, the causal alignment test of five concepts to one (of the repository
 * TrentCarter/lnsp-phase-4): does a network predict the next concept of an article, or one
 * that lies nearby? Pure functions. docs/evaluation.md has the formulas. */
#ifndef COMMON_CAT5_H
#define COMMON_CAT5_H

#include <stdint.h>

#define CAT5_OFFSETS 7 /* k = -3 .. 3 */
#define CAT5_STEPS 16  /* most steps of a rollout */

/* All vectors in reading order, with the number of their article (negative: none). */
typedef struct cat5_bank {
  const float *vectors; /* [count, width], of length 1 */
  const int32_t *article;
  const int32_t *order; /* rows by article, then by row: cat5_order */
  const int32_t *place; /* of a row in order */
  int64_t count, width;
} cat5_bank;

/* Fills order and place, [count] each. */
void cat5_order(const int32_t *article, int64_t count, int32_t *order, int32_t *place);
/* The row k places after this one in its article, or -1. */
int64_t cat5_neighbour(const cat5_bank *bank, int64_t row, int64_t k);

/* Predicts rows contexts [rows, concepts, width] into out [rows, width]; 0 or a status that
 * ends the test. */
typedef int (*cat5_predict)(void *self, const float *contexts, int64_t rows, float *out);

typedef struct cat5_setting {
  int target_base; /* 1: offsets count from the target (the origin's); 0: from the last of the
                      context, so that k = +1 is the target */
  int64_t concepts, horizon, batch;
} cat5_setting;

enum { CAT5_SHUFFLED, CAT5_REVERSED, CAT5_LEFT_OUT, CAT5_REPEATED, CAT5_CROSS, CAT5_ABLATIONS };

typedef struct cat5_result {
  int64_t rows, without_article; /* windows; those whose target has no article */
  double offset[CAT5_OFFSETS], margin;
  int64_t offset_rows, offset_skipped;
  double hit1, hit5, mrr;
  int64_t article_rows, article_skipped;
  double ablation[CAT5_ABLATIONS];
  double rollout, step[CAT5_STEPS];
  int64_t rollout_rows, rollout_skipped;
  double low, normal; /* mean cosine where the context's coherence is < .45, .45 to .55 */
  int64_t low_rows, normal_rows;
  double cosine;      /* with the target, of all */
} cat5_result;

/* windows [rows, concepts + 1]: rows of the bank, the target last. scratch:
 * cat5_scratch floats. */
int64_t cat5_scratch(const cat5_bank *bank, const cat5_setting *s);
int cat5_evaluate(const cat5_bank *bank, const int32_t *windows, int64_t rows,
                  const cat5_setting *setting, cat5_predict predict, void *self, float *scratch,
                  cat5_result *out);

enum { CAT5_A, CAT5_B, CAT5_C, CAT5_D, CAT5_E, CAT5_GATES };

/* The limits of the gates, as docs/evaluation.md has them: of the first set, of the second. */
typedef struct cat5_limits {
  double offset, margin;     /* A: at least */
  double hit1, hit5, mrr;    /* B: at least */
  double rollout;            /* D: at least */
} cat5_limits;
extern const cat5_limits cat5_limit[2];
extern const double cat5_ablation_limit[CAT5_ABLATIONS]; /* C: a change of at most */
#define CAT5_BIN_LIMIT .05                               /* E: between the sets, at most */

/* 1: passed. second: by the limits of the second set (OOD). E compares both; without the
 * other set it is 0. */
int cat5_gate(int gate, const cat5_result *r, const cat5_result *other, int second);
extern const char *const cat5_gate_names[CAT5_GATES];
extern const char *const cat5_ablation_names[CAT5_ABLATIONS];

#endif
