/* References in double for recurrent layers: see layer_net.h. */
#ifndef TESTS_LAYER_RECURRENT_H
#define TESTS_LAYER_RECURRENT_H

#define REF_RECURRENT(X)

#endif
