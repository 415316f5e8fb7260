/* Whether a file is there, and texts from files. */
#ifndef CLI_FILE_H
#define CLI_FILE_H

/* 1 if path can be opened, and then whether it looks like safetensors. */
int file_exists(const char *path, int *safetensors);
/* A text file of at most 1 MiB, to be freed; NULL if it cannot be read. */
char *file_load_text(const char *path);

#endif
