"""The system's headless Chromium, driven by Playwright. Each page has its own profile."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, sync_playwright

SECONDS_TO_SHOW = 15
# The checks write the pictures of the documentation into this folder, if it is set.
PICTURES = os.environ.get("AXME_PICTURES")
# Root has no sandbox. The other flags keep the browser from calling anything but the pages under test.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# The axe rules that depend on colors, and therefore on the scheme.
COLOURS = ["color-contrast", "link-in-text-block"]
# The color rules are slow, and repeated parts of a page have the same colors. They skip the third and later articles of
# a section. All other rules see the whole page.
REPETITIONS = {"exclude": [["article:nth-of-type(n+3)"]]}


def picture(page: Page, name: str, whole: bool = False) -> None:
    """Keeps what the window shows, or the whole page."""
    if PICTURES:
        page.screenshot(path=Path(PICTURES, f"{name}.png"), full_page=whole)


def is_accessible(page: Page, name: str) -> None:
    """Checks the page with axe, in the light and the dark scheme."""
    all_else = {"rules": {rule: {"enabled": False} for rule in COLOURS}}
    _finds_nothing(page, name, None, all_else)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        _finds_nothing(page, f"{name}, {scheme}", REPETITIONS, {"runOnly": {"type": "rule", "values": COLOURS}})


def is_accessible_as_shown(page: Page, name: str) -> None:
    """Checks the page with axe in the scheme of its window."""
    _finds_nothing(page, name, None, {})


def _finds_nothing(page: Page, name: str, context: Any, options: dict[str, Any]) -> None:
    # Reports of passed rules have megabytes, and nobody reads them.
    found = Axe().run(page, context=context, options=options | {"resultTypes": ["violations"]})
    assert found.violations_count == 0, f"the {name} page: {found.generate_report()}"


class Browser:
    def __init__(self) -> None:
        program = shutil.which("chromium")
        assert program, "chromium is not installed (on Debian: apt-get install chromium)"
        self._playwright = sync_playwright().start()
        try:
            self._browser = self._playwright.chromium.launch(executable_path=program, headless=True, args=FLAGS)
        except Exception:
            # A second driver cannot start beside this one, so every later check would fail too.
            self._playwright.stop()
            raise

    @contextmanager
    def page(self, **options: Any) -> Iterator[Page]:
        """Opens an empty page; `options` are those of a Playwright context."""
        context = self._browser.new_context(**options)
        context.set_default_timeout(SECONDS_TO_SHOW * 1000)
        try:
            yield context.new_page()
        finally:
            context.close()

    def close(self) -> None:
        self._browser.close()
        self._playwright.stop()
