/* Makes a delta from two states, or from changes that somebody computes. */
#ifndef LNSPI_DELTA_DELTA_CREATE_H
#define LNSPI_DELTA_DELTA_CREATE_H

#include "delta/delta.h"
#include "delta/delta_source.h"

/* codec: as lnsp_delta_create. tensors: those that may change; NULL: all that codec selects. */
int32_t lnspi_delta_create_from_source(const lnspi_delta_source *source, const char *codec,
                                       const uint8_t *tensors, const lnsp_options *options,
                                       lnsp_delta **out, lnsp_error *error);

/* The same where a function computes the changes, of the tensors marked; codec must be one
 * that makes no scans. */
int32_t lnspi_delta_create_from_changes(const lnsp_model *base,
                                        lnspi_delta_source_changes *changes, void *user,
                                        const uint8_t *tensors, const char *codec,
                                        lnspi_progress *progress, const lnsp_options *options,
                                        lnsp_delta **out, lnsp_error *error);

int32_t lnspi_delta_create(const lnsp_model *base, const lnsp_model *next, const char *codec,
                           const lnsp_options *options, lnsp_delta **out, lnsp_error *error);

/* The most bytes of the handle and of the payload. */
int32_t lnspi_delta_create_bytes(const lnsp_graph *graph, const char *codec, uint64_t *total,
                                 uint64_t *payload, lnsp_error *error);

#endif
