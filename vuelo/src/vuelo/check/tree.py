"""Walking PostgreSQL's parse tree."""

from collections.abc import Iterator

from google.protobuf.message import Message
from postgast import pg_query_pb2 as pb


def inner(node: Message) -> Message:
    """What a Node wraps; anything else as it is."""
    if isinstance(node, pb.Node):
        kind = node.WhichOneof("node")
        return getattr(node, kind) if kind else node
    return node


def children(node: Message) -> Iterator[Message]:
    for field, value in node.ListFields():
        if field.message_type is None:
            continue
        if isinstance(value, Message):
            yield inner(value)
        else:
            yield from (inner(one) for one in value)


def walk(node: Message) -> Iterator[Message]:
    """The node and all below it, as they stand in the text from left to right where the grammar keeps that order."""
    waiting = [inner(node)]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += reversed(list(children(one)))
