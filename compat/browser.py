"""Headless Chromium, the system's own, driven by Playwright. Each page has a profile of its own."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import Any, Iterator

from playwright.sync_api import Page, sync_playwright

SECONDS_TO_SHOW = 15
# Root has no sandbox; nothing but the pages under test is talked to.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Browser:
    def __init__(self) -> None:
        program = shutil.which("chromium")
        assert program, "chromium is not installed (on Debian: apt-get install chromium)"
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(executable_path=program, headless=True, args=FLAGS)

    @contextmanager
    def page(self, **options: Any) -> Iterator[Page]:
        """An empty page; `options` are those of a Playwright context."""
        context = self._browser.new_context(**options)
        context.set_default_timeout(SECONDS_TO_SHOW * 1000)
        try:
            yield context.new_page()
        finally:
            context.close()

    def close(self) -> None:
        self._browser.close()
        self._playwright.stop()
