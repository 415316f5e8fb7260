/* The parts of `lnsp index`: index.c has the verbs that make and change an index, search.c
 * asks it. */
#ifndef INDEX_INDEX_H
#define INDEX_INDEX_H

#include "cli/args.h"

int index_search(const args *a);

#endif
