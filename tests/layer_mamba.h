/* References in double for RMSNorm, convolution and the selective scan: see layer_net.h. */
#ifndef TESTS_LAYER_MAMBA_H
#define TESTS_LAYER_MAMBA_H

#define REF_MAMBA(X)

#endif
