/*
 * lnsp.h: the whole public interface of liblnsp.
 *
 * liblnsp runs and trains small neural networks on concept vectors (sentence
 * embeddings) inside a fixed amount of memory, with the same bits on every
 * CPU, hands out what changed as a delta, and goes back to an earlier state.
 *
 * SPDX-License-Identifier: MIT
 *
 * ---------------------------------------------------------------------------
 * Conventions (every function follows them; a function's own text names only
 * what differs)
 *
 *  Names        lnsp_<noun>_<verb>. Arguments: handle, inputs, outputs, and
 *               last a nullable lnsp_error *. Counts are elements or rows,
 *               names that end in _bytes are bytes.
 *  Returns      int32_t status: LNSP_OK (0) or an LNSP_E_ code. On failure
 *               nothing has changed: handles, files and outputs are as they
 *               were, except that *out of a create or open call is NULL and
 *               the error is filled in. (A pass that was refused with
 *               LNSP_E_NOT_FINITE has used up the values or the gradient that
 *               an earlier pass had left for the calls after it.)
 *  Strings      UTF-8, zero-terminated. Those passed in are copied or only
 *               used during the call. Those handed out belong to the handle
 *               and live as long as it does, unless the text says otherwise.
 *  Ownership    A create, open, new, make, apply, invert or publish call gives
 *               a handle that the caller destroys with lnsp_<noun>_destroy.
 *               Destroying NULL does nothing. Handles may be destroyed in any
 *               order: a session keeps its model alive.
 *  Allocation   Only calls that give a handle allocate: one block, from
 *               options->allocator, or the caller's own options->block, or
 *               else malloc. "Allocates: no" is the rule for all others.
 *               (File calls that take a path also use what the C library's
 *               stdio allocates.)
 *  Threads      T0  may be called from any thread at any time.
 *               T1  may be called from any thread, but not while another
 *                   thread is inside a call on the same handle.
 *               T2  T1, and not while a session created on this trainer runs.
 *               Handles share nothing that is written, apart from the atomic
 *               count of a model. The library starts no thread; calls on a
 *               handle made with options->parallel hand parts of their work
 *               to that function.
 *  Numbers      Compute calls set round-to-nearest and gradual underflow for
 *               their own duration and restore what the caller had. NaN and
 *               infinity are refused (LNSP_E_NOT_FINITE).
 *  Environment  The library never prints, aborts, reads the environment or
 *               keeps writable global data.
 *  Since        0.1 for everything in this file.
 * ---------------------------------------------------------------------------
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

/* ---- version ------------------------------------------------------------ */

#define LNSP_VERSION_MAJOR 0
#define LNSP_VERSION_MINOR 1
#define LNSP_VERSION_PATCH 0

/* Version of the arithmetic: results of two libraries with the same number
 * agree to the bit. See docs/numerics.md. */
#define LNSP_ARITHMETIC_VERSION 1

/* Version of the library that is linked, major * 10000 + minor * 100 + patch.
 * Threads: T0. */
LNSP_API uint32_t lnsp_version(void);

/* The same as text, e.g. "0.1.0". Static. Threads: T0. */
LNSP_API const char *lnsp_version_text(void);

/* LNSP_ARITHMETIC_VERSION of the library that is linked. Threads: T0. */
LNSP_API uint32_t lnsp_arithmetic_version(void);

/* ---- status and problems ------------------------------------------------ */

#define LNSP_OK 0
#define LNSP_E_ARGUMENT 1   /* an argument is missing or out of range        */
#define LNSP_E_MEMORY 2     /* the allocator failed, or the block is small   */
#define LNSP_E_IO 3         /* reading or writing failed                     */
#define LNSP_E_FORMAT 4     /* bytes are not the format they claim to be     */
#define LNSP_E_SYNTAX 5     /* a text (architecture, loss, ...) is malformed */
#define LNSP_E_UNKNOWN 6    /* a name in a text or file is not known         */
#define LNSP_E_MISSING 7    /* a required tensor, key or file is not there   */
#define LNSP_E_SHAPE 8      /* shapes do not fit each other                  */
#define LNSP_E_DTYPE 9      /* the data type cannot be used here             */
#define LNSP_E_LIMIT 10     /* over a stated limit, see the message          */
#define LNSP_E_NOT_FINITE 11 /* NaN, infinity or overflow; nothing changed   */
#define LNSP_E_STATE 12     /* the call does not fit what was called before  */
#define LNSP_E_MISMATCH 13  /* a hash or checksum does not fit               */
#define LNSP_E_UNSUPPORTED 14 /* this CPU or build cannot do it              */
#define LNSP_E_INTERNAL 15  /* a self-check failed: please report            */
#define LNSP_E_REFUSED 16   /* a rule of the caller's own says no            */
#define LNSP_E_CANCELLED 17 /* options->progress said so; nothing changed    */

/* What went wrong. Frozen layout, 384 bytes; written only on failure, so it
 * needs no initialisation. */
typedef struct lnsp_error {
  int32_t code;      /* the status that was returned                         */
  int32_t line;      /* 1-based line in a text, or 0                         */
  int32_t column;    /* 1-based column in a text, or 0                       */
  int32_t reserved;
  int64_t offset;    /* byte offset in a file or block, or -1                */
  char name[104];    /* tensor, key or file concerned, or ""                 */
  char message[256]; /* a sentence: what is wrong, where, what to do         */
} lnsp_error;

/* Name of a status code, e.g. "LNSP_E_FORMAT"; "LNSP_E_?" for others.
 * Static. Threads: T0. */
LNSP_API const char *lnsp_status_name(int32_t status);

/* ---- tensors ------------------------------------------------------------ */

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

/* A tensor that crosses the interface. Frozen layout. */
typedef struct lnsp_tensor {
  const char *name;
  int32_t dtype;                  /* LNSP_F32, ...                            */
  int32_t rank;                   /* 0 to 4                                   */
  int64_t dims[LNSP_MAX_RANK];    /* entries from rank on are ignored         */
  int64_t strides[LNSP_MAX_RANK]; /* in elements; all 0: contiguous row-major */
  void *data;                     /* not written where the call reads it      */
} lnsp_tensor;

/* A contiguous row-major float32 tensor of the given rank (1 to 3) over data.
 * A dimension beyond rank is ignored. For callers and bindings; nothing is
 * copied. Threads: T0. */
LNSP_API lnsp_tensor lnsp_tensor_f32(const char *name, float *data, int32_t rank, int64_t dim0,
                                     int64_t dim1, int64_t dim2);

/* Bytes of one element of a dtype, or 0 for an unknown one. Threads: T0. */
LNSP_API size_t lnsp_dtype_bytes(int32_t dtype);

/* Name of a dtype as safetensors writes it, e.g. "F16", or "?". Threads: T0. */
LNSP_API const char *lnsp_dtype_name(int32_t dtype);

/* ---- options ------------------------------------------------------------ */

/* Memory from the caller. allocate returns a block of at least bytes bytes,
 * aligned to 64, or NULL; release gets the same pointer and size. */
typedef struct lnsp_allocator {
  uint32_t struct_size; /* sizeof(lnsp_allocator) */
  void *user;
  void *(*allocate)(void *user, size_t bytes);
  void (*release)(void *user, void *block, size_t bytes);
} lnsp_allocator;

/* A parallel-for from the caller: with it the calls of a session or trainer split
 * their work, on the caller's threads. Results have the same bits for any number
 * of tasks. run calls task(argument, i) once for each i from 0 to count - 1, in any
 * order, on any threads (also all on the one that it is called on), and returns
 * when all have returned; what was written before run is seen by the tasks, what
 * they wrote by the caller of run, as locks and atomics see to. It must not skip
 * a task, nor call the library on the same handle. Tasks set the floating-point
 * state of their thread and restore it; they take as much stack as a call.
 * Two handles that share user may call run at the same time, if they are used
 * so. It is called only where a part is worth some microseconds: threads should
 * wait without sleeping while a call goes on (examples/parallel.c). */
typedef struct lnsp_parallel {
  uint32_t struct_size; /* sizeof(lnsp_parallel) */
  uint32_t reserved;
  void *user;           /* lives as long as the handles */
  void (*run)(void *user, int32_t count, void (*task)(void *argument, int32_t index),
              void *argument);
} lnsp_parallel;

/* Who is told how far a long call is, and may cancel it. report is called some hundred
 * times, on the thread of the call: done of total (bytes, elements or vectors; done only
 * grows) are ready. It returns 0 to go on, anything else to cancel: the call returns
 * LNSP_E_CANCELLED and has changed nothing. It must not call the library with the same handle.
 * A handle copies it, for its own long calls: reading a file; lnsp_index_add;
 * lnsp_store_verify and lnsp_store_compact. Calls that make a handle report what they read or
 * compute; lnsp_delta_apply, lnsp_delta_aggregate, lnsp_metrics_rank and the like what they
 * compute. Since 0.2. */
typedef struct lnsp_progress {
  uint32_t struct_size; /* sizeof(lnsp_progress) */
  uint32_t reserved;
  void *user;           /* lives as long as the handles */
  int32_t (*report)(void *user, uint64_t done, uint64_t total);
} lnsp_progress;

/* Options of calls that give a handle. Set struct_size, zero the rest: every
 * zero means the default. A NULL options pointer means all defaults. */
typedef struct lnsp_options {
  uint32_t struct_size;      /* sizeof(lnsp_options)                          */
  uint32_t max_header_bytes; /* cap on a file's header; 0: 1 MiB              */
  const lnsp_allocator *allocator; /* copied; NULL: malloc                    */
  void *block;               /* use this memory for the handle, no allocator; */
  size_t block_bytes;        /* the caller keeps it until after destroy. Any
                                alignment; the measure call tells the size.   */
  const char *isa;           /* "scalar", "avx2", "avx512", "avx512vnni",
                                "avx512amx", "neon"; NULL or "auto": the
                                widest the CPU and OS support. The two that
                                differ in int8 alone are only taken by
                                themselves for an int8 model; "avx512amx"
                                asks Linux for tile registers, which enlarges
                                the process's signal frames. "cblas", in
                                builds with it: large products by a BLAS, of
                                which no promise of this file holds: its bits,
                                threads and memory are its own                */
  const char *architecture;  /* architecture text for a file that names none,
                                or instead of the one it names                */
  const char *prefix;        /* put before every tensor name looked up in a
                                file, e.g. "model."                           */
  int32_t storage;           /* how a model keeps its matrices in memory:
                                LNSP_F32, F16, BF16 or I8; 0: as its file has
                                them, F32 where there is none. See
                                lnsp_model_open                               */
  uint32_t reserved;
  const lnsp_parallel *parallel; /* copied; sessions and trainers whose limits
                                allow more than one task; NULL: none          */
  const lnsp_progress *progress; /* copied; NULL: nobody is told                */
} lnsp_options;

/* Sizes that a session or trainer is made for. Zero means the default. */
typedef struct lnsp_size_options {
  uint32_t struct_size; /* sizeof(lnsp_size_options)                                */
  int32_t max_rows;     /* most rows (sequences) a call; default 1            */
  int32_t max_concepts; /* most concepts a row; default 1                     */
  int32_t max_marks;      /* trainers: states that mark keeps; default 0        */
  int32_t mark_contents;         /* LNSP_UNDO_: what a mark holds; default ALL         */
  int32_t keep_nodes;   /* sessions: 1 keeps every node for
                           lnsp_session_node; default 0 reuses buffers        */
  int32_t tasks;        /* most tasks that options->parallel is given at a
                           time, up to 256 (they need some memory each); as
                           many as threads is best; default 1: it is not
                           called. More than 1 without it: LNSP_E_ARGUMENT    */
} lnsp_size_options;

#define LNSP_MARK_STATE \
  0     /* weights, moments, average, residual, step:
                               exact replay                                   */
#define LNSP_MARK_WEIGHTS 1 /* weights only: a third of the memory            */

/* Bytes, counted before anything is allocated. total_bytes is what the create
 * call takes from the allocator, and the least block_bytes for a block that is
 * aligned to 64 (63 more for any other); the others are parts of it. The same
 * on every host. */
typedef struct lnsp_memory_info {
  uint32_t struct_size; /* sizeof(lnsp_memory_info), set by the caller             */
  uint32_t reserved;
  uint64_t total_bytes;
  uint64_t weight_bytes;     /* weights, packed, with padding                 */
  uint64_t moment_bytes;     /* optimizer moments                             */
  uint64_t average_bytes;    /* exponential moving average of the weights     */
  uint64_t mark_bytes;       /* marks                                         */
  uint64_t activation_bytes; /* values and their gradients                    */
  uint64_t workspace_bytes;  /* scratch, small gradients, replay statistics   */
  uint64_t plan_bytes;       /* the handle, the graph, its steps              */
  uint64_t residual_bytes;   /* what lossy deltas still owe (residual=1)      */
  uint64_t gradient_bytes;   /* sum of gradients (accumulate=N)               */
} lnsp_memory_info;

/* ---- what this build knows ---------------------------------------------- */

#define LNSP_LIST_ARCHITECTURES 1
#define LNSP_LIST_LAYERS 2
#define LNSP_LIST_LOSSES 3
#define LNSP_LIST_OPTIMIZERS 4
#define LNSP_LIST_SCHEDULES 5
#define LNSP_LIST_ISAS 6       /* kernel sets in this build, widest first     */
#define LNSP_LIST_CODECS 7     /* delta codecs                                */

/* Name number index (from 0) of a list, or NULL past its end. Static.
 * Threads: T0. */
LNSP_API const char *lnsp_list_name(int32_t list, int32_t index);

/* One line that says what the entry is and which keys it takes, or NULL.
 * Static. Threads: T0. */
LNSP_API const char *lnsp_list_help(int32_t list, int32_t index);

/* LNSP_OK if this CPU and operating system can run the kernel set, else
 * LNSP_E_UNSUPPORTED or LNSP_E_UNKNOWN. Threads: T0. */
LNSP_API int32_t lnsp_isa_check(const char *isa, lnsp_error *error);

/* The kernel set that "auto" picks here for any but an int8 model. Static.
 * Threads: T0. */
LNSP_API const char *lnsp_isa_best(void);

/* ---- bytes in and out --------------------------------------------------- */

/* Random access to bytes, e.g. flash or a package. */
typedef struct lnsp_source {
  uint32_t struct_size; /* sizeof(lnsp_source) */
  void *user;
  uint64_t size_bytes;
  /* Copies exactly bytes bytes from offset; returns 0, or anything else on
   * failure. Never asked beyond size_bytes. */
  int32_t (*read)(void *user, uint64_t offset, void *to, size_t bytes);
} lnsp_source;

/* A stream of bytes out. write returns 0 or anything else on failure. */
typedef struct lnsp_sink {
  uint32_t struct_size; /* sizeof(lnsp_sink) */
  void *user;
  int32_t (*write)(void *user, const void *from, size_t bytes);
} lnsp_sink;

/* One key and value of a file's metadata. */
typedef struct lnsp_key_value {
  const char *key;
  const char *value;
} lnsp_key_value;

/* ---- file: named tensors in safetensors --------------------------------- */

typedef struct lnsp_file lnsp_file;

/* Opens a safetensors file from a path and checks its header whole. The file
 * stays open until destroy; tensor data is read on demand, never held.
 * Threads: T0. */
LNSP_API int32_t lnsp_file_open(const char *path, const lnsp_options *options, lnsp_file **out,
                                lnsp_error *error);

/* The same from memory, which the caller keeps until destroy. Threads: T0. */
LNSP_API int32_t lnsp_file_open_memory(const void *data, size_t bytes,
                                       const lnsp_options *options, lnsp_file **out,
                                       lnsp_error *error);

/* The same through callbacks; the source is copied, its user pointer must
 * live until destroy. Threads: T0. */
LNSP_API int32_t lnsp_file_open_source(const lnsp_source *source, const lnsp_options *options,
                                       lnsp_file **out, lnsp_error *error);

/* Number of tensors. Threads: T0. */
LNSP_API int32_t lnsp_file_tensor_count(const lnsp_file *file);

/* Name, dtype, rank and dims of tensor number index, in file order; data is
 * NULL. Threads: T0. */
LNSP_API int32_t lnsp_file_tensor_at(const lnsp_file *file, int32_t index, lnsp_tensor *out,
                                     lnsp_error *error);

/* The same by name; LNSP_E_MISSING if there is none. Threads: T0. */
LNSP_API int32_t lnsp_file_tensor(const lnsp_file *file, const char *name, lnsp_tensor *out,
                                  lnsp_error *error);

/* Value of a metadata key, or NULL. Threads: T0. */
LNSP_API const char *lnsp_file_metadata(const lnsp_file *file, const char *key);

/* Metadata pair number index; LNSP_E_ARGUMENT past the end. Threads: T0. */
LNSP_API int32_t lnsp_file_metadata_at(const lnsp_file *file, int32_t index,
                                       lnsp_key_value *out, lnsp_error *error);

/* Reads count elements from element number first (row-major) of a tensor and
 * converts them to dtype: F32 from F32, F16, BF16, F64; I64 or I32 from any
 * integer type or BOOL that fits; any type to itself. If the source fails midway
 * (LNSP_E_IO), out may be partly written. Threads: T1. */
LNSP_API int32_t lnsp_file_read(lnsp_file *file, const char *name, int64_t first, int64_t count,
                                int32_t dtype, void *out, lnsp_error *error);

/* Closes. Threads: T1. */
LNSP_API void lnsp_file_destroy(lnsp_file *file);

/* ---- writer: a safetensors file, streamed ------------------------------- */

typedef struct lnsp_writer lnsp_writer;

/* Starts a file with these tensors (name, dtype, dims; data ignored; in this
 * order) and metadata. Written beside the path under a temporary name; the
 * path appears, whole, only on close. Threads: T0. */
LNSP_API int32_t lnsp_writer_create(const char *path, const lnsp_tensor *tensors,
                                    int32_t tensor_count, const lnsp_key_value *metadata,
                                    int32_t pair_count, const lnsp_options *options,
                                    lnsp_writer **out, lnsp_error *error);

/* The same into a sink; what a failed call wrote is the sink's to discard.
 * Threads: T0. */
LNSP_API int32_t lnsp_writer_create_sink(const lnsp_sink *sink, const lnsp_tensor *tensors,
                                         int32_t tensor_count, const lnsp_key_value *metadata,
                                         int32_t pair_count, const lnsp_options *options,
                                         lnsp_writer **out, lnsp_error *error);

/* Appends bytes bytes of tensor data, in the declared types, tensors in the
 * declared order, row-major, in the host's byte order. Element boundaries must
 * be kept. LNSP_E_LIMIT past the declared end. Threads: T1. */
LNSP_API int32_t lnsp_writer_write(lnsp_writer *writer, const void *data, size_t bytes,
                                   lnsp_error *error);

/* Finishes: LNSP_E_STATE if bytes are missing; flushes to the disk and renames.
 * The writer must still be destroyed. Threads: T1. */
LNSP_API int32_t lnsp_writer_close(lnsp_writer *writer, lnsp_error *error);

/* Frees; without a successful close the file never appears. Threads: T1. */
LNSP_API void lnsp_writer_destroy(lnsp_writer *writer);

/* ---- graph: a network without weights ----------------------------------- */

typedef struct lnsp_graph lnsp_graph;

/* Reads an architecture text: a named architecture with arguments
 * ("student heads=8 act=gelu") or a written-out graph ("lnsp 1\nx = input
 * 384\n..."). See docs/architecture.md. Threads: T0. */
LNSP_API int32_t lnsp_graph_create(const char *text, const lnsp_options *options,
                                   lnsp_graph **out, lnsp_error *error);

/* The architecture of a file: from options->architecture, or the file's
 * metadata lnsp.arch or lnsp.graph; dimensions that the text leaves open come
 * from the file's tensor shapes. Threads: T1 on the file. */
LNSP_API int32_t lnsp_graph_open_file(lnsp_file *file, const lnsp_options *options,
                                      lnsp_graph **out, lnsp_error *error);

/* A copy of the graph whose models keep their matrices as storage (LNSP_F32, F16,
 * BF16 or I8): for the measure calls, before such a model is made. Threads: T0. */
LNSP_API int32_t lnsp_graph_convert(const lnsp_graph *graph, int32_t storage,
                                    const lnsp_options *options, lnsp_graph **out,
                                    lnsp_error *error);

/* How the graph's models keep their matrices: LNSP_F32, F16, BF16 or I8. Of a model's
 * graph: how that model does. Threads: T0. */
LNSP_API int32_t lnsp_graph_storage(const lnsp_graph *graph);

/* Trainable parameters, in elements, without padding. Threads: T0. */
LNSP_API int64_t lnsp_graph_parameter_count(const lnsp_graph *graph);

/* Tensors of the state, in canonical order (the order of hashes and deltas), as
 * float32 whatever the storage. Threads: T0. */
LNSP_API int32_t lnsp_graph_tensor_count(const lnsp_graph *graph);
LNSP_API int32_t lnsp_graph_tensor_at(const lnsp_graph *graph, int32_t index, lnsp_tensor *out,
                                      lnsp_error *error);

/* 1 if tensor number index may be trained; 0 if it is part of the state but never gets a
 * gradient, as a table of positions, or there is no such tensor. Threads: T0. */
LNSP_API int32_t lnsp_graph_tensor_trained(const lnsp_graph *graph, int32_t index);

/* Width of the input vectors; 1 where the input is ids. Threads: T0. */
LNSP_API int64_t lnsp_graph_input_width(const lnsp_graph *graph);

/* Name of the input tensor: "input" (vectors, F32), or "ids" (any integer type, [rows,
 * concepts], each from 0 to less than *id_count). id_count is nullable, and 0 for
 * vectors. Static. Threads: T0. */
LNSP_API const char *lnsp_graph_input_name(const lnsp_graph *graph, int64_t *id_count);

/* How many concepts a row may have: from *low to *high (0: any number), multiples of
 * *step. Each is nullable. LNSP_E_ARGUMENT without a graph. Threads: T0. */
LNSP_API int32_t lnsp_graph_concept_range(const lnsp_graph *graph, int64_t *low, int64_t *high,
                                          int64_t *step, lnsp_error *error);

/* The shape of output number index for an input of this shape (its rank and dims are
 * read): out gets the name, F32, rank and dims. An output with a vector for each
 * concept has the input's rows and concepts; one of networks that join a sequence is
 * [rows, width]. LNSP_E_SHAPE where the network takes no such input. Threads: T0. */
LNSP_API int32_t lnsp_graph_output_shape(const lnsp_graph *graph, int32_t index,
                                         const lnsp_tensor *input, lnsp_tensor *out,
                                         lnsp_error *error);

/* Named outputs; output number 0 is "output". In out, dims[0] is the width and
 * rank 1. Threads: T0. */
LNSP_API int32_t lnsp_graph_output_count(const lnsp_graph *graph);
LNSP_API int32_t lnsp_graph_output_at(const lnsp_graph *graph, int32_t index, lnsp_tensor *out,
                                      lnsp_error *error);

/* Multiply-add operations of one row forward, times two, for a sequence of
 * concepts concepts (1 to 65,536; 0 for a number that the network does not take).
 * Threads: T0. */
LNSP_API int64_t lnsp_graph_flops(const lnsp_graph *graph, int64_t concepts);

/* The architecture as one line with every argument written out, or as a
 * written-out graph where it was given as one. Threads: T0. */
LNSP_API const char *lnsp_graph_architecture(const lnsp_graph *graph);

/* The graph written out, a line a layer, which lnsp_graph_create reads back.
 * Writes at most capacity bytes with the final zero; *needed_bytes (nullable)
 * is the size of the whole text with it. LNSP_E_LIMIT if it did not fit;
 * buffer may be NULL when capacity is 0. Threads: T0. */
LNSP_API int32_t lnsp_graph_text(const lnsp_graph *graph, char *buffer, size_t capacity,
                                 size_t *needed_bytes, lnsp_error *error);

LNSP_API void lnsp_graph_destroy(lnsp_graph *graph);

/* ---- model: an immutable version of the weights ------------------------- */

#define LNSP_HASH_BYTES 32

typedef struct lnsp_model lnsp_model;

/* Bytes of a model of this graph, kept as the graph's storage says. Threads: T0. */
LNSP_API int32_t lnsp_model_measure(const lnsp_graph *graph, lnsp_memory_info *out,
                                    lnsp_error *error);

/* Loads a model file: tensors under their state_dict names as F32, F16, BF16
 * or F64, or I8 with scales (docs/format.md), refusing missing, unknown, misshapen
 * and non-finite ones.
 *
 * Storage. A model keeps its matrices as its file has them: all F16, all BF16 or
 * all I8 as that, in about a half or a quarter of the memory; anything else as
 * F32. options->storage says otherwise: F16 and BF16 round to nearest even
 * (LNSP_E_NOT_FINITE if a weight overflows), I8 takes a scale a row, the largest
 * magnitude / 127. Vectors (biases, norms) are always float32.
 *   F32, F16, BF16  a run has the bits of a run of the widened weights in float32.
 *   I8              products are int8 times int8: each input row is quantised as
 *                   well. Bits are the same on every CPU and for every batch, but
 *                   those of another network. Only for running: trainers and deltas
 *                   refuse it (LNSP_E_DTYPE).
 * Whatever a call reads out of a model (tensors, hashes, deltas) are its values as
 * float32, so that a model and its float32 twin have one hash. Threads: T0. */
LNSP_API int32_t lnsp_model_open(const char *path, const lnsp_options *options,
                                 lnsp_model **out, lnsp_error *error);
LNSP_API int32_t lnsp_model_open_memory(const void *data, size_t bytes,
                                        const lnsp_options *options, lnsp_model **out,
                                        lnsp_error *error);
LNSP_API int32_t lnsp_model_open_file(lnsp_file *file, const lnsp_options *options,
                                      lnsp_model **out, lnsp_error *error);

/* A fresh model with PyTorch's initial distributions, from a seed: the same
 * bits everywhere. text as in lnsp_graph_create. Threads: T0. */
LNSP_API int32_t lnsp_model_create(const char *text, uint64_t seed, const lnsp_options *options,
                                   lnsp_model **out, lnsp_error *error);

/* A copy of the model that keeps its matrices as storage: LNSP_F32, F16, BF16 or
 * I8, as above. options->storage is not looked at. Threads: T0. */
LNSP_API int32_t lnsp_model_convert(const lnsp_model *model, int32_t storage,
                                    const lnsp_options *options, lnsp_model **out,
                                    lnsp_error *error);

/* Counts one more owner; give it back with lnsp_model_destroy. Returns model.
 * Threads: T0. */
LNSP_API lnsp_model *lnsp_model_retain(lnsp_model *model);
LNSP_API void lnsp_model_destroy(lnsp_model *model);

/* The model's graph; lives as long as the model. Threads: T0. */
LNSP_API const lnsp_graph *lnsp_model_graph(const lnsp_model *model);

/* Copies a tensor out, row-major float32, count elements (all of it).
 * Threads: T0. */
LNSP_API int32_t lnsp_model_tensor_read(const lnsp_model *model, const char *name, float *out,
                                        int64_t count, lnsp_error *error);

/* BLAKE2s-256 of names, shapes and row-major float32 values, whatever the storage.
 * Threads: T0. */
LNSP_API int32_t lnsp_model_hash(const lnsp_model *model, uint8_t out[LNSP_HASH_BYTES],
                                 lnsp_error *error);

/* Writes a model file; dtype is that of its matrices: LNSP_F32, F16, BF16 or I8,
 * converted as lnsp_model_convert does, or 0 for the model's storage. Vectors are
 * written as F32, so that the file opens as a model of the same hash as the
 * converted one. With a path, the file appears whole or not at all. Allocates: a
 * small block for the writer. Threads: T0. */
LNSP_API int32_t lnsp_model_save(const lnsp_model *model, const char *path, int32_t dtype,
                                 lnsp_error *error);
LNSP_API int32_t lnsp_model_save_sink(const lnsp_model *model, const lnsp_sink *sink,
                                      int32_t dtype, lnsp_error *error);

/* ---- session: run a model ----------------------------------------------- */

typedef struct lnsp_session lnsp_session;
typedef struct lnsp_trainer lnsp_trainer;

/* Bytes of a session for this graph and these limits. Threads: T0. */
LNSP_API int32_t lnsp_session_measure(const lnsp_graph *graph, const lnsp_size_options *sizes,
                                      lnsp_memory_info *out, lnsp_error *error);

/* Working memory to run a model, which it keeps alive. Threads: T0. */
LNSP_API int32_t lnsp_session_create(lnsp_model *model, const lnsp_size_options *sizes,
                                     const lnsp_options *options, lnsp_session **out,
                                     lnsp_error *error);

/* A session on a trainer's live weights (in place: it sees every step). Run it
 * only between the trainer's calls, and destroy it before the trainer.
 * average 1: the moving average instead of the live weights. Threads: T1. */
LNSP_API int32_t lnsp_session_create_live(lnsp_trainer *trainer, int32_t average,
                                          const lnsp_size_options *sizes,
                                          const lnsp_options *options, lnsp_session **out,
                                          lnsp_error *error);

/* Runs another model of the same architecture from now on; the old one is let
 * go. The storage may be another, but a model stored as I8 needs a session that
 * was created for one (LNSP_E_MISMATCH). Threads: T1. */
LNSP_API int32_t lnsp_session_rebind(lnsp_session *session, lnsp_model *model,
                                     lnsp_error *error);

/* Runs. inputs: "input" F32 [rows, width] (one concept a row) or [rows,
 * concepts, width]; any strides, data at any address. Networks that begin with
 * ids take "ids" instead (lnsp_graph_input_name). "mask", if given, has an integer
 * for each concept, [rows, concepts]: 1, or 0 for padding, which changes no bits of
 * what is kept; what stands there must be finite. Any strides here, too; other names
 * are refused. outputs: for each wanted name
 * ("output", "teacher", "code", ...) a F32 tensor of the shape that
 * lnsp_graph_output_shape tells. A row's result does not depend on the other rows.
 * Threads: T1. */
LNSP_API int32_t lnsp_session_run(lnsp_session *session, const lnsp_tensor *inputs,
                                  int32_t input_count, const lnsp_tensor *outputs,
                                  int32_t output_count, lnsp_error *error);

/* The value that node number index (in the order of the graph's text) had in
 * the last run: a view of [rows, concepts, width] into the session's memory,
 * until the next run or rebind. LNSP_E_ARGUMENT past the last node; LNSP_E_STATE
 * without limits->keep_nodes or before a run. Threads: T1. */
LNSP_API int32_t lnsp_session_node(const lnsp_session *session, int32_t index, lnsp_tensor *out,
                                   lnsp_error *error);

/* Kernel set in use. Static. Threads: T0. */
LNSP_API const char *lnsp_session_isa(const lnsp_session *session);

LNSP_API void lnsp_session_destroy(lnsp_session *session);

/* ---- replay: remember an old domain without its data -------------------- */

typedef struct lnsp_replay lnsp_replay;

/* Statistics of unit vectors of the given width: mean (float32) and Cholesky
 * factor of the covariance (float16, lower triangle). Gather with add, then
 * finish. Threads: T0. */
LNSP_API int32_t lnsp_replay_create(int64_t width, const lnsp_options *options,
                                    lnsp_replay **out, lnsp_error *error);

/* Adds F32 rows [n, width]; each is normalised first, a zero row is refused.
 * Threads: T1. */
LNSP_API int32_t lnsp_replay_add(lnsp_replay *replay, const lnsp_tensor *rows,
                                 lnsp_error *error);

/* Computes the factor; needs at least two rows. Threads: T1. */
LNSP_API int32_t lnsp_replay_finish(lnsp_replay *replay, lnsp_error *error);

/* Draws rows unit vectors into F32 out [rows, width], a function of seed and
 * step alone, with scratch of the handle. Threads: T1. */
LNSP_API int32_t lnsp_replay_draw(const lnsp_replay *replay, uint64_t seed, uint64_t step,
                                  const lnsp_tensor *out, lnsp_error *error);

/* Writes finished statistics as a safetensors file, whole or not at all, and
 * reads them back. Threads: T0. */
LNSP_API int32_t lnsp_replay_save(const lnsp_replay *replay, const char *path,
                                  lnsp_error *error);
LNSP_API int32_t lnsp_replay_open(const char *path, const lnsp_options *options,
                                  lnsp_replay **out, lnsp_error *error);

/* Width given to create, or read from the file. Threads: T0. */
LNSP_API int64_t lnsp_replay_width(const lnsp_replay *replay);

LNSP_API void lnsp_replay_destroy(lnsp_replay *replay);

/* ---- trainer: learn ----------------------------------------------------- */

/*
 * loss text:      terms joined by "+", each "[weight *] name [key=value ...]",
 *                 e.g. "cosine", "triplet margin=.3 on=code + .1*alignment",
 *                 "student", "cosine + 4*replay rows=7 seed=1". Every term takes
 *                 on=OUTPUT, from= and until= (updates), every= (calls), gate=,
 *                 auto= and against= (docs/losses.md).
 * optimizer text: "adamw lr=1e-3 betas=.9,.999 eps=1e-8 weight_decay=.01",
 *                 "sgd lr=.05 momentum=.9", and for any of them clip=1 (global
 *                 norm), ema=.999 (moving average of the weights),
 *                 schedule=cosine warmup=100 steps=10000 min_lr=0 (or linear, or
 *                 step every=N factor=.1; warmup=5% of steps, min_lr=1% of lr),
 *                 accumulate=N (the mean gradient of N calls makes one update),
 *                 weights=bf16 (kept so, rounded by chance; seed=0), and
 *                 residual=1 (room for what lossy deltas left out, part of the
 *                 state). adamw and adam take moments=8bit. For privacy
 *                 (docs/privacy.md): clip_each=C noise=SIGMA lot=ROWS.
 * lnsp_list_name and lnsp_list_help tell what there is.
 */

/* Bytes of a trainer. Threads: T0. */
LNSP_API int32_t lnsp_trainer_measure(const lnsp_graph *graph, const char *loss,
                                      const char *optimizer, const lnsp_size_options *sizes,
                                      lnsp_memory_info *out, lnsp_error *error);

/* A trainer that starts from a copy of the model's weights, as float32 (with
 * weights=bf16: as bfloat16). A model stored as I8 is refused (LNSP_E_DTYPE). loss
 * NULL: none, for forward, backward, apply. Threads: T0. */
LNSP_API int32_t lnsp_trainer_create(const lnsp_model *model, const char *loss,
                                     const char *optimizer, const lnsp_size_options *sizes,
                                     const lnsp_options *options, lnsp_trainer **out,
                                     lnsp_error *error);

/* The same from a file, whose weights go straight into the trainer's block.
 * A state file (LNSP_SAVE_STATE) resumes to the same bits: its step, moments,
 * average and frozen tensors are taken over; NULL texts are then the saved ones,
 * and a given optimizer text must keep the same moments. Replay statistics are
 * not in the file: set them again. Threads: T1 on the file. */
LNSP_API int32_t lnsp_trainer_open_file(lnsp_file *file, const char *loss,
                                        const char *optimizer, const lnsp_size_options *sizes,
                                        const lnsp_options *options, lnsp_trainer **out,
                                        lnsp_error *error);

/* One step: forward, backward, gate, update. With accumulate=N the gradient is added to
 * those of the calls before, and the Nth call makes the update: the step count, schedule,
 * clip and marks are about updates, and what was gathered since the last one is no part of
 * the state: rollback, adopt, freeze and store_load let it go, files do not have it. inputs: "input" as for a session
 * and "target" (shape of the output), or what the loss names ("anchor",
 * "positive", "negative", "teacher"). *loss (nullable) is the loss before the
 * update. Refused with LNSP_E_NOT_FINITE, nothing changed, if anything is or
 * could become non-finite. Threads: T2. */
LNSP_API int32_t lnsp_trainer_step(lnsp_trainer *trainer, const lnsp_tensor *inputs,
                                   int32_t input_count, float *loss, lnsp_error *error);

/* Forward and backward of the loss, no update: then lnsp_trainer_gradient and
 * lnsp_trainer_apply may follow. Threads: T2. */
LNSP_API int32_t lnsp_trainer_compute_gradients(lnsp_trainer *trainer,
                                                const lnsp_tensor *inputs, int32_t input_count,
                                                float *loss, lnsp_error *error);

/* The loss alone, as a model that runs has it: no gradient, and no chance in layers that
 * draw by it when they learn; average 1: with the weights of the moving average. A gradient
 * that waits to be applied is void then, one that was accumulated is not. Threads: T2. */
LNSP_API int32_t lnsp_trainer_validate(lnsp_trainer *trainer, const lnsp_tensor *inputs,
                                       int32_t input_count, int32_t average, float *loss,
                                       lnsp_error *error);

/* The user's own loss: forward gives outputs; backward takes dL/dy for any of
 * the named outputs (same shapes); apply makes the step. Threads: T2. */
LNSP_API int32_t lnsp_trainer_forward(lnsp_trainer *trainer, const lnsp_tensor *inputs,
                                      int32_t input_count, const lnsp_tensor *outputs,
                                      int32_t output_count, lnsp_error *error);
LNSP_API int32_t lnsp_trainer_backward(lnsp_trainer *trainer, const lnsp_tensor *gradients,
                                       int32_t gradient_count, lnsp_error *error);
LNSP_API int32_t lnsp_trainer_apply(lnsp_trainer *trainer, lnsp_error *error);

/* A step from gradients made elsewhere, e.g. by a server that aggregates: gate, clip,
 * schedule and average as in apply. Each has a weight's name and its shape, F32,
 * contiguous; weights that are not named, or frozen, stay as they are. LNSP_E_NOT_FINITE
 * as in step. Threads: T2. */
LNSP_API int32_t lnsp_trainer_apply_gradients(lnsp_trainer *trainer,
                                              const lnsp_tensor *gradients, int32_t count,
                                              lnsp_error *error);

/* Gradient of a tensor after evaluate or backward, row-major float32, count
 * elements (all of it), before clipping; with clip_each after it, before noise. LNSP_E_STATE if the loss does not
 * reach the tensor or there is no gradient now. Threads: T1. */
LNSP_API int32_t lnsp_trainer_gradient(lnsp_trainer *trainer, const char *name, float *out,
                                       int64_t count, lnsp_error *error);

/* Freezes (1) or thaws (0) all tensors whose names match a pattern, in which *
 * is any run of characters and ? any one. LNSP_E_MISSING if none matches. A
 * gradient that waits to be applied is void then. Threads: T1. */
LNSP_API int32_t lnsp_trainer_freeze(lnsp_trainer *trainer, const char *pattern, int32_t frozen,
                                     lnsp_error *error);

/* Base learning rate, which the schedule multiplies. Threads: T1. */
LNSP_API int32_t lnsp_trainer_set_learning_rate(lnsp_trainer *trainer, float lr,
                                                lnsp_error *error);

/* Rate of the next step, schedule included. Threads: T1. */
LNSP_API float lnsp_trainer_learning_rate(const lnsp_trainer *trainer);

/* Norm of the last update's gradient before it was clipped; 0 without clip=, and before
 * the first update. Threads: T1. */
LNSP_API float lnsp_trainer_gradient_norm(const lnsp_trainer *trainer);

/* Steps made: with accumulate=N, updates. Threads: T1. */
LNSP_API uint64_t lnsp_trainer_step_count(const lnsp_trainer *trainer);

/* The live weights become those of a model of the same architecture, as in create.
 * reset 0: everything else stays; 1: moments, step and the counts of updates start at
 * zero, the average at these weights. The residual, marks and settings stay in any
 * case. Threads: T2. */
LNSP_API int32_t lnsp_trainer_set_weights(lnsp_trainer *trainer, const lnsp_model *model,
                                          int32_t reset, lnsp_error *error);

#define LNSP_NOISE_KEY_BYTES 32

/* The key of the noise that the optimizer text asks for with noise=: secret bytes from
 * the system's generator. It is copied, never written to a file or into a mark: set it
 * again after resuming. Noise is a function of key, step and element, so a key must not
 * see a step twice with other data: after a rollback, set a new one. Threads: T1. */
LNSP_API int32_t lnsp_trainer_set_noise_key(lnsp_trainer *trainer,
                                            const uint8_t key[LNSP_NOISE_KEY_BYTES],
                                            lnsp_error *error);

/* Statistics for a loss with a replay term; copied. Threads: T1. */
LNSP_API int32_t lnsp_trainer_set_replay(lnsp_trainer *trainer, const lnsp_replay *replay,
                                         lnsp_error *error);

/* What is left of vectors after text, for the echo term of a loss. */
typedef struct lnsp_echo {
  uint32_t struct_size; /* sizeof(lnsp_echo) */
  uint32_t reserved;
  void *user;
  /* Decodes each row of output to text and encodes that again, or finds the nearest known
   * concept (lnsp_search_run), and writes what comes back into the same row of echo. Both are F32 [rows,
   * width] whose row r begins at strides[0] * r and has its elements side by side; they hold
   * until the function returns. output is only read. echo holds zeros: a row that stays so
   * has the cosine 0. Returns 0, or anything else to refuse. */
  int32_t (*echo)(void *user, const lnsp_tensor *output, const lnsp_tensor *echo);
} lnsp_echo;

/* Who makes the tensor "echo" that an echo term of the trainer's loss compares its output
 * with, a constant to the gradient; copied. NULL: the caller gives the tensor, as at first.
 * With it the tensor is no input any more (lnsp_trainer_input_name). step, evaluate and
 * validate call it between forward and backward, on their own thread, once for each echo
 * term that counts now, with the rows of the term's output, those of a sequence one after
 * the other: for "echo every=10 rows=1" the first row of every tenth batch (in validate, of
 * each). If it refuses, the call fails with LNSP_E_REFUSED, if it gives NaN or infinity,
 * with LNSP_E_NOT_FINITE; either way no weight, moment or sum of gradients has changed. It
 * must not call the library with this trainer or run a session on its live weights; anything
 * else it may, for as long as it needs. It is no part of the state: set it again after
 * resuming. LNSP_E_STATE if the loss has no echo term. Threads: T1. */
LNSP_API int32_t lnsp_trainer_set_echo(lnsp_trainer *trainer, const lnsp_echo *echo,
                                       lnsp_error *error);

/* Copies a tensor out, row-major float32. average 1: of the moving average.
 * Threads: T1. */
LNSP_API int32_t lnsp_trainer_tensor_read(const lnsp_trainer *trainer, const char *name,
                                          int32_t average, float *out, int64_t count,
                                          lnsp_error *error);

/* A new model of the present weights (average 1: of the moving average), while
 * other threads go on with theirs. With options->block, in the caller's slot
 * of lnsp_model_measure bytes. options->storage converts as lnsp_model_convert
 * does; 0: as the trainer keeps them. Threads: T1. */
LNSP_API int32_t lnsp_trainer_publish(const lnsp_trainer *trainer, int32_t average,
                                      const lnsp_options *options, lnsp_model **out,
                                      lnsp_error *error);

#define LNSP_SAVE_WEIGHTS 0 /* a model file of the live weights               */
#define LNSP_SAVE_AVERAGE 1 /* a model file of the moving average             */
#define LNSP_SAVE_STATE \
  2   /* weights, moments, average, residual, step,
                               texts: resume                                  */

/* Writes a file as lnsp_model_save does, in the type that the weights are trained in:
 * float32, or BF16 matrices with weights=bf16. Threads: T1. */
LNSP_API int32_t lnsp_trainer_save(const lnsp_trainer *trainer, const char *path, int32_t what,
                                   lnsp_error *error);
LNSP_API int32_t lnsp_trainer_save_sink(const lnsp_trainer *trainer, const lnsp_sink *sink,
                                        int32_t what, lnsp_error *error);

/* Remembers the present state; with limits->max_marks marks held already, the
 * oldest is let go. LNSP_E_STATE without history. Threads: T1. */
LNSP_API int32_t lnsp_trainer_mark(lnsp_trainer *trainer, lnsp_error *error);

/* Marks held. Threads: T1. */
LNSP_API int32_t lnsp_trainer_mark_count(const lnsp_trainer *trainer);

/* Goes back to mark number back (0: the newest, 1: the one before, ...), to the
 * bit; newer marks are dropped, that one stays. Nothing is copied: the mark's
 * memory is exchanged with the live one, and the next step first copies it.
 * Threads: T2. */
LNSP_API int32_t lnsp_trainer_rollback(lnsp_trainer *trainer, int32_t back, lnsp_error *error);

/* Hash of the live weights (LNSP_SAVE_WEIGHTS: equal to lnsp_model_hash of what
 * publish gives), of the average, or of the whole state. Threads: T1. */
LNSP_API int32_t lnsp_trainer_hash(const lnsp_trainer *trainer, int32_t what,
                                   uint8_t out[LNSP_HASH_BYTES], lnsp_error *error);

/* The trainer's bytes, as measured. Threads: T0. */
LNSP_API int32_t lnsp_trainer_memory(const lnsp_trainer *trainer, lnsp_memory_info *out,
                                     lnsp_error *error);

/* The trainer's graph; lives as long as the trainer. Threads: T0. */
LNSP_API const lnsp_graph *lnsp_trainer_graph(const lnsp_trainer *trainer);

/* Names of the input tensors that step and evaluate need, NULL past the end:
 * "input", "target", ... Threads: T0. */
LNSP_API const char *lnsp_trainer_input_name(const lnsp_trainer *trainer, int32_t index);

/* Kernel set in use. Static. Threads: T0. */
LNSP_API const char *lnsp_trainer_isa(const lnsp_trainer *trainer);

LNSP_API void lnsp_trainer_destroy(lnsp_trainer *trainer);

/* A loss by itself, on given predictions: one term (no "+" of terms with
 * different needs), tensors "p" [rows, width] and, as the loss needs them, "t",
 * "positive", "negative", "teacher" beside it. Writes *value and, unless NULL,
 * gradient F32 [rows, width] (dL/dp). Allocates: a block, freed before return.
 * Threads: T0. */
LNSP_API int32_t lnsp_loss_evaluate(const char *loss, const lnsp_tensor *inputs,
                                    int32_t input_count, float *value,
                                    const lnsp_tensor *gradient, const lnsp_options *options,
                                    lnsp_error *error);

/* ---- delta: what changed ------------------------------------------------ */

typedef struct lnsp_delta lnsp_delta;

typedef struct lnsp_delta_info {
  uint32_t struct_size; /* sizeof(lnsp_delta_info), set by the caller        */
  int32_t exact;        /* 1: all stages are, and the delta can be inverted   */
  int64_t parameter_count;
  int64_t changed_count;   /* parameters whose bits differ, as its maker says;
                              -1: not known (merged)                          */
  int64_t encoded_bytes;   /* size of the file that save writes               */
  uint8_t base_hash[LNSP_HASH_BYTES];   /* lnsp_model_hash of the base        */
  uint8_t result_hash[LNSP_HASH_BYTES]; /* lnsp_model_hash of the result      */
  const char *codec;       /* "int4 block=64"; those of the stages joined by
                              "; ". Valid as long as the delta                */
  int32_t stage_count;     /* 1, more after merge                             */
  int32_t selected_count;  /* tensors that some stage is about                */
  const char *sender;      /* as stamped, or "". Valid as long as the delta,
                              and until it is stamped again                   */
  uint64_t nonce;          /* as stamped, or 0                                */
  int32_t authenticated;   /* 1: it carries an authentication code, which
                              lnsp_delta_check compares with a key's          */
  int32_t reserved;
} lnsp_delta_info;

/*
 * Codec text, as optimizer texts: "exact" (NULL: this one), "int8 block=64", "int5", "int4",
 * "sparse share=.1", "sign", "float16", "float32"; with only=PATTERN[,PATTERN...] for
 * those tensors alone (* and ? match, 1d is every tensor of rank 1), the others
 * staying as in base. lnsp_list_name and lnsp_list_help tell what there is. With any but exact
 * the result is not next, but base and what was coded: the same bits on both sides.
 */

/* Bytes of a delta that make makes, whatever changes; workspace_bytes are those of
 * the payload, as it can be at most. Threads: T0. */
LNSP_API int32_t lnsp_delta_measure(const lnsp_graph *graph, const char *codec,
                                    lnsp_memory_info *out, lnsp_error *error);

/* What leads from base to next, two models of one architecture stored in any type
 * but I8. Threads: T0. */
LNSP_API int32_t lnsp_delta_create(const lnsp_model *base, const lnsp_model *next,
                                   const char *codec, const lnsp_options *options,
                                   lnsp_delta **out, lnsp_error *error);

/* What leads from base to a trainer's live weights, and to what earlier deltas left out:
 * with residual=1 in its optimizer text, the trainer keeps what this codec leaves out
 * (of all tensors, those that only= leaves alone too), and owes it to the next one. snap
 * 1: its weights become those of the result, so that both sides go on from the same bits.
 * With snap 0, adopt a model before the next delta, or what is left out counts twice. Moments
 * and step count stay. Fails as a whole or not at all. Threads: T2. */
LNSP_API int32_t lnsp_delta_create_live(const lnsp_model *base, lnsp_trainer *trainer,
                                        const char *codec, int32_t snap,
                                        const lnsp_options *options, lnsp_delta **out,
                                        lnsp_error *error);

/* A new model: base with the delta applied, stored as options->storage, 0: float32.
 * LNSP_E_MISMATCH unless base has the delta's base hash and the result its result
 * hash. Threads: T0. */
LNSP_API int32_t lnsp_delta_apply(const lnsp_delta *delta, const lnsp_model *base,
                                  const lnsp_options *options, lnsp_model **out,
                                  lnsp_error *error);

/* The delta that leads back; LNSP_E_UNSUPPORTED unless it is exact. Threads: T0. */
LNSP_API int32_t lnsp_delta_invert(const lnsp_delta *delta, const lnsp_options *options,
                                   lnsp_delta **out, lnsp_error *error);

/* Deltas that follow each other as one, with the stages of all (at most 64), to the same
 * bits; copied. Smaller is a delta made anew from the first base and the last
 * result. Threads: T0. */
LNSP_API int32_t lnsp_delta_merge(const lnsp_delta *const *deltas, int32_t count,
                                  const lnsp_options *options, lnsp_delta **out,
                                  lnsp_error *error);

/* Facts of a delta. Threads: T0. */
LNSP_API int32_t lnsp_delta_get_info(const lnsp_delta *delta, lnsp_delta_info *out,
                                     lnsp_error *error);

/* Writes or reads a delta file; every byte is under its checksum. With memory:
 * encode writes at most capacity bytes and *bytes (nullable) says how many it
 * takes, LNSP_E_LIMIT if they do not fit; decode copies. Threads: T0. */
LNSP_API int32_t lnsp_delta_save(const lnsp_delta *delta, const char *path, lnsp_error *error);
LNSP_API int32_t lnsp_delta_open(const char *path, const lnsp_options *options,
                                 lnsp_delta **out, lnsp_error *error);
LNSP_API int32_t lnsp_delta_save_memory(const lnsp_delta *delta, void *buffer, size_t capacity,
                                        size_t *bytes, lnsp_error *error);
LNSP_API int32_t lnsp_delta_open_memory(const void *data, size_t bytes,
                                        const lnsp_options *options, lnsp_delta **out,
                                        lnsp_error *error);

LNSP_API void lnsp_delta_destroy(lnsp_delta *delta);

/* ---- deltas of others: check, combine ----------------------------------- */

#define LNSP_KEY_BYTES 32      /* most bytes of a key                           */
#define LNSP_SENDER_BYTES 64   /* room for a sender's name, with its zero       */

/* Signs a delta that is to be sent: whose it is, and a number that the sender makes larger
 * with every delta, so that none is taken twice. With a key (1 to LNSP_KEY_BYTES bytes) also
 * an authentication code over the whole file, keyed BLAKE2s. sender NULL or "": none; other
 * names have 1 to 63 printable ASCII characters without blank, ", \ and ;. Replaces an earlier
 * stamp; what invert, merge and aggregate give has none. Threads: T1. */
LNSP_API int32_t lnsp_delta_stamp(lnsp_delta *delta, const char *sender, uint64_t nonce,
                                  const void *key, size_t key_bytes, lnsp_error *error);

/* Euclidean norm of result - base over all parameters, and the largest change of one, both
 * of the decoded values; either may be NULL. Allocates: a block, freed before return.
 * Threads: T0. */
LNSP_API int32_t lnsp_delta_norm(const lnsp_delta *delta, const lnsp_model *base, double *norm,
                                 double *most, const lnsp_options *options, lnsp_error *error);

/* What a received delta must keep to. Zero and NULL: not asked for. That a sender's nonce
 * has grown is a store's matter (lnsp_store_check_sender), since it must outlive a
 * rollback. */
typedef struct lnsp_delta_check_options {
  uint32_t struct_size; /* sizeof(lnsp_delta_check_options)                                 */
  uint32_t key_bytes;   /* of key; then the delta must carry the code of this key   */
  const void *key;
  double max_norm;      /* largest norm, as lnsp_delta_norm                         */
  double max_change;    /* largest change of one parameter                          */
  void *user;
  /* Is a signature over the digest (BLAKE2s-256 of the file, its digits of checksum
   * and code taken as zeros) good? 0: yes. */
  int32_t (*verify)(void *user, const uint8_t digest[LNSP_HASH_BYTES], const char *sender,
                    uint64_t nonce);
  /* Is the model that it leads to good enough, e.g. on held-out data? 0: yes. */
  int32_t (*judge)(void *user, lnsp_model *candidate);
} lnsp_delta_check_options;

/* Checks all but judge, and in any case (rules NULL) that it is of this base and leads to
 * finite values. LNSP_E_MISSING or LNSP_E_MISMATCH: the code; LNSP_E_LIMIT: a norm;
 * LNSP_E_REFUSED: verify. Allocates as lnsp_delta_norm. Threads: T0. */
LNSP_API int32_t lnsp_delta_check(const lnsp_delta *delta, const lnsp_model *base,
                                  const lnsp_delta_check_options *check_options,
                                  const lnsp_options *options, lnsp_error *error);

/* Checks, applies and asks judge (LNSP_E_REFUSED): lnsp_delta_apply for what a stranger
 * sends. Threads: T0. */
LNSP_API int32_t lnsp_delta_accept(const lnsp_delta *delta, const lnsp_model *base,
                                   const lnsp_delta_check_options *check_options,
                                   const lnsp_options *options, lnsp_model **out,
                                   lnsp_error *error);

/* One delta (codec float32) of 1 to 1,024 on one base. rule, NULL: "mean":
 *   "mean"               mean, weighted by weights (NULL: equal; each 0, or 1e-30 to 1e30),
 *                        e.g. examples of each
 *   "median"             of each element; an even number: mean of the middle two
 *   "trimmed share=.1"   mean of each element without that share of the largest and smallest,
 *                        rounded up to whole deltas as long as one stays: of 8 that is 1
 * and for each of them
 *   clip=median          a delta with a larger norm than the median's (of an even number:
 *                        the lower of the middle two) is scaled down to it
 *   clip=NUMBER          the same for this norm
 *   skip=1               a delta that is damaged, not finite or of another base is left out:
 *                        refused[i] (nullable, count of them) says why, or LNSP_OK. Without it
 *                        the first such delta fails the call, which names it.
 * A delta that is given twice counts twice, and no rule of lnsp_delta_check is applied: check
 * who sent what before. Reads all of them side by side: about 10 kB a delta's stage, no whole
 * state, from options' allocator; the result takes what measure says of "float32".
 * Threads: T0. */
LNSP_API int32_t lnsp_delta_aggregate(const lnsp_model *base, const lnsp_delta *const *deltas,
                                      const double *weights, int32_t count, const char *rule,
                                      const lnsp_options *options, int32_t *refused,
                                      lnsp_delta **out, lnsp_error *error);

/* A server's optimizer step with a delta on the trainer's present weights: the gradient is
 * minus the delta, of the tensors that it is about. "sgd lr=1" gives lnsp_delta_apply (FedAvg),
 * "adam lr=.01 betas=.9,.99 eps=1e-3" FedAdam, with Adam's correction of the first steps.
 * Gate, clip, schedule and average as in lnsp_trainer_apply; frozen tensors stay. Allocates
 * 4 bytes a parameter from the trainer's allocator (of a trainer in a block: malloc), freed
 * before return. LNSP_E_MISMATCH, with nothing changed, unless its base is the trainer's
 * present weights. Threads: T2. */
LNSP_API int32_t lnsp_trainer_step_delta(lnsp_trainer *trainer, const lnsp_delta *delta,
                                         lnsp_error *error);

/* ---- store: versions that survive power cuts ----------------------------- */

/* Where a store lies: flash, or anything that can be erased in units and programmed
 * once in between. Callbacks return 0, or anything else on failure. Reading, they are
 * never asked beyond size_bytes. A device with read alone is only read. */
typedef struct lnsp_device {
  uint32_t struct_size;   /* sizeof(lnsp_device)                                */
  uint32_t erase_bytes;   /* erase unit; a multiple of program_bytes and 16     */
  uint32_t program_bytes; /* program unit, a power of two up to 4096; each unit
                             is programmed at most once between two erases      */
  uint32_t reserved;
  uint64_t size_bytes;    /* at least four erase units                          */
  void *user;
  int32_t (*read)(void *user, uint64_t offset, void *to, size_t bytes);
  /* Whole program units, erased before. */
  int32_t (*program)(void *user, uint64_t offset, const void *from, size_t bytes);
  /* The erase unit that begins at offset: its bytes are 0xFF then. */
  int32_t (*erase)(void *user, uint64_t offset);
  /* Returns when all that was programmed and erased will survive a power cut. */
  int32_t (*sync)(void *user);
} lnsp_device;

typedef struct lnsp_store lnsp_store;

/* Zero means the default. */
typedef struct lnsp_store_options {
  uint32_t struct_size;   /* sizeof(lnsp_store_options)                        */
  int32_t snapshot_every; /* create: versions from snapshot to snapshot, 16     */
  int32_t max_senders;    /* create: who deltas are taken from, 64              */
  int32_t read_only;      /* open: 1 reads only, beside other readers; what was
                             under way when the power failed may still be lost  */
  int32_t salvage;        /* open: 1 passes over damage, and reads only         */
  uint32_t reserved;
  uint64_t size_bytes;    /* create_path: of the file, which grows up to that;
                             default 64 states, at least 4 MiB                  */
} lnsp_store_options;

/* What is written beside a version. All zero: nothing. */
typedef struct lnsp_commit_options {
  uint32_t struct_size; /* sizeof(lnsp_commit_options)                              */
  float loss;
  uint64_t time;        /* seconds since 1970, or what the caller counts        */
  const char *tag;      /* up to 39 bytes; compaction keeps tagged versions
                           longer than others                                   */
} lnsp_commit_options;

#define LNSP_VERSION_SNAPSHOT 1 /* whole                                        */
#define LNSP_VERSION_DELTA 2    /* against the newest snapshot before it        */
#define LNSP_VERSION_ROLLBACK 3 /* went back to the version from                */

typedef struct lnsp_store_version_info {
  uint32_t struct_size; /* sizeof(lnsp_store_version_info), set by the caller        */
  int32_t kind;         /* LNSP_VERSION_                                        */
  uint64_t number;      /* from 1; never given twice                            */
  uint64_t parent;        /* the version before it, or that it went back to; 0    */
  uint64_t time;
  uint64_t step;        /* steps of the trainer                                 */
  uint64_t bytes;       /* on the device                                        */
  float loss;
  int32_t current;      /* 1: the present state is this version's               */
  uint8_t hash[LNSP_HASH_BYTES]; /* of its weights, as lnsp_model_hash          */
  char tag[40];
} lnsp_store_version_info;

typedef struct lnsp_store_info {
  uint32_t struct_size; /* sizeof(lnsp_store_info), set by the caller          */
  int32_t of_trainer;   /* 1: of a trainer's states, 0: of a model's weights    */
  int32_t snapshot_every;
  int32_t damaged;      /* 1: opened with salvage, and something was passed over */
  uint64_t versions;    /* kept, rollbacks included                             */
  uint64_t newest;      /* number of the newest, 0: none yet                    */
  uint64_t state_bytes; /* of one version, as it is                             */
  uint64_t size_bytes;  /* of the device                                        */
  uint64_t used_bytes;  /* of the bank in use, which is nearly half of it       */
  uint64_t bank_bytes;
  uint64_t compactions;
} lnsp_store_info;

/* Bytes of the handle that create would make for this trainer or model (the other is
 * NULL), or with both NULL that open makes of what is on the device. Threads: T0. */
LNSP_API int32_t lnsp_store_measure(const lnsp_device *device, const lnsp_trainer *trainer,
                                    const lnsp_model *model,
                                    const lnsp_store_options *store_options, uint64_t *bytes,
                                    lnsp_error *error);

/* A new store, without versions, for states of this trainer or weights of this model (the
 * other is NULL), in place of whatever is on the device, which is copied. LNSP_E_LIMIT if
 * two versions do not fit. Threads: T1 on the trainer. */
LNSP_API int32_t lnsp_store_create_device(const lnsp_device *device,
                                          const lnsp_trainer *trainer, const lnsp_model *model,
                                          const lnsp_store_options *store_options,
                                          const lnsp_options *options, lnsp_store **out,
                                          lnsp_error *error);

/* The same in a new file, which appears whole; LNSP_E_STATE if there is one. The file is
 * locked until destroy. Allocates: a second block, beside the handle's. Threads: T1 on the
 * trainer. */
LNSP_API int32_t lnsp_store_create(const char *path, const lnsp_trainer *trainer,
                                   const lnsp_model *model,
                                   const lnsp_store_options *store_options,
                                   const lnsp_options *options, lnsp_store **out,
                                   lnsp_error *error);

/* Opens what is on a device or in a file, and finds its newest version: that of the last
 * commit that returned, or of one that was under way when the power failed.
 * LNSP_E_MISMATCH where something is damaged that good records follow: nothing is cut;
 * LNSP_E_STATE while another handle or process has the file. Threads: T0. */
LNSP_API int32_t lnsp_store_open_device(const lnsp_device *device,
                                        const lnsp_store_options *store_options,
                                        const lnsp_options *options, lnsp_store **out,
                                        lnsp_error *error);
LNSP_API int32_t lnsp_store_open(const char *path, const lnsp_store_options *store_options,
                                 const lnsp_options *options, lnsp_store **out,
                                 lnsp_error *error);

/* A new version: the trainer's whole state, or the model's weights. It will survive a
 * power cut when the call has returned. *number (nullable) is the version's. After
 * LNSP_E_IO the handle only reads. Threads: T1. */
LNSP_API int32_t lnsp_store_commit(lnsp_store *store, const lnsp_trainer *trainer,
                                   const lnsp_commit_options *commit_options, uint64_t *number,
                                   lnsp_error *error);
LNSP_API int32_t lnsp_store_commit_model(lnsp_store *store, const lnsp_model *model,
                                         const lnsp_commit_options *commit_options,
                                         uint64_t *number, lnsp_error *error);

/* Facts; and the texts: architecture 0, loss 1, optimizer 2 ("" for a model's), NULL for
 * others. Threads: T1. */
LNSP_API int32_t lnsp_store_get_info(const lnsp_store *store, lnsp_store_info *out,
                                     lnsp_error *error);
LNSP_API const char *lnsp_store_text(const lnsp_store *store, int32_t index);

/* Version number index, from the newest (0) on; LNSP_E_ARGUMENT past the oldest. Asked for
 * in order, each is one small read. Threads: T1. */
LNSP_API int32_t lnsp_store_version_at(lnsp_store *store, uint64_t index,
                                       lnsp_store_version_info *out, lnsp_error *error);

/* A version's state into a trainer of the same architecture and layout of moments, to the
 * bit (number 0: the newest version's). With the same optimizer text its learning rate
 * comes too. Checked before anything changes. Allocates: a copy of the state, freed before
 * return, from options, or as the store was. Threads: T1 on the store, T2 on the trainer. */
LNSP_API int32_t lnsp_store_load(lnsp_store *store, uint64_t number, lnsp_trainer *trainer,
                                 const lnsp_options *options, lnsp_error *error);

/* A version's weights as a new model, stored as options->storage (0: as they are).
 * Threads: T1. */
LNSP_API int32_t lnsp_store_checkout(lnsp_store *store, uint64_t number,
                                     const lnsp_options *options, lnsp_model **out,
                                     lnsp_error *error);

/* Goes back: a new version that is the version `to`, which takes a small record. Then load
 * it. Of the note only the time is kept: loss, tag and `current` stay with `to`. *number is
 * nullable. Threads: T1. */
LNSP_API int32_t lnsp_store_rollback(lnsp_store *store, uint64_t to,
                                     const lnsp_commit_options *commit_options,
                                     uint64_t *number, lnsp_error *error);

/* Reads everything: *records (nullable) good ones, or LNSP_E_MISMATCH and where.
 * Threads: T1. */
LNSP_API int32_t lnsp_store_verify(lnsp_store *store, uint64_t *records, lnsp_error *error);

/* Lets old versions go now, as a commit does when the device is full. Threads: T1. */
LNSP_API int32_t lnsp_store_compact(lnsp_store *store, lnsp_error *error);

/* Takes in a delta that somebody sent: the newest version, or the trainer's live weights
 * where one is given (a trainer's store needs one, a model's NULL), as base; the sender that
 * it is stamped with (LNSP_E_MISSING without) must not have sent its number or a higher one
 * before (LNSP_E_STATE), whatever was rolled back since; then lnsp_delta_accept with rules
 * (NULL: none), whose judge sees the candidate before anything has changed. The result is
 * adopted by the trainer and committed, in one record with the sender's number. Fails as a
 * whole or not at all. Allocates: models, freed before return. Threads: T1 on the store, T2
 * on the trainer. */
LNSP_API int32_t lnsp_store_apply(lnsp_store *store, const lnsp_delta *delta,
                                  lnsp_trainer *trainer,
                                  const lnsp_delta_check_options *check_options,
                                  const lnsp_commit_options *commit_options,
                                  const lnsp_options *options, uint64_t *number,
                                  lnsp_error *error);

/* The ledger of senders: check refuses (LNSP_E_STATE) a number that is not above all that
 * this sender has sent before; add remembers it, whatever is rolled back later.
 * Threads: T1. */
LNSP_API int32_t lnsp_store_check_sender(const lnsp_store *store, const char *sender,
                                         uint64_t number, lnsp_error *error);
LNSP_API int32_t lnsp_store_add_sender(lnsp_store *store, const char *sender, uint64_t number,
                                       lnsp_error *error);

/* Closes; a store is whole at any time. Threads: T1. */
LNSP_API void lnsp_store_destroy(lnsp_store *store);

/* ---- index: the nearest concepts ----------------------------------------- */

typedef struct lnsp_index lnsp_index;
typedef struct lnsp_search lnsp_search;

#define LNSP_NO_ID (-1) /* where fewer vectors were found than asked for */

/* What an index is made for. Zero means the default. */
typedef struct lnsp_index_options {
  uint32_t struct_size; /* sizeof(lnsp_index_options)                          */
  int32_t dtype;    /* how vectors are kept: LNSP_F32 (default), F16, or I8 with
                       a scale each; open: default as the file has them         */
  int64_t width;    /* elements of a vector, 1 to 65,536; open: default the file's */
  int64_t capacity; /* most vectors; open: default as many as the file has      */
  int32_t no_normalize;     /* 1: add keeps vectors as they are; default 0: it brings them
                       to length 1, so that scores are cosines                  */
  int32_t skip_checks;    /* open: 1 does not read the vectors through for NaN and
                       infinity, which may take a while where they are mapped; a
                       score that is NaN or -infinity is then never found       */
} lnsp_index_options;

typedef struct lnsp_index_info {
  uint32_t struct_size; /* sizeof(lnsp_index_info), set by the caller          */
  int32_t dtype;
  int64_t width;
  int64_t count;        /* vectors in it                                        */
  int64_t capacity;
  uint64_t bytes;       /* of the handle's block                                */
  int32_t borrowed;
  uint32_t reserved;
} lnsp_index_info;

/* Sizes that a search is made for. Zero means the default. */
typedef struct lnsp_search_options {
  uint32_t struct_size; /* sizeof(lnsp_search_options)                           */
  int32_t max_queries;  /* most queries a call, up to 65,536; default 1         */
  int32_t max_results;  /* most results a query, up to 65,536; default 10       */
  int32_t tasks;        /* as in lnsp_size_options                                    */
} lnsp_search_options;

/* Bytes of an index of these settings (width and capacity are needed). Threads: T0. */
LNSP_API int32_t lnsp_index_measure(const lnsp_index_options *index_options, uint64_t *bytes,
                                    lnsp_error *error);

/* An empty index. options: allocator or block, and isa. Threads: T0. */
LNSP_API int32_t lnsp_index_create(const lnsp_index_options *index_options,
                                   const lnsp_options *options, lnsp_index **out,
                                   lnsp_error *error);

/* An index from a safetensors file, copied into the handle's block: `vectors` [n, width]
 * F32, F16 or I8, used as they are; `ids` I64 [n], without which a vector's id is its
 * row; for I8 `scales` F32 [n]. Other tensors are passed over. See docs/index.md.
 * Threads: T0. */
LNSP_API int32_t lnsp_index_open(const char *path, const lnsp_index_options *index_options,
                                 const lnsp_options *options, lnsp_index **out,
                                 lnsp_error *error);
LNSP_API int32_t lnsp_index_open_file(lnsp_file *file, const lnsp_index_options *index_options,
                                      const lnsp_options *options, lnsp_index **out,
                                      lnsp_error *error);

/* The same without a copy: data is such a file's bytes, e.g. mapped, which the caller
 * keeps unchanged until the index and its searches are destroyed. Takes 1 KiB, and where
 * ids do not ascend 8 bytes a vector. add and remove are refused (LNSP_E_STATE). Tensors
 * must lie at multiples of their elements' size (LNSP_E_FORMAT), as those that
 * lnsp_index_save writes do at any address divisible by 8. Threads: T0. */
LNSP_API int32_t lnsp_index_open_borrowed(const void *data, size_t bytes,
                                          const lnsp_index_options *index_options,
                                          const lnsp_options *options, lnsp_index **out,
                                          lnsp_error *error);

/* Adds F32 vectors [n, width], any strides. ids: n of them, 0 or more, each new; NULL: the
 * numbers after the highest id. A vector of length 0 (unless kept as it is), under 1e-15
 * or over 1e15 is refused (LNSP_E_ARGUMENT). LNSP_E_LIMIT where the capacity is used up.
 * Threads: T1, and not while a search runs. */
LNSP_API int32_t lnsp_index_add(lnsp_index *index, const lnsp_tensor *vectors,
                                const int64_t *ids, lnsp_error *error);

/* Removes the vectors of these ids; LNSP_E_MISSING if one is not there. Threads: T1, and
 * not while a search runs. */
LNSP_API int32_t lnsp_index_remove(lnsp_index *index, const int64_t *ids, int64_t count,
                                   lnsp_error *error);

/* Facts. Threads: T0, but not while the index is changed. */
LNSP_API int32_t lnsp_index_get_info(const lnsp_index *index, lnsp_index_info *out,
                                     lnsp_error *error);

/* The vector of an id as it is kept, count (the width) float32; LNSP_E_MISSING.
 * Threads: T0, but not while the index is changed. */
LNSP_API int32_t lnsp_index_read(const lnsp_index *index, int64_t id, float *out, int64_t count,
                                 lnsp_error *error);

/* The ids of vectors first to first + count - 1, in the order they lie in (which remove
 * changes). Threads: T0, but not while the index is changed. */
LNSP_API int32_t lnsp_index_ids(const lnsp_index *index, int64_t first, int64_t count,
                                int64_t *ids, lnsp_error *error);

/* Writes a file that lnsp_index_open takes; with a path, whole or not at all. Allocates: a
 * small block for the writer. Threads: T0, but not while the index is changed. */
LNSP_API int32_t lnsp_index_save(const lnsp_index *index, const char *path, lnsp_error *error);
LNSP_API int32_t lnsp_index_save_sink(const lnsp_index *index, const lnsp_sink *sink,
                                      lnsp_error *error);

/* The index stays while searches on it are left. Threads: T1. */
LNSP_API void lnsp_index_destroy(lnsp_index *index);

/* Bytes of a search on an index of these settings (dtype and width). Threads: T0. */
LNSP_API int32_t lnsp_search_measure(const lnsp_index_options *index_options,
                                     const lnsp_search_options *search_options, uint64_t *bytes,
                                     lnsp_error *error);

/* Working memory to search an index, which it keeps alive: one for each thread that
 * searches at the same time. options: allocator or block, and parallel. Threads: T0. */
LNSP_API int32_t lnsp_search_create(lnsp_index *index,
                                    const lnsp_search_options *search_options,
                                    const lnsp_options *options, lnsp_search **out,
                                    lnsp_error *error);

/* The `results` vectors of the highest scores for each query, the best first, of equal
 * ones the lower id first; all are looked at. The score is the product of the vector, as
 * it is kept, with the query, brought to length 1 (for I8 in two lines of int8 codes):
 * the cosine, where vectors have length 1. Its bits do not depend on the other queries,
 * on limits, on threads, nor on the kernel set.
 *   queries  F32 [n, width], any strides; of any length but 0
 *   without  nullable: I64 [n, any], ids that are left out of a query's results; those that
 *            the index does not have, and doubles, do no harm
 *   ids      int64 [n, results]; LNSP_NO_ID past the last that was found
 *   scores   float32 [n, results]; -FLT_MAX there
 * Threads: T1 on the search, not while the index is changed. */
LNSP_API int32_t lnsp_search_run(lnsp_search *search, const lnsp_tensor *queries,
                                 const lnsp_tensor *without, int32_t results, int64_t *ids,
                                 float *scores, lnsp_error *error);

LNSP_API void lnsp_search_destroy(lnsp_search *search);

/* ---- metrics: how good predictions are ------------------------------------ */

/* Where the true candidate of one prediction came in. Frozen layout. */
typedef struct lnsp_rank {
  int64_t rank;     /* 1 + number of candidates whose score is strictly higher     */
  int64_t best_id;  /* the best candidate that is not left out; LNSP_NO_ID: none   */
  float best_score; /* its score                                                   */
  int32_t alike;    /* how many of the best candidates it takes, 1 to 10, until one
                       has a cosine above .95 with the true one; 0: more than 10,
                       and always 0 from lnsp_search_rank                          */
} lnsp_rank;

/* What many ranks have in common. All values are shares or means over the ranks. */
typedef struct lnsp_rank_info {
  uint32_t struct_size; /* sizeof(lnsp_rank_info), set by the caller               */
  uint32_t reserved;
  int64_t count;        /* ranks                                                   */
  double recall_1, recall_5, recall_10; /* R@k, also called Hit@k: rank at most k  */
  double mrr;           /* mean of 1 / rank                                        */
  double mrr_10;        /* the same, with 0 for ranks above 10                     */
  double median;        /* the lower of the middle two, where their number is even */
  double alike_1, alike_5, alike_10; /* lnsp_rank.alike is 1 to k                  */
} lnsp_rank_info;

/* Errors of predictions. Set struct_size and zero the rest, then every call adds. */
typedef struct lnsp_score_info {
  uint32_t struct_size; /* sizeof(lnsp_score_info), set by the caller              */
  uint32_t reserved;
  int64_t count;        /* vectors that were added                                 */
  double cosine, mse;   /* means over them, of the cosine with the target and of
                           the mean squared difference of the elements             */
  double cosine_sum, mse_sum; /* count times the same                              */
} lnsp_score_info;

/* Whether vectors all point the same way. */
typedef struct lnsp_collapse_info {
  uint32_t struct_size; /* sizeof(lnsp_collapse_info), set by the caller           */
  int32_t collapsed;    /* 1: median_cosine is above .95 or variance below .15     */
  double median_cosine; /* of all pairs of different rows                          */
  double variance;      /* summed over the elements: 1 - (length of the mean)^2    */
} lnsp_collapse_info;

/* Which way sequences run: nearer to the target at their end than at their start. */
typedef struct lnsp_direction_info {
  uint32_t struct_size; /* sizeof(lnsp_direction_info), set by the caller          */
  uint32_t reserved;
  int64_t rows;
  double first_cosine, last_cosine; /* mean cosine of the first and of the last
                                       concept of a context with the target        */
  double delta;         /* last_cosine - first_cosine                              */
  double coherence;     /* mean cosine of neighbours in a context                  */
} lnsp_direction_info;

/* Inner product of two vectors, summed in double in the order of the elements.
 *   a, b   float32 [width]; NULL gives 0
 * Allocates: no. Threads: T0. Since 0.2. */
LNSP_API double lnsp_metrics_dot(const float *a, const float *b, int64_t width);

/* Cosine of two vectors, each length made longer by epsilon (0: the plain cosine).
 *   a, b   float32 [width]; NULL gives 0
 * Returns 0 where a vector has the length 0. Allocates: no. Threads: T0. Since 0.2. */
LNSP_API double lnsp_metrics_cosine(const float *a, const float *b, int64_t width,
                                    double epsilon);

/* Divides each row by its length + epsilon, in place; rows of zeros stay.
 *   x   float32 [rows, width], contiguous; NULL: nothing happens
 * Allocates: no. Threads: T0. Since 0.2. */
LNSP_API void lnsp_metrics_normalize(float *x, int64_t rows, int64_t width, double epsilon);

/* The middle one of count numbers, or the mean of the middle two, as NumPy has it.
 *   x   float32 [count], which are put into another order; NULL gives 0
 * Allocates: no. Threads: T0. Since 0.2. */
LNSP_API double lnsp_metrics_median(float *x, int64_t count);

/* Ranks the true candidate of each query by inner product; give vectors of length 1 to
 * rank by cosine. Scores are float32 sums in the order of the elements, so that ranks do not
 * depend on the CPU or on the other queries.
 *   queries     F32 [n, width], contiguous
 *   candidates  F32 [m, width], contiguous; a candidate's id is its row
 *   truth       int64 [n]: id of the true candidate of each query
 *   left_out    nullable: I64 [n, any], contiguous: ids that do not take part in a query's
 *               ranking; LNSP_NO_ID fills up. The true one always takes part
 *   options     nullable: allocator or block, and progress
 *   ranks       [n]; partly written if the call fails
 * LNSP_E_NOT_FINITE where a score is NaN. Allocates: 64 * (m + width) bytes, freed before
 * return. Threads: T0. Since 0.2. */
LNSP_API int32_t lnsp_metrics_rank(const lnsp_tensor *queries, const lnsp_tensor *candidates,
                                   const int64_t *truth, const lnsp_tensor *left_out,
                                   const lnsp_options *options, lnsp_rank *ranks,
                                   lnsp_error *error);

/* R@1, R@5, R@10, MRR and the like of count ranks (at least 1). Allocates: no. Threads: T0.
 * Since 0.2. */
LNSP_API int32_t lnsp_metrics_summarize(const lnsp_rank *ranks, int64_t count,
                                        lnsp_rank_info *out, lnsp_error *error);

/* R@k: the share of count ranks that are at most k; 0 without ranks. Allocates: no.
 * Threads: T0. Since 0.2. */
LNSP_API double lnsp_metrics_recall(const lnsp_rank *ranks, int64_t count, int64_t k);

/* Adds predictions and their targets to a score.
 *   predictions, targets  F32 [n, width] or [n, concepts, width], contiguous, one shape
 *   score                 what was added before, or zeros
 * Allocates: no. Threads: T0. Since 0.2. */
LNSP_API int32_t lnsp_metrics_score(const lnsp_tensor *predictions, const lnsp_tensor *targets,
                                    lnsp_score_info *score, lnsp_error *error);

/* Share of rows whose anchor has a strictly higher cosine with the positive than with the
 * negative.
 *   anchors, positives, negatives  F32 [n, width], contiguous
 * Allocates: no. Threads: T0. Since 0.2. */
LNSP_API int32_t lnsp_metrics_triplets(const lnsp_tensor *anchors, const lnsp_tensor *positives,
                                       const lnsp_tensor *negatives, double *share,
                                       lnsp_error *error);

/* Whether predictions collapse into one direction.
 *   vectors  F32 [n, width], contiguous, n from 2 to 65,536, each of length 1
 *   options  nullable: allocator or block
 * Allocates: 2 * n * (n - 1) bytes, freed before return. Threads: T0. Since 0.2. */
LNSP_API int32_t lnsp_metrics_collapse(const lnsp_tensor *vectors, const lnsp_options *options,
                                       lnsp_collapse_info *out, lnsp_error *error);

/* Which way contexts run with regard to their targets.
 *   contexts  F32 [n, concepts, width], contiguous
 *   targets   F32 [n, width], contiguous
 * Allocates: no. Threads: T0. Since 0.2. */
LNSP_API int32_t lnsp_metrics_direction(const lnsp_tensor *contexts, const lnsp_tensor *targets,
                                        lnsp_direction_info *out, lnsp_error *error);

/* ---- order: which rows a step takes ---------------------------------------- */

/* The order of an epoch, a function of seed and epoch alone: Fisher and Yates' shuffle with
 * splitmix64, as `lnsp train --shuffle` has it.
 *   epoch   counts from 0
 *   order   int32 [rows]: each number from 0 to rows - 1 once
 *   rows    1 to 2^31 - 1
 * Allocates: no. Threads: T0. Since 0.2. */
LNSP_API int32_t lnsp_order_shuffle(uint64_t seed, uint64_t epoch, int64_t rows, int32_t *order,
                                    lnsp_error *error);

/* Draws each row with the same probability, independently (Poisson sampling, as privacy
 * needs it), a function of seed and step alone, as `lnsp train --poisson` does.
 *   step      counts calls of the trainer from 0
 *   share     probability of a row, above 0 and at most 1
 *   rows      1 to 2^31 - 1
 *   order     int32 [capacity]: the rows that were drawn, ascending
 *   capacity  most rows that are taken; later ones are left out. rows * share
 *             + 8 * sqrt(rows * share) + 8 is exceeded less than once in 10^12 steps
 *   count     rows that were drawn; may be 0
 * Allocates: no. Threads: T0. Since 0.2. */
LNSP_API int32_t lnsp_order_draw(uint64_t seed, uint64_t step, double share, int64_t rows,
                                 int32_t *order, int64_t capacity, int64_t *count,
                                 lnsp_error *error);

/* ---- judging a model, ranks through an index -------------------------------- */

/* Runs a model on rows and adds the errors of its "output" to a score; rows may be more than
 * the session was made for, and are then run in parts.
 *   inputs   "input" or "ids", and "mask", as for lnsp_session_run; any number of rows
 *   target   F32, the shape of the output, contiguous
 *   options  nullable: allocator or block
 *   score    what was added before, or zeros; unchanged if the call fails
 * Allocates: the outputs of one part, freed before return. Threads: T1. Since 0.2. */
LNSP_API int32_t lnsp_session_score(lnsp_session *session, const lnsp_tensor *inputs,
                                    int32_t input_count, const lnsp_tensor *target,
                                    const lnsp_options *options, lnsp_score_info *score,
                                    lnsp_error *error);

/* Ranks the true vector of each query among all vectors of an index, by the scores that
 * lnsp_search_run finds them by.
 *   queries   as in lnsp_search_run, at most max_queries of them
 *   truth     int64 [n]: ids; LNSP_E_MISSING if the index does not have one
 *   left_out  nullable: I64 [n, any], ids that do not take part in a query's ranking; the true
 *             one always does
 *   ranks     [n]; best_id is an id of the index, alike is 0
 * Allocates: no. Threads: T1 on the search, not while the index is changed. Since 0.2. */
LNSP_API int32_t lnsp_search_rank(lnsp_search *search, const lnsp_tensor *queries,
                                  const int64_t *truth, const lnsp_tensor *left_out,
                                  lnsp_rank *ranks, lnsp_error *error);

/* ---- what a training loop asks ---------------------------------------------- */

/* Tells a trainer with schedule=plateau a held-out value, the lower the better, e.g. what
 * lnsp_trainer_validate gave. When more than patience values in a row were not below
 * best * (1 - threshold), the learning rate is multiplied by factor, as PyTorch's
 * ReduceLROnPlateau does. NaN counts as no better.
 *   fell   nullable: 1 if the rate fell, else 0
 * LNSP_E_STATE with another schedule. The state of the plateau is part of the trainer's.
 * Allocates: no. Threads: T1. Since 0.2. */
LNSP_API int32_t lnsp_trainer_report(lnsp_trainer *trainer, double value, int32_t *fell,
                                     lnsp_error *error);

/* Early stopping; the caller keeps it. Zero it and set what the first lines say. */
typedef struct lnsp_early_stop {
  uint32_t struct_size; /* sizeof(lnsp_early_stop)                                 */
  int32_t rises;        /* 1: higher values are better; 0: lower ones              */
  int64_t patience;     /* values in a row without a better one that end training;
                           0: none do                                              */
  double best;          /* of the reported values                                  */
  int64_t reports, bad; /* values so far; since the best one                       */
} lnsp_early_stop;

/* Takes a value. Returns 1 if it is the best so far, so that the weights are worth keeping;
 * equal ones and NaN are not. Allocates: no. Threads: T1 on the struct. Since 0.2. */
LNSP_API int32_t lnsp_early_stop_report(lnsp_early_stop *stop, double value);

/* 1 once patience values in a row were not better. Allocates: no. Threads: T1 on the struct.
 * Since 0.2. */
LNSP_API int32_t lnsp_early_stop_over(const lnsp_early_stop *stop);

/* Multiply-add operations of one call of lnsp_trainer_step, times two: forward, and twice as
 * many backward, of rows rows of concepts concepts in each of the network's runs (three for a
 * triplet) and of the vectors that a replay term draws. 0 for numbers that the trainer does
 * not take. Allocates: no. Threads: T0. Since 0.2. */
LNSP_API int64_t lnsp_trainer_flops(const lnsp_trainer *trainer, int64_t rows,
                                    int64_t concepts);

/* lnsp_trainer_save and lnsp_trainer_save_sink with metadata of the caller's own, which
 * lnsp_file_metadata reads from the file: where in the data a run is, what it was asked for.
 *   pairs       up to 64, copied into the file; NULL where pair_count is 0
 *   pair_count  number of pairs
 * LNSP_E_ARGUMENT for keys that begin with "lnsp.", for "format", and for NULL. Allocates: a
 * small block for the writer. Threads: T1. Since 0.2. */
LNSP_API int32_t lnsp_trainer_save_metadata(const lnsp_trainer *trainer, const char *path,
                                            int32_t what, const lnsp_key_value *pairs,
                                            int32_t pair_count, lnsp_error *error);
LNSP_API int32_t lnsp_trainer_save_metadata_sink(const lnsp_trainer *trainer,
                                                 const lnsp_sink *sink, int32_t what,
                                                 const lnsp_key_value *pairs,
                                                 int32_t pair_count, lnsp_error *error);

/* ---- reservoir: past pairs to train on again -------------------------------- */

typedef struct lnsp_reservoir lnsp_reservoir;

/* What a reservoir is made for. */
typedef struct lnsp_reservoir_options {
  uint32_t struct_size; /* sizeof(lnsp_reservoir_options)                          */
  int32_t dtype;        /* of the elements of an item; 0: LNSP_F32                 */
  int64_t width;        /* elements of an item, e.g. of a context and its target   */
  int64_t capacity;     /* items that are kept                                     */
  uint64_t seed;        /* of all choices                                          */
} lnsp_reservoir_options;

typedef struct lnsp_reservoir_info {
  uint32_t struct_size; /* sizeof(lnsp_reservoir_info), set by the caller          */
  int32_t dtype;
  int64_t width, capacity;
  int64_t count;        /* items that are kept now                                 */
  int64_t seen;         /* items that were added                                   */
  uint64_t bytes;       /* of the handle's block                                   */
} lnsp_reservoir_info;

/* Bytes of a reservoir. Allocates: no. Threads: T0. Since 0.2. */
LNSP_API int32_t lnsp_reservoir_measure(const lnsp_reservoir_options *settings, uint64_t *bytes,
                                        lnsp_error *error);

/* An empty reservoir: a random sample of all items that will be added, in which each has the
 * same probability of being (algorithm R).
 *   options  nullable: allocator or block
 * Allocates: one block. Threads: T0. Since 0.2. */
LNSP_API int32_t lnsp_reservoir_create(const lnsp_reservoir_options *settings,
                                       const lnsp_options *options, lnsp_reservoir **out,
                                       lnsp_error *error);

/* Adds items, one after the other.
 *   items  [count, width] of the reservoir's dtype, contiguous
 * Allocates: no. Threads: T1. Since 0.2. */
LNSP_API int32_t lnsp_reservoir_add(lnsp_reservoir *reservoir, const void *items, int64_t count,
                                    lnsp_error *error);

/* Draws kept items at random, independently: the same one may come twice.
 *   out  [count, width] of the reservoir's dtype, contiguous
 * LNSP_E_STATE if the reservoir is empty. Allocates: no. Threads: T1. Since 0.2. */
LNSP_API int32_t lnsp_reservoir_sample(lnsp_reservoir *reservoir, int64_t count, void *out,
                                       lnsp_error *error);

/* Copies kept items number first to first + count - 1 out.
 *   out  [count, width] of the reservoir's dtype, contiguous
 * Allocates: no. Threads: T1. Since 0.2. */
LNSP_API int32_t lnsp_reservoir_read(const lnsp_reservoir *reservoir, int64_t first,
                                     int64_t count, void *out, lnsp_error *error);

/* Facts. Allocates: no. Threads: T1. Since 0.2. */
LNSP_API int32_t lnsp_reservoir_get_info(const lnsp_reservoir *reservoir,
                                         lnsp_reservoir_info *out, lnsp_error *error);

/* Writes the items and the state of the choices as a safetensors file, whole or not at all,
 * and reads them back: what is added and drawn then is what it would have been without.
 * Allocates: a small block; open: also the handle's. Threads: T1; open: T0. Since 0.2. */
LNSP_API int32_t lnsp_reservoir_save(const lnsp_reservoir *reservoir, const char *path,
                                     lnsp_error *error);
LNSP_API int32_t lnsp_reservoir_open(const char *path, const lnsp_options *options,
                                     lnsp_reservoir **out, lnsp_error *error);
LNSP_API int32_t lnsp_reservoir_open_file(lnsp_file *file, const lnsp_options *options,
                                          lnsp_reservoir **out, lnsp_error *error);

/* Frees. Threads: T1. Since 0.2. */
LNSP_API void lnsp_reservoir_destroy(lnsp_reservoir *reservoir);

#ifdef __cplusplus
}
#endif
#endif /* LNSP_H */
