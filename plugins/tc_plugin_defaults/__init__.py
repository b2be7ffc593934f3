"""The default behaviour of every stage, and the built-in records, as a plugin."""
