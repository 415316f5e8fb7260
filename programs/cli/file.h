/* Tells if a file exists, and reads its text. */
#ifndef CLI_FILE_H
#define CLI_FILE_H

#include <stddef.h>

/* 1 if path can be opened, and then whether it looks like safetensors. */
int file_exists(const char *path, int *safetensors);
/* What the file is: "model", "delta", "index", "replay", "reservoir", "store" or "data". */
const char *file_kind(const char *path);
/* A text file of at most `most` bytes, with a zero behind it, to be freed. size may be NULL. */
char *file_load_text(const char *path, size_t most, size_t *size);

#endif
