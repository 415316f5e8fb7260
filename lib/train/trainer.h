/* The trainer: mutable weights, moments and step count, and one step in three
 * phases: forward and backward (backward.c), the gate and the update (update.c). */
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

#define LNSPI_OBJECTIVE_BYTES 2560 /* counted, on every host */
#define LNSPI_PHASE_IDLE 0
#define LNSPI_PHASE_FORWARD 1  /* values are there */
#define LNSPI_PHASE_GRADIENT 2 /* and uses and small gradients */

struct lnsp_trainer {
  lnspi_block block;
  lnsp_graph *graph;
  lnspi_engine engine;
  lnspi_optimizer_config rule;
  lnspi_objective *objective;
  lnsp_size_options limits;
  lnsp_memory_info memory;
  int32_t moment_count, phase, mark_count, mark_newest, has_replay, lr_changed;
  uint64_t step;
  int32_t held, unused_room; /* held: calls in sum */
  lnspi_bounds bounds;
  int32_t bounds_known, use_count;
  int64_t batch, concepts;      /* of the last forward: rows of one group */
  char *loss_text, *optimizer_text;
  float *state, *moment[LNSPI_MOMENTS], *average; /* state: by the weights' types */
  float *sum;                   /* of gradients, laid out so too; NULL without accumulate */
  double sum_most;              /* a bound of it */
  float *residual;              /* laid out like a moment; NULL without residual=1 */
  int32_t whole;                /* 1: strips give the sum, too */
  int32_t narrow;               /* moments in 8 bits, in place of moment[]: */
  uint8_t *code[LNSPI_MOMENTS]; /* an element; int8_t in those that have a sign */
  float *scale[LNSPI_MOMENTS];  /* of the blocks */
  int64_t *block_at;            /* number of each weight's first block, and of all */
  uint8_t *marks;
  float **mark_at;              /* where each mark's arrays are: rollback exchanges
                                   a mark's memory with the live one's */
  int32_t mark_pending;         /* the mark that is equal to the live state and
                                   must be copied before that changes, or -1 */
  float norm;                   /* of the last gradient that was clipped */
  uint64_t *mark_ages;          /* a mark: the step and all ages */
  uint64_t *age;                /* updates of each weight, as PyTorch counts */
  uint64_t mark_bytes;
  float *dvalues;               /* laid out like engine.values */
  float *extra[LNSPI_MAX_INPUTS]; /* a second gradient for a value, to be added */
  int64_t data_each[LNSPI_DATA]; /* vectors a row of the last evaluation */
  lnsp_echo echo;               /* whose function makes the tensor "echo", if set */
  float *loss_scratch;
  float *replay;
  float *squares;               /* of the gradient's strips, with clipping */
  double *shares;               /* of the examples, with clip_each */
  uint32_t noise_key[8];        /* never written to a file */
  int32_t has_noise_key, reserved;
  float *row;
  float *small;                 /* gradients of FLAT tensors */
  int64_t *small_offset;        /* of each weight */
  lnspi_use *uses;
  const float *const *given;    /* a step from these gradients, or NULL */
  const float **given_room;     /* a pointer a weight, for who makes such a step */
  uint8_t *reached, *wanted;    /* a node */
  uint8_t *touched, *frozen;    /* a weight */
  uint8_t *gathered;            /* a weight whose gradient is in sum */
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

/* Before a pass: what layers that draw by chance take, if they are to when learning. */
void lnspi_trainer_seed_layers(lnsp_trainer *trainer, int learning);

/* Numbers the calls that updates are made of. */
uint64_t lnspi_trainer_call_number(const lnsp_trainer *trainer);

/* Where a float32 weight is, and a strip of a bfloat16 one. */
float *lnspi_trainer_weight(const lnsp_trainer *t, const lnspi_weight *weight);

#endif
