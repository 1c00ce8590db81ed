"""The shelf's tables, version by version."""
