"""The pages hold together, say what the JSON says, and cannot be made to say anything else."""

import json
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from availability.pages_policy import POLICY, gathered
from bailiwick.availability import Availability, as_dict, changes_between, feed, schema, write_site
from bailiwick.errors import BailiwickError

ATOM = "{http://www.w3.org/2005/Atom}"


class Links(HTMLParser):
    """Collects what a page points at."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("href", "src")]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, found: Availability) -> Path:
    folder = tmp_path_factory.mktemp("site")
    write_site(found, folder)
    return folder


def test_the_json_has_the_published_shape(site: Path) -> None:
    jsonschema.validate(json.loads((site / "availability.json").read_text()), schema())


def test_every_link_leads_to_a_page_that_is_there(site: Path) -> None:
    for page in site.rglob("*.html"):
        for link in Links(page.read_text()).found:
            if not link.startswith(("https://example.org/", "#")):
                assert (page.parent / link).resolve().is_file(), (page, link)


def test_nothing_is_loaded_from_anywhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text()

        assert not re.search(r"""(src|url\(|@import)\s*=?\s*["'(]?\s*(https?:)?//""", text)
        assert "default-src 'none'" in unescape(text)


def test_names_of_the_policy_are_text_and_never_markup(site: Path) -> None:
    for page in ("index.html", "model/pa-one.html", "place/de.html"):
        text = (site / page).read_text()

        assert "<tests>" not in text
        assert "&lt;tests&gt;" in text
        assert "<unverified>" not in text
        assert "licence <1>" not in text


def test_every_model_and_every_place_has_its_page(site: Path, found: Availability) -> None:
    assert len(list(site.glob("model/*.html"))) == len(found.offers)
    assert len(list(site.glob("place/*.html"))) == len(found.places)


def test_a_page_says_where_to_object_and_where_to_ask_for_an_exemption(site: Path) -> None:
    links = Links((site / "model/pa-one.html").read_text()).found

    assert "https://example.org/appeal" in links
    assert "https://example.org/exempt" in links


def test_writing_twice_changes_nothing(tmp_path: Path, found: Availability) -> None:
    write_site(found, tmp_path)
    first = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    write_site(found, tmp_path)

    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == first


def test_the_feed_says_what_changed_and_keeps_what_it_said(tmp_path: Path) -> None:
    write_site(gathered(), tmp_path, "https://example.org/")
    write_site(
        gathered(POLICY.replace("address: eu}", "address: DE}")), tmp_path, "https://example.org/"
    )
    write_site(
        gathered(POLICY.replace("address: eu}", "address: [DE, US]}")),
        tmp_path,
        "https://example.org/",
    )
    entries = ET.parse(tmp_path / "changes.atom").getroot().findall(f"{ATOM}entry")
    said = [(entry.findtext(f"{ATOM}title"), entry.findtext(f"{ATOM}summary")) for entry in entries]

    assert [(title, (summary or "").split(".")[0]) for title, summary in said] == [
        ("pa/one: full → quota", "In United States (US)"),
        ("pa/two: full → quota", "In United States (US)"),
        ("pa/one: quota → full", "In France (FR)"),
        ("pa/two: quota → full", "In France (FR)"),
    ]


def test_the_feed_says_when_a_model_is_no_longer_offered() -> None:
    less = as_dict(gathered(POLICY.replace("  - {id: other, permit: pb/*}\n", "")))
    (change,) = [one for one in changes_between(as_dict(gathered()), less) if one.before == "full"]

    assert (change.model, change.after) == ("pb/one", "not offered")


def test_the_feed_is_no_longer_than_it_may_be() -> None:
    old = as_dict(gathered())
    text = None
    for number in range(60):
        new = as_dict(
            gathered(
                POLICY.replace("address: eu}", f"address: {'DE' if number % 2 else 'FR'}}}")
                + f"# {number}\n"
            )
        )
        new["revision"] = f"{number:016}"
        text, old = feed(old, new, text, None), new

    assert text is not None
    assert len(ET.fromstring(text).findall(f"{ATOM}entry")) == 100


@pytest.mark.parametrize("text", ["[]", "{", '{"models": 1}'])
def test_a_folder_with_somebody_elses_file_is_left_alone(
    tmp_path: Path, found: Availability, text: str
) -> None:
    (tmp_path / "availability.json").write_text(text)

    with pytest.raises(BailiwickError, match="is no availability file"):
        write_site(found, tmp_path)
    assert list(tmp_path.iterdir()) == [tmp_path / "availability.json"]


def test_a_damaged_feed_is_not_thrown_away(tmp_path: Path, found: Availability) -> None:
    (tmp_path / "changes.atom").write_text("<feed")

    with pytest.raises(BailiwickError, match="damaged"):
        write_site(found, tmp_path)
    assert (tmp_path / "changes.atom").read_text() == "<feed"
