/* A delta: what changed between two states of one architecture. It has stages that are
 * applied one after the other, each a codec's payload; one as it is made, more after merge. */
#ifndef LNSPI_DELTA_DELTA_H
#define LNSPI_DELTA_DELTA_H

#include "base/text.h"
#include "delta/codec.h"
#include "format/file.h"
#include "format/writer.h"
#include "run/model.h"

#define LNSPI_DELTA_STAGES 64

typedef struct lnspi_delta_stage {
  lnspi_setting setting;
  int32_t back;         /* 1: applied from its result to its base */
  uint8_t *tensors;     /* one byte a tensor of the graph: the payload is about it */
  uint64_t at, bytes;   /* its part of the payload */
} lnspi_delta_stage;

struct lnsp_delta {
  lnspi_block block;
  lnsp_graph *graph;
  uint8_t base[LNSP_HASH_BYTES];
  uint8_t result[LNSP_HASH_BYTES];
  int64_t changed_count;  /* parameters whose bits differ; -1 not known */
  int32_t stage_count;
  int32_t reserved;
  uint64_t bytes, capacity; /* of the payload: used, there are */
  uint64_t text_bytes;
  lnspi_delta_stage *stages;
  char *text;             /* lnsp.delta.stages */
  uint8_t *payload;
  void *work;             /* the codec's, while the delta is made */
  char codec[128];        /* the stages' settings, for people */
  uint64_t nonce;         /* stamp: see lnsp_delta_stamp */
  char sender[LNSP_SENDER_BYTES];
  int32_t has_mac, reserved_mac;
  uint8_t digest[LNSP_HASH_BYTES]; /* of the file; once it was stamped or read */
  uint8_t mac[LNSP_HASH_BYTES];
};

/* ---- setting.c: texts ---- */

/* "int4 block=64 only=*.weight,1d"; NULL: exact. only: the patterns, length 0 where none. */
int32_t lnspi_setting_parse(const char *text, lnspi_setting *setting, lnspi_word *only,
                            lnsp_problem *problem);
/* Marks the tensors that the patterns select; no patterns: all. */
int32_t lnspi_setting_select(lnspi_word only, const lnsp_graph *graph, uint8_t *tensors,
                             lnsp_problem *problem);
/* "int4 block=64", at most capacity bytes with the terminator; its length. */
size_t lnspi_setting_text(const lnspi_setting *setting, char *to, size_t capacity);
/* The stages as one text, "exact bytes=1024 tensors=0,15; ...", in delta->text, and back:
 * what is not written so is refused. Reading needs delta's graph, stages and payload bytes. */
#define LNSPI_STAGE_TEXT_BYTES(graph) (128 + 6 * ((uint64_t)(graph)->weight_count + 1))
void lnspi_stages_write(lnsp_delta *delta);
int32_t lnspi_stages_count(const char *text, int32_t *count, lnsp_problem *problem);
int32_t lnspi_stages_read(lnsp_delta *delta, const char *text, lnsp_problem *problem);

/* ---- delta.c: the handle ---- */

/* What a handle has room for. */
typedef struct lnspi_delta_shape {
  int32_t stages, reserved;
  uint64_t payload, text, work; /* bytes */
} lnspi_delta_shape;

int32_t lnspi_delta_bytes(const lnsp_graph *graph, const lnspi_delta_shape *shape,
                          uint64_t *bytes, lnsp_problem *problem);
/* Sets it up in its block, whose graph is in place at memory + LNSPI_HANDLE_BYTES. */
lnsp_delta *lnspi_delta_place(const lnspi_block *block, lnsp_graph *graph,
                              const lnspi_delta_shape *shape);
/* A handle with its own copy of the graph. */
int32_t lnspi_delta_blank(const lnsp_graph *graph, const lnspi_delta_shape *shape,
                          const lnsp_options *options, lnsp_delta **out,
                          lnsp_problem *problem);
void lnspi_delta_release(lnsp_delta *delta);
/* Refuses two networks, and models whose weights are only codes. */
int32_t lnspi_delta_check_models(const lnsp_model *base, const lnsp_model *next,
                                 lnsp_problem *problem);
int32_t lnspi_delta_invert(const lnsp_delta *delta, const lnsp_options *options,
                           lnsp_delta **out, lnsp_problem *problem);
/* The stages of all, one delta's result being the next one's base. */
int32_t lnspi_delta_merge(const lnsp_delta *const *deltas, int32_t count,
                          const lnsp_options *options, lnsp_delta **out,
                          lnsp_problem *problem);

/* ---- make.c ---- */

/* Gives what a span of a tensor is to change by; base is what it has. Spans come in order. */
typedef int32_t lnspi_delta_changes(void *user, int32_t tensor, const float *base,
                                    int32_t count, float *change, lnsp_problem *problem);
/* Where changes come from: two states, whose types may differ, and what is still owed (an
 * array laid out like moments, or NULL); or, in place of next, someone computes them. */
typedef struct lnspi_delta_source {
  const lnsp_graph *base_graph, *next_graph;
  const void *base, *next;
  const float *residual;
  lnspi_delta_changes *changes;
  void *user;
} lnspi_delta_source;

typedef struct lnspi_delta_values {
  float base[LNSPI_DELTA_SPAN], next[LNSPI_DELTA_SPAN], change[LNSPI_DELTA_SPAN];
} lnspi_delta_values;

/* The elements of a tensor from at on, at most LNSPI_DELTA_SPAN; gives their number. next and
 * change are with what is owed. */
int32_t lnspi_delta_source_read(const lnspi_delta_source *source, int32_t index, int64_t at,
                                lnspi_delta_values *span);
/* tensors: those that may change, or NULL: all that the text selects. */
int32_t lnspi_delta_make_source(const lnspi_delta_source *source, const char *codec,
                                const uint8_t *tensors, const lnsp_options *options,
                                lnsp_delta **out, lnsp_problem *problem);
/* A delta of one stage whose changes are computed: those of the tensors marked in tensors, by
 * a codec that scans nothing before it writes. */
int32_t lnspi_delta_make_changes(const lnsp_model *base, lnspi_delta_changes *changes,
                                 void *user, const uint8_t *tensors, const char *codec,
                                 const lnsp_options *options, lnsp_delta **out,
                                 lnsp_problem *problem);
int32_t lnspi_delta_make(const lnsp_model *base, const lnsp_model *next, const char *codec,
                         const lnsp_options *options, lnsp_delta **out,
                         lnsp_problem *problem);
int32_t lnspi_delta_measure(const lnsp_graph *graph, const char *codec, uint64_t *total,
                            uint64_t *payload, lnsp_problem *problem);

/* live.c: see lnsp_delta_make_live. */
struct lnsp_trainer;
int32_t lnspi_delta_make_live(const lnsp_model *base, struct lnsp_trainer *trainer,
                              const char *codec, int snap, const lnsp_options *options,
                              lnsp_delta **out, lnsp_problem *problem);

/* ---- read.c: the change of a stage, tensor after tensor in spans ---- */

/* One stage as it is read. For all tensors of the graph in order: tensor, and if that says
 * 1, next for all of its elements, in spans of LNSPI_DELTA_SPAN but the last; end checks
 * that nothing is left. Stages of several readers (of one delta or of many) may be read side
 * by side, so that nothing holds a whole state. */
typedef struct lnspi_delta_reader {
  const lnsp_delta *delta;
  const lnspi_delta_stage *stage;
  lnspi_coder coder;
} lnspi_delta_reader;

/* work: LNSPI_CODEC_READ_BYTES, or the read_bytes of the stage's codec; aligned to 8. */
int32_t lnspi_delta_read_start(lnspi_delta_reader *reader, const lnsp_delta *delta,
                               int32_t stage, void *work, lnsp_problem *problem);
int lnspi_delta_read_tensor(lnspi_delta_reader *reader, int32_t index);
/* values: of the stage's base in, of its result out. They may be anything: check them. */
int32_t lnspi_delta_read_next(lnspi_delta_reader *reader, float *values, int32_t count,
                              lnsp_problem *problem);
int32_t lnspi_delta_read_end(lnspi_delta_reader *reader, lnsp_problem *problem);

/* ---- apply.c ---- */

int32_t lnspi_delta_apply(const lnsp_delta *delta, const lnsp_model *base,
                          const lnsp_options *options, lnsp_model **out,
                          lnsp_problem *problem);
/* Refuses a base that is not the delta's: another network, or other weights. */
int32_t lnspi_delta_check_base(const lnsp_delta *delta, const lnsp_model *base,
                               lnsp_problem *problem);

/* ---- check.c, aggregate.c, server.c: deltas of others, see lnsp.h ---- */

int32_t lnspi_delta_norms(const lnsp_delta *delta, const lnsp_model *base,
                          const lnsp_options *options, double *norm, double *most,
                          lnsp_problem *problem);
int32_t lnspi_delta_check(const lnsp_delta *delta, const lnsp_model *base,
                          const lnsp_delta_rules *rules, const lnsp_options *options,
                          lnsp_problem *problem);
int32_t lnspi_delta_accept(const lnsp_delta *delta, const lnsp_model *base,
                           const lnsp_delta_rules *rules, const lnsp_options *options,
                           lnsp_model **out, lnsp_problem *problem);
int32_t lnspi_delta_aggregate(const lnsp_model *base, const lnsp_delta *const *deltas,
                              const double *weights, int32_t count, const char *rule,
                              const lnsp_options *options, int32_t *refused,
                              lnsp_delta **out, lnsp_problem *problem);
int32_t lnspi_trainer_step_delta(lnsp_trainer *trainer, const lnsp_delta *delta,
                                 lnsp_problem *problem);

/* ---- wire.c: the file. What the header says, and where its texts are kept. ---- */

#define LNSPI_DELTA_PAIRS 10
#define LNSPI_DELTA_WRITER_BYTES 1024 /* room for a writer of one tensor */

typedef struct lnspi_delta_header {
  lnsp_tensor tensor;
  lnsp_pair pairs[LNSPI_DELTA_PAIRS];
  int32_t pair_count, reserved;
  char checksum[65], mac[65], base[65], result[65], changed[24], nonce[24];
} lnspi_delta_header;

/* The header with its checksum. Both serialise the same way: once into the
 * hash, once to where it goes. */
int32_t lnspi_delta_seal(const lnsp_delta *delta, lnspi_delta_header *header,
                         lnsp_problem *problem);
/* The payload into a writer that was opened with the header; closes it. */
int32_t lnspi_delta_stream(const lnsp_delta *delta, lnsp_writer *writer,
                           lnsp_problem *problem);
/* Bytes of the whole file. */
int32_t lnspi_delta_file_bytes(const lnsp_delta *delta, uint64_t *bytes,
                               lnsp_problem *problem);
/* lnsp_delta_stamp, arguments checked but the sender; and the code of a key for a digest. */
int32_t lnspi_delta_stamp(lnsp_delta *delta, const char *sender, uint64_t nonce,
                          const void *key, size_t key_bytes, lnsp_problem *problem);
void lnspi_delta_mac(const uint8_t digest[LNSP_HASH_BYTES], const void *key, size_t key_bytes,
                     uint8_t mac[LNSP_HASH_BYTES]);
/* Checks and reads a file that is open. */
int32_t lnspi_delta_read(lnsp_file *file, const lnsp_options *options, lnsp_delta **out,
                         lnsp_problem *problem);

#endif
