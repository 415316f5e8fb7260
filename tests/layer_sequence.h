/* References in double for layers that join or part values: see layer_net.h. */
#ifndef TESTS_LAYER_SEQUENCE_H
#define TESTS_LAYER_SEQUENCE_H

#define REF_SEQUENCE(X)

#endif
