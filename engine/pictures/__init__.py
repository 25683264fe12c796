"""Pictures as bytes: decoding, encoding, metadata, the picture check."""
