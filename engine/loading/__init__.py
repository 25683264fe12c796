"""Models in memory: loading, sharing, the cache and the queue for it."""
