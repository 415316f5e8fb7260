/* Terms of a loss at work */
#ifndef LNSPI_TRAIN_LOSS_WEIGHTING_H
#define LNSPI_TRAIN_LOSS_WEIGHTING_H

#include <stdint.h>

#include "train/loss.h"

/* 1 if a term counts now. */
int lnspi_loss_weighting_active(const lnspi_loss_term *term, uint64_t updates, uint64_t pass);

/* Scratch of all that a term does: of its loss, whose call has this shape, and of what
 * weighs it. input: the width of the network's input. */
int64_t lnspi_loss_weighting_scratch_floats(const lnspi_loss_term *term, const lnspi_loss *loss,
                                            const lnspi_loss_call *shape, int64_t input);

/* The weighted value; gradients are added. call: all but weight. gate: where the term has
 * one. first: the weighted value of the first term. */
double lnspi_loss_weighting_eval(const lnspi_loss_term *term, const lnspi_loss *loss,
                                 lnspi_loss_call *call, const lnspi_loss_call *gate,
                                 double first);

#endif
