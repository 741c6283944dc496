"""Runs the adapters of agent frameworks for the Model Context Protocol against a real server. Each loads every tool and
calls two, in an environment of its own, which `./test --all` makes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from mail_server import MailServer
from world import Server, World, free_port

ADAPTERS = Path(__file__).parent / "mcp_clients" / "adapters"
ENVIRONMENTS = Path(__file__).parent.parent / ".venv-mcp"
PYTHON = ("langchain", "openai_agents", "crewai", "llama_index")
SECONDS = 180


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--axme", type=Path, required=True, help="the program under test, e.g. target/debug/axme")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="axme-adapters-") as folder:
        server = Server(arguments.axme.resolve(), Path(folder, "data"))
        try:
            server.start()
            world = World(server, MailServer(free_port()))
            home = {"HOME": folder}
            results = [works(name, python_command(name), world, home) for name in PYTHON]
            results.append(works("langchain for JavaScript", node_command(), world, home))
        finally:
            server.kill()
    print(f"{sum(results)} passed, {results.count(False)} failed")
    return 0 if all(results) else 1


def python_command(name: str) -> list[str]:
    return [str(ENVIRONMENTS / name / "bin" / "python"), str(ADAPTERS / f"{name}_adapter.py")]


def node_command() -> list[str]:
    # A script finds its packages beside itself.
    script = ENVIRONMENTS / "node_adapters" / "langchain_adapter.mjs"
    shutil.copy(ADAPTERS / "langchain_adapter.mjs", script)
    return [str(ENVIRONMENTS / "node" / "node_modules" / "node" / "bin" / "node"), str(script)]


def works(name: str, command: list[str], world: World, home: dict[str, str]) -> bool:
    command = [*command, world.server.base_url, world.key]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS, env=os.environ | home, check=False
    )
    is_right = done.returncode == 0 and done.stdout.endswith("ok\n")
    print(f"{'ok  ' if is_right else 'FAIL'} {name}", flush=True)
    if not is_right:
        print(done.stdout[-2000:], done.stderr[-6000:])
    return is_right


if __name__ == "__main__":
    sys.exit(main())
