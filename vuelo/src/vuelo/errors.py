"""One base for every error that vuelo raises on purpose: a stable code, a sentence, sometimes a hint."""


class VueloError(Exception):
    """Something the user can act on. `code` is stable; the message says what is wrong, the hint what to do."""

    def __init__(self, code: str, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
