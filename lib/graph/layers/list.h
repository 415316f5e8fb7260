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
  X(attend)                 \
  X(position)               \
  X(embedding)              \
  X(add)                    \
  X(gru)                    \
  X(lstm)                   \
  X(gate)                   \
  X(memory)                 \
  X(remember)               \
  X(unit)                   \
  X(last)                   \
  X(first)                  \
  X(mean)                   \
  X(flatten)                \
  X(concat)                 \
  X(slice)                  \
  X(repeat)                 \
  X(mul)                    \
  X(scale)                  \
  X(score)                  \
  X(softmax)                \
  X(mix)                    \
  X(dropout)                \
  X(ids)
#endif

#endif
