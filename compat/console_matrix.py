"""Looks at each page of the console in each kind of window: desktop and phone, light and dark, by keyboard, without scripts.

`run.py --matrix` runs it, and `./test --all` does.
"""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import Page, expect

from browser_matrix import Look, in_each_window, in_each_window_without_scripts
from console_checks import SECTIONS, _apply, _open
from world import World

SCHEMA = {
    "semantic_type": "axme.shop.order.v1",
    "compatibility_mode": "warn",
    "schema_json": {"properties": {"order": {"type": "string", "x-searchable": True}}},
}


def the_console_is_right_in_each_kind_of_window(world: World) -> None:
    seen = _fill(world)
    in_each_window(world.browser, lambda page, look: _visit(world, seen, page, look))


def the_console_works_without_scripts_in_each_kind_of_window(world: World) -> None:
    seen = _fill(world)
    in_each_window_without_scripts(world.browser, lambda page, look: _visit(world, seen, page, look))


def _fill(world: World) -> dict[str, str]:
    """Makes something for each page to show. Returns the paths of single things."""
    workflow = _apply(world)
    for number in range(3):
        world.ask(world.new_person(), {"title": f"Pay {number}?"}, payload={"amount": number})
    _call(world, "POST", "/v1/schemas", SCHEMA)
    hook = {"callback_url": "https://hooks.example.com/axme", "event_types": ["intent.completed", "order.*"]}
    _call(world, "POST", "/v1/webhooks/subscriptions", hook)
    accounts = _call(world, "GET", "/v1/service-accounts", None)["service_accounts"]
    account = next(one for one in accounts if one["name"] == "release-checker")
    _call(world, "POST", f"/v1/service-accounts/{account['service_account_id']}/keys", {})
    return {
        "intent": f"/app/intents/{workflow}",
        "earlier moment": f"/app/intents/{workflow}?at=2",
        "list by attribute": "/app/intents?attribute=order%3D4711",
        "agent": f"/app/agents?agent={account['address']}",
        "account": f"/app/people?account={account['service_account_id']}",
        "schema": "/app/schemas?semantic_type=axme.shop.order.v1",
        "not found": "/app/intents/00000000-0000-7000-8000-000000000000",
    }


def _visit(world: World, seen: dict[str, str], page: Page, look: Look) -> None:
    page.goto(f"{world.server.base_url}/app/sign-in")
    page.get_by_text("With a key").click()
    look(page, "console sign-in")
    _open(world, page)
    for section in SECTIONS:
        page.get_by_role("navigation", name="Sections").get_by_role("link", name=section, exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        look(page, f"console {section}")
    for name, path in seen.items():
        page.goto(f"{world.server.base_url}{path}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        _unfold(page)
        look(page, f"console {name}")
    page.goto(f"{world.server.base_url}/app/webhooks")
    _unfold(page)
    look(page, "console webhooks forms")
    page.goto(f"{world.server.base_url}/app/intents?status=WAITING")
    page.get_by_role("checkbox", name="Choose").first.check()
    page.get_by_role("button", name="Cancel…").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Cancel")
    look(page, "console many intents")
    page.goto(f"{world.server.base_url}{seen['account']}")
    page.locator("td .form summary").first.click()
    page.get_by_role("button", name="Revoke…", exact=True).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Are you sure?")
    look(page, "console question")
    page.goto(f"{world.server.base_url}{seen['account']}")
    page.locator(".forms .form summary").first.click()
    page.get_by_role("button", name="Make a key", exact=True).click()
    expect(page.locator("pre.copy").first).to_contain_text("axme_sa_")
    look(page, "console secret")


def _unfold(page: Page) -> None:
    """Opens everything that the page folds, as a person with a narrow window does."""
    for summary in page.locator("main summary").all():
        if summary.is_visible() and summary.locator("xpath=..").get_attribute("open") is None:
            summary.click()


def _call(world: World, method: str, path: str, body: Any) -> dict[str, Any]:
    if method == "GET":
        reply = world.get(path)
    else:
        reply = world.post(path, json.dumps(body).encode())
    assert reply.status == 200, (path, reply)
    return reply.json
