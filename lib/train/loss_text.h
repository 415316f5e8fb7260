/* The reader of loss texts. */
#ifndef LNSPI_TRAIN_LOSS_TEXT_H
#define LNSPI_TRAIN_LOSS_TEXT_H

#include "train/loss.h"

/* "[weight *] name [key=value ...]" joined by "+"; "student" means
 * "triplet margin=.3 + .1*alignment + 1*nuclear_diversity". The replay term is
 * "replay rows=7 seed=1". */
int32_t lnspi_loss_text_parse(const char *text, lnspi_loss_term *terms, int32_t *count,
                              lnsp_error *error);

/* A key of a term's text; loss NULL: of replay. 0 past the end. */
int lnspi_loss_text_key(const lnspi_loss *loss, int32_t index, lnsp_key_info *info);

#endif
