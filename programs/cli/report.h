/* Facts that are printed for people or as JSON. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "cli/args.h"
#include "lnsp.h"

/* One fact for both readers: "label  value" for people, key: value in JSON. */
typedef struct report {
  int json;
} report;
report report_start(const args *a);
void report_text(const report *r, const char *key, const char *label, const char *value);
void report_integer(const report *r, const char *key, const char *label, int64_t value,
                    const char *unit);
void report_real(const report *r, const char *key, const char *label, double value,
                 const char *format);
void report_hash(const report *r, const char *key, const char *label,
                 const uint8_t hash[LNSP_HASH_BYTES]);
void report_memory(const report *r, const char *key, const char *label,
                   const lnsp_memory_info *memory);
/* What a report says of an architecture: its line, or that it is written out. */
const char *report_architecture(const report *r, const lnsp_graph *graph);
/* Ends the object; EXIT_DONE, or EXIT_REFUSED if stdout could not be written. */
int report_end(const report *r, const args *a);

#endif
