"""Tables that come in over HTTP: the file in the request, and an example of what is answered."""

from typing import Any

from litestar import Request
from litestar.datastructures import UploadFile

from gasolinera.errors import InputError

RESULT_EXAMPLE = {
    "is_kept": True,
    "rows_read": 3,
    "inserted": 1,
    "updated": 1,
    "unchanged": 0,
    "rejected": 1,
    "faults": [{"row": 4, "column": "postal_code", "code": "invalid", "message": "Expected `str` matching regex"}],
}


async def file_of(request: Request[Any, Any, Any]) -> bytes:
    """Raises InputError `sheet.no_file`."""
    kind, _ = request.content_type
    if kind in ("text/csv", "application/csv"):
        return await request.body()
    if kind == "multipart/form-data":
        files = [value for _, value in (await request.form()).multi_items() if isinstance(value, UploadFile)]
        if len(files) == 1:
            return await files[0].read()
    raise InputError("sheet.no_file", "the request holds no table", "send text/csv, or one file as multipart/form-data")
