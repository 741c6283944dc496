"""Looks at each page of people in each kind of window: desktop and phone, light and dark, by keyboard, without scripts.

`run.py --matrix` runs it, and `./test --all` does.
"""

from __future__ import annotations

import json
from urllib.parse import urlencode

from playwright.sync_api import Page, expect

from browser_matrix import Look, in_each_window, in_each_window_without_scripts
from inbox_checks import _make_member, _press, _sign_in
from page_checks import _visit_the_pages_of_a_task
from world import World, until


def the_pages_of_people_are_right_in_each_kind_of_window(world: World) -> None:
    in_each_window(world.browser, lambda page, look: _visit(world, page, look))


def the_pages_of_people_work_without_scripts_in_each_kind_of_window(world: World) -> None:
    in_each_window_without_scripts(world.browser, lambda page, look: _visit(world, page, look))


def the_pages_to_sign_in_are_right_in_each_kind_of_window(world: World) -> None:
    in_each_window(world.browser, lambda page, look: _visit_sign_in(world, page, look))


def the_pages_to_sign_in_work_without_scripts_in_each_kind_of_window(world: World) -> None:
    in_each_window_without_scripts(world.browser, lambda page, look: _visit_sign_in(world, page, look))


def _visit(world: World, page: Page, look: Look) -> None:
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


def _visit_sign_in(world: World, page: Page, look: Look) -> None:
    """Shows each page on which a person signs in: for another device, by the link of a mail, and for an assistant."""
    base_url = world.server.base_url
    person = world.new_person()
    _make_member(world, person)
    asked = world.post("/v1/auth/cli-grants", None).json
    page.goto(f"{asked['approval_url']}&grant={asked['grant_id']}")
    look(page, "device")
    page.get_by_label("Email address").fill(person)
    _press(page, "Send me a code")
    code = world.letter(person, 1).subject.split(" ")[0]
    look(page, "device code")
    page.get_by_label("Code from the mail").fill("000000" if code != "000000" else "000001")
    _press(page, "Sign in")
    expect(page.get_by_role("alert")).to_contain_text("4 tries are left")
    look(page, "device wrong code")
    page.get_by_label("Code from the mail").fill(code)
    _press(page, "Sign in")
    expect(page.get_by_role("heading", level=1)).to_have_text("You are signed in")
    look(page, "device done")

    world.post("/v1/auth/login-intent", json.dumps({"email": person}).encode())
    link = str(world.letter(person, 2).link)
    page.goto(link)
    look(page, "link")
    _press(page, "Sign in")
    look(page, "link done")
    page.goto(link[:-1])
    look(page, "link unknown")

    uri = "http://127.0.0.1:9/callback"
    host = json.dumps({"client_name": "A host", "redirect_uris": [uri]}).encode()
    client = world.post("/oauth/register", host, {"Content-Type": "application/json"}).json["client_id"]
    fields = {"response_type": "code", "client_id": client, "redirect_uri": uri, "code_challenge_method": "S256"}
    page.goto(f"{base_url}/oauth/authorize?{urlencode(fields | {'code_challenge': 'c' * 43})}")
    look(page, "assistant")
    page.get_by_label("Email address").fill(person)
    _press(page, "Send me a code")
    look(page, "assistant code")
    page.get_by_label("Code from the mail").fill(world.letter(person, 3).subject.split(" ")[0])
    _press(page, "Continue")
    expect(page.get_by_role("button", name="Allow")).to_be_visible()
    look(page, "assistant grant")
    page.goto(f"{base_url}/oauth/authorize?client_id=x")
    look(page, "assistant unknown")
