"""The kinds of windows in which the matrices look at pages, and the checks of each page: its width, axe, and the keyboard."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import product
from typing import Any, Callable, Iterator

from playwright.sync_api import Page

from browser import Browser, is_accessible_as_shown, picture
from page_checks import PHONE

DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
# More Tab stops than a page has: a date alone has several.
MAX_STOPS = 150

# The fields and links that a person can reach. The radio buttons of a group are one stop.
REACHABLE = """() => {
  const kinds = "a[href], button, input:not([type=hidden]), select, textarea, summary";
  const found = [...document.querySelectorAll(kinds)].filter((e) => e.checkVisibility() && !e.disabled);
  return found.filter((e) => {
    const group = e.type === "radio" ? [...document.getElementsByName(e.name)] : [e];
    return !group.some((one) => one.hasAttribute("data-walked"));
  }).map((e) => e.outerHTML.slice(0, 120));
}"""
# Marks the place of the keyboard, and says whether it can be seen there.
STOP = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  e.setAttribute("data-walked", "");
  const style = getComputedStyle(e);
  return style.outlineStyle !== "none" || style.boxShadow !== "none" ? null : e.outerHTML.slice(0, 120);
}"""

# Looks at a page that is shown, under its name.
Look = Callable[[Page, str], None]


@contextmanager
def _window(browser: Browser, kind: str, look: Look, **options: Any) -> Iterator[tuple[Page, Look]]:
    def named(page: Page, name: str) -> None:
        picture(page, f"{name} {kind}".replace(" ", "-").replace("/", "-").lower(), whole=True)
        look(page, f"{name}, {kind}")

    with browser.page(**options) as page:
        yield page, named


def in_each_window(browser: Browser, visit: Callable[[Page, Look], None]) -> None:
    """Visits pages at desktop and phone size, light and dark, and looks at each with its scripts."""
    for (size, window), scheme in product((("desktop", DESKTOP), ("phone", PHONE)), ("light", "dark")):
        with _window(browser, f"{size} {scheme}", _looks_right, bypass_csp=True, color_scheme=scheme, **window) as (page, look):
            visit(page, look)


def in_each_window_without_scripts(browser: Browser, visit: Callable[[Page, Look], None]) -> None:
    """Visits pages at desktop and phone size with scripts off."""
    for size, window in (("desktop", DESKTOP), ("phone", PHONE)):
        with _window(browser, f"{size} without scripts", _is_narrow, java_script_enabled=False, **window) as (page, look):
            visit(page, look)


def _looks_right(page: Page, name: str) -> None:
    _is_narrow(page, name)
    is_accessible_as_shown(page, name)
    _is_reached_by_keyboard(page, name)


def _is_narrow(page: Page, name: str) -> None:
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0, f"the {name} page is {wide} pixels wider than its window"


def _is_reached_by_keyboard(page: Page, name: str) -> None:
    """Presses Tab until each field and link had the focus, and checks that the focus can be seen."""
    left = page.evaluate(REACHABLE)
    for _ in range(MAX_STOPS):
        if not left:
            break
        page.keyboard.press("Tab")
        hidden = page.evaluate(STOP)
        assert hidden is None, f"the {name} page does not show the focus of {hidden}"
        left = page.evaluate(REACHABLE)
    assert not left, f"on the {name} page, Tab does not reach {left}"
