/* A GRU with a memory that is read by content: once before the first concept, by a query of
 * zeros, as an input to every step; and once after the last, by the final state. write=1 adds
 * a line that writes the result back into the memory at each update of a trainer (layer
 * memory_write). */
#include "graph/arch/arch.h"
#include "graph/arg.h"
#include "graph/builder.h"

typedef struct memory_gru {
  int64_t in, d, hidden, slots;
  int32_t layers, normalise, write;
  float dropout;
} memory_gru;

static void memory_gru_read(lnspi_builder *b, memory_gru *n) {
  n->in = lnspi_arg_file_width(b, "in", "memory.memory", 1, 768);
  n->d = lnspi_arg_file_width(b, "d", "gru.weight_hh_l0", 1, 512);
  n->hidden = lnspi_arg_file_width(b, "hidden", "output_proj.0.weight", 0, 2 * n->d);
  n->slots = lnspi_arg_file_width(b, "slots", "memory.memory", 0, 2048);
  n->layers = lnspi_arch_layers(b, "layers", "gru.weight_ih_l%d", 4);
  n->dropout = lnspi_arch_dropout(b);
  n->normalise = lnspi_arg_flag(b, "normalise", 1);
  n->write = lnspi_arg_flag(b, "write", 0);
  lnspi_arg_finish(b);
}

static void memory_gru_emit(lnspi_builder *b) {
  memory_gru n;
  memory_gru_read(b, &n);
  const long long in = (long long)n.in, d = (long long)n.d, slots = (long long)n.slots;
  LNSPI_LINE(b, "x = input %lld", in);
  LNSPI_LINE(b, "x = layernorm x w=input_norm");
  LNSPI_LINE(b, "c = memory_read x %lld %lld w=memory zero=%lld", slots, in, d);
  LNSPI_LINE(b, "c = repeat c x");
  LNSPI_LINE(b, "h = concat x c");
  for (int32_t i = 0; i < n.layers; i++) {
    if (i) lnspi_arch_drop(b, "h", n.dropout);
    LNSPI_LINE(b, "h = gru h %lld w=gru layer=%d", d, i);
  }
  LNSPI_LINE(b, "h = last h");
  LNSPI_LINE(b, "c = memory_read h %lld %lld w=memory", slots, in);
  LNSPI_LINE(b, "f = concat h c");
  LNSPI_LINE(b, "f = linear f %lld w=fusion.0", d);
  LNSPI_LINE(b, "f = gelu f");
  lnspi_arch_drop(b, "f", n.dropout);
  LNSPI_LINE(b, "f = layernorm f w=fusion.3");
  LNSPI_LINE(b, "f = linear f %lld w=output_proj.0", (long long)n.hidden);
  LNSPI_LINE(b, "f = gelu f");
  lnspi_arch_drop(b, "f", n.dropout);
  LNSPI_LINE(b, "raw = linear f %lld w=output_proj.3", in);
  if (n.write) LNSPI_LINE(b, "raw = memory_write raw h %lld w=memory", slots);
  lnspi_arch_outputs(b, n.normalise, "");
}

const lnspi_arch lnspi_arch_memory_gru =
    {"memory_gru",
     "memory_gru in=768 d=512 slots=2048 layers=4 hidden=2d dropout=0 normalise=1 write=0: a "
     "GRU "
     "with a memory that is read by content; write: each update of a trainer writes to it, too",
     memory_gru_emit};
