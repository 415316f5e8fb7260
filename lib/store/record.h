/* The layout of a record. */
#ifndef LNSPI_STORE_RECORD_H
#define LNSPI_STORE_RECORD_H

#include <stdint.h>

#include "store/journal.h"

/* Writing. A failure makes the journal read-only for ever after. */
uint64_t lnspi_record_space(const lnspi_journal *j, uint64_t bytes); /* with such a payload */

#endif
