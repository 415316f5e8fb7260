/* One JSON object on stdout; without --json all of these do nothing. */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include "lnsp.h"

void json_start(int wanted);
int json_wanted(void);
void json_open(const char *key, char bracket); /* '{' or '['; key NULL inside [ */
void json_close(char bracket);
void json_text(const char *key, const char *value); /* value NULL: null */
void json_integer(const char *key, int64_t value);
void json_real(const char *key, double value);
void json_shape(const char *key, const lnsp_tensor *tensor);
/* From now on each report is one line, for a command that prints several. */
void json_lines(void);
/* Prints the closed object and starts from scratch. */
void json_print(void);

#endif
