/* The clock, and a line on stderr that replaces itself. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

double progress_clock(void);

/* 1 if progress_show would show something. */
int progress_due(void);
/* Replaces the line, at most ten times a second; silent where stderr is no terminal. */
void progress_show(const char *format, ...);
void progress_clear(void);

#endif
