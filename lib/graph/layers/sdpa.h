/* Scaled dot-product attention, the core of every attention: for each head of each sequence,
 * softmax weights of the keys that a query sees, and the sum of the values by them.
 *
 * Which keys a query sees is a matter of indices (lnspi_sdpa_pattern) and of the mask. Keys
 * that it does not see are skipped as if they were not there. The usual way, to add minus
 * infinity to their scores, would compute with them, and sums of a padded sequence would be
 * grouped in another way than those of a short one: here both give the same bits. A query that
 * sees no key gives zeros, where softmax of nothing would be NaN. */
#ifndef LNSPI_GRAPH_LAYERS_SDPA_H
#define LNSPI_GRAPH_LAYERS_SDPA_H

#include "graph/layer.h"

typedef struct lnspi_sdpa {
  const lnspi_kernels *k;
  int64_t batch, queries, keys; /* queries and keys of a sequence */
  int64_t heads, head, value_head; /* head, value_head: width of one */
  lnspi_sdpa_pattern pattern;
  float factor; /* of the scores: 1 / sqrt(head) */
  const uint8_t *mask; /* NULL, or of the keys */
  int64_t mask_ld;
  const float *added; /* NULL, or [pattern.added, pattern.added] */
  const float *q, *key, *v; /* rows of all heads */
  float *o; /* forward adds to it */
  int64_t q_ld, key_ld, v_ld, o_ld;
  float *w; /* [batch, heads, queries, keys]: those seen come first in a row */
  /* backward: dq may be d, dkey may be key, dv may be v. Written in their widths. */
  const float *d;
  float *dq, *dkey, *dv;
  float *scratch; /* queries * keys */
} lnspi_sdpa;

/* Reads causal=, window=, added= and the size that goes with added. slot is that of the tensor
 * that is added, memory the number of the input with the keys. */
void lnspi_sdpa_pattern_define(lnspi_builder *b, lnspi_node *node, lnspi_sdpa_pattern *pattern,
                               int32_t slot, int32_t memory);

/* The size comes first, after the inputs; the keys come with the others. */
void lnspi_sdpa_pattern_write_size(lnspi_sdpa_pattern pattern, lnspi_text *text);
void lnspi_sdpa_pattern_write(const lnsp_graph *graph, const lnspi_node *node,
                              lnspi_sdpa_pattern pattern, int32_t slot, lnspi_text *text);

/* Pairs of a query and a key that it sees, without a mask. */
int64_t lnspi_sdpa_pattern_pairs(lnspi_sdpa_pattern pattern, int64_t queries, int64_t keys);
void lnspi_sdpa_forward(const lnspi_sdpa *a);
void lnspi_sdpa_backward(const lnspi_sdpa *a);

#endif
