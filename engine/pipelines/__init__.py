"""Which pipeline classes diffusers has, and what each can be asked."""
