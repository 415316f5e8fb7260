/* The parts of `lnsp index`: cmd_index.c has the verbs that make and change one,
 * index_search.c asks it, index_texts.c knows what ids stand for. */
#ifndef INDEX_INDEX_H
#define INDEX_INDEX_H

#include "cli/args.h"

int index_search(const args *a);

#endif
