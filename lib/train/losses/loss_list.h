/* The losses of this build, one line each: X(name) is lnspi_loss_<name>. */
#ifndef LNSPI_TRAIN_LOSSES_LOSS_LIST_H
#define LNSPI_TRAIN_LOSSES_LOSS_LIST_H

#include "kernels/kernels.h"
#include "train/loss.h"

#define LNSPI_LOSS_LIST(X)   \
  X(mse)                     \
  X(cosine)                  \
  X(cosine_mse)              \
  X(info_nce)                \
  X(info_nce_symmetric)      \
  X(info_nce_negatives)      \
  X(triplet)                 \
  X(triplet_cosine)          \
  X(triplet_l2)              \
  X(alignment)               \
  X(nuclear_diversity)       \
  X(nuclear_diversity_hinge) \
  X(margin)                  \
  X(margin_smooth)           \
  X(margin_ratio)            \
  X(micro_direction)         \
  X(anticopy)                \
  X(future_margin)           \
  X(positive_floor)          \
  X(teacher_floor)           \
  X(orthogonality)           \
  X(norm)                    \
  X(moment)                  \
  X(variance)                \
  X(hard_negative)           \
  X(listwise)                \
  X(rehearsal)               \
  X(echo)                    \
  X(sampled_nce)             \
  X(mmd)                     \
  X(attention_diversity)     \
  X(bce)                     \
  X(huber)

#define LNSPI_X(name) extern const lnspi_loss lnspi_loss_##name;
LNSPI_LOSS_LIST(LNSPI_X)
#undef LNSPI_X

#endif
