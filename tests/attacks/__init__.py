"""Attacks that every build holds: `make attacks` in full size, `make test` in small."""
