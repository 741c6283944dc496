"""Checks users, invites, schemas, files, the directory, tools and the mesh through the official SDK."""

from __future__ import annotations

import hashlib
import urllib.request
from typing import Any
from uuid import uuid4

from axme import AxmeAuthError, AxmeHttpError, AxmeServerError, AxmeValidationError

from world import SECRET, Receiver, World, refusal, until


def a_user_takes_a_nick_and_another(world: World) -> None:
    nick = f"@Ann.{world.new_name('x')}"
    free = world.admin.check_nick(nick)
    assert (free["nick"], free["normalized_nick"], free["available"]) == (nick, nick[1:].lower(), True), free
    user = world.admin.register_nick({"nick": nick, "display_name": "Ann"}, idempotency_key=str(uuid4()))
    assert user["nick"] == nick and user["owner_agent"] == f"agent://user/{user['user_id']}", user
    assert world.admin.check_nick(nick.upper())["available"] is False
    taken = refusal(AxmeValidationError, lambda: world.admin.register_nick({"nick": nick}))
    assert taken.status_code == 409, taken
    owner, other = user["owner_agent"], f"{nick}.b"
    renamed = world.admin.rename_nick({"owner_agent": owner, "nick": other})
    assert (renamed["owner_agent"], renamed["nick"]) == (owner, other), renamed
    assert world.admin.check_nick(nick)["available"] is True
    change = {"owner_agent": owner, "display_name": "Ann B.", "email": "a@example.com"}
    updated = world.admin.update_user_profile(change)
    assert (updated["nick"], updated["display_name"], updated["email"]) == (other, "Ann B.", "a@example.com"), updated
    assert world.admin.get_user_profile(owner) == updated
    unknown = refusal(AxmeHttpError, lambda: world.admin.get_user_profile(f"agent://user/{uuid4()}"))
    assert unknown.status_code == 404, unknown


def an_invite_is_accepted_and_its_inviter_told(world: World) -> None:
    with Receiver("ok") as receiver:
        owner = f"agent://hosts/{world.new_name('host')}"
        world.admin.upsert_webhook_subscription(
            {
                "callback_url": receiver.url("/invites"),
                "event_types": ["invite.accepted"],
                "secret": SECRET,
                "owner_agent": owner,
            }
        )
        invite = world.admin.create_invite({"owner_agent": owner, "recipient_hint": "Bob", "ttl_seconds": 3600})
        token = invite["token"]
        assert len(token) >= 12 and token in invite["invite_url"] and invite["status"] == "pending", invite
        assert world.admin.get_invite(token)["recipient_hint"] == "Bob"
        nick = f"@{world.new_name('bob')}"
        accepted = world.admin.accept_invite(token, {"nick": nick, "display_name": "Bob"})
        assert (accepted["status"], accepted["nick"]) == ("accepted", nick), accepted
        assert accepted["invite_owner_agent"] == owner, accepted
        assert world.admin.accept_invite(token, {"nick": nick})["user_id"] == accepted["user_id"]
        shown = world.admin.get_invite(token)
        assert (shown["status"], shown["accepted_owner_agent"]) == ("accepted", accepted["owner_agent"]), shown
        told = receiver.received()
        assert told["signed"] and told["body"]["event_type"] == "invite.accepted", told


def a_schema_decides_what_a_payload_may_be(world: World) -> None:
    semantic_type = f"compat.orders.{world.new_name('order').replace('-', '_')}.v1"
    schema = {"type": "object", "required": ["pieces"], "properties": {"pieces": {"type": "integer", "minimum": 1}}}
    asked = {"semantic_type": semantic_type, "schema_json": schema, "compatibility_mode": "strict"}
    kept = world.admin.upsert_schema(asked)["schema"]
    assert len(kept["schema_hash"]) == 64 and kept["active"] is True, kept
    assert world.admin.upsert_schema(asked)["schema"]["schema_hash"] == kept["schema_hash"]
    shown = world.admin.get_schema(semantic_type)["schema"]
    assert shown["schema_json"] == schema and shown["schema_hash"] == kept["schema_hash"], shown
    agent = world.new_agent()
    world.send(agent, {"pieces": 3}, intent_type=semantic_type)
    refused = refusal(AxmeValidationError, lambda: world.send(agent, {"pieces": 0}, intent_type=semantic_type))
    assert refused.status_code == 422, refused


def a_file_is_announced_uploaded_finished_and_downloaded(world: World) -> None:
    content = b"the minutes of the meeting\n" * 100
    digest = hashlib.sha256(content).hexdigest()
    announced = world.admin.create_media_upload(
        {
            "owner_agent": world.new_agent().address,
            "filename": "minutes.txt",
            "mime_type": "text/plain",
            "size_bytes": len(content),
            "sha256": digest,
        }
    )
    upload_id = announced["upload_id"]
    assert announced["status"] == "pending", announced
    put = urllib.request.Request(announced["upload_url"], data=content, method="PUT")
    with urllib.request.urlopen(put, timeout=15) as answer:
        assert answer.status == 200
    finished = world.admin.finalize_media_upload({"upload_id": upload_id, "size_bytes": len(content), "sha256": digest})
    assert (finished["status"], finished["size_bytes"], finished["sha256"]) == ("ready", len(content), digest), finished
    upload = world.admin.get_media_upload(upload_id)["upload"]
    assert (upload["status"], upload["filename"]) == ("ready", "minutes.txt"), upload
    with urllib.request.urlopen(upload["download_url"], timeout=15) as answer:
        assert answer.read() == content


def a_principal_is_found_by_its_names_until_they_are_revoked(world: World) -> None:
    home = _home(world)
    made = world.admin.create_principal({**home, "principal_type": "service_agent", "display_name": "Billing"})
    principal = made["principal"]
    principal_id = principal["principal_id"]
    assert (principal["status"], principal["display_name"]) == ("active", "Billing"), principal
    assert world.admin.get_principal(principal_id)["principal"] == principal
    name = world.new_name("billing")
    alias = world.admin.bind_alias({"principal_id": principal_id, "alias": name, "alias_type": "service"})["alias"]
    assert (alias["alias"], alias["status"], alias["principal_id"]) == (name, "active", principal_id), alias
    assert alias["alias_id"] in [entry["alias_id"] for entry in world.admin.list_aliases(**home)["aliases"]]
    resolved = world.admin.resolve_alias(**home, alias=name)["resolution"]
    assert resolved["principal"]["principal_id"] == principal_id, resolved
    revoked = world.admin.revoke_alias(alias["alias_id"])["alias"]
    assert revoked["status"] == "revoked" and revoked["revoked_at"], revoked
    gone = refusal(AxmeHttpError, lambda: world.admin.resolve_alias(**home, alias=name))
    assert gone.status_code == 404, gone


def a_delivery_goes_along_the_better_route_and_again(world: World) -> None:
    home = _home(world)
    with Receiver("ok") as receiver:
        asked = {**home, "principal_type": "service_agent", "display_name": "Shipping"}
        principal_id = world.admin.create_principal(asked)["principal"]["principal_id"]
        name = world.new_name("shipping")
        world.admin.bind_alias({"principal_id": principal_id, "alias": name, "alias_type": "service"})

        def register(path: str, priority: int) -> dict[str, Any]:
            return world.admin.register_routing_endpoint(
                {
                    "principal_id": principal_id,
                    "transport_type": "http",
                    "endpoint_url": receiver.url(path),
                    "auth_mode": "none",
                    "priority": priority,
                }
            )["route"]

        near, far = register("/near", 20), register("/far", 10)
        listed = world.admin.list_routing_endpoints(**home)["routes"]
        assert {near["route_id"], far["route_id"]} <= {route["route_id"] for route in listed}, listed
        resolution = world.admin.resolve_routing({**home, "alias": name})["resolution"]
        assert resolution["selected_route"]["route_id"] == far["route_id"], resolution
        assert len(resolution["candidate_routes"]) == 2, resolution
        changed = world.admin.update_routing_endpoint(near["route_id"], {"priority": 5})["route"]
        assert changed["priority"] == 5 and changed["endpoint_url"] == near["endpoint_url"], changed

        delivery = world.admin.submit_delivery({**home, "alias": name, "payload": {"parcel": 7}})["delivery"]
        assert (delivery["status"], delivery["route_id"]) == ("submitted", near["route_id"]), delivery
        delivery_id = delivery["delivery_id"]
        pushed = receiver.received()
        assert pushed["path"] == "/near", pushed
        until("it is delivered", lambda: world.admin.get_delivery(delivery_id)["delivery"]["status"] == "delivered")
        found = world.admin.list_deliveries(**home, principal_id=principal_id, status="delivered")["deliveries"]
        assert [entry["delivery_id"] for entry in found] == [delivery_id], found
        replayed = world.admin.replay_delivery(delivery_id, idempotency_key=str(uuid4()))["delivery"]
        assert replayed["replay_of_delivery_id"] == delivery_id != replayed["delivery_id"], replayed
        assert receiver.received()["path"] == "/near"

        removed = world.admin.remove_routing_endpoint(near["route_id"])
        assert removed["route"] == {"route_id": near["route_id"], "removed": True}, removed
        resolution = world.admin.resolve_routing({**home, "principal_id": principal_id})["resolution"]
        assert resolution["selected_route"]["route_id"] == far["route_id"], resolution


def a_handle_on_a_transport_is_noted_and_forgotten(world: World) -> None:
    home = _home(world)
    principal_id = world.admin.create_principal({**home, "principal_type": "user"})["principal"]["principal_id"]
    asked = {"principal_id": principal_id, "transport_type": "webhook", "transport_handle": world.new_name("hook")}
    binding = world.admin.upsert_transport_binding(asked)["binding"]
    assert binding["transport_handle"] == asked["transport_handle"] and binding["status"] == "active", binding
    again = world.admin.upsert_transport_binding({**asked, "status": "inactive"})["binding"]
    assert (again["binding_id"], again["status"]) == (binding["binding_id"], "inactive"), again
    listed = world.admin.list_transport_bindings(**home)["bindings"]
    assert again in listed, listed
    removed = world.admin.remove_transport_binding(binding["binding_id"])
    assert removed["binding"] == {"binding_id": binding["binding_id"], "removed": True}, removed
    left = world.admin.list_transport_bindings(**home)["bindings"]
    assert binding["binding_id"] not in [entry["binding_id"] for entry in left], left


def a_listener_hears_of_an_intent_in_this_process(world: World) -> None:
    agent = world.new_agent()
    intent_id = world.send(agent, {"n": 1})
    heard = next(agent.client.listen(agent.address, wait_seconds=2, timeout_seconds=10))
    assert (heard["intent_id"], heard["status"]) == (intent_id, "DELIVERED"), heard
    try:
        rest = list(agent.client.listen(agent.address, since=heard["seq"], wait_seconds=1, timeout_seconds=1))
    except TimeoutError:
        return
    raise AssertionError(f"expected the listener to end with TimeoutError, got {rest}")


def tools_are_listed_checked_and_called(world: World) -> None:
    agent = world.new_agent()
    hello = agent.client.mcp_initialize()
    assert hello["protocolVersion"] and hello["serverInfo"]["name"], hello
    tools = agent.client.mcp_list_tools()["tools"]
    assert {"axme.check_nick", "axme.intents.get"} <= {tool["name"] for tool in tools}, [t["name"] for t in tools]
    intent_id = world.send(agent, {"n": 1})
    # The SDK now validates arguments against the schema from the list.
    shown = agent.client.mcp_call_tool("axme.intents.get", arguments={"intent_id": intent_id})
    assert shown["tool"] == "axme.intents.get" and shown["data"]["intent"]["payload"] == {"n": 1}, shown
    try:
        agent.client.mcp_call_tool("axme.intents.get", arguments={"intent_id": 7})
    except ValueError:
        pass
    else:
        raise AssertionError("the SDK accepted a number as an id")
    nick = agent.client.mcp_call_tool("axme.check_nick", arguments={"nick": f"@{world.new_name('nick')}"})
    assert nick["status"] == "completed" and nick["data"]["available"] is True, nick
    missing = refusal(
        AxmeServerError, lambda: agent.client.mcp_call_tool("axme.intents.get", arguments={"intent_id": str(uuid4())})
    )
    assert "not found" in str(missing) or "404" in str(missing) or "unknown" in str(missing), missing


def an_agent_beats_reports_is_killed_and_resumed(world: World) -> None:
    agent = world.new_agent()
    mesh, mine = world.admin.mesh, agent.client.mesh
    assert mesh.get_agent(agent.address)["agent"]["health_status"] == "unknown"
    assert mine.heartbeat()["health_status"] == "healthy"
    mine.report_metric(success=True, latency_ms=120, cost_usd=0.5)
    mine.report_metric(success=False)
    mine.start_heartbeat(interval_seconds=0.1)
    shown = until(
        "a heartbeat brings the numbers",
        lambda: (seen := mesh.get_agent(agent.address)["agent"])["intents_period"] == 2 and seen,
    )
    mine.stop_heartbeat()
    assert shown["health_status"] == "healthy" and shown["cost_period"] == 0.5, shown
    listed = mesh.list_agents(limit=1000, health="healthy")["agents"]
    assert agent.address in [entry["address"] for entry in listed], listed

    address_id = shown["address_id"]
    assert mesh.kill(address_id)["status"] == "killed"
    refused = refusal(AxmeAuthError, lambda: world.send(agent))
    assert refused.status_code == 403, refused
    assert mine.heartbeat(metrics={"intents_total": 1})["health_status"] == "killed"
    assert mesh.resume(address_id)["status"] == "active"
    world.send(agent)
    events = [e for e in mesh.list_events(limit=50)["events"] if e["address"] == agent.address]
    assert [event["event_type"] for event in events] == ["agent.resumed", "agent.killed", "agent.healthy"], events
    (killed,) = [e for e in mesh.list_events(event_type="agent.killed")["events"] if e["address"] == agent.address]
    assert killed["address_id"] == address_id, killed


def a_client_that_is_closed_sends_nothing(world: World) -> None:
    with world.client(world.key) as client:
        assert client.health()["ok"] is True
    client.close()  # a second close has no effect
    try:
        client.health()
    except RuntimeError:
        return
    raise AssertionError("a closed client still works")


def _home(world: World) -> dict[str, str]:
    return {"org_id": world.bootstrap.org_id, "workspace_id": world.bootstrap.workspace_id}
