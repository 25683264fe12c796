"""LoRA files: read, converted and fitted to a model's layers before anything is attached."""
