/* Losses. A new one is a file in losses/ and a line in losses/list.h. */
#ifndef LNSPI_TRAIN_LOSS_H
#define LNSPI_TRAIN_LOSS_H

#include <stdint.h>

#include "base/unknown.h"
#include "kernels/kernels.h"

#define LNSPI_LOSS_OPERANDS 4
#define LNSPI_LOSS_TERMS 8

/* What an operand is while training; all but MODEL are constants. */
enum {
  LNSPI_OPERAND_MODEL = 1, /* the network's output for the input of that name: has a gradient */
  LNSPI_OPERAND_DATA, /* the caller's tensor of that name, a vector for every row */
  LNSPI_OPERAND_SET, /* likewise, n vectors for every row: [rows, n, width] */
  LNSPI_OPERAND_CONTEXT /* the sequence that the row was made from: the network's input */
};

/* Operands that most losses have. */
#define LNSPI_LOSS_OUTPUT {NULL, "p", LNSPI_OPERAND_MODEL, 0}
#define LNSPI_LOSS_TARGET {"target", "t", LNSPI_OPERAND_DATA, 0}
#define LNSPI_LOSS_SEQUENCE {"input", "ctx", LNSPI_OPERAND_CONTEXT, 0}

typedef struct lnspi_loss_call {
  const lnspi_kernels *k;
  int64_t rows, width;
  const float *x[LNSPI_LOSS_OPERANDS]; /* row r at x + r*ld; pads are +0.
                                           NULL: an operand that is not used */
  int64_t ld[LNSPI_LOSS_OPERANDS]; /* multiples of 16 */
  /* Row r belongs to rows r/share*each .. +each-1 of the operand. Both are 1 but for
   * sets and contexts; operand 0 always has 1. */
  int64_t each[LNSPI_LOSS_OPERANDS], share[LNSPI_LOSS_OPERANDS];
  float *d[LNSPI_LOSS_OPERANDS]; /* same ld; the gradient times weight is
                                           ADDED; NULL: not wanted */
  float weight;
  const float *real; /* the term's arguments */
  int64_t length; /* rows of operand 0 that one sequence has */
  uint64_t pass; /* numbers the calls, for what is drawn at random */
  float *scratch;
} lnspi_loss_call;

typedef struct lnspi_loss {
  const char *name;
  const char *help;
  const char *on; /* default output; NULL: "output" */
  /* operand 0 is the prediction; name in training ("input" group has the name
   * NULL for operand 0), name in `direct` evaluation, kind */
  struct {
    const char *name; /* "positive", "target", "teacher" */
    const char *direct; /* "p", "t", "positive", ... */
    int32_t kind;
    int32_t argument; /* 1 + the index of an argument, or 0: used
                                           only where that is over 0; at most so many
                                           vectors are in a set */
  } operand[LNSPI_LOSS_OPERANDS]; /* kind 0 after the last */
  int32_t minimum_rows; /* 2 where one row has no value; else left out */
  int32_t across; /* compares rows with each other, from one on */
  const char *keys; /* base/setting.h: of each real argument, a word as its index; or NULL */
  /* Looks at rows, width, real and each; grows with rows and each. */
  int64_t (*scratch_floats)(const lnspi_loss_call *shape);
  /* Unweighted value; sums in double where the file says so, rows ascending. */
  double (*evaluate)(const lnspi_loss_call *call);
} lnspi_loss;

const lnspi_loss *lnspi_loss_at(int32_t index); /* NULL past the end */
int32_t lnspi_loss_find(lnspi_unknown *name); /* or -1, after offering all */

typedef struct lnspi_loss_term {
  const lnspi_loss *loss; /* NULL: the replay term */
  float weight;
  char on[32]; /* output it looks at */
  float real[4];
  int32_t rows; /* replay: vectors drawn a step */
  uint64_t seed; /* replay */
  /* when it counts: updates from <= n < until are made, and one of every calls */
  int64_t from, until, every;
  /* gated: times the mean over rows of 1 where the last of the context is nearer to the
   * target than to prev by the gate, else weak */
  int32_t gated;
  float gate, weak;
  /* share > 0: times share * value of the first term / own value, from low to high */
  float share, low, high;
  /* full > ramp: times how far the mean cosine of output and target is between them */
  float ramp, full;
  char against[32]; /* in place of the target: this output for "positive" */
  int32_t stop; /* which is constant then */
} lnspi_loss_term;

/* An empty call: every operand has one vector a row. */
static inline void lnspi_loss_start(lnspi_loss_call *call) {
  memset(call, 0, sizeof *call);
  call->length = 1;
  for (int o = 0; o < LNSPI_LOSS_OPERANDS; o++) call->each[o] = call->share[o] = 1;
}

/* 1 if a term with these arguments looks at operand o. */
static inline int lnspi_loss_uses(const lnspi_loss *loss, const float *real, int32_t o) {
  const int32_t argument = loss->operand[o].argument;
  return loss->operand[o].kind && (!argument || real[argument - 1] > 0);
}

/* ---- terms at work ---- */

/* Operand 1 is the target, which against= replaces. */
static inline int lnspi_loss_term_replaces(const lnspi_loss_term *term, int32_t o) {
  return o == 1 && term->against[0];
}

/* 1 if the rows of a batch weigh a term together. */
static inline int lnspi_loss_term_weighs_rows(const lnspi_loss_term *term) {
  return term->gated || term->share > 0 || term->full > term->ramp;
}

/* What a gate looks at: operand 0 the target, 1 prev, 2 the context. */
#define LNSPI_LOSS_WEIGHTING_OPERANDS 3

extern const char
    *const lnspi_loss_weighting_operands[LNSPI_LOSS_WEIGHTING_OPERANDS]; /* in training */

/* The loss of a term: replay's, too. */
const lnspi_loss *lnspi_loss_of_term(const lnspi_loss_term *term);

#endif
