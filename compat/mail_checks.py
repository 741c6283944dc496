"""Checks tasks by mail: a real mail server receives it, the standard library reads it, HTTP calls answer the task."""

from __future__ import annotations

import email
import email.policy
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urljoin, urlsplit

from form import Page, visit
from mail_server import MailServer, references
from world import Receiver, Server, World, until


def who_is_asked_gets_a_mail_and_answers_by_its_link(world: World) -> None:
    person = world.new_person()
    task = {"title": "Deploy the café’s till?", "description": "Tonight & <here>."}
    intent_id = world.ask(person, task)
    letter = world.letter(person)
    assert letter.receivers == [person] and letter.message["To"] == person, letter
    assert letter.sender == "axme@example.com" and letter.message["From"] == "AXME <axme@example.com>", letter
    assert letter.subject == "[Local] Deploy the café’s till?", letter.subject
    assert letter.message.get_content_type() == "multipart/alternative", letter.message.get_content_type()
    assert letter.message["Auto-Submitted"] == "auto-generated" and letter.message["Message-ID"], letter.message
    assert "Tonight & <here>." in letter.text and intent_id in letter.text, letter.text
    assert "Tonight &amp; &lt;here&gt;." in letter.html, letter.html
    assert letter.link.startswith(f"{world.server.base_url}/app/tasks/{intent_id}?token="), letter.link

    page = Page.opened(letter.link)
    assert page.status == 200 and "Tonight & <here>." in page.text, page.text
    before = world.events(intent_id)
    review = page.press("Approve", comment="go on")
    assert "Please confirm" in review.text and "go on" in review.text, review.text
    assert world.events(intent_id) == before, "nothing is recorded before the confirmation"
    done = review.press("Confirm: Approve")
    assert "Your answer was recorded" in done.text and "Approved" in done.text, done.text
    event = world.outcome(intent_id)
    assert event["status"] == "COMPLETED" and event["actor"] == person, event
    assert event["result"] == {"outcome": "approved", "comment": "go on"}, event
    assert event["details"]["answered_via"] == "email", event
    assert "You have answered already" in Page.opened(letter.link).text


def a_scanner_that_opens_every_link_of_a_mail_changes_nothing(world: World) -> None:
    person = world.new_person()
    intent_id = world.ask(person)
    letter = world.letter(person)
    before = world.events(intent_id)
    found = set(letter.links)
    for link in letter.links:
        found |= {urljoin(link, reference) for reference in references(visit(link).text)}
    assert found > set(letter.links), "the scanner also follows the links of the pages"
    visits = [(url, method) for url in sorted(found) for method in ("GET", "HEAD", "GET", "OPTIONS")] * 3
    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(lambda one: visit(*one).status, visits))
    assert all(status < 500 for status in statuses), statuses
    assert world.events(intent_id) == before
    assert world.intent(intent_id)["status"] == "WAITING"
    Page.opened(letter.link).press("Reject").press("Confirm: Reject")
    assert world.intent(intent_id)["result"]["outcome"] == "rejected"


def reminders_and_the_escalation_are_mailed_and_any_of_their_links_answers(world: World) -> None:
    person, deputy = world.new_person(), world.new_person()
    intent_id = world.ask(person, remind_after_seconds=1, max_reminders=1, escalate_to=deputy)
    escalation, asked, reminder = world.letter(deputy), world.letter(person), world.letter(person, 2)
    subjects = [letter.subject for letter in (asked, reminder, escalation)]
    title = "Shall it be done?"
    assert subjects == [f"[Local] {what}{title}" for what in ("", "Reminder: ", "Escalated: ")], subjects
    assert len({letter.link for letter in (asked, reminder, escalation)}) == 3, "each mail has its own link"
    Page.opened(reminder.link).press("Approve").press("Confirm: Approve")
    event = world.outcome(intent_id)
    assert event["status"] == "COMPLETED" and event["actor"] == person, event
    assert "This was answered already" in Page.opened(escalation.link).text


def mail_waits_for_a_mail_server_that_is_down(world: World) -> None:
    person = world.new_person()
    world.mail.stop()
    try:
        intent_id = world.ask(person)
        failure = re.compile(rf"a notice failed and is retried.*{intent_id}")
        until("the log reports the failure", lambda: failure.search(world.server.log_text()))
    finally:
        world.mail.start()
    Page.opened(world.letter(person).link).press("Approve").press("Confirm: Approve")
    assert world.outcome(intent_id)["status"] == "COMPLETED"
    assert len(world.letters(person)) == 1


def mail_that_nobody_takes_is_a_dead_letter(world: World) -> None:
    intent_id = world.ask(f"nobody-{world.new_person()}")
    dead = until("the mail is given up", lambda: _dead_letters(world, intent_id))
    assert [letter["transport_type"] for letter in dead] == ["email"], dead
    assert "no such mailbox" in dead[0]["error_detail"], dead
    assert world.intent(intent_id)["status"] == "WAITING", "the task itself can still be answered"
    # Other people still get mail, and the task can be answered in another way.
    person = world.new_person()
    world.ask(person)
    world.letter(person)
    world.admin.resume_intent(intent_id, {"task_result": {"outcome": "approved"}})
    assert world.outcome(intent_id)["status"] == "COMPLETED"


def a_bundle_with_a_pushed_agent_a_mail_and_reminders_runs_to_its_end(world: World) -> None:
    person = world.new_person()
    with Receiver("ok") as receiver:
        agent = world.new_pushed_agent(receiver.url("/orders"))
        bundle = _bundle(agent.name, receiver.url("/orders"), person)
        valid = world.admin.validate_scenario(bundle)
        assert valid["valid"] is True and valid["errors"] == [], valid
        intent_id = world.admin.apply_scenario(bundle)["intent_id"]
        push = receiver.received()
        assert push["signed"] and push["body"]["payload"]["parent_payload"] == {"order_id": "ord-1"}, push
        answer = {"action": "complete", "stock": 3}
        agent.client.resume_intent(push["body"]["intent_id"], answer, owner_agent=agent.address)
    reminder = world.letter(person, 2)
    assert reminder.subject == "[Local] Reminder: Ship the order?", reminder.subject
    page = Page.opened(reminder.link)
    assert "Stock: 3" in page.text, "the approver sees the results of earlier steps"
    page.press("Approve", **{"field.parcels": "2"}).press("Confirm: Approve")
    result = world.outcome(intent_id)["result"]
    assert (result["outcome"], result["approved"], result["parcels"]) == ("approved", True, 2), result
    assert result["steps"]["check_stock"] == {"stock": 3}, result


def without_a_mail_server_mail_is_a_file_that_only_its_owner_reads(world: World) -> None:
    data = world.server.data.with_name("without-mail")
    server = Server(world.server.axme, data)
    server.start()
    try:
        outbox = data / "outbox"
        assert re.search(rf"no mail server is set.*{re.escape(str(outbox))}", server.log_text()), server.log_tail()
        own = World(server, MailServer(0), world.embedder)
        intent_id = own.ask("ann@example.com")
        (path,) = until("the mail is written", lambda: list(outbox.glob("*.eml")))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, oct(path.stat().st_mode)
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        assert (message["To"], message["Subject"]) == ("ann@example.com", "[Local] Shall it be done?"), message
        body = message.get_body(("plain",))
        assert body is not None
        (link,) = re.findall(r"http\S+", body.get_content())
        Page.opened(link).press("Approve").press("Confirm: Approve")
        assert own.outcome(intent_id)["status"] == "COMPLETED"
        assert _token(link) not in server.log_text(), "the token of a link is in the server's log"
        server.stop()
    finally:
        server.kill()


def no_token_of_a_link_is_ever_logged(world: World) -> None:
    person = world.new_person()
    world.ask(person)
    Page.opened(world.letter(person).link).press("Approve").press("Confirm: Approve")
    log = world.server.log_text()
    letters = [letter for letter in world.mail.letters() if any("token=" in link for link in letter.links)]
    assert letters
    for letter in letters:
        assert _token(letter.link) not in log, "the token of a link is in the server's log"


def _token(link: str) -> str:
    (token,) = parse_qs(urlsplit(link).query)["token"]
    return token.removeprefix("axt_")


def _dead_letters(world: World, intent_id: str) -> list[dict]:
    reply = world.get("/v1/deliveries")
    assert reply.status == 200, reply
    return [letter for letter in reply.json["deliveries"] if letter.get("intent_id") == intent_id]


def _bundle(agent_name: str, callback_url: str, person: str) -> dict:
    """Returns a bundle as people write them, with every published field for tasks and pushes."""
    return {
        "scenario_id": "compat.order.v1",
        "title": "An order is checked and shipped",
        "description": "A web server checks the stock, then a person decides.",
        "agents": [
            {
                "role": "stock",
                "address": agent_name,
                "display_name": "Stock",
                "delivery_mode": "http",
                "callback_url": callback_url,
                "create_if_missing": True,
            }
        ],
        "humans": [{"role": "dispatcher", "display_name": "Dispatch"}],
        "workflow": {
            "steps": [
                {
                    "step_id": "check_stock",
                    "tool_id": "tool.agent.task.v1",
                    "assigned_to": "stock",
                    "step_deadline_seconds": 60,
                },
                {
                    "step_id": "ship",
                    "tool_id": "tool.approval.human_signoff",
                    "assigned_to": "dispatcher",
                    "requires_approval": True,
                    "step_deadline_seconds": 60,
                    "remind_after_seconds": 1,
                    "remind_interval_seconds": 30,
                    "max_reminders": 2,
                    "human_task": {
                        "title": "Ship the order?",
                        "description": "Say in how many parcels.",
                        "notify_email": person,
                        "form_schema": {
                            "type": "object",
                            "required": ["approved", "parcels"],
                            "properties": {
                                "approved": {"type": "boolean"},
                                "parcels": {"type": "integer", "minimum": 1},
                            },
                        },
                    },
                },
            ]
        },
        "intent": {"type": "intent.order.v1", "payload": {"order_id": "ord-1"}, "max_delivery_attempts": 3},
    }
