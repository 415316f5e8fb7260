/* Shared by tests of model and state files: saving a trainer, and changing the
 * file's values and metadata as damage or malice would. */
#ifndef TESTS_STATE_EDIT_H
#define TESTS_STATE_EDIT_H

#include "support.h"

static inline support_bytes state_save(const lnsp_trainer *trainer, int32_t what) {
  support_bytes bytes;
  lnsp_sink sink = support_sink(&bytes);
  CHECK_OK(lnsp_trainer_save_sink(trainer, &sink, what, &support_error));
  return bytes;
}

/* Opens a trainer from bytes; the status, *out NULL on failure. */
static inline int32_t state_open(const support_bytes *bytes, const char *loss,
                                 const char *optimizer, const lnsp_size_options *limits,
                                 lnsp_trainer **out) {
  lnsp_file *file = NULL;
  *out = NULL;
  memset(&support_error, 0, sizeof support_error);
  int32_t status = lnsp_file_open_memory(bytes->data, bytes->size, NULL, &file, &support_error);
  if (!status)
    status = lnsp_trainer_open_file(file, loss, optimizer, limits, NULL, out, &support_error);
  lnsp_file_destroy(file);
  CHECK((status == LNSP_OK) == (*out != NULL));
  CHECK(status == LNSP_OK || support_error.message[0]);
  return status;
}

/* Where the float values of a tensor lie in the file, and how many. */
static inline unsigned char *state_values(const support_bytes *bytes, const char *name,
                                          int64_t *count) {
  char key[128];
  unsigned long long header = 0, from = 0, to = 0;
  for (int i = 7; i >= 0; i--) header = header << 8 | bytes->data[i];
  snprintf(key, sizeof key, "\"%s\":", name);
  const char *at = strstr((const char *)bytes->data + 8, key);
  if (at) at = strstr(at, "\"data_offsets\":[");
  CHECK_SAY(at && sscanf(at, "\"data_offsets\":[%llu,%llu]", &from, &to) == 2, "no tensor %s",
            name);
  *count = (int64_t)(to - from) / 4;
  return bytes->data + 8 + header + from;
}

static inline void state_fill(const support_bytes *bytes, const char *name, float value) {
  int64_t count;
  unsigned char *at = state_values(bytes, name, &count);
  for (int64_t i = 0; i < count; i++) memcpy(at + 4 * i, &value, 4);
}

/* A copy with one metadata key changed (value NULL: left out), one tensor left out,
 * and tensors whose names begin with from renamed to begin with to instead. */
typedef struct state_change {
  const char *key, *value, *without, *from, *to;
} state_change;

static inline support_bytes state_rewrite(const support_bytes *bytes, state_change change) {
  enum { MOST = 2048, PAIRS = 16 };
  static char names[MOST][128];
  static lnsp_tensor tensors[MOST];
  static const char *olds[MOST];
  support_bytes out;
  lnsp_sink sink = support_sink(&out);
  lnsp_tensor info;
  lnsp_key_value pairs[PAIRS + 1], pair;
  int32_t count = 0, pair_count = 0;
  lnsp_file *file = NULL;
  lnsp_writer *writer = NULL;
  CHECK_OK(lnsp_file_open_memory(bytes->data, bytes->size, NULL, &file, &support_error));
  for (int32_t i = 0; i < lnsp_file_tensor_count(file) && count < MOST; i++) {
    lnsp_file_tensor_at(file, i, &info, NULL);
    if (change.without && !strcmp(change.without, info.name)) continue;
    size_t skip = change.from ? strlen(change.from) : 0;
    int renamed = change.from && !strncmp(info.name, change.from, skip);
    snprintf(names[count], sizeof names[count], "%s%s", renamed ? change.to : "",
             info.name + (renamed ? skip : 0));
    olds[count] = info.name;
    tensors[count] = info;
    tensors[count].name = names[count];
    count++;
  }
  for (int32_t i = 0; lnsp_file_metadata_at(file, i, &pair, NULL) == LNSP_OK; i++)
    if (pair_count < PAIRS && (!change.key || strcmp(change.key, pair.key) != 0))
      pairs[pair_count++] = pair;
  if (change.key && change.value) {
    pairs[pair_count].key = change.key;
    pairs[pair_count++].value = change.value;
  }
  CHECK_OK(lnsp_writer_create_sink(&sink, tensors, count, pairs, pair_count, NULL, &writer,
                                   &support_error));
  for (int32_t i = 0; i < count; i++) {
    int64_t n = tensors[i].dims[0] * (tensors[i].rank > 1 ? tensors[i].dims[1] : 1);
    float *values = malloc((size_t)n * sizeof(float));
    CHECK_OK(lnsp_file_read(file, olds[i], 0, n, LNSP_F32, values, &support_error));
    CHECK_OK(lnsp_writer_write(writer, values, (size_t)n * 4, &support_error));
    free(values);
  }
  CHECK_OK(lnsp_writer_close(writer, &support_error));
  lnsp_writer_destroy(writer);
  lnsp_file_destroy(file);
  return out;
}

#endif
