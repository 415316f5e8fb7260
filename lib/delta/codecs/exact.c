/* The exact codec: XOR of the float bits of every tensor that changed, row-major,
 * in canonical order. A float difference would not do: w + (new - w) is not
 * always new. */
#include "base/problem.h"
#include "delta/codecs/list.h"
#include "run/state.h"

/* Packed tensors are compared with their padding, which is zero in both. */
static uint64_t exact_measure(const lnsp_graph *graph, const void *base, const void *next,
                              uint8_t *changed) {
  uint64_t words = 0;
  for (int32_t i = 0; i < graph->weight_count; i++) {
    const lnspi_weight *weight = &graph->weights[i];
    changed[i] = memcmp((const uint8_t *)base + weight->at, (const uint8_t *)next + weight->at,
                        (size_t)weight->bytes) != 0;
    if (changed[i]) words += (uint64_t)weight->count;
  }
  return words;
}

static void exact_encode(const lnsp_graph *graph, const uint8_t *changed, const void *base,
                         const void *next, uint32_t *payload, float *row) {
  for (int32_t i = 0; i < graph->weight_count; i++) {
    const lnspi_weight *weight = &graph->weights[i];
    int64_t rows = lnspi_weight_rows(weight), columns = lnspi_weight_columns(weight);
    if (!changed[i]) continue;
    for (int64_t r = 0; r < rows; r++, payload += columns) {
      lnspi_state_read(weight, base, r, 1, row);
      memcpy(payload, row, (size_t)columns * sizeof(float));
      lnspi_state_read(weight, next, r, 1, row);
      for (int64_t c = 0; c < columns; c++) payload[c] ^= lnspi_float_bits(row[c]);
    }
  }
}

static int32_t exact_check(const lnsp_graph *graph, const uint8_t *changed,
                           const uint32_t *payload, uint64_t words, lnsp_problem *problem) {
  uint64_t needed = 0;
  (void)payload; /* any bits are a difference; apply checks what comes out */
  for (int32_t i = 0; i < graph->weight_count; i++)
    if (changed[i]) needed += (uint64_t)graph->weights[i].count;
  if (needed != words)
    return lnspi_fail(problem, LNSP_E_SHAPE, "payload",
                      "the payload has %llu words, but its tensors have %llu parameters",
                      (unsigned long long)words, (unsigned long long)needed);
  return LNSP_OK;
}

static int64_t exact_count(const uint32_t *payload, uint64_t words) {
  int64_t count = 0;
  for (uint64_t i = 0; i < words; i++) count += payload[i] != 0;
  return count;
}

/* The payload goes into the result's packed places, then the base over it: a
 * tensor that did not change is XORed with zero. */
static void exact_apply(const lnsp_graph *graph, const uint8_t *changed, const void *base,
                        const uint32_t *payload, void *result) {
  const float *from = base;
  float *to = result;
  for (int32_t i = 0; i < graph->weight_count; i++) {
    const lnspi_weight *weight = &graph->weights[i];
    if (!changed[i]) continue;
    lnspi_state_write(weight, result, 0, lnspi_weight_rows(weight),
                      (const float *)(const void *)payload);
    payload += weight->count;
  }
  for (int64_t i = 0; i < graph->state_floats; i++)
    to[i] = lnspi_bits_float(lnspi_float_bits(to[i]) ^ lnspi_float_bits(from[i]));
}

/* XOR leads both ways. */
static void exact_invert(uint32_t *payload, uint64_t words) {
  (void)payload;
  (void)words;
}

const lnspi_codec lnspi_codec_exact = {
    .name = "exact",
    .help = "exact: XOR of the bits of every tensor that changed; apply gives the same bits",
    .exact = 1,
    .measure = exact_measure,
    .encode = exact_encode,
    .check = exact_check,
    .count = exact_count,
    .apply = exact_apply,
    .invert = exact_invert,
};
