"""Results as people and programs read them: one module a format, each a sink of records."""
