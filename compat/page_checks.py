"""Checks the pages in headless Chromium: answers to a task, accessibility, phones, and frames of other pages."""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable, Iterator
from urllib.parse import urlsplit

from playwright.sync_api import FrameLocator, Page, expect

from browser import is_accessible, picture
from world import World, until

TITLE = "Read access to the sales figures?"
TASK = {
    "title": TITLE,
    "description": "Say for how many days, and confirm that you have looked at the scope.",
    "form_schema": {
        "type": "object",
        "required": ["approved", "grant_duration_days", "scope_confirmed"],
        "properties": {
            "approved": {"type": "boolean"},
            "grant_duration_days": {"type": "integer", "minimum": 1, "maximum": 90},
            "scope_confirmed": {"type": "boolean"},
            "notes": {"type": "string", "maxLength": 500},
        },
    },
}
PAYLOAD = {
    "resource": "warehouse/sales/" + "figures_" * 20,
    "justification": "the report on Mondays",
    "requestor": "svc:weekly-report",
    "scope": {"tables": ["orders", "refunds"], "columns": ["amount", "currency", "placed_at"]},
    "pii_fields": False,
}
RESULT = {
    "outcome": "approved",
    "approved": True,
    "grant_duration_days": 30,
    "scope_confirmed": True,
    "notes": "for the audit",
}
NO_PAGE = "The reference has no such page"
SCREEN_PIXELS = 900
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


def a_form_with_a_mistake_is_corrected_approved_and_confirmed(world: World) -> None:
    intent_id, link = _asked(world)
    before = world.events(intent_id)
    hosts: set[str] = set()
    complaints: list[str] = []
    with world.browser.page() as page:
        page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(link)
        assert world.events(intent_id) == before, "opening the page changes nothing"
        _answer(page)
    assert hosts == {urlsplit(link).netloc}, hosts
    # Chromium itself logs the 422. It would also log a violated content policy.
    assert all("status of 422" in complaint for complaint in complaints), complaints
    _is_recorded(world, intent_id)


def the_same_works_without_scripts(world: World) -> None:
    intent_id, link = _asked(world)
    with world.browser.page(java_script_enabled=False) as page:
        page.goto(link)
        _answer(page)
    _is_recorded(world, intent_id)


def a_payment_is_decided_on_a_phone(world: World) -> None:
    person, other = world.new_person(), world.new_person()
    task = {
        "title": "Pay Lind & Co.?",
        "description": "The invoice for the new press. See [the order](https://orders.example.com/4711).",
        "assignees": [person, other],
        "quorum": 2,
        "summary": ["amount", {"field": "payload.iban", "label": "Account"}],
        "on_yes": "The money is sent at once.",
        "on_no": "Purchasing is told, and nothing is paid.",
    }
    payload = {"payee": "Lind & Co.", "amount": 12000.5, "currency": "EUR", "iban": "DE89 3704 0044 0532 0130 00"}
    intent_id = world.ask(person, task, payload=payload)
    with world.browser.page(**PHONE) as page:
        page.goto(world.letter(person).link)
        # Who asks comes first, and the answer last.
        order = (
            "asks for your approval",
            "Pay Lind & Co.?",
            "EUR 12,000.50",
            "DE89 3704 0044 0532 0130 00",
            "The money is sent at once.",
            "Purchasing is told",
            "0 of 2 yes answers",
            "Nothing is recorded before you confirm it",
        )
        text = page.get_by_role("main").inner_text()
        places = [text.find(part) for part in order]
        assert -1 not in places and places == sorted(places), (places, text)
        picture(page, "people-task", whole=True)
        page.get_by_label("Comment").fill("Checked against the order")
        _press(page, "Approve")
        expect(page.get_by_text("EUR 12,000.50").first).to_be_visible()
        picture(page, "people-confirm", whole=True)
        _press(page, "Confirm: Approve")
        expect(page.get_by_role("heading", level=1)).to_have_text("Your answer was recorded")
        receipt = world.get(f"/v1/intents/{intent_id}/receipts").json["receipts"][0]["receipt_id"]
        for recorded in ("Pay Lind & Co.?", "Approved", "Checked against the order", person, receipt):
            expect(page.get_by_role("main")).to_contain_text(recorded)
        picture(page, "people-recorded", whole=True)
    assert world.intent(intent_id)["status"] == "WAITING", "one of two has said yes"


def a_german_browser_gets_the_main_path_in_german(world: World) -> None:
    intent_id, link = _asked(world)
    with world.browser.page(locale="de-DE", timezone_id="Europe/Berlin") as page:
        page.goto(link)
        expect(page.locator("html")).to_have_attribute("lang", "de")
        _fill(page, days="120", yes="Ja")
        _press(page, "Genehmigen")
        expect(page.get_by_role("alert")).to_contain_text("darf höchstens 90 sein")
        page.get_by_label("Grant duration days").fill("30")
        _press(page, "Genehmigen")
        expect(page.get_by_text("Bitte bestätigen Sie Ihre Antwort")).to_be_visible()
        _press(page, "Bestätigen: Genehmigen")
        expect(page.get_by_role("heading", level=1)).to_have_text("Ihre Antwort wurde festgehalten")
        page.goto(link)
        expect(page.get_by_role("heading", level=1)).to_have_text("Sie haben bereits geantwortet")
    _is_recorded(world, intent_id)


def no_page_is_wider_than_a_phone(world: World) -> None:
    with world.browser.page(**PHONE) as page:
        _visit_every_page(world, page, _is_as_narrow_as_its_window)


def every_page_passes_the_accessibility_check_in_light_and_dark(world: World) -> None:
    with world.browser.page(bypass_csp=True) as page:
        _visit_every_page(world, page, is_accessible)


def the_reference_is_narrowed_by_its_filter(world: World) -> None:
    complaints: list[str] = []
    with world.browser.page() as page:
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(f"{world.server.base_url}/docs")
        entries = page.locator(".family li")
        everything = entries.count()
        assert entries.filter(visible=True).count() == everything > 150
        field = page.get_by_label("Filter")
        field.fill("post intents.create")
        expect(entries.filter(visible=True)).to_have_count(1)
        expect(page.get_by_role("status")).to_have_text("1 entry matches.")
        field.fill("no such thing")
        expect(page.get_by_role("heading", level=3).filter(visible=True)).to_have_count(0)
        field.fill("")
        expect(entries.filter(visible=True)).to_have_count(everything)
        field.fill("/v1/intents/{intent_id}/resume")
        entries.filter(visible=True).get_by_role("link").click()
        expect(page.locator("article:target").get_by_role("heading", level=2)).to_have_text("intents.resume")
    assert not complaints, complaints
    with world.browser.page(java_script_enabled=False) as page:
        page.goto(f"{world.server.base_url}/docs")
        assert page.locator(".family li").filter(visible=True).count() == everything
        expect(page.get_by_label("Filter")).to_be_hidden()


def no_page_of_the_reference_is_longer_than_ten_screens(world: World) -> None:
    with world.browser.page(viewport={"width": 1280, "height": SCREEN_PIXELS}) as page:
        page.goto(f"{world.server.base_url}/docs")
        names = page.locator(".family h3 a").evaluate_all("links => links.map(link => link.href)")
        heights = {}
        for name in [page.url, f"{page.url}/errors", *names]:
            page.goto(name)
            heights[name] = page.evaluate("document.documentElement.scrollHeight")
    too_long = {name: height for name, height in heights.items() if height > 10 * SCREEN_PIXELS}
    assert not too_long, too_long


def a_page_is_framed_by_the_allowed_origin_alone(world: World) -> None:
    intent_id, link = _asked(world, {"title": TITLE})
    with _web_page(_framing(link), urlsplit(world.embedder).port) as allowed, _web_page(_framing(link)) as other:
        assert allowed == world.embedder != other, (allowed, other)
        with world.browser.page() as page:
            page.goto(other)
            until("the frame is blocked", lambda: _frame_addresses(page) == ["chrome-error://chromewebdata/"])
            page.goto(allowed)
            frame = page.frame_locator("iframe")
            expect(frame.get_by_role("heading", level=1)).to_have_text(TITLE)
            _press(frame, "Approve")
            _press(frame, "Confirm: Approve")
            expect(frame.get_by_role("heading", level=1)).to_have_text("Your answer was recorded")
    assert world.outcome(intent_id)["status"] == "COMPLETED"


def mail_is_read_in_a_window_of_320_pixels(world: World) -> None:
    person = world.new_person()
    world.ask(person, TASK | {"title": f"Agree to {'figures_' * 20}"}, payload=PAYLOAD)
    link = world.letter(person).link
    with world.browser.page() as page:
        page.goto(link)
        _fill(page, "30")
        _press(page, "Approve")
        _press(page, "Confirm: Approve")
        until("the receipt is mailed", lambda: len(world.letters(person)) == 2)
        for letter in world.letters(person):
            # The policy of our pages, which forbids the styles of mail, ends with them.
            page.goto("about:blank")
            page.set_content(letter.html)
            _is_as_narrow_as_its_window(page, letter.subject)
            labels = page.locator("td:first-child").first.bounding_box()
            assert labels and labels["width"] > 80, f"the labels of {letter.subject} are broken into pieces: {labels}"


def a_page_around_the_task_learns_of_its_height_and_its_answer(world: World) -> None:
    intent_id, link = _asked(world, {"title": TITLE})
    back = f"{world.embedder}/payments"
    with _web_page(_component(f"{link}&return_url={back}"), urlsplit(world.embedder).port) as allowed:
        with world.browser.page() as page:
            page.goto(allowed)
            frame = page.frame_locator("iframe")
            expect(frame.get_by_role("heading", level=1)).to_have_text(TITLE)
            fits = "window.innerHeight > 300 && document.documentElement.scrollHeight <= window.innerHeight"
            until("the frame is as high as its page", lambda: page.frames[1].evaluate(fits))
            expect(page.get_by_role("status")).to_have_text("ready")
            _press(frame, "Approve")
            _press(frame, "Confirm: Approve")
            expect(page.get_by_role("status")).to_have_text(f"{intent_id}: approved")
            frame.get_by_role("link", name="Back to").click()
            page.wait_for_url(back)
    assert world.outcome(intent_id)["status"] == "COMPLETED"


def _asked(world: World, task: dict[str, Any] = TASK, **fields: Any) -> tuple[str, str]:
    """Creates an intent that waits for a person. Returns its id and the mailed link."""
    person = world.new_person()
    intent_id = world.ask(person, task, payload=PAYLOAD, **fields)
    return intent_id, world.letter(person).link


def _answer(page: Page) -> None:
    """Enters a number that is too large, then corrects it and confirms the answer."""
    _fill(page, days="120")
    _press(page, "Approve")
    _shows_what_is_wrong(page)
    for label, kept in (("Grant duration days", "120"), ("Notes", "for the audit")):
        expect(page.get_by_label(label)).to_have_value(kept)
    expect(page.get_by_role("radiogroup", name="Scope confirmed").get_by_label("Yes")).to_be_checked()
    page.get_by_label("Grant duration days").fill("30")
    _press(page, "Approve")
    expect(page.get_by_text("Please confirm your answer")).to_be_visible()
    expect(page.get_by_role("definition").filter(has_text=re.compile("^30$"))).to_be_visible()
    _press(page, "Confirm: Approve")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your answer was recorded")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("You have answered already")


def _fill(page: Page, days: str, yes: str = "Yes") -> None:
    page.get_by_label("Grant duration days").fill(days)
    page.get_by_role("radiogroup", name="Scope confirmed").get_by_label(yes).check()
    page.get_by_label("Notes").fill("for the audit")


def _shows_what_is_wrong(page: Page) -> None:
    alert = page.get_by_role("alert")
    expect(alert).to_be_focused()  # so that a screen reader reads it first
    alert.get_by_role("link", name="Grant duration days").click()
    field = page.get_by_label("Grant duration days")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")


def _press(place: Page | FrameLocator, name: str) -> None:
    place.get_by_role("button", name=name, exact=True).click()


def _is_recorded(world: World, intent_id: str) -> None:
    event = world.outcome(intent_id)
    assert event["status"] == "COMPLETED" and event["result"] == RESULT, event


def _visit_every_page(world: World, page: Page, look: Callable[[Page, str], None]) -> None:
    _visit_the_pages_of_a_task(world, page, look)
    for name, title in (("", "AXME API reference"), ("/intents", "Intents"), ("/errors", "Error codes"), ("/x", NO_PAGE)):
        page.goto(f"{world.server.base_url}/docs{name}")
        expect(page.get_by_role("heading", level=1)).to_have_text(title)
        look(page, f"reference{name}")


def _visit_the_pages_of_a_task(world: World, page: Page, look: Callable[[Page, str], None]) -> None:
    demanding = {"title": "Word" * 60, "required_comment": True, "evidence_required": True}
    _, link = _asked(world, TASK | demanding)
    page.goto(link)
    for summary in page.locator("summary").all():
        summary.click()
    look(page, "task")
    _press(page, "Approve")
    wrong = page.get_by_role("alert").get_by_role("link")
    expect(wrong).to_have_text(["Grant duration days", "Scope confirmed", "Comment", "Evidence"])
    look(page, "error")
    _fill(page, days="30")
    page.get_by_label("Comment").fill("x" * 300)
    page.get_by_label("Evidence").fill("https://example.com/" + "y" * 200)
    _press(page, "Reject")
    expect(page.get_by_text("Please confirm your answer")).to_be_visible()
    look(page, "confirm")
    _press(page, "Confirm: Reject")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your answer was recorded")
    look(page, "done")
    page.goto(link)
    expect(page.get_by_role("heading", level=1)).to_have_text("You have answered already")
    look(page, "answered")
    page.goto(link[:-1])
    expect(page.get_by_role("heading", level=1)).to_have_text("This link is not known")
    look(page, "unknown")
    intent_id, link = _asked(world)
    world.admin.resolve_intent(intent_id, {"status": "CANCELED", "reason": "too late"})
    page.goto(link)
    expect(page.get_by_role("heading", level=1)).to_have_text("No answer is needed any more")
    look(page, "over")


def _is_as_narrow_as_its_window(page: Page, name: str) -> None:
    for width in (390, 320):
        page.set_viewport_size({"width": width, "height": 844})
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"the {name} page is {wide} pixels wide in a window of {width}"


def _framing(link: str) -> str:
    title = "The task, inside"
    return f"<!doctype html><html lang=en><title>{title}</title><iframe title='{title}' src='{link}'></iframe>"


def _component(link: str) -> str:
    script = Path(__file__).parent.joinpath("../examples/embed/axme-task.js").read_text()
    listen = """for (const name of ["ready", "answered"])
        document.addEventListener(name, ({ detail: { intent_id, outcome } }) => {
            document.querySelector("[role=status]").textContent = intent_id ? `${intent_id}: ${outcome}` : name;
        });"""
    return f"<!doctype html><html lang=en><title>Payments</title><axme-task src='{link}'></axme-task><p role=status></p><script type=module>{listen}{script}</script>"


def _frame_addresses(page: Page) -> list[str]:
    return [frame.url for frame in page.frames[1:]]


@contextmanager
def _web_page(html: str, port: int | None = None) -> Iterator[str]:
    """Starts a separate web server with one page. Yields its origin."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port or 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
