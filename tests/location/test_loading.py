"""Good data stay in use until better data have proved themselves."""

import hashlib
import os
import random
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from bailiwick.errors import InvalidInput
from bailiwick.location import (
    IMPORT_KINDS,
    DamagedFile,
    Freshness,
    LocationSettings,
    Locator,
    data_status,
    embedded_path,
    import_source,
    load_locator,
)

LISTS = Path(__file__).parent / "lists"
DE, FR = {"country_code": "DE"}, {"country_code": "FR"}
Write = Callable[..., Path]


def settings(**values: Any) -> LocationSettings:
    return LocationSettings.model_validate({"holder": "none", **values})


def mmdb_settings(path: Path, **values: Any) -> LocationSettings:
    return settings(located=[{"kind": "mmdb", "path": str(path), **values}])


def rewrite(path: Path, data: bytes) -> None:
    """Replace a file as an updater does, so that its state differs."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(data)
    fresh.replace(path)


def test_without_settings_the_embedded_data_locate(now: datetime) -> None:
    made = load_locator(LocationSettings(), now)
    found = made.locate("8.8.8.8")

    assert found.places == ("US",)
    assert found.holder == "US"
    assert found.stale == ("ipfire",)  # they are of June
    assert [row.name for row in made.status(now)] == ["ipfire", "iptocc"]
    assert data_status(made, now) == made.status(now)


def test_the_age_of_every_source_is_shown(mmdb: Write, now: datetime) -> None:
    path = mmdb({"8.8.8.0/24": DE}, built_at=now - timedelta(days=50))
    made = load_locator(mmdb_settings(path, max_age="60d"), now)
    (row,) = made.status(now)

    assert (row.freshness, row.age) == (Freshness.STALE, timedelta(days=50))
    assert row.as_dict()["age_days"] == 50.0
    assert row.as_dict()["schema"] == "ip-location-db"
    assert row.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert made.status(now + timedelta(days=10))[0].freshness is Freshness.EXPIRED
    assert made.locate("8.8.8.8", now).places == ("DE",)
    assert made.locate("8.8.8.8", now + timedelta(days=10)).places == ()


def test_stale_data_stay_in_use_without_a_max_age(mmdb: Write, now: datetime) -> None:
    path = mmdb({"8.8.8.0/24": DE}, built_at=now - timedelta(days=5000))
    found = load_locator(mmdb_settings(path), now).locate("8.8.8.8")

    assert (found.places, found.stale) == (("DE",), ("test.mmdb",))


def _damage(path: Path, how: str) -> None:
    data = path.read_bytes()
    if how == "missing":
        path.unlink()
    else:
        rewrite(path, {"empty": b"", "cut": data[: len(data) // 2], "page": b"<html>"}[how])


@pytest.mark.parametrize("how", ["missing", "empty", "cut", "page"])
@pytest.mark.parametrize("kind", ["mmdb", "imported"])
def test_a_damaged_file_never_replaces_a_good_one(
    how: str, kind: str, mmdb: Write, tmp_path: Path, now: datetime
) -> None:
    path = mmdb({"8.8.8.0/24": DE})
    if kind == "imported":
        path = import_source("mmdb", path, tmp_path / "data", now).path
    chosen = settings(located=[{"kind": kind, "path": str(path)}])
    good = load_locator(chosen, now)
    _damage(path, how)

    kept = load_locator(chosen, now, good)

    assert kept.locate("8.8.8.8").places == ("DE",)
    assert str(path) in (kept.status()[0].problem or "")
    assert good.status()[0].problem is None
    with pytest.raises(InvalidInput, match=r"mmdb|bwl"):
        load_locator(chosen, now)


def test_a_better_file_takes_over_and_an_unchanged_one_is_not_read_again(
    mmdb: Write, now: datetime
) -> None:
    path = mmdb({"8.8.8.0/24": DE})
    first = load_locator(mmdb_settings(path), now)
    again = load_locator(mmdb_settings(path), now, first)
    rewrite(path, mmdb({"8.8.8.0/24": FR}, name="other.mmdb").read_bytes())

    later = load_locator(mmdb_settings(path), now, again)

    assert again.sources[0] is first.sources[0]
    assert later.locate("8.8.8.8").places == ("FR",)
    assert first.locate("8.8.8.8").places == ("DE",)
    assert first.revision == again.revision != later.revision


def test_every_bad_source_is_reported_at_once(tmp_path: Path, now: datetime) -> None:
    bad = [{"kind": "mmdb", "path": str(tmp_path / name)} for name in ("one.mmdb", "two.mmdb")]

    with pytest.raises(InvalidInput) as refused:
        load_locator(settings(located=bad), now)

    assert len(refused.value.problems) == 2


def test_two_sources_of_one_name_are_refused(mmdb: Write, now: datetime) -> None:
    same = {"kind": "mmdb", "path": str(mmdb({"8.8.8.0/24": DE}))}

    with pytest.raises(InvalidInput, match=r"two location sources are called `test\.mmdb`"):
        load_locator(settings(located=[same, same]), now)
    named = load_locator(settings(located=[same, {**same, "name": "again"}]), now)
    assert named.locate("8.8.8.8").confidence == "agreed"


def test_a_file_that_is_not_the_one_named_is_refused(mmdb: Write, now: datetime) -> None:
    path = mmdb({"8.8.8.0/24": DE})
    digest = hashlib.sha256(path.read_bytes()).hexdigest()

    assert load_locator(mmdb_settings(path, sha256=digest), now)
    with pytest.raises(InvalidInput, match="SHA-256"):
        load_locator(mmdb_settings(path, sha256="0" * 64), now)


@pytest.mark.parametrize(
    ("address", "place", "passes"),
    [
        ("8.8.8.8", "DE", True),
        ("::ffff:8.8.8.8", "DE", True),
        ("8.8.8.8", "FR", False),
        ("9.9.9.9", "DE", False),
    ],
)
def test_a_file_that_fails_its_probe_is_refused(
    address: str, place: str, passes: bool, mmdb: Write, now: datetime
) -> None:
    chosen = mmdb_settings(mmdb({"8.8.8.0/24": DE}), probes={address: place})

    if passes:
        assert load_locator(chosen, now)
        return
    with pytest.raises(InvalidInput, match="fails its probe"):
        load_locator(chosen, now)


def test_no_flipped_bit_of_a_probed_or_imported_file_changes_a_probed_answer(
    mmdb: Write, tmp_path: Path, now: datetime
) -> None:
    """With a digest no flip is accepted at all; with probes none that changes what they ask."""
    codes = ["DE", "FR", "US", "JP", "CU"]
    networks = {f"{n}.0.0.0/8": {"country_code": c} for n, c in enumerate(codes, 30)}
    path = mmdb(networks)
    good = path.read_bytes()
    chosen = mmdb_settings(path, probes={"30.0.0.1": "DE", "34.0.0.1": "CU"})
    digest = mmdb_settings(path, sha256=hashlib.sha256(good).hexdigest())
    rng = random.Random(5)

    for _ in range(100):
        data = bytearray(good)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        rewrite(path, bytes(data))
        with pytest.raises(InvalidInput):
            load_locator(digest, now)
        try:
            made = load_locator(chosen, now)
        except InvalidInput:
            continue
        assert made.locate("30.0.0.1").places == ("DE",)
        assert made.locate("34.0.0.1").places == ("CU",)


def test_data_from_the_future_are_refused(mmdb: Write, now: datetime) -> None:
    path = mmdb({"8.8.8.0/24": DE}, built_at=now + timedelta(days=30))

    with pytest.raises(InvalidInput, match="in the future"):
        load_locator(mmdb_settings(path), now)


def test_a_source_in_the_wrong_place_is_refused(mmdb: Write, now: datetime) -> None:
    country = mmdb({"8.8.8.0/24": DE}, name="country.mmdb")
    privacy = mmdb({"8.8.8.0/24": {"vpn": True}}, "ipinfo standard_privacy", name="privacy.mmdb")
    nowhere = mmdb({"8.8.8.0/24": {"country_code": "EU"}}, name="nowhere.mmdb")

    for values, why in [
        ({"located": [{"kind": "mmdb", "path": str(privacy)}]}, "holds classes of networks"),
        ({"anonymizers": [{"kind": "mmdb", "path": str(country)}]}, "holds places"),
        ({"subdivisions": [{"kind": "mmdb", "path": str(country)}]}, "names no subdivision"),
        ({"located": [{"kind": "mmdb", "path": str(nowhere)}]}, "names no place"),
    ]:
        with pytest.raises(InvalidInput, match=why):
            load_locator(settings(**values), now)


def test_a_city_database_adds_subdivisions_and_candidates(mmdb: Write, now: datetime) -> None:
    crimea = {"country_code": "RU", "state1": "Crimea"}
    california = {"country_code": "US", "state1": "California"}
    city = mmdb({"8.8.8.0/24": crimea, "9.9.9.0/24": california}, name="city.mmdb")
    country = mmdb({"8.8.8.0/24": {"country_code": "UA"}, "9.9.9.0/24": {"country_code": "US"}})
    made = load_locator(
        settings(
            located=[{"kind": "mmdb", "path": str(country)}],
            subdivisions=[{"kind": "mmdb", "path": str(city)}],
        ),
        now,
    )

    assert made.locate("8.8.8.8").places == ("RU", "UA-43")
    assert made.locate("8.8.8.8").subdivision_known
    assert made.locate("9.9.9.9").places == ("US-CA",)


def anonymizer(kind: str, file: str, **values: Any) -> dict[str, Any]:
    return {"kind": kind, "path": str(LISTS / file), **values}


@pytest.mark.parametrize("setting", [
    anonymizer("tor_exits", "torbulkexitlist"), anonymizer("tor_exits", "exit-addresses"),
    anonymizer("cidr_list", "vpn-ipv4.txt"), anonymizer("cidr_list", "ips-v4", network="proxy"),
    anonymizer("private_relay", "egress-ip-ranges.csv"), anonymizer("aws", "ip-ranges.json"),
    anonymizer("gcp", "cloud.json"), anonymizer("azure", "ServiceTags_Public.json"),
    anonymizer("cloudflare", "cloudflare.json"), anonymizer("digitalocean", "google.csv"),
    anonymizer("geofeed", "geofeed.csv", network="hosting"),
], ids=lambda s: f"{s['kind']} {Path(s['path']).name}")  # fmt: skip
def test_every_kind_of_list_is_loaded_and_expires(
    setting: dict[str, Any], tmp_path: Path, now: datetime
) -> None:
    path = Path(shutil.copy(setting["path"], tmp_path))
    yesterday = (now - timedelta(days=1)).timestamp()
    os.utime(path, (yesterday, yesterday))
    made = load_locator(settings(anonymizers=[{**setting, "path": str(path)}]), now)
    row = made.status(now)[1]

    assert (row.kind, row.schema) == (setting["kind"], setting["kind"])
    assert row.role in ("network", "relay")
    assert row.expires_at is not None
    assert made.status(row.expires_at)[1].freshness is Freshness.EXPIRED


def test_a_list_expires_when_the_settings_say(tmp_path: Path, now: datetime) -> None:
    path = tmp_path / "vpn.txt"
    path.write_text("8.8.8.0/24\n")
    modified = now - timedelta(days=3)
    os.utime(path, (modified.timestamp(), modified.timestamp()))
    one = {"kind": "cidr_list", "path": str(path)}

    usual = load_locator(settings(anonymizers=[one]), now)
    short = load_locator(settings(anonymizers=[{**one, "max_age": "36h"}]), now)

    assert usual.locate("8.8.8.8").network == "vpn"
    assert short.locate("8.8.8.8").network is None
    assert "vpn.txt" in short.locate("8.8.8.8").stale


def test_paths_start_at_the_base(mmdb: Write, now: datetime) -> None:
    path = mmdb({"8.8.8.0/24": DE})

    made = load_locator(mmdb_settings(Path(path.name)), now, base=path.parent)

    assert made.locate("8.8.8.8").places == ("DE",)


def test_somebody_hears_how_far_loading_is(mmdb: Write, now: datetime) -> None:
    heard: list[str] = []

    load_locator(
        mmdb_settings(mmdb({"8.8.8.0/24": DE})),
        now,
        progress=lambda what, _d, _t: heard.append(what),
    )

    assert "reading records" in heard


class TestImport:
    def test_an_imported_file_says_the_same_as_the_original(
        self, mmdb: Write, tmp_path: Path, now: datetime
    ) -> None:
        path = mmdb({"8.8.8.0/24": {"country_code": "RU", "state1": "Crimea"}, "2a00::/16": DE})
        imported = import_source("mmdb", path, tmp_path / "data", now, name="city")
        chosen = {"kind": "imported", "path": str(imported.path), "sha256": imported.digest}
        made = load_locator(settings(located=[chosen]), now)

        assert imported.path == tmp_path / "data" / "city.bwl"
        assert imported.settings_group == "located"
        assert imported.as_dict()["schema"] == "ip-location-db"
        assert made.locate("8.8.8.8").places == ("RU", "UA-43")
        assert made.locate("2a00::1").places == ("DE",)
        assert made.status(now)[0].built_at == now - timedelta(days=1)

    @pytest.mark.parametrize(
        ("kind", "file", "address", "network"),
        [
            ("tor_exits", "torbulkexitlist", "192.0.2.7", "tor"),
            ("cidr_list", "vpn-ipv4.txt", "192.0.2.7", "vpn"),
            ("aws", "ip-ranges.json", "192.0.2.7", "hosting"),
        ],
    )
    def test_lists_are_imported(
        self, kind: str, file: str, address: str, network: str, tmp_path: Path, now: datetime
    ) -> None:
        imported = import_source(kind, LISTS / file, tmp_path, now)
        chosen = {"kind": "imported", "path": str(imported.path), "probes": {address: network}}

        assert load_locator(settings(anonymizers=[chosen]), now)
        assert imported.settings_group == "anonymizers"

    def test_a_geofeed_is_imported_as_a_location_source(
        self, tmp_path: Path, now: datetime
    ) -> None:
        feed = tmp_path / "feed.csv"
        feed.write_text("8.8.8.0/24,DE,,,\n")
        imported = import_source("geofeed", feed, tmp_path / "data", now, built_at=now)

        assert (imported.description.role, imported.settings_group) == ("geofeed", "located")
        assert imported.description.built_at == now

    def test_a_refused_import_leaves_the_file_of_before(
        self, mmdb: Write, tmp_path: Path, now: datetime
    ) -> None:
        into = tmp_path / "data"
        path = import_source("mmdb", mmdb({"8.8.8.0/24": DE}), into, now).path
        before = path.read_bytes()
        (tmp_path / "test.mmdb").write_bytes(b"<html>")

        with pytest.raises(DamagedFile):
            import_source("mmdb", tmp_path / "test.mmdb", into, now)
        assert path.read_bytes() == before
        assert [p.name for p in into.iterdir()] == [path.name]

    def test_data_without_a_place_or_from_the_future_are_not_imported(
        self, mmdb: Write, tmp_path: Path, now: datetime
    ) -> None:
        nowhere = mmdb({"8.8.8.0/24": {"country_code": "EU"}}, name="nowhere.mmdb")
        future = mmdb({"8.8.8.0/24": DE}, name="future.mmdb", built_at=now + timedelta(days=9))

        for path, why in ((nowhere, "names no place"), (future, "in the future")):
            with pytest.raises(DamagedFile, match=why):
                import_source("mmdb", path, tmp_path / "data", now)
        assert not (tmp_path / "data").exists()

    @pytest.mark.parametrize(
        ("kind", "options"),
        [
            ("csv", {}),
            ("embedded", {}),
            ("mmdb", {"network": "vpn"}),
            ("cidr_list", {"network": "onion"}),
            ("cidr_list", {"name": "../x"}),
        ],
    )
    def test_what_cannot_be_imported_is_refused(
        self, kind: str, options: dict[str, Any], tmp_path: Path, now: datetime
    ) -> None:
        with pytest.raises(InvalidInput):
            import_source(kind, LISTS / "ips-v4", tmp_path, now, **options)

    def test_every_kind_has_a_name_here(self) -> None:
        assert set(IMPORT_KINDS) == {
            "mmdb", "tor_exits", "cidr_list", "private_relay", "geofeed", "aws", "gcp", "azure",
            "cloudflare", "digitalocean",
        }  # fmt: skip


@pytest.mark.parametrize(
    "values",
    [
        {"located": []},
        {"located": [{"kind": "mmdb"}]},
        {"located": [{"kind": "embedded", "path": "x"}]},
        {"located": [{"kind": "tor_exits", "path": "x"}]},
        {"located": [{"kind": "mmdb", "path": "x", "max_age": "45"}]},
        {"located": [{"kind": "mmdb", "path": "x", "max_age": "0d"}]},
        {"located": [{"kind": "mmdb", "path": "x", "sha256": "abc"}]},
        {"located": [{"kind": "mmdb", "path": "x", "probes": {"8.8.8": "DE"}}]},
        {"located": [{"kind": "mmdb", "path": "x", "probes": {"8.8.8.8": "EU"}}]},
        {"located": [{"kind": "mmdb", "path": "x", "unknown": 1}]},
        {"anonymizers": [{"kind": "mmdb", "path": "x", "network": "vpn"}]},
        {"anonymizers": [{"kind": "cidr_list", "path": "x", "network": "onion"}]},
        {"anonymizers": [{"kind": "geofeed", "path": "x"}]},
        {"anonymizers": [{"kind": "cidr_list"}]},
        {"anonymizers": [{"kind": "cidr_list", "path": "x", "min_confidence": 50}]},
        {"nat64_prefixes": ["2001:db8::/44"]},
        {"trusted_proxies": ["10.0.0.1/8"]},
        {"trusted_proxies": ["proxy.example"]},
        {"client_address_header": "X-Forwarded-For"},
        {"client_address_header": "x-forwarded-for, forwarded"},
        {"client_address_header": ""},
        {"cache_size": -1},
        {"holder": "whois"},
    ],
    ids=range(23),
)
def test_settings_that_make_no_sense_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LocationSettings.model_validate(values)


def test_settings_are_values(now: datetime) -> None:
    chosen = settings(
        located=[{"kind": "embedded", "stale_after": "200d"}],
        nat64_prefixes=["2001:db8:64::/96"],
        trusted_proxies=["10.0.0.0/8"],
    )

    assert hash(chosen) == hash(chosen.model_copy())
    assert bytes([10, 0, 0, 1]) in chosen.trusted()
    assert chosen.nat64()[0].length == 96
    assert load_locator(chosen, now).locate("8.8.8.8").stale == ()


def test_a_copy_of_the_embedded_file_can_be_used_by_path(tmp_path: Path, now: datetime) -> None:
    copy = tmp_path / "mine.bwl"
    shutil.copy(embedded_path(), copy)
    made = load_locator(settings(located=[{"kind": "imported", "path": str(copy)}]), now)

    assert isinstance(made, Locator)
    assert made.locate("8.8.8.8").places == ("US",)
    assert made.loaded_at == datetime(2026, 11, 22, 12, tzinfo=UTC)
