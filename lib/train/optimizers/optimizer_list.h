/* The optimizers: one line each. */
LNSPI_OPTIMIZER(adamw)
LNSPI_OPTIMIZER(adam)
LNSPI_OPTIMIZER(sgd)
