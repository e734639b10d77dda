"""A photo that a page posts: the code on it, or what is wrong at the form's field, on the page that it came from."""

from typing import Any

from litestar import Request
from litestar.exceptions import HTTPException

from gasolinera.errors import InputError
from gasolinera.redemption.photos import read_photo
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import language_of
from gasolinera.web.refusing import words_of
from gasolinera.wording import Wording

_TOO_LARGE = 413


async def read_photo_form(request: Request[Any, Any, Any], wording: Wording) -> tuple[Form, str | None]:
    """The form with the code on its `photo`; None and the fault at the field where none is read.

    A body above the limit is not read at all, so nothing else of such a form is known.
    """
    try:
        form = await read_form(request)
    except HTTPException as error:
        if error.status_code != _TOO_LARGE:
            raise
        form = Form()
        form.refuse(wording.text(language_of(request), "refused-photo-too-large"), "photo")
        return form, None
    photo = form.files.get("photo")
    try:
        if photo is None:
            raise InputError("photo.unreadable", "there is no photo")
        return form, await read_photo(await photo.read())
    except InputError as error:
        form.refuse(words_of(request, wording, error), "photo")
        return form, None
