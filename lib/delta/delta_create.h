/* Making a delta */
#ifndef LNSPI_DELTA_DELTA_CREATE_H
#define LNSPI_DELTA_DELTA_CREATE_H

#include "delta/delta.h"
#include "delta/delta_source.h"

/* tensors: those that may change, or NULL: all that the text selects. */
int32_t lnspi_delta_create_from_source(const lnspi_delta_source *source, const char *codec,
                                       const uint8_t *tensors, const lnsp_options *options,
                                       lnsp_delta **out, lnsp_error *error);

/* A delta of one stage whose changes are computed: those of the tensors marked in tensors, by
 * a codec that scans nothing before it writes. */
int32_t lnspi_delta_create_from_changes(const lnsp_model *base,
                                        lnspi_delta_source_changes *changes, void *user,
                                        const uint8_t *tensors, const char *codec,
                                        const lnsp_options *options, lnsp_delta **out,
                                        lnsp_error *error);
int32_t lnspi_delta_create(const lnsp_model *base, const lnsp_model *next, const char *codec,
                           const lnsp_options *options, lnsp_delta **out, lnsp_error *error);
int32_t lnspi_delta_create_bytes(const lnsp_graph *graph, const char *codec, uint64_t *total,
                                 uint64_t *payload, lnsp_error *error);

#endif
