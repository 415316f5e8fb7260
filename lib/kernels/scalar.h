/* The reference kernel set */
#ifndef LNSPI_KERNELS_SCALAR_H
#define LNSPI_KERNELS_SCALAR_H

float lnspi_scalar_exp(float x);
float lnspi_scalar_log(float x);       /* x > 0                                        */
float lnspi_scalar_erf(float x);
float lnspi_scalar_tanh(float x);
float lnspi_scalar_sigmoid(float x);
float lnspi_scalar_fma(float a, float b, float c); /* the exact one: hardware or software */

#endif
