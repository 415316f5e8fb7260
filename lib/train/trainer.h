/* The trainer: mutable weights, moments and step count, and one step in three
 * phases: forward and backward (backward.c), the gate and the update (update.c).
 *
 * Everything that a step needs is in one block, laid out once by trainer_layout.c, so that a
 * step allocates nothing and its memory is known before. The live state is one run of bytes:
 * weights, moments, average and residual, one after the other; so a mark is one copy.
 *
 * Nothing of it changes before the gate: a step whose input, loss or gradient is refused, or
 * not finite, leaves the trainer as it was. Members are grouped by who uses them: optim by
 * update.c, accum by accumulate.c, marks by history.c, loss by loss_eval.c, grad by
 * backward.c and update.c, dp by privacy.c. */
#ifndef LNSPI_TRAIN_TRAINER_H
#define LNSPI_TRAIN_TRAINER_H

#include "base/str.h"
#include "run/batch.h"
#include "run/engine.h"
#include "run/model.h"
#include "train/loss.h"
#include "train/optimizer.h"

#define LNSPI_TEXT_BYTES 512    /* loss and optimizer texts */
#define LNSPI_SAVED_STATES 5    /* weights, two moments, average, residual */

/* One use of a matrix: its gradient is the sum of d[r] x[r]^T over all uses. */
typedef struct lnspi_use {
  const float *x, *d;
  int64_t ldx, ldd, rows;
  int32_t weight, part;
} lnspi_use;

/* What a loss text needs of the caller. */
typedef struct lnspi_objective {
  lnspi_loss_term terms[LNSPI_LOSS_TERMS];
  int32_t term_count;
  int32_t output[LNSPI_LOSS_TERMS];  /* of the graph */
  int32_t against[LNSPI_LOSS_TERMS]; /* likewise, where a term has one */
  lnspi_batch_needs needs;           /* of the caller, in each call */
  int32_t replay_rows, replay_term;  /* term: -1 if there is none */
  uint64_t replay_seed;
} lnspi_objective;

#define LNSPI_OBJECTIVE_BYTES 2560 /* counted for the struct, on every host */

/* What of the last pass is still in memory. */
enum {
  LNSPI_PHASE_IDLE,    /* nothing: no pass yet, or its values are out of date */
  LNSPI_PHASE_FORWARD, /* the values of every node */
  LNSPI_PHASE_GRADIENT /* those, and gradients that an update can be made from */
};

/* What schedule=plateau remembers; four words of 8 bytes, which marks and stores copy. */
typedef struct lnspi_plateau {
  double best;           /* of the reported values; infinite before the first */
  double rate;           /* the learning rate, not rounded to float */
  uint64_t bad, cooling; /* values since the best one; values that may not count as bad */
} lnspi_plateau;

/* The optimizer: its settings, and what it remembers of each weight. Arrays of elements are
 * laid out like the float32 state: element i of moment[m] belongs to element i of it. */
typedef struct lnspi_trainer_optim {
  lnspi_optimizer_config rule; /* as text says; rule.lr may have been set since */
  char *text;
  int32_t moment_count;        /* what the optimizer keeps of each element: 0 to 2 */
  int32_t has_moments8;        /* 1: code and scale are there, and moment is not */
  int32_t lr_changed;          /* rule.lr was set by hand, so that state files must keep it */
  int32_t bounds_known;        /* 0: whoever wrote into the state did not say how large */
  float *moment[LNSPI_MOMENTS];
  uint8_t *code[LNSPI_MOMENTS]; /* of an element; int8_t in moments that have a sign */
  float *scale[LNSPI_MOMENTS];  /* of a block of elements */
  int64_t *block_at;            /* number of each weight's first block, and of all blocks */
  lnspi_plateau plateau;        /* with schedule=plateau */
  uint64_t *age;                /* updates that each weight got: PyTorch's step */
  lnspi_bounds bounds;          /* no element of weights, moments and average is beyond */
  float clipped_norm;           /* norm of the last gradient with clip=, before clipping */
} lnspi_trainer_optim;

/* Gradient accumulation, with accumulate=N. Between two updates sum holds the gradients of the
 * calls that were applied so far; that of a call whose apply is to come is not in it. */
typedef struct lnspi_trainer_accum {
  float *sum;     /* laid out like a moment; NULL: every call is an update */
  double bound;   /* no element of sum is beyond */
  int32_t calls;  /* in sum: 0 to N - 1 */
  int32_t included; /* 1 while an update is made: tiles begin with what sum holds */
  uint8_t
      *holds; /* 1 for a weight that sum has a gradient of; the rest of sum is out of date */
} lnspi_trainer_accum;

/* Marks, a ring of limits.max_marks copies of the state. A copy is the block of memory that
 * begins at the live state: weights, or weights, moments, average and residual. */
typedef struct lnspi_trainer_marks {
  uint8_t *memory;  /* for history copies; rollback may make one of them the live state */
  float **at;       /* where each mark's copy is now: here, or in what was the live state */
  uint64_t *ages;   /* of each mark: the step, the age of each weight, the plateau's words */
  uint64_t bytes;   /* of a copy */
  int32_t count, newest; /* newest: -1 before the first */
  int32_t pending;  /* the mark that is equal to the live state and gets its copy when that
                       changes, or -1; until then its memory holds something else */
} lnspi_trainer_marks;

/* The last pass, of one group of the loss. */
typedef struct lnspi_trainer_pass {
  int32_t phase; /* LNSPI_PHASE_... */
  int64_t rows, concepts;
  int64_t each[LNSPI_DATA]; /* vectors a row of each data tensor */
} lnspi_trainer_pass;

typedef struct lnspi_trainer_loss {
  lnspi_objective *objective;
  char *text;
  float *scratch;     /* for one term at a time */
  lnsp_echo echo;     /* whose function, if set, makes the data tensor "echo" */
  float *replay;      /* statistics to draw from, if has_replay; NULL without a replay term */
  int32_t has_replay;
} lnspi_trainer_loss;

/* What backward leaves for an update. Gradients of matrices are nowhere: they are formed
 * tile by tile from uses, which point into engine.values, engine.saved and values. */
typedef struct lnspi_trainer_grad {
  float *values;  /* of each node's value, laid out like engine.values */
  float *second[LNSPI_MAX_INPUTS]; /* of an input that has other readers, before it is added */
  lnspi_use *uses; /* use_count of them, at most plan.uses */
  int32_t use_count;
  float *flat; /* gradients of LNSPI_FLAT weights, one after the other */
  int64_t *flat_offset; /* of each weight's */
  const float *const *given; /* while an update is made from the caller's gradients: those, a
                                weight; else NULL */
  const float **given_room; /* a pointer a weight, for whoever makes such an update */
  float *tile_squares; /* square sums of a matrix's tiles, with clip= */
  uint8_t *reached, *wanted; /* a node: has a gradient; needs one, for a weight before it */
  uint8_t *touched; /* a weight: has a gradient, so that it gets an update */
} lnspi_trainer_grad;

/* Differential privacy. */
typedef struct lnspi_trainer_dp {
  double *factor; /* of each example's gradient, with clip_each */
  int32_t has_noise_key;
  uint32_t noise_key[8]; /* a secret: never written to a file, never handed out */
} lnspi_trainer_dp;

/* One block holds all of it; every pointer but those in engine.k, engine.tasks, loss.echo and
 * grad.given leads into it. */
struct lnsp_trainer {
  lnspi_block block;
  lnsp_graph *graph; /* own copy, whose weights have the trainer's types */
  lnspi_engine engine; /* plans limits.max_rows rows of each group, and the replayed */
  lnsp_size_options limits; /* as given: rows of one group */
  lnsp_memory_info memory;
  uint64_t step; /* updates so far */
  float *state; /* the weights, by their types; rollback moves it into a mark's memory */
  float *average; /* of the weights, with ema=; laid out like a moment, NULL without */
  float *residual; /* what lossy deltas left out so far, with residual=1; likewise */
  float *row; /* room for the longest row of any weight */
  uint8_t *frozen; /* a weight: 1 where it may not change; always for fixed ones */
  lnspi_trainer_optim optim;
  lnspi_trainer_accum accum;
  lnspi_trainer_marks marks;
  lnspi_trainer_pass pass;
  lnspi_trainer_loss loss;
  lnspi_trainer_grad grad;
  lnspi_trainer_dp dp;
};

int32_t lnspi_trainer_measure(const lnsp_graph *graph, const char *loss, const char *optimizer,
                              const lnsp_size_options *limits, lnsp_memory_info *out,
                              lnsp_error *error);
int32_t lnspi_trainer_from_model(const lnsp_model *model, const char *loss,
                                 const char *optimizer, const lnsp_size_options *limits,
                                 const lnsp_options *options, lnsp_trainer **out,
                                 lnsp_error *error);
int32_t lnspi_trainer_from_file(lnsp_file *file, const char *loss, const char *optimizer,
                                const lnsp_size_options *limits, const lnsp_options *options,
                                lnsp_trainer **out, lnsp_error *error);

/* Before a pass: seeds layers with dropout, which draw only when learning. */
void lnspi_trainer_seed_layers(lnsp_trainer *trainer, int learning);

/* The number of this call among all that updates are made of. */
uint64_t lnspi_trainer_call_number(const lnsp_trainer *trainer);

/* Where a weight is in the live state. */
float *lnspi_trainer_weight(const lnsp_trainer *t, const lnspi_weight *weight);

#endif
