/* Deltas of two model files: bytes, times and working memory of each codec. */
#define _POSIX_C_SOURCE 200809L
#include "delta.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lnsp.h"

#define DELTA_TEXT 160

/* An allocator that remembers the most bytes that it had given at a time. */
typedef struct counter {
  uint64_t now, most;
} counter;

static void *counter_allocate(void *user, size_t bytes) {
  counter *c = user;
  c->now += bytes;
  if (c->now > c->most) c->most = c->now;
  return aligned_alloc(64, (bytes + 63) / 64 * 64);
}

static void counter_release(void *user, void *block, size_t bytes) {
  ((counter *)user)->now -= bytes;
  free(block);
}

typedef struct delta_row {
  double encode_ms, decode_ms; /* least times */
  uint64_t file_bytes, encode_bytes, decode_bytes; /* memory beside the two states */
} delta_row;

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

/* Once from two models to the bytes of a file, and once from these to the new model. */
static int32_t delta_once(const lnsp_model *base, const lnsp_model *next, const char *codec,
                          delta_row *row, lnsp_error *error) {
  counter encode = {0, 0}, decode = {0, 0};
  lnsp_allocator allocator = {sizeof allocator, &encode, counter_allocate, counter_release};
  lnsp_options options = LNSP_OPTIONS_INIT;
  lnsp_delta *sent = NULL, *received = NULL;
  lnsp_model *result = NULL;
  lnsp_memory_info memory = LNSP_MEMORY_INFO_INIT;
  size_t bytes = 0;
  void *file = NULL;
  double start = now_ms(), ms;
  int32_t status;

  options.allocator = &allocator;
  status = lnsp_delta_create(base, next, codec, &options, &sent, error);
  if (!status) (void)lnsp_delta_save_memory(sent, NULL, 0, &bytes, error);
  if (!status && (file = malloc(bytes)) == NULL) status = LNSP_E_MEMORY;
  if (!status) status = lnsp_delta_save_memory(sent, file, bytes, &bytes, error);
  ms = now_ms() - start;
  row->encode_ms = row->encode_ms > 0 && row->encode_ms < ms ? row->encode_ms : ms;
  row->encode_bytes = encode.most;
  row->file_bytes = bytes;
  lnsp_delta_destroy(sent);
  allocator.user = &decode;
  start = now_ms();
  if (!status) status = lnsp_delta_open_memory(file, bytes, &options, &received, error);
  if (!status) status = lnsp_delta_apply(received, base, &options, &result, error);
  ms = now_ms() - start;
  row->decode_ms = row->decode_ms > 0 && row->decode_ms < ms ? row->decode_ms : ms;
  if (!status) status = lnsp_model_measure(lnsp_model_graph(result), &memory, error);
  row->decode_bytes = decode.most > memory.total_bytes ? decode.most - memory.total_bytes : 0;
  lnsp_model_destroy(result);
  lnsp_delta_destroy(received);
  free(file);
  return status;
}

static int delta_line(const lnsp_model *base, const lnsp_model *next, const char *codec,
                      double seconds) {
  const double dense = 4. * (double)lnsp_graph_parameter_count(lnsp_model_graph(base));
  const double start = now_ms();
  lnsp_error error;
  delta_row row;

  memset(&row, 0, sizeof row);
  do {
    if (delta_once(base, next, codec, &row, &error)) {
      fprintf(stderr, "lnsp-bench: %s: %s\n", codec, error.message);
      return 1;
    }
  } while (now_ms() - start < 1e3 * seconds);
  printf("%-28s %10llu %7.2f %9.2f %9.2f %12llu %12llu\n", codec,
         (unsigned long long)row.file_bytes, dense / (double)row.file_bytes, row.encode_ms,
         row.decode_ms, (unsigned long long)row.encode_bytes,
         (unsigned long long)row.decode_bytes);
  fflush(stdout);
  return 0;
}

int delta_print(const char *base_path, const char *next_path, const char *codecs,
                double seconds) {
  lnsp_model *base = NULL, *next = NULL;
  lnsp_error error;
  const char *name;
  int32_t i;
  int status = 0;

  if (lnsp_model_open(base_path, NULL, &base, &error) ||
      lnsp_model_open(next_path, NULL, &next, &error)) {
    fprintf(stderr, "lnsp-bench: %s: %s\n", base ? next_path : base_path, error.message);
    lnsp_model_destroy(base);
    return 1;
  }
  printf("# %-26s %10s %7s %9s %9s %12s %12s\n", "codec", "bytes", "ratio", "encode_ms",
         "decode_ms", "encode_bytes", "decode_bytes");
  for (i = 0; !codecs && !status && (name = lnsp_list_name(LNSP_LIST_CODECS, i)); i++)
    status = delta_line(base, next, name, seconds);
  while (codecs && *codecs && !status) {
    char text[DELTA_TEXT];
    const size_t length = strcspn(codecs, ";");
    snprintf(text, sizeof text, "%.*s", (int)length, codecs);
    codecs += length + (codecs[length] == ';');
    status = delta_line(base, next, text, seconds);
  }
  lnsp_model_destroy(next);
  lnsp_model_destroy(base);
  return status;
}
