"""Programs that are kept running: tiny ones that listen, die and refuse."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from journalcraft.keeper import DidNotStart, Keeper, pause_after
from journalcraft.process import Process, Program
from journalcraft.servers.ports import ALONE, reserve

SERVES = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(str(os.getpid()).encode())
    def log_message(self, *words):
        pass
print("serving", flush=True)
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SERVES
REFUSES = "raise SystemExit('there is no database')"
LEAVES_CHILD = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open("child", "w").write(str(child.pid))
"""


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Callable[[str, str], Program]]:
    """Makes a program of a module's text."""
    ports = reserve([ALONE, ALONE])
    unused = iter(ports.numbers)

    def make(name: str, text: str) -> Program:
        (tmp_path / f"fake_{name}.py").write_text(text)
        port = str(next(unused))
        environment = {"PORT": port, "PYTHONPATH": str(tmp_path), "PATH": os.environ["PATH"]}
        return Program(name, f"fake_{name}", environment, f"http://127.0.0.1:{port}/readyz")

    yield make
    ports.release()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def keep(tmp_path: Path, said: list[str]) -> Iterator[Callable[..., Keeper]]:
    """Keeps programs in the state folder, and stops them at the end of the test."""
    keepers: list[Keeper] = []

    def make(*programs: Program) -> Keeper:
        keepers.append(Keeper(programs, tmp_path, said.append))
        return keepers[-1]

    yield make
    for keeper in keepers:
        keeper.stop()


def pid_of(folder: Path, name: str) -> int:
    return int(json.loads((folder / "pids" / f"{name}.json").read_text())["pid"])


def is_alive(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] not in "ZX"


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not (true := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return true


def test_starts_a_program_when_it_is_ready_and_stops_it(
    tmp_path: Path, program: Callable[[str, str], Program], keep: Callable[..., Keeper]
) -> None:
    keeper = keep(program("scribe", SERVES))

    keeper.start_all()
    pid = pid_of(tmp_path, "scribe")
    keeper.stop()

    assert not is_alive(pid)
    assert (tmp_path / "logs" / "scribe.log").read_text() == "serving\n"
    assert not list((tmp_path / "pids").iterdir())


def test_a_program_that_dies_is_started_again(
    tmp_path: Path,
    program: Callable[[str, str], Program],
    keep: Callable[..., Keeper],
    said: list[str],
) -> None:
    keep(program("scribe", SERVES)).start_all()
    first = pid_of(tmp_path, "scribe")

    os.kill(first, signal.SIGKILL)

    assert eventually(lambda: "scribe ended (signal 9)" in "".join(said))
    assert eventually(lambda: bool(list(tmp_path.glob("pids/scribe.json"))))
    assert pid_of(tmp_path, "scribe") != first


def test_a_killed_program_stays_dead_until_it_is_started(
    tmp_path: Path,
    program: Callable[[str, str], Program],
    keep: Callable[..., Keeper],
    said: list[str],
) -> None:
    keeper = keep(program("scribe", SERVES), program("clerk", SERVES))
    keeper.start_all()
    first, clerk = pid_of(tmp_path, "scribe"), pid_of(tmp_path, "clerk")

    keeper.kill("scribe")
    dead = not is_alive(first)
    keeper.start("scribe")

    assert dead
    assert is_alive(pid_of(tmp_path, "scribe"))
    assert is_alive(clerk)
    assert said == []


def test_a_program_that_cannot_start_is_told_with_its_last_words(
    program: Callable[[str, str], Program], keep: Callable[..., Keeper]
) -> None:
    with pytest.raises(DidNotStart, match=r"scribe did not start(.|\n)*there is no database"):
        keep(program("scribe", REFUSES)).start_all()


def test_what_a_killed_run_left_is_ended_by_the_next(
    tmp_path: Path,
    program: Callable[[str, str], Program],
    keep: Callable[..., Keeper],
    said: list[str],
) -> None:
    scribe = program("scribe", SERVES)
    orphan = Process(scribe, tmp_path)
    orphan.start()
    left = pid_of(tmp_path, "scribe")

    keep(scribe).start_all()

    assert not is_alive(left)
    assert is_alive(pid_of(tmp_path, "scribe"))
    assert said == ["Ended scribe, left over from an earlier run."]
    orphan.wait(0)


def test_a_process_that_only_has_the_old_number_is_left_alone(
    tmp_path: Path, program: Callable[[str, str], Program]
) -> None:
    scribe = Process(program("scribe", SERVES), tmp_path)
    (tmp_path / "pids").mkdir()
    (tmp_path / "pids" / "scribe.json").write_text(f'{{"pid": {os.getpid()}, "born": "1"}}')

    assert not scribe.kill_leftover()


def test_a_program_that_does_not_hear_is_killed(
    tmp_path: Path, program: Callable[[str, str], Program], keep: Callable[..., Keeper]
) -> None:
    process = Process(program("scribe", STUBBORN), tmp_path)
    process.start()
    pid = pid_of(tmp_path, "scribe")
    assert eventually(lambda: "serving" in process.last_words())

    process.terminate()
    process.wait(0.2)

    assert not is_alive(pid)


def test_what_a_program_started_goes_with_it(
    tmp_path: Path, program: Callable[[str, str], Program]
) -> None:
    process = Process(program("scribe", LEAVES_CHILD), tmp_path)
    process.start()

    process.wait(10)

    child = int((tmp_path / "child").read_text())
    assert eventually(lambda: not is_alive(child))


def test_pauses_grow_and_are_forgotten_after_a_steady_life() -> None:
    pauses = [0.0]
    for _ in range(7):
        pauses.append(pause_after(pauses[-1], lived=1))

    assert pauses[1:] == [0.5, 1, 2, 4, 8, 10, 10]
    assert pause_after(10, lived=31) == 0.5
