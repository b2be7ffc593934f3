"""The kit for NPUs with engines and on-chip memories: descriptions of machines and their bounds."""
