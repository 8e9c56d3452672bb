"""The report in a real browser: light, dark, on a phone, and what axe finds.

Screenshots are kept in ``build/screenshots``.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from replay.replay_help import DE, MISTRAL, NEW, OLD, OPUS, RU, US, bailiwick, line

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SHOTS = Path(__file__).parents[2] / "build/screenshots"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip
PHONE, DESK = 360, 1200

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: make test-deps")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    (folder / "new.yaml").write_text(NEW)
    (folder / "old.yaml").write_text(OLD)
    lines = [
        line(address, model, f"acc_{day % 7}", f"{day:02d}/Jun/2026:12:00:00 +0000")
        for day in range(1, 29)
        for address in (US, DE, RU)
        for model in (OPUS, MISTRAL, "unheard-of")
    ]
    (folder / "access.log").write_text("\n".join([*lines, "half a line"]))
    bailiwick(
        "replay", folder / "access.log", "-p", folder / "new.yaml", "--baseline",
        folder / "old.yaml", "--at", "2026-07-01", "--html", folder / "report.html",
    )  # fmt: skip
    return (folder / "report.html").as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_it_is_whole_and_axe_finds_no_violation(
    browser: Browser, report: str, width: int, scheme: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(report)
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"replay-{width}-{scheme}.png", full_page=True)
    wide = page.evaluate("document.documentElement.scrollWidth")
    found = Axe().run(page).response["violations"]
    context.close()

    assert [(one["id"], one["impact"], one["nodes"][0]["html"][:200]) for one in found] == []
    assert wide <= width
    assert errors == []
