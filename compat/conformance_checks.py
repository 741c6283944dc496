"""Runs the program's own conformance suite twice, so that a second run also passes with the data of the first."""

from __future__ import annotations

import json
import subprocess

from world import World


def the_conformance_suite_passes_and_passes_again(world: World) -> None:
    command = [str(world.server.axme), "conformance", "run", "--json", "--base-url", world.server.base_url]
    for _ in range(2):
        run = subprocess.run([*command, "--api-key", world.key], capture_output=True, text=True, timeout=120)
        report = json.loads(run.stdout)
        wrong = [check for check in report["checks"] if check["outcome"] != "passed"]
        assert run.returncode == 0 and not wrong and report["passed"] >= 37, (wrong, run.stderr)
