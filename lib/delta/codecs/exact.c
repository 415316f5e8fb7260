/* The exact codec: XOR of the float bits of every tensor that changed, row-major,
 * in canonical order. A float difference would not do: w + (new - w) is not
 * always new. */
#include "base/problem.h"
#include "delta/codecs/list.h"
#include "run/state.h"

/* Packed tensors of one type are compared with their padding, which is zero in both. */
static int exact_differs(const lnsp_model *base, const lnsp_model *next, int32_t index) {
  const lnspi_weight *a = &base->graph->weights[index], *b = &next->graph->weights[index];
  int64_t rows = lnspi_weight_rows(a), columns = lnspi_weight_columns(a);
  if (a->type == b->type)
    return memcmp((const uint8_t *)base->state + a->at, (const uint8_t *)next->state + b->at,
                  (size_t)a->bytes) != 0;
  for (int64_t r = 0; r < rows; r++)
    for (int64_t c = 0; c < columns; c++)
      if (lnspi_float_bits(lnspi_state_value(a, base->state, r, c)) !=
          lnspi_float_bits(lnspi_state_value(b, next->state, r, c)))
        return 1;
  return 0;
}

static uint64_t exact_measure(const lnsp_model *base, const lnsp_model *next,
                              uint8_t *changed) {
  uint64_t words = 0;
  for (int32_t i = 0; i < base->graph->weight_count; i++) {
    changed[i] = (uint8_t)exact_differs(base, next, i);
    if (changed[i]) words += (uint64_t)base->graph->weights[i].count;
  }
  return words;
}

static void exact_encode(const lnsp_model *base, const lnsp_model *next,
                         const uint8_t *changed, uint32_t *payload, float *row) {
  for (int32_t i = 0; i < base->graph->weight_count; i++) {
    const lnspi_weight *weight = &base->graph->weights[i];
    int64_t rows = lnspi_weight_rows(weight), columns = lnspi_weight_columns(weight);
    if (!changed[i]) continue;
    for (int64_t r = 0; r < rows; r++, payload += columns) {
      lnspi_state_read(weight, base->state, r, 1, row);
      memcpy(payload, row, (size_t)columns * sizeof(float));
      lnspi_state_read(&next->graph->weights[i], next->state, r, 1, row);
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

static int32_t exact_apply(const lnsp_model *base, const uint8_t *changed,
                           const uint32_t *payload, lnsp_model *result, float *row,
                           lnsp_problem *problem) {
  for (int32_t i = 0; i < base->graph->weight_count; i++) {
    const lnspi_weight *from = &base->graph->weights[i], *to = &result->graph->weights[i];
    int64_t rows = lnspi_weight_rows(from), columns = lnspi_weight_columns(from);
    for (int64_t r = 0; r < rows; r++) {
      lnspi_state_read(from, base->state, r, 1, row);
      for (int64_t c = 0; c < columns && changed[i]; c++)
        row[c] = lnspi_bits_float(lnspi_float_bits(row[c]) ^ payload[c]);
      if (changed[i]) payload += columns;
      int32_t status = lnspi_state_store(to, result->state, r, row, problem);
      if (status != LNSP_OK) return status;
    }
  }
  return LNSP_OK;
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
