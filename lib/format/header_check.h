/* Checks a header as a whole. */
#ifndef LNSPI_FORMAT_HEADER_CHECK_H
#define LNSPI_FORMAT_HEADER_CHECK_H

#include "format/header.h"

/* Offsets without holes, overlaps or a rest; no name twice. Fills by_name and by_key. */
int32_t lnspi_header_check(lnspi_header *header, uint64_t data_bytes, lnsp_error *error);

#endif
