/* A model of a file, and the size options of sessions that run it. */
#ifndef DATA_MODEL_H
#define DATA_MODEL_H

#include "cli/args.h"
#include "lnsp.h"

/* A model, or what is said about it on stderr. 0 or an exit status. */
int model_load(const args *a, const char *path, lnsp_model **out);
/* The limits that fit this batch. */
lnsp_size_options model_size_options(int64_t rows, int64_t concepts);

#endif
