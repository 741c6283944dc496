"""Runs the snippets of the documentation the way a reader would, page by page, against the real program.

    .venv/bin/python compat/snippets.py --axme target/debug/axme [--only PAGE]

A page is a folder of its own with an empty home. Its code blocks are used in their order:

- ```python agent.py``` writes the file `agent.py`. The same holds for every language with a file name.
- ```console``` runs each line after `$ ` in one shell. The lines below a command are what it must print; `…` stands for
  any text, also for several lines. A command without such lines must only succeed.
- Words in angle brackets, such as `<intent id>`, are replaced by the newest value of that kind that a command printed.

A comment above a block changes this:

- `<!-- snippet: background -->` starts the commands of the block and leaves them running until the page ends.
- `<!-- snippet: background shows -->` waits until the newest of these programs has also printed the block.
- `<!-- snippet: soon -->` repeats a command until it prints what the block shows, because other programs work meanwhile.
- `<!-- snippet: exit 3 -->` expects this exit code of the last command.
- `<!-- snippet: same as PATH -->` only compares the block with a file of the repository, without its module comment.
- `<!-- snippet: not run, REASON -->` leaves the block out.

The comment `<!-- snippet: server -->` stands alone. It starts a development server for the rest of a page that does not
show how to start one.

Pages that are not listed in `PAGES` may show programs and commands only below such a comment. JSON must parse on
every page.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from world import free_port

ROOT = Path(__file__).resolve().parent.parent
# The documents whose snippets run, each in an installation of its own.
PAGES = (
    "README.md",
    "docs/first-hour.md",
    "docs/recipes.md",
    "docs/scenarios.md",
    "docs/people.md",
    "docs/delivery.md",
    "docs/signing-in.md",
    "docs/cli.md",
    "docs/runbook.md",
)
RUN_LANGUAGES = {"console", "sh", "bash", "python", "js", "javascript", "ts", "typescript"}
DOCUMENTED_PORT = "8100"
SECONDS_PER_COMMAND = 60
SECONDS_TO_START = 30

FENCE = re.compile(r"^```(\w+)?[ \t]*(.*)$")
DIRECTIVE = re.compile(r"^<!-- snippet: (.+) -->$")
PLACEHOLDER = re.compile(r"<([a-z][a-z ']*)>")
# The values that commands print, by the words that documents use for them.
VALUES = {
    "intent id": re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"),
    "the agent's key": re.compile(r"\baxme_sa_\w+\b"),
}


@dataclass
class Block:
    """One fenced block of a document."""

    page: str
    line: int
    language: str
    file: str
    text: str
    directive: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


class Failure(Exception):
    """A snippet did not do what its document says."""


def blocks_of(page: Path) -> list[Block]:
    """Returns the fenced blocks of a document, in their order."""
    found: list[Block] = []
    directive = ""
    lines = iter(enumerate(page.read_text(encoding="utf-8").splitlines(), start=1))
    for number, line in lines:
        if fence := FENCE.match(line.strip()):
            body = []
            for _, inner in lines:
                if inner.strip() == "```":
                    break
                body.append(inner)
            name = str(page.relative_to(ROOT))
            found.append(Block(name, number, fence[1] or "", fence[2].strip(), "\n".join(body) + "\n", directive))
            directive = ""
        elif (comment := DIRECTIVE.match(line.strip())) and comment[1] == "server":
            name = str(page.relative_to(ROOT))
            found.append(Block(name, number, "console", "", "$ axme dev\nAXME listens on … to stop.\n", "background"))
        elif comment:
            directive = comment[1]
        elif line.strip():
            directive = ""
    return found


@dataclass
class Reader:
    """A person who follows one page: a folder, a shell, and what they have copied from the screen so far."""

    folder: Path
    axme: Path
    port: str = field(default_factory=lambda: str(free_port()))
    copied: dict[str, str] = field(default_factory=dict)
    background: list[subprocess.Popen[str]] = field(default_factory=list)
    screen: str = ""

    def __post_init__(self) -> None:
        programs = self.folder / "bin"
        programs.mkdir()
        (programs / "axme").symlink_to(self.axme.resolve())
        (self.folder / "home").mkdir()
        (self.folder / "work").mkdir()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AXME_", "XDG_"))}
        # Debian's Node.js does not run TypeScript; the one of the MCP clients does.
        node = ROOT / ".venv-mcp/node/node_modules/.bin"
        path = f"{programs}:{Path(sys.executable).parent}:{node}:{os.environ['PATH']}"
        self.environment = kept | {"HOME": str(self.folder / "home"), "PATH": path, "AXME_LISTEN": f"127.0.0.1:{self.port}"}

    def read(self, block: Block) -> None:
        """Does what one block asks for."""
        what, _, rest = block.directive.partition(" ")
        if block.directive.startswith("not run,"):
            return
        if block.directive == "background shows":
            self.await_output(len(self.background) - 1, block.text, "the newest program", block)
            return
        if block.directive.startswith("same as "):
            same_file(block, block.directive.removeprefix("same as "))
            if not block.file:
                return
        if block.file:
            path = self.folder / "work" / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.filled(block.text, block), encoding="utf-8")
        elif block.language in ("console", "sh", "bash"):
            wanted_code = int(rest) if what == "exit" else 0
            for command, expected in commands_of(block):
                if what == "background":
                    self.start(self.filled(command, block), expected, block)
                elif what == "soon":
                    self.repeat(self.filled(command, block), expected, block)
                else:
                    self.run(self.filled(command, block), expected, wanted_code, block)
        elif block.language in RUN_LANGUAGES:
            raise Failure(f"{block.place}: the block has no file name, so no command can use it")

    def filled(self, text: str, block: Block) -> str:
        """Replaces placeholders and the documented port."""

        def value(found: re.Match[str]) -> str:
            name = found[1]
            if name not in VALUES:
                return found[0]
            if name not in self.copied:
                raise Failure(f"{block.place}: no command has printed the value for <{name}>")
            return self.copied[name]

        return PLACEHOLDER.sub(value, text).replace(DOCUMENTED_PORT, self.port)

    def run(self, command: str, expected: str, wanted_code: int, block: Block) -> None:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder / "work",
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS_PER_COMMAND,
        )
        self.look_at(done.stdout)
        if done.returncode != wanted_code:
            raise Failure(f"{block.place}: `{command}` exits {done.returncode}, not {wanted_code}:\n{done.stdout}")
        self.compare(expected, done.stdout, command, block)

    def repeat(self, command: str, expected: str, block: Block) -> None:
        deadline = time.monotonic() + SECONDS_TO_START
        while True:
            try:
                return self.run(command, expected, 0, block)
            except Failure:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.2)

    def start(self, command: str, expected: str, block: Block) -> None:
        """Starts a command that goes on running."""
        log = self.folder / f"background-{len(self.background)}.log"
        with log.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(
                ["bash", "-c", command],
                cwd=self.folder / "work",
                env=self.environment | {"PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        self.background.append(process)
        self.await_output(len(self.background) - 1, expected, command, block)

    def await_output(self, number: int, expected: str, command: str, block: Block) -> None:
        """Waits until a program in the background has printed what the document shows."""
        log = self.folder / f"background-{number}.log"
        deadline = time.monotonic() + SECONDS_TO_START
        while True:
            ended = self.background[number].poll() is not None
            printed = log.read_text(encoding="utf-8")
            try:
                self.compare(expected, printed, command, block)
                break
            except Failure:
                if ended or time.monotonic() > deadline:
                    raise
            time.sleep(0.05)
        self.look_at(printed)

    def look_at(self, printed: str) -> None:
        """Remembers the newest value of each kind that is on the screen."""
        for name, pattern in VALUES.items():
            if found := pattern.findall(printed):
                self.copied[name] = found[-1]

    def compare(self, expected: str, printed: str, command: str, block: Block) -> None:
        if not expected.strip():
            return
        wanted = PLACEHOLDER.sub("…", expected).replace(DOCUMENTED_PORT, self.port)
        pattern = ".*".join(re.escape(part.strip()) for part in wanted.strip().split("…"))
        pattern = re.sub(r"(\\[ \n])+", r"\\s+", pattern)
        if not re.search(pattern, re.sub(r"\x1b\[[0-9;]*m", "", printed), re.DOTALL):
            raise Failure(f"{block.place}: `{command}` prints\n{printed}\n--- and not\n{expected}")

    def stop(self) -> None:
        for process in reversed(self.background):
            try:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(10)
            except ProcessLookupError:
                pass
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def commands_of(block: Block) -> list[tuple[str, str]]:
    """Splits a block into its commands and what each of them prints."""
    if block.language != "console":
        return [(block.text, "")]
    found: list[tuple[str, str]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], ""))
        elif not found:
            raise Failure(f"{block.place}: the block begins with output")
        elif found[-1][0].endswith("\\") and not found[-1][1]:
            found[-1] = (f"{found[-1][0]}\n{line}", "")
        else:
            found[-1] = (found[-1][0], f"{found[-1][1]}{line}\n")
    return found


def same_file(block: Block, path: str) -> None:
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    if "\n".join(line for line in lines if not line.startswith("//!")).strip() != block.text.strip():
        raise Failure(f"{block.place}: the block differs from {path}")


def careless_blocks() -> list[str]:
    """Lists JSON that does not parse, and blocks that look runnable, are not run, and do not say why."""
    complaints = []
    for page in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]):
        for block in blocks_of(page):
            if block.language == "json" and not is_json(block.text):
                complaints.append(f"{block.place}: this is not JSON")
            if block.language in RUN_LANGUAGES and not block.directive and block.page not in PAGES:
                complaints.append(f"{block.place}: say why this block is not run: <!-- snippet: not run, REASON -->")
    return complaints


def is_json(text: str) -> bool:
    """Accepts a value, or the fields of an object without its braces."""
    for whole in (text, f"{{{text}}}"):
        try:
            json.loads(whole)
            return True
        except ValueError:
            pass
    return False


def run_page(name: str, axme: Path) -> list[str]:
    """Follows one page to its end, or to the first block that fails."""
    folder = Path(tempfile.mkdtemp(prefix="axme-snippets-"))
    reader = Reader(folder, axme)
    try:
        for block in blocks_of(ROOT / name):
            reader.read(block)
    except (Failure, subprocess.TimeoutExpired, ValueError) as failure:
        return [str(failure)]
    finally:
        reader.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return []


def main() -> int:
    arguments = argparse.ArgumentParser(description="Runs the snippets of the documentation.")
    arguments.add_argument("--axme", type=Path, required=True, help="the program")
    arguments.add_argument("--only", default="", help="run only pages whose name contains this")
    given = arguments.parse_args()
    complaints = careless_blocks()
    for page in PAGES:
        if given.only not in page:
            continue
        began = time.monotonic()
        failures = run_page(page, given.axme)
        print(f"{'FAILED' if failures else 'ok'}  {page}  {time.monotonic() - began:.1f} s", flush=True)
        complaints += failures
    for complaint in complaints:
        print(f"\n{complaint}", file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
