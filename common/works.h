/* The works that liblnsp is measured on: one table of networks, and the one routine
 * that makes and times them. Used by `lnsp bench` and by lnsp-bench; needs lnsp.h and
 * the C library, nothing else. */
#ifndef COMMON_WORKS_H
#define COMMON_WORKS_H

#include <stdint.h>

#include "lnsp.h"

#define WORK_NAME_BYTES 48
#define WORK_TEXT_BYTES 512
#define WORKS_MAX 16
#define WORK_OUTPUTS 4
#define WORK_SAMPLES 20000

#define WORKS_HELP                                                                          \
  "  W1          384-256-192-256-384, ReLU, 296,000 parameters\n"                           \
  "  W1g         the same with GELU\n"                                                      \
  "  W2          W1 with LayerNorm before each ReLU\n"                                      \
  "  W3          768-1536-768, ReLU\n"                                                      \
  "  S1          the student SN727 whole: LayerNorm, GELU, attention\n"                     \
  "  L:IN:OUT    one linear layer\n"                                                        \
  "  amn, gru, transformer, mamba (mamba_s): default sizes, five vectors of width 768\n"    \
  "\n"                                                                                      \
  ".fwd can be followed by .bf16, .f16 or .int8, the type of the weights, and .train and\n" \
  ".converged by .m8, which keeps Adam's moments in 8 bits."

#define WORK_FWD 0       /* a run                                       */
#define WORK_TRAIN 1     /* a step: mse, Adam; of networks of sequences mse on=raw, AdamW */
#define WORK_CONVERGED 2 /* a step of a network that has learnt its sample */

/* What is measured: NET.KIND or NET.KIND.TYPE, e.g. W1.fwd, W1.fwd.int8, L:100:31.train.
 * A type is that of the matrices of a run (bf16, f16, int8), or of a step's moments (m8:
 * 8 bits). */
typedef struct work_spec {
  char name[WORK_NAME_BYTES];
  char text[WORK_TEXT_BYTES]; /* the network, for lnsp_model_create */
  const char *unreached;      /* tensors whose names begin so have no gradient; or NULL */
  int concepts;               /* of a sequence; 1 where vectors are rows             */
  int kind;
  int32_t storage;   /* of the matrices: LNSP_F32, ... */
  int moment_bytes;  /* of a moment of Adam            */
} work_spec;

typedef struct work {
  lnsp_session *session;
  lnsp_trainer *trainer;
  lnsp_tensor in[2], out[WORK_OUTPUTS];
  int32_t out_count;
  float *memory;
} work;

typedef struct work_times {
  double least, median; /* microseconds a call */
} work_times;

/* The works that a text names: all usual ones (NULL), those of a network ("W1"), or
 * one ("W1.fwd"); "W1.converged" stands behind the W1.train that it is compared with.
 * Their number, at most WORKS_MAX; 0: there is none of this name. */
int works_select(const char *text, work_spec list[WORKS_MAX]);

/* In all of them error is not NULL. tasks: for options->parallel, 0 without it.
 * Makes the network and its made-up vectors; destroy with work_close. Status of the
 * library. */
int32_t work_open(const work_spec *spec, int64_t batch, const lnsp_options *options, int tasks,
                  work *w, lnsp_error *error);
int32_t work_call(work *w, lnsp_error *error);
/* Five calls unseen, then samples of at least so many seconds each for this time; their
 * number, in microseconds a call, or 0 and the error. */
int work_sample(work *w, double seconds, double sample_seconds, double *sample, int capacity,
                lnsp_error *error);
/* The same with samples of 50 us, summed up. Status of the library. */
int32_t work_time(work *w, double seconds, work_times *times, lnsp_error *error);
void work_close(work *w);

/* Times are those of this process on its processor, not those of the clock on the wall:
 * for machines that do other things beside it, and one thread. */
void works_use_processor_time(void);
/* Peak resident memory of this process in kB, or -1 where it cannot be told. */
int64_t peak_resident_kb(void);

#endif
