"""A provider's page becomes a list of places, or every name that is not understood is told."""

import pytest

from bailiwick.bootstrap import find_pack
from bailiwick.errors import InvalidInput
from bailiwick.places import name_of
from bailiwick.providers import read_page

HTML = """<!doctype html><html><head><title>Germany and more</title><style>li {}</style></head>
<body><nav><a href="/">Home</a></nav><h1>Where we serve</h1><p>This list may change.</p>
<h2>A</h2><ul><li>Albania</li><li><a href="/at">Austria</a>*</li></ul>
<h2>C</h2><ul><li>C&ocirc;te d&#39;Ivoire</li><li>Congo (Republic)</li></ul>
<h2>U</h2><ul><li>Ukraine (except Crimea, Donetsk, and Luhansk regions)</li>
<li>United States of America</li></ul>
<footer>About us</footer><script>var country = "Cuba"</script></body></html>"""


def test_html_is_read_block_by_block() -> None:
    page = read_page(HTML, "page.html")

    assert page.served == {"AL", "AT", "CI", "CG", "UA", "US"}
    assert [code for code, _ in page.excluded] == ["UA-09", "UA-14", "UA-43"]
    assert page.aside == ("Home", "Where we serve", "This list may change.", "A", "About us")


def test_plain_text_is_read_with_bullets_headings_and_several_on_a_line() -> None:
    text = (
        "Countries\n\nA:\n- Albania\n* Austria [1]\n1. Bahamas\nKorea, Republic of\nMali; Malta\n"
    )

    page = read_page(text, "page.txt")

    assert page.served == {"AL", "AT", "BS", "KR", "ML", "MT"}


def test_exceptions_without_names_are_kept_as_they_are_worded() -> None:
    page = read_page("Togo\nUkraine (with certain exceptions)\n", "page.txt")

    assert page.unnamed == (("UA", "with certain exceptions"),)
    assert page.excluded == ()


def test_an_unknown_name_is_refused_with_its_line_and_a_hint() -> None:
    with pytest.raises(InvalidInput) as found:
        read_page("Albania\nAustralai\nUkraine (except Gotham)\nKorea\nTogo\nAlbania\n", "page.txt")

    text = str(found.value)
    assert (
        "page.txt:2: unknown place name `Australai`\nhelp: did the page mean Australia (`AU`)"
        in text
    )
    assert "page.txt:3: unknown subdivision `Gotham` of Ukraine" in text
    assert "page.txt:4: unknown place name `Korea`" in text
    assert "page.txt:6: `Albania` is listed twice" in text


def test_a_page_without_places_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no place is named"):
        read_page("<html><body><p>Prove that you are human</p></body></html>", "page.html")


@pytest.mark.parametrize("name", ["anthropic", "openai", "google"])
def test_our_own_names_of_a_captured_list_lead_back_to_it(name: str) -> None:
    served = find_pack(name).served or frozenset()

    page = read_page("\n".join(f"<li>{name_of(one)}</li>" for one in served), "page.html")

    assert page.served == served
