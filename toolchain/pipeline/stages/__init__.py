"""The five stages: each asks the hooks, keeps the result in the cache, and notes it in the state."""
