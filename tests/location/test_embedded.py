"""The embedded data are what their source says, and say where they are from."""

import hashlib
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from bailiwick.errors import InvalidInput
from bailiwick.location import (
    DamagedFile,
    build_embedded,
    embedded_path,
    is_routable,
    load_embedded,
    pack,
)
from bailiwick.location.storage import unpack_table
from bailiwick.places import canonical

TOR = Path("/usr/share/tor")
HEADER = "# Generated: Thu, 25 Jun 2026 04:33:59 GMT\n# License: CC BY-SA 4.0\n"
V4 = """134217728,134217983,US
134217984,134218239,UK
134218240,134218495,EU
167772160,167772415,DE
"""
V6 = """2a00::,2a00:ffff:ffff:ffff:ffff:ffff:ffff:ffff,FR
2a01::,2a01::ff,??
2001:db8::,2001:db8::ff,JP
"""


def files(folder: Path, v4: str = HEADER + V4, v6: str = HEADER + V6) -> Path:
    (folder / "geoip").write_text(v4)
    (folder / "geoip6").write_text(v6)
    return folder


def test_two_text_files_become_one_table(tmp_path: Path) -> None:
    built = build_embedded(files(tmp_path), tmp_path / "out", "1.2-3")
    table, about = unpack_table(built.path.read_bytes(), "x")

    found = {t: table.place_of(t) for t in ("8.0.0.1", "8.0.1.1", "8.0.2.1", "10.0.0.1", "2a00::1",
                                            "2a01::1", "2001:db8::1", "9.9.9.9")}  # fmt: skip
    assert found == {
        "8.0.0.1": "US", "8.0.1.1": "GB", "8.0.2.1": None, "10.0.0.1": None, "2a00::1": "FR",
        "2a01::1": None, "2001:db8::1": None, "9.9.9.9": None,
    }  # fmt: skip
    assert about.built_at == datetime(2026, 6, 25, 4, 33, 59, tzinfo=UTC)
    assert about.licence == "CC BY-SA 4.0"
    assert "IPFire" in about.credit
    assert about.notes == ("`??` is no place", "`EU` is no place")


def test_the_same_files_give_the_same_bytes_and_a_note_of_their_source(tmp_path: Path) -> None:
    one = build_embedded(files(tmp_path), tmp_path / "one", "1.2-3")
    two = build_embedded(tmp_path, tmp_path / "two", "1.2-3")

    source = (tmp_path / "one" / "SOURCE").read_text()
    assert one.path.read_bytes() == two.path.read_bytes()
    assert one.digest in source
    assert "1.2-3" in source
    assert "2026-06-25" in source
    assert "CC BY-SA 4.0" in source


@pytest.mark.parametrize(
    ("v4", "why"),
    [
        (V4, "no date"),
        (HEADER.replace("25 Jun", "26 Jun") + V4, "not the same one"),
        (HEADER.replace("Thu, 25", "some day") + V4, "date"),
        (HEADER + "1,2\n", "not a range"),
        (HEADER + "5,2,US\n", "not a range"),
        (HEADER + "1,99999999999999999999999999999999999999999,US\n", "not a range"),
        (HEADER + "1,2,USA\n", "not a range"),
        (HEADER + "aa,bb,US\n", "not a range"),
        (HEADER + "8.0.0.0,8.0.0.1,US\n", "not a range"),
        (HEADER + "1,9,US\n5,12,DE\n", "overlap"),
        (HEADER + "<html>\n", "not a range"),
    ],
)
def test_files_that_cannot_be_believed_are_refused(v4: str, why: str, tmp_path: Path) -> None:
    with pytest.raises((InvalidInput, DamagedFile), match=why):
        build_embedded(files(tmp_path, v4), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_data_in_the_package_have_a_licence_a_source_and_a_checksum() -> None:
    folder = embedded_path().parent
    source = (folder / "SOURCE").read_text()

    assert hashlib.sha256(embedded_path().read_bytes()).hexdigest() in source
    assert "tor-geoipdb" in source
    assert "creativecommons.org/licenses/by-sa/4.0" in (folder / "LICENSE").read_text()
    assert embedded_path().stat().st_size < 1 << 20


@pytest.mark.parametrize(
    ("address", "place"),
    [("8.8.8.8", "US"), ("5.255.255.5", "RU"), ("2a02:6b8::1", "RU"), ("175.45.176.1", "KP"),
     ("193.0.6.139", "NL"), ("2001:200::1", "JP"), ("203.0.113.4", None), ("10.0.0.1", None)],
)  # fmt: skip
def test_well_known_addresses_are_where_they_are(address: str, place: str | None) -> None:
    table, _ = load_embedded()

    assert table.place_of(address) == place


@pytest.mark.skipif(not TOR.joinpath("geoip").exists(), reason="needs Debian's tor-geoipdb")
def test_the_data_in_the_package_say_what_the_installed_files_say() -> None:
    table, _ = load_embedded()
    v4 = [line.split(",") for line in _lines("geoip", 13)]
    v6 = [line.split(",") for line in _lines("geoip6", 13)]

    firsts = np.array([int(first) for first, _, _ in v4], np.uint32)
    for (first, last, code), number in zip(v4, table.ids_of_batch(firsts).tolist(), strict=True):
        want = canonical(code) if is_routable(int(first).to_bytes(4, "big")) else None
        assert table.places[number] == want
        assert table.places[table.id_of(int(last).to_bytes(4, "big"))] in (want, None)
    for first, last, code in v6:
        for text in (first, last):
            want = canonical(code) if is_routable(pack(text) or b"") else None
            assert table.place_of(text) == want


def _lines(name: str, step: int) -> list[str]:
    with (TOR / name).open() as file:
        return list(islice((line.strip() for line in file if line[0] not in "#\n"), 0, None, step))
