"""Config files into option records: loading, overrides, origins, schema."""
