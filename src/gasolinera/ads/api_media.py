"""Media over HTTP: taken in from those who run the advertising, given to everybody once they are approved."""

import re
from collections.abc import AsyncGenerator
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import HeaderParameter, PathParameter, QueryParameter
from litestar.response import Stream

from gasolinera.ads import media, serving
from gasolinera.ads.api_campaigns import PROBLEMS, user_id
from gasolinera.ads.models_ads import StoredMedia
from gasolinera.ads.models_serving import ContentRating, Explanation, Segment, Viewer
from gasolinera.authentication import requires
from gasolinera.database import Database, RequestContext
from gasolinera.errors import HTTPStatus, problem_spec
from gasolinera.limits import Limit
from gasolinera.openapi import good
from gasolinera.permissions import Caller, Permission, Reach

_UNKNOWN = problem_spec(HTTPStatus.NOT_FOUND, "ad_media.unknown", "there are no media with this hash")
_KIND = problem_spec(HTTPStatus.UNPROCESSABLE_ENTITY, "ad_media.kind", "these bytes are no media that are taken")
_SIZE = problem_spec(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "ad_media.size", "media have 1 to 8,000,000 bytes")
_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_STORED_EXAMPLE = {
    "sha256": _SHA256,
    "media_type": "image/png",
    "byte_count": 2143,
    "url": f"/api/ads/media/{_SHA256}",
}
_EXPLAINED_EXAMPLE: dict[str, object] = {
    "chosen": None,
    "counts": {"CAMPAIGN_PAUSED": 1},
    "judged": [
        {
            "public_id": "ad100000-0000-4000-8000-000000000005",
            "title": "Cuenta sin vueltas",
            "campaign_code": "ADC-BANCO",
            "priority": 4,
            "reason": "CAMPAIGN_PAUSED",
            "of_reason": 1,
        }
    ],
}
# Bytes of a hash never change, but an approval can be taken back: an hour later nobody keeps them without asking.
_FOR_ALL = "public, max-age=3600, immutable"
_FOR_ONE = "private, no-store"
_RANGE = re.compile(r"bytes=([0-9]{0,12})-([0-9]{0,12})")


def _bytes(description: str) -> ResponseSpec:
    return ResponseSpec(
        bytes,
        generate_examples=False,
        description=description,
        media_type="image/png",
        examples=[Example(value="PNG and so on")],
    )


@post(
    "/media",
    guards=[requires(Permission.ADS_MANAGE, second_factor=True, fresh=True)],
    opt={"timeout_s": 60},
    request_max_body_size=media.MAX_MEDIA_BYTES + 1000,
    summary="Upload media of advertisements",
    description="The bytes as the body, their type as Content-Type: PNG, JPEG, GIF, WebP, WAV, MP3, Ogg, MP4, WebM or "
    "a self-contained HTML document. What they are is told from the bytes, to their end. The same bytes again give the "
    "same answer. What no advertisement uses is deleted after a week.",
    responses={201: good(StoredMedia, "What is kept.", _STORED_EXAMPLE), 413: _SIZE, **PROBLEMS, 422: _KIND},
)
async def upload_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
) -> StoredMedia:
    declared, _ = request.content_type
    content = await request.body()
    examined = await media.examine(content, declared=declared)
    async with db.transaction(context) as conn:
        return await media.keep(conn, examined, uploaded_by=user_id(caller))


@get(
    "/media/{sha256:str}",
    opt={"open": True, "limits": (Limit("ip", 600, 60),)},
    summary="Media of an advertisement",
    description="By the SHA-256 of their content, so they never change. Everybody is given those of an approved "
    "advertisement; others are unknown to whom may not read advertisements (`ads:read`). One range of bytes can be "
    "asked for. HTML runs in a sandbox, without an origin and without a network.",
    responses={
        200: _bytes("The bytes."),
        206: _bytes("Some of them."),
        404: _UNKNOWN,
        503: PROBLEMS[503],
    },
)
async def media_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    sha256: Annotated[str, PathParameter(pattern=r"^[0-9a-f]{64}$(?!\n)", description="In hexadecimal.")],
    if_none_match: Annotated[str | None, HeaderParameter(name="If-None-Match", max_length=200)] = None,
    byte_range: Annotated[str | None, HeaderParameter(name="Range", max_length=100)] = None,
) -> Response[Any] | Stream:
    caller: Caller | None = request.scope["user"]
    may_see_all = caller is not None and caller.reach(Permission.ADS_READ) is Reach.ALL
    return await given(db, sha256, may_see_all=may_see_all, if_none_match=if_none_match, byte_range=byte_range)


async def given(
    db: Database, sha256: str, *, may_see_all: bool, if_none_match: str | None, byte_range: str | None
) -> Response[Any] | Stream:
    """The bytes, or some of them, as whoever asks may keep them. Raises UnknownError."""
    async with db.connection() as conn:
        found = await media.find(conn, sha256, may_see_all=may_see_all)
    caching = _FOR_ALL if found.is_public else _FOR_ONE
    headers = {"etag": f'"{sha256}"', "cache-control": caching, "accept-ranges": "bytes"}
    if found.media_type == "text/html":
        headers |= {"content-security-policy": media.HTML_POLICY, "x-frame-options": "SAMEORIGIN"}
    if if_none_match is not None and f'"{sha256}"' in if_none_match:
        return Response(None, status_code=304, headers=headers)
    first, last, status = _range_of(byte_range, found.byte_count)
    if status == HTTPStatus.PARTIAL_CONTENT:
        headers["content-range"] = f"bytes {first}-{last}/{found.byte_count}"
    headers["content-length"] = str(last + 1 - first)
    content: AsyncGenerator[bytes] = media.read(db, sha256, first=first, last=last)
    return Stream(content, status_code=int(status), media_type=found.media_type, headers=headers)


def _range_of(asked: str | None, size: int) -> tuple[int, int, int]:
    """First and last byte, and the status. What is no single range inside is answered whole (RFC 9110, 14.2)."""
    found = None if asked is None else _RANGE.fullmatch(asked.strip())
    if found is None or not (found[1] or found[2]):
        return 0, size - 1, HTTPStatus.OK
    if found[1]:
        first, last = int(found[1]), min(int(found[2] or size), size - 1)
    else:
        first, last = max(0, size - int(found[2])), size - 1
    return (first, last, HTTPStatus.PARTIAL_CONTENT) if first <= last else (0, size - 1, HTTPStatus.OK)


@get(
    "/serving/explanation",
    guards=[requires(Permission.ADS_READ)],
    summary="Which advertisement somebody would see, and why no other",
    description="Of every other advertisement the first reason. Nothing is counted, nobody is shown anything. "
    "The choice among equals is by lot, so it may differ the next time.",
    responses={200: good(Explanation, "What would be chosen.", _EXPLAINED_EXAMPLE), **PROBLEMS},
)
async def explain_route(  # noqa: PLR0913, PLR0917  what is known of a viewer is an argument each
    db: NamedDependency[Database],
    user: Annotated[UUID, QueryParameter(description="Whose frequency caps count.")],
    station: Annotated[str | None, QueryParameter(pattern=r"^[A-Z0-9]{3,20}$(?!\n)")] = None,
    city: Annotated[str | None, QueryParameter(min_length=1, max_length=100)] = None,
    region: Annotated[
        str | None, QueryParameter(name="state", min_length=1, max_length=100, description="The station's.")
    ] = None,
    fuel: Annotated[str | None, QueryParameter(pattern=r"^(REGULAR|PREMIUM|DIESEL)$(?!\n)")] = None,
    language: Annotated[str, QueryParameter(pattern=r"^(es|en)$(?!\n)")] = "es",
    segment: Annotated[Segment | None, QueryParameter(description="The segment that the viewer is in.")] = None,
    rating: Annotated[ContentRating, QueryParameter(description="What may be shown at most.")] = ContentRating.EVERYONE,
    reference: Annotated[
        str | None, QueryParameter(pattern=r"^RDM-[0-9]{8}-[0-9]{6,18}$(?!\n)", description="The chain's redemption.")
    ] = None,
    limit: Annotated[int, QueryParameter(ge=32, le=500, description="How many to tell of.")] = 100,
) -> Explanation:
    viewer = Viewer(
        user_id=user,
        station_code=station,
        city=city,
        state=region,
        fuel_type=fuel,
        language=language,
        segments=() if segment is None else (segment,),
        highest_rating=rating,
        transaction_reference=reference,
    )
    async with db.connection() as conn:
        return await serving.explain(conn, viewer, limit=limit)


HANDLERS = (upload_route, media_route, explain_route)
