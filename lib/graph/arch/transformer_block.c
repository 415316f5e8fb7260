/* Transformer layers of torch.nn, as lines: see transformer_block.h.
 *
 * The last layer of a network whose result is one vector computes only the last concept: its
 * query is one row (`last`), while keys and values still come from all. Nothing would read the
 * other rows of that layer, and leaving them out also spares their feed-forward parts. */
#include "graph/arch/transformer_block.h"

#include "graph/arch/arch.h"
#include "graph/arg.h"
#include "graph/builder.h"

int32_t lnspi_transformer_block_read(lnspi_builder *b, lnspi_transformer_block *block,
                                     int32_t layers) {
  char name[LNSPI_NAME_BYTES];
  lnspi_format(name, sizeof name, "%s.%%d.linear1.weight", block->stem);
  layers = lnspi_arch_layers(b, "layers", name, layers);
  lnspi_format(name, sizeof name, "%s.0.linear1.weight", block->stem);
  block->ff = lnspi_arg_file_width(b, "ff", name, 0, 4 * block->d);
  block->heads = lnspi_arch_heads(b, block->d, 1);
  block->dropout = lnspi_arch_dropout(b);
  return layers;
}

/* a = attention of x to memory ("" : x itself); h = base + a. */
static void transformer_block_attention(lnspi_builder *b, const lnspi_transformer_block *block,
                                        int32_t index, const char *base, const char *x,
                                        const char *memory, const char *name,
                                        const char *pattern) {
  LNSPI_LINE(b, "a = attention %s %s heads=%d w=%s.%d.%s%s", x, memory, block->heads,
             block->stem, index, name, pattern);
  lnspi_arch_drop(b, "a", block->dropout);
  LNSPI_LINE(b, "h = add %s a", base);
}

static void transformer_block_feed(lnspi_builder *b, const lnspi_transformer_block *block,
                                   int32_t index, const char *from) {
  LNSPI_LINE(b, "f = linear %s %lld w=%s.%d.linear1", from, (long long)block->ff, block->stem,
             index);
  LNSPI_LINE(b, "f = %s f", block->act);
  lnspi_arch_drop(b, "f", block->dropout);
  LNSPI_LINE(b, "f = linear f %lld w=%s.%d.linear2", (long long)block->d, block->stem, index);
  lnspi_arch_drop(b, "f", block->dropout);
  LNSPI_LINE(b, "h = add h f");
}

static void transformer_block_norm(lnspi_builder *b, const lnspi_transformer_block *block,
                                   int32_t index, int number, const char *from,
                                   const char *to) {
  LNSPI_LINE(b, "%s = layernorm %s w=%s.%d.norm%d", to, from, block->stem, index, number);
}

/* Self-attention, added to `from`: of all concepts, or of the last one to all. */
static void transformer_block_self(lnspi_builder *b, const lnspi_transformer_block *block,
                                   int32_t index, const char *from, const char *x,
                                   int32_t last) {
  if (!last) {
    transformer_block_attention(b, block, index, from, x, "", "self_attn", block->pattern);
    return;
  }
  LNSPI_LINE(b, "l = last %s", from);
  if (x != from) LNSPI_LINE(b, "q = last %s", x);
  transformer_block_attention(b, block, index, "l", x != from ? "q" : "l", x, "self_attn", "");
}

void lnspi_transformer_block_encoder(lnspi_builder *b, const lnspi_transformer_block *block,
                                     int32_t index, const char *from, int32_t last) {
  if (block->norm_first) {
    transformer_block_norm(b, block, index, 1, from, "n");
    transformer_block_self(b, block, index, from, "n", last);
    transformer_block_norm(b, block, index, 2, "h", "n");
    transformer_block_feed(b, block, index, "n");
  } else {
    transformer_block_self(b, block, index, from, from, last);
    transformer_block_norm(b, block, index, 1, "h", "h");
    transformer_block_feed(b, block, index, "h");
    transformer_block_norm(b, block, index, 2, "h", "h");
  }
}

void lnspi_transformer_block_decoder(lnspi_builder *b, const lnspi_transformer_block *block,
                                     int32_t index, const char *from, const char *memory,
                                     int32_t last) {
  transformer_block_self(b, block, index, from, from, last);
  transformer_block_norm(b, block, index, 1, "h", "h");
  transformer_block_attention(b, block, index, "h", "h", memory, "multihead_attn",
                              last ? "" : block->pattern);
  transformer_block_norm(b, block, index, 2, "h", "h");
  transformer_block_feed(b, block, index, "h");
  transformer_block_norm(b, block, index, 3, "h", "h");
}
