"""Checks streams, headers, paths and errors as other clients than the Python SDK send and read them."""

from __future__ import annotations

import json
import time
from uuid import uuid4

import wire
from world import SECONDS_TO_HAPPEN, World

TERMINAL = ("COMPLETED", "FAILED", "CANCELED", "TIMED_OUT")
JSON = {"Content-Type": "application/json"}


def health_and_readiness_need_no_key(world: World) -> None:
    for path in ("/health", "/v1/health", "/ready"):
        reply = world.get(path, headers={})
        assert reply.status == 200 and reply.json["ok"] is True, (path, reply)


def a_key_is_taken_from_either_header(world: World) -> None:
    path = f"/v1/intents/{world.send(world.new_agent())}"
    for headers in ({"Authorization": f"Bearer {world.key}"}, {"x-api-key": world.key}, {"X-Api-Key": world.key}):
        assert world.get(path, headers).status == 200, list(headers)
    # After its session ended, a command line sends a stale bearer token together with a valid key.
    assert world.get(path, {"x-api-key": world.key, "Authorization": "Bearer stale"}).status == 200


def a_missing_empty_or_wrong_key_is_401(world: World) -> None:
    path = f"/v1/intents/{world.send(world.new_agent())}"
    for headers in (
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer "},
        {"x-api-key": ""},
        {"x-api-key": "axme_sa_wrong_key"},
        {"Authorization": "Bearer axme_sa_wrong_key"},
        {"x-api-key": world.key[:-1]},
    ):
        _assert_error(world.get(path, headers), 401)


def an_agent_stream_read_to_its_end_brings_every_intent(world: World) -> None:
    agent = world.new_agent()
    sent = [world.send(agent, {"n": n}) for n in range(3)]
    window = world.agent_window(agent, since=0, wait_seconds=2)
    assert sorted(window.intent_ids) == sorted(sent), window
    for event in window.events:
        assert event["status"] == "DELIVERED" and event["to_agent"] == agent.address, event
    # Now one window after the other, as a buffering client reads: it parses a stream after its end, and continues from
    # there.
    sent.append(world.send(agent))
    window = world.agent_window(agent, since=window.next_seq, wait_seconds=2)
    assert window.intent_ids == sent[3:], window


def a_stream_with_news_ends_early_for_clients_that_buffer(world: World) -> None:
    agent = world.new_agent()
    intent_id = world.send(agent)
    for window in (
        world.agent_window(agent, since=0, wait_seconds=15),
        world.window(f"/v1/intents/{intent_id}/events/stream", since=0, wait_seconds=15),
    ):
        assert intent_id in window.intent_ids, window
        assert window.seconds < 5, window


def an_idle_agent_stream_is_held_for_its_window(world: World) -> None:
    # SDKs reconnect without a pause, so an idle window that ended at once would cause a busy loop.
    window = world.agent_window(world.new_agent(), since=0, wait_seconds=2)
    assert window.events == [] and window.next_seq == 0, window
    assert 1.5 < window.seconds < 6, window


def an_intents_stream_with_since_last_plus_one_loses_nothing(world: World) -> None:
    # The Go command line sends last + 1, but means "after last".
    agent = world.new_agent()
    intent_id = world.send(agent)
    path = f"/v1/intents/{intent_id}/events/stream"
    collected = world.window(path, since=0, wait_seconds=2).seqs
    agent.client.get_intent(intent_id)  # acknowledges the intent, which adds an event
    collected += world.window(path, since=collected[-1] + 1, wait_seconds=2).seqs
    agent.client.resume_intent(intent_id, {"action": "complete"})
    deadline = time.monotonic() + SECONDS_TO_HAPPEN
    while world.events(intent_id, since=collected[-1]) and time.monotonic() < deadline:
        collected += world.window(path, since=collected[-1] + 1, wait_seconds=2).seqs
    events = world.events(intent_id)
    assert events[-1]["status"] == "COMPLETED", events
    assert collected == [event["seq"] for event in events], (collected, events)


def an_agent_stream_with_since_last_plus_one_loses_nothing(world: World) -> None:
    agent = world.new_agent()
    last = 0
    for _ in range(3):
        intent_id = world.send(agent)
        window = world.agent_window(agent, since=last + 1, wait_seconds=2)
        assert window.intent_ids == [intent_id], window
        last = window.next_seq


def the_first_window_of_a_built_in_agent_ends_before_the_scenario_is_submitted(world: World) -> None:
    # Official built-in agents discard their first window (since=0, one second). The intent follows half a second later,
    # and must arrive in the next window.
    agent = world.new_agent()
    before = world.send(agent)
    began = time.monotonic()
    first = world.agent_window(agent, since=0, wait_seconds=1)
    assert first.intent_ids == [before], first
    assert first.seconds < 0.45, f"the first window lasted {first.seconds:.2f} s"
    time.sleep(max(0.0, began + 0.5 - time.monotonic()))
    fresh = world.send(agent)
    second = world.agent_window(agent, since=first.next_seq + 1, wait_seconds=2)
    assert second.intent_ids == [fresh], second


def the_first_window_of_an_idle_agent_ends_at_once_too(world: World) -> None:
    agent = world.new_agent()
    first = world.agent_window(agent, since=0, wait_seconds=1)
    assert first.events == [] and first.seconds < 0.45, first
    fresh = world.send(agent)
    assert world.agent_window(agent, since=1, wait_seconds=2).intent_ids == [fresh]


def an_agent_stream_belongs_to_its_agent_and_the_admin(world: World) -> None:
    agent, other = world.new_agent(), world.new_agent()
    intent_id = world.send(agent)
    path = f"/v1/agents/{agent.name}/intents/stream"
    _assert_error(world.get(f"{path}?since=0&wait_seconds=1", {"x-api-key": other.key}), 403)
    assert world.window(path, since=0, wait_seconds=1, key=world.key).intent_ids == [intent_id]


def an_agent_address_is_understood_in_every_path_form(world: World) -> None:
    agent = world.new_agent()
    for form in (
        f"local/default/{agent.name}",
        agent.name,
        f"agent://local/default/{agent.name}",
        f"agent%3A%2F%2Flocal%2Fdefault%2F{agent.name}",
        f"agent:/local/default/{agent.name}",
    ):
        reply = world.get(f"/v1/agents/{form}")
        assert reply.status == 200, (form, reply)
        assert reply.json["agent"]["address"] == agent.address, (form, reply)
        world.window(f"/v1/agents/{form}/intents/stream", since=0, wait_seconds=1, key=agent.key)


def a_receiver_is_understood_in_every_form(world: World) -> None:
    agent = world.new_agent()
    forms = (agent.address, agent.name, f"local/default/{agent.name}", f"agent://{agent.name}")
    sent = []
    for form in forms:
        body = json.dumps({"intent_type": "intent.compat.v1", "to_agent": form, "payload": {}}).encode()
        reply = world.post("/v1/intents", body)
        assert reply.status == 200, (form, reply)
        sent.append(reply.json["intent_id"])
    assert sorted(world.agent_window(agent, since=0, wait_seconds=2).intent_ids) == sorted(sent)


def an_empty_body_with_a_json_content_type_is_an_empty_object(world: World) -> None:
    agent = world.new_agent()
    intent_id = world.send(agent)
    assert world.get(f"/v1/intents/{intent_id}", JSON | {"x-api-key": world.key}).status == 200
    key = world.post(f"/v1/service-accounts/{agent.service_account_id}/keys", None)
    assert key.status == 200 and key.json["key"]["token"] == key.json["api_key"], key
    resumed = world.post(f"/v1/intents/{intent_id}/resume", None)
    assert resumed.status == 200 and resumed.json["applied"] is True, resumed
    assert resumed.json["intent"]["status"] not in TERMINAL, resumed
    # This only let the step proceed: the result is still missing, and is accepted.
    resolved = world.post(f"/v1/intents/{intent_id}/resolve", b'{"status":"COMPLETED","result":{}}')
    assert resolved.status == 200 and resolved.json["intent"]["status"] == "COMPLETED", resolved


def an_empty_body_never_answers_a_human_task(world: World) -> None:
    intent_id = world.send_human_task()
    world.waiting_for_human(intent_id)
    for body in (None, b"{}"):
        _assert_error(world.post(f"/v1/intents/{intent_id}/resume", body), 422)
    assert world.intent(intent_id)["status"] == "WAITING"


def bad_input_is_refused_in_the_contracts_shape(world: World) -> None:
    not_objects = (b'{"intent_type": ', b"[]", b'"text"', b"\xff\xfe")
    wrong_types = (
        b'{"intent_type":"intent.compat.v1","to_agent":"agent://local/default/x","payload":"text"}',
        b'{"intent_type":7,"to_agent":"agent://local/default/x","payload":{}}',
        b'{"intent_type":"intent.compat.v1","to_agent":["x"],"payload":{}}',
    )
    for body in not_objects + wrong_types:
        _assert_error(world.post("/v1/intents", body), 400, 422)


def an_unknown_id_is_404(world: World) -> None:
    for intent_id in (str(uuid4()), "no-such-intent"):
        _assert_error(world.get(f"/v1/intents/{intent_id}"), 404)
        _assert_error(world.get(f"/v1/intents/{intent_id}/events"), 404)
        _assert_error(world.get(f"/v1/intents/{intent_id}/events/stream?since=0&wait_seconds=1"), 404)
        _assert_error(world.post(f"/v1/intents/{intent_id}/resume", b'{"action":"complete"}'), 404)
        _assert_error(world.post(f"/v1/intents/{intent_id}/resolve", b'{"status":"COMPLETED","result":{}}'), 404)
    _assert_error(world.get("/v1/agents/local/default/nobody-at-all"), 404)


def an_oversized_payload_or_body_is_413_and_creates_nothing(world: World) -> None:
    agent = world.new_agent()

    def create(payload_bytes: int) -> wire.Reply:
        # The payload as compact JSON, {"text":"aaa…"}, is exactly this long.
        intent = {"intent_type": "intent.compat.v1", "to_agent": agent.address}
        intent["payload"] = {"text": "a" * (payload_bytes - len('{"text":""}'))}
        return world.post("/v1/intents", json.dumps(intent, separators=(",", ":")).encode())

    largest = create(131_072)
    assert largest.status == 200, largest
    _assert_error(create(131_073), 413)
    _assert_error(create(1024 * 1024 + 1), 413)
    assert world.agent_window(agent, since=0, wait_seconds=2).intent_ids == [largest.json["intent_id"]]


def a_large_payload_is_left_out_of_the_stream_and_found_by_get(world: World) -> None:
    agent = world.new_agent()
    payload = {"text": "a" * 100_000}
    intent_id = world.send(agent, payload)
    reply = world.get(f"/v1/agents/{agent.name}/intents/stream?since=0&wait_seconds=2", {"x-api-key": agent.key})
    assert wire.read_window(reply, since=0).intent_ids == [intent_id]
    # Go's scanner fails on a line of 64 KiB.
    assert max(map(len, reply.text.splitlines())) < 48 * 1024
    assert world.intent(intent_id)["payload"] == payload


def _assert_error(reply: wire.Reply, *statuses: int) -> None:
    """Checks that the message is where each client reads it: in `error.message`, in `detail` and in `message`."""
    assert reply.status in statuses, reply
    body = reply.json
    assert body["ok"] is False, body
    assert isinstance(body["error"]["code"], str) and body["error"]["code"], body
    assert isinstance(body["detail"], str) and body["detail"], body
    assert body["error"]["message"] == body["message"] == body["detail"], body
