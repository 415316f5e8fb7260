/* The core of every attention: for each head of each sequence, weights of the keys that a
 * query sees, and the sum of the values by them. Which keys those are, is a matter of
 * indices: i sees j if j <= i (causal), |i - j| <= window (window >= 0), and the mask
 * keeps j. Others are skipped as if they were not there, so that a shorter sequence gives
 * the same bits. A query that sees none gives zeros. */
#ifndef LNSPI_GRAPH_LAYERS_ATTEND_H
#define LNSPI_GRAPH_LAYERS_ATTEND_H

#include "graph/builder.h"
#include "graph/layer.h"

/* Which keys: as node->number[from ...] holds it, LNSPI_SIGHT_NUMBERS entries. */
#define LNSPI_SIGHT_NUMBERS 3
typedef struct lnspi_sight {
  int32_t causal, window; /* window: -1 for none */
  int32_t added;          /* queries and keys of the tensor that is added to the scores, or 0 */
} lnspi_sight;

typedef struct lnspi_attend {
  const lnspi_kernels *k;
  int64_t batch, queries, keys; /* queries and keys of a sequence */
  int64_t heads, head, value_head; /* head, value_head: width of one */
  lnspi_sight sight;
  float factor; /* of the scores: 1 / sqrt(head) */
  const uint8_t *mask; /* NULL, or of the keys */
  int64_t mask_ld;
  const float *added; /* NULL, or [sight.added, sight.added] */
  const float *q, *key, *v; /* rows of all heads */
  float *o; /* forward adds to it */
  int64_t q_ld, key_ld, v_ld, o_ld;
  float *w; /* [batch, heads, queries, keys]: those seen come first in a row */
  /* backward: dq may be d, dkey may be key, dv may be v. Written in their widths. */
  const float *d;
  float *dq, *dkey, *dv;
  float *scratch; /* queries * keys */
} lnspi_attend;

/* Reads causal=, window=, added= and the size that goes with added. query and memory are
 * input numbers; slot is that of the tensor. */
void lnspi_sight_define(lnspi_builder *b, lnspi_node *node, int32_t from, int32_t slot,
                        int32_t memory);
lnspi_sight lnspi_sight_of(const lnspi_node *node, int32_t from);
/* The size comes first, after the inputs; the keys come with the others. */
size_t lnspi_sight_write_size(const lnspi_node *node, int32_t from, char *to, size_t capacity,
                              size_t used);
size_t lnspi_sight_write(const lnsp_graph *graph, const lnspi_node *node, int32_t from,
                         int32_t slot, char *to, size_t capacity, size_t used);
/* Pairs of a query and a key that it sees, without a mask. */
int64_t lnspi_sight_pairs(lnspi_sight sight, int64_t queries, int64_t keys);

void lnspi_attend_forward(const lnspi_attend *a);
void lnspi_attend_backward(const lnspi_attend *a);

#endif
