"""One platform for one state folder."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from journalcraft.lease import Lease, StateInUse, after_guests, has_guests, visit


class Ready(BaseHTTPRequestHandler):
    """Answers every question with 200."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        pass


def test_only_one_runs_on_a_folder_at_a_time(tmp_path: Path) -> None:
    with Lease.take(tmp_path), pytest.raises(StateInUse), Lease.take(tmp_path):
        pass

    with Lease.take(tmp_path):
        pass


def test_two_folders_do_not_know_each_other(tmp_path: Path) -> None:
    with Lease.take(tmp_path / "one"), Lease.take(tmp_path / "two"):
        assert (tmp_path / "two" / "lock").exists()


def test_a_guest_finds_the_platform_once_it_is_ready(tmp_path: Path) -> None:
    server = HTTPServer(("127.0.0.1", 0), Ready)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    with Lease.take(tmp_path) as lease:
        threading.Timer(0.2, lease.announce, [url]).start()
        with visit(tmp_path) as found:
            is_guarded = has_guests(tmp_path)
    server.shutdown()
    server.server_close()

    assert found == url
    assert is_guarded
    assert not has_guests(tmp_path)


def test_a_note_of_a_killed_platform_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "platform.json").write_text('{"url": "http://127.0.0.1:1", "pid": 1}')

    with visit(tmp_path) as found:
        assert found is None


def test_the_owner_waits_for_its_guests(tmp_path: Path) -> None:
    order: list[str] = []

    def stop() -> None:
        with after_guests(tmp_path):
            order.append("stopped")

    with visit(tmp_path):
        owner = threading.Thread(target=stop)
        owner.start()
        owner.join(0.1)
        order.append("guest left")
    owner.join(5)

    assert order == ["guest left", "stopped"]
