"""The AsyncAPI 3.0 documents, generated: one of the messages, one of the socket's frames."""

from typing import Any

from journal_contracts.catalogue import CATALOGUE, Entry
from journal_contracts.realtime import SUBPROTOCOL
from journal_contracts.schemas import CLIENT_FRAMES, GATEWAY_FRAMES

Document = dict[str, Any]

CLOUD_EVENT = ("specversion", "id", "source", "type", "time", "datacontenttype", "subject")


def of_the_broker() -> Document:
    """Every message with its exchange and routing keys, who says it and who hears it."""
    operations: Document = {}
    for entry in CATALOGUE:
        for sayer in entry.said_by:
            operations[f"{sayer}.says.{entry.name}"] = _operation("send", entry)
        for hearer in (*entry.heard_by, *entry.heard_by_every_replica_of):
            operations[f"{hearer}.hears.{entry.name}"] = _operation("receive", entry)
    return {
        **_head("Journal Craft Crew", "What the services say to each other on RabbitMQ."),
        "channels": {entry.name: _channel(entry) for entry in CATALOGUE},
        "operations": operations,
        "components": {"messages": {entry.name: _message(entry) for entry in CATALOGUE}},
    }


def of_the_socket() -> Document:
    """The frames of the WebSocket protocol, as a client sees them."""
    sent = {kind.__name__: kind for kind in CLIENT_FRAMES}
    received = {kind.__name__: kind for kind in GATEWAY_FRAMES}
    names = [*sent, *received]
    return {
        **_head("Journal Craft Crew, live", f"The WebSocket protocol {SUBPROTOCOL}."),
        "channels": {
            "live": {
                "address": "/v1/rt",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
            }
        },
        "operations": {
            "say": _frames("send", list(sent)),
            "hear": _frames("receive", list(received)),
        },
        "components": {
            "messages": {
                name: {
                    "summary": (kind.__doc__ or "").strip().splitlines()[0],
                    "payload": {"$ref": f"schemas/realtime/{name}.json"},
                }
                for name, kind in (sent | received).items()
            }
        },
    }


def _head(title: str, description: str) -> Document:
    return {
        "asyncapi": "3.0.0",
        "info": {"title": title, "version": "1.0.0", "description": description},
        "defaultContentType": "application/json",
    }


def _channel(entry: Entry) -> Document:
    exchange = "live" if entry.transient else "commands" if entry.is_command else "events"
    keys = ["u.{bucket}"] if entry.transient else list(entry.routing_keys)
    return {
        "address": keys[0] if len(keys) == 1 else f"{entry.name}.{{pool}}",
        "messages": {entry.name: {"$ref": f"#/components/messages/{entry.name}"}},
        **({"parameters": {"pool": {"enum": list(entry.pools)}}} if entry.pools else {}),
        **({"parameters": {"bucket": {"description": "0 to 1023"}}} if entry.transient else {}),
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": {"name": exchange, "type": "topic", "durable": not entry.transient},
            }
        },
    }


def _message(entry: Entry) -> Document:
    headers = {} if entry.is_command else {"headers": _cloud_event_headers()}
    return {
        "name": entry.name,
        "summary": (entry.message.__doc__ or "").strip().splitlines()[0],
        "payload": {"$ref": f"schemas/{entry.name}.json"},
        **headers,
    }


def _cloud_event_headers() -> Document:
    return {
        "type": "object",
        "properties": {f"cloudEvents:{name}": {"type": "string"} for name in CLOUD_EVENT},
    }


def _operation(action: str, entry: Entry) -> Document:
    channel = entry.name.replace("~", "~0").replace("/", "~1")
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}}


def _frames(action: str, names: list[str]) -> Document:
    messages = [{"$ref": f"#/channels/live/messages/{name}"} for name in names]
    return {"action": action, "channel": {"$ref": "#/channels/live"}, "messages": messages}
