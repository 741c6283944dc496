"""Checks receipts with an independent JOSE library, and with the program itself, offline."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from form import Page
from world import World, until

TYPE = "axme-receipt+jws"


def another_library_verifies_a_receipt(world: World) -> None:
    person, signed, keys, payload = _decided(world)
    token = jws.deserialize_compact(signed, KeySet.import_key_set(keys), algorithms=["EdDSA", "Ed25519"])
    assert token.headers()["typ"] == TYPE, token.headers()
    receipt = json.loads(token.payload)
    assert (receipt["decided_by"], receipt["outcome"], receipt["meaning"]) == (person, "approved", "yes"), receipt
    assert receipt["iss"] == world.server.base_url and receipt["comment"] == "go on", receipt
    canonical = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert receipt["payload_sha256"] == hashlib.sha256(canonical.encode()).hexdigest(), receipt
    try:
        jws.deserialize_compact(_tampered(signed), KeySet.import_key_set(keys), algorithms=["EdDSA", "Ed25519"])
    except JoseError:
        return
    raise AssertionError("a changed receipt was accepted")


def the_program_verifies_a_receipt_without_a_server(world: World) -> None:
    person, signed, keys, payload = _decided(world)
    with TemporaryDirectory() as folder:
        paths = {name: Path(folder, name) for name in ("receipt", "changed", "keys", "payload", "other")}
        paths["receipt"].write_text(signed)
        paths["changed"].write_text(_tampered(signed))
        paths["keys"].write_text(json.dumps(keys))
        paths["payload"].write_text(json.dumps(payload, indent=2))
        paths["other"].write_text(json.dumps(payload | {"n": 2}))

        def verify(receipt: str, *arguments: str) -> subprocess.CompletedProcess[str]:
            command = [str(world.server.axme), "verify", str(paths[receipt]), *arguments]
            return subprocess.run(command, capture_output=True, text=True, timeout=60)

        good = verify("receipt", "--keys", str(paths["keys"]), "--payload", str(paths["payload"]))
        assert good.returncode == 0 and person in good.stdout and "approved" in good.stdout, good
        fetched = verify("receipt", "--issuer", world.server.base_url)
        assert fetched.returncode == 0 and "was not checked" in fetched.stdout, fetched
        changed = verify("changed", "--keys", str(paths["keys"]))
        assert changed.returncode == 1 and "not verified" in changed.stderr, changed
        other = verify("receipt", "--keys", str(paths["keys"]), "--payload", str(paths["other"]))
        assert other.returncode == 1 and "not the one" in other.stderr, other
        paths["keys"].write_text(json.dumps({"keys": []}))
        unknown = verify("receipt", "--keys", str(paths["keys"]))
        assert unknown.returncode == 1 and "do not contain" in unknown.stderr, unknown


def _decided(world: World) -> tuple[str, str, dict[str, Any], dict[str, Any]]:
    """Lets a person decide. Returns the person, the signed receipt, the published keys and the payload."""
    person = world.new_person()
    payload = {"name": "Zoë", "amount": 12, "b": [True, None], "a": {"z": 1, "y": "ü"}}
    intent_id = world.ask(person, payload=payload)
    Page.opened(world.letter(person).link).press("Approve", comment="go on").press("Confirm: Approve")

    def signed() -> str | None:
        reply = world.get(f"/v1/intents/{intent_id}/receipts")
        assert reply.status == 200, reply
        return reply.json["receipts"][0]["signed"]

    receipt = until("the receipt is signed", signed)
    keys = world.get("/.well-known/receipt-keys.json", {})
    return person, receipt, keys.json, payload


def _tampered(signed: str) -> str:
    header, body, signature = signed.split(".")
    position = len(body) // 2
    other = "A" if body[position] != "A" else "B"
    return ".".join((header, body[:position] + other + body[position + 1 :], signature))
