/* Normal numbers that cannot be predicted without a key: noise for privacy. */
#ifndef LNSPI_KERNELS_NOISE_H
#define LNSPI_KERNELS_NOISE_H

#include <stdint.h>

#define LNSPI_NOISE_LANES 8 /* blocks made at a time */
#define LNSPI_NOISE_BLOCK 8 /* normal numbers of a block */
#define LNSPI_NOISE_MOST 9.5 /* above the largest of them: sqrt(2 * 64 ln 2) is 9.42 */

/* Eight blocks of ChaCha20 (RFC 8439, 20 rounds): word i of that of counter[l] goes to
 * words[i][l]. */
void lnspi_noise_chacha20(const uint32_t key[8], const uint32_t nonce[3],
                          const uint32_t counter[LNSPI_NOISE_LANES],
                          uint32_t words[16][LNSPI_NOISE_LANES]);

/* normal(0, 1) from such blocks: of words 4j, 4j+1, 4j+2 of a block, j < 4, with
 *   u = (2^32 w[4j] + w[4j+1] + 1) 2^-64,  r = sqrt(-2 ln u),
 *   a = (w[4j+2] + 1/2) 2^-32 of a whole turn, less an eighth,
 * numbers 2j and 2j+1 are r cos a and r sin a, computed in double. Number i of that of
 * counter[l] goes to out[8 * l + i]. The reference of the kernel noise. */
void lnspi_noise(float *out, const uint32_t key[8], const uint32_t nonce[3],
                 const uint32_t counter[LNSPI_NOISE_LANES]);

#endif
