/* The named architectures of this build: one line each. A build may bring its
 * own, shorter list by defining LNSPI_ARCH_LIST. */
#ifndef LNSPI_GRAPH_ARCH_LIST_H
#define LNSPI_GRAPH_ARCH_LIST_H

#ifndef LNSPI_ARCH_LIST
#define LNSPI_ARCH_LIST(X) \
  X(student)               \
  X(family_a)              \
  X(family_b)              \
  X(family_b_doc)          \
  X(ln_min)                \
  X(gru)                   \
  X(gru_prenorm)           \
  X(lstm)                  \
  X(lstm_mlp)              \
  X(lstm_stack)            \
  X(latent784)             \
  X(hierarchical_gru)      \
  X(memory_gru)            \
  X(amn)                   \
  X(amn_serve)             \
  X(mlp)                   \
  X(mamba_s)               \
  X(mamba_hybrid)          \
  X(mamba_xl)              \
  X(mamba_sandwich)        \
  X(mamba_gated)           \
  X(transformer)           \
  X(transformer_encoder)   \
  X(p8_transformer)        \
  X(encoder)
#endif

#endif
