"""The peers; the Python they live in is made from `requirements/bench.lock`."""
