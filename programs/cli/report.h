/* Facts that are printed for people or, with --json, as one JSON object. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "cli/args.h"
#include "lnsp.h"

/* Until report_end everything is for one reader: the functions below and those of json.h print
 * JSON with --json; report_print prints without it. */
void report_start(const args *a);
/* One fact for both readers: "label  value" for people, key: value in JSON. */
void report_text(const char *key, const char *label, const char *value);
void report_integer(const char *key, const char *label, int64_t value, const char *unit);
void report_real(const char *key, const char *label, double value, const char *format);
void report_hash(const char *key, const char *label, const uint8_t hash[LNSP_HASH_BYTES]);
void report_memory(const char *key, const char *label, const lnsp_memory_info *memory);
void report_architecture(const lnsp_graph *graph); /* its line, or that it is written out */
/* Only for people: as printf; a label and what printf would print. */
void report_print(const char *format, ...);
void report_line(const char *label, const char *format, ...);
/* Ends the object, and refuses if stdout could not be written. */
void report_end(void);

/* ---- numbers, hashes and shapes as text ---- */

#define FORMAT_NUMBER_BYTES 32
/* 545,088 */
const char *format_number(int64_t value, char buffer[FORMAT_NUMBER_BYTES]);
void format_hash(const uint8_t hash[LNSP_HASH_BYTES], char text[2 * LNSP_HASH_BYTES + 1]);
/* "[2, 6, 48]" */
void format_shape(const lnsp_tensor *tensor, char *buffer, size_t capacity);

#endif
