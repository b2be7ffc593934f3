"""Hook specifications, the manager and the typed facade for one target."""
