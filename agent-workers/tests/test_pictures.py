"""Pictures by a model: in each form of the API, checked, and the house's painter where it fails.

R6.2a, R6.2b, R4.2c. The API is a small server of ours that speaks what OpenAI documents.
"""

import base64
import io
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image

from agent_workers.bind import Press
from agent_workers.crews.media import PATIENT_ATTEMPTS, illustration
from agent_workers.crews.platform_setup import preflight
from agent_workers.desk import Agent, Desk, Result
from agent_workers.gallery import Gallery
from agent_workers.models import images
from agent_workers.models.attempts import Asker
from agent_workers.models.door import Door
from agent_workers.models.images import ForbiddenAddress, fetch
from agent_workers.models.pictures import MOST_BYTES, UnfitPicture, media_type_of
from agent_workers.models.provider import ModelTrouble
from agent_workers.models.table import Table
from chassis.blobs import FolderBlobs
from journal_contracts.artifacts import Blob, Illustration, Manuscripts
from journal_contracts.commands import Brief, RunPhase
from journal_contracts.product import Edition, PlanName

from .house import STEP, House, a_provider, a_table
from .test_bind import CREATED, LAYOUT, SIX_BY_NINE, STYLE, manuscript, painted

WANTED = "lead_magnet-day-01-left"
FORMATS = ("PNG", "JPEG", "WEBP")


def a_picture(kind: str = "PNG", size: tuple[int, int] = (96, 96), **how: Any) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "#a3b899").save(file, kind, **how)
    return file.getvalue()


@dataclass
class Studio:
    """The API: what it answers, and what it was asked."""

    url: str = ""
    content: bytes = field(default_factory=a_picture)
    form: str = "b64_json"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    error: dict[str, str] = field(default_factory=dict)
    usage: dict[str, Any] | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)
    address: str = ""
    """Where a picture is said to lie; at the studio's own, where nothing is said."""

    def answer(self) -> dict[str, Any]:
        if self.status != 200:
            return {"error": self.error}
        data = {
            "b64_json": {"b64_json": base64.b64encode(self.content).decode()},
            "url": {"url": self.address or f"{self.url}/picture"},
            "nothing": {},
        }[self.form]
        return {"created": 1, "data": [data], "usage": self.usage}


@pytest.fixture
def studio() -> Iterator[Studio]:
    studio = Studio()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            studio.asked.append(json.loads(self.rfile.read(length)))
            self._send(studio.status, json.dumps(studio.answer()).encode(), "application/json")

        def do_GET(self) -> None:
            if self.path == "/elsewhere":
                self.send_response(302)
                self.send_header("location", "/picture")
                self.send_header("content-length", "0")
                self.end_headers()
            else:
                self._send(200, studio.content, "image/png")

        def log_message(self, *args: object) -> None:
            """Says nothing."""

        def _send(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            for name, value in studio.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        studio.url = f"http://127.0.0.1:{server.server_port}"
        yield studio
        server.shutdown()


@pytest.fixture(scope="module")
def press() -> Iterator[Press]:
    with Press() as press:
        yield press


@pytest.fixture
def gallery(tmp_path: Path, press: Press) -> Gallery:
    return Gallery(FolderBlobs(tmp_path), press)


def a_studio_table(studio: Studio, form: str = "", **row: Any) -> Table:
    provider = a_provider(f"{studio.url}/v1", pictures_as=form, **row)
    return a_table({"openai": provider}, "offline", pictures=["openai/gpt-image-1"])


@pytest.fixture
def door(house: House, studio: Studio) -> Door:
    return house.door(a_studio_table(studio))


async def drawn(door: Door, gallery: Gallery) -> Blob:
    asker = Asker(STEP, "media")
    return await door.picture(asker, "0", "A hill.", partial(gallery.hang, STEP, WANTED))


@pytest.mark.parametrize(
    ("asked_for", "answered", "sent"),
    [("b64_json", "b64_json", "b64_json"), ("url", "url", "url"), ("", "b64_json", None)],
    ids=["b64_json", "url", "as it comes"],
)
async def test_a_picture_comes_in_each_form_of_the_api(
    asked_for: str,
    answered: str,
    sent: str | None,
    studio: Studio,
    house: House,
    gallery: Gallery,
) -> None:
    studio.form = answered

    blob = await drawn(house.door(a_studio_table(studio, asked_for)), gallery)

    assert await gallery.blobs.get(blob.key) == studio.content
    assert blob.media_type == "image/png"
    assert blob.key.endswith(".png")
    [question] = studio.asked
    assert question.get("response_format") == sent
    assert (question["model"], question["n"]) == ("gpt-image-1", 1)


async def test_a_picture_is_paid_for_once_and_priced(
    studio: Studio, house: House, gallery: Gallery
) -> None:
    """R4.2d, R6.2c: the reply that is kept is where the picture lies."""
    studio.usage = {
        "input_tokens": 50,
        "output_tokens": 4_160,
        "total_tokens": 4_210,
        "input_tokens_details": {"text_tokens": 50, "image_tokens": 0},
    }
    first = await drawn(house.door(a_studio_table(studio)), gallery)

    again = await drawn(house.door(a_studio_table(studio)), gallery)

    assert again == first
    assert len(studio.asked) == 1
    [attempt] = await house.attempts()
    assert (attempt["tokens_in"], attempt["tokens_out"]) == (50, 4_160)
    assert attempt["cost"] > 0


@pytest.mark.parametrize("kind", FORMATS)
def test_a_picture_is_known_by_what_it_is(kind: str) -> None:
    assert media_type_of(a_picture(kind, (65, 130))) == f"image/{kind.lower()}"


@pytest.mark.parametrize(
    "how", [{"lossless": True}, {"lossless": False}, {"exif": b"Exif\0\0", "lossless": True}]
)
def test_each_kind_of_webp_tells_its_size(how: dict[str, Any]) -> None:
    with pytest.raises(UnfitPicture, match="65 x 30 pixels"):
        media_type_of(a_picture("WEBP", (65, 30), **how))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GIF89a" + bytes(200),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0",
        b"RIFF\0\0\0\0WEBPVP8 ",
        a_picture(size=(63, 64)),
        a_picture("JPEG", (5_001, 5_001)),
        a_picture() + bytes(MOST_BYTES),
    ],
    ids=[
        *("nothing", "gif", "svg", "pdf", "png head", "jpeg head", "webp head"),
        *("too small", "too many pixels", "too many bytes"),
    ],
)
def test_what_is_no_fit_picture_is_refused(content: bytes) -> None:
    with pytest.raises(UnfitPicture):
        media_type_of(content)


@pytest.mark.parametrize("kind", FORMATS)
async def test_the_press_sets_what_it_accepts(kind: str, press: Press) -> None:
    assert await press.accepts(a_picture(kind))


@pytest.mark.parametrize("kind", FORMATS)
async def test_half_a_picture_is_refused_before_it_is_kept(
    kind: str, studio: Studio, house: House, door: Door, gallery: Gallery
) -> None:
    """Its head is good; only who reads it to the end sees that it has none."""
    whole = a_picture(kind, (512, 512))
    studio.content = whole[: len(whole) // 2]

    with pytest.raises(ModelTrouble) as trouble:
        await drawn(door, gallery)

    assert trouble.value.code == "bad_picture"
    assert await house.claims() == []


async def test_an_answer_without_a_picture_is_named(
    studio: Studio, door: Door, gallery: Gallery
) -> None:
    studio.form = "nothing"

    with pytest.raises(ModelTrouble) as trouble:
        await drawn(door, gallery)

    assert trouble.value.code == "bad_picture"


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("http://example.org/picture", "not https"),
        ("ftp://example.org/picture", "not https"),
        ("file:///etc/passwd", "not https"),
        ("https:///picture", "not https"),
        ("https://127.0.0.1/picture", "not public"),
        ("https://[::1]/picture", "not public"),
        ("https://10.0.0.1/picture", "not public"),
        ("https://169.254.169.254/latest/meta-data", "not public"),
        ("https://[::ffff:10.0.0.1]/picture", "not public"),
        ("https://localhost/picture", "not public"),
        ("https://2130706433/picture", "not public"),
    ],
)
async def test_no_address_inside_is_ever_fetched(address: str, why: str) -> None:
    with pytest.raises(ForbiddenAddress, match=why):
        await fetch(address, urlsplit("https://api.example.org/v1"))


async def test_an_address_inside_is_a_trouble_like_any_other(
    studio: Studio, door: Door, gallery: Gallery
) -> None:
    studio.form, studio.address = "url", "http://169.254.169.254/latest/meta-data"

    with pytest.raises(ModelTrouble) as trouble:
        await drawn(door, gallery)

    assert trouble.value.code == "bad_picture"


async def test_another_port_of_the_provider_is_not_the_provider(studio: Studio) -> None:
    with pytest.raises(ForbiddenAddress):
        await fetch("http://127.0.0.1:1/picture", urlsplit(studio.url))


async def test_a_redirect_is_not_followed(studio: Studio) -> None:
    with pytest.raises(ForbiddenAddress, match="302"):
        await fetch(f"{studio.url}/elsewhere", urlsplit(studio.url))


async def test_no_more_is_read_than_a_picture_may_have(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "MOST_BYTES", 1_000)
    studio.content = bytes(100_000)

    with pytest.raises(ForbiddenAddress, match="too large"):
        await fetch(f"{studio.url}/picture", urlsplit(studio.url))


MakeDesk = Callable[..., Desk]


@pytest.fixture
async def desk(gallery: Gallery, press: Press, door: Door) -> MakeDesk:
    """The desk of one illustration, with the book and the look that it rests on."""
    books = Manuscripts(
        journal=manuscript(Edition.JOURNAL), lead_magnet=manuscript(Edition.LEAD_MAGNET)
    )
    await gallery.blobs.put("proof", books.model_dump_json().encode(), "application/json")
    await gallery.blobs.put("look", STYLE.model_dump_json().encode(), "application/json")

    def sit(source: str, attempt: int = 1) -> Desk:
        step = RunPhase(
            **STEP.model_dump(exclude={"phase", "part", "attempt"}),
            phase="illustration",
            part=WANTED,
            attempt=attempt,
            brief=Brief(theme="rest", plan=PlanName.STANDARD),
            inputs={"proof": ("proof",), "art_direction": ("look",)},
            order={"picture": WANTED, "source": source},
        )

        async def draw(agent: Agent, prompt: str, name: str) -> Blob:
            hang = partial(gallery.hang, step, name)
            return await door.picture(Asker(STEP, agent.name), "0", prompt, hang)

        return Desk(step, gallery.blobs, press, ask=None, draw=draw, model=str)  # type: ignore[arg-type]

    return sit


def illustrated(result: Result) -> Illustration:
    assert isinstance(result.artifact, Illustration)
    return result.artifact


@pytest.mark.parametrize("paints", [True, False])
async def test_the_preflight_tells_whether_a_model_makes_pictures(
    paints: bool, desk: MakeDesk
) -> None:
    sitting = desk("procedural")
    sitting.paints = paints

    told = (await preflight(sitting)).facts

    assert ("pictures" in told) == paints
    assert told.get("pictures", ["generated"]) == ["generated"]


async def test_a_table_without_picture_models_makes_none(door: Door, house: House) -> None:
    assert door.paints(STEP.user_id)
    assert not house.door(a_table({}, "offline")).paints(STEP.user_id)


async def test_a_generated_picture_says_so(desk: MakeDesk, studio: Studio) -> None:
    result = await illustration(desk("generated"))

    made = illustrated(result)
    assert (made.painted_by, made.blob.media_type) == ("generated", "image/png")
    assert result.facts == {}
    [question] = studio.asked
    assert STYLE.name in question["prompt"]


async def test_nobody_is_asked_for_a_procedural_picture(desk: MakeDesk, studio: Studio) -> None:
    made = illustrated(await illustration(desk("procedural")))

    assert (made.painted_by, made.blob.media_type) == ("procedural", "image/svg+xml")
    assert studio.asked == []


async def test_where_it_fails_the_houses_painter_steps_in_and_says_so(
    desk: MakeDesk, studio: Studio
) -> None:
    studio.status, studio.error = 400, {"code": "moderation_blocked", "message": "no"}

    result = await illustration(desk("generated"))

    made = illustrated(result)
    assert (made.painted_by, made.blob.media_type) == ("procedural", "image/svg+xml")
    assert result.facts == {"not_generated": "refused"}


async def test_a_key_that_is_refused_is_the_users_to_know(desk: MakeDesk, studio: Studio) -> None:
    studio.status = 401

    with pytest.raises(ModelTrouble) as trouble:
        await illustration(desk("generated"))

    assert trouble.value.code == "bad_key"


async def test_a_picture_that_has_to_wait_waits_but_not_for_ever(
    desk: MakeDesk, studio: Studio
) -> None:
    studio.status, studio.headers = 429, {"retry-after": "60"}
    with pytest.raises(ModelTrouble) as trouble:
        await illustration(desk("generated"))
    assert (trouble.value.kind, trouble.value.retry_after) == ("rate_limit", 60)

    result = await illustration(desk("generated", PATIENT_ATTEMPTS))

    assert illustrated(result).painted_by == "procedural"
    assert result.facts == {"not_generated": "rate_limited"}


async def test_where_no_model_makes_pictures_the_painter_does(
    desk: MakeDesk, house: House, gallery: Gallery
) -> None:
    without = house.door(a_table({}, "offline"))

    async def draw(agent: Agent, prompt: str, name: str) -> Blob:
        return await drawn(without, gallery)

    sitting = desk("generated")
    sitting.draw = draw

    assert (await illustration(sitting)).facts == {"not_generated": "no_picture_model"}


@pytest.mark.parametrize("kind", FORMATS)
async def test_a_generated_picture_is_bound(kind: str, press: Press, tmp_path: Path) -> None:
    """R6.2a: beside painted ones, each a figure with its words."""
    book = manuscript()
    pictures = painted(book) | {WANTED: a_picture(kind, (512, 512))}

    pdf = await press.print_book(book, pictures, LAYOUT, STYLE, SIX_BY_NINE, created=CREATED)

    measured = await press.measure(pdf)
    assert (measured.pages, measured.figures) == (19, 15)
