"""Checks with the unmodified Python SDK. Every public function is a check; its name says what it proves."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

from axme import AxmeHttpError, AxmeValidationError

from world import SECONDS_TO_HAPPEN, Listener, World, refusal, until

FIRST_EVENTS = ["intent.created", "intent.submitted", "intent.delivered"]


def health_needs_nothing_and_says_ok(world: World) -> None:
    health = world.admin.health()
    assert health["ok"] is True, health
    assert isinstance(health["service"], str) and isinstance(health["storage"], str), health


def capabilities_are_named_as_clients_expect(world: World) -> None:
    answer = world.admin.get_capabilities()
    capabilities, types = answer["capabilities"], answer["supported_intent_types"]
    assert capabilities and all(len(name) >= 3 for name in capabilities), answer
    assert types and all(t.startswith("intent.") and t.endswith(".v1") for t in types), answer


def a_service_account_becomes_an_agent_with_an_address_and_a_key(world: World) -> None:
    agent = world.new_agent()
    assert agent.address == f"agent://local/default/{agent.name}", agent
    listed = world.admin.list_agents(org_id=world.bootstrap.org_id, workspace_id=world.bootstrap.workspace_id)
    assert agent.address in [entry["address"] for entry in listed["agents"]], listed
    shown = world.admin.get_agent(agent.address)["agent"]
    assert shown["address"] == agent.address, shown
    assert shown["service_account_id"] == agent.service_account_id, shown
    # The key works, and a second one does not revoke it.
    second = world.agent_with_new_key(agent.name, agent.address, agent.service_account_id)
    assert second.key != agent.key
    for key_holder in (agent, second):
        assert key_holder.client.get_agent(agent.address)["ok"] is True


def a_new_intent_is_delivered_and_can_be_read_nested_and_mirrored(world: World) -> None:
    agent = world.new_agent()
    created = world.admin.create_intent(
        {"intent_type": "intent.compat.v1", "to_agent": agent.address, "payload": {"n": 1}},
        correlation_id=str(uuid4()),
    )
    assert created["status"] == "DELIVERED", created
    got = world.admin.get_intent(created["intent_id"])
    for shown in (got, got["intent"]):
        assert shown["intent_id"] == created["intent_id"], got
        assert shown["status"] == shown["lifecycle_status"] == "DELIVERED", got
        assert shown["intent_type"] == "intent.compat.v1", got
        assert shown["payload"] == {"n": 1}, got
        assert shown["result"] is None, got
    assert got["intent"]["to_agent"] == agent.address, got


def events_start_with_created_submitted_delivered_and_since_is_exclusive(world: World) -> None:
    intent_id = world.send(world.new_agent())
    events = world.events(intent_id)
    assert [event["event_type"] for event in events] == FIRST_EVENTS, events
    assert [event["status"] for event in events] == ["CREATED", "SUBMITTED", "DELIVERED"], events
    assert all(event["intent_id"] == intent_id for event in events), events
    seqs = [event["seq"] for event in events]
    assert seqs == sorted(set(seqs)) and seqs[0] >= 1, seqs
    assert world.events(intent_id, since=0) == events
    assert world.events(intent_id, since=seqs[0]) == events[1:]
    assert world.events(intent_id, since=seqs[-1]) == []


def an_approval_is_decided_and_an_unknown_one_recorded(world: World) -> None:
    intent_id = world.send_human_task()
    decided = world.admin.decide_approval(intent_id, decision="approve", comment="fine")
    assert decided["approval"]["approval_id"] == intent_id and decided["approval"]["decision"] == "approve", decided
    assert world.intent(intent_id)["result"]["outcome"] == "approved"
    unknown = str(uuid4())
    decided = world.admin.decide_approval(unknown, decision="reject", comment="no", idempotency_key=unknown)
    assert decided["ok"] is True and decided["approval"]["comment"] == "no", decided
    assert decided["approval"]["decided_at"], decided


def a_thread_is_read_answered_and_decided(world: World) -> None:
    owner = f"agent://desks/{world.new_name('desk')}"
    intent_id = world.admin.create_intent(
        {"intent_type": "intent.desk.v1", "to_agent": owner, "payload": {}}, correlation_id=str(uuid4())
    )["intent_id"]
    (thread,) = world.admin.list_inbox(owner_agent=owner)["threads"]
    assert thread["thread_id"] == intent_id and thread["status"] == "pending", thread
    assert world.admin.get_inbox_thread(intent_id, owner_agent=owner)["thread"] == thread
    page = world.admin.list_inbox_changes(owner_agent=owner, limit=1)
    assert [change["thread"] for change in page["changes"]] == [thread] and page["has_more"] is False, page
    replied = world.admin.reply_inbox_thread(intent_id, message="which one?", owner_agent=owner)
    assert [message["content"] for message in replied["thread"]["messages"]] == ["which one?"], replied
    page = world.admin.list_inbox_changes(owner_agent=owner, cursor=page["next_cursor"])
    assert [change["thread"]["thread_id"] for change in page["changes"]] == [intent_id], page
    deputy = world.new_agent()
    delegated = world.admin.delegate_inbox_thread(
        intent_id, {"delegate_to": deputy.address, "note": "please"}, owner_agent=owner
    )
    assert delegated["thread"]["thread_id"] == intent_id, delegated
    assert deputy.client.list_inbox()["threads"][0]["thread_id"] == intent_id
    deleted = world.admin.delete_inbox_messages(intent_id, {"mode": "self", "limit": 1}, owner_agent=owner)
    assert deleted["deleted_count"] == 1 and deleted["thread"]["timeline"], deleted
    approved = world.admin.approve_inbox_thread(intent_id, {"comment": "fine"}, owner_agent=owner)
    assert approved["thread"]["status"] == "done", approved
    assert world.admin.approve_inbox_thread(intent_id, {}, owner_agent=owner)["ok"] is True
    assert world.intent(intent_id)["result"]["outcome"] == "approved"
    other = world.admin.create_intent(
        {"intent_type": "intent.desk.v1", "to_agent": owner, "payload": {}}, correlation_id=str(uuid4())
    )["intent_id"]
    rejected = world.admin.reject_inbox_thread(other, {"comment": "no"}, owner_agent=owner)
    assert rejected["thread"]["status"] == "done", rejected
    unknown = str(uuid4())
    assert world.admin.reply_inbox_thread(unknown, message="hello")["thread"]["thread_id"] == unknown


def a_result_goes_to_the_inbox_of_reply_to(world: World) -> None:
    agent, asker = world.new_agent(), world.new_agent()
    intent_id = world.send(agent, reply_to=asker.address)
    resolved = agent.client.resolve_intent(intent_id, {"status": "COMPLETED", "result": {"answer": 42}})
    delivery = resolved["completion_delivery"]
    assert delivery["delivered"] is True and delivery["reply_to"] == asker.address, delivery
    (thread,) = asker.client.list_inbox(owner_agent=asker.address)["threads"]
    assert thread["thread_id"] == intent_id and thread["status"] == "done", thread
    assert [message["message_id"] for message in thread["messages"]] == [delivery["message_id"]], thread


def controls_change_a_live_intent_and_a_stale_generation_changes_nothing(world: World) -> None:
    intent_id = world.send(world.new_agent())
    changed = world.admin.update_intent_controls(intent_id, {"controls_patch": {"timeout_seconds": 120}, "reason": "r"})
    assert (changed["ok"], changed["applied"], changed["policy_generation"]) == (True, True, 1), changed
    assert changed["intent"]["controls"] == {"timeout_seconds": 120}, changed
    assert changed["intent"]["deadline_at"], changed
    stale = world.admin.update_intent_controls(
        intent_id, {"controls_patch": {"timeout_seconds": 1}, "expected_policy_generation": 0}
    )
    assert (stale["ok"], stale["applied"], stale["policy_generation"]) == (True, False, 1), stale
    assert stale["reason"] == "stale_policy_generation", stale
    assert world.intent(intent_id)["controls"] == {"timeout_seconds": 120}


def a_policy_lets_a_delegate_resume(world: World) -> None:
    ops = world.new_agent()
    intent_id = world.send(world.new_agent())
    changed = world.admin.update_intent_policy(
        intent_id,
        {
            "grants_patch": {f"delegate:{ops.address}": {"allow": ["resume", "update_controls"]}},
            "envelope_patch": {"max_retry_count": 10},
            "expected_policy_generation": 0,
        },
    )
    assert (changed["applied"], changed["policy_generation"]) == (True, 1), changed
    resumed = ops.client.resume_intent(intent_id, {"action": "complete", "by": "ops"}, owner_agent=ops.address)
    assert resumed["intent"]["status"] == "COMPLETED", resumed


def a_timeout_ends_wait_for(world: World) -> None:
    intent_id = world.send(world.new_agent())
    world.admin.update_intent_controls(intent_id, {"controls_patch": {"timeout_seconds": 1}})
    assert world.outcome(intent_id)["status"] == "TIMED_OUT"


def a_reminder_does_not_end_wait_for(world: World) -> None:
    agent = world.new_agent()
    intent_id = world.send(agent, remind_after_seconds=1, max_reminders=1)
    until(
        "the reminder comes",
        lambda: "intent.reminder" in [event["event_type"] for event in world.events(intent_id)],
    )
    agent.client.resume_intent(intent_id, {"action": "complete"}, owner_agent=agent.address)
    observed = list(world.admin.observe(intent_id, timeout_seconds=SECONDS_TO_HAPPEN))
    assert [event["event_type"] for event in observed][-2:] == ["intent.reminder", "intent.completed"], observed


def observe_follows_an_intent_from_creation_to_its_result(world: World) -> None:
    agent = world.new_agent()
    intent_id = world.send(agent)
    observed = []
    for event in world.admin.observe(intent_id, timeout_seconds=SECONDS_TO_HAPPEN):
        observed.append(event)
        if event["event_type"] == "intent.delivered":
            agent.client.resume_intent(intent_id, {"action": "complete", "answer": 42}, owner_agent=agent.address)
    assert [event["event_type"] for event in observed[:3]] == FIRST_EVENTS, observed
    assert observed[-1]["event_type"] == "intent.completed", observed
    assert observed[-1]["result"] == {"answer": 42}, observed
    assert [event["seq"] for event in observed] == [event["seq"] for event in world.events(intent_id)]


def wait_for_returns_promptly_after_the_resume(world: World) -> None:
    agent = world.new_agent()
    intent_id = world.send(agent)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(world.outcome, intent_id)
        time.sleep(1)  # so that the wait is past the first events
        resumed = time.monotonic()
        answer = agent.client.resume_intent(intent_id, {"approved": True, "score": 7})
        event = waiting.result()
        took = time.monotonic() - resumed
    assert answer["ok"] is True and answer["applied"] is True, answer
    assert answer["intent"]["status"] == "COMPLETED", answer
    assert event["status"] == "COMPLETED" and event["result"] == {"approved": True, "score": 7}, event
    assert took < 5, f"wait_for returned {took:.1f} s after the resume"
    got = world.admin.get_intent(intent_id)
    assert got["result"] == got["intent"]["result"] == {"approved": True, "score": 7}, got


def a_listener_in_another_process_receives_and_answers(world: World) -> None:
    agent = world.new_agent()
    with Listener(world, agent, "complete") as listener:
        intent_id = world.send(agent, {"n": 2})
        report = listener.received()
    delivery = report["delivery"]
    assert delivery["intent_id"] == intent_id and delivery["status"] == "DELIVERED", report
    assert delivery["to_agent"] == agent.address and delivery["intent_type"] == "intent.compat.v1", report
    assert report["intent"]["payload"] == {"n": 2}, report
    assert world.outcome(intent_id)["result"] == {"seen": {"n": 2}}


def a_listener_started_after_the_submit_receives_it(world: World) -> None:
    agent = world.new_agent()
    intent_id = world.send(agent)
    with Listener(world, agent, "complete") as listener:
        assert listener.received()["delivery"]["intent_id"] == intent_id
    assert world.outcome(intent_id)["status"] == "COMPLETED"


def a_listener_killed_before_answering_receives_it_again(world: World) -> None:
    agent = world.new_agent()
    with Listener(world, agent, "hold") as listener:
        intent_id = world.send(agent)
        assert listener.received()["delivery"]["intent_id"] == intent_id
        listener.kill()
    assert world.intent(intent_id)["status"] not in ("COMPLETED", "FAILED"), world.intent(intent_id)
    with Listener(world, agent, "complete") as listener:
        assert listener.received()["delivery"]["intent_id"] == intent_id
    assert world.outcome(intent_id)["status"] == "COMPLETED"


def resolve_ends_an_intent_exactly_once(world: World) -> None:
    intent_id = world.send(world.new_agent())
    last = world.events(intent_id)[-1]["seq"]
    resolved = world.admin.resolve_intent(intent_id, {"status": "COMPLETED", "result": {"n": 3}})
    assert resolved["intent"]["status"] == "COMPLETED", resolved
    assert resolved["event"]["event_type"] == "intent.completed", resolved
    assert resolved["completion_delivery"]["delivered"] is False, resolved
    fresh = world.events(intent_id, since=last)
    assert fresh[-1]["event_type"] == "intent.completed" and fresh[-1]["seq"] == resolved["event"]["seq"], fresh
    late = {"status": "CANCELED", "reason": "too late"}
    refused = refusal(AxmeHttpError, lambda: world.admin.resolve_intent(intent_id, late))
    assert isinstance(refused, AxmeValidationError) and refused.status_code == 409, refused
    assert world.events(intent_id, since=last) == fresh
    assert world.intent(intent_id)["result"] == {"n": 3}


def the_same_idempotency_key_gives_the_same_intent_or_a_conflict(world: World) -> None:
    agent, key = world.new_agent(), str(uuid4())

    def send(payload: dict[str, Any], correlation_id: str) -> str:
        intent = {"intent_type": "intent.compat.v1", "to_agent": agent.address, "payload": payload}
        return world.admin.send_intent(intent, correlation_id=correlation_id, idempotency_key=key)

    correlation_id = str(uuid4())
    first = send({"n": 1}, correlation_id)
    assert send({"n": 1}, correlation_id) == first
    # A program that runs again makes a new correlation id, but must still find its intent.
    assert send({"n": 1}, str(uuid4())) == first
    refused = refusal(AxmeHttpError, lambda: send({"n": 2}, correlation_id))
    assert isinstance(refused, AxmeValidationError) and refused.status_code == 409, refused
    assert world.agent_window(agent, since=0, wait_seconds=2).intent_ids == [first]


def a_resume_repeated_with_its_idempotency_key_gets_the_first_answer(world: World) -> None:
    agent, key = world.new_agent(), str(uuid4())
    intent_id = world.send(agent)
    first = agent.client.resume_intent(intent_id, {"action": "complete", "n": 1}, idempotency_key=key)
    assert agent.client.resume_intent(intent_id, {"action": "complete", "n": 1}, idempotency_key=key) == first
    refused = refusal(AxmeHttpError, lambda: agent.client.resume_intent(intent_id, {"action": "complete", "n": 1}))
    assert refused.status_code == 409, refused


def a_deadline_ends_an_intent_as_timed_out(world: World) -> None:
    deadline = datetime.now(timezone.utc) + timedelta(seconds=2)
    intent_id = world.send(world.new_agent(), deadline_at=deadline.isoformat())
    event = world.outcome(intent_id)
    assert event["event_type"] == "intent.timed_out" and event["status"] == "TIMED_OUT", event
    assert datetime.now(timezone.utc) >= deadline


def a_human_task_is_listed_and_answered_by_the_admin_only(world: World) -> None:
    intent_id, agent = world.send_human_task(), world.new_agent()
    world.waiting_for_human(intent_id)
    assert intent_id in world.open_tasks(world.key)
    assert world.open_tasks(agent.key) == []
    approval = {"task_result": {"outcome": "approved"}}
    # An agent's key may neither see another party's intent nor answer for the person.
    assert refusal(AxmeHttpError, lambda: agent.client.resume_intent(intent_id, approval)).status_code in (403, 404)
    wrong = refusal(AxmeHttpError, lambda: world.admin.resume_intent(intent_id, {"task_result": {"outcome": "maybe"}}))
    assert isinstance(wrong, AxmeValidationError) and wrong.status_code == 422, wrong
    world.admin.resume_intent(intent_id, approval)
    event = world.outcome(intent_id)
    assert event["status"] == "COMPLETED" and event["result"]["outcome"] == "approved", event
    assert intent_id not in world.open_tasks(world.key)


def a_scenario_runs_through_an_agent_and_an_approval_to_its_result(world: World) -> None:
    name = world.new_name("checker")
    applied = world.admin.apply_scenario(_scenario(name, _agent_step(), _human_step()))
    intent_id = applied["intent_id"]
    assert applied["compile_id"], applied
    (provisioned,) = applied["agents_provisioned"]
    assert provisioned["address"] == f"agent://local/default/{name}" and provisioned["created"] is True, applied
    agent = world.agent_with_new_key(name, provisioned["address"], provisioned["service_account_id"])
    pending = world.intent(intent_id)
    assert pending["status"] == "WAITING" and pending["lifecycle_waiting_reason"] == "WAITING_FOR_AGENT", pending
    with Listener(world, agent, "complete") as listener:
        step = listener.received()
    assert step["delivery"]["intent_id"] != intent_id, step
    assert step["intent"]["payload"]["parent_payload"] == {"version": "1.2.3"}, step
    world.waiting_for_human(intent_id)
    assert intent_id in world.open_tasks(world.key)
    world.admin.resume_intent(intent_id, {"task_result": {"outcome": "approved", "comment": "fine"}})
    event = world.outcome(intent_id)
    assert event["status"] == "COMPLETED", event
    result = world.intent(intent_id)["result"]
    assert result == event["result"], (result, event)
    assert result["outcome"] == "approved" and result["comment"] == "fine", result
    assert result["steps"]["check"] == {"seen": {"version": "1.2.3"}}, result


def a_persons_no_fails_the_scenario(world: World) -> None:
    intent_id = world.admin.apply_scenario(_scenario(world.new_name("checker"), _human_step()))["intent_id"]
    world.waiting_for_human(intent_id)
    world.admin.resume_intent(intent_id, {"task_result": {"outcome": "rejected"}})
    assert world.outcome(intent_id)["status"] == "FAILED"
    assert world.intent(intent_id)["error"]["code"] == "rejected"


def an_agents_failure_fails_the_scenario(world: World) -> None:
    agent = world.new_agent()
    intent_id = world.admin.apply_scenario(_scenario(agent.name, _agent_step(), _human_step()))["intent_id"]
    with Listener(world, agent, "fail") as listener:
        assert listener.received()["delivery"]["intent_id"] != intent_id
    event = world.outcome(intent_id)
    assert event["event_type"] == "intent.failed" and event["status"] == "FAILED", event


def a_step_that_nobody_answers_in_time_fails_the_scenario(world: World) -> None:
    bundle = _scenario(world.new_name("checker"), _agent_step(step_deadline_seconds=1), _human_step())
    intent_id = world.admin.apply_scenario(bundle)["intent_id"]
    assert world.outcome(intent_id)["status"] == "FAILED"
    assert world.intent(intent_id)["error"]["code"] == "step_timeout"


def a_scenario_applied_twice_with_one_key_is_one_intent(world: World) -> None:
    bundle, key = _scenario(world.new_name("checker"), _agent_step()), str(uuid4())
    first = world.admin.apply_scenario(bundle, idempotency_key=key)
    assert world.admin.apply_scenario(bundle, idempotency_key=key)["intent_id"] == first["intent_id"]


def an_unknown_role_is_reported_and_nothing_is_created(world: World) -> None:
    name = world.new_name("checker")
    good = world.admin.validate_scenario(_scenario(name, _agent_step(), _human_step()))
    assert good["valid"] is True and good["errors"] == [], good
    bundle = _scenario(name, _agent_step(), _agent_step(step_id="lost", assigned_to="nobody"))
    bad = world.admin.validate_scenario(bundle)
    assert bad["valid"] is False and bad["errors"], bad
    assert all(isinstance(error, str) for error in bad["errors"]), bad
    refused = refusal(AxmeHttpError, lambda: world.admin.apply_scenario(bundle))
    assert isinstance(refused, AxmeValidationError) and refused.status_code == 422, refused
    assert refusal(AxmeHttpError, lambda: world.admin.get_agent(f"agent://local/default/{name}")).status_code == 404


def _scenario(agent_name: str, *steps: dict[str, Any]) -> dict[str, Any]:
    return {
        "scenario_id": "compat.release.v1",
        "agents": [{"role": "checker", "address": agent_name, "create_if_missing": True}],
        "humans": [{"role": "approver", "display_name": "Release approver"}],
        "workflow": {"steps": list(steps)},
        "intent": {"type": "compat.release.v1", "payload": {"version": "1.2.3"}},
    }


def _agent_step(**fields: Any) -> dict[str, Any]:
    return {"step_id": "check", "tool_id": "tool.agent.task.v1", "assigned_to": "checker", **fields}


def _human_step() -> dict[str, Any]:
    task = {"title": "Approve the release", "task_type": "approval", "allowed_outcomes": ["approved", "rejected"]}
    return {
        "step_id": "approve",
        "tool_id": "tool.human.approval.v1",
        "assigned_to": "approver",
        "requires_approval": True,
        "human_task": task,
    }
