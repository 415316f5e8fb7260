/* The clock, and a line on stderr that replaces itself. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

double progress_clock(void);

/* One line on stderr that replaces itself; silent where that is no terminal. */
typedef struct progress {
  int terminal, shown;
  double last;
} progress;
void progress_start(progress *p);
/* 1 if it is time to show something again. */
int progress_due(progress *p);
void progress_show(progress *p, const char *format, ...);
void progress_clear(progress *p);

#endif
