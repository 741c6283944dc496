"""Checks files in a bucket: uploads through the server, long ones in parts; downloads of files and of ranges."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import tempfile
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import wire
from world import World, until

LONG = 12 * 1024 * 1024 + 7  # more than two parts of a bucket


def a_file_is_kept_in_a_bucket(world: World) -> None:
    for length in (10, LONG):
        content = _content(length)
        upload = _announce(world, length, hashlib.sha256(content).hexdigest())
        assert _put(world, upload, content).status == 200
        finished = world.post("/v1/media/finalize-upload", _json(upload_id=upload["upload_id"], size_bytes=length))
        assert finished.status == 200, finished.text
        (name,) = world.bucket.objects(upload["upload_id"])
        assert world.bucket.objects(upload["upload_id"])[name] == length, name
        url = urlsplit(_seen(world, upload)["download_url"])
        path = f"{url.path}?{url.query}"
        assert world.get(path, {}).text.encode() == content
        part = world.get(path, {"range": f"bytes={length - 5}-{length - 2}"})
        assert (part.status, part.text.encode()) == (206, content[-5:-1]), part
    assert world.bucket.unfinished() == 0


def a_file_that_is_sent_again_replaces_the_first(world: World) -> None:
    upload = _announce(world, 10)
    for content in (b"0123456789", b"9876543210"):
        assert _put(world, upload, content).status == 200
        assert len(world.bucket.objects(upload["upload_id"])) == 1


def what_does_not_arrive_whole_leaves_nothing(world: World) -> None:
    upload = _announce(world, LONG)
    assert _put(world, upload, _content(LONG + 1)).status == 413
    url = urlsplit(upload["upload_url"])
    with socket.create_connection((url.hostname, url.port)) as connection:
        head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {LONG}\r\n\r\n"
        connection.sendall(head.encode() + _content(LONG - 1))
    until("its parts are deleted", lambda: world.bucket.unfinished() == 0)
    assert world.bucket.objects(upload["upload_id"]) == {}


def no_credential_of_the_bucket_is_shown(world: World) -> None:
    log = world.server.log_text()
    assert world.bucket.secret not in log and world.bucket.key_id not in log


def a_backup_goes_to_the_bucket_and_comes_back(world: World) -> None:
    if world.server.database_url:
        return  # PostgreSQL has its own tools.
    with tempfile.TemporaryDirectory() as folder:
        key, target = Path(folder, "key.txt"), f"s3://files/axme/media/backup-{uuid.uuid4()}.tar"
        public = json.loads(_axme(world, "backup", "key", str(key), "--json"))["public_key"]
        _axme(world, "--data", str(world.server.data), "backup", target, "--public-key", public)
        assert world.bucket.objects("backup-"), "the backup is in the bucket"
        again = _axme(world, "--data", str(world.server.data), "backup", target, code=2)
        assert "exists: choose another name" in again, again
        assert "complete and undamaged" in _axme(world, "backup", "verify", target, "--identity", str(key))
        restored = Path(folder, "restored")
        said = _axme(world, "--data", str(restored), "restore", target, "--identity", str(key))
        assert "Restored the backup from" in said and (restored / "axme.db").exists(), said
        missing = _axme(world, "backup", "verify", target + "x", "--identity", str(key), code=1)
        assert world.bucket.secret not in missing, missing


def _axme(world: World, *args: str, code: int = 0) -> str:
    """Runs a command with the settings of the bucket; returns its output."""
    settings = {"HOME": str(world.server.data.parent), "PATH": os.environ["PATH"]} | world.bucket.settings()
    done = subprocess.run([str(world.server.axme), *args], env=settings, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, (args, done.stdout, done.stderr)
    return done.stdout + done.stderr


def _content(length: int) -> bytes:
    return (b"0123456789abcdef" * (length // 16 + 1))[:length]


def _json(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def _announce(world: World, length: int, sha256: str | None = None) -> dict[str, str]:
    fields = {"owner_agent": "files", "filename": "a file.txt", "mime_type": "text/plain", "size_bytes": length}
    created = world.post("/v1/media/create-upload", _json(**fields, sha256=sha256))
    assert created.status == 200, created.text
    return created.json


def _put(world: World, upload: dict[str, str], content: bytes) -> wire.Reply:
    url = urlsplit(upload["upload_url"])
    return wire.request(world.server.base_url, "PUT", f"{url.path}?{url.query}", {}, content)


def _seen(world: World, upload: dict[str, str]) -> dict[str, str]:
    return world.get(f"/v1/media/{upload['upload_id']}").json["upload"]
