/* The layout of a record. */
#include "store/record.h"

uint64_t lnspi_record_space(const lnspi_journal *j, uint64_t bytes) {
  return j->head + (bytes + j->unit - 1) / j->unit * j->unit;
}
