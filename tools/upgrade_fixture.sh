#!/usr/bin/env bash
# Makes a data folder as this version leaves it. A test opens it with every later version (tests/it/upgrade.rs).
# Run it before a commit that adds a migration, with the program of the commit before:
#
#   tools/upgrade_fixture.sh [target/debug/axme]
#
# Writes crates/axme-server/tests/it/upgrade/NNNN.tar.gz, where NNNN is the newest migration of that program.
set -euo pipefail
cd "$(dirname "$0")/.."
axme=$(realpath "${1:-target/debug/axme}")
out=$PWD/crates/axme-server/tests/it/upgrade
home=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$home"' EXIT
cd "$home"
run() { env -i HOME="$home" PATH="$PATH" "$axme" "$@"; }
call() { run api "$1" --input "$2" --json; }
field() { python3 -c 'import json, sys
value = json.load(sys.stdin)
for name in sys.argv[1].split("."): value = value[name]
print(value)' "$1"; }

env -i HOME="$home" "$axme" serve --listen 127.0.0.1:0 > server.log 2>&1 &
server=$!
for _ in $(seq 100); do [ -e .local/share/axme/run.json ] && break; sleep 0.1; done

run agents register --name worker --display-name 'Wörker 漢字' > registered.log
agent_key=$(run agents keys create --agent-id worker --json | field body.api_key)
waiting=$(run intents send --to worker --data-json '{"n": 9007199254740993, "text": "ünï"}' --json | field intent_id)
done=$(run intents send --to worker --json | field intent_id)
call intents.resolve "{\"intent_id\": \"$done\", \"status\": \"COMPLETED\", \"result\": {\"n\": 1}}" > resolved.log
canceled=$(run intents send --to nobody-there --json | field intent_id)
run intents cancel "$canceled" > canceled.log
task=$(call intents.create '{"intent_type": "intent.ship.v1", "payload": {"amount": "12.50"},
  "human_task": {"title": "Ship it?", "notify_email": "ann@example.com"}}' | field body.intent_id)
cat > bundle.json <<'JSON'
{"scenario_id": "upgrade.v1", "agents": [{"role": "worker", "address": "worker"}],
 "humans": [{"role": "boss", "contact": "boss@example.com"}],
 "workflow": {"steps": [
   {"step_id": "work", "tool_id": "tool.agent.task.v1", "assigned_to": "worker"},
   {"step_id": "approve", "tool_id": "tool.approval.human_signoff", "assigned_to": "boss", "requires_approval": true}]},
 "intent": {"type": "intent.upgrade.v1", "payload": {"n": 1}}}
JSON
scenario=$(run scenarios apply bundle.json --json | field body.intent_id)
call webhooks.subscriptions.upsert '{"callback_url": "https://example.com/events", "event_types": ["intent.completed"]}' > webhook.log ||
  echo "no webhook in the fixture" >&2
run member add kim@example.com --role member > member.log || echo "no member in the fixture" >&2
# The worker of the audit chain looks every ten seconds, so a restart is faster.
kill -TERM $server; wait $server
env -i HOME="$home" "$axme" serve --listen 127.0.0.1:0 >> server.log 2>&1 &
server=$!
for _ in $(seq 100); do [ -e .local/share/axme/run.json ] && break; sleep 0.1; done
sleep 1
kill -TERM $server; wait $server; server=

# A copy without a log beside it.
mkdir data && cp .local/share/axme/bootstrap.json data/
python3 -c 'import sqlite3
sqlite3.connect(".local/share/axme/axme.db").execute("VACUUM INTO ?", ["data/axme.db"])'
schema=$(python3 -c 'import sqlite3
print(sqlite3.connect("data/axme.db").execute("SELECT MAX(version) FROM refinery_schema_history").fetchone()[0])')
python3 - > data/expected.json <<PY
import json
print(json.dumps({"schema": $schema, "agent_key": "$agent_key", "task": "$task", "scenario": "$scenario",
    "waiting": "$waiting", "intents": {"$waiting": "DELIVERED", "$done": "COMPLETED", "$canceled": "CANCELED"}}, indent=1))
PY
name=$(printf '%04d.tar.gz' "$schema")
tar -C data --sort=name --owner=0 --group=0 --numeric-owner -cf - . | gzip -9n > "$out/$name"
ls -l "$out/$name"
