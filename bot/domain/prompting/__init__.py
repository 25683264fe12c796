"""From words to options: the prompt language, and requests to the engine."""
