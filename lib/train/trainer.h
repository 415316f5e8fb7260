/* The trainer: mutable weights, moments and step count, and one step in three
 * phases: forward and backward (backward.c), the gate and the update (update.c). */
#ifndef LNSPI_TRAIN_TRAINER_H
#define LNSPI_TRAIN_TRAINER_H

#include "run/engine.h"
#include "run/model.h"
#include "run/stage.h"
#include "train/loss.h"
#include "train/optimizer.h"
#include "train/replay.h"

#define LNSPI_TEXT_BYTES 512    /* loss and optimizer texts */
#define LNSPI_GROUPS 3          /* anchor, positive, negative */
#define LNSPI_DATA 8            /* constant tensors of a loss: target, ... */
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
  int32_t group_count;               /* runs of the network a row: 1 or more */
  const char *group[LNSPI_GROUPS];   /* "input" or "anchor", "positive", ... */
  int32_t data_count;
  const char *data[LNSPI_DATA];      /* "target", "teacher" */
  int32_t data_width[LNSPI_DATA];
  int32_t data_every[LNSPI_DATA];    /* as lnspi_node.every: of the output they go with */
  int32_t data_most[LNSPI_DATA];     /* of a set: vectors a row at most; else 0 */
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
  lnspi_rule rule;
  lnspi_objective *objective;
  lnsp_limits limits;
  lnsp_memory memory;
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
  float *data[LNSPI_DATA];
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

/* trainer.c */
int32_t lnspi_trainer_measure(const lnsp_graph *graph, const char *loss,
                              const char *optimizer, const lnsp_limits *limits,
                              lnsp_memory *out, lnsp_problem *problem);
int32_t lnspi_trainer_from_model(const lnsp_model *model, const char *loss,
                                 const char *optimizer, const lnsp_limits *limits,
                                 const lnsp_options *options, lnsp_trainer **out,
                                 lnsp_problem *problem);
int32_t lnspi_trainer_from_file(lnsp_file *file, const char *loss, const char *optimizer,
                                const lnsp_limits *limits, const lnsp_options *options,
                                lnsp_trainer **out, lnsp_problem *problem);

/* Before a pass: what layers that draw by chance take, if they are to when learning. */
void lnspi_trainer_draw(lnsp_trainer *trainer, int learning);

/* adopt.c: see lnsp_trainer_adopt. */
int32_t lnspi_trainer_adopt(lnsp_trainer *trainer, const lnsp_model *model, int reset,
                            lnsp_problem *problem);

/* objective.c */
int32_t lnspi_objective_parse(const char *text, const lnsp_graph *graph,
                              lnspi_objective *objective, lnsp_problem *problem);
int64_t lnspi_objective_scratch(const lnspi_objective *objective, const lnsp_graph *graph,
                                int64_t rows, int64_t concepts, int64_t replay_rows);
/* The loss of a term: replay's, too. */
const lnspi_loss *lnspi_objective_loss(const lnspi_loss_term *term);

/* evaluate.c */
/* 1 if the caller's function makes this data tensor. */
static inline int lnspi_trainer_echoes(const lnsp_trainer *trainer, int32_t data) {
  return trainer->echo.echo && lnspi_equal(trainer->objective->data[data], "echo");
}
/* Loads the inputs, runs forward, writes output gradients; *loss in double. */
int32_t lnspi_objective_evaluate(lnsp_trainer *trainer, const lnsp_tensor *inputs,
                                 int32_t input_count, double *loss, lnsp_problem *problem);
/* The loss alone. */
int32_t lnspi_objective_validate(lnsp_trainer *trainer, const lnsp_tensor *inputs,
                                 int32_t input_count, int average, double *loss,
                                 lnsp_problem *problem);

/* backward.c: from the output gradients that are in dvalues and marked reached. */
void lnspi_backward(lnsp_trainer *trainer);
void lnspi_backward_start(lnsp_trainer *trainer); /* nothing reached, all zero */
void lnspi_backward_seed(lnsp_trainer *trainer, int32_t node); /* zeroes it once */

/* accumulate.c: all of it does nothing, or is not called, without accumulate=N. */
int lnspi_accumulate_waits(const lnsp_trainer *trainer); /* for more calls after this one */
void lnspi_accumulate_void(lnsp_trainer *trainer);       /* what was gathered is let go */
/* Bound of the sum with this call's gradient, whose bound is given; beyond most it looks
 * at the sum. */
double lnspi_accumulate_bound(lnsp_trainer *trainer, double gradient, double most);
void lnspi_accumulate_add(lnsp_trainer *trainer, double bound);
/* Around the use of the sum: tensors that only earlier calls touched are touched too. */
void lnspi_accumulate_open(lnsp_trainer *trainer);
void lnspi_accumulate_close(lnsp_trainer *trainer);
int lnspi_accumulate_has(const lnsp_trainer *trainer, int32_t weight);
double lnspi_accumulate_square(const lnsp_trainer *trainer, int32_t weight);
void lnspi_accumulate_take(lnsp_trainer *trainer, int32_t weight);

/* update.c */
/* Numbers the calls that updates are made of. */
uint64_t lnspi_trainer_pass(const lnsp_trainer *trainer);
int32_t lnspi_trainer_apply(lnsp_trainer *trainer, lnsp_problem *problem);
/* A step from gradients: for each weight row-major float32, or NULL: it stays. The
 * pointers may be in trainer->given_room. */
int32_t lnspi_trainer_apply_given(lnsp_trainer *trainer, const float *const *gradients,
                                  lnsp_problem *problem);

/* gradient.c: of the last call alone, row-major. */
int32_t lnspi_trainer_gradient(lnsp_trainer *trainer, int32_t weight, float *out,
                               lnsp_problem *problem);

/* writes.c: into fixed tensors, from the values of the last pass. The largest magnitude
 * that they would get; and doing it. */
double lnspi_writes_most(lnsp_trainer *trainer);
void lnspi_writes_make(lnsp_trainer *trainer);

/* moments.c: moments in 8 bits. A block is 128 consecutive elements as they lie in a
 * panel of 64 outputs of a matrix, or in a flat tensor; the last may be shorter. */
void lnspi_moments_count(const lnsp_graph *graph, int64_t *block_at);
int64_t lnspi_moments_blocks(const lnsp_graph *graph);
/* For the update of elements from element on, the first of a block, of a weight. */
lnspi_moments8 lnspi_moments_at(const lnsp_trainer *trainer, int32_t weight,
                                int64_t element, const uint32_t key[2]);
double lnspi_moments_most(const lnsp_trainer *trainer, int32_t m); /* |m| or sqrt(v) */
/* One of the moments, as values. */
typedef struct lnspi_moment_values {
  const lnsp_trainer *trainer;
  int32_t m, negative; /* 1 after a negative square was taken for the scales */
} lnspi_moment_values;
lnspi_row_read lnspi_moments_read; /* user: lnspi_moment_values */
/* Values into a zeroed moment, in two rounds over all rows: first the largest of each
 * block, from which finish makes the scales, then the codes, rounded to nearest. What
 * read gave comes back to the same bits. */
lnspi_row_write lnspi_moments_write_scales, lnspi_moments_write_codes;
void lnspi_moments_finish_scales(const lnspi_moment_values *values);

/* history.c */
/* Before the live state changes: gives a mark that rollback left pending its copy. */
void lnspi_trainer_settle(lnsp_trainer *trainer);
void lnspi_trainer_mark(lnsp_trainer *trainer);
void lnspi_trainer_rollback(lnsp_trainer *trainer, int32_t back);
void lnspi_trainer_hash(const lnsp_trainer *trainer, int32_t what, uint8_t out[32]);

/* image.c: the whole state as pieces of the trainer's own memory, for who keeps it as
 * words (on this host's byte order). They hold until rollback exchanges them. */
#define LNSPI_PIECES (2 * LNSPI_MOMENTS + 8)
typedef struct lnspi_piece {
  void *at;       /* aligned to 4 */
  uint64_t bytes; /* a multiple of 4 */
  int32_t kind;   /* for the check */
  int32_t moment;
} lnspi_piece;
int32_t lnspi_trainer_image(const lnsp_trainer *trainer, lnspi_piece pieces[LNSPI_PIECES]);
/* 1 if bytes from at on (multiples of 8, or up to the piece's end) may be words[]: finite
 * and in range, so that wherever they come from, the trainer stays sound. */
int lnspi_trainer_image_sound(const lnsp_trainer *trainer, const lnspi_piece *piece,
                              uint64_t at, const void *words, uint64_t bytes);
/* Around the writing of pieces, all of them checked before. */
void lnspi_trainer_image_start(lnsp_trainer *trainer);
void lnspi_trainer_image_end(lnsp_trainer *trainer);

/* checkpoint.c */
int32_t lnspi_trainer_save(const lnsp_trainer *trainer, const lnsp_sink *sink, int32_t what,
                           lnsp_problem *problem);
int32_t lnspi_trainer_resume(lnsp_trainer *trainer, lnsp_file *file, lnsp_problem *problem);

#endif
