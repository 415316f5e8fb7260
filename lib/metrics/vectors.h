/* Lengths, cosines and medians in double precision. */
#ifndef LNSPI_METRICS_VECTORS_H
#define LNSPI_METRICS_VECTORS_H

#include <stdint.h>

double lnspi_vectors_dot(const float *a, const float *b, int64_t width);
/* a.b / ((|a| + epsilon)(|b| + epsilon)); 0 where a length is 0. */
double lnspi_vectors_cosine(const float *a, const float *b, int64_t width, double epsilon);
/* Divides each row by its length + epsilon; rows of zeros stay. */
void lnspi_vectors_normalize(float *x, int64_t rows, int64_t width, double epsilon);
/* The middle value, or the mean of the middle two; reorders x. 0 without values. */
double lnspi_vectors_median(float *x, int64_t count);

#endif
