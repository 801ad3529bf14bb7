"""What is published is what every host fetches, whatever was stored, replaced, shared and deleted before."""

import os
import shutil
from collections.abc import Iterator
from datetime import datetime, tzinfo
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_center.errors import AccessRefused, ConfigurationError
from integration_center.insights.drop_folders.cloud_settings import read_cloud_settings
from integration_center.insights.drop_folders.object_stores import KEEPING, open_prefix
from integration_center.store.bucket_objects import BucketObjects
from integration_center.store.frame_store import FrameStore
from integration_center.store.person import Person
from integration_center.store.personal_data import PersonalData
from integration_center.store.stored_files import FileKind, Place
from integration_center_tests.frame_stores import open_store
from integration_center_tests.insights.object_servers import BUCKET, S3Server, refuse, running
from integration_center_tests.proofs import examples

PLACES = [Place(f"ledgers/run-{number}/logins.parquet", FileKind.LEDGER, "logins") for number in range(3)]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.sampled_from(PLACES), st.sampled_from(PLACES)),
        st.tuples(st.just("share"), st.sampled_from(PLACES), st.sampled_from(PLACES)),
        st.tuples(st.just("delete"), st.sampled_from(PLACES), st.sampled_from(PLACES)),
        st.tuples(st.just("tidy"), st.sampled_from(PLACES), st.sampled_from(PLACES)),
    ),
    max_size=9,
)


def read(frames: FrameStore, place: Place) -> int | None:
    """The value of a place's frame, as somebody reads it who knows its name."""
    file = frames.fetch(place.name)
    return None if file is None else file.scan().collect().item()


@examples(12)
@given(steps=STEPS)
def test_a_place_holds_what_was_published_there_last_and_nothing_else_stays(
    steps: list[tuple[str, Place, Place]],
) -> None:
    expected: dict[str, int] = {}
    values = count()
    with TemporaryDirectory() as name:
        frames = open_store(Path(name))
        for what, place, other in steps:
            if what == "publish":
                expected[place.name] = next(values)
                frames.publish_frame(place, pl.DataFrame({"value": [expected[place.name]]}))
            elif what == "delete":
                expected.pop(place.name, None)
                frames.delete([place.name])
            elif what == "tidy":
                frames.delete_replaced()
            elif (file := frames.fetch(other.name)) is not None:
                frames.publish_file(place, file)
                expected[place.name] = expected[other.name]
            assert read(frames, place) == expected.get(place.name)
        assert [read(frames, each) for each in PLACES] == [expected.get(each.name) for each in PLACES]
        frames.delete_replaced()
        kept = [path for path in frames.objects.root.rglob("*") if path.is_file()]
        assert len(kept) == len(set(expected.values())), "a file that nobody names is gone, one that is shared is one"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    with running(S3Server()) as server:
        server.client().create_bucket(Bucket=BUCKET)
        for name, value in server.variables().items():
            monkeypatch.setenv(name, value)
        yield server


def open_bucket(folder: Path, host: str) -> FrameStore:
    """A host's view of the store: the index and the bucket are shared, the copies are its own."""
    prefix = open_prefix(f"s3://{BUCKET}/center", read_cloud_settings(), KEEPING)
    return FrameStore(open_store(folder).index, BucketObjects(prefix, folder / host))


def test_what_one_host_publishes_every_host_fetches_once(s3: S3Server, tmp_path: Path) -> None:
    place, frame = PLACES[0], pl.DataFrame({"value": [7]})
    a, b = open_bucket(tmp_path, "a"), open_bucket(tmp_path, "b")
    a.publish_frame(place, frame)
    s3.requests.clear()
    assert [read(b, place) for _ in range(3)] == [7, 7, 7]
    assert [request.partition(" ")[0] for request in s3.requests] == ["GET"]
    copy = b.fetch(place.name)
    assert copy is not None
    assert copy.path.stat().st_mode & 0o777 == 0o600
    shutil.rmtree(tmp_path / "b")
    assert read(b, place) == 7, "the scratch folder may vanish at any moment"

    b.publish_file(PLACES[1], copy)
    assert not any(request.startswith("PUT") for request in s3.requests), "an object that is there is not sent again"
    assert read(a, PLACES[1]) == 7

    a.delete([each.name for each in PLACES])
    assert (read(b, place), s3.client().list_objects_v2(Bucket=BUCKET, Prefix="center/").get("Contents")) == (
        None,
        None,
    )


def test_copies_that_nobody_uses_are_deleted(s3: S3Server, tmp_path: Path) -> None:
    frames = open_bucket(tmp_path, "a")
    old, used = (frames.publish_frame(place, pl.DataFrame({"value": [1]})).path for place in PLACES[:2])
    for path in (old, used):
        os.utime(path, (0, 0))
    later = open_bucket(tmp_path, "a")
    assert read(later, PLACES[1]) == 1
    later.publish_frame(PLACES[2], pl.DataFrame({"value": [2]})).path.unlink()
    assert read(later, PLACES[2]) == 2
    assert (old.exists(), used.exists()) == (False, True)


def test_an_object_that_is_gone_is_no_frame_and_a_store_that_refuses_is_an_error(s3: S3Server, tmp_path: Path) -> None:
    frames = open_bucket(tmp_path, "a")
    frames.publish_frame(PLACES[0], pl.DataFrame({"value": [1]})).path.unlink()
    s3.first.append(refuse(403, "AccessDenied"))
    with pytest.raises(AccessRefused, match=r"s3:PutObject"):
        frames.fetch(PLACES[0].name)
    for each in s3.client().list_objects_v2(Bucket=BUCKET)["Contents"]:
        s3.client().delete_object(Bucket=BUCKET, Key=each["Key"])
    assert frames.fetch(PLACES[0].name) is None
    s3.client().delete_bucket(Bucket=BUCKET)
    with pytest.raises(ConfigurationError, match="check INTEGRATION_CENTER_STORAGE"):
        frames.fetch(PLACES[0].name)


@pytest.mark.parametrize("address", ["http://bucket/x", "s3://", "ftp://host/x"])
def test_an_address_that_cannot_be_is_refused_by_name(address: str) -> None:
    with pytest.raises(ConfigurationError, match=r"INTEGRATION_CENTER_STORAGE: "):
        open_prefix(address, read_cloud_settings(), KEEPING)


class HourAhead(datetime):
    """The clock of a host that is an hour ahead."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "HourAhead":
        return cls.fromtimestamp(datetime.now(tz).timestamp() + 3600, tz)


def test_a_person_is_erased_from_what_a_host_with_a_fast_clock_replaced(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report, person = Place("insights/logins/2026-11-22.parquet", FileKind.REPORT, "logins"), Person(frozenset(["ann"]))
    a, b = open_bucket(tmp_path, "a"), open_bucket(tmp_path, "b")
    with monkeypatch.context() as patched:
        patched.setattr("integration_center.database.file_index.datetime", HourAhead)
        for name in ("ann", "bob"):
            a.publish_frame(report, pl.DataFrame({"User ID": [name]}))
    data = PersonalData(b, tmp_path / "scratch")
    held, _ = data.search(person)
    assert len(held) == 1
    data.erase(held, person, tmp_path)
    assert data.search(person) == ([], 1)
    assert len(s3.client().list_objects_v2(Bucket=BUCKET, Prefix="center/")["Contents"]) == 1


def test_a_person_is_erased_from_every_version_in_a_bucket(s3: S3Server, tmp_path: Path) -> None:
    ann, bob = "ann@acme.example", "bob@acme.example"
    report = Place("insights/logins/2026-11-22.parquet", FileKind.REPORT, "logins")
    read_by = Place("ledgers/run-0/logins.2026-11-22.parquet", FileKind.DAY_READ, "logins", run_id="run-0")
    error = Place("ledgers/run-0/logins.error.txt", FileKind.ERROR, "logins", run_id="run-0")
    a, b = open_bucket(tmp_path, "a"), open_bucket(tmp_path, "b")
    a.publish_frame(report, pl.DataFrame({"User ID": [ann], "day": [1]}))
    second = a.publish_frame(report, pl.DataFrame({"User ID": [ann, bob], "day": [1, 2]}), {"identity": "x"})
    a.publish_file(read_by, second)
    a.publish_text(error, f"{ann} has no value")
    person, data = Person(frozenset([ann])), PersonalData(b, tmp_path / "scratch")
    held, searched = data.search(person)
    assert (len(held), searched, sum(holding.rows for holding in held)) == (3, 3, 3)

    data.erase(held, person, tmp_path)
    assert data.search(person) == ([], 1)
    objects = s3.client().list_objects_v2(Bucket=BUCKET, Prefix="center/")["Contents"]
    assert len(objects) == 1
    for place in (report, read_by):
        file = b.fetch(place.name)
        assert file is not None
        assert file.scan().collect().rows() == [(None, None), (bob, 2)]
        assert pl.read_parquet_metadata(file.path)["identity"] == "x"
    assert b.fetch(error.name) is None
