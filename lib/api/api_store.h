/* Helpers that the files of lnsp_store_* share. */
#ifndef LNSPI_API_API_STORE_H
#define LNSPI_API_API_STORE_H

#include "api/api.h"
#include "store/store.h"
#include "train/state_ranges.h"

#define LNSPI_API_STORE_LAYOUT_BYTES 160

/* "trainer F32 adamw 2 moments 8bit average residual plateau", "model F16": images of equal
 * layouts can be exchanged. A word is there for each array that other settings would not have,
 * so that a handle that does not fit is refused by its name and not by its length. */
void lnspi_api_store_layout(const lnsp_trainer *trainer, const lnsp_model *model,
                            char to[LNSPI_API_STORE_LAYOUT_BYTES]);

/* The image as pieces of the handle's own memory, weights first; returns how many. They hold
 * until the handle changes. */
int32_t lnspi_api_store_segments(const lnsp_trainer *trainer, const lnsp_model *model,
                                 lnspi_segment segments[LNSPI_STATE_RANGES]);

/* Refuses a trainer or model that the store is not for. */
int32_t lnspi_api_store_check_fit(const lnsp_store *store, const lnsp_trainer *trainer,
                                  const lnsp_model *model, lnsp_error *error);

/* Commits a state; sender and nonce are those of the delta that led to it, or NULL and 0, and
 * go into the same record. *number (nullable) is written only after success. */
int32_t lnspi_api_store_commit(lnsp_store *store, const lnsp_trainer *trainer,
                               const lnsp_model *model,
                               const lnsp_commit_options *commit_options, const char *sender,
                               uint64_t nonce, uint64_t *number, lnsp_error *error);

/* How a store's images keep their matrices; 0: nobody knows. */
int32_t lnspi_api_store_dtype(const lnsp_store *store);

/* Options for what is freed before a call returns: the caller's allocator or block, or else
 * the allocator that the store itself is from. */
int32_t lnspi_api_store_read_options(const lnsp_store *store, const lnsp_options *options,
                                     const char *call, uint32_t reads, lnsp_options *read,
                                     lnsp_error *error);

#endif
