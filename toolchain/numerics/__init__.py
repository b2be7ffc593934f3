"""Pure array functions: the one place for every formula of the reference (docs/numerics.md)."""
