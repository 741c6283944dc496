"""Checks the inbox and forms of every kind in headless Chromium, as people use them."""

from __future__ import annotations

import base64
import json
import os
from datetime import date, timedelta
from urllib.parse import urlsplit

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Page, expect

from browser import is_accessible, picture
from page_checks import PHONE
from world import Receiver, World, until

FORM = {
    "type": "object",
    "required": ["rate", "contract"],
    "properties": {
        "rate": {"type": "number", "title": "Rate", "exclusiveMinimum": 0},
        "contract": {"oneOf": [{"const": "c-1", "title": "Contract One"}, {"const": 7, "title": "Seven"}]},
        "days": {"type": "array", "items": {"enum": ["Mon", "Tue", "Wed"]}, "title": "Days"},
        "lines": {
            "type": "array",
            "title": "Lines",
            "items": {"type": "object", "properties": {"item": {"type": "string"}, "count": {"type": "integer"}}},
        },
        "at": {"type": "string", "format": "date-time", "title": "Not before"},
        "secret": {"type": "string", "format": "password", "title": "PIN"},
        "pay_by": {"enum": ["card", "transfer"], "title": "Pay by"},
        "code": {"type": "string", "pattern": "^[0-9]{4}$", "description": "Four digits."},
    },
    "if": {"properties": {"pay_by": {"const": "transfer"}}, "required": ["pay_by"]},
    "then": {"properties": {"iban": {"type": "string", "title": "IBAN"}}, "required": ["iban"]},
}


def a_form_of_every_kind_takes_what_people_type(world: World) -> None:
    person = world.new_person()
    intent_id = world.ask(person, {"title": "Agree on the terms", "form_schema": FORM})
    link = world.letter(person).link
    with world.browser.page(timezone_id="Europe/Berlin", bypass_csp=True, **PHONE) as page:
        page.goto(link)
        page.get_by_label("Rate").fill("1.234")
        page.get_by_label("Contract").select_option("Seven")
        page.get_by_label("Tue").check()
        page.get_by_label("Not before").fill("2026-05-03T14:00")
        page.get_by_label("PIN").fill("hush")
        page.get_by_label("Pay by").select_option("transfer")
        page.get_by_label("Code").fill("12")
        page.get_by_role("group", name="Lines").get_by_label("Item").fill("Pump")
        _press(page, "Add another")
        page.get_by_label("Item").nth(1).fill("Pipe")
        page.get_by_label("Count").nth(1).fill("1.200")
        _press(page, "Approve")
        alert = page.get_by_role("alert")
        for text in ("can mean 1234 or 1.2340", "IBAN: is required", "Code: is not in the expected format: Four digits."):
            expect(alert).to_contain_text(text)
        is_accessible(page, "form")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.get_by_label("Rate").fill("1,5")
        page.get_by_label("Code").fill("4711")
        page.get_by_label("IBAN").fill("DE89")
        _press(page, "Approve")
        main = page.get_by_role("main")
        for text in ("1.5", "Seven", "Tue", "Pump", "1,200", "2026-05-03 14:00:00+02:00"):
            expect(main).to_contain_text(text)
        expect(main).not_to_contain_text("hush")
        _press(page, "Confirm: Approve")
        expect(page.get_by_role("heading", level=1)).to_have_text("Your answer was recorded")
    result = world.outcome(intent_id)["result"]
    expected = {
        "rate": 1.5,
        "contract": 7,
        "days": ["Tue"],
        "lines": [{"item": "Pump"}, {"item": "Pipe", "count": 1200}],
        "at": "2026-05-03T14:00:00+02:00",
        "secret": "hush",
        "pay_by": "transfer",
        "iban": "DE89",
        "code": "4711",
    }
    assert {name: result.get(name) for name in expected} == expected, result


def a_person_answers_from_the_inbox_without_scripts(world: World) -> None:
    person = world.new_person()
    _make_member(world, person)
    titles = [f"Pay {name}?" for name in ("one", "two")]
    ids = [world.ask(person, {"title": title, "summary": ["amount"]}, payload={"amount": 5, "currency": "EUR"}) for title in titles]
    other = world.ask(person, {"title": "Say why", "required_comment": True})
    until("the tasks are mailed", lambda: len(world.letters(person)) == 3)
    with world.browser.page(java_script_enabled=False, **PHONE) as page:
        _sign_in(world, page, person, 4)
        expect(page.get_by_text("3 tasks wait for you.")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        picture(page, "people-inbox")
        for title in titles:
            page.get_by_label(f"Choose {title}").check()
        _press(page, "Answer the chosen tasks")
        expect(page.get_by_text("EUR 5.00")).to_have_count(2)
        _press(page, "Confirm: Approve all 2")
        expect(page.get_by_role("heading", level=1)).to_have_text("2 answers were recorded")
        page.get_by_role("link", name="Back to the inbox").click()
        page.get_by_role("button", name="Open Say why").click()
        page.get_by_label("Comment").fill("because")
        _press(page, "Reject")
        _press(page, "Confirm: Reject")
        expect(page.get_by_role("heading", level=1)).to_have_text("Your answer was recorded")
        page.goto(f"{world.server.base_url}/inbox")
        expect(page.get_by_text("Nothing waits for you.")).to_be_visible()
        expect(page.get_by_text("because")).to_be_visible()
        page.get_by_role("link", name="Your settings").click()
        page.get_by_label("Language").select_option("de")
        _press(page, "Save")
        expect(page.get_by_role("heading", level=1)).to_have_text("Wartet auf Sie")
        page.get_by_role("link", name="Ihre Einstellungen").click()
        page.get_by_label("Sprache").select_option("en")
        _press(page, "Speichern")
        page.get_by_role("link", name="Your sessions").click()
        expect(page.get_by_role("heading", name="browser (this browser)")).to_be_visible()
        page.get_by_role("link", name="Back to the inbox").click()
        _press(page, "Sign out")
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in to your inbox")
    assert [world.intent(intent_id)["result"]["outcome"] for intent_id in [*ids, other]] == ["approved", "approved", "rejected"]


def a_person_asks_back_and_withdraws_a_yes(world: World) -> None:
    first, second = world.new_person(), world.new_person()
    intent_id = world.ask(first, {"title": "Pay the deposit", "assignees": [first, second], "quorum": 2})
    link = world.letter(first).link
    with world.browser.page(java_script_enabled=False, **PHONE) as page:
        page.goto(link)
        page.get_by_text("before you answer").click()
        page.get_by_label("Your question").fill("Which cost center?")
        page.get_by_role("button", name="Ask ").click()
        expect(page.get_by_text("has not replied yet")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        reply = world.post(f"/v1/tasks/{intent_id}/reply", b'{"reply": "4711"}')
        assert reply.status == 200, reply
        page.reload()
        questions = page.get_by_role("region", name="Questions to the requester")
        for text in ("Which cost center?", "4711"):
            expect(questions.get_by_text(text)).to_be_visible()
        _press(page, "Approve")
        _press(page, "Confirm: Approve")
        _press(page, "Withdraw your answer")
        expect(page.get_by_text("0 of 2 yes answers so far.")).to_be_visible()
        _press(page, "Reject")
        _press(page, "Confirm: Reject")
        expect(page.get_by_role("heading", level=1)).to_have_text("Your answer was recorded")
    assert world.outcome(intent_id)["result"]["outcome"] == "rejected"


def a_deputy_answers_in_the_place_of_an_absent_person(world: World) -> None:
    absent, deputy = world.new_person(), world.new_person()
    for person in (absent, deputy):
        _make_member(world, person)
    last_day = (date.today() + timedelta(days=3)).isoformat()
    with world.browser.page(bypass_csp=True, **PHONE) as page:
        _sign_in(world, page, absent, 1)
        page.get_by_role("link", name="Your settings").click()
        page.get_by_label("Email address of your deputy").fill("nobody@example.com")
        page.get_by_label("Last day").fill(last_day)
        _press(page, "Save the absence")
        expect(page.get_by_role("alert")).to_contain_text("is not a member of any of your workspaces")
        page.get_by_label("Email address of your deputy").fill(deputy)
        _press(page, "Save the absence")
        expect(page.get_by_text(f"{deputy} answers in your place.")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        is_accessible(page, "settings")
    intent_id = world.ask(absent, {"title": "Pay the rent"})
    until("the deputy is mailed", lambda: len(world.letters(deputy)) == 1)
    with world.browser.page(java_script_enabled=False, **PHONE) as page:
        _sign_in(world, page, deputy, 2)
        expect(page.get_by_text(f"in place of {absent}")).to_be_visible()
        page.get_by_role("button", name="Open Pay the rent").click()
        behalf = page.get_by_text(f"You answer in place of {absent}")
        expect(behalf).to_be_visible()
        _press(page, "Approve")
        expect(behalf).to_be_visible()
        _press(page, "Confirm: Approve")
        expect(page.get_by_role("heading", level=1)).to_have_text("Your answer was recorded")
    assert world.outcome(intent_id)["result"]["outcome"] == "approved"
    answer = next(event for event in world.events(intent_id) if event["details"].get("answered_as_deputy"))
    assert answer["details"]["answered_for"] == [absent], answer


def a_file_is_sent_with_a_form(world: World) -> None:
    person = world.new_person()
    receipt = {"type": "string", "format": "file", "title": "Receipt", "contentMediaType": "application/pdf", "maxBytes": 2000}
    form = {"type": "object", "required": ["receipt"], "properties": {"receipt": receipt, "note": {"type": "string"}}}
    intent_id = world.ask(person, {"title": "Claim the taxi", "form_schema": form})
    link = world.letter(person).link
    content = b"%PDF-1.7 the receipt"
    with world.browser.page(bypass_csp=True, **PHONE) as page:
        page.goto(link)
        page.get_by_label("Receipt").set_input_files({"name": "Beleg 7.txt", "mimeType": "text/plain", "buffer": content})
        page.get_by_label("Note").fill("Taxi")
        _press(page, "Approve")
        expect(page.get_by_role("alert")).to_contain_text("Receipt")
        expect(page.get_by_label("Note")).to_have_value("Taxi")
        is_accessible(page, "form with a file")
        page.get_by_label("Receipt").set_input_files({"name": "Beleg 7.pdf", "mimeType": "application/pdf", "buffer": content})
        _press(page, "Approve")
        expect(page.get_by_text("Beleg 7.pdf")).to_be_visible()
        _press(page, "Confirm: Approve")
        expect(page.get_by_role("heading", level=1)).to_have_text("Your answer was recorded")
    result = world.outcome(intent_id)["result"]
    url = urlsplit(world.get(f"/v1/media/{result['receipt']}").json["upload"]["download_url"])
    file = world.get(f"{url.path}?{url.query}")
    assert (file.status, file.text, result["note"]) == (200, content.decode(), "Taxi"), (file, result)


def an_answer_that_does_not_reach_the_server_is_kept(world: World) -> None:
    person = world.new_person()
    intent_id = world.ask(person, {"title": "Pay the rent"})
    link = world.letter(person).link
    with world.browser.page(**PHONE) as page:
        page.goto(link)
        until("the worker serves the page", lambda: page.evaluate("navigator.serviceWorker.controller !== null"))
        page.get_by_label("Comment").fill("because")
        world.server.stop()
        try:
            _press(page, "Approve")
            expect(page.get_by_role("alert")).to_contain_text("The server did not answer.")
            expect(page.get_by_label("Comment")).to_have_value("because")
            with page.context.new_page() as other:
                other.goto(f"{world.server.base_url}/inbox")
                expect(other.get_by_role("heading", level=1)).to_have_text("The server cannot be reached")
                picture(other, "people-offline")
        finally:
            world.server.start()
        _press(page, "Approve")
        _press(page, "Confirm: Approve")
        expect(page.get_by_role("heading", level=1)).to_have_text("Your answer was recorded")
    assert world.outcome(intent_id)["result"]["comment"] == "because"


def the_inbox_can_be_installed(world: World) -> None:
    with world.browser.page() as page:
        page.goto(f"{world.server.base_url}/inbox")
        until("the worker serves the page", lambda: page.evaluate("navigator.serviceWorker.controller !== null"))
        browser = page.context.new_cdp_session(page)
        manifest = browser.send("Page.getAppManifest")
        assert manifest["url"] and not manifest["errors"], manifest
        errors = browser.send("Page.getInstallabilityErrors")["installabilityErrors"]
        # The profile of a check is never kept, and Chromium installs nothing from such a one.
        assert [error for error in errors if error["errorId"] != "in-incognito"] == [], errors


# The script of a page cannot reach a real push service here: this one stands in for it.
SUBSCRIBE = """
PushManager.prototype.subscribe = async ({ applicationServerKey, userVisibleOnly }) => {
  if (!applicationServerKey || !userVisibleOnly) throw new TypeError("no key");
  return { toJSON: () => (%s) };
};
PushManager.prototype.getSubscription = async () => null;
"""


def a_browser_shows_tasks_as_notifications(world: World) -> None:
    person = world.new_person()
    _make_member(world, person)
    key = ec.generate_private_key(ec.SECP256R1())
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    auth = os.urandom(16)
    text = lambda raw: base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    with Receiver("ok") as service, world.browser.page(**PHONE) as page:
        subscription = {"endpoint": service.url("/push"), "keys": {"p256dh": text(point), "auth": text(auth)}}
        page.add_init_script(SUBSCRIBE % json.dumps(subscription))
        page.context.grant_permissions(["notifications"], origin=world.server.base_url)
        _sign_in(world, page, person, 1)
        page.goto(f"{world.server.base_url}/inbox/settings")
        until("the worker serves the page", lambda: page.evaluate("navigator.serviceWorker.controller !== null"))
        is_accessible(page, "settings with notifications")
        _press(page, "Show tasks in this browser")
        expect(page.get_by_text("This browser", exact=True)).to_be_visible()
        is_accessible(page, "settings with a browser for notifications")
        world.ask(person, {"title": "Pay the rent"})
        push = service.received()
        assert push["headers"]["authorization"].startswith("vapid t="), push
        plain = http_ece.decrypt(base64.b64decode(push["encrypted"]), private_key=key, auth_secret=auth, version="aes128gcm")
        assert json.loads(plain)["title"] == "Pay the rent", plain
        # The worker of the page gets what the push service would bring.
        browser = page.context.new_cdp_session(page)
        registrations = []
        browser.on("ServiceWorker.workerRegistrationUpdated", lambda event: registrations.extend(event["registrations"]))
        browser.send("ServiceWorker.enable")
        until("the worker is known", lambda: page.wait_for_timeout(50) or registrations)
        message = {"origin": world.server.base_url, "registrationId": registrations[0]["registrationId"], "data": plain.decode()}
        browser.send("ServiceWorker.deliverPushMessage", message)
        shown = "navigator.serviceWorker.ready.then((it) => it.getNotifications()).then((all) => all.map(({ title }) => title))"
        until("the notification is shown", lambda: page.evaluate(shown) == ["Pay the rent"])
        _press(page, "Remove")
        expect(page.get_by_text("This browser", exact=True)).to_have_count(0)


def _sign_in(world: World, page: Page, person: str, letter: int) -> None:
    """Signs in to the inbox. `letter` is the number of the mail with the code among those of the person."""
    page.goto(f"{world.server.base_url}/inbox")
    page.get_by_label("Email address").fill(person)
    _press(page, "Send me a code")
    page.get_by_label("Code").fill(world.letter(person, letter).subject.split(" ")[0])
    _press(page, "Sign in")


def _make_member(world: World, person: str) -> None:
    organization = world.bootstrap.org_id
    body = f'{{"actor_id": "{person}", "role": "member"}}'.encode()
    reply = world.post(f"/v1/organizations/{organization}/members", body)
    assert reply.status == 200, reply


def _press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()
