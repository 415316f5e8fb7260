/* What training, the loop and a loss in `lnsp eval` open alike: --freeze and --replay. */
#ifndef TRAIN_OPEN_H
#define TRAIN_OPEN_H

#include "cli/args.h"
#include "lnsp.h"

/* Freezes the tensors that --freeze names and gives the trainer the statistics of --replay,
 * which loss (NULL: not known) may need. average: whether the trainer keeps one; may be NULL.
 * 0 or an exit status. */
int train_open_extras(const args *a, const char *loss, lnsp_trainer *trainer, int *average);

#endif
