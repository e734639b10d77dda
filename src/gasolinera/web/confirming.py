"""Before something is done that cannot be taken back, a page asks; it needs no script."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from litestar import Request
from litestar.response import Template

from gasolinera.web.forms import Form
from gasolinera.web.pages import page

_ANSWER: Final = "confirmed"
_WORD: Final = "typed"


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """All texts are in the reader's language. `word` must be typed, where one click would be too little."""

    title: str
    text: str
    yes: str
    back: str  # the path of the page that asked
    word: str | None = None
    is_danger: bool = True


def is_confirmed(form: Form, word: str | None = None) -> bool:
    """Whether the form comes from the page that asked, with the word typed right."""
    return form.value(_ANSWER) == "yes" and (word is None or form.value(_WORD) == word)


def confirm_page(
    request: Request[Any, Any, Any], question: Question, fields: Mapping[str, str], form: Form | None = None
) -> Template:
    """Posts `fields` again to the address of this request, with the answer. `form` is what was posted to it: a word
    that was typed wrongly is said.
    """
    is_wrong = form is not None and form.value(_ANSWER) == "yes"
    typed = form.value(_WORD) if form else ""
    values = {"question": question, "fields": dict(fields), "is_wrong": is_wrong, "typed": typed}
    return page(request, "web/confirm.html", values, status=422 if is_wrong else 200)
