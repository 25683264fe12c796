"""The core: pipelines as coroutines (lanes), whose module calls are merged into shared forward passes."""
