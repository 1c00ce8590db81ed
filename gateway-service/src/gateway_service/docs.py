"""The interface for people: routes with Swagger UI, and the frames of `jcc.rt.v1`.

Nothing is fetched from anywhere else, and no page may run what does not come from this gateway.
"""

from functools import cache
from html import escape
from importlib import resources
from typing import Any, Final, Literal

from fastapi import APIRouter, Response

from journal_contracts import asyncapi
from journal_contracts.schemas import all_schemas

Asset = Literal[
    "swagger-ui.css",
    "swagger-ui-bundle.js",
    "begin.js",
    "docs.css",
    "page.css",
    "letter.js",
    "journal.js",
    "stop.js",
]

OURS: Final = resources.files("gateway_service") / "pages"
SWAGGER: Final = resources.files("fastapi_swagger") / "resources"
OWN: Final = ("begin.js", "docs.css", "page.css", "letter.js", "journal.js", "stop.js")
KINDS: Final = {"css": "text/css", "js": "text/javascript"}
POLICY: Final = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:"
    "; style-src 'self'{styles}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
CACHED: Final = {"Cache-Control": "public, max-age=86400"}
PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>{head}
<body>{body}</body></html>
"""
LINKS: Final = '<link rel="icon" href="data:,"><link rel="stylesheet" href="/docs/docs.css">'
STYLE: Final = LINKS.replace("docs.css", "page.css")
"""Of pages for those who follow a letter."""

routes = APIRouter(include_in_schema=False)


@routes.get("/docs")
async def interface() -> Response:
    """The routes, to read and to try."""
    head = '<link rel="stylesheet" href="/docs/swagger-ui.css">' + LINKS
    scripts = ("swagger-ui-bundle.js", "begin.js")
    head += "".join(f'<script defer src="/docs/{name}"></script>' for name in scripts)
    body = '<nav><a href="/docs/realtime">Live: jcc.rt.v1</a></nav><div id="routes"></div>'
    # Swagger UI places its boxes with style attributes.
    return page("Journal Craft Crew", head, body, styles=" 'unsafe-inline'")


@routes.get("/docs/realtime")
async def realtime() -> Response:
    """The frames, to read."""
    return page("Live: jcc.rt.v1", LINKS, _frames())


@routes.get("/asyncapi.json")
async def realtime_document() -> dict[str, Any]:
    """The same for programs, whole in itself."""
    return _document()


@routes.get("/docs/{name}")
async def asset(name: Asset) -> Response:
    """A part of a page."""
    return Response(_read(name), headers=CACHED, media_type=KINDS[name.rpartition(".")[2]])


def page(title: str, head: str, body: str, *, styles: str = "") -> Response:
    """A page of ours."""
    headers = {"Content-Security-Policy": POLICY.format(styles=styles)}
    content = PAGE.format(title=escape(title), head=head, body=body)
    return Response(content, headers=headers, media_type="text/html; charset=utf-8")


@cache
def _read(name: Asset) -> bytes:
    return ((OURS if name in OWN else SWAGGER) / name).read_bytes()


@cache
def _document() -> dict[str, Any]:
    document = asyncapi.of_the_socket()
    for name, message in document["components"]["messages"].items():
        message["payload"] = _schemas()[f"realtime/{name}"]
    return document


@cache
def _schemas() -> dict[str, dict[str, Any]]:
    return all_schemas()


@cache
def _frames() -> str:
    document = asyncapi.of_the_socket()
    parts = [
        '<nav><a href="/docs">Routes</a> <a href="/asyncapi.json">AsyncAPI</a></nav>',
        f"<h1>{escape(document['info']['title'])}</h1>",
        f"<p>{escape(document['info']['description'])}",
        f"Address: <code>{escape(document['channels']['live']['address'])}</code>.</p>",
    ]
    for action, title in (("say", "The client says"), ("hear", "The gateway says")):
        parts.append(f"<h2>{title}</h2>")
        for message in document["operations"][action]["messages"]:
            parts.append(_frame(message["$ref"].rpartition("/")[2]))
    return "\n".join(parts)


def _frame(name: str) -> str:
    schema = _schemas()[f"realtime/{name}"]
    properties: dict[str, Any] = schema.get("properties", {})
    needed = schema.get("required", [])
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code>{'' if field in needed else ' (optional)'}</td>"
        f"<td>{escape(_type(told))}</td><td>{escape(told.get('description', ''))}</td></tr>"
        for field, told in properties.items()
    )
    return (
        f'<section id="{escape(name)}"><h3>{escape(name)}</h3>'
        f"<p>{escape(schema.get('description', ''))}</p><table>{rows}</table></section>"
    )


def _type(told: dict[str, Any]) -> str:
    """A field's type in a few words."""
    if "const" in told:
        return f'"{told["const"]}"'
    if "enum" in told:
        return " | ".join(f'"{value}"' for value in told["enum"])
    if "$ref" in told:
        return str(told["$ref"]).rpartition("/")[2]
    if "anyOf" in told:
        return " | ".join(map(_type, told["anyOf"]))
    if told.get("type") == "array":
        return f"list of {_type(told.get('items', {}))}"
    return str(told.get("format", told.get("type", "anything")))
