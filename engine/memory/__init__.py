"""Memory plans: the precision and place of a model's components on a device, from the bytes of weights and passes."""
