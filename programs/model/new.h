/* The architecture text that `lnsp new` and `lnsp info` are given. */
#ifndef MODEL_NEW_H
#define MODEL_NEW_H

#include "cli/args.h"

/* The text in the arguments or in the file that they name, to be freed; NULL if that is a
 * safetensors file, or after a sentence on stderr. */
char *new_text(const args *a, int *safetensors);

#endif
