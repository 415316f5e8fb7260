/* The student: a network that compresses a vector to a narrow code and expands it again.
 *
 *   x [d] - LayerNorm - s - (s2) - z [k] - self-attention over the row: the code - s - d
 *
 * Each step to a width, but the last, is a stage: a linear layer, an activation and a
 * LayerNorm, or with the last two swapped (order=norm_act). The code is z + attention(z), or
 * attention(z) alone with residual=0. Besides the output there is a head into the space of a
 * teacher, which only training uses. Parts that a file may lack are flags, found by whether
 * their tensor is there. */
#include "graph/arch/arch.h"
#include "graph/arg.h"
#include "graph/builder.h"

typedef struct student {
  int64_t d, s, s2, k;
  int32_t heads, act, norm_first, residual, teacher, normalise, attn, attn_bias;
  int32_t input_norm, compress_norm_1, compress_norm_2, nuclear_norm, expand_norm_1;
} student;

static void student_read(lnspi_builder *b, student *n) {
  n->d = lnspi_arg_file_width(b, "d", "layers.compress_1.weight", 1, 384);
  n->s = lnspi_arg_file_width(b, "s", "layers.compress_1.weight", 0, 256);
  n->s2 = lnspi_arg_file_optional_width(b, "s2", "layers.compress_2.weight", 0);
  n->k = lnspi_arg_file_width(b, "k", "layers.nuclear_compress.weight", 0, 192);
  n->attn = lnspi_arg_file_flag(b, "attn", "layers.multi_head_attention.in_proj_weight", 1);
  n->heads = lnspi_arch_heads(b, n->k, n->attn);
  if (n->attn)
    n->attn_bias =
        lnspi_arg_file_flag(b, "attn_bias", "layers.multi_head_attention.in_proj_bias", 1);
  else
    n->attn_bias = lnspi_arg_flag(b, "attn_bias", 1);
  n->act = lnspi_arg_choice(b, "act", LNSPI_ARCH_ACTS, LNSPI_ARCH_GELU);
  n->norm_first = lnspi_arg_choice(b, "order", "act_norm,norm_act", 0);
  n->residual = lnspi_arg_flag(b, "residual", 1);
  n->teacher = lnspi_arg_file_flag(b, "teacher", "layers.teacher_align.weight", 1);
  n->normalise = lnspi_arg_flag(b, "normalise", 1);
  n->input_norm = lnspi_arg_file_flag(b, "input_norm", "layers.input_norm.weight", 1);
  n->compress_norm_1 =
      lnspi_arg_file_flag(b, "compress_norm_1", "layers.compress_norm_1.weight", 1);
  if (n->s2)
    n->compress_norm_2 =
        lnspi_arg_file_flag(b, "compress_norm_2", "layers.compress_norm_2.weight", 1);
  else
    n->compress_norm_2 = lnspi_arg_flag(b, "compress_norm_2", 0);
  n->nuclear_norm = lnspi_arg_file_flag(b, "nuclear_norm", "layers.nuclear_norm.weight", 1);
  n->expand_norm_1 = lnspi_arg_file_flag(b, "expand_norm_1", "layers.expand_norm_1.weight", 1);
  lnspi_arg_finish(b);
}

/* Linear, activation, LayerNorm (or LayerNorm, activation). */
static void student_stage(lnspi_builder *b, const student *n, const char *from, const char *to,
                          const char *linear, int64_t width, const char *norm) {
  const char *act = lnspi_arch_act(n->act);
  int32_t step;
  LNSPI_LINE(b, "%s = linear %s %lld w=layers.%s", to, from, (long long)width, linear);
  for (step = 0; step < 2; step++) {
    if (step == n->norm_first && act) LNSPI_LINE(b, "%s = %s %s", to, act, to);
    if (step != n->norm_first && norm)
      LNSPI_LINE(b, "%s = layernorm %s w=layers.%s", to, to, norm);
  }
}

static void student_emit(lnspi_builder *b) {
  student n;
  const char *code = "z";
  student_read(b, &n);
  LNSPI_LINE(b, "x = input %lld", (long long)n.d);
  if (n.input_norm) LNSPI_LINE(b, "h = layernorm x w=layers.input_norm");
  student_stage(b, &n, n.input_norm ? "h" : "x", "h", "compress_1", n.s,
                n.compress_norm_1 ? "compress_norm_1" : NULL);
  if (n.s2)
    student_stage(b, &n, "h", "h", "compress_2", n.s2,
                  n.compress_norm_2 ? "compress_norm_2" : NULL);
  student_stage(b, &n, "h", "z", "nuclear_compress", n.k,
                n.nuclear_norm ? "nuclear_norm" : NULL);
  if (n.attn) {
    LNSPI_LINE(b, "a = attention z heads=%d w=layers.multi_head_attention bias=%d", n.heads,
               n.attn_bias);
    code = "a";
    if (n.residual) {
      LNSPI_LINE(b, "c = add z a");
      code = "c";
    }
  }
  student_stage(b, &n, code, "e", "nuclear_expand", n.s,
                n.expand_norm_1 ? "expand_norm_1" : NULL);
  LNSPI_LINE(b, "o = linear e %lld w=layers.expand_2", (long long)n.d);
  if (n.teacher) LNSPI_LINE(b, "t = linear e %lld w=layers.teacher_align", (long long)n.d);
  if (n.normalise) LNSPI_LINE(b, "o = l2norm o");
  LNSPI_LINE(b, "output output=o %s code=%s", n.teacher ? "teacher=t" : "", code);
}

const lnspi_arch lnspi_arch_student =
    {"student",
     "student d=384 s=256 s2=0 k=192 heads=8 attn=1 attn_bias=1 act=gelu|none|relu|silu|tanh "
     "order=act_norm|norm_act residual=1 teacher=1 normalise=1 input_norm=1 compress_norm_1=1 "
     "compress_norm_2=1 (with s2) nuclear_norm=1 expand_norm_1=1",
     student_emit};

/* Family B is the student with its width s free. */
const lnspi_arch lnspi_arch_family_b =
    {"family_b",
     "family_b s=256 ...: the student with another width s; its keys are the student's",
     student_emit};
