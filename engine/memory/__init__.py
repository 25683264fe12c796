"""The memory plan: what a model's weights and one pass take on a device, and so in which precision it lies where."""
