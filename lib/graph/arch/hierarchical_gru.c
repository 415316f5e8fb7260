/* A long context in two steps: each chunk of it becomes one vector by a GRU, and a second GRU
 * runs over these vectors. The chunks are sequences of the first GRU (chunk= of layer gru), so
 * that all of them run at once. A projection of the last vector is added to the result. */
#include "graph/arch/arch.h"
#include "graph/arg.h"
#include "graph/builder.h"

/* A GRU of several layers from a value to h, its last step, and LayerNorm. */
static void hierarchical_gru_encoder(lnspi_builder *b, const char *from, const char *name,
                                     int64_t d, int32_t layers, int64_t chunk, float dropout) {
  char every[24] = "";
  if (chunk) lnspi_format(every, sizeof every, " chunk=%lld", (long long)chunk);
  for (int32_t i = 0; i < layers; i++) {
    if (i) lnspi_arch_drop(b, "h", dropout);
    LNSPI_LINE(b, "h = gru %s %lld w=%s.gru layer=%d%s", i ? "h" : from, (long long)d, name, i,
               every);
  }
  LNSPI_LINE(b, "h = last h%s", every);
  LNSPI_LINE(b, "h = layernorm h w=%s.norm", name);
}

static void hierarchical_gru_emit(lnspi_builder *b) {
  const int64_t in = lnspi_arg_file_width(b, "in", "local_encoder.gru.weight_ih_l0", 1, 768);
  const int64_t d = lnspi_arg_file_width(b, "d", "local_encoder.gru.weight_hh_l0", 1, 512);
  const int64_t hidden = lnspi_arg_file_width(b, "hidden", "output_proj.0.weight", 0, 2 * d);
  const int64_t chunk = lnspi_arg_integer(b, "chunk", 1, 65536, 10);
  const int32_t local = lnspi_arch_layers(b, "layers", "local_encoder.gru.weight_ih_l%d", 2);
  const int32_t global =
      lnspi_arch_layers(b, "global_layers", "global_encoder.gru.weight_ih_l%d", 2);
  const float dropout = lnspi_arch_dropout(b);
  const int32_t normalise = lnspi_arg_flag(b, "normalise", 1);
  lnspi_arg_finish(b);
  LNSPI_LINE(b, "x = input %lld", (long long)in);
  hierarchical_gru_encoder(b, "x", "local_encoder", d, local, chunk, dropout);
  hierarchical_gru_encoder(b, "h", "global_encoder", d, global, 0, dropout);
  LNSPI_LINE(b, "h = linear h %lld w=output_proj.0", (long long)hidden);
  LNSPI_LINE(b, "h = gelu h");
  lnspi_arch_drop(b, "h", dropout);
  LNSPI_LINE(b, "h = linear h %lld w=output_proj.3", (long long)in);
  LNSPI_LINE(b, "r = last x");
  LNSPI_LINE(b, "r = linear r %lld w=residual_proj", (long long)in);
  LNSPI_LINE(b, "raw = add h r");
  lnspi_arch_outputs(b, normalise, "");
}

const lnspi_arch lnspi_arch_hierarchical_gru =
    {"hierarchical_gru",
     "hierarchical_gru in=768 d=512 chunk=10 layers=2 global_layers=2 hidden=2d dropout=0 "
     "normalise=1: a GRU over the last states of a GRU on each chunk",
     hierarchical_gru_emit};
