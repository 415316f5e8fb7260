/* The parts of `lnsp loop`: loop.c goes through the stream, stream.c knows which concept
 * follows which, lookup.c finds the nearest, learn.c trains with past pairs, stats.c counts
 * how well it goes, print.c says so, save.c writes what was learned. */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include "cli/args.h"
#include "data/data.h"
#include "data/texts.h"
#include "lnsp.h"

/* ---- stream.c: the order in which concepts arrive ---- */

#define LOOP_CONCEPTS 512 /* most of a context */

typedef struct loop_stream {
  const args *args;
  data d;              /* the files and index tensors */
  lnsp_file *file;     /* of the vectors */
  const char *tensor;
  int64_t stored, width;
  int64_t concepts;    /* of a context */
  int normalise, windows;
  int32_t *row;        /* rows in the order they arrive; or windows, one behind another */
  int64_t length;      /* of row */
  int32_t *group;      /* [stored]: what a context stays within, or NULL */
  int64_t *at;         /* [count]: where in row the context begins */
  int64_t count;       /* concepts that arrive with a whole context before them */
} loop_stream;

typedef struct loop_place {
  const int32_t *context; /* [concepts] */
  int32_t target;
  const int32_t *future;  /* what arrives behind the target, in its group */
  int64_t future_count;
} loop_place;

/* From the positional argument number 1 and the options. low, high, step: concepts that the
 * network takes, as lnsp_graph_concept_range tells them. */
void loop_stream_open(loop_stream *s, const args *a, int64_t low, int64_t high, int64_t step);
loop_place loop_stream_at(const loop_stream *s, int64_t index);
/* Vectors of count rows, one behind another. */
void loop_stream_read(loop_stream *s, const int32_t *rows, int64_t count, float *out);
/* Rows that an option names, after a look whether they are there. */
const row_index *loop_stream_rows(loop_stream *s, const char *option_name);
/* The same for windows [count, concepts + 1]. */
const row_index *loop_stream_windows(loop_stream *s, const char *option_name);
void loop_stream_close(loop_stream *s);

/* ---- lookup.c: the nearest concepts ---- */

#define LOOP_TOP 100 /* most of them that are shown */

typedef struct loop_lookup {
  lnsp_index *index;
  lnsp_search *search;
  int64_t count, width, shown, most; /* most: results of a search */
  uint64_t bytes;
  int64_t *id;       /* [most] */
  float *score;
  float *query;      /* [width] */
} loop_lookup;

typedef struct loop_found {
  int32_t count;
  int32_t row[LOOP_TOP]; /* the best first; of equal ones the lower row */
  float score[LOOP_TOP];
  int64_t rank; /* of the truth: 1 + number of better ones; 0: it was not found */
} loop_found;

/* shown: how many nearest ones find gives. */
void loop_lookup_open(loop_lookup *b, loop_stream *s, int64_t shown);
/* Leaves the rows of without out, but never the truth (-1: none). */
void loop_lookup_find(loop_lookup *b, const float *query, const int32_t *without,
                      int64_t without_count, int32_t truth, loop_found *out);
void loop_lookup_close(loop_lookup *b);

/* ---- learn.c: a trainer with a buffer of past pairs ---- */

typedef struct loop_learner {
  lnsp_trainer *trainer;
  loop_stream *stream;
  int average, each;  /* each: the output has a vector for each concept */
  int prevs;          /* the loss reads `prev` */
  lnsp_reservoir *pairs; /* [concepts + 1] each: rows of a context and what followed */
  int64_t rehearse;      /* pairs of the buffer a step */
  int32_t *batch;     /* [rehearse + 1, concepts + 1] */
  float *input, *target, *prev;
  int64_t steps, refused; /* refused: the step would not have stayed finite */
  double loss_sum;
  float loss;
} loop_learner;

#define LOOP_LOSS "info_nce tau=.1 duplicates=mask context=mask"
#define LOOP_OPTIMIZER "adamw lr=1e-4"

void loop_learn_open(loop_learner *l, loop_stream *s, const char *path);
/* Learns one pair [concepts + 1] with others of the buffer, and puts it there. */
void loop_learn_step(loop_learner *l, const int32_t *context, int32_t target);
/* What is in the buffer; zeros without one. */
lnsp_reservoir_info loop_learn_buffer(const loop_learner *l);
void loop_learn_close(loop_learner *l);

/* ---- stats.c: how well predictions were, before each was learned from ---- */

typedef struct loop_figures {
  int64_t count;
  double cosine, hit1, hit5, hit10, mrr;
} loop_figures;

typedef struct loop_stats {
  int32_t *rank; /* [capacity]; 0: none, which counts as never found */
  float *cosine;
  int64_t count, capacity;
  loop_figures sum;
} loop_stats;

void loop_stats_open(loop_stats *m, int64_t capacity);
void loop_stats_add(loop_stats *m, int64_t rank, double cosine);
/* Of all, and of count from number first on. */
loop_figures loop_stats_all(const loop_stats *m);
loop_figures loop_stats_part(const loop_stats *m, int64_t first, int64_t count);
void loop_stats_close(loop_stats *m);

/* ---- loop.c ---- */

#define LOOP_STEPS 64 /* most of a rollout */

/* One step of a rollout. */
typedef struct loop_ahead {
  loop_found found;
  int32_t truth; /* row that did arrive, or -1 */
  double cosine; /* with it */
} loop_ahead;

typedef struct loop_job {
  const args *args;
  const char *path, *output; /* of the model; which of its outputs predicts */
  loop_stream stream;
  texts texts;
  loop_lookup bank;
  loop_learner learner;
  loop_stats meter;
  loop_stats ahead[LOOP_STEPS]; /* from the second step on, by the number of the step */
  lnsp_model *model;            /* without --learn */
  lnsp_session *session;
  lnsp_store *store;
  int store_made; /* it is new, and has no version yet */
  int learns, snap, keep_context, interrupted;
  int64_t top, rollout, show, window, first, count, parts, commit_every, done;
  float *context; /* [concepts, width] */
  float *out;     /* what the network says, [width] or [concepts, width] */
  int64_t out_each;
  uint8_t hash[LNSP_HASH_BYTES]; /* at the start */
} loop_job;

/* ---- print.c ---- */

void loop_print_start(const loop_job *job);
/* After a concept: prediction, what came, and where the rollout went. */
void loop_print_concept(const loop_job *job, const loop_place *place, const loop_ahead *ahead,
                        int learned);
void loop_print_end(const loop_job *job);

/* ---- save.c: -o, --state, --store ---- */

void loop_save_open(loop_job *job);
void loop_save_commit(loop_job *job);
void loop_save_end(loop_job *job);

#endif
