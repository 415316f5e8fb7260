/* The losses of this build, one line each: X(name) is lnspi_loss_<name>. */
#ifndef LNSPI_TRAIN_LOSSES_LIST_H
#define LNSPI_TRAIN_LOSSES_LIST_H

#include "train/loss.h"

#define LNSPI_LOSS_LIST(X)   \
  X(mse)                     \
  X(cosine)                  \
  X(triplet)                 \
  X(triplet_cosine)          \
  X(triplet_l2)              \
  X(alignment)               \
  X(nuclear_diversity)       \
  X(nuclear_diversity_hinge)

#define LNSPI_X(name) extern const lnspi_loss lnspi_loss_##name;
LNSPI_LOSS_LIST(LNSPI_X)
#undef LNSPI_X

#endif
