"""The pages in a real browser: filters, keyboard, a phone, and what axe finds.

Screenshots are kept in ``build/screenshots``.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from bailiwick.availability import Availability, write_site

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SHOTS = Path(__file__).parents[2] / "build/screenshots"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip
PAGES = ["index.html", "model/pa-one.html", "place/de.html"]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: make test-deps")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, found: Availability) -> str:
    folder = tmp_path_factory.mktemp("site")
    write_site(found, folder)
    return folder.as_uri()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console", lambda message: errors.append(message.text) if message.type == "error" else None
    )
    yield page
    context.close()
    assert errors == []


def shown(page: Page) -> list[str]:
    return page.locator("#models tbody tr:visible th").all_inner_texts()


def test_the_filter_finds_models(page: Page, site: str) -> None:
    page.goto(f"{site}/index.html")
    page.get_by_label("Find a model").fill("pb")

    assert shown(page) == ["pb/one"]
    assert page.get_by_role("status").inner_text() == "1 of 3 models"


def test_somebody_in_a_country_sees_its_levels(page: Page, site: str) -> None:
    page.goto(f"{site}/index.html")
    page.get_by_label("I am in").select_option(label="Germany")

    assert [text.strip() for text in page.locator("#models tbody td.here").all_inner_texts()] == [
        "◕ available with quotas", "◕ available with quotas", "● available",
    ]  # fmt: skip
    page.get_by_label("Show").select_option(label="available")
    assert shown(page) == ["pb/one"]


def test_the_page_is_usable_by_keyboard_alone(page: Page, site: str) -> None:
    page.goto(f"{site}/index.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    for _ in range(2):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "find"
    page.keyboard.type("pa/one")
    assert shown(page) == ["pa/one"]
    for _ in range(4):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/model/pa-one.html")

    assert page.locator("h1").inner_text() == "pa/one"


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(page: Page, site: str, name: str, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(f"{site}/{name}")
    # axe is injected, which the page's own policy would forbid
    found = Axe().run(page).response["violations"]

    assert [(one["id"], one["impact"], one["nodes"][0]["html"][:200]) for one in found] == []


@pytest.mark.parametrize("name", PAGES)
def test_a_phone_needs_no_sideways_scrolling(browser: Browser, site: str, name: str) -> None:
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, is_mobile=True, device_scale_factor=2
    )
    page = context.new_page()
    page.goto(f"{site}/{name}")
    width = page.evaluate("document.documentElement.scrollWidth")
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(
        path=SHOTS / f"availability-phone-{name.replace('/', '-')}.png", full_page=False
    )
    context.close()

    assert width <= 360


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_without_its_script(browser: Browser, site: str, name: str) -> None:
    context = browser.new_context(
        java_script_enabled=False, viewport={"width": 1200, "height": 1500}
    )
    page = context.new_page()
    page.goto(f"{site}/{name}")
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"availability-{name.replace('/', '-')}.png")

    assert page.locator("h1").is_visible()
    assert page.locator("form:visible").count() == 0
    context.close()


def test_the_pages_ask_for_nothing_over_the_network(page: Page, site: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{site}/index.html")

    assert all(url.startswith("file:") for url in asked)
