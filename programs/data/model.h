/* A model of a file, and the size options of sessions that run it. */
#ifndef DATA_MODEL_H
#define DATA_MODEL_H

#include "cli/args.h"
#include "lnsp.h"

/* With --arch and --prefix. */
lnsp_model *model_load(const args *a, const char *path);
/* The limits that fit this batch. */
lnsp_size_options model_size_options(int64_t rows, int64_t concepts);

#endif
