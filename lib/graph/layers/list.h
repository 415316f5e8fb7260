/* The layers of this build: one line each. A build may bring its own, shorter
 * list by defining LNSPI_LAYER_LIST. The input stays first. */
#ifndef LNSPI_GRAPH_LAYERS_LIST_H
#define LNSPI_GRAPH_LAYERS_LIST_H

#ifndef LNSPI_LAYER_LIST
#define LNSPI_LAYER_LIST(X) \
  X(input)                  \
  X(linear)                 \
  X(layernorm)              \
  X(relu)                   \
  X(gelu)                   \
  X(silu)                   \
  X(tanh)                   \
  X(sigmoid)                \
  X(softplus)               \
  X(rmsnorm)                \
  X(conv)                   \
  X(scan)                   \
  X(attention)              \
  X(sdpa)                   \
  X(position)               \
  X(embedding)              \
  X(add)                    \
  X(gru)                    \
  X(lstm)                   \
  X(gru_classic)            \
  X(memory_read)            \
  X(memory_write)           \
  X(l2norm)                 \
  X(last)                   \
  X(first)                  \
  X(mean)                   \
  X(flatten)                \
  X(concat)                 \
  X(slice)                  \
  X(repeat)                 \
  X(mul)                    \
  X(scale)                  \
  X(dot)                    \
  X(softmax)                \
  X(weighted_sum)           \
  X(dropout)                \
  X(ids)
#endif

#endif
