/* Texts that each layer and architecture is tested on: every key, odd widths, each way of its
 * code. Those of test_layers.c and test_graph.c; a layer without one fails them. */
#ifndef TESTS_GRAPH_EXAMPLES_H
#define TESTS_GRAPH_EXAMPLES_H

#include <string.h>

typedef struct layer_texts {
  const char *name;
  const char *text[16]; /* NULL after the last */
} layer_texts;

static const layer_texts layer_examples[] = {
    {"relu",
     {"lnsp 1\nx = input 19\ny = relu x\noutput output=y",
      "lnsp 1\nx = input 64; y = relu x; output output=y"}},
    {"gelu",
     {"lnsp 1\nx = input 19\ny = gelu x\noutput output=y",
      "lnsp 1\nx = input 64; y = gelu x; output output=y"}},
    {"silu",
     {"lnsp 1\nx = input 19\ny = silu x\noutput output=y",
      "lnsp 1\nx = input 64; y = silu x; output output=y"}},
    {"tanh",
     {"lnsp 1\nx = input 19\ny = tanh x\noutput output=y",
      "lnsp 1\nx = input 64; y = tanh x; output output=y"}},
    {"sigmoid",
     {"lnsp 1\nx = input 19\ny = sigmoid x\noutput output=y",
      "lnsp 1\nx = input 64; y = sigmoid x; output output=y"}},
    {"softplus",
     {"lnsp 1\nx = input 19\ny = softplus x\noutput output=y",
      "lnsp 1\nx = input 64; y = softplus x; output output=y"}},
    {"add",
     {"lnsp 1\nx = input 21\nh = tanh x\ny = add x h\noutput output=y",
      "lnsp 1\nx = input 16; y = add x x; output output=y"}},
    {"attention",
     {"lnsp 1\nx = input 12\ny = attention x heads=3 w=a\noutput output=y",
      "lnsp 1\nx = input 35; y = attention x heads=5 w=a bias=0; output output=y",
      "lnsp 1\nx = input 24; y = attention x heads=24 w=a; output output=y",
      "lnsp 1\nx = input 16; y = attention x heads=1 w=a; output output=y",
      "lnsp 1; x = input 12; y = attention x heads=2 causal=1 w=a; output output=y",
      "lnsp 1; x = input 12; y = attention x heads=3 window=1 bias=0 names=qkv w=a; "
      "output output=y",
      "lnsp 1; x = input 10; "
      "y = attention x 7 heads=2 window=2 causal=1 names=qkv w=a added=m; "
      "output output=y",
      "lnsp 1; x = input 10; m = linear x 10 w=m; y = attention x m heads=2 w=a; "
      "output output=y",
      "lnsp 1; x = input 12; y = attention x heads=3 names=distilbert w=a; output output=y",
      "lnsp 1; x = input 18; y = attention x x heads=3 names=bert w=a bias=0; output output=y",
      "lnsp 1; x = input 18; y = attention x x heads=3 causal=1 w=a bias=0; output output=y"}},
    {"concat",
     {"lnsp 1\nx = input 19\nh = tanh x\ny = concat x h\noutput output=y",
      "lnsp 1\nx = input 16; h = linear x 3 w=a; y = concat x h h x; output output=y"}},
    {"conv",
     {"lnsp 1\nx = input 19\ny = conv x w=c\noutput output=y",
      "lnsp 1\nx = input 16; y = conv x w=c kernel=1; output output=y",
      "lnsp 1\nx = input 33; y = conv x w=c kernel=3; output output=y"}},
    {"dot",
     {"lnsp 1\nx = input 19\nq = mean x\ny = dot q x\noutput output=y",
      "lnsp 1\nx = input 32; q = last x; q = linear q 20 w=q; k = linear x 20 w=k; "
      "y = dot q k scale=.7; output output=y"}},
    {"dropout",
     {"lnsp 1\nx = input 21\ny = dropout x p=.3\noutput output=y",
      "lnsp 1\nx = input 16; y = dropout x p=0; output output=y"}},
    {"embedding",
     {"lnsp 1; x = ids count=11; y = embedding x 11 12 w=e; output output=y",
      "lnsp 1; x = ids count=5; e = embedding x 5 7 w=e; y = position e 9 rank=2 w=p; "
      "output output=y",
      "lnsp 1; x = ids count=3; y = embedding x 4 5 pad=1 w=e; output output=y"}},
    {"flatten",
     {"lnsp 1\nx = input 19\ny = flatten x 5\noutput output=y",
      "lnsp 1\nx = input 16; y = last x chunk=2; z = flatten y 3; output output=z"}},
    {"gru_classic",
     {"lnsp 1\nx = input 7; y = gru_classic x 20 w=a\noutput output=y",
      "lnsp 1\nx = input 16; h = gru_classic x 5 w=a; l = last h; y = gru_classic x l 5 w=b;"
      "output output=y",
      "lnsp 1\nx = input 9; h = linear x 9 w=a; l = last x; l = linear l 33 w=l;"
      "y = gru_classic h l 33 w=b; output output=y"}},
    {"l2norm",
     {"lnsp 1\nx = input 23\ny = l2norm x\noutput output=y",
      "lnsp 1\nx = input 48; y = l2norm x eps=1e-8; output output=y",
      "lnsp 1\nx = input 21; y = l2norm x eps=.01 rule=add; output output=y"}},
    {"last",
     {"lnsp 1\nx = input 19\ny = last x\noutput output=y",
      "lnsp 1\nx = input 16; y = last x chunk=3; output output=y",
      "lnsp 1\nx = input 5; y = last x chunk=2; z = last y chunk=2; output output=z"}},
    {"first",
     {"lnsp 1\nx = input 19\ny = first x\noutput output=y",
      "lnsp 1; x = input 6; h = last x chunk=2; y = first h; output output=y"}},
    {"layernorm",
     {"lnsp 1\nx = input 24\ny = layernorm x w=n\noutput output=y",
      "lnsp 1\nx = input 13; y = layernorm x affine=0 eps=.01; output output=y",
      "lnsp 1\nx = input 384\ny = layernorm x w=n eps=1e-12\noutput output=y"}},
    {"linear",
     {"lnsp 1\nx = input 17\ny = linear x 5 w=a\noutput output=y",
      "lnsp 1\nx = input 33; y = linear x 70 w=a bias=0 init=zero; output output=y",
      "lnsp 1\nx = input 20\nh = linear x 20 w=a\nh = linear h 20 w=a\noutput output=h",
      "lnsp 1\nx = input 18\na = linear x 18 w=a parts=2\nb = linear a 18 w=a parts=2 part=1\n"
      "y = add a b\noutput output=y",
      "lnsp 1\nx = input 6\ny = linear x 17 w=a bias_init=one parts=3 part=1\n"
      "output output=y"}},
    {"mean",
     {"lnsp 1\nx = input 16\ny = mean x skip_last=1\noutput output=y",
      "lnsp 1\nx = input 19\ny = mean x\noutput output=y",
      "lnsp 1\nx = input 16; y = last x chunk=2; z = mean y; output output=z"}},
    {"memory_read",
     {"lnsp 1\nx = input 11; y = memory_read x 20 9 w=m\noutput output=y",
      "lnsp 1\nx = input 16; y = memory_read x 3 37 w=m; output output=y",
      "lnsp 1\nx = input 5; y = memory_read x 7 16 w=m zero=12; output output=y"}},
    {"memory_write",
     {"lnsp 1\nx = input 11; h = tanh x; y = memory_write x h 20 w=m\noutput output=y",
      "lnsp 1\nx = input 16; h = linear x 5 w=a; m = memory_read h 7 9 w=m; y = memory_write m "
      "h 7 w=m;"
      "output output=y"}},
    {"mul",
     {"lnsp 1\nx = input 21\nh = tanh x\ny = mul x h\noutput output=y",
      "lnsp 1\nx = input 16; y = mul x x; output output=y"}},
    {"position",
     {"lnsp 1; x = input 12; y = position x 9 w=p; output output=y",
      "lnsp 1; x = input 7; y = position x 100 kind=sinusoid w=p.pe; output output=y",
      "lnsp 1; x = input 16; y = position x 2 rank=2 row=1 w=types; output output=y",
      "lnsp 1; x = input 6; l = linear x 1 w=l; "
      "y = position l 5 rank=1 start=-3,-2,-1.5,0,.25 w=s; output output=y",
      "lnsp 1; x = input 5; y = position x 8 kind=fixed rank=2 w=p; output output=y"}},
    {"repeat",
     {"lnsp 1\nx = input 19\nh = mean x\ny = repeat h x\noutput output=y",
      "lnsp 1\nx = input 16; h = last x; y = repeat h x; z = add x y; output output=z"}},
    {"rmsnorm",
     {"lnsp 1\nx = input 24\ny = rmsnorm x w=n\noutput output=y",
      "lnsp 1\nx = input 13; y = rmsnorm x w=n eps=.01; output output=y"}},
    {"gru",
     {"lnsp 1\nx = input 7; y = gru x 20 w=a\noutput output=y",
      "lnsp 1\nx = input 16; h = gru x 5 w=a; y = gru h 33 w=a layer=1 bias=0; output output=y",
      "lnsp 1\nx = input 3; y = gru x 70 w=a chunk=2; output output=y"}},
    {"lstm",
     {"lnsp 1\nx = input 7; y = lstm x 20 w=a\noutput output=y",
      "lnsp 1\nx = input 16; h = lstm x 5 w=a; y = lstm h 33 w=a layer=1 bias=0; "
      "output output=y",
      "lnsp 1\nx = input 3; y = lstm x 70 w=a chunk=2; output output=y"}},
    {"scale",
     {"lnsp 1\nx = input 21\ny = scale x by=.1\noutput output=y",
      "lnsp 1\nx = input 16; y = scale x by=-3; output output=y"}},
    {"scan",
     {"lnsp 1\nx = input 19\nd = softplus x\nb = linear x 21 w=b\ny = scan x d b w=s\n"
      "output output=y",
      "lnsp 1\nx = input 16; y = scan x x x w=s; output output=y",
      "lnsp 1\nx = input 33; b = linear x 3 w=b; y = scan x x b w=s; output output=y"}},
    {"sdpa",
     {"lnsp 1; x = input 12; q = linear x 8 w=q; k = linear x 8 w=k; v = linear x 6 w=v; "
      "y = sdpa q k v heads=2; output output=y",
      "lnsp 1; x = input 10; q = linear x 9 w=q; k = linear x 9 w=k; "
      "y = sdpa q k x heads=1 causal=1; output output=y",
      "lnsp 1; x = input 9; k = linear x 9 w=k; "
      "y = sdpa x k x heads=3 window=1; output output=y",
      "lnsp 1; x = input 20; k = linear x 20 w=k; "
      "y = sdpa k x x 9 heads=5 causal=1 window=2 added=bias; output output=y"}},
    {"slice",
     {"lnsp 1\nx = input 19\ny = slice x 7\noutput output=y",
      "lnsp 1\nx = input 40; y = slice x 17 from=23; output output=y"}},
    {"softmax",
     {"lnsp 1\nx = input 19\ny = softmax x\noutput output=y",
      "lnsp 1\nx = input 32; s = linear x 1 w=a; y = softmax s over=concepts; "
      "output output=y"}},
    {"weighted_sum",
     {"lnsp 1\nx = input 19\ns = linear x 1 w=a\ny = weighted_sum s x\noutput output=y",
      "lnsp 1\nx = input 16; h = last x; s = linear h 5 w=a; y = weighted_sum s x; output "
      "output=y"}},
};

static const layer_texts arch_examples[] = {
    {"amn", {"amn", "amn in=21 d=9 hidden=13 hidden2=7", "amn in=16 d=8 hidden=12 dropout=.1"}},
    {"amn_serve", {"amn_serve", "amn_serve in=21 d=9 hidden=13"}},
    {"encoder",
     {"encoder", "encoder ids=17 d=8 heads=2 ff=10 layers=2 positions=9 compress=5 expand=7",
      "encoder bert=1 plain=1 ids=9 d=6 heads=3 ff=7 layers=1 positions=7 pool=cls",
      "encoder ids=11 d=4 heads=1 ff=6 layers=1 positions=8 compress=3 expand=0 act=tanh "
      "normalise=0 dropout=.1"}},
    {"family_a",
     {"family_a", "family_a s=64 heads=8 act=tanh attn_bias=1",
      "family_a s=30 attn=0 act=none normalise=0", "family_a s=14 k=9 heads=3 act=relu"}},
    {"family_b_doc", {"family_b_doc", "family_b_doc d=20 s=33 k=7 act=relu normalise=0"}},
    {"hierarchical_gru",
     {"hierarchical_gru", "hierarchical_gru in=9 d=12 chunk=2 hidden=15",
      "hierarchical_gru in=7 d=10 chunk=3 layers=1 global_layers=1 dropout=.2 normalise=0"}},
    {"ln_min", {"ln_min", "ln_min d=70 s=37 normalise=0"}},
    {"lstm",
     {"lstm", "lstm in=9 d=17 layers=2 dropout=.2", "lstm d=1024 head=relu",
      "lstm in=8 d=11 layers=1 head=relu out=5", "lstm in=7 d=16 layers=3 normalise=0"}},
    {"lstm_mlp", {"lstm_mlp", "lstm_mlp in=9 d=17 layers=2"}},
    {"latent784", {"latent784", "latent784 in=20 d=12"}},
    {"mamba_s",
     {"mamba_s", "mamba_s in=18 d=7 e=11 state=5 layers=2 conv=3",
      "mamba_s in=20 d=8 state=3 layers=1 align=1 alpha=.3"}},
    {"mamba_xl", {"mamba_xl", "mamba_xl in=16 d=8 state=6 layers=2"}},
    {"mamba_hybrid",
     {"mamba_hybrid", "mamba_hybrid in=14 d=6 state=4 layers=3 every=2 heads=2 window=2"}},
    {"mamba_sandwich",
     {"mamba_sandwich",
      "mamba_sandwich in=14 d=6 state=4 front=1 layers=1 back=1 heads=3 window=5"}},
    {"mamba_gated", {"mamba_gated", "mamba_gated in=14 d=6 state=4 layers=2 hidden=9"}},
    {"memory_gru",
     {"memory_gru", "memory_gru in=9 d=12 slots=7 layers=2 hidden=10",
      "memory_gru in=6 d=5 slots=20 layers=1 dropout=.2 normalise=0 write=1"}},
    {"mlp",
     {"mlp", "mlp in=11 hidden=17 concepts=3", "mlp in=8 hidden=10 concepts=2 dropout=.2"}},
    {"gru",
     {"gru", "gru in=11 d=17 layers=2", "gru in=8 d=20 layers=1 out=5 dropout=.2 normalise=0"}},
    {"gru_prenorm", {"gru_prenorm", "gru_prenorm in=11 d=17 layers=2 out=9 dropout=.1"}},
    {"lstm_stack",
     {"lstm_stack", "lstm_stack in=11 d=17 layers=2",
      "lstm_stack in=9 d=16 layers=1 normalise=1"}},
    {"student",
     {"student", "student d=48 s=31 k=20 heads=4 act=silu teacher=0 normalise=0",
      "student d=48 s=33 k=22 heads=2 act=relu residual=0",
      "student d=40 s=24 s2=20 k=12 heads=3 act=tanh order=norm_act compress_norm_2=0",
      "student d=24 s=17 k=9 attn=0 act=none input_norm=0 compress_norm_1=0 nuclear_norm=0 "
      "expand_norm_1=0",
      "student d=16 s=16 k=16 heads=1 attn_bias=0"}},
    {"family_b", {"family_b", "family_b s=320", "family_b d=32 s=40 k=24 heads=8 act=tanh"}},
    {"transformer",
     {"transformer", "transformer in=13 d=8 heads=2 layers=2 ff=11",
      "transformer in=10 d=8 heads=4 layers=1 ff=9 out=7 positions=6 dropout=.1"}},
    {"transformer_encoder",
     {"transformer_encoder", "transformer_encoder in=13 d=8 heads=2 layers=2 ff=11",
      "transformer_encoder in=10 d=8 heads=4 layers=1 ff=9 out=7 positions=6 dropout=.1"}},
    {"p8_transformer",
     {"p8_transformer", "p8_transformer in=13 d=8 heads=2 layers=2 ff=11",
      "p8_transformer in=10 d=8 heads=4 layers=1 concepts=3 eps=.1"}},
};

/* Those of a name; its first is NULL if there are none. */
static inline const char *const *examples_of(const layer_texts *table, size_t count,
                                             const char *name) {
  static const layer_texts none;
  for (size_t i = 0; i < count; i++)
    if (!strcmp(table[i].name, name)) return table[i].text;
  return none.text;
}

#define LAYER_EXAMPLES(layer) \
  examples_of(layer_examples, sizeof layer_examples / sizeof *layer_examples, (layer)->name)
#define ARCH_EXAMPLES(arch) \
  examples_of(arch_examples, sizeof arch_examples / sizeof *arch_examples, (arch)->name)

#endif
