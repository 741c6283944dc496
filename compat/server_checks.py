"""Checks the server as a process: stop, restart on the same data, and secrets that it must not log."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import wire
from world import Listener, World


def a_restart_keeps_waiting_tasks_and_undelivered_intents(world: World) -> None:
    agent = world.new_agent()
    undelivered, task = world.send(agent, {"n": 1}), world.send_human_task()
    world.waiting_for_human(task)
    history = world.events(task)
    world.server.stop()
    world.server.start()
    assert world.events(task) == history
    assert task in world.open_tasks(world.key)
    world.admin.resume_intent(task, {"task_result": {"outcome": "approved"}})
    assert world.outcome(task)["status"] == "COMPLETED"
    with Listener(world, agent, "complete") as listener:
        assert listener.received()["delivery"]["intent_id"] == undelivered
    assert world.outcome(undelivered)["result"] == {"seen": {"n": 1}}


def sigterm_ends_open_streams_with_a_closing_frame(world: World) -> None:
    agent = world.new_agent()
    headers = {"x-api-key": agent.key}
    path = f"/v1/agents/{agent.name}/intents/stream?since=0&wait_seconds=40"
    with ThreadPoolExecutor() as pool:
        stream = pool.submit(world.get, path, headers)
        time.sleep(1)  # so that the stream is open
        assert not stream.done(), stream.result()
        world.server.stop()
        window = wire.read_window(stream.result(), since=0)
    assert window.events == [] and window.seconds < 20, window
    world.server.start()


def no_key_is_ever_logged(world: World) -> None:
    agent = world.new_agent()
    world.send(agent)
    log = world.server.log_text()
    for key in (world.key, agent.key):
        assert key[-12:] not in log, "a key's secret part is in the server's log"
