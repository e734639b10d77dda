"""Texts for people, in Spanish and English: messages in Fluent files beside the code that shows them."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from fluent.runtime import FluentBundle, FluentResource
from fluent.syntax.ast import Message

LANGUAGES: Final = ("es", "en")  # the first is that of whoever says nothing
_LOCALES: Final = {"es": "es-MX", "en": "en-US"}


class Wording:
    """The messages of one folder. Make it with `load_wording`."""

    def __init__(self, bundles: Mapping[str, FluentBundle], names: Mapping[str, tuple[str, ...]]) -> None:
        self._bundles = bundles
        self._names = names

    def names(self, language: str) -> tuple[str, ...]:
        """Of every message in that language."""
        return self._names[language]

    def text(self, language: str, name: str, arguments: Mapping[str, str | int] | None = None) -> str:
        """Raises KeyError for a message that does not exist, ValueError for an argument that it needs and lacks."""
        bundle = self._bundles[language]
        pattern = bundle.get_message(name).value
        if pattern is None:
            raise KeyError(name)
        made, problems = bundle.format_pattern(pattern, dict(arguments or {}))
        if problems:
            raise ValueError(f"the message {name} lacks an argument: {type(problems[0]).__name__}")
        return str(made)


@cache
def load_wording(package: str, topic: str | None = None) -> Wording:
    """The messages of `<package>/locales/{es,en}.ftl`, or of one topic's `<topic>.{es,en}.ftl`."""
    bundles: dict[str, FluentBundle] = {}
    names: dict[str, tuple[str, ...]] = {}
    for language in LANGUAGES:
        # Marks of direction around arguments would be counted, and paid for, in a text message.
        bundle = FluentBundle([_LOCALES[language]], use_isolating=False)
        name = f"{language}.ftl" if topic is None else f"{topic}.{language}.ftl"
        source = files(package).joinpath("locales", name).read_text(encoding="utf-8")
        resource = FluentResource(source)
        bundle.add_resource(resource)
        names[language] = tuple(entry.id.name for entry in resource.body if isinstance(entry, Message))
        bundles[language] = bundle
    return Wording(bundles, names)


def preferred_language(accept_language: str, chosen: str | None = None) -> str:
    """What somebody chose, else the first language of the browser that we have (RFC 9110, section 12.5.4)."""
    if chosen in LANGUAGES:
        return chosen
    wishes: list[tuple[float, int, str]] = []
    for place, part in enumerate(accept_language.split(",")[:20]):
        tag, _, quality = part.strip().partition(";")
        try:
            weight = float(quality.strip().removeprefix("q=")) if quality else 1.0
        except ValueError:
            continue
        if weight > 0:
            wishes.append((-weight, place, tag.split("-")[0].lower()))
    return next((tag for _, _, tag in sorted(wishes) if tag in LANGUAGES), LANGUAGES[0])
