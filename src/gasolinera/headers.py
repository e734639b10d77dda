"""Headers of every answer: what a browser may do with it, and whatever the request's handling has to say."""

from litestar.types import ASGIApp, Message, Receive, Scope, Send

from gasolinera.config import Environment

_ADDED = "gasolinera.headers"
_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"x-frame-options", b"DENY"),
)
# For data, which a browser has no reason to run, show in a frame or take as a page. Pages bring their own.
_DATA_POLICY = b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_CREDENTIALS = frozenset((b"authorization", b"x-api-key", b"cookie"))
_HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")


def add_header(scope: Scope, name: str, value: str) -> None:
    """Put a header on the answer of this request, whoever makes it, a refusal included."""
    scope["state"].setdefault(_ADDED, []).append((name.encode("latin-1"), value.encode("latin-1")))


def add_headers(app: ASGIApp, environment: Environment) -> ASGIApp:
    """A header that an answer sets itself stays. Nothing that a person has to prove who they are for is ever cached."""
    always = _ALWAYS if environment is Environment.DEVELOPMENT else (*_ALWAYS, _HSTS)

    async def answered(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        # What a POST answers is for the one who sent it: tokens, above all, which prove who they are from then on.
        is_private = scope["method"] == "POST" or any(name in _CREDENTIALS for name, _ in scope["headers"])

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message["headers"])
                names = {name.lower() for name, _ in given}
                given += [(name, value) for name, value in always if name not in names]
                if b"content-security-policy" not in names:
                    given.append((b"content-security-policy", _DATA_POLICY))
                if b"cache-control" not in names and (is_private or message["status"] >= 400):
                    given.append((b"cache-control", b"no-store"))
                given += scope["state"].get(_ADDED, ())
                message["headers"] = given
            await send(message)

        await app(scope, receive, with_headers)

    return answered
