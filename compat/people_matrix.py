"""Looks at each page of people in each kind of window: desktop and phone, light and dark, by keyboard, without scripts.

`run.py --matrix` runs it, and `./test --all` does.
"""

from __future__ import annotations

from itertools import product
from typing import Any, Callable

from playwright.sync_api import Page, expect

from browser import is_accessible_as_shown
from inbox_checks import _make_member, _press, _sign_in
from page_checks import PHONE, _visit_the_pages_of_a_task
from world import World, until

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


def the_pages_of_people_are_right_in_each_kind_of_window(world: World) -> None:
    for (size, window), scheme in product((("desktop", DESKTOP), ("phone", PHONE)), ("light", "dark")):
        with world.browser.page(bypass_csp=True, color_scheme=scheme, **window) as page:
            _visit(world, page, _looks_right(f"{size}, {scheme}"))


def the_pages_of_people_work_without_scripts_in_each_kind_of_window(world: World) -> None:
    for window in (DESKTOP, PHONE):
        with world.browser.page(java_script_enabled=False, **window) as page:
            _visit(world, page, _is_narrow)


def _looks_right(kind: str) -> Callable[[Page, str], None]:
    def look(page: Page, name: str) -> None:
        _is_narrow(page, name)
        is_accessible_as_shown(page, f"{name}, {kind}")
        _is_reached_by_keyboard(page, f"{name}, {kind}")

    return look


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


def _visit(world: World, page: Page, look: Callable[[Page, str], None]) -> None:
    """Shows each page of a task, and each page of the inbox."""
    _visit_the_pages_of_a_task(world, page, look)
    person = world.new_person()
    _make_member(world, person)
    for number in (1, 2):
        world.ask(person, {"title": f"Pay invoice {number}", "summary": ["amount"]}, payload={"amount": number, "currency": "EUR"})
    until("the tasks are mailed", lambda: len(world.letters(person)) == 2)
    page.goto(f"{world.server.base_url}/inbox")
    look(page, "sign-in")
    _sign_in(world, page, person, 3)
    expect(page.get_by_text("2 tasks wait for you.")).to_be_visible()
    look(page, "inbox")
    for number in (1, 2):
        page.get_by_label(f"Choose Pay invoice {number}").check()
    _press(page, "Answer the chosen tasks")
    look(page, "inbox confirmation")
    _press(page, "Confirm: Approve all 2")
    look(page, "inbox answers")
    for link, heading in (("Your settings", "Your settings"), ("Your sessions", "Your sessions")):
        page.goto(f"{world.server.base_url}/inbox")
        page.get_by_role("link", name=link).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)
        look(page, link)
