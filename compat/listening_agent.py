"""An agent in its own process. It listens with the official SDK and its own key, and prints what it receives.

    AXME_API_KEY=… python listening_agent.py BASE_URL ADDRESS complete|fail|hold

`complete` and `fail` answer each intent once; `hold` never answers. Each delivery is one JSON line on standard output:
the delivery as received, and the intent as fetched (`hold` does not fetch it).
"""

from __future__ import annotations

import json
import os
import sys

from axme import AxmeClient, AxmeClientConfig


def main() -> None:
    base_url, address, behaviour = sys.argv[1:]
    client = AxmeClient(AxmeClientConfig(base_url=base_url, api_key=os.environ["AXME_API_KEY"]))
    answered: set[str] = set()
    for delivery in client.listen(address, wait_seconds=5):
        intent_id = delivery["intent_id"]
        if behaviour == "hold":
            report(delivery, None)
            continue
        # Delivery is at least once, so the same intent may be offered again.
        if intent_id in answered:
            continue
        intent = client.get_intent(intent_id)["intent"]
        client.resume_intent(intent_id, answer(behaviour, intent["payload"]), owner_agent=address)
        answered.add(intent_id)
        report(delivery, intent)


def answer(behaviour: str, payload: dict) -> dict:
    if behaviour == "complete":
        return {"action": "complete", "seen": payload.get("parent_payload", payload)}
    if behaviour == "fail":
        return {"action": "fail", "reason": "told to fail"}
    raise SystemExit(f"unknown behavior {behaviour}: use complete, fail or hold")


def report(delivery: dict, intent: dict | None) -> None:
    print(json.dumps({"delivery": delivery, "intent": intent}), flush=True)


if __name__ == "__main__":
    main()
