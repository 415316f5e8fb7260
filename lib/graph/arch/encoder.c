/* Encoders of text: ids and a mask in, the layers of DistilBERT or BERT, the mean over what is
 * no padding (or the first concept), and two linear layers to the concept's vector.
 *
 * The layers are those of the published models: token, position and (BERT) type embeddings,
 * post-norm blocks of attention and a feed-forward part with gelu, eps 1e-12. Hugging Face's
 * tensor names are taken under "encoder." or, as in its own files, without; encoder_name makes
 * those of both families. Files of text models carry a few tensors more, which
 * lnspi_graph_ignores lists. */
#include <string.h>

#include "graph/arch/arch.h"
#include "graph/arg.h"
#include "graph/builder.h"

typedef struct encoder {
  int64_t ids, d, ff, positions, types, compress, expand;
  int32_t plain, bert, layers, heads, cls, act, normalise;
  float dropout;
  const char *stem; /* of all tensors but compress and expand */
} encoder;

#define ENCODER_NORM 0
#define ENCODER_FEED 1
#define ENCODER_FEED_OUT 2
#define ENCODER_FEED_NORM 3

static const char *const encoder_names[2][4] =
    {{"sa_layer_norm", "ffn.lin1", "ffn.lin2", "output_layer_norm"},
     {"attention.output.LayerNorm", "intermediate.dense", "output.dense", "output.LayerNorm"}};

/* number "0", "1", ... or "%d" */
static void encoder_name(const encoder *e, const char *number, int32_t which,
                         const char *suffix, char to[LNSPI_NAME_BYTES]) {
  lnspi_format(to, LNSPI_NAME_BYTES, "%s%s.layer.%s.%s%s", e->stem,
               e->bert ? "encoder" : "transformer", number, encoder_names[e->bert][which],
               suffix);
}

static int64_t encoder_width(lnspi_builder *b, const encoder *e, const char *key,
                             const char *table, int32_t axis, int64_t initial) {
  char name[LNSPI_NAME_BYTES];
  lnspi_format(name, sizeof name, "%sembeddings.%s.weight", e->stem, table);
  return lnspi_arg_file_width(b, key, name, axis, initial);
}

/* A layer after the pooling: 0 for none. */
static int64_t encoder_after(lnspi_builder *b, const char *key, const char *tensor,
                             int64_t initial) {
  if (b->shapes) initial = lnspi_arg_file_dim(b, tensor, 0);
  return lnspi_arg_integer(b, key, 0, LNSPI_MAX_WIDTH, initial);
}

static void encoder_read(lnspi_builder *b, encoder *e) {
  char name[LNSPI_NAME_BYTES];
  memset(e, 0, sizeof *e);
  e->plain = lnspi_arg_file_flag(b, "plain", "embeddings.word_embeddings.weight", 0);
  e->stem = e->plain ? "" : "encoder.";
  lnspi_format(name, sizeof name, "%sembeddings.token_type_embeddings.weight", e->stem);
  e->bert = lnspi_arg_file_flag(b, "bert", name, 0);
  e->types = e->bert ? encoder_width(b, e, "types", "token_type_embeddings", 0, 2) : 0;
  e->ids = encoder_width(b, e, "ids", "word_embeddings", 0, 30522);
  e->d = encoder_width(b, e, "d", "word_embeddings", 1, 768);
  e->positions = encoder_width(b, e, "positions", "position_embeddings", 0, 512);
  encoder_name(e, "%d", ENCODER_FEED, ".weight", name);
  e->layers = lnspi_arch_layers(b, "layers", name, 6);
  encoder_name(e, "0", ENCODER_FEED, ".weight", name);
  e->ff = lnspi_arg_file_width(b, "ff", name, 0, 4 * e->d);
  e->heads = (int32_t)lnspi_arg_integer(b, "heads", 1, LNSPI_MAX_WIDTH, 12);
  e->cls = lnspi_arg_choice(b, "pool", "mean,cls", 0);
  e->compress = encoder_after(b, "compress", "compress.weight", e->plain ? 0 : 256);
  e->expand = encoder_after(b, "expand", "expand.weight", e->plain ? 0 : 384);
  e->act = lnspi_arg_choice(b, "act", LNSPI_ARCH_ACTS, 0);
  e->normalise = lnspi_arg_flag(b, "normalise", 1);
  e->dropout = lnspi_arch_dropout(b);
  lnspi_arg_finish(b);
  if (b->status == LNSP_OK && e->d % e->heads)
    LNSPI_BUILD_FAIL(b, LNSP_E_SHAPE, lnspi_arg_place(b, "heads"),
                     "heads=%d does not divide the width %lld: give heads= a divisor of it",
                     e->heads, (long long)e->d);
}

static void encoder_embed(lnspi_builder *b, const encoder *e) {
  LNSPI_LINE(b, "x = ids count=%lld", (long long)e->ids);
  LNSPI_LINE(b, "h = embedding x %lld %lld pad=0 w=%sembeddings.word_embeddings.weight",
             (long long)e->ids, (long long)e->d, e->stem);
  if (e->bert)
    LNSPI_LINE(b,
               "h = position h %lld rank=2 row=0 w=%sembeddings.token_type_embeddings.weight",
               (long long)e->types, e->stem);
  LNSPI_LINE(b, "h = position h %lld rank=2 w=%sembeddings.position_embeddings.weight",
             (long long)e->positions, e->stem);
  LNSPI_LINE(b, "h = layernorm h eps=1e-12 w=%sembeddings.LayerNorm", e->stem);
  lnspi_arch_drop(b, "h", e->dropout);
}

static void encoder_linear(lnspi_builder *b, const encoder *e, const char *number,
                           const char *to, const char *from, int64_t width, int32_t which) {
  char name[LNSPI_NAME_BYTES];
  encoder_name(e, number, which, "", name);
  LNSPI_LINE(b, "%s = linear %s %lld w=%s", to, from, (long long)width, name);
}

/* h = norm(h + value) */
static void encoder_add(lnspi_builder *b, const encoder *e, const char *number,
                        const char *value, int32_t which) {
  char name[LNSPI_NAME_BYTES];
  encoder_name(e, number, which, "", name);
  lnspi_arch_drop(b, value, e->dropout);
  LNSPI_LINE(b, "h = add h %s", value);
  LNSPI_LINE(b, "h = layernorm h eps=1e-12 w=%s", name);
}

static void encoder_layer(lnspi_builder *b, const encoder *e, int32_t index) {
  char number[16];
  lnspi_format(number, sizeof number, "%d", index);
  LNSPI_LINE(b, "a = attention h heads=%d names=%s w=%s%s.layer.%d.attention", e->heads,
             e->bert ? "bert" : "distilbert", e->stem, e->bert ? "encoder" : "transformer",
             index);
  encoder_add(b, e, number, "a", ENCODER_NORM);
  encoder_linear(b, e, number, "f", "h", e->ff, ENCODER_FEED);
  LNSPI_LINE(b, "f = gelu f");
  encoder_linear(b, e, number, "f", "f", e->d, ENCODER_FEED_OUT);
  encoder_add(b, e, number, "f", ENCODER_FEED_NORM);
}

static void encoder_emit(lnspi_builder *b) {
  encoder e;
  const char *act;
  encoder_read(b, &e);
  act = lnspi_arch_act(e.act);
  encoder_embed(b, &e);
  for (int32_t i = 0; i < e.layers; i++) encoder_layer(b, &e, i);
  LNSPI_LINE(b, "raw = %s h", e.cls ? "first" : "mean");
  if (e.compress) LNSPI_LINE(b, "raw = linear raw %lld w=compress", (long long)e.compress);
  if (act) LNSPI_LINE(b, "raw = %s raw", act);
  if (e.expand) LNSPI_LINE(b, "raw = linear raw %lld w=expand", (long long)e.expand);
  lnspi_arch_outputs(b, e.normalise, "");
}

const lnspi_arch lnspi_arch_encoder = {
    "encoder",
    "encoder ids=30522 d=768 layers=6 heads=12 ff=4d positions=512 compress=256 expand=384 "
    "pool=mean|cls bert=0 types=2 (with bert) plain=0 act=none|relu|gelu|silu|tanh normalise=1 "
    "dropout=0: DistilBERT or BERT, pooled and compressed",
    encoder_emit};
