/* Family A: S -> S -> S/2 -> S -> S with self-attention on the S/2 code. */
#include "graph/arch/arch.h"
#include "graph/arg.h"
#include "graph/builder.h"

static void family_a_linear(lnspi_builder *b, const char *from, const char *to, int64_t width,
                            const char *name, const char *act) {
  LNSPI_LINE(b, "%s = linear %s %lld w=%s", to, from, (long long)width, name);
  if (act) LNSPI_LINE(b, "%s = %s %s", to, act, to);
}

static void family_a_emit(lnspi_builder *b) {
  const int64_t s = lnspi_arg_file_width(b, "s", "input_proj.weight", 0, 384);
  const int64_t k = lnspi_arg_file_width(b, "k", "compression.weight", 0, s > 1 ? s / 2 : 1);
  const int32_t attn = lnspi_arg_file_flag(b, "attn", "attn.in_proj_weight", 1);
  const int32_t heads = lnspi_arch_heads(b, k, attn);
  const int32_t bias = attn ? lnspi_arg_file_flag(b, "attn_bias", "attn.in_proj_bias", 0)
                            : lnspi_arg_flag(b, "attn_bias", 0);
  const char *act =
      lnspi_arch_act(lnspi_arg_choice(b, "act", LNSPI_ARCH_ACTS, LNSPI_ARCH_GELU));
  const int32_t normalise = lnspi_arg_flag(b, "normalise", 1);
  lnspi_arg_finish(b);
  LNSPI_LINE(b, "x = input %lld", (long long)s);
  family_a_linear(b, "x", "h", s, "input_proj", act);
  family_a_linear(b, "h", "c", k, "compression", act);
  if (attn) {
    LNSPI_LINE(b, "a = attention c heads=%d w=attn bias=%d", heads, bias);
    LNSPI_LINE(b, "c = add c a");
  }
  family_a_linear(b, "c", "e", s, "expansion", act);
  family_a_linear(b, "e", "o", s, "output_proj", NULL);
  if (normalise) LNSPI_LINE(b, "o = l2norm o");
  LNSPI_LINE(b, "output output=o code=c");
}

const lnspi_arch lnspi_arch_family_a =
    {"family_a",
     "family_a s=384 k=s/2 heads=8 attn=1 attn_bias=0 act=gelu|none|relu|silu|tanh normalise=1",
     family_a_emit};
