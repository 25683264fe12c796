"""The command line, one module for each verb. Verbs import heavy modules inside functions, so `--help` is fast."""
