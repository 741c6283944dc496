"""Checks the operators' console in headless Chromium: signing in, the main path, live updates, phones and accessibility."""

from __future__ import annotations

import json
from typing import Callable
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from browser import is_accessible, picture
from page_checks import PHONE
from world import World

SECTIONS = (
    "Overview",
    "Intents",
    "Scenarios",
    "Agents",
    "Deliveries",
    "Webhooks",
    "People and keys",
    "Policies",
    "Schemas",
    "Quotas",
    "Audit",
    "Server",
)
BUNDLE = {
    "scenario_id": "release.v1",
    "agents": [{"role": "checker", "address": "release-checker", "create_if_missing": True}],
    "humans": [{"role": "lead", "display_name": "Lea Lind", "contact": "lea@example.com"}],
    "workflow": {
        "steps": [
            {"step_id": "check", "tool_id": "tool.agent.task", "assigned_to": "checker"},
            {"step_id": "decide", "tool_id": "tool.human_approval", "assigned_to": "lead"},
            {"step_id": "tell", "tool_id": "tool.notification", "assigned_to": "lead"},
        ]
    },
    "intent": {
        "type": "intent.release.v1",
        "payload": {"service": "billing", "version": "2.41.0", "risk": {"level": "low", "changes": [12, 3]}},
    },
}


def an_operator_watches_and_steers_an_intent(world: World) -> None:
    workflow = _apply(world)
    hosts: set[str] = set()
    complaints: list[str] = []
    with world.browser.page(viewport={"width": 1280, "height": 900}) as page:
        page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
        page.on("console", lambda message: complaints.append(message.text))
        _open(world, page)
        expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
        picture(page, "console-overview")
        page.get_by_role("link", name="Intents", exact=True).click()
        page.get_by_label("Type").fill("intent.release.v1")
        page.get_by_role("button", name="Filter", exact=True).click()
        assert "intent_type=intent.release.v1" in page.url
        picture(page, "console-intents")
        # The script shows this field: before that, it hears no keys.
        expect(page.get_by_label("Narrow this page")).to_be_visible()
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{world.server.base_url}/app/intents/{workflow}")
        state = page.locator("#state")
        expect(state.locator(".badge")).to_have_text("Waits for an agent")
        # The step ends while the page is open: nobody reloads it.
        child = next(event["details"]["child_intent_id"] for event in world.events(workflow) if "child_intent_id" in event["details"])
        world.admin.resume_intent(child, {"action": "complete", "checked": True})
        expect(state.locator(".badge")).to_have_text("Waits for a person")
        expect(page.locator("#timeline")).to_contain_text("Step check was done")
        expect(page.locator("g.step.done")).to_have_count(1)
        picture(page, "console-intent")
        page.emulate_media(color_scheme="dark")
        picture(page, "console-intent-dark")
        page.emulate_media(color_scheme="light")
        page.get_by_text("Answer", exact=True).click()
        page.get_by_label("Comment").fill("the version is wrong")
        page.get_by_role("button", name="Reject", exact=True).click()
        expect(state.locator(".badge")).to_contain_text("Rejected by")
        page.get_by_role("link", name="Earlier", exact=True).click()
        expect(page.get_by_text("This is the intent after event")).to_be_visible()
    assert hosts == {urlsplit(world.server.base_url).netloc}, hosts
    assert not complaints, complaints
    assert world.outcome(workflow)["outcome_kind"] == "no"


def the_console_works_without_scripts_and_on_a_phone(world: World) -> None:
    ids = [world.ask(world.new_person(), {"title": f"Pay {number}?"}, payload={"amount": number}) for number in range(3)]
    with world.browser.page(java_script_enabled=False, **PHONE) as page:
        page.goto(f"{world.server.base_url}/app/intents")
        page.get_by_text("With a key").click()
        page.get_by_label("API key").fill(world.key)
        page.get_by_role("button", name="Sign in", exact=True).locator("visible=true").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Intents")
        for intent_id in ids:
            page.get_by_label(f"Choose {intent_id}").check()
        page.get_by_role("button", name="Cancel…").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Cancel 3 intents?")
        page.get_by_role("button", name="Cancel 3", exact=True).click()
        expect(page.get_by_text("3 done.")).to_be_visible()
        page.goto(f"{world.server.base_url}/app/intents/{ids[0]}")
        expect(page.locator(".badge").first).to_contain_text("Canceled")
        picture(page, "console-intent-phone")
    assert {world.intent(intent_id)["status"] for intent_id in ids} == {"CANCELED"}


def an_operator_edits_a_bundle_and_makes_a_key(world: World) -> None:
    with world.browser.page(viewport={"width": 1280, "height": 900}) as page:
        _open(world, page)
        page.goto(f"{world.server.base_url}/app/scenarios")
        editor = page.get_by_label("Bundle, as JSON")
        # The check runs while one types; nobody presses a button.
        editor.fill(json.dumps({**BUNDLE, "humans": []}, indent=2))
        expect(page.locator("#checked .diagnostics li").first).to_contain_text("line")
        editor.fill(json.dumps(BUNDLE, indent=2))
        expect(page.locator("#checked .badge.good")).to_have_text("valid")
        expect(page.locator("#checked g.step")).to_have_count(3)
        picture(page, "console-scenarios")
        page.get_by_role("button", name="Apply", exact=True).click()
        expect(page.get_by_text("The bundle was applied.")).to_be_visible()
        page.get_by_role("link", name="scenario release.v1").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Intents")
        page.get_by_text("Saved views", exact=True).click()
        page.get_by_label("Save this filter and these columns as").fill("Releases")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("link", name="Releases", exact=True)).to_be_visible()
        page.goto(f"{world.server.base_url}/app/people")
        page.get_by_role("link", name="release-checker", exact=True).click()
        page.get_by_text("Make a key", exact=True).first.click()
        page.get_by_role("button", name="Make a key", exact=True).click()
        expect(page.locator("pre.copy").first).to_contain_text("axme_sa_")
        page.get_by_role("link", name="Go on", exact=True).click()
        page.locator("td .form summary").first.click()
        page.get_by_role("button", name="Revoke…", exact=True).first.click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Are you sure?")
        page.get_by_role("button", name="Do it", exact=True).click()
        expect(page.get_by_text("The change was made.")).to_be_visible()
        page.goto(f"{world.server.base_url}/app/server")
        page.get_by_role("button", name="Check now", exact=True).click()
        expect(page.get_by_text("fsync time")).to_be_visible(timeout=30_000)
        picture(page, "console-server")


def an_operator_subscribes_to_events_and_opens_an_agent(world: World) -> None:
    _apply(world)
    with world.browser.page(viewport={"width": 1280, "height": 900}) as page:
        _open(world, page)
        page.goto(f"{world.server.base_url}/app/webhooks")
        page.get_by_text("Subscribe to events", exact=True).click()
        form = page.locator(".forms .form")
        form.get_by_label("URL for posts").fill("https://hooks.example.com/console")
        form.get_by_label("intent.completed", exact=True).check()
        form.get_by_label("Other events, such as order.*").fill("order.*")
        form.get_by_role("button", name="Subscribe", exact=True).click()
        expect(page.locator("pre.copy").first).to_contain_text("whsec_")
        page.get_by_role("link", name="Go on", exact=True).click()
        row = page.get_by_role("row").filter(has_text="https://hooks.example.com/console")
        expect(row).to_contain_text("intent.completed, order.*")
        row.get_by_text("Change", exact=True).first.click()
        expect(row.get_by_label("intent.completed", exact=True)).to_be_checked()
        row.get_by_label("State").select_option("false")
        row.get_by_role("button", name="Change", exact=True).click()
        expect(row).to_contain_text("paused")
        row.get_by_text("End", exact=True).click()
        row.get_by_role("button", name="End…", exact=True).click()
        page.get_by_role("button", name="Do it", exact=True).click()
        expect(row).to_contain_text("ended")
        page.goto(f"{world.server.base_url}/app/agents?agent=release-checker")
        page.get_by_text("Change whom it accepts of other organizations", exact=True).click()
        form = page.locator(".form[open]")
        form.get_by_label("Accept").select_option("open")
        form.get_by_role("button", name="Change", exact=True).click()
        expect(page.get_by_text("It accepts intents of every other organization")).to_be_visible()


def every_page_of_the_console_is_narrow_and_accessible(world: World) -> None:
    workflow = _apply(world)

    def look(page: Page, name: str) -> None:
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 900})
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"the {name} page of the console is {wide} pixels wide in a window of {width}"
        page.set_viewport_size({"width": 1280, "height": 900})
        is_accessible(page, f"console {name}")

    with world.browser.page(bypass_csp=True) as page:
        page.goto(f"{world.server.base_url}/app/sign-in")
        look(page, "sign-in")
        _open(world, page)
        _visit(page, look)
        page.goto(f"{world.server.base_url}/app/intents/{workflow}")
        for summary in page.locator(".actions > details > summary").all():
            summary.click()
        look(page, "intent")


def _visit(page: Page, look: Callable[[Page, str], None]) -> None:
    for section in SECTIONS:
        page.get_by_role("navigation", name="Sections").get_by_role("link", name=section, exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        look(page, section)


def _open(world: World, page: Page) -> None:
    """Signs in with a one-time token, as `axme console` does."""
    reply = world.post("/v1/auth/dashboard-token", b"{}")
    page.goto(f"{world.server.base_url}/auth/exchange?token={reply.json['token']}")
    expect(page).to_have_url(f"{world.server.base_url}/app")


def _apply(world: World) -> str:
    reply = world.post("/v1/scenarios/apply", json.dumps(BUNDLE).encode())
    assert reply.status == 200, reply
    return str(reply.json["intent_id"])
