/* The layers of transformers under PyTorch's tensor names, as lines for the builder. The
 * value `from` goes in, h comes out; a, f, l, n and q are used between. */
#ifndef LNSPI_GRAPH_ARCH_TRANSFORMER_BLOCK_H
#define LNSPI_GRAPH_ARCH_TRANSFORMER_BLOCK_H

#include <stdint.h>

#include "graph/layer.h"

typedef struct lnspi_transformer_block {
  const char *stem;  /* layer 0 has the tensors STEM.0.self_attn.in_proj_weight, ... */
  int64_t d, ff;
  int32_t heads, norm_first;
  const char *act;   /* of the feed-forward part */
  const char *pattern; /* further keys of attentions, as " causal=1" */
  float dropout;
} lnspi_transformer_block;

/* Reads heads=, layers=, ff= and dropout= after d and stem are set; ff is 4 d unless said
 * otherwise. Returns how many layers there are. */
int32_t lnspi_transformer_block_read(lnspi_builder *builder, lnspi_transformer_block *block,
                                     int32_t layers);

/* TransformerEncoderLayer number index. last: h is what becomes of the last concept only,
 * which is all that counts where nothing else is looked at afterwards; pattern must then not
 * have a window. */
void lnspi_transformer_block_encoder(lnspi_builder *builder,
                                     const lnspi_transformer_block *block, int32_t index,
                                     const char *from, int32_t last);

/* TransformerDecoderLayer; memory: the value that it looks at. Norms come last. */
void lnspi_transformer_block_decoder(lnspi_builder *builder,
                                     const lnspi_transformer_block *block, int32_t index,
                                     const char *from, const char *memory, int32_t last);

#endif
