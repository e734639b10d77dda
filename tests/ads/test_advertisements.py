"""Advertisements and their media as those run them who may: over HTTP, against a real database."""

import hashlib
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from time import perf_counter
from uuid import UUID, uuid4

import psycopg
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from gasolinera.ads import media
from gasolinera.ads.jobs_campaigns import AD_CAMPAIGN_JOBS
from gasolinera.ads.media_kinds import kind_of
from gasolinera.config import Settings
from tests.ads import media_files as files
from tests.ads.desk import AUTHOR, SECOND, THIRD, Admin, Desk, make_ad, make_campaign
from tests.applications import create_app
from tests.schema.catalog import Conn

WHOLE = {
    "image/png": files.picture("PNG"),
    "image/jpeg": files.picture("JPEG"),
    "image/gif": files.picture("GIF", frames=3),
    "image/webp": files.picture("WEBP", frames=3),
    "audio/wav": files.tone(),
    "audio/ogg": files.ogg(),
    "audio/mpeg": files.mp3(),
    "video/mp4": files.mp4(),
    "video/webm": files.webm(),
    "text/html": files.HTML,
}
HOSTILE = {
    "svg": files.SVG,
    "a script after a picture": files.png_with_trailing_script(),
    "a broken checksum": files.png_with_broken_checksum(),
    "a gif that is a script": files.gif_that_is_a_script(),
    "an archive after a picture": files.jpeg_that_is_an_archive(),
    "a program": b"MZ" + bytes(100),
    "an archive": b"PK\x03\x04" + bytes(100),
    "a script": b"<script>alert(1)</script>",
    "html in utf-16": files.HTML.decode().encode("utf-16"),
    "a jpeg of four bytes": b"\xff\xd8\xff\xd9",
    "a png without a size": b"\x89PNG\r\n\x1a\n" + files.chunk(b"IHDR", b"") + files.chunk(b"IEND", b""),
    "a film without a track": b"\0\0\0\x08ftyp\0\0\0\x08moov\0\0\0\x08mdat",
    "half a sound": files.tone()[:-10],
    "one letter": b"x",
    "html in a film's end": files.mp4() + files.HTML,
    "html after a song": files.mp3() + files.HTML,
}


@pytest.fixture
def desk(settings: Settings) -> Generator[Desk]:
    app: Litestar = create_app(settings)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Desk(app, client)


@pytest.mark.parametrize("kind", WHOLE)
def test_media_are_known_by_their_structure_and_not_when_anything_is_missing_or_more(kind: str) -> None:
    content = WHOLE[kind]
    assert kind_of(content) == kind
    if kind == "text/html":
        return
    assert kind_of(content + b"<script>") is None
    assert [cut for cut in range(len(content)) if kind_of(content[:cut]) == kind] in ([], [417, 834], [234])


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_whole_file_of_one_kind_is_refused(name: str) -> None:
    assert kind_of(HOSTILE[name]) is None


def test_eight_megabytes_of_a_scan_are_read_in_no_time() -> None:
    content = files.picture("JPEG")
    scan = content.index(b"\xff\xda")
    begins = scan + 2 + int.from_bytes(content[scan + 2 : scan + 4], "big")
    began = perf_counter()
    assert kind_of(content[:begins] + b"\xff\x00" * 4_000_000 + content[begins:]) == "image/jpeg"
    assert perf_counter() - began < 0.5


def test_media_are_given_to_everybody_while_an_approved_advertisement_has_them(desk: Desk) -> None:
    desk.draft_campaign()
    stored = desk.upload(WHOLE["text/html"], "text/html").json()
    made = desk.draft_ad(ad_format="INTERACTIVE", body_text=None, media={"sha256": stored["sha256"]}).json()
    ad, url = made["public_id"], stored["url"]

    def seen() -> tuple[int, int]:
        own = desk.ask("GET", url.removeprefix("/api/ads"))
        return desk.client.get(url).status_code, own.status_code

    assert seen() == (404, 200)
    desk.submit(ad)
    desk.review(ad, SECOND)
    assert seen() == (200, 200)
    shown = desk.client.get(url)
    assert shown.headers["content-type"] == "text/html; charset=utf-8"
    assert "max-age=3600" in shown.headers["cache-control"]
    desk.review(ad, SECOND, reason="No")
    assert seen() == (404, 200)
    assert desk.ask("GET", url.removeprefix("/api/ads")).headers["cache-control"] == "private, no-store"


def test_an_advertisement_for_some_ages_is_not_shown_and_segments_are_those_that_there_are(desk: Desk) -> None:
    targets = [{"dimension": "SEGMENT", "value": "VIP"}]
    assert desk.draft_campaign(targets=targets).json()["code"] == "ad_campaign.target"
    assert desk.draft_campaign(targets=[{"dimension": "SEGMENT", "value": "FREQUENT"}]).status_code == 201
    changed = desk.change_campaign("ADC-TEST", targets=targets)
    assert changed.json()["code"] == "ad_campaign.target"
    ad = desk.draft_ad(content_rating="TEEN").json()["public_id"]
    desk.submit(ad)
    desk.review(ad, SECOND)
    assert desk.show(ad) == (409, "ad.rating")


def test_nobody_who_changed_it_since_the_approval_reviews_it(desk: Desk) -> None:
    desk.draft_campaign()
    ad = desk.draft_ad().json()["public_id"]

    def change(user: UUID, text: str) -> None:
        etag = desk.ask("GET", f"/advertisements/{ad}").headers["etag"]
        done = desk.ask(
            "PATCH", f"/advertisements/{ad}", user=user, headers={"if-match": etag}, json={"body_text": text}
        )
        assert done.status_code == 200, done.text

    change(SECOND, "Otra.")
    change(THIRD, "Y otra.")
    desk.submit(ad)
    for nobody in (SECOND, THIRD, AUTHOR):
        assert desk.review(ad, nobody).json()["code"] == "ad.own_approval"
    fourth = uuid4()
    assert desk.review(ad, fourth).json()["approval_status"] == "APPROVED"
    change(THIRD, "La última.")
    desk.submit(ad)
    assert desk.review(ad, SECOND).json()["approval_status"] == "APPROVED"


def test_media_uploaded_again_have_their_week_anew_and_are_not_forgotten_under_a_new_advertisement(
    desk: Desk, admin: Admin, as_role: Callable[[str], Conn]
) -> None:
    desk.draft_campaign()
    again, named = (
        desk.upload(files.picture("PNG", size=(side, side)), "image/png").json()["sha256"] for side in (20, 21)
    )
    admin.execute("UPDATE ad_schema.ad_media SET uploaded_at = now() - interval '8 days'")
    desk.upload(files.picture("PNG", size=(20, 20)), "image/png")
    service = as_role("ads_app")
    with service.transaction():
        service.execute(
            "SELECT FROM ad_schema.ad_media WHERE sha256 = decode(%s, 'hex') FOR KEY SHARE", (named,)
        )  # as create_ad does
        forget_unused(desk)
    kept = admin.execute("SELECT encode(sha256, 'hex') FROM ad_schema.ad_media").fetchall()
    assert {again, named} <= {one for (one,) in kept}


def forget_unused(desk: Desk) -> None:
    with desk.client.portal() as portal:
        job = next(one for one in AD_CAMPAIGN_JOBS if one.name == "ads.forget_unused_media")
        portal.call(job.run, desk.app.state["ads"], dict[str, str]())


def test_uploads_are_kept_once_by_their_hash_and_given_to_everybody_for_good(desk: Desk, admin: Admin) -> None:
    content = files.picture("PNG", size=(700, 500))
    made = desk.upload(content, "image/png")
    assert made.status_code == 201, made.text
    digest = hashlib.sha256(content).hexdigest()
    assert made.json() == {
        "sha256": digest,
        "media_type": "image/png",
        "byte_count": len(content),
        "url": f"/api/ads/media/{digest}",
    }
    assert desk.upload(content, "image/png").json() == made.json()
    kept = admin.execute("SELECT count(*) FROM ad_schema.ad_media WHERE uploaded_by = %s", (AUTHOR,)).fetchone()
    assert kept == (1,)

    assert desk.client.get(f"/api/ads/media/{digest}").status_code == 404
    got = desk.ask("GET", f"/media/{digest}")
    assert (got.status_code, got.content, got.headers["content-type"]) == (200, content, "image/png")
    assert got.headers["cache-control"] == "private, no-store"
    assert got.headers["x-content-type-options"] == "nosniff"
    again = desk.ask("GET", f"/media/{digest}", headers={"if-none-match": got.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    unknown = desk.ask("GET", "/media/" + "0" * 64)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "ad_media.unknown")


def test_a_part_of_media_is_given_across_their_pieces(desk: Desk) -> None:
    content = files.tone(40)
    assert len(content) > 2 * media.CHUNK_BYTES
    url = desk.upload(content, "audio/x-wav").json()["url"].removeprefix("/api/ads")
    for asked, first, last in (
        ("bytes=0-0", 0, 0),
        ("bytes=262140-262150", 262_140, 262_150),
        ("bytes=5-", 5, len(content) - 1),
        ("bytes=-7", len(content) - 7, len(content) - 1),
        ("bytes=600000-9999999", 600_000, len(content) - 1),
    ):
        part = desk.ask("GET", url, headers={"range": asked})
        assert (part.status_code, part.content) == (206, content[first : last + 1]), asked
        assert part.headers["content-range"] == f"bytes {first}-{last}/{len(content)}"
    for asked in ("bytes=-", "bytes=9-3", "lines=1-2", "bytes=1-2,4-5"):
        whole = desk.ask("GET", url, headers={"range": asked})
        assert (whole.status_code, whole.content) == (200, content), asked


def test_html_runs_in_a_sandbox(desk: Desk) -> None:
    stored = desk.upload(files.HTML, "text/html; charset=utf-8").json()
    got = desk.ask("GET", f"/media/{stored['sha256']}")
    policy = got.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts;")
    assert "allow-same-origin" not in policy
    assert "default-src 'none'" in policy
    assert got.headers["x-frame-options"] == "SAMEORIGIN"


def test_uploads_that_lie_are_too_large_or_come_from_a_stranger_are_refused(desk: Desk) -> None:
    lying = desk.upload(WHOLE["image/png"], "image/jpeg")
    assert (lying.status_code, lying.json()["code"]) == (422, "ad_media.kind")
    for name, content in HOSTILE.items():
        assert desk.upload(content, "image/png").json()["code"] == "ad_media.kind", name
    assert desk.upload(b"", "image/png").json()["code"] == "ad_media.size"
    assert desk.upload(bytes(media.MAX_MEDIA_BYTES + 500), "image/png").json()["code"] == "ad_media.size"
    assert desk.upload(bytes(media.MAX_MEDIA_BYTES + 5000), "image/png").status_code == 413
    assert desk.client.post("/api/ads/media", content=WHOLE["image/png"]).status_code == 401


def test_an_advertisement_is_made_handed_in_approved_by_another_person_and_shown(desk: Desk) -> None:
    desk.draft_campaign()
    ad = desk.draft_ad().json()["public_id"]
    assert desk.show(ad) == (409, "ad.not_approved")
    assert desk.review(ad, SECOND).json()["code"] == "ad.not_submitted"
    assert desk.submit(ad).json()["submitted_at"] is not None
    assert desk.submit(ad).json()["code"] == "ad.submitted"
    waiting = desk.ask("GET", "/advertisements", params={"waiting": True}).json()["items"]
    assert ad in [one["public_id"] for one in waiting]

    own = desk.review(ad, AUTHOR)
    assert (own.status_code, own.json()["code"]) == (403, "ad.own_approval")
    approved = desk.review(ad, SECOND).json()
    assert (approved["approval_status"], approved["reviewed_by"]) == ("APPROVED", str(SECOND))
    assert desk.show(ad) == (200, "ACTIVE")
    assert desk.show(ad, "PAUSED") == (200, "PAUSED")
    assert desk.show(ad) == (200, "ACTIVE")

    taken_back = desk.review(ad, SECOND, reason="Promete demasiado").json()
    assert (taken_back["approval_status"], taken_back["status"]) == ("REJECTED", "PAUSED")
    assert desk.show(ad, "ARCHIVED") == (200, "ARCHIVED")
    assert desk.show(ad) == (409, "ad.status")


def test_changed_content_is_a_draft_again_and_who_changed_it_does_not_approve_it(desk: Desk) -> None:
    desk.draft_campaign()
    ad = desk.draft_ad().json()["public_id"]
    desk.submit(ad)
    read = desk.ask("GET", f"/advertisements/{ad}").headers["etag"]
    desk.review(ad, SECOND)
    desk.show(ad)
    etag = desk.ask("GET", f"/advertisements/{ad}").headers["etag"]
    changed = desk.ask(
        "PATCH", f"/advertisements/{ad}", user=THIRD, headers={"if-match": etag}, json={"body_text": "Otra."}
    ).json()
    assert (changed["status"], changed["approval_status"], changed["submitted_at"]) == ("DRAFT", "PENDING", None)
    assert (changed["reviewed_by"], changed["changed_by"]) == (None, str(THIRD))
    desk.submit(ad)
    assert desk.review(ad, SECOND, etag=read).json()["code"] == "ad.stale"
    for nobody in (AUTHOR, THIRD):
        assert desk.review(ad, nobody).json()["code"] == "ad.own_approval"
    assert desk.review(ad, SECOND).json()["approval_status"] == "APPROVED"


def test_media_of_an_advertisement_are_there_and_of_its_format(desk: Desk) -> None:
    desk.draft_campaign()
    stored = desk.upload(WHOLE["image/png"], "image/png").json()
    text = {"ad_format": "IMAGE", "body_text": None}
    made = desk.draft_ad(**text, media={"sha256": stored["sha256"]})
    assert made.status_code == 201, made.text
    assert (made.json()["media_type"], made.json()["media_bytes"]) == ("image/png", stored["byte_count"])
    assert desk.draft_ad(**text, media={"sha256": "0" * 64}).json()["code"] == "ad.media"
    assert desk.draft_ad(**text | {"ad_format": "VIDEO"}, media={"sha256": stored["sha256"]}).json()["code"] == (
        "ad.media_type"
    )
    assert desk.draft_ad(**text).json()["code"] == "ad.content"
    there = {
        "sha256": "1" * 64,
        "url": "https://cdn.example/a.mp4",
        "media_type": "video/mp4",
        "media_bytes": 9_000_000,
    }
    made = desk.draft_ad(ad_format="VIDEO", body_text=None, media=there)
    assert made.json()["media_url"] == "https://cdn.example/a.mp4"
    plain = there | {"url": "http://cdn.example/a.mp4"}
    assert desk.draft_ad(ad_format="VIDEO", body_text=None, media=plain).json()["code"] == "ad.media_url"
    half = {"sha256": "1" * 64, "url": "https://cdn.example/a.mp4"}
    assert desk.draft_ad(ad_format="VIDEO", body_text=None, media=half).json()["code"] == "ad.media"
    etag = made.headers["etag"]
    path = f"/advertisements/{made.json()['public_id']}"
    swapped = desk.ask(
        "PATCH", path, headers={"if-match": etag}, json={"ad_format": "IMAGE", "media": {"sha256": stored["sha256"]}}
    ).json()
    assert (swapped["media_url"], swapped["media_type"]) == (None, "image/png")
    assert desk.draft_ad(campaign_code="NOBODY").json()["code"] == "ad.campaign"


def test_production_itself_refuses_an_approval_by_its_maker_or_who_changed_it(production: Conn) -> None:
    campaign, _ = make_campaign(production)
    for column, value in (("created_by", SECOND), ("changers", [THIRD, SECOND])):
        with pytest.raises(psycopg.errors.CheckViolation) as refused:
            make_ad(production, campaign, **{"created_by": AUTHOR, column: value})
        assert (
            refused.value.diag.constraint_name
            == {
                "created_by": "advertisements_second_person_check",
                "changers": "advertisements_changer_check",
            }[column]
        )


def test_lists_of_advertisements_are_filtered_and_come_in_pages(desk: Desk) -> None:
    desk.draft_campaign()
    made = [desk.draft_ad(title=f"Página {number}").json()["public_id"] for number in range(5)]
    first = desk.ask("GET", "/advertisements", params={"campaign": "ADC-TEST", "limit": 3}).json()
    wanted = {"campaign": "ADC-TEST", "limit": 3, "cursor": first["next_cursor"]}
    second = desk.ask("GET", "/advertisements", params=wanted).json()
    assert [one["public_id"] for one in (*first["items"], *second["items"])] == made[::-1]
    assert second["next_cursor"] is None
    found = desk.ask("GET", "/advertisements", params={"q": "LA PLAYA", "format": "VIDEO", "approval": "APPROVED"})
    assert [one["title"] for one in found.json()["items"]] == ["Luna de limón: la playa"]


def test_unused_media_are_forgotten_after_a_week(desk: Desk, admin: Admin) -> None:
    desk.draft_campaign()
    used, unused, young = (
        desk.upload(files.picture("PNG", size=(side, side)), "image/png").json()["sha256"] for side in (20, 21, 22)
    )
    desk.draft_ad(ad_format="IMAGE", body_text=None, media={"sha256": used})
    admin.execute(
        "UPDATE ad_schema.ad_media SET uploaded_at = %s WHERE sha256 <> decode(%s, 'hex')",
        (datetime.now(UTC) - timedelta(days=8), young),
    )
    forget_unused(desk)
    assert [desk.ask("GET", f"/media/{one}").status_code for one in (used, unused, young)] == [200, 404, 200]


def test_the_sample_advertisements_show_what_they_say(desk: Desk, admin: Admin) -> None:
    sample = admin.execute(
        "SELECT encode(media_sha256, 'hex'), media_type, media_bytes FROM ad_schema.advertisements"
        " WHERE public_id::text LIKE 'ad100000-%' AND media_sha256 IS NOT NULL AND media_url IS NULL"
    ).fetchall()
    assert {kind for _, kind, _ in sample} == {"video/webm", "image/png", "text/html", "audio/wav"}
    for digest, kind, size in sample:
        content = desk.ask("GET", f"/media/{digest}").content
        assert (hashlib.sha256(content).hexdigest(), kind_of(content), len(content)) == (digest, kind, size)
