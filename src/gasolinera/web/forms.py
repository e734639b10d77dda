"""Forms that are posted: only from our own pages, and only with the token that the page was given.

Browsers say where a request comes from (Sec-Fetch-Site, Origin); the token holds where they do not, and binds a form
to the session that it was shown in.
"""

import hmac
import re
import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import UploadFile

from gasolinera.config import Environment, Settings
from gasolinera.errors import ForbiddenError, UnauthenticatedError
from gasolinera.keyring import Keyring
from gasolinera.web.cookies import session_of

_HEADER: Final = "x-form-token"  # where a page's module puts it
_GOOD_FOR_S: Final = 12 * 3600
_POSTED: Final = "gasolinera.posted"
_BINDS: Final = b"form"
_LENGTH: Final = re.compile(r"of length ([<>])= (\d+)")
_RANGE: Final = re.compile(r"`(?:int|float|decimal)` ([<>]=?) (-?[\d.]+)")
_BOUNDS: Final = {"<=": "field-most", "<": "field-less", ">=": "field-least", ">": "field-more"}
_KINDS: Final = {
    "matching regex": "field-shape",
    "enum value": "field-choice",
    "date": "field-date",
    "time": "field-date",
}
# One digit or two, or more than three: with three it may be a thousand, and a guess would cost somebody money.
_COMMA: Final = re.compile(r"-?\d+,(\d{1,2}|\d{4,})")
_LOCAL: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")
Kind = TypeVar("Kind", bound=msgspec.Struct)


class Fault(msgspec.Struct, frozen=True):
    """What is wrong in a field: the name of a text of ours, with its arguments, or the text itself."""

    name: str = ""
    arguments: Mapping[str, str | int] = {}
    text: str = ""


class Form:
    """What somebody typed, and what is wrong with it. Shown again, it has both.

    A field that is given several times (ticks) has them all in `lists`; `files` are what was uploaded.
    """

    def __init__(
        self,
        values: Mapping[str, str] | None = None,
        lists: Mapping[str, Sequence[str]] | None = None,
        files: Mapping[str, UploadFile] | None = None,
    ) -> None:
        self.values = dict(values or {})
        self.lists = {name: tuple(given) for name, given in (lists or {}).items()}
        self.files = dict(files or {})
        self.errors: dict[str, Fault] = {}
        self.refusals: list[str] = []

    def value(self, name: str) -> str:
        return self.values.get(name, "")

    @property
    def fields(self) -> Mapping[str, object]:
        """All of it but the files, as it tells one wish from another."""
        return {name: list(given) for name, given in self.lists.items()} | self.values

    def refuse(self, text: str, field: str | None = None) -> None:
        """`text` is in the reader's language; without a field it stands above the form."""
        if field is None:
            self.refusals.append(text)
        else:
            self.errors[field] = Fault(text=text)

    def parsed(self, kind: type[Kind]) -> Kind | None:
        """The struct that the fields make; None with the `errors` of all its fields.

        An empty field counts as not given. A field that is a sequence takes all values of its name.
        """
        given: dict[str, Any] = {}
        for field in msgspec.structs.fields(kind):
            raw = self._raw(field.encode_name, field.type)
            if raw is None:
                if field.required:
                    many = _is_sequence(field.type)
                    self.errors[field.encode_name] = Fault("field-none" if many else "field-required")
                continue
            try:
                given[field.name] = msgspec.convert(raw, field.type, strict=False)
            except msgspec.ValidationError as error:
                self.errors[field.encode_name] = _fault_of(str(error))
            else:
                if isinstance(given[field.name], Decimal) and not given[field.name].is_finite():
                    self.errors[field.encode_name] = Fault("field-number")
        return None if self.errors else kind(**given)

    def _raw(self, name: str, kind: Any) -> str | Sequence[str] | None:
        if _is_sequence(kind):
            return [one for one in self.lists.get(name, ()) if one] or None
        raw = self.values.get(name) or None
        if raw and _COMMA.fullmatch(raw) and _is_one_of(kind, msgspec.inspect.DecimalType):
            return raw.replace(",", ".")  # the decimal comma of half of our countries
        if raw and _LOCAL.fullmatch(raw) and _is_one_of(kind, msgspec.inspect.DateTimeType):
            return f"{raw}:00"  # browsers leave seconds of zero out, the decoder wants them
        return "true" if raw == "on" and _is_one_of(kind, msgspec.inspect.BoolType) else raw


def _is_sequence(kind: Any) -> bool:
    return _is_one_of(kind, msgspec.inspect.CollectionType, msgspec.inspect.VarTupleType)


def _is_one_of(kind: Any, *searched: type) -> bool:
    info = msgspec.inspect.type_info(kind)
    options = info.types if isinstance(info, msgspec.inspect.UnionType) else (info,)
    return any(isinstance(_bare(one), searched) for one in options)


def _bare(info: Any) -> Any:
    return _bare(info.type) if isinstance(info, msgspec.inspect.Metadata) else info


def _fault_of(message: str) -> Fault:
    """What the decoder says, in the words that people get: it names the bound, never what was typed."""
    length = _LENGTH.search(message)
    if length:
        return Fault("field-long" if length[1] == "<" else "field-short", {"count": int(length[2])})
    bound = _RANGE.search(message)
    if bound:
        return Fault(_BOUNDS[bound[1]], {"bound": bound[2]})
    for sign, name in _KINDS.items():
        if sign in message:
            return Fault(name)
    if "`int" in message or "`float" in message or "decimal" in message:
        return Fault("field-number")
    return Fault("field-wrong")


def form_token(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """For the hidden field `token` of a form on a page of this request."""
    keyring: Keyring = connection.app.state["keyring"]
    until = int(time.time()) + _GOOD_FOR_S
    key_id, mac = keyring.mac("cursor", _bound(connection, until))
    return f"{until}.{key_id}.{mac.hex()}"


async def read_form(request: Request[Any, Any, Any]) -> Form:
    """What was posted, without its token. Raises what `check_form` raises.

    Texts lose the blanks around them; line ends become those of the platform. The limit of a body holds for all of it.
    """
    posted = await request.form()
    lists: dict[str, list[str]] = {}
    files: dict[str, UploadFile] = {}
    for name, value in posted.multi_items():
        if isinstance(value, UploadFile):
            if value.filename:
                files[name] = value
        else:
            lists.setdefault(name, []).append(str(value).replace("\r\n", "\n").strip())
    token = next(iter(lists.pop("token", [])), "")
    request.scope["state"][_POSTED] = lists  # for the page that asks to send it again
    check_form(request, token)
    return Form({name: given[-1] for name, given in lists.items()}, lists, files)


def posted_again(request: Request[Any, Any, Any]) -> Sequence[tuple[str, str]]:
    """What a form that was too old had in it, to be sent again by whoever typed it.

    Nothing where the browser does not say that it came from us.
    """
    if request.headers.get("sec-fetch-site") != "same-origin":
        return ()
    lists: Mapping[str, Sequence[str]] = request.scope["state"].get(_POSTED, {})
    return [(name, value) for name, values in lists.items() for value in values]


def check_form(request: Request[Any, Any, Any], token: str | None = None) -> None:
    """Raises ForbiddenError `form.foreign` or `form.expired`; called before anything is done.

    Without a token the one in the header counts, where a page's module puts it.
    """
    if not _is_from_us(request):
        raise ForbiddenError("form.foreign", "this form was sent from another site")
    token = request.headers.get(_HEADER, "") if token is None else token
    until, _, rest = token.partition(".")
    key_id, _, mac = rest.partition(".")
    expired = ForbiddenError("form.expired", "this form is too old", "load the page again")
    if not (until.isascii() and until.isdigit() and key_id.isascii() and key_id.isdigit() and len(token) < 200):
        raise expired
    keyring: Keyring = request.app.state["keyring"]
    try:
        expected = keyring.mac_with("cursor", int(key_id), _bound(request, int(until)))
    except UnauthenticatedError:
        raise expired from None
    if not hmac.compare_digest(mac.encode(), expected.hex().encode()) or int(until) < time.time():
        raise expired


def _bound(connection: ASGIConnection[Any, Any, Any, Any], until: int) -> bytes:
    return b"\0".join((_BINDS, str(until).encode(), (session_of(connection) or "").encode()))


def _is_from_us(request: Request[Any, Any, Any]) -> bool:
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    if origin is None:
        return True
    settings: Settings = request.app.state["settings"]
    shown = urlsplit(origin)
    # Sessions go over https alone but while developing; behind a proxy the request itself does not say so.
    is_scheme_ours = shown.scheme == "https" or settings.environment is Environment.DEVELOPMENT
    return is_scheme_ours and shown.netloc == request.headers.get("host")


def local_path(path: str) -> str:
    """Where to go after a form: a path of ours, never another site."""
    good = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and path.isascii()
    return path if good and len(path) <= 500 else "/"
