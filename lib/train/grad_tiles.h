/* Matrices tile by tile: a gradient is formed a few kilobytes at a time, in memory of
 * the task that does it. */
#ifndef LNSPI_TRAIN_GRAD_TILES_H
#define LNSPI_TRAIN_GRAD_TILES_H

#include "train/trainer.h"

#define LNSPI_GRAD_TILE_FLOATS 1024

/* A tile of a matrix gradient: inputs k0..k0+kn-1 of the lanes of one panel. */
typedef struct lnspi_grad_tile {
  const lnspi_use *use; /* the only one of this part, or NULL: none or several */
  int32_t weight, part;
  int64_t lane0;        /* of the part */
  int64_t lanes, real;  /* lanes that are rows of the tensor (the others are padding) */
  int64_t k0, kn;
  int64_t offset;       /* in the moments */
  int64_t number;       /* among the matrix's tiles */
  float *g, *w;         /* LNSPI_GRAD_TILE_FLOATS each: for its gradient, and for weights */
} lnspi_grad_tile;

/* Visits may run at the same time, and write only what is the tile's. */
typedef void (*lnspi_grad_tile_visit)(lnsp_trainer *t, const lnspi_grad_tile *tile, void *data);

/* How tiles are visited, ORed. */
enum {
  LNSPI_GRAD_TILES_BACK = 1, /* the last one first */
  /* Tiles may be longer, where neither gradients nor widened weights are kept, and their
   * inputs are a multiple of 8, which keeps the blocks of 8-bit moments whole. */
  LNSPI_GRAD_TILES_UPDATE = 2,
  LNSPI_GRAD_TILES_ALONE = 4 /* one after the other, in the caller's thread */
};

void lnspi_grad_tiles_each(lnsp_trainer *trainer, int32_t weight, int how,
                           lnspi_grad_tile_visit visit, void *data);

/* Tiles of a matrix when how is 0 or ALONE, and the most of any. */
int64_t lnspi_grad_tiles_count(const lnspi_weight *weight);

/* The tile's gradient, over all uses, in tile->g. */
const float *lnspi_grad_tiles_gradient(const lnsp_trainer *trainer,
                                       const lnspi_grad_tile *tile);

/* 1 if the optimizer forms the gradient of this use itself. */
int lnspi_grad_tiles_fused(const lnsp_trainer *trainer, const lnspi_use *use);
void *lnspi_grad_tiles_bf16_weights(const lnsp_trainer *t, const lnspi_grad_tile *tile);

#endif
