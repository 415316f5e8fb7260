/*
 * lnsp.h: the whole public interface of liblnsp, which is also its specification.
 *
 * liblnsp runs and trains small neural networks on the device, on vectors ("concepts", e.g.
 * sentence embeddings). Memory is fixed when a handle is created, results have the same bits
 * on every CPU, what was learned can be sent as a small delta, and every step can be undone.
 *
 *   #include <stdio.h>
 *   #include "lnsp.h"
 *
 *   int main(void) {
 *     lnsp_model *model = NULL;
 *     lnsp_trainer *trainer = NULL;
 *     lnsp_error error;
 *     float x[384] = {1}, wanted[384] = {0, 1}, loss = 0;
 *     lnsp_tensor in[2] = {lnsp_tensor_f32("input", x, 2, 1, 384, 0),
 *                          lnsp_tensor_f32("target", wanted, 2, 1, 384, 0)};
 *     if (lnsp_model_create("student", 1, NULL, &model, &error) ||
 *         lnsp_trainer_create(model, "cosine", "adamw", NULL, NULL, &trainer, &error) ||
 *         lnsp_trainer_step(trainer, in, 2, &loss, &error))
 *       return printf("%s\n", error.message), 1;
 *     printf("loss before the first step: %g\n", loss);
 *     lnsp_trainer_destroy(trainer), lnsp_model_destroy(model);
 *     return 0;
 *   }
 *
 *   file --open--> model --create--> session --run--> outputs
 *                    |                  ^
 *                    |                  | create_live (sees every step)
 *                    +---create---> trainer --step, mark, rollback
 *                    ^                  |
 *                    |                  +--publish--> a new model
 *                    |                  +--commit---> store (survives a power cut)
 *                    +-------apply------+--create---> delta (a small file to send)
 *
 * SPDX-License-Identifier: MIT
 *
 * -------------------------------------------------------------------------------------------
 * What holds for every function; its own text says what differs.
 *
 *  Names        lnsp_<noun>_<verb>. Arguments come in this order: handle, inputs, outputs,
 *               and last a lnsp_error * that may be NULL. Counts are elements or rows; names
 *               that end in _bytes are bytes. "create" makes a handle from parts, "open" from
 *               bytes.
 *  Returns      Functions of type int32_t return a status: LNSP_OK (0), or an LNSP_E_ code
 *               and *error filled in. After a failure nothing has changed: handles, files and
 *               outputs are as they were, and *out of a call that gives a handle is NULL. One
 *               exception: a pass refused with LNSP_E_NOT_FINITE has used up the values or
 *               the gradient that an earlier pass left.
 *  Strings      UTF-8 with a final zero. Strings passed in are copied, or used only during
 *               the call. Strings handed out belong to the handle and stay valid as long as
 *               it does; those marked "static" stay valid for ever. The caller frees none of
 *               them.
 *  Memory       A call with a parameter lnsp_<noun> **out gives a handle, which the caller
 *               ends with lnsp_<noun>_destroy. It is one block: from options->block, or
 *               options->allocator, or else malloc. Handles may be destroyed in any order: a
 *               session keeps its model alive. No other call allocates, unless its text says
 *               so. (Calls with a path also use what the C library's stdio allocates.)
 *  Threads      "any thread": from any thread at any time, on the same handle too.
 *               "one thread at a time for each ...": from any thread, but not while another
 *               thread is inside a call on that handle. Handles share nothing that is
 *               written, apart from the atomic reference count of a model. The library starts
 *               no thread; handles made with options->parallel hand parts of their work to
 *               that function.
 *  Numbers      Calls that compute set round-to-nearest and gradual underflow, and restore
 *               what the caller had. NaN and infinity are refused (LNSP_E_NOT_FINITE).
 *  Environment  The library never prints, aborts, reads the environment or keeps writable
 *               global data.
 *  Since        The version that brought the function. Names that 0.2 changed are listed in
 *               CHANGELOG.md.
 * -------------------------------------------------------------------------------------------
 */
#ifndef LNSP_H
#define LNSP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(LNSP_STATIC)
#define LNSP_API
#elif defined(_WIN32) && defined(LNSP_BUILD)
#define LNSP_API __declspec(dllexport)
#elif defined(_WIN32)
#define LNSP_API __declspec(dllimport)
#elif defined(__GNUC__)
#define LNSP_API __attribute__((visibility("default")))
#else
#define LNSP_API
#endif

/* ---- version --------------------------------------------------------------------------- */

#define LNSP_VERSION_MAJOR 0
#define LNSP_VERSION_MINOR 2
#define LNSP_VERSION_PATCH 0

/* For #if: 200 is 0.2.0. */
#define LNSP_VERSION \
  (LNSP_VERSION_MAJOR * 10000 + LNSP_VERSION_MINOR * 100 + LNSP_VERSION_PATCH)

/* Version of the arithmetic. Results of two libraries with the same number agree to the bit
 * (docs/numerics.md). */
#define LNSP_ARITHMETIC_VERSION 1

/* Tells the version of the library that is linked.
 * Returns: major * 10000 + minor * 100 + patch, as LNSP_VERSION.
 * Threads: any thread. Since 0.1. */
LNSP_API uint32_t lnsp_version(void);

/* Tells the version as text, e.g. "0.2.0".
 * Returns: a static string.
 * Threads: any thread. Since 0.1. */
LNSP_API const char *lnsp_version_text(void);

/* Tells the arithmetic of the library that is linked.
 * Returns: its LNSP_ARITHMETIC_VERSION.
 * Threads: any thread. Since 0.1. */
LNSP_API uint32_t lnsp_arithmetic_version(void);

/* ---- status and error ------------------------------------------------------------------ */

/* A code keeps its number and meaning for ever. Later versions may add codes up to 99: treat
 * an unknown one as a failure. */
#define LNSP_OK 0
#define LNSP_E_ARGUMENT 1     /* an argument is missing or out of range */
#define LNSP_E_MEMORY 2       /* the allocator failed, or the block is too small */
#define LNSP_E_IO 3           /* reading or writing failed */
#define LNSP_E_FORMAT 4       /* bytes are not in the format they claim to have */
#define LNSP_E_SYNTAX 5       /* a text (architecture, loss, ...) is malformed */
#define LNSP_E_UNKNOWN 6      /* a name in a text or file is not known */
#define LNSP_E_MISSING 7      /* a required tensor, key or file is missing */
#define LNSP_E_SHAPE 8        /* shapes do not fit each other */
#define LNSP_E_DTYPE 9        /* the data type cannot be used here */
#define LNSP_E_LIMIT 10       /* over a stated limit; the message names it */
#define LNSP_E_NOT_FINITE 11  /* NaN, infinity or overflow; nothing has changed */
#define LNSP_E_STATE 12       /* the call does not fit what was called before */
#define LNSP_E_MISMATCH 13    /* a hash or checksum does not match */
#define LNSP_E_UNSUPPORTED 14 /* this CPU or build cannot do it */
#define LNSP_E_INTERNAL 15    /* a self-check failed: please report it */
#define LNSP_E_REFUSED 16     /* a rule or callback of the caller refused */
#define LNSP_E_CANCELLED 17   /* options->progress cancelled the call; nothing has changed */

/* What went wrong. Frozen layout of 384 bytes. Written only when a call fails, so it needs no
 * initialisation. */
typedef struct lnsp_error {
  int32_t code;      /* the status that was returned */
  int32_t line;      /* line in a text, from 1; or 0 */
  int32_t column;    /* column in a text, from 1; or 0 */
  int32_t reserved;
  int64_t offset;    /* byte offset in a file or block; or -1 */
  char name[104];    /* the tensor, key, field or file concerned; or "" */
  char message[256]; /* a sentence: what is wrong, where, what to do */
} lnsp_error;

/* Names a status code, e.g. "LNSP_E_FORMAT".
 * Returns: a static string; "LNSP_E_?" for unknown codes.
 * Threads: any thread. Since 0.1. */
LNSP_API const char *lnsp_status_name(int32_t status);

/* Describes a status code in one short line of English, e.g. "a name is not known", for logs
 * where there is no lnsp_error.
 * Returns: a static string; "unknown error" for unknown codes.
 * Threads: any thread. Since 0.2. */
LNSP_API const char *lnsp_status_text(int32_t status);

/* ---- tensor: an array that crosses the interface --------------------------------------- */

#define LNSP_F32 1
#define LNSP_F16 2
#define LNSP_BF16 3
#define LNSP_F64 4
#define LNSP_I8 5
#define LNSP_I16 6
#define LNSP_I32 7
#define LNSP_I64 8
#define LNSP_U8 9
#define LNSP_U16 10
#define LNSP_U32 11
#define LNSP_U64 12
#define LNSP_BOOL 13

#define LNSP_MAX_RANK 4

/* A named array. Frozen layout. The data of a tensor that a call takes as an input is never
 * written to, although the member is not const: one struct serves inputs and outputs. */
typedef struct lnsp_tensor {
  const char *name;
  int32_t dtype;                  /* LNSP_F32, ... */
  int32_t rank;                   /* 0 to 4 */
  int64_t dims[LNSP_MAX_RANK];    /* entries from rank on are ignored */
  int64_t strides[LNSP_MAX_RANK]; /* in elements; all 0: contiguous, row-major */
  void *data;
} lnsp_tensor;

/* Describes the caller's data as a contiguous row-major tensor of any type and rank.
 *   name   as the call that it is given to expects, e.g. "input"
 *   dtype  LNSP_F32, ...
 *   data   nullable; never written where the tensor is an input
 *   rank   0 to 4
 *   dims   rank sizes; NULL: all 0
 * Returns: the tensor. Nothing is checked here, but by the call that it is given to.
 * Memory: name and data are not copied.
 * Threads: any thread. Since 0.2. */
LNSP_API lnsp_tensor lnsp_tensor_view(const char *name, int32_t dtype, const void *data,
                                      int32_t rank, const int64_t *dims);

/* Describes float32 data of up to three dimensions, as lnsp_tensor_view does; dim0, dim1 and
 * dim2 beyond rank are ignored.
 *   name, data, rank  as for lnsp_tensor_view
 * Returns: the tensor.
 * Memory: name and data are not copied.
 * Threads: any thread. Since 0.1. */
LNSP_API lnsp_tensor lnsp_tensor_f32(const char *name, float *data, int32_t rank, int64_t dim0,
                                     int64_t dim1, int64_t dim2);

/* Tells the size of one element of a dtype.
 * Returns: bytes; 0 for an unknown dtype.
 * Threads: any thread. Since 0.1. */
LNSP_API size_t lnsp_dtype_bytes(int32_t dtype);

/* Names a dtype as safetensors writes it, e.g. "F16".
 * Returns: a static string; "?" for an unknown dtype.
 * Threads: any thread. Since 0.1. */
LNSP_API const char *lnsp_dtype_name(int32_t dtype);

/* ---- options --------------------------------------------------------------------------- */

/* Structs named ..._options go in, structs named ..._info come out. Each begins with
 * struct_size. Start with its initialiser,
 *
 *   lnsp_options options = LNSP_OPTIONS_INIT;
 *
 * and set what you need: zero and NULL always mean the default. A NULL pointer to an options
 * struct means all defaults. */

/* Fills a struct with zeros and sets struct_size, as the LNSP_..._INIT macros do, for
 * languages that cannot see macros.
 *   out           a struct that begins with struct_size; NULL: nothing happens
 *   struct_bytes  its size as the caller knows it
 * Threads: any thread. Since 0.2. */
LNSP_API void lnsp_struct_init(void *out, size_t struct_bytes);

/* Memory from the caller. allocate returns a block of at least `bytes` bytes, aligned to 64,
 * or NULL; release gets the same pointer and size. */
typedef struct lnsp_allocator {
  uint32_t struct_size; /* sizeof(lnsp_allocator) */
  void *user;
  void *(*allocate)(void *user, size_t bytes);
  void (*release)(void *user, void *block, size_t bytes);
} lnsp_allocator;

#define LNSP_ALLOCATOR_INIT {sizeof(lnsp_allocator), NULL, NULL, NULL}

/* A parallel-for from the caller. With it the calls of a session, trainer or search split
 * their work into tasks on the caller's threads; results have the same bits for any number of
 * tasks. run calls task(argument, i) once for each i from 0 to count - 1, in any order and on
 * any threads (the calling one too), and returns when all of them have returned. What was
 * written before run must be visible to the tasks, and what they wrote to the caller of run,
 * as locks and atomics guarantee. run must not skip a task or call the library on the same
 * handle. Tasks set the floating-point state of their thread and restore it; they need as
 * much stack as a call. Two handles that share user may call run at the same time if they are
 * used at the same time. The library calls run only where a task is worth some microseconds;
 * the threads should wait without sleeping while a call goes on (examples/parallel.c). */
typedef struct lnsp_parallel {
  uint32_t struct_size; /* sizeof(lnsp_parallel) */
  uint32_t reserved;
  void *user;           /* must live as long as the handles */
  void (*run)(void *user, int32_t count, void (*task)(void *argument, int32_t index),
              void *argument);
} lnsp_parallel;

#define LNSP_PARALLEL_INIT {sizeof(lnsp_parallel), 0, NULL, NULL}

/* A callback that is told how far a long call is, and may cancel it. report is called at most
 * some hundred times, on the thread of the call: done of total (in bytes, elements, vectors or
 * thousandths) are ready. done only grows, and is total in the last report of a call that
 * succeeds. report returns 0 to go on, or anything else to cancel: the call then returns
 * LNSP_E_CANCELLED and has changed nothing. It must not call the library on the same handle.
 *
 * Calls that are given it in their options report what they do:
 *   lnsp_model_open, _create, _convert; lnsp_trainer_open, _publish; lnsp_index_open;
 *   lnsp_delta_open, _create, _apply, _aggregate, _norm, _check, _accept;
 *   lnsp_store_open, _load, _checkout, _apply; lnsp_session_score; lnsp_metrics_rank, _collapse
 * A handle copies it from the options that it is made with, for its own long calls:
 *   lnsp_model_hash, lnsp_trainer_hash; all that save a handle; lnsp_file_read,
 *   lnsp_writer_write; lnsp_trainer_step_delta; lnsp_index_add; lnsp_search_run, _rank;
 *   lnsp_store_commit, _commit_model, _verify, _compact
 * A forward pass or a training step takes as long as its batch: give it fewer rows, and stop
 * between two. Other calls take less than a second with 66 million parameters or a million
 * vectors.
 *
 * Exceptions to "has changed nothing": bytes that a sink was given stay given, the ranks of
 * lnsp_metrics_rank and lnsp_search_rank may be written in part, and what a commit has written
 * takes up room on the device until the next compaction. */
typedef struct lnsp_progress {
  uint32_t struct_size; /* sizeof(lnsp_progress) */
  uint32_t reserved;
  void *user;           /* must live as long as the handles */
  int32_t (*report)(void *user, uint64_t done, uint64_t total);
} lnsp_progress;

#define LNSP_PROGRESS_INIT {sizeof(lnsp_progress), 0, NULL, NULL}

/* Which call reads which field of lnsp_options. All read allocator and progress. "header" is
 * max_header_bytes, "block" is block and block_bytes, "net" is architecture and prefix. A
 * field that is set although the call does not read it is refused (LNSP_E_ARGUMENT); the
 * message names it.
 *
 *   lnsp_model_open, _memory:                      header, block, net, storage
 *   lnsp_model_open_file:                          block, net, storage
 *   lnsp_model_create:                             block, storage
 *   lnsp_model_convert:                            block
 *   lnsp_session_create, _live:                    block, isa, parallel
 *   lnsp_trainer_create:                           block, isa, parallel
 *   lnsp_trainer_open:                             header, block, net, isa, storage, parallel
 *   lnsp_trainer_open_file:                        block, net, isa, storage, parallel
 *   lnsp_trainer_publish:                          block, storage
 *   lnsp_loss_evaluate:                            block, isa
 *   lnsp_graph_create:                             block, storage
 *   lnsp_graph_open_file:                          block, net, storage
 *   lnsp_graph_convert:                            block
 *   lnsp_file_open, _memory, _source:              header, block
 *   lnsp_writer_create, _sink:                     header, block
 *   lnsp_replay_create:                            block, isa
 *   lnsp_replay_open:                              header, block, isa
 *   lnsp_delta_create, _live:                      block
 *   lnsp_delta_invert:                             block
 *   lnsp_delta_merge:                              block
 *   lnsp_delta_aggregate:                          block
 *   lnsp_delta_open, _memory:                      header, block
 *   lnsp_delta_apply:                              block, storage
 *   lnsp_delta_accept:                             block, storage
 *   lnsp_delta_norm:                               none of these
 *   lnsp_delta_check:                              none of these
 *   lnsp_store_create, _device:                    block
 *   lnsp_store_open, _device:                      block
 *   lnsp_store_load:                               block
 *   lnsp_store_checkout:                           block, storage
 *   lnsp_store_apply:                              none of these
 *   lnsp_index_create:                             block, isa
 *   lnsp_index_open, _borrowed:                    header, block, isa
 *   lnsp_index_open_file:                          block, isa
 *   lnsp_search_create:                            block, parallel
 *   lnsp_session_score:                            block
 *   lnsp_metrics_rank:                             block
 *   lnsp_metrics_collapse:                         block
 *   lnsp_reservoir_create:                         block
 *   lnsp_reservoir_open:                           header, block
 *   lnsp_reservoir_open_file:                      block
 */

/* Options of calls that give a handle. */
typedef struct lnsp_options {
  uint32_t struct_size;            /* sizeof(lnsp_options) */
  uint32_t max_header_bytes;       /* largest header of a file; 0: 1 MiB */
  const lnsp_allocator *allocator; /* copied; NULL: malloc */
  void *block;               /* memory for the handle instead of the allocator's; the caller
                                keeps it until after destroy. Any alignment */
  size_t block_bytes;        /* the measure call tells how many are needed */
  const char *isa;           /* kernel set: "scalar", "avx2", "avx512", "avx512vnni",
                                "avx512amx" or "neon"; NULL or "auto": the widest that the
                                CPU and the system support. avx512vnni and avx512amx differ
                                from avx512 only for models stored as int8, and auto takes
                                them only there; avx512amx asks Linux for tile registers,
                                which enlarges the process's signal frames. "cblas", where it
                                is built in, computes large products with a BLAS: none of this
                                file's promises on bits, threads and memory hold for it */
  const char *architecture;  /* architecture text for a file that has none, or instead of the
                                one that it has */
  const char *prefix;        /* put before every tensor name that is looked up in a file, e.g.
                                "model." */
  int32_t storage;           /* how a model keeps its matrices: LNSP_F32, F16, BF16 or I8;
                                0: as its file has them, F32 where there is no file. See
                                lnsp_model_open */
  uint32_t reserved;
  const lnsp_parallel *parallel; /* copied; used where lnsp_size_options.tasks,
                                    or that of a search, is more than 1 */
  const lnsp_progress *progress; /* copied; NULL: nobody is told */
} lnsp_options;

#define LNSP_OPTIONS_INIT \
  {sizeof(lnsp_options), 0, NULL, NULL, 0, NULL, NULL, NULL, 0, 0, NULL, NULL}

#define LNSP_MARK_STATE 0   /* weights, moments, average, residual, step: exact replay */
#define LNSP_MARK_WEIGHTS 1 /* weights only: a third of the memory */

/* Sizes that a session or trainer is made for. A session refuses the members of a trainer,
 * and the other way round. */
typedef struct lnsp_size_options {
  uint32_t struct_size;  /* sizeof(lnsp_size_options) */
  int32_t max_rows;      /* most rows (sequences) in a call; default 1 */
  int32_t max_concepts;  /* most concepts in a row; default 1 */
  int32_t max_marks;     /* trainers: how many marks are kept; default 0 */
  int32_t mark_contents; /* trainers: LNSP_MARK_STATE (default) or LNSP_MARK_WEIGHTS */
  int32_t keep_nodes;    /* sessions: 1 keeps every node's value for lnsp_session_node;
                            default 0 shares buffers */
  int32_t tasks;         /* most tasks that options->parallel is given at a time, 1 to 256;
                            each needs some memory; as many as threads is best. Default 1:
                            it is not called. More than 1 without it is refused */
} lnsp_size_options;

#define LNSP_SIZE_OPTIONS_INIT {sizeof(lnsp_size_options), 0, 0, 0, 0, 0, 0}

/* Bytes, counted before anything is allocated. total_bytes is what the create call takes from
 * the allocator, and the least block_bytes for a block that is aligned to 64 (63 more for any
 * other); the others are parts of it. The numbers are the same on every host. */
typedef struct lnsp_memory_info {
  uint32_t struct_size;      /* sizeof(lnsp_memory_info), set by the caller */
  uint32_t reserved;
  uint64_t total_bytes;
  uint64_t weight_bytes;     /* weights, packed, with padding */
  uint64_t moment_bytes;     /* optimizer moments */
  uint64_t average_bytes;    /* moving average of the weights */
  uint64_t mark_bytes;       /* marks */
  uint64_t activation_bytes; /* values and their gradients */
  uint64_t workspace_bytes;  /* scratch, small gradients, replay statistics */
  uint64_t plan_bytes;       /* the handle, the graph and its steps */
  uint64_t residual_bytes;   /* what lossy deltas left out so far (residual=1) */
  uint64_t gradient_bytes;   /* sum of gradients (accumulate=N) */
} lnsp_memory_info;

#define LNSP_MEMORY_INFO_INIT {sizeof(lnsp_memory_info), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}

/* ---- bytes in and out ------------------------------------------------------------------ */

/* Random access to bytes, e.g. in flash or in a package. */
typedef struct lnsp_source {
  uint32_t struct_size; /* sizeof(lnsp_source) */
  void *user;
  uint64_t size_bytes;
  /* Copies exactly `bytes` bytes from offset; returns 0, or anything else on failure. It is
   * never asked for bytes beyond size_bytes. */
  int32_t (*read)(void *user, uint64_t offset, void *to, size_t bytes);
} lnsp_source;

#define LNSP_SOURCE_INIT {sizeof(lnsp_source), NULL, 0, NULL}

/* A stream of bytes out. write returns 0, or anything else on failure. */
typedef struct lnsp_sink {
  uint32_t struct_size; /* sizeof(lnsp_sink) */
  void *user;
  int32_t (*write)(void *user, const void *from, size_t bytes);
} lnsp_sink;

#define LNSP_SINK_INIT {sizeof(lnsp_sink), NULL, NULL}

/* One key and value of a file's metadata. Frozen layout. */
typedef struct lnsp_key_value {
  const char *key;
  const char *value;
} lnsp_key_value;

/* ---- handles --------------------------------------------------------------------------- */

typedef struct lnsp_model lnsp_model;     /* an immutable version of the weights */
typedef struct lnsp_session lnsp_session; /* working memory that runs a model */
typedef struct lnsp_trainer lnsp_trainer; /* weights that change */
typedef struct lnsp_graph lnsp_graph;     /* a network without weights */
typedef struct lnsp_delta lnsp_delta;     /* what changed between two models */
typedef struct lnsp_store lnsp_store;     /* versions that survive power cuts */
typedef struct lnsp_file lnsp_file;       /* a safetensors file, open for reading */
typedef struct lnsp_writer lnsp_writer;   /* a safetensors file being written */
typedef struct lnsp_replay lnsp_replay;   /* statistics of an old domain */
typedef struct lnsp_index lnsp_index;     /* vectors that can be searched */
typedef struct lnsp_reservoir lnsp_reservoir; /* a random sample of past pairs */
typedef struct lnsp_search lnsp_search;   /* working memory that searches an index */

#define LNSP_HASH_BYTES 32

/* ======================================================================================== */
/* ==== Start here: five calls that run a model and train it ============================== */
/* ======================================================================================== */

/* Loads a model from a safetensors file, with its tensors under the names of a PyTorch
 * state_dict, as F32, F16, BF16 or F64, or as I8 with scales (docs/format.md).
 *   path     the file
 *   options  nullable. storage says how matrices are kept in memory; by default as the file
 *            has them: all F16, all BF16 or all I8 as that, in a half or a quarter of the
 *            memory, and anything else as F32. Vectors (biases, norms) are always float32.
 *              F32, F16, BF16  running gives the bits of the widened weights in float32; a
 *                              conversion rounds to nearest even, and LNSP_E_NOT_FINITE if a
 *                              weight overflows
 *              I8              one scale a row, the largest magnitude / 127; products are
 *                              int8 times int8, so each input row is quantised too. The bits
 *                              are the same on every CPU and for every batch, but those of
 *                              another network. For running only: trainers and deltas refuse
 *                              such a model (LNSP_E_DTYPE)
 * Returns: a status; missing, unknown, misshapen and non-finite tensors are refused.
 * Memory: gives a model.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_model_open(const char *path, const lnsp_options *options,
                                 lnsp_model **out, lnsp_error *error);

/* Creates a session: working memory to run a model.
 *   model    kept alive by the session
 *   sizes    nullable: one row of one concept
 *   options  nullable
 * Returns: a status.
 * Memory: gives a session. Create one for each thread that runs the model.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_session_create(lnsp_model *model, const lnsp_size_options *sizes,
                                     const lnsp_options *options, lnsp_session **out,
                                     lnsp_error *error);

/* Runs the network.
 *   inputs   "input" F32 [rows, width] (one concept a row) or [rows, concepts, width];
 *            networks that begin with ids take "ids" instead (lnsp_graph_input_name). "mask",
 *            optional: integers of any type [rows, concepts], 1 for a concept, 0 for padding;
 *            padding changes no bits of the rest, but its values must be finite. Any strides
 *            and addresses; other names are refused
 *   outputs  for each name that is wanted ("output", "teacher", "code", ...) a F32 tensor of
 *            the shape that lnsp_graph_output_shape tells; the call writes its data
 * Returns: a status. The result of a row does not depend on the other rows.
 * Threads: one thread at a time for each session. Since 0.1. */
LNSP_API int32_t lnsp_session_run(lnsp_session *session, const lnsp_tensor *inputs,
                                  int32_t input_count, const lnsp_tensor *outputs,
                                  int32_t output_count, lnsp_error *error);

/* Creates a trainer that starts from a copy of the model's weights.
 *   model      in any storage but I8 (LNSP_E_DTYPE); the weights are trained as float32, or
 *              as bfloat16 with weights=bf16 in the optimizer text
 *   loss       text, docs/losses.md: terms joined by "+", each "[weight *] name [key=value
 *              ...]", e.g. "cosine", "triplet margin=.3 on=code + .1*alignment", "cosine +
 *              4*replay rows=7 seed=1". Every term takes on=OUTPUT, from= and until=
 *              (updates), every= (calls), gate= (less weight where the target is
 *              no nearer than "prev"), auto= (keeps it at a share of the first term) and
 *              against= (an output instead of "target"). NULL: no loss, for forward,
 *              backward, apply
 *   optimizer  text, docs/training.md: "adamw lr=1e-3 betas=.9,.999 eps=1e-8
 *              weight_decay=.01", "sgd lr=.05 momentum=.9". Every optimizer takes clip=1
 *              (global norm), ema=.999 (moving average of the weights), schedule=cosine
 *              warmup=100 steps=10000 min_lr=0 (or linear, or step every=N factor=.1),
 *              accumulate=N (the mean gradient of N calls makes one update), weights=bf16
 *              (stochastic rounding; seed=0), residual=1 (room for what lossy deltas leave
 *              out); adamw and adam take moments=8bit. For privacy: clip_each=C noise=SIGMA
 *              lot=ROWS (docs/privacy.md)
 *   sizes      nullable: one row of one concept, no marks
 *   options    nullable
 * Returns: a status. lnsp_list_name tells which losses and optimizers there are.
 * Memory: gives a trainer.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_trainer_create(const lnsp_model *model, const char *loss,
                                     const char *optimizer, const lnsp_size_options *sizes,
                                     const lnsp_options *options, lnsp_trainer **out,
                                     lnsp_error *error);

/* Makes one training step: forward, backward, update. With accumulate=N the gradient is added
 * to those of the calls before, and the Nth call makes the update: step count, schedule, clip
 * and marks are about updates. The sum since the last update is not part of the state:
 * rollback, set_weights, freeze and lnsp_store_load drop it, and files do not have it.
 *   inputs  "input" as for lnsp_session_run, and what the loss needs: "target" (in the shape
 *           of the output), "anchor", "positive", "negative", "teacher"
 *           (lnsp_trainer_input_name)
 *   loss    nullable; the loss before the update
 * Returns: a status; LNSP_E_NOT_FINITE, with nothing changed, if anything is or could become
 * NaN or infinite.
 * Threads: one thread at a time for each trainer, and not while a session on it runs.
 * Since 0.1. */
LNSP_API int32_t lnsp_trainer_step(lnsp_trainer *trainer, const lnsp_tensor *inputs,
                                   int32_t input_count, float *loss, lnsp_error *error);

/* ---- model: an immutable version of the weights ---------------------------------------- */

/* Loads a model as lnsp_model_open does, from bytes in memory.
 *   data     a safetensors file; used only during the call
 *   options  nullable
 * Returns: a status.
 * Memory: gives a model. The tensors are copied.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_model_open_memory(const void *data, size_t bytes,
                                        const lnsp_options *options, lnsp_model **out,
                                        lnsp_error *error);

/* Loads a model as lnsp_model_open does, from a file that is open.
 *   options  nullable
 * Returns: a status.
 * Memory: gives a model, which does not need the file any more.
 * Threads: one thread at a time for each file. Since 0.1. */
LNSP_API int32_t lnsp_model_open_file(lnsp_file *file, const lnsp_options *options,
                                      lnsp_model **out, lnsp_error *error);

/* Creates a model with PyTorch's initial distributions.
 *   text     an architecture, as for lnsp_graph_create
 *   seed     the same seed gives the same bits everywhere
 *   options  nullable
 * Returns: a status.
 * Memory: gives a model.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_model_create(const char *text, uint64_t seed, const lnsp_options *options,
                                   lnsp_model **out, lnsp_error *error);

/* Copies a model into another storage.
 *   storage  LNSP_F32, F16, BF16 or I8, as described at lnsp_model_open
 *   options  nullable
 * Returns: a status.
 * Memory: gives a model.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_model_convert(const lnsp_model *model, int32_t storage,
                                    const lnsp_options *options, lnsp_model **out,
                                    lnsp_error *error);

/* Increments the reference count of a model; lnsp_model_destroy releases one reference.
 * Returns: model.
 * Threads: any thread. Since 0.1. */
LNSP_API lnsp_model *lnsp_model_retain(lnsp_model *model);

/* Releases one reference; the last one frees the model. NULL does nothing.
 * Threads: any thread. Since 0.1. */
LNSP_API void lnsp_model_destroy(lnsp_model *model);

/* Counts the bytes of a model of this graph, in the graph's storage (lnsp_graph_convert).
 * Returns: a status.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_model_measure(const lnsp_graph *graph, lnsp_memory_info *out,
                                    lnsp_error *error);

/* Counts the bytes of this model.
 * Returns: a status.
 * Threads: any thread. Since 0.2. */
LNSP_API int32_t lnsp_model_memory(const lnsp_model *model, lnsp_memory_info *out,
                                   lnsp_error *error);

/* Gives access to the model's graph.
 * Returns: the graph, which belongs to the model and lives as long as it; NULL for NULL.
 * Threads: any thread. Since 0.1. */
LNSP_API const lnsp_graph *lnsp_model_graph(const lnsp_model *model);

/* Copies a whole tensor out, as row-major float32 whatever the storage.
 *   name   as in lnsp_graph_tensor_at
 *   count  elements of out: all of the tensor's
 * Returns: a status.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_model_tensor_read(const lnsp_model *model, const char *name, float *out,
                                        int64_t count, lnsp_error *error);

/* Computes the BLAKE2s-256 hash of the names, shapes and float32 values of all tensors. A
 * model and its float32 copy have the same hash.
 * Returns: a status.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_model_hash(const lnsp_model *model, uint8_t out[LNSP_HASH_BYTES],
                                 lnsp_error *error);

/* Writes a model file.
 *   path   the file appears whole or not at all
 *   dtype  of the matrices: LNSP_F32, F16, BF16 or I8, converted as by lnsp_model_convert; 0:
 *          the model's storage. Vectors are written as F32, so that the file opens as a model
 *          with the hash of the converted one
 * Returns: a status.
 * Memory: allocates a small block for the writer, freed before the call returns.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_model_save(const lnsp_model *model, const char *path, int32_t dtype,
                                 lnsp_error *error);

/* Writes the bytes of lnsp_model_save into a sink; what a failed call wrote is the sink's to
 * discard.
 *   dtype  as for lnsp_model_save
 * Returns: a status.
 * Memory: allocates a small block for the writer, freed before the call returns.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_model_save_sink(const lnsp_model *model, const lnsp_sink *sink,
                                      int32_t dtype, lnsp_error *error);

/* ---- session: run a model -------------------------------------------------------------- */

#define LNSP_WEIGHTS_LIVE 0    /* a trainer's weights as they are */
#define LNSP_WEIGHTS_AVERAGE 1 /* their moving average (ema= in the optimizer text) */

/* Counts the bytes of a session for this graph.
 *   sizes  nullable
 * Returns: a status.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_session_measure(const lnsp_graph *graph, const lnsp_size_options *sizes,
                                      lnsp_memory_info *out, lnsp_error *error);

/* Creates a session that runs a trainer's weights where they are, so that it sees every step.
 *   trainer  must live longer than the session; run the session only between the trainer's
 *            calls
 *   average  LNSP_WEIGHTS_LIVE or LNSP_WEIGHTS_AVERAGE
 *   sizes    nullable
 *   options  nullable
 * Returns: a status.
 * Memory: gives a session.
 * Threads: one thread at a time for each trainer. Since 0.1. */
LNSP_API int32_t lnsp_session_create_live(lnsp_trainer *trainer, int32_t average,
                                          const lnsp_size_options *sizes,
                                          const lnsp_options *options, lnsp_session **out,
                                          lnsp_error *error);

/* Makes the session run another model of the same architecture from now on.
 *   model  kept alive instead of the old one, which is released. Its storage may differ, but
 *          a model stored as I8 needs a session that was created for one (LNSP_E_MISMATCH)
 * Returns: a status.
 * Threads: one thread at a time for each session. Since 0.1. */
LNSP_API int32_t lnsp_session_rebind(lnsp_session *session, lnsp_model *model,
                                     lnsp_error *error);

/* Shows the value of a node in the last run.
 *   index  number of the node, from 0, in the order of the graph's text; LNSP_E_ARGUMENT past
 *          the last one
 *   out    F32 [rows, concepts, width]
 * Returns: a status; LNSP_E_STATE without keep_nodes in the sizes, or before a run.
 * Memory: out is a view of the session's memory, valid until the next run or rebind.
 * Threads: one thread at a time for each session. Since 0.1. */
LNSP_API int32_t lnsp_session_node(const lnsp_session *session, int32_t index, lnsp_tensor *out,
                                   lnsp_error *error);

/* Counts the bytes of this session.
 * Returns: a status.
 * Threads: any thread. Since 0.2. */
LNSP_API int32_t lnsp_session_memory(const lnsp_session *session, lnsp_memory_info *out,
                                     lnsp_error *error);

/* Names the kernel set that the session uses.
 * Returns: a static string; NULL for NULL.
 * Threads: any thread. Since 0.1. */
LNSP_API const char *lnsp_session_isa(const lnsp_session *session);

/* Frees the session and releases its model. NULL does nothing.
 * Threads: one thread at a time for each session. Since 0.1. */
LNSP_API void lnsp_session_destroy(lnsp_session *session);

/* ---- trainer: learn -------------------------------------------------------------------- */

#define LNSP_TRAINABLE 0
#define LNSP_FROZEN 1

#define LNSP_KEEP_MOMENTS 0  /* moments and step count stay */
#define LNSP_RESET_MOMENTS 1 /* they start at zero, and the average at the new weights */

#define LNSP_SAVE_WEIGHTS 0 /* a model file of the live weights */
#define LNSP_SAVE_AVERAGE 1 /* a model file of the moving average */
#define LNSP_SAVE_STATE 2   /* weights, moments, average, residual, step, texts: resume */

/* Counts the bytes of a trainer for this graph.
 *   loss, optimizer, sizes  as for lnsp_trainer_create
 * Returns: a status.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_trainer_measure(const lnsp_graph *graph, const char *loss,
                                      const char *optimizer, const lnsp_size_options *sizes,
                                      lnsp_memory_info *out, lnsp_error *error);

/* Opens a model file for training, or resumes a state file (LNSP_SAVE_STATE) to the same
 * bits: its step, moments, average and frozen tensors are taken over.
 *   path             a model file or a state file
 *   loss, optimizer  NULL: those of a state file. A given optimizer text must keep the same
 *                    moments as the state file's
 *   sizes            nullable
 *   options          nullable; storage LNSP_F32 opens a file of int8 weights as float32; any
 *                    other storage is refused (LNSP_E_UNSUPPORTED)
 * Returns: a status. Replay statistics, noise key and echo are not in a state file: set them
 * again.
 * Memory: gives a trainer; the weights go straight into its block.
 * Threads: any thread. Since 0.2. */
LNSP_API int32_t lnsp_trainer_open(const char *path, const char *loss, const char *optimizer,
                                   const lnsp_size_options *sizes, const lnsp_options *options,
                                   lnsp_trainer **out, lnsp_error *error);

/* Opens a trainer as lnsp_trainer_open does, from a file that is open; the trainer does not
 * need it any more.
 *   loss, optimizer, sizes, options  as for lnsp_trainer_open
 * Returns: a status.
 * Memory: gives a trainer.
 * Threads: one thread at a time for each file. Since 0.1. */
LNSP_API int32_t lnsp_trainer_open_file(lnsp_file *file, const char *loss,
                                        const char *optimizer, const lnsp_size_options *sizes,
                                        const lnsp_options *options, lnsp_trainer **out,
                                        lnsp_error *error);

/* Frees the trainer. NULL does nothing.
 * Threads: one thread at a time for each trainer. Since 0.1. */
LNSP_API void lnsp_trainer_destroy(lnsp_trainer *trainer);

/* Computes the loss and its gradient without an update; lnsp_trainer_gradient and
 * lnsp_trainer_apply may follow.
 *   inputs  as for lnsp_trainer_step
 *   loss    nullable
 * Returns: a status.
 * Threads: one thread at a time for each trainer, and not while a session on it runs.
 * Since 0.1. */
LNSP_API int32_t lnsp_trainer_compute_gradients(lnsp_trainer *trainer,
                                                const lnsp_tensor *inputs, int32_t input_count,
                                                float *loss, lnsp_error *error);

/* Computes the loss alone, as a model that runs has it: without a gradient, and without the
 * random draws that layers such as dropout make in training. A gradient that waits to be
 * applied becomes void; an accumulated sum does not.
 *   inputs   as for lnsp_trainer_step
 *   average  LNSP_WEIGHTS_LIVE or LNSP_WEIGHTS_AVERAGE
 * Returns: a status.
 * Threads: one thread at a time for each trainer, and not while a session on it runs.
 * Since 0.1. */
LNSP_API int32_t lnsp_trainer_validate(lnsp_trainer *trainer, const lnsp_tensor *inputs,
                                       int32_t input_count, int32_t average, float *loss,
                                       lnsp_error *error);

/* Computes the outputs: the first part of a step with a loss of the caller's own.
 *   inputs, outputs  as for lnsp_session_run
 * Returns: a status.
 * Threads: one thread at a time for each trainer, and not while a session on it runs.
 * Since 0.1. */
LNSP_API int32_t lnsp_trainer_forward(lnsp_trainer *trainer, const lnsp_tensor *inputs,
                                      int32_t input_count, const lnsp_tensor *outputs,
                                      int32_t output_count, lnsp_error *error);

/* Computes the gradient from the derivative of the caller's loss with respect to any of the
 * outputs: the second part, before lnsp_trainer_apply.
 *   gradients  named as the outputs and of their shapes, F32
 * Returns: a status; LNSP_E_STATE without lnsp_trainer_forward before.
 * Threads: one thread at a time for each trainer, and not while a session on it runs.
 * Since 0.1. */
LNSP_API int32_t lnsp_trainer_backward(lnsp_trainer *trainer, const lnsp_tensor *gradients,
                                       int32_t gradient_count, lnsp_error *error);

/* Makes the update with the gradient of lnsp_trainer_backward or
 * lnsp_trainer_compute_gradients.
 * Returns: a status; LNSP_E_STATE if there is no gradient.
 * Threads: one thread at a time for each trainer, and not while a session on it runs.
 * Since 0.1. */
LNSP_API int32_t lnsp_trainer_apply(lnsp_trainer *trainer, lnsp_error *error);

/* Makes an update with gradients that were computed elsewhere, e.g. by a server that
 * aggregates; checks, clip, schedule and average as in lnsp_trainer_apply.
 *   gradients  each with the name and shape of a weight, F32, contiguous. Weights that are
 *              not named, or are frozen, stay as they are
 * Returns: a status; LNSP_E_NOT_FINITE as for lnsp_trainer_step.
 * Threads: one thread at a time for each trainer, and not while a session on it runs.
 * Since 0.1. */
LNSP_API int32_t lnsp_trainer_apply_gradients(lnsp_trainer *trainer,
                                              const lnsp_tensor *gradients, int32_t count,
                                              lnsp_error *error);

/* Copies the present gradient of a weight out, row-major float32, before clip= is applied;
 * with clip_each= after that, and before noise.
 *   name   of the weight, as in lnsp_graph_tensor_at
 *   count  elements of out: all of the tensor's
 * Returns: a status; LNSP_E_STATE if there is no gradient now, or the loss does not reach the
 * tensor.
 * Threads: one thread at a time for each trainer. Since 0.1. */
LNSP_API int32_t lnsp_trainer_gradient(lnsp_trainer *trainer, const char *name, float *out,
                                       int64_t count, lnsp_error *error);

/* Freezes or thaws all tensors whose names match. A gradient that waits to be applied becomes
 * void.
 *   pattern  * matches any characters, ? any one
 *   frozen   LNSP_FROZEN or LNSP_TRAINABLE
 * Returns: a status; LNSP_E_MISSING if no name matches.
 * Threads: one thread at a time for each trainer. Since 0.1. */
LNSP_API int32_t lnsp_trainer_freeze(lnsp_trainer *trainer, const char *pattern, int32_t frozen,
                                     lnsp_error *error);

/* Sets the base learning rate, which the schedule multiplies.
 *   lr  0 to 1e6
 * Returns: a status.
 * Threads: one thread at a time for each trainer. Since 0.1. */
LNSP_API int32_t lnsp_trainer_set_learning_rate(lnsp_trainer *trainer, float lr,
                                                lnsp_error *error);

/* Tells the learning rate of the next step, with the schedule.
 * Returns: the rate; 0 for NULL.
 * Threads: one thread at a time for each trainer. Since 0.1. */
LNSP_API float lnsp_trainer_learning_rate(const lnsp_trainer *trainer);

/* Tells the norm of the last update's gradient, before it was clipped.
 * Returns: the norm; 0 without clip=, and before the first update.
 * Threads: one thread at a time for each trainer. Since 0.1. */
LNSP_API float lnsp_trainer_gradient_norm(const lnsp_trainer *trainer);

/* Tells how many updates were made; without accumulate= that is how many steps.
 * Returns: the count; 0 for NULL.
 * Threads: one thread at a time for each trainer. Since 0.1. */
LNSP_API uint64_t lnsp_trainer_step_count(const lnsp_trainer *trainer);

/* Replaces the live weights by those of a model of the same architecture. Residual, marks,
 * base learning rate and frozen tensors stay.
 *   reset  LNSP_KEEP_MOMENTS or LNSP_RESET_MOMENTS
 * Returns: a status.
 * Threads: one thread at a time for each trainer, and not while a session on it runs.
 * Since 0.1. */
LNSP_API int32_t lnsp_trainer_set_weights(lnsp_trainer *trainer, const lnsp_model *model,
                                          int32_t reset, lnsp_error *error);

/* Gives the trainer statistics for a loss with a replay term.
 *   replay  copied; must be finished
 * Returns: a status.
 * Threads: one thread at a time for each trainer. Since 0.1. */
LNSP_API int32_t lnsp_trainer_set_replay(lnsp_trainer *trainer, const lnsp_replay *replay,
                                         lnsp_error *error);

/* Copies a whole tensor out, row-major float32.
 *   name     as in lnsp_graph_tensor_at
 *   average  LNSP_WEIGHTS_LIVE or LNSP_WEIGHTS_AVERAGE
 *   count    elements of out: all of the tensor's
 * Returns: a status.
 * Threads: one thread at a time for each trainer. Since 0.1. */
LNSP_API int32_t lnsp_trainer_tensor_read(const lnsp_trainer *trainer, const char *name,
                                          int32_t average, float *out, int64_t count,
                                          lnsp_error *error);

/* Copies the present weights into a new model, while sessions on older ones go on.
 *   average  LNSP_WEIGHTS_LIVE or LNSP_WEIGHTS_AVERAGE
 *   options  nullable; storage converts as lnsp_model_convert does, 0: as the trainer keeps
 *            its weights; block: a slot of lnsp_model_measure bytes
 * Returns: a status.
 * Memory: gives a model.
 * Threads: one thread at a time for each trainer. Since 0.1. */
LNSP_API int32_t lnsp_trainer_publish(const lnsp_trainer *trainer, int32_t average,
                                      const lnsp_options *options, lnsp_model **out,
                                      lnsp_error *error);

/* Writes a file in the type that the weights are trained in.
 *   path  the file appears whole or not at all
 *   what  LNSP_SAVE_WEIGHTS, LNSP_SAVE_AVERAGE or LNSP_SAVE_STATE
 * Returns: a status.
 * Memory: allocates a small block for the writer, freed before the call returns.
 * Threads: one thread at a time for each trainer. Since 0.1. */
LNSP_API int32_t lnsp_trainer_save(const lnsp_trainer *trainer, const char *path, int32_t what,
                                   lnsp_error *error);

/* Writes the bytes of lnsp_trainer_save into a sink; what a failed call wrote is the sink's to
 * discard.
 *   what  as for lnsp_trainer_save
 * Returns: a status.
 * Memory: allocates a small block for the writer, freed before the call returns.
 * Threads: one thread at a time for each trainer. Since 0.1. */
LNSP_API int32_t lnsp_trainer_save_sink(const lnsp_trainer *trainer, const lnsp_sink *sink,
                                        int32_t what, lnsp_error *error);

/* Remembers the present state in memory. If max_marks marks are held, the oldest is dropped.
 * Returns: a status; LNSP_E_STATE if the trainer was created without max_marks.
 * Threads: one thread at a time for each trainer. Since 0.1. */
LNSP_API int32_t lnsp_trainer_mark(lnsp_trainer *trainer, lnsp_error *error);

/* Tells how many marks are held.
 * Returns: the count; 0 for NULL.
 * Threads: one thread at a time for each trainer. Since 0.1. */
LNSP_API int32_t lnsp_trainer_mark_count(const lnsp_trainer *trainer);

/* Goes back to a mark, to the bit. Newer marks are dropped; this one stays. Nothing is
 * copied: the mark's memory is exchanged with the live one, and the next step first copies
 * it.
 *   back  0: the newest mark, 1: the one before, ...
 * Returns: a status; LNSP_E_STATE if there is no such mark.
 * Threads: one thread at a time for each trainer, and not while a session on it runs.
 * Since 0.1. */
LNSP_API int32_t lnsp_trainer_rollback(lnsp_trainer *trainer, int32_t back, lnsp_error *error);

/* Computes the hash of the weights (equal to lnsp_model_hash of the published model), of their
 * average, or of the whole state.
 *   what  LNSP_SAVE_WEIGHTS, LNSP_SAVE_AVERAGE or LNSP_SAVE_STATE
 * Returns: a status.
 * Threads: one thread at a time for each trainer. Since 0.1. */
LNSP_API int32_t lnsp_trainer_hash(const lnsp_trainer *trainer, int32_t what,
                                   uint8_t out[LNSP_HASH_BYTES], lnsp_error *error);

/* Counts the bytes of this trainer.
 * Returns: a status.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_trainer_memory(const lnsp_trainer *trainer, lnsp_memory_info *out,
                                     lnsp_error *error);

/* Gives access to the trainer's graph.
 * Returns: the graph, which belongs to the trainer and lives as long as it; NULL for NULL.
 * Threads: any thread. Since 0.1. */
LNSP_API const lnsp_graph *lnsp_trainer_graph(const lnsp_trainer *trainer);

/* Names the inputs that lnsp_trainer_step needs: "input", "target", ...
 *   index  from 0
 * Returns: a string that lives as long as the trainer; NULL past the end.
 * Threads: any thread. Since 0.1. */
LNSP_API const char *lnsp_trainer_input_name(const lnsp_trainer *trainer, int32_t index);

/* Names the kernel set that the trainer uses.
 * Returns: a static string; NULL for NULL.
 * Threads: any thread. Since 0.1. */
LNSP_API const char *lnsp_trainer_isa(const lnsp_trainer *trainer);

/* Computes a loss by itself, on given predictions.
 *   loss      a text with one term, or with terms that need the same tensors
 *   inputs    "p" F32 [rows, width], and what the loss needs: "t", "positive", "negative",
 *             "teacher"
 *   value     gets the loss
 *   gradient  nullable; F32 [rows, width], gets dL/dp
 *   options   nullable
 * Returns: a status.
 * Memory: allocates a block, freed before the call returns.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_loss_evaluate(const char *loss, const lnsp_tensor *inputs,
                                    int32_t input_count, float *value,
                                    const lnsp_tensor *gradient, const lnsp_options *options,
                                    lnsp_error *error);

/* ---- replay: remember an old domain without its data ----------------------------------- */

/* Starts statistics of unit vectors: their mean (float32) and the Cholesky factor of their
 * covariance (float16, lower triangle). Add rows, then finish.
 *   width    elements of a vector
 *   options  nullable
 * Returns: a status.
 * Memory: gives replay statistics.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_replay_create(int64_t width, const lnsp_options *options,
                                    lnsp_replay **out, lnsp_error *error);

/* Adds vectors; each is normalised first.
 *   rows  F32 [n, width], any strides; a zero row is refused
 * Returns: a status.
 * Threads: one thread at a time for each replay. Since 0.1. */
LNSP_API int32_t lnsp_replay_add(lnsp_replay *replay, const lnsp_tensor *rows,
                                 lnsp_error *error);

/* Computes the factor.
 * Returns: a status; LNSP_E_STATE with fewer than two rows.
 * Threads: one thread at a time for each replay. Since 0.1. */
LNSP_API int32_t lnsp_replay_finish(lnsp_replay *replay, lnsp_error *error);

/* Draws unit vectors from the statistics, with scratch memory of the handle.
 *   seed, step  the vectors are a function of these two alone
 *   out         F32 [rows, width], contiguous or strided; the call writes its data
 * Returns: a status; LNSP_E_STATE before lnsp_replay_finish.
 * Threads: one thread at a time for each replay. Since 0.1. */
LNSP_API int32_t lnsp_replay_draw(const lnsp_replay *replay, uint64_t seed, uint64_t step,
                                  const lnsp_tensor *out, lnsp_error *error);

/* Writes finished statistics as a safetensors file, which appears whole or not at all.
 * Returns: a status.
 * Memory: allocates a small block for the writer, freed before the call returns.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_replay_save(const lnsp_replay *replay, const char *path,
                                  lnsp_error *error);

/* Reads statistics from a file of lnsp_replay_save.
 *   options  nullable
 * Returns: a status.
 * Memory: gives replay statistics.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_replay_open(const char *path, const lnsp_options *options,
                                  lnsp_replay **out, lnsp_error *error);

/* Tells the width of the vectors.
 * Returns: the width; 0 for NULL.
 * Threads: any thread. Since 0.1. */
LNSP_API int64_t lnsp_replay_width(const lnsp_replay *replay);

/* Frees the statistics. NULL does nothing.
 * Threads: one thread at a time for each replay. Since 0.1. */
LNSP_API void lnsp_replay_destroy(lnsp_replay *replay);

/* ---- delta: what changed --------------------------------------------------------------- */

/* A codec text says how a delta is encoded, in the grammar of optimizer texts
 * (docs/delta.md): "exact" (the default), "int8 block=64", "int5", "int4", "sparse share=.1",
 * "sign", "float16", "float32"; with only=PATTERN[,PATTERN...] for those tensors alone (* and
 * ? match, 1d is every tensor of rank 1), while the others stay as in base. With any codec
 * but exact the result is not `next`, but base plus what was coded: the same bits on both
 * sides. */

#define LNSP_NO_SNAP 0
#define LNSP_SNAP 1 /* the trainer's weights become those of the delta's result */

typedef struct lnsp_delta_info {
  uint32_t struct_size;    /* sizeof(lnsp_delta_info), set by the caller */
  int32_t exact;           /* 1: all stages are exact, and the delta can be inverted */
  int64_t parameter_count;
  int64_t changed_count;   /* parameters whose bits differ, as its maker says; -1: not known
                              (merged) */
  int64_t encoded_bytes;   /* size of the file that lnsp_delta_save writes */
  uint8_t base_hash[LNSP_HASH_BYTES];   /* lnsp_model_hash of the base */
  uint8_t result_hash[LNSP_HASH_BYTES]; /* lnsp_model_hash of the result */
  const char *codec;       /* "int4 block=64"; those of the stages joined by "; ". Valid as
                              long as the delta */
  int32_t stage_count;     /* 1; more after lnsp_delta_merge */
  int32_t selected_count;  /* tensors that some stage encodes */
  const char *sender;      /* as stamped, or "". Valid as long as the delta, and until it is
                              stamped again */
  uint64_t nonce;          /* as stamped, or 0 */
  int32_t authenticated;   /* 1: it has an authentication code, which lnsp_delta_check
                              compares with a key's */
  int32_t reserved;
} lnsp_delta_info;

#define LNSP_DELTA_INFO_INIT \
  {sizeof(lnsp_delta_info), 0, 0, 0, 0, {0}, {0}, NULL, 0, 0, NULL, 0, 0, 0}

/* Counts the bytes of a delta that lnsp_delta_create makes, whatever changes. workspace_bytes
 * is the payload at its largest.
 *   codec  NULL: "exact"
 * Returns: a status.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_delta_measure(const lnsp_graph *graph, const char *codec,
                                    lnsp_memory_info *out, lnsp_error *error);

/* Creates the delta that leads from one model to another.
 *   base, next  of one architecture, in any storage but I8
 *   codec       NULL: "exact"
 *   options     nullable
 * Returns: a status.
 * Memory: gives a delta, which needs neither model any more.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_delta_create(const lnsp_model *base, const lnsp_model *next,
                                   const char *codec, const lnsp_options *options,
                                   lnsp_delta **out, lnsp_error *error);

/* Creates the delta that leads from base to a trainer's live weights, plus what earlier
 * deltas left out. With residual=1 in its optimizer text, the trainer keeps what this codec
 * leaves out (of all tensors, also those that only= excludes) and adds it to the next delta.
 *   codec    NULL: "exact"
 *   snap     LNSP_SNAP: the trainer's weights become those of the result, so that both sides
 *            go on from the same bits; moments and step count stay. LNSP_NO_SNAP: they stay
 *            as they are; call lnsp_trainer_set_weights before the next delta, or what was
 *            left out counts twice
 *   options  nullable
 * Returns: a status.
 * Memory: gives a delta.
 * Threads: one thread at a time for each trainer, and not while a session on it runs.
 * Since 0.1. */
LNSP_API int32_t lnsp_delta_create_live(const lnsp_model *base, lnsp_trainer *trainer,
                                        const char *codec, int32_t snap,
                                        const lnsp_options *options, lnsp_delta **out,
                                        lnsp_error *error);

/* Applies a delta to its base.
 *   options  nullable; storage of the new model, 0: float32
 * Returns: a status; LNSP_E_MISMATCH unless base has the delta's base hash and the result its
 * result hash.
 * Memory: gives a model.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_delta_apply(const lnsp_delta *delta, const lnsp_model *base,
                                  const lnsp_options *options, lnsp_model **out,
                                  lnsp_error *error);

/* Creates the delta that leads back, from the result to the base.
 *   options  nullable
 * Returns: a status; LNSP_E_UNSUPPORTED unless the delta is exact.
 * Memory: gives a delta.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_delta_invert(const lnsp_delta *delta, const lnsp_options *options,
                                   lnsp_delta **out, lnsp_error *error);

/* Joins deltas that follow each other into one with the stages of all, which leads to the
 * same bits. A new delta from the first base to the last result is smaller.
 *   deltas   count of them, the result of each the base of the next; at most 64 stages in all
 *   options  nullable
 * Returns: a status.
 * Memory: gives a delta; the stages are copied.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_delta_merge(const lnsp_delta *const *deltas, int32_t count,
                                  const lnsp_options *options, lnsp_delta **out,
                                  lnsp_error *error);

/* Tells what a delta is about.
 * Returns: a status.
 * Threads: any thread, but not while the delta is stamped. Since 0.1. */
LNSP_API int32_t lnsp_delta_get_info(const lnsp_delta *delta, lnsp_delta_info *out,
                                     lnsp_error *error);

/* Writes a delta file, which appears whole or not at all; a checksum covers every byte.
 * Returns: a status.
 * Memory: allocates a small block for the writer, freed before the call returns.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_delta_save(const lnsp_delta *delta, const char *path, lnsp_error *error);

/* Reads a delta file.
 *   options  nullable
 * Returns: a status.
 * Memory: gives a delta.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_delta_open(const char *path, const lnsp_options *options,
                                 lnsp_delta **out, lnsp_error *error);

/* Writes the bytes of a delta file into memory.
 *   buffer, capacity  NULL and 0 to ask for the size
 *   bytes             nullable; gets the size of the file
 * Returns: a status; LNSP_E_LIMIT if the bytes do not fit.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_delta_save_memory(const lnsp_delta *delta, void *buffer, size_t capacity,
                                        size_t *bytes, lnsp_error *error);

/* Reads a delta from the bytes of a delta file.
 *   data     used only during the call
 *   options  nullable
 * Returns: a status.
 * Memory: gives a delta; the bytes are copied.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_delta_open_memory(const void *data, size_t bytes,
                                        const lnsp_options *options, lnsp_delta **out,
                                        lnsp_error *error);

/* Frees the delta. NULL does nothing.
 * Threads: one thread at a time for each delta. Since 0.1. */
LNSP_API void lnsp_delta_destroy(lnsp_delta *delta);

/* ---- store: versions that survive power cuts ------------------------------------------- */

/* Where a store is kept: flash, or anything that is erased in units and programmed once in
 * between. Callbacks return 0, or anything else on failure, and are never asked for bytes
 * beyond size_bytes. A device with read alone can only be read. */
typedef struct lnsp_device {
  uint32_t struct_size;   /* sizeof(lnsp_device) */
  uint32_t erase_bytes;   /* erase unit: a multiple of program_bytes and of 16 */
  uint32_t program_bytes; /* program unit: a power of two up to 4096; each unit is programmed
                             at most once between two erases */
  uint32_t reserved;
  uint64_t size_bytes;    /* at least four erase units */
  void *user;
  int32_t (*read)(void *user, uint64_t offset, void *to, size_t bytes);
  /* Programs whole units that were erased before. */
  int32_t (*program)(void *user, uint64_t offset, const void *from, size_t bytes);
  /* Erases the unit that begins at offset: its bytes are 0xFF then. */
  int32_t (*erase)(void *user, uint64_t offset);
  /* Returns when all that was programmed and erased will survive a power cut. */
  int32_t (*sync)(void *user);
} lnsp_device;

#define LNSP_DEVICE_INIT {sizeof(lnsp_device), 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL}

typedef struct lnsp_store_options {
  uint32_t struct_size;   /* sizeof(lnsp_store_options) */
  int32_t snapshot_every; /* create: versions from one snapshot to the next; default 16 */
  int32_t max_senders;    /* create: how many senders are remembered; default 64 */
  int32_t read_only;      /* open: 1 only reads, in parallel with other readers; a commit that
                             a power cut interrupted may still be lost */
  int32_t salvage;        /* open: 1 skips damage, and only reads */
  uint32_t reserved;
  uint64_t size_bytes;    /* lnsp_store_create: of the file, which grows up to that; default
                             64 states, at least 4 MiB */
} lnsp_store_options;

#define LNSP_STORE_OPTIONS_INIT {sizeof(lnsp_store_options), 0, 0, 0, 0, 0, 0}

/* What is written with a version. All zero: nothing. */
typedef struct lnsp_commit_options {
  uint32_t struct_size; /* sizeof(lnsp_commit_options) */
  float loss;
  uint64_t time;        /* seconds since 1970, or what the caller counts */
  const char *tag;      /* up to 39 bytes; compaction keeps tagged versions longer */
} lnsp_commit_options;

#define LNSP_COMMIT_OPTIONS_INIT {sizeof(lnsp_commit_options), 0, 0, NULL}

#define LNSP_VERSION_SNAPSHOT 1 /* whole */
#define LNSP_VERSION_DELTA 2    /* against the newest snapshot before it */
#define LNSP_VERSION_ROLLBACK 3 /* went back to the version `parent` */

typedef struct lnsp_store_version_info {
  uint32_t struct_size; /* sizeof(lnsp_store_version_info), set by the caller */
  int32_t kind;         /* LNSP_VERSION_... */
  uint64_t number;      /* from 1; never given twice */
  uint64_t parent;      /* the version before it, or that it went back to; 0: none */
  uint64_t time;
  uint64_t step;        /* updates of the trainer */
  uint64_t bytes;       /* on the device */
  float loss;
  int32_t current;      /* 1: the present state is this version's */
  uint8_t hash[LNSP_HASH_BYTES]; /* of its weights, as lnsp_model_hash */
  char tag[40];
} lnsp_store_version_info;

/* clang-format off */
#define LNSP_STORE_VERSION_INFO_INIT \
  {sizeof(lnsp_store_version_info), 0, 0, 0, 0, 0, 0, 0, 0, {0}, {0}}
/* clang-format on */

typedef struct lnsp_store_info {
  uint32_t struct_size; /* sizeof(lnsp_store_info), set by the caller */
  int32_t of_trainer;   /* 1: of a trainer's states, 0: of a model's weights */
  int32_t snapshot_every;
  int32_t damaged;      /* 1: opened with salvage, and something was skipped */
  uint64_t versions;    /* kept, rollbacks included */
  uint64_t newest;      /* number of the newest; 0: none yet */
  uint64_t state_bytes; /* of one version, not compressed */
  uint64_t size_bytes;  /* of the device */
  uint64_t used_bytes;  /* of the bank in use, which is nearly half of the device */
  uint64_t bank_bytes;
  uint64_t compactions;
} lnsp_store_info;

#define LNSP_STORE_INFO_INIT {sizeof(lnsp_store_info), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}

/* Counts the bytes of a store's handle.
 *   trainer, model  what lnsp_store_create_device would be given; both NULL: the handle that
 *                   lnsp_store_open_device needs for what is on the device
 *   store_options   nullable
 * Returns: a status.
 * Threads: one thread at a time for each trainer and device. Since 0.1. */
LNSP_API int32_t lnsp_store_measure(const lnsp_device *device, const lnsp_trainer *trainer,
                                    const lnsp_model *model,
                                    const lnsp_store_options *store_options, uint64_t *bytes,
                                    lnsp_error *error);

/* Creates a store without versions in a new file, which appears whole and is locked until
 * destroy.
 *   path            LNSP_E_STATE if the file exists
 *   trainer, model  what the versions are of: a trainer's states or a model's weights; the
 *                   other is NULL
 *   store_options   nullable
 *   options         nullable
 * Returns: a status; LNSP_E_LIMIT if two versions do not fit.
 * Memory: gives a store; allocates a second block for the file.
 * Threads: one thread at a time for each trainer. Since 0.1. */
LNSP_API int32_t lnsp_store_create(const char *path, const lnsp_trainer *trainer,
                                   const lnsp_model *model,
                                   const lnsp_store_options *store_options,
                                   const lnsp_options *options, lnsp_store **out,
                                   lnsp_error *error);

/* Creates a store as lnsp_store_create does, on a device, in place of whatever is on it.
 *   device                                  copied
 *   trainer, model, store_options, options  as for lnsp_store_create
 * Returns: a status; LNSP_E_LIMIT if two versions do not fit.
 * Memory: gives a store.
 * Threads: one thread at a time for each trainer and device. Since 0.1. */
LNSP_API int32_t lnsp_store_create_device(const lnsp_device *device,
                                          const lnsp_trainer *trainer, const lnsp_model *model,
                                          const lnsp_store_options *store_options,
                                          const lnsp_options *options, lnsp_store **out,
                                          lnsp_error *error);

/* Opens a store and finds its newest version: that of the last commit that returned, or of
 * one that was under way when the power failed.
 *   path           of the store's file
 *   store_options  nullable
 *   options        nullable
 * Returns: a status; LNSP_E_STATE while another handle or process has the file;
 * LNSP_E_MISMATCH where something is damaged that good records follow, and then nothing is
 * cut off.
 * Memory: gives a store; allocates a second block for the file.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_store_open(const char *path, const lnsp_store_options *store_options,
                                 const lnsp_options *options, lnsp_store **out,
                                 lnsp_error *error);

/* Opens a store as lnsp_store_open does, on a device.
 *   device                  copied
 *   store_options, options  nullable
 * Returns: a status.
 * Memory: gives a store.
 * Threads: one thread at a time for each device. Since 0.1. */
LNSP_API int32_t lnsp_store_open_device(const lnsp_device *device,
                                        const lnsp_store_options *store_options,
                                        const lnsp_options *options, lnsp_store **out,
                                        lnsp_error *error);

/* Commits the trainer's whole state as a new version, which survives a power cut once the
 * call has returned.
 *   commit_options  nullable
 *   number          nullable; gets the version's number
 * Returns: a status; after LNSP_E_IO the handle can only read.
 * Threads: one thread at a time for each store and trainer. Since 0.1. */
LNSP_API int32_t lnsp_store_commit(lnsp_store *store, const lnsp_trainer *trainer,
                                   const lnsp_commit_options *commit_options, uint64_t *number,
                                   lnsp_error *error);

/* Commits a model's weights as a new version, as lnsp_store_commit does.
 *   commit_options, number  nullable
 * Returns: a status; after LNSP_E_IO the handle can only read.
 * Threads: one thread at a time for each store. Since 0.1. */
LNSP_API int32_t lnsp_store_commit_model(lnsp_store *store, const lnsp_model *model,
                                         const lnsp_commit_options *commit_options,
                                         uint64_t *number, lnsp_error *error);

/* Tells what is in a store.
 * Returns: a status.
 * Threads: one thread at a time for each store. Since 0.1. */
LNSP_API int32_t lnsp_store_get_info(const lnsp_store *store, lnsp_store_info *out,
                                     lnsp_error *error);

/* Tells the texts of what a store is of.
 *   index  0: architecture, 1: loss, 2: optimizer ("" for a model's weights)
 * Returns: a string that lives as long as the store; NULL for other numbers.
 * Threads: one thread at a time for each store. Since 0.1. */
LNSP_API const char *lnsp_store_text(const lnsp_store *store, int32_t index);

/* Tells about a version. Asked for in order, each is one small read.
 *   index  0: the newest, 1: the one before, ...; LNSP_E_ARGUMENT past the oldest
 * Returns: a status.
 * Threads: one thread at a time for each store. Since 0.1. */
LNSP_API int32_t lnsp_store_version_at(lnsp_store *store, uint64_t index,
                                       lnsp_store_version_info *out, lnsp_error *error);

/* Loads a version's state into a trainer, to the bit. With the same optimizer text the
 * learning rate comes too. Everything is checked before anything changes.
 *   number   0: the newest version
 *   trainer  of the same architecture and layout of moments
 *   options  nullable
 * Returns: a status.
 * Memory: allocates a copy of the state, from options or else as the store was, freed before
 * the call returns.
 * Threads: one thread at a time for each store and trainer, and not while a session on the
 * trainer runs. Since 0.1. */
LNSP_API int32_t lnsp_store_load(lnsp_store *store, uint64_t number, lnsp_trainer *trainer,
                                 const lnsp_options *options, lnsp_error *error);

/* Makes a model of a version's weights.
 *   number   0: the newest version
 *   options  nullable; storage 0: as the version has them
 * Returns: a status.
 * Memory: gives a model.
 * Threads: one thread at a time for each store. Since 0.1. */
LNSP_API int32_t lnsp_store_checkout(lnsp_store *store, uint64_t number,
                                     const lnsp_options *options, lnsp_model **out,
                                     lnsp_error *error);

/* Goes back: commits a new version, in a small record, that is the version `to`. Load it
 * then.
 *   commit_options  nullable; only its time is kept, while loss, tag and `current` stay with
 *                   `to`
 *   number          nullable; gets the new version's number
 * Returns: a status.
 * Threads: one thread at a time for each store. Since 0.1. */
LNSP_API int32_t lnsp_store_rollback(lnsp_store *store, uint64_t to,
                                     const lnsp_commit_options *commit_options,
                                     uint64_t *number, lnsp_error *error);

/* Reads and checks everything.
 *   records  nullable; gets the number of good records
 * Returns: a status; LNSP_E_MISMATCH, with the place, if something is damaged.
 * Threads: one thread at a time for each store. Since 0.1. */
LNSP_API int32_t lnsp_store_verify(lnsp_store *store, uint64_t *records, lnsp_error *error);

/* Drops old versions now, as a commit does when the device is full.
 * Returns: a status.
 * Threads: one thread at a time for each store. Since 0.1. */
LNSP_API int32_t lnsp_store_compact(lnsp_store *store, lnsp_error *error);

/* Closes the store, which is whole at any time. NULL does nothing.
 * Threads: one thread at a time for each store. Since 0.1. */
LNSP_API void lnsp_store_destroy(lnsp_store *store);

/* ---- graph: a network without weights -------------------------------------------------- */

/* Reads an architecture text.
 *   text     a named architecture with arguments ("student heads=8 act=gelu"), or a
 *            written-out graph ("lnsp 1\nx = input 384\n..."), docs/architecture.md
 *   options  nullable; storage is that of the graph's models
 * Returns: a status; errors in the text with line and column.
 * Memory: gives a graph.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_graph_create(const char *text, const lnsp_options *options,
                                   lnsp_graph **out, lnsp_error *error);

/* Reads the architecture of a file: options->architecture, or the file's metadata lnsp.arch
 * or lnsp.graph. Sizes that the text leaves open are taken from the shapes of the file's
 * tensors.
 *   options  nullable
 * Returns: a status.
 * Memory: gives a graph, which does not need the file any more.
 * Threads: one thread at a time for each file. Since 0.1. */
LNSP_API int32_t lnsp_graph_open_file(lnsp_file *file, const lnsp_options *options,
                                      lnsp_graph **out, lnsp_error *error);

/* Copies a graph, for models in another storage, e.g. to measure one before it is made.
 *   storage  LNSP_F32, F16, BF16 or I8
 *   options  nullable
 * Returns: a status.
 * Memory: gives a graph.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_graph_convert(const lnsp_graph *graph, int32_t storage,
                                    const lnsp_options *options, lnsp_graph **out,
                                    lnsp_error *error);

/* Frees the graph. NULL does nothing; graphs that belong to a model or trainer are not
 * destroyed.
 * Threads: one thread at a time for each graph. Since 0.1. */
LNSP_API void lnsp_graph_destroy(lnsp_graph *graph);

/* Tells how the graph's models keep their matrices; for a model's graph, how that model does.
 * Returns: LNSP_F32, F16, BF16 or I8.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_graph_storage(const lnsp_graph *graph);

/* Tells how many parameters can be trained.
 * Returns: elements, without padding; 0 for NULL.
 * Threads: any thread. Since 0.1. */
LNSP_API int64_t lnsp_graph_parameter_count(const lnsp_graph *graph);

/* Tells how many tensors the state has.
 * Returns: the count; 0 for NULL.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_graph_tensor_count(const lnsp_graph *graph);

/* Describes a tensor of the state, in canonical order, which is the order of hashes and
 * deltas.
 *   index  from 0; LNSP_E_ARGUMENT past the end
 *   out    gets name, rank and dims; F32 whatever the storage, data NULL
 * Returns: a status.
 * Memory: the name lives as long as the graph.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_graph_tensor_at(const lnsp_graph *graph, int32_t index, lnsp_tensor *out,
                                      lnsp_error *error);

/* Tells if a tensor can be trained.
 *   index  as for lnsp_graph_tensor_at
 * Returns: 1; or 0 if it is part of the state but never gets a gradient, as a table of
 * positions does, or if there is no such tensor.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_graph_tensor_trained(const lnsp_graph *graph, int32_t index);

/* Tells the width of the input vectors.
 * Returns: elements; 1 where the input is ids; 0 for NULL.
 * Threads: any thread. Since 0.1. */
LNSP_API int64_t lnsp_graph_input_width(const lnsp_graph *graph);

/* Names the input.
 *   id_count  nullable; 0 for vectors, or how many ids there are
 * Returns: a static string: "input" for vectors (F32), or "ids" (any integer type, [rows,
 * concepts], each from 0 to id_count - 1).
 * Threads: any thread. Since 0.1. */
LNSP_API const char *lnsp_graph_input_name(const lnsp_graph *graph, int64_t *id_count);

/* Tells how many concepts a row may have.
 *   low, high  nullable; the least and the most, high 0: any number
 *   step       nullable; the number is a multiple of this
 * Returns: a status.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_graph_concept_range(const lnsp_graph *graph, int64_t *low, int64_t *high,
                                          int64_t *step, lnsp_error *error);

/* Tells how many outputs there are.
 * Returns: the count; 0 for NULL.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_graph_output_count(const lnsp_graph *graph);

/* Describes an output.
 *   index  from 0, which is "output"; LNSP_E_ARGUMENT past the end
 *   out    gets the name, F32, rank 1 and dims[0], the width; data NULL
 * Returns: a status.
 * Memory: the name lives as long as the graph.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_graph_output_at(const lnsp_graph *graph, int32_t index, lnsp_tensor *out,
                                      lnsp_error *error);

/* Computes the shape of an output for an input of this shape.
 *   index  number of the output
 *   input  its rank and dims are read
 *   out    gets the name, F32, rank and dims. An output with a vector for each concept has
 *          the input's rows and concepts; one of a network that joins a sequence is [rows,
 *          width]
 * Returns: a status; LNSP_E_SHAPE if the network takes no such input.
 * Memory: the name lives as long as the graph.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_graph_output_shape(const lnsp_graph *graph, int32_t index,
                                         const lnsp_tensor *input, lnsp_tensor *out,
                                         lnsp_error *error);

/* Counts the floating-point operations of one row forward: multiply-adds times two.
 *   concepts  of the row, 1 to 65,536
 * Returns: the number; 0 if the network does not take so many concepts.
 * Threads: any thread. Since 0.1. */
LNSP_API int64_t lnsp_graph_flops(const lnsp_graph *graph, int64_t concepts);

/* Gives the architecture as one line with every argument written out, or as a written-out
 * graph where it was given as one.
 * Returns: a string that lives as long as the graph; NULL for NULL.
 * Threads: any thread. Since 0.1. */
LNSP_API const char *lnsp_graph_architecture(const lnsp_graph *graph);

/* Writes the graph out, one line for each layer, which lnsp_graph_create reads again.
 *   buffer        NULL if capacity is 0
 *   capacity      bytes, with the final zero
 *   needed_bytes  nullable; gets the size of the whole text, with the final zero
 * Returns: a status; LNSP_E_LIMIT if the text does not fit.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_graph_text(const lnsp_graph *graph, char *buffer, size_t capacity,
                                 size_t *needed_bytes, lnsp_error *error);

/* ---- what this build knows ------------------------------------------------------------- */

#define LNSP_LIST_ARCHITECTURES 1
#define LNSP_LIST_LAYERS 2
#define LNSP_LIST_LOSSES 3
#define LNSP_LIST_OPTIMIZERS 4
#define LNSP_LIST_SCHEDULES 5
#define LNSP_LIST_ISAS 6   /* kernel sets in this build, widest first */
#define LNSP_LIST_CODECS 7 /* delta codecs */
#define LNSP_LIST_RULES 8  /* rules of lnsp_delta_aggregate */

/* Names an entry of a list.
 *   list   LNSP_LIST_...
 *   index  from 0
 * Returns: a static string; NULL past the end.
 * Threads: any thread. Since 0.1. */
LNSP_API const char *lnsp_list_name(int32_t list, int32_t index);

/* Describes an entry in one line: what it is and which keys it takes.
 *   list, index  as for lnsp_list_name
 * Returns: a static string; NULL past the end.
 * Threads: any thread. Since 0.1. */
LNSP_API const char *lnsp_list_help(int32_t list, int32_t index);

/* Types of keys. */
#define LNSP_KEY_REAL 1  /* a number, such as .3 or 1e-3 */
#define LNSP_KEY_WHOLE 2 /* a whole number */
#define LNSP_KEY_FLAG 3  /* 0 or 1 */
#define LNSP_KEY_WORD 4  /* one of words */
#define LNSP_KEY_NAME 5  /* a name of the user: of an output, a tensor, ... */
#define LNSP_KEY_SIZE 6  /* a whole number without key=, behind a layer's inputs, in order */

/* Flags of keys. LNSP_KEY_DEPENDS: the default or the range depends on other values of the
 * text, or the key is there only with some of them: initial is for the others at their
 * defaults, the range is the widest. */
#define LNSP_KEY_REQUIRED 1
#define LNSP_KEY_PERCENT 2 /* a percentage is allowed too, as in 5% */
#define LNSP_KEY_DEPENDS 4

/* A key of an entry of a list.
 *   count      numbers joined by commas; without a default at most so many
 *   low, high  of numbers, both allowed; with other values of the text less may be possible.
 *              Whole ones beyond 2^53 are rounded
 *   name       "lr"; of an LNSP_KEY_SIZE what it is, "width of the result"
 *   initial    the default, as one would write it; empty: leaving the key out says what no
 *              value does, or it is required
 *   words      "uniform,zero": all that there are. Of numbers: a word that is allowed instead
 *   needs      another key without which this one has no effect */
typedef struct lnsp_key_info {
  uint32_t struct_size; /* sizeof(lnsp_key_info) */
  int32_t type; /* LNSP_KEY_REAL, ... */
  int32_t flags; /* LNSP_KEY_REQUIRED, ... */
  int32_t count;
  double low, high;
  char name[40];
  char initial[32];
  char words[64];
  char needs[16];
} lnsp_key_info;

#define LNSP_KEY_INFO_INIT                                     \
  {                                                            \
    sizeof(lnsp_key_info), 0, 0, 0, 0, 0, {0}, {0}, {0}, { 0 } \
  }

/* Tells how many keys an entry of a list takes.
 *   list   LNSP_LIST_...
 *   index  of the entry, from 0
 * Returns: a count; 0 past the end.
 * Threads: any thread. Since 0.2. */
LNSP_API int32_t lnsp_list_key_count(int32_t list, int32_t index);

/* Describes one key of an entry of a list: for user interfaces and bindings, which offer what
 * the readers of texts accept. Any other key of the text is refused.
 *   list   LNSP_LIST_...
 *   index  of the entry, from 0
 *   key    from 0, below lnsp_list_key_count
 *   info   not NULL, from LNSP_KEY_INFO_INIT; unchanged if the call fails
 * Returns: a status; LNSP_E_MISSING past either end.
 * Threads: any thread. Since 0.2. */
LNSP_API int32_t lnsp_list_key_at(int32_t list, int32_t index, int32_t key, lnsp_key_info *info,
                                  lnsp_error *error);

/* Checks a text without a model, e.g. while a user types it.
 *   list  what the text is: LNSP_LIST_ARCHITECTURES (for lnsp_graph_create), _LOSSES,
 *         _OPTIMIZERS (for lnsp_trainer_create), _SCHEDULES (the keys of an optimizer text,
 *         "schedule=cosine steps=100"), _ISAS, _CODECS (for lnsp_delta_create) or _RULES (for
 *         lnsp_delta_aggregate)
 *   text  not NULL
 * Returns: a status; errors with line and column. Whether a loss fits a network's outputs
 * only lnsp_trainer_measure can tell.
 * Memory: an architecture allocates a block, freed before the call returns.
 * Threads: any thread. Since 0.2. */
LNSP_API int32_t lnsp_text_check(int32_t list, const char *text, lnsp_error *error);

/* Tells if this CPU and operating system can run a kernel set.
 *   isa  as in lnsp_options
 * Returns: a status; LNSP_E_UNSUPPORTED if not, LNSP_E_UNKNOWN if this build has no such set.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_isa_check(const char *isa, lnsp_error *error);

/* Names the kernel set that "auto" takes here, for any but an int8 model.
 * Returns: a static string.
 * Threads: any thread. Since 0.1. */
LNSP_API const char *lnsp_isa_best(void);

/* ---- file: named tensors in safetensors ------------------------------------------------ */

/* Opens a safetensors file and checks its whole header. Tensor data is read on demand and not
 * held.
 *   path     stays open until destroy
 *   options  nullable
 * Returns: a status.
 * Memory: gives a file.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_file_open(const char *path, const lnsp_options *options, lnsp_file **out,
                                lnsp_error *error);

/* Opens a safetensors file as lnsp_file_open does, from memory.
 *   data     the caller keeps it until destroy
 *   options  nullable
 * Returns: a status.
 * Memory: gives a file; nothing is copied but the header.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_file_open_memory(const void *data, size_t bytes,
                                       const lnsp_options *options, lnsp_file **out,
                                       lnsp_error *error);

/* Opens a safetensors file as lnsp_file_open does, through callbacks.
 *   source   copied; its user pointer must live until destroy
 *   options  nullable
 * Returns: a status.
 * Memory: gives a file.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_file_open_source(const lnsp_source *source, const lnsp_options *options,
                                       lnsp_file **out, lnsp_error *error);

/* Closes the file. NULL does nothing.
 * Threads: one thread at a time for each file. Since 0.1. */
LNSP_API void lnsp_file_destroy(lnsp_file *file);

/* Tells how many tensors the file has.
 * Returns: the count; 0 for NULL.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_file_tensor_count(const lnsp_file *file);

/* Describes a tensor of the file, in the order of the file.
 *   index  from 0; LNSP_E_ARGUMENT past the end
 *   out    gets name, dtype, rank and dims; data is NULL
 * Returns: a status.
 * Memory: the name lives as long as the file.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_file_tensor_at(const lnsp_file *file, int32_t index, lnsp_tensor *out,
                                     lnsp_error *error);

/* Describes a tensor of the file as lnsp_file_tensor_at does, by name.
 * Returns: a status; LNSP_E_MISSING if there is no such tensor.
 * Memory: the name lives as long as the file.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_file_tensor(const lnsp_file *file, const char *name, lnsp_tensor *out,
                                  lnsp_error *error);

/* Looks up the value of a metadata key.
 * Returns: a string that lives as long as the file; NULL if there is no such key.
 * Threads: any thread. Since 0.1. */
LNSP_API const char *lnsp_file_metadata(const lnsp_file *file, const char *key);

/* Gives a metadata pair.
 *   index  from 0; LNSP_E_ARGUMENT past the end
 * Returns: a status.
 * Memory: both strings live as long as the file.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_file_metadata_at(const lnsp_file *file, int32_t index,
                                       lnsp_key_value *out, lnsp_error *error);

/* Reads elements of a tensor.
 *   name          of the tensor
 *   first, count  elements, row-major
 *   dtype         of out: F32 from F32, F16, BF16 or F64; I64 or I32 from any integer type
 *                 that fits, or BOOL; any type from itself
 * Returns: a status. If the source fails midway (LNSP_E_IO), or progress cancels the read, out
 * may be partly written.
 * Threads: one thread at a time for each file. Since 0.1. */
LNSP_API int32_t lnsp_file_read(lnsp_file *file, const char *name, int64_t first, int64_t count,
                                int32_t dtype, void *out, lnsp_error *error);

/* ---- writer: a safetensors file, streamed ---------------------------------------------- */

/* Starts a file, under a temporary name next to path. The path appears, whole, only on close.
 *   tensors   name, dtype and dims of each, in the order of writing; data is ignored
 *   metadata  pair_count pairs; NULL if that is 0
 *   options   nullable
 * Returns: a status.
 * Memory: gives a writer.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_writer_create(const char *path, const lnsp_tensor *tensors,
                                    int32_t tensor_count, const lnsp_key_value *metadata,
                                    int32_t pair_count, const lnsp_options *options,
                                    lnsp_writer **out, lnsp_error *error);

/* Starts a file as lnsp_writer_create does, in a sink; what a failed call wrote is the sink's
 * to discard.
 *   tensors, metadata, options  as for lnsp_writer_create
 * Returns: a status.
 * Memory: gives a writer.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_writer_create_sink(const lnsp_sink *sink, const lnsp_tensor *tensors,
                                         int32_t tensor_count, const lnsp_key_value *metadata,
                                         int32_t pair_count, const lnsp_options *options,
                                         lnsp_writer **out, lnsp_error *error);

/* Appends tensor data: tensors in the declared order and types, row-major, in the host's byte
 * order, whole elements.
 * Returns: a status; LNSP_E_LIMIT past the declared end.
 * Threads: one thread at a time for each writer. Since 0.1. */
LNSP_API int32_t lnsp_writer_write(lnsp_writer *writer, const void *data, size_t bytes,
                                   lnsp_error *error);

/* Finishes the file: flushes it to the disk and renames it. Destroy the writer afterwards.
 * Returns: a status; LNSP_E_STATE if bytes are missing.
 * Threads: one thread at a time for each writer. Since 0.1. */
LNSP_API int32_t lnsp_writer_close(lnsp_writer *writer, lnsp_error *error);

/* Frees the writer; without a successful close the file never appears. NULL does nothing.
 * Threads: one thread at a time for each writer. Since 0.1. */
LNSP_API void lnsp_writer_destroy(lnsp_writer *writer);

/* ---- index: the nearest vectors -------------------------------------------------------- */

#define LNSP_NO_ID (-1) /* where fewer vectors were found than asked for */

typedef struct lnsp_index_options {
  uint32_t struct_size; /* sizeof(lnsp_index_options) */
  int32_t dtype; /* how vectors are kept: LNSP_F32 (default), F16, or I8 with a scale
                           each; open: default as the file has them */
  int64_t width; /* elements of a vector, 1 to 65,536; open: default the file's */
  int64_t capacity; /* most vectors; open: default as many as the file has */
  int32_t no_normalize; /* 1: vectors are kept as they are added; default 0: they are brought
                           to length 1, so that scores are cosines */
  int32_t skip_checks; /* open: 1 does not read the vectors through for NaN and infinity,
                           which takes a while where they are mapped; a score that is NaN or
                           -infinity is then never found */
} lnsp_index_options;

#define LNSP_INDEX_OPTIONS_INIT {sizeof(lnsp_index_options), 0, 0, 0, 0, 0}

typedef struct lnsp_index_info {
  uint32_t struct_size; /* sizeof(lnsp_index_info), set by the caller */
  int32_t dtype;
  int64_t width;
  int64_t count; /* vectors in it */
  int64_t capacity;
  uint64_t bytes; /* of the handle's block */
  int32_t borrowed; /* 1: opened with lnsp_index_open_borrowed */
  uint32_t reserved;
} lnsp_index_info;

#define LNSP_INDEX_INFO_INIT {sizeof(lnsp_index_info), 0, 0, 0, 0, 0, 0, 0}

/* Sizes that a search is made for. */
typedef struct lnsp_search_options {
  uint32_t struct_size; /* sizeof(lnsp_search_options) */
  int32_t max_queries; /* most queries in a call, up to 65,536; default 1 */
  int32_t max_results; /* most results for a query, up to 65,536; default 10 */
  int32_t tasks; /* as in lnsp_size_options */
} lnsp_search_options;

#define LNSP_SEARCH_OPTIONS_INIT {sizeof(lnsp_search_options), 0, 0, 0}

/* Counts the bytes of an index.
 *   index_options  with width and capacity
 * Returns: a status.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_index_measure(const lnsp_index_options *index_options, uint64_t *bytes,
                                    lnsp_error *error);

/* Creates an empty index.
 *   index_options  with width and capacity
 *   options        nullable
 * Returns: a status.
 * Memory: gives an index.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_index_create(const lnsp_index_options *index_options,
                                   const lnsp_options *options, lnsp_index **out,
                                   lnsp_error *error);

/* Reads an index from a safetensors file (docs/index.md): `vectors` [n, width] F32, F16 or
 * I8, used as they are; `ids` I64 [n], without which a vector's id is its row; for I8
 * `scales` F32 [n]. Other tensors are ignored.
 *   index_options  nullable
 *   options        nullable
 * Returns: a status.
 * Memory: gives an index; the vectors are copied.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_index_open(const char *path, const lnsp_index_options *index_options,
                                 const lnsp_options *options, lnsp_index **out,
                                 lnsp_error *error);

/* Reads an index as lnsp_index_open does, from a file that is open.
 *   index_options, options  nullable
 * Returns: a status.
 * Memory: gives an index, which does not need the file any more.
 * Threads: one thread at a time for each file. Since 0.1. */
LNSP_API int32_t lnsp_index_open_file(lnsp_file *file, const lnsp_index_options *index_options,
                                      const lnsp_options *options, lnsp_index **out,
                                      lnsp_error *error);

/* Opens an index as lnsp_index_open does, without a copy of the vectors; lnsp_index_add and
 * lnsp_index_remove are then refused (LNSP_E_STATE).
 *   data           the file's bytes, e.g. mapped. The caller keeps them unchanged until the
 *                  index and its searches are destroyed. Tensors must start at multiples of
 *                  their elements' size (LNSP_E_FORMAT), as those of lnsp_index_save do at any
 *                  address divisible by 8
 *   index_options  nullable
 *   options        nullable
 * Returns: a status.
 * Memory: gives an index of 1 KiB, and 8 bytes a vector where ids do not ascend.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_index_open_borrowed(const void *data, size_t bytes,
                                          const lnsp_index_options *index_options,
                                          const lnsp_options *options, lnsp_index **out,
                                          lnsp_error *error);

/* Adds vectors.
 *   vectors  F32 [n, width], any strides. Refused (LNSP_E_ARGUMENT): length 0 unless
 *            no_normalize, or under 1e-15, or over 1e15
 *   ids      n new ids of 0 or more; NULL: the numbers after the highest id
 * Returns: a status; LNSP_E_LIMIT if the capacity is used up.
 * Threads: one thread at a time for each index, and not while a search on it runs.
 * Since 0.1. */
LNSP_API int32_t lnsp_index_add(lnsp_index *index, const lnsp_tensor *vectors,
                                const int64_t *ids, lnsp_error *error);

/* Removes vectors.
 *   ids  count of them
 * Returns: a status; LNSP_E_MISSING if one is not there.
 * Threads: one thread at a time for each index, and not while a search on it runs.
 * Since 0.1. */
LNSP_API int32_t lnsp_index_remove(lnsp_index *index, const int64_t *ids, int64_t count,
                                   lnsp_error *error);

/* Tells what is in an index.
 * Returns: a status.
 * Threads: any thread, but not while the index is changed. Since 0.1. */
LNSP_API int32_t lnsp_index_get_info(const lnsp_index *index, lnsp_index_info *out,
                                     lnsp_error *error);

/* Copies the vector of an id out, as it is kept.
 *   count  elements of out: the width
 * Returns: a status; LNSP_E_MISSING if there is no such id.
 * Threads: any thread, but not while the index is changed. Since 0.1. */
LNSP_API int32_t lnsp_index_read(const lnsp_index *index, int64_t id, float *out, int64_t count,
                                 lnsp_error *error);

/* Copies the ids of vectors first to first + count - 1 out, in the order in which they are
 * stored; lnsp_index_remove changes that order.
 * Returns: a status.
 * Threads: any thread, but not while the index is changed. Since 0.1. */
LNSP_API int32_t lnsp_index_ids(const lnsp_index *index, int64_t first, int64_t count,
                                int64_t *ids, lnsp_error *error);

/* Writes a file that lnsp_index_open reads; it appears whole or not at all.
 * Returns: a status.
 * Memory: allocates a small block for the writer, freed before the call returns.
 * Threads: any thread, but not while the index is changed. Since 0.1. */
LNSP_API int32_t lnsp_index_save(const lnsp_index *index, const char *path, lnsp_error *error);

/* Writes the bytes of lnsp_index_save into a sink; what a failed call wrote is the sink's to
 * discard.
 * Returns: a status.
 * Memory: allocates a small block for the writer, freed before the call returns.
 * Threads: any thread, but not while the index is changed. Since 0.1. */
LNSP_API int32_t lnsp_index_save_sink(const lnsp_index *index, const lnsp_sink *sink,
                                      lnsp_error *error);

/* Releases the index, which stays until the last search on it is destroyed. NULL does
 * nothing.
 * Threads: one thread at a time for each index. Since 0.1. */
LNSP_API void lnsp_index_destroy(lnsp_index *index);

/* Counts the bytes of a search.
 *   index_options   of the index: dtype and width
 *   search_options  nullable
 * Returns: a status.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_search_measure(const lnsp_index_options *index_options,
                                     const lnsp_search_options *search_options, uint64_t *bytes,
                                     lnsp_error *error);

/* Creates working memory to search an index: one for each thread that searches.
 *   index           kept alive by the search
 *   search_options  nullable
 *   options         nullable
 * Returns: a status.
 * Memory: gives a search.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_search_create(lnsp_index *index,
                                    const lnsp_search_options *search_options,
                                    const lnsp_options *options, lnsp_search **out,
                                    lnsp_error *error);

/* Finds for each query the vectors with the highest scores among all of the index, the best
 * first, and of equal ones the lower id first. The score is the product of the vector as it
 * is kept with the query at length 1 (for I8 in two lines of int8 codes): the cosine, if
 * vectors have length 1. Its bits do not depend on the other queries, the sizes, threads or
 * the kernel set.
 *   queries  F32 [n, width], any strides; of any length but 0
 *   without  nullable; I64 [n, any], ids to leave out of a query's results. Ids that the
 *            index does not have, and repeated ones, do no harm
 *   results  how many for each query
 *   ids      [n, results]; LNSP_NO_ID past the last that was found
 *   scores   [n, results]; -FLT_MAX there
 * Returns: a status.
 * Threads: one thread at a time for each search, and not while the index is changed.
 * Since 0.1. */
LNSP_API int32_t lnsp_search_run(lnsp_search *search, const lnsp_tensor *queries,
                                 const lnsp_tensor *without, int32_t results, int64_t *ids,
                                 float *scores, lnsp_error *error);

/* Frees the search and releases its index. NULL does nothing.
 * Threads: one thread at a time for each search. Since 0.1. */
LNSP_API void lnsp_search_destroy(lnsp_search *search);

/* ---- metrics: how good predictions are ------------------------------------------------- */

/* Where the true candidate of one prediction came in. Frozen layout. */
typedef struct lnsp_rank {
  int64_t rank; /* 1 + number of candidates whose score is strictly higher */
  int64_t best_id; /* the best candidate that is not left out; LNSP_NO_ID: none */
  float best_score; /* its score */
  int32_t alike; /* how many of the best candidates it takes, 1 to 10, until one has a
                       cosine above .95 with the true one; 0: more than 10, and always 0 from
                       lnsp_search_rank */
} lnsp_rank;

/* What many ranks have in common. All values are shares or means over the ranks. */
typedef struct lnsp_rank_info {
  uint32_t struct_size; /* sizeof(lnsp_rank_info), set by the caller */
  uint32_t reserved;
  int64_t count; /* ranks */
  double recall_1, recall_5, recall_10; /* R@k, also called Hit@k: rank at most k */
  double mrr; /* mean of 1 / rank */
  double mrr_10; /* the same, with 0 for ranks above 10 */
  double median; /* the lower of the middle two if their number is even */
  double alike_1, alike_5, alike_10; /* lnsp_rank.alike is 1 to k */
} lnsp_rank_info;

#define LNSP_RANK_INFO_INIT {sizeof(lnsp_rank_info), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}

/* Errors of predictions. Start with the initialiser; every call adds. */
typedef struct lnsp_score_info {
  uint32_t struct_size; /* sizeof(lnsp_score_info), set by the caller */
  uint32_t reserved;
  int64_t count; /* vectors that were added */
  double cosine, mse; /* means over them, of the cosine with the target and of the mean
                           squared difference of the elements */
  double cosine_sum, mse_sum; /* count times the same */
} lnsp_score_info;

#define LNSP_SCORE_INFO_INIT {sizeof(lnsp_score_info), 0, 0, 0, 0, 0, 0}

/* Whether vectors all point the same way. */
typedef struct lnsp_collapse_info {
  uint32_t struct_size; /* sizeof(lnsp_collapse_info), set by the caller */
  int32_t collapsed; /* 1: median_cosine is above .95 or variance below .15 */
  double median_cosine; /* of all pairs of different rows */
  double variance; /* summed over the elements: 1 - (length of the mean)^2 */
} lnsp_collapse_info;

#define LNSP_COLLAPSE_INFO_INIT {sizeof(lnsp_collapse_info), 0, 0, 0}

/* Which way sequences run: nearer to the target at their end than at their start. */
typedef struct lnsp_direction_info {
  uint32_t struct_size; /* sizeof(lnsp_direction_info), set by the caller */
  uint32_t reserved;
  int64_t rows;
  double first_cosine, last_cosine; /* mean cosine of the first and of the last concept of a
                                       context with the target */
  double delta; /* last_cosine - first_cosine */
  double coherence; /* mean cosine of neighbours in a context */
} lnsp_direction_info;

#define LNSP_DIRECTION_INFO_INIT {sizeof(lnsp_direction_info), 0, 0, 0, 0, 0, 0}

/* Computes the inner product of two vectors, summed in double in the order of the elements.
 *   a, b  float32 [width]
 * Returns: the product; 0 for NULL.
 * Threads: any thread. Since 0.2. */
LNSP_API double lnsp_metrics_dot(const float *a, const float *b, int64_t width);

/* Computes the cosine of two vectors.
 *   a, b     float32 [width]
 *   epsilon  added to each length; 0: the plain cosine
 * Returns: the cosine; 0 for NULL, and if a vector has the length 0.
 * Threads: any thread. Since 0.2. */
LNSP_API double lnsp_metrics_cosine(const float *a, const float *b, int64_t width,
                                    double epsilon);

/* Divides each row by its length + epsilon, in place; rows of zeros stay.
 *   x  float32 [rows, width], contiguous; NULL: nothing happens
 * Threads: any thread. Since 0.2. */
LNSP_API void lnsp_metrics_normalize(float *x, int64_t rows, int64_t width, double epsilon);

/* Computes the median of count numbers, of an even count the mean of the middle two, as in
 * NumPy.
 *   x  float32 [count]; the call changes their order
 * Returns: the median; 0 for NULL.
 * Threads: any thread. Since 0.2. */
LNSP_API double lnsp_metrics_median(float *x, int64_t count);

/* Ranks the true candidate of each query by inner product; give vectors of length 1 to rank
 * by cosine. Scores are float32 sums in the order of the elements, so that ranks depend
 * neither on the CPU nor on the other queries.
 *   queries     F32 [n, width], contiguous
 *   candidates  F32 [m, width], contiguous; a candidate's id is its row
 *   truth       [n]: id of the true candidate of each query
 *   left_out    nullable; I64 [n, any], contiguous: ids that do not take part in a query's
 *               ranking; LNSP_NO_ID fills up. The true one always takes part
 *   options     nullable
 *   ranks       [n]; partly written if the call fails
 * Returns: a status; LNSP_E_NOT_FINITE if a score is NaN.
 * Memory: allocates 64 * (m + width) bytes, freed before the call returns.
 * Threads: any thread. Since 0.2. */
LNSP_API int32_t lnsp_metrics_rank(const lnsp_tensor *queries, const lnsp_tensor *candidates,
                                   const int64_t *truth, const lnsp_tensor *left_out,
                                   const lnsp_options *options, lnsp_rank *ranks,
                                   lnsp_error *error);

/* Computes R@1, R@5, R@10, MRR and the like of ranks.
 *   ranks  count of them, at least 1
 * Returns: a status.
 * Threads: any thread. Since 0.2. */
LNSP_API int32_t lnsp_metrics_summarize(const lnsp_rank *ranks, int64_t count,
                                        lnsp_rank_info *out, lnsp_error *error);

/* Computes R@k: the share of ranks that are at most k.
 * Returns: the share; 0 without ranks.
 * Threads: any thread. Since 0.2. */
LNSP_API double lnsp_metrics_recall(const lnsp_rank *ranks, int64_t count, int64_t k);

/* Adds predictions and their targets to a score.
 *   predictions, targets  F32 [n, width] or [n, concepts, width], contiguous, of one shape
 *   score                 what was added before, or LNSP_SCORE_INFO_INIT
 * Returns: a status.
 * Threads: any thread. Since 0.2. */
LNSP_API int32_t lnsp_metrics_score(const lnsp_tensor *predictions, const lnsp_tensor *targets,
                                    lnsp_score_info *score, lnsp_error *error);

/* Computes the share of rows whose anchor has a strictly higher cosine with the positive than
 * with the negative.
 *   anchors, positives, negatives  F32 [n, width], contiguous
 * Returns: a status.
 * Threads: any thread. Since 0.2. */
LNSP_API int32_t lnsp_metrics_triplets(const lnsp_tensor *anchors, const lnsp_tensor *positives,
                                       const lnsp_tensor *negatives, double *share,
                                       lnsp_error *error);

/* Tells if predictions collapse into one direction.
 *   vectors  F32 [n, width], contiguous, n from 2 to 65,536, each of length 1
 *   options  nullable
 * Returns: a status.
 * Memory: allocates 2 * n * (n - 1) bytes, freed before the call returns.
 * Threads: any thread. Since 0.2. */
LNSP_API int32_t lnsp_metrics_collapse(const lnsp_tensor *vectors, const lnsp_options *options,
                                       lnsp_collapse_info *out, lnsp_error *error);

/* Tells which way contexts run with regard to their targets.
 *   contexts  F32 [n, concepts, width], contiguous
 *   targets   F32 [n, width], contiguous
 * Returns: a status.
 * Threads: any thread. Since 0.2. */
LNSP_API int32_t lnsp_metrics_direction(const lnsp_tensor *contexts, const lnsp_tensor *targets,
                                        lnsp_direction_info *out, lnsp_error *error);

/* Runs a model on rows and adds the errors of its "output" to a score. There may be more rows
 * than the session was made for; they are then run in parts.
 *   inputs   "input" or "ids", and "mask", as for lnsp_session_run; any number of rows
 *   target   F32, the shape of the output, contiguous
 *   options  nullable
 *   score    what was added before, or LNSP_SCORE_INFO_INIT; unchanged if the call fails
 * Returns: a status.
 * Memory: allocates the outputs of one part, freed before the call returns.
 * Threads: one thread at a time for each session. Since 0.2. */
LNSP_API int32_t lnsp_session_score(lnsp_session *session, const lnsp_tensor *inputs,
                                    int32_t input_count, const lnsp_tensor *target,
                                    const lnsp_options *options, lnsp_score_info *score,
                                    lnsp_error *error);

/* Ranks the true vector of each query among all vectors of an index, by the scores by which
 * lnsp_search_run finds them.
 *   queries   as for lnsp_search_run, at most max_queries of them
 *   truth     [n]: ids; LNSP_E_MISSING if the index does not have one
 *   left_out  nullable; I64 [n, any], ids that do not take part in a query's ranking; the
 *             true one always does
 *   ranks     [n]; best_id is an id of the index, alike is 0
 * Returns: a status.
 * Threads: one thread at a time for each search, and not while the index is changed.
 * Since 0.2. */
LNSP_API int32_t lnsp_search_rank(lnsp_search *search, const lnsp_tensor *queries,
                                  const int64_t *truth, const lnsp_tensor *left_out,
                                  lnsp_rank *ranks, lnsp_error *error);

/* ---- training loops: order of rows, plateau, early stop, checkpoints ------------------- */

/* Makes the order of an epoch, a function of seed and epoch alone: Fisher and Yates' shuffle
 * with splitmix64, as in `lnsp train --shuffle`.
 *   epoch  counts from 0
 *   order  [rows]: each number from 0 to rows - 1 once
 *   rows   1 to 2^31 - 1
 * Returns: a status.
 * Threads: any thread. Since 0.2. */
LNSP_API int32_t lnsp_order_shuffle(uint64_t seed, uint64_t epoch, int64_t rows, int32_t *order,
                                    lnsp_error *error);

/* Draws each row with the same probability, independently (Poisson sampling, which privacy
 * needs), a function of seed and step alone, as in `lnsp train --poisson`.
 *   step      counts calls of the trainer from 0
 *   share     probability of a row, above 0 and at most 1
 *   rows      1 to 2^31 - 1
 *   order     [capacity]: the rows that were drawn, ascending
 *   capacity  most rows that are drawn; later ones are left out. rows * share
 *             + 8 * sqrt(rows * share) + 8 is exceeded less than once in 10^12 steps
 *   count     rows that were drawn; may be 0
 * Returns: a status.
 * Threads: any thread. Since 0.2. */
LNSP_API int32_t lnsp_order_draw(uint64_t seed, uint64_t step, double share, int64_t rows,
                                 int32_t *order, int64_t capacity, int64_t *count,
                                 lnsp_error *error);

/* Reports a held-out value to a trainer with schedule=plateau, the lower the better, e.g.
 * that of lnsp_trainer_validate. After more than patience values in a row that were not below
 * best * (1 - threshold), the learning rate is multiplied by factor, as by PyTorch's
 * ReduceLROnPlateau. NaN counts as no better. The plateau is part of the trainer's state.
 *   fell  nullable; 1 if the rate fell, else 0
 * Returns: a status; LNSP_E_STATE with another schedule.
 * Threads: one thread at a time for each trainer. Since 0.2. */
LNSP_API int32_t lnsp_trainer_report(lnsp_trainer *trainer, double value, int32_t *fell,
                                     lnsp_error *error);

/* Early stopping, in a struct that the caller keeps. */
typedef struct lnsp_early_stop {
  uint32_t struct_size; /* sizeof(lnsp_early_stop) */
  int32_t rises; /* 1: higher values are better; 0: lower ones */
  int64_t patience; /* values in a row without a better one that end training; 0: none */
  double best; /* of the reported values */
  int64_t reports, bad; /* values so far; since the best one */
} lnsp_early_stop;

#define LNSP_EARLY_STOP_INIT {sizeof(lnsp_early_stop), 0, 0, 0, 0, 0}

/* Reports a value.
 * Returns: 1 if it is the best so far, so that the weights are worth keeping; 0 if not: equal
 * ones and NaN are not.
 * Threads: one thread at a time for each struct. Since 0.2. */
LNSP_API int32_t lnsp_early_stop_report(lnsp_early_stop *stop, double value);

/* Tells if training should end.
 * Returns: 1 after patience values in a row that were not better, else 0.
 * Threads: one thread at a time for each struct. Since 0.2. */
LNSP_API int32_t lnsp_early_stop_over(const lnsp_early_stop *stop);

/* Counts the floating-point operations of one call of lnsp_trainer_step, multiply-adds times
 * two: forward, and twice as many backward, of rows rows of concepts concepts in each of the
 * network's runs (three for a triplet), and of the vectors that a replay term draws.
 * Returns: the number; 0 for numbers that the trainer does not take.
 * Threads: any thread. Since 0.2. */
LNSP_API int64_t lnsp_trainer_flops(const lnsp_trainer *trainer, int64_t rows,
                                    int64_t concepts);

/* Saves a trainer as lnsp_trainer_save does, with metadata of the caller's own, e.g. where in
 * the data a run is; lnsp_file_metadata reads it from the file.
 *   what        as for lnsp_trainer_save
 *   pairs       up to 64, copied into the file; NULL if pair_count is 0. Keys that begin with
 *               "lnsp." and the key "format" are refused (LNSP_E_ARGUMENT)
 * Returns: a status.
 * Memory: allocates a small block for the writer, freed before the call returns.
 * Threads: one thread at a time for each trainer. Since 0.2. */
LNSP_API int32_t lnsp_trainer_save_metadata(const lnsp_trainer *trainer, const char *path,
                                            int32_t what, const lnsp_key_value *pairs,
                                            int32_t pair_count, lnsp_error *error);

/* Writes the bytes of lnsp_trainer_save_metadata into a sink; what a failed call wrote is the
 * sink's to discard.
 *   what, pairs  as for lnsp_trainer_save_metadata
 * Returns: a status.
 * Memory: allocates a small block for the writer, freed before the call returns.
 * Threads: one thread at a time for each trainer. Since 0.2. */
LNSP_API int32_t lnsp_trainer_save_metadata_sink(const lnsp_trainer *trainer,
                                                 const lnsp_sink *sink, int32_t what,
                                                 const lnsp_key_value *pairs,
                                                 int32_t pair_count, lnsp_error *error);

/* ---- reservoir: past pairs to train on again ------------------------------------------- */

typedef struct lnsp_reservoir_options {
  uint32_t struct_size; /* sizeof(lnsp_reservoir_options) */
  int32_t dtype; /* of the elements of an item; 0: LNSP_F32 */
  int64_t width; /* elements of an item, e.g. of a context and its target */
  int64_t capacity; /* items that are kept */
  uint64_t seed; /* of all choices */
} lnsp_reservoir_options;

#define LNSP_RESERVOIR_OPTIONS_INIT {sizeof(lnsp_reservoir_options), 0, 0, 0, 0}

typedef struct lnsp_reservoir_info {
  uint32_t struct_size; /* sizeof(lnsp_reservoir_info), set by the caller */
  int32_t dtype;
  int64_t width, capacity;
  int64_t count; /* items that are kept now */
  int64_t seen; /* items that were added */
  uint64_t bytes; /* of the handle's block */
} lnsp_reservoir_info;

#define LNSP_RESERVOIR_INFO_INIT {sizeof(lnsp_reservoir_info), 0, 0, 0, 0, 0, 0}

/* Counts the bytes of a reservoir.
 *   reservoir_options  as for lnsp_reservoir_create
 * Returns: a status.
 * Threads: any thread. Since 0.2. */
LNSP_API int32_t lnsp_reservoir_measure(const lnsp_reservoir_options *reservoir_options,
                                        uint64_t *bytes, lnsp_error *error);

/* Creates an empty reservoir: a random sample of all items that will be added, each with the
 * same probability of being in it (algorithm R).
 *   reservoir_options  with width and capacity
 *   options            nullable
 * Returns: a status.
 * Memory: gives a reservoir.
 * Threads: any thread. Since 0.2. */
LNSP_API int32_t lnsp_reservoir_create(const lnsp_reservoir_options *reservoir_options,
                                       const lnsp_options *options, lnsp_reservoir **out,
                                       lnsp_error *error);

/* Adds items, one after the other.
 *   items  [count, width] of the reservoir's dtype, contiguous
 * Returns: a status.
 * Threads: one thread at a time for each reservoir. Since 0.2. */
LNSP_API int32_t lnsp_reservoir_add(lnsp_reservoir *reservoir, const void *items, int64_t count,
                                    lnsp_error *error);

/* Draws kept items at random, independently: the same one may be drawn twice.
 *   out  [count, width] of the reservoir's dtype, contiguous
 * Returns: a status; LNSP_E_STATE if the reservoir is empty.
 * Threads: one thread at a time for each reservoir. Since 0.2. */
LNSP_API int32_t lnsp_reservoir_sample(lnsp_reservoir *reservoir, int64_t count, void *out,
                                       lnsp_error *error);

/* Copies kept items number first to first + count - 1 out.
 *   out  [count, width] of the reservoir's dtype, contiguous
 * Returns: a status.
 * Threads: one thread at a time for each reservoir. Since 0.2. */
LNSP_API int32_t lnsp_reservoir_read(const lnsp_reservoir *reservoir, int64_t first,
                                     int64_t count, void *out, lnsp_error *error);

/* Tells what is in a reservoir.
 * Returns: a status.
 * Threads: one thread at a time for each reservoir. Since 0.2. */
LNSP_API int32_t lnsp_reservoir_get_info(const lnsp_reservoir *reservoir,
                                         lnsp_reservoir_info *out, lnsp_error *error);

/* Writes the items and the state of the choices as a safetensors file, which appears whole or
 * not at all.
 * Returns: a status.
 * Memory: allocates a small block for the writer, freed before the call returns.
 * Threads: one thread at a time for each reservoir. Since 0.2. */
LNSP_API int32_t lnsp_reservoir_save(const lnsp_reservoir *reservoir, const char *path,
                                     lnsp_error *error);

/* Reads a reservoir from a file of lnsp_reservoir_save; what is added and drawn then is what
 * it would have been without.
 *   options  nullable
 * Returns: a status.
 * Memory: gives a reservoir.
 * Threads: any thread. Since 0.2. */
LNSP_API int32_t lnsp_reservoir_open(const char *path, const lnsp_options *options,
                                     lnsp_reservoir **out, lnsp_error *error);

/* Reads a reservoir as lnsp_reservoir_open does, from a file that is open.
 *   options  nullable
 * Returns: a status.
 * Memory: gives a reservoir, which does not need the file any more.
 * Threads: one thread at a time for each file. Since 0.2. */
LNSP_API int32_t lnsp_reservoir_open_file(lnsp_file *file, const lnsp_options *options,
                                          lnsp_reservoir **out, lnsp_error *error);

/* Frees the reservoir. NULL does nothing.
 * Threads: one thread at a time for each reservoir. Since 0.2. */
LNSP_API void lnsp_reservoir_destroy(lnsp_reservoir *reservoir);

/* ======================================================================================== */
/* ==== Experimental: may still change before 1.0, with a line in CHANGELOG.md ============ */
/* ======================================================================================== */

/* ---- privacy (docs/privacy.md) --------------------------------------------------------- */

#define LNSP_NOISE_KEY_BYTES 32

/* Sets the key of the noise that the optimizer text asks for with noise=. Noise is a function
 * of key, step and element, so a key must not see a step twice with other data: set a new key
 * after a rollback.
 *   key  secret bytes from the system's random generator; copied, and never written to a file
 *        or a mark: set it again after resuming
 * Returns: a status.
 * Threads: one thread at a time for each trainer. Since 0.1. */
LNSP_API int32_t lnsp_trainer_set_noise_key(lnsp_trainer *trainer,
                                            const uint8_t key[LNSP_NOISE_KEY_BYTES],
                                            lnsp_error *error);

/* ---- echo: a loss on what comes back from text ----------------------------------------- */

/* Callback that turns an output vector into text and encodes it again. */
typedef struct lnsp_echo {
  uint32_t struct_size; /* sizeof(lnsp_echo) */
  uint32_t reserved;
  void *user;
  /* Decodes each row of output to text and encodes that again, or finds the nearest known
   * concept (lnsp_search_run), and writes the result into the same row of echo. Both are F32
   * [rows, width]; row r begins at strides[0] * r and is contiguous. They are valid until the
   * function returns; output is only read. echo is all zeros at first: a row that stays so
   * has the cosine 0. Returns 0, or anything else to refuse. */
  int32_t (*echo)(void *user, const lnsp_tensor *output, const lnsp_tensor *echo);
} lnsp_echo;

#define LNSP_ECHO_INIT {sizeof(lnsp_echo), 0, NULL, NULL}

/* Sets who makes the tensor "echo", which an echo term of the loss compares its output with,
 * as a constant. lnsp_trainer_input_name does not list it any more. lnsp_trainer_step,
 * _compute_gradients and _validate call echo between forward and backward, on their own
 * thread, once for each echo term that counts now, with the rows of the term's output, those
 * of a sequence one after the other: for "echo every=10 rows=1" the first row of every tenth
 * batch (of each batch in validate). It must not call the library with this trainer or run a
 * session on its live weights. It is not part of the state: set it again after resuming.
 *   echo  copied; NULL: the caller gives the tensor, as at first
 * Returns: a status; LNSP_E_STATE if the loss has no echo term. The calls above fail with
 * LNSP_E_REFUSED if it refuses, and with LNSP_E_NOT_FINITE if it gives NaN or infinity; no
 * weight, moment or sum of gradients has changed then.
 * Threads: one thread at a time for each trainer. Since 0.1. */
LNSP_API int32_t lnsp_trainer_set_echo(lnsp_trainer *trainer, const lnsp_echo *echo,
                                       lnsp_error *error);

/* ---- deltas of others: sign, check, combine -------------------------------------------- */

#define LNSP_KEY_BYTES 32 /* most bytes of a key */
#define LNSP_SENDER_BYTES 64 /* room for a sender's name, with its zero */

/* What a received delta must satisfy. Zero and NULL: not checked. That a sender's nonce has
 * grown is checked by a store (lnsp_store_check_sender), since that must outlive a
 * rollback. */
typedef struct lnsp_delta_check_options {
  uint32_t struct_size; /* sizeof(lnsp_delta_check_options) */
  uint32_t key_bytes; /* of key; then the delta must have the code of this key */
  const void *key;
  double max_norm; /* largest norm, as lnsp_delta_norm */
  double max_change; /* largest change of one parameter */
  void *user;
  /* Checks a signature over the digest (BLAKE2s-256 of the file, with the digits of checksum
   * and code as zeros). Returns 0 if it is good. */
  int32_t (*verify)(void *user, const uint8_t digest[LNSP_HASH_BYTES], const char *sender,
                    uint64_t nonce);
  /* Checks the model that the delta leads to, e.g. on held-out data. Returns 0 if it is
   * good. */
  int32_t (*judge)(void *user, lnsp_model *candidate);
} lnsp_delta_check_options;

#define LNSP_DELTA_CHECK_OPTIONS_INIT \
  {sizeof(lnsp_delta_check_options), 0, NULL, 0, 0, NULL, NULL, NULL}

/* Stamps a delta that will be sent, with its sender and a number that the sender increases
 * with every delta, so that none is accepted twice. Replaces an earlier stamp. Deltas made by
 * invert, merge and aggregate have none.
 *   sender  1 to 63 printable ASCII characters without blank, ", \ and ;. NULL or "": none
 *   nonce   the number, above that of the sender's last delta
 *   key     key_bytes of them, 1 to LNSP_KEY_BYTES: adds an authentication code over the
 *           whole file, keyed BLAKE2s. NULL if key_bytes is 0: no code
 * Returns: a status.
 * Threads: one thread at a time for each delta. Since 0.1. */
LNSP_API int32_t lnsp_delta_stamp(lnsp_delta *delta, const char *sender, uint64_t nonce,
                                  const void *key, size_t key_bytes, lnsp_error *error);

/* Measures how far a delta changes a model.
 *   norm     nullable; Euclidean norm of result - base over all parameters, of decoded values
 *   most     nullable; the largest change of one parameter
 *   options  nullable
 * Returns: a status.
 * Memory: allocates a block, freed before the call returns.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_delta_norm(const lnsp_delta *delta, const lnsp_model *base, double *norm,
                                 double *most, const lnsp_options *options, lnsp_error *error);

/* Checks that a delta is of this base, leads to finite values, and satisfies the options;
 * judge is not called.
 *   check_options  nullable
 *   options        nullable
 * Returns: a status; LNSP_E_MISSING or LNSP_E_MISMATCH: the code; LNSP_E_LIMIT: a norm;
 * LNSP_E_REFUSED: verify.
 * Memory: allocates a block, freed before the call returns.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_delta_check(const lnsp_delta *delta, const lnsp_model *base,
                                  const lnsp_delta_check_options *check_options,
                                  const lnsp_options *options, lnsp_error *error);

/* Checks a delta, applies it, and asks judge: lnsp_delta_apply for what a stranger sends.
 *   check_options  nullable
 *   options        nullable
 * Returns: a status, as lnsp_delta_check and lnsp_delta_apply; LNSP_E_REFUSED: verify or
 * judge.
 * Memory: gives a model.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_delta_accept(const lnsp_delta *delta, const lnsp_model *base,
                                   const lnsp_delta_check_options *check_options,
                                   const lnsp_options *options, lnsp_model **out,
                                   lnsp_error *error);

/* Combines deltas of one base into one, with codec float32. Duplicates are counted twice, and
 * lnsp_delta_check is not called: check the senders first.
 *   deltas   count of them, 1 to 1,024
 *   weights  nullable: all equal; for the mean only, each 0, or 1e-30 to 1e30, e.g. how many
 *            examples each sender had
 *   rule     NULL: "mean"
 *              "mean"              the weighted mean
 *              "median"            of each element; of an even number: mean of the middle two
 *              "trimmed share=.1"  mean of each element without that share of the largest and
 *              of the
 *                                  smallest, rounded up to whole deltas as long as one stays:
 *                                  of 8 that is 1
 *            and for each of them
 *              clip=median         a delta with a larger norm than the median's (of an even
 *                                  number: the lower of the middle two) is scaled down to it
 *              clip=NUMBER         the same for this norm
 *              skip=1              a delta that is damaged, not finite or of another base is
 *                                  left out; without it the first such delta fails the call,
 *                                  which names it
 *   options  nullable; the block is for the result, of lnsp_delta_measure of "float32" bytes
 *   refused  nullable; count statuses: with skip=1 why a delta was left out, or LNSP_OK
 * Returns: a status.
 * Memory: gives a delta; reads all deltas in parallel with about 10 kB for each stage of
 * each, freed before the call returns.
 * Threads: any thread. Since 0.1. */
LNSP_API int32_t lnsp_delta_aggregate(const lnsp_model *base, const lnsp_delta *const *deltas,
                                      const double *weights, int32_t count, const char *rule,
                                      const lnsp_options *options, int32_t *refused,
                                      lnsp_delta **out, lnsp_error *error);

/* Makes a server's optimizer step with a delta on the trainer's present weights: the gradient
 * is minus the delta, of the tensors that it encodes. "sgd lr=1" gives lnsp_delta_apply
 * (FedAvg), "adam lr=.01 betas=.9,.99 eps=1e-3" FedAdam, with Adam's correction of the first
 * steps. Checks, clip, schedule and average as in lnsp_trainer_apply; frozen tensors stay.
 * Returns: a status; LNSP_E_MISMATCH unless the delta's base is the trainer's present
 * weights.
 * Memory: allocates 4 bytes a parameter from the trainer's allocator (malloc for a trainer in
 * a block), freed before the call returns.
 * Threads: one thread at a time for each trainer, and not while a session on it runs.
 * Since 0.1. */
LNSP_API int32_t lnsp_trainer_step_delta(lnsp_trainer *trainer, const lnsp_delta *delta,
                                         lnsp_error *error);

/* Accepts a delta that somebody sent into a store, in one record with the sender's number, as
 * a whole or not at all. The base is the newest version, or the trainer's live weights; the
 * sender's nonce must be above all that it sent before (LNSP_E_STATE), whatever was rolled
 * back since; then lnsp_delta_accept, whose judge sees the candidate before anything has
 * changed; then the trainer takes the result over, and it is committed.
 *   delta           stamped with a sender (LNSP_E_MISSING if not)
 *   trainer         for a trainer's store; NULL for a model's
 *   check_options, commit_options, options, number  nullable
 * Returns: a status.
 * Memory: allocates two models, freed before the call returns.
 * Threads: one thread at a time for each store and trainer, and not while a session on the
 * trainer runs. Since 0.1. */
LNSP_API int32_t lnsp_store_apply(lnsp_store *store, const lnsp_delta *delta,
                                  lnsp_trainer *trainer,
                                  const lnsp_delta_check_options *check_options,
                                  const lnsp_commit_options *commit_options,
                                  const lnsp_options *options, uint64_t *number,
                                  lnsp_error *error);

/* Checks that a number is above all that a sender has sent to this store.
 * Returns: a status; LNSP_E_STATE if it is not.
 * Threads: one thread at a time for each store. Since 0.1. */
LNSP_API int32_t lnsp_store_check_sender(const lnsp_store *store, const char *sender,
                                         uint64_t number, lnsp_error *error);

/* Remembers a sender's number, whatever is rolled back later.
 * Returns: a status.
 * Threads: one thread at a time for each store. Since 0.1. */
LNSP_API int32_t lnsp_store_add_sender(lnsp_store *store, const char *sender, uint64_t number,
                                       lnsp_error *error);

#ifdef __cplusplus
}
#endif
#endif /* LNSP_H */
