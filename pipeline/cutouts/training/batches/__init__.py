"""Which images make up a step, at which size and learning rate, and the processes that draw them ahead."""
