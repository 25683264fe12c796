"""The prompt language, options, permutations, derivation, and the requests that are made of them."""
