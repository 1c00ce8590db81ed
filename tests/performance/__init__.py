"""What the platform costs, beside its peers and beside its own promises: `make bench NAME=...`."""
