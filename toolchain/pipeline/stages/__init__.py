"""The five stages: each asks hooks, keeps the result in the cache and notes it in the state."""
