"""An agent of AXME. For each intent it asks a person, and answers with what the person said.

`axme agents new` wrote this file and the key beside it; both are yours to change. Keep the key out of version control.
"""

import json
import os
import time
from pathlib import Path

import httpx
from axme import AxmeClient, AxmeClientConfig

NAME = "{name}"
URL = os.environ.get("AXME_BASE_URL", "{base_url}")
KEY = os.environ.get("AXME_AGENT_KEY") or Path(__file__).with_name("{key_file}").read_text().strip()
client = AxmeClient(AxmeClientConfig(base_url=URL, api_key=KEY))


def work(intent):
    """Returns the answer to an intent: any JSON object, or a failure with `"action": "fail"` and an `"error"`."""
    if is_approved(intent, f"{NAME}: {json.dumps(intent['payload'], ensure_ascii=False)}?"):
        return {"done": intent["payload"]}
    return {"action": "fail", "error": "a person said no"}


def is_approved(intent, title):
    """Asks a person, and waits for the answer. A restart of this program finds the same question by its key."""
    question = {"intent_type": "intent.question.v1", "payload": {}, "human_task": {"title": title, "task_type": "approval"}}
    asked = client.create_intent(question, correlation_id=intent["intent_id"], idempotency_key="ask-" + intent["intent_id"])
    print("asks a person:", title, flush=True)
    return client.wait_for(asked["intent_id"])["outcome_kind"] == "yes"


print(NAME, "listens at", URL, flush=True)
while True:
    try:
        for delivery in client.listen(NAME):
            intent = client.get_intent(delivery["intent_id"])["intent"]
            answer = work(intent)
            client.resume_intent(intent["intent_id"], answer)
            print("answered", intent["intent_id"], answer, flush=True)
    except httpx.TransportError:
        time.sleep(1)  # the server is away; it delivers again what has no answer
