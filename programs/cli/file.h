/* Whether a file is there, and its bytes or text. */
#ifndef CLI_FILE_H
#define CLI_FILE_H

#include <stddef.h>

#include "cli/args.h"

/* 1 if path can be opened, and then whether it looks like safetensors. */
int file_exists(const char *path, int *safetensors);
/* A text file of at most `most` bytes, with a zero behind it, to be freed; NULL after a
 * sentence on stderr. size may be NULL. */
char *file_load_text(const args *a, const char *path, size_t most, size_t *size);

#endif
