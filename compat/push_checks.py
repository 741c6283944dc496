"""Checks what the server sends: intents to agents that are web servers, and events to subscribers."""

from __future__ import annotations

from uuid import uuid4

from axme import AxmeHttpError

from world import SECRET, Receiver, World, until


def an_intent_is_pushed_signed_and_answered(world: World) -> None:
    with Receiver("ok") as receiver:
        agent = world.new_pushed_agent(receiver.url("/intent"))
        intent_id = world.send(agent, {"n": 1})
        push = receiver.received()
        assert push["signed"] and push["path"] == "/intent", push
        assert push["body"]["intent_id"] == intent_id and push["body"]["payload"] == {"n": 1}, push
        until("a 2xx acknowledges", lambda: world.intent(intent_id)["status"] == "ACKNOWLEDGED")
        agent.client.resume_intent(intent_id, {"action": "complete", "done": True}, owner_agent=agent.address)
        assert world.outcome(intent_id)["status"] == "COMPLETED"


def a_receiver_that_fails_hangs_and_redirects_gets_it_again(world: World) -> None:
    # The other receiver represents an internal address: nothing may reach it.
    with Receiver("ok") as forbidden, Receiver("fail", "hang", f"redirect={forbidden.url('/')}", "ok") as receiver:
        agent = world.new_pushed_agent(receiver.url("/intent"))
        intent_id = world.send(agent, max_delivery_attempts=4)
        pushes = [receiver.received() for _ in range(4)]
        assert [push["body"]["intent_id"] for push in pushes] == [intent_id] * 4, pushes
        assert all(push["signed"] for push in pushes), pushes
        assert len({push["headers"]["webhook-id"] for push in pushes}) == 1, pushes
        until("the last one acknowledges", lambda: world.intent(intent_id)["status"] == "ACKNOWLEDGED")
        assert forbidden.is_idle()


def a_receiver_that_never_answers_fails_the_intent_and_delays_nobody(world: World) -> None:
    with Receiver("hang") as hanging, Receiver("ok") as receiver:
        stuck = world.send(world.new_pushed_agent(hanging.url("/")), max_delivery_attempts=1)
        hanging.received()
        fine = world.send(world.new_pushed_agent(receiver.url("/")))
        until("the other agent gets its own intent meanwhile", lambda: world.intent(fine)["status"] == "ACKNOWLEDGED", 1.5)
        assert world.intent(stuck)["status"] == "DELIVERED"
        event = world.outcome(stuck)
        assert event["status"] == "FAILED", event
        assert "intent.delivery_failed" in [event["event_type"] for event in world.events(stuck)]


def events_reach_a_subscriber_and_are_replayed(world: World) -> None:
    with Receiver("fail", "ok") as receiver:
        owner = f"agent://hooks/{world.new_name('owner')}"
        subscription = world.admin.upsert_webhook_subscription(
            {
                "callback_url": receiver.url("/events"),
                "event_types": ["inbox.thread_created", "inbox.reply_received"],
                "secret": SECRET,
                "owner_agent": owner,
            }
        )["subscription"]
        assert subscription["active"] is True and subscription["revoked_at"] is None, subscription
        listed = world.admin.list_webhook_subscriptions(owner_agent=owner)["subscriptions"]
        assert [entry["subscription_id"] for entry in listed] == [subscription["subscription_id"]], listed

        published = world.admin.publish_webhook_event(
            {"event_type": "inbox.reply_received", "source": "compat", "payload": {"n": 1}}, owner_agent=owner
        )
        assert published["queued_deliveries"] == 1, published
        first, second = receiver.received(), receiver.received()
        assert first["signed"] and second["signed"], (first, second)
        assert first["body"]["event_id"] == second["body"]["event_id"] == published["event_id"], (first, second)
        assert second["body"]["payload"] == {"n": 1} and second["body"]["attempt"] == 2, second
        replayed = world.admin.replay_webhook_event(published["event_id"], owner_agent=owner)
        assert replayed["queued_deliveries"] == 1 and replayed["replayed_at"], replayed
        assert receiver.received()["body"]["event_id"] == published["event_id"]

        intent_id = world.admin.create_intent(
            {"intent_type": "intent.compat.v1", "to_agent": owner, "payload": {}}, correlation_id=str(uuid4())
        )["intent_id"]
        event = receiver.received()["body"]
        assert event["event_type"] == "inbox.thread_created" and event["payload"]["intent_id"] == intent_id, event
        deleted = world.admin.delete_webhook_subscription(subscription["subscription_id"], owner_agent=owner)
        assert deleted["revoked_at"], deleted


def what_is_inside_cannot_be_called(world: World) -> None:
    for url in ("http://10.0.0.1/", "http://169.254.169.254/latest", "http://[::1]/", "http://127.0.0.2/"):
        try:
            world.admin.upsert_webhook_subscription({"callback_url": url, "event_types": ["inbox.thread_created"]})
        except AxmeHttpError as error:
            assert error.status_code == 422, (url, error)
        else:
            raise AssertionError(f"{url} was accepted")
