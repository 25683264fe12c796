"""Which models there are, what each can do, and at which sizes."""
