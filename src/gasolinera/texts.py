"""Text in bodies: `Annotated[str, text(100)]`. It has something to see in it, and nothing that hides or breaks a line.

PostgreSQL takes no NUL; control characters break logs and files; marks of direction make a text read as another one.
"""

import msgspec

_UNSEEN = r"\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069"
_UNSEEN_BUT_LINES = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069"
_LINE = rf"^[^{_UNSEEN}]*[^{_UNSEEN}\s][^{_UNSEEN}]*$(?!\n)"
_LINES = rf"^[^{_UNSEEN_BUT_LINES}]*[^{_UNSEEN_BUT_LINES}\s][^{_UNSEEN_BUT_LINES}]*$(?!\n)"


def text(max_length: int, *, min_length: int = 1, description: str | None = None) -> msgspec.Meta:
    """One line of text with at least one character that can be seen."""
    return msgspec.Meta(min_length=min_length, max_length=max_length, pattern=_LINE, description=description)


def lines(max_length: int, *, min_length: int = 1, description: str | None = None) -> msgspec.Meta:
    """The same with line ends and tabs: a note, a reason."""
    return msgspec.Meta(min_length=min_length, max_length=max_length, pattern=_LINES, description=description)
