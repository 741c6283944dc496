"""Runs the tests against each planted fault (see plant.py), and lists the faults that no test notices.

    judge.py FAULTS OUT FOLDER:PROGRAM…

A first round runs each test alone, and notes which faults it reaches. Then each fault is chosen in turn, and meets the tests
that reach it: first those that reach the fewest faults, then those that are named like its file. A fault that none of the
first TESTS notices counts as missed. OUT gets a line per fault as it is judged; a second run goes on where the first stopped.
"""

import collections
import concurrent.futures
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading

TESTS = 120
# So many of the tests that reach the fewest faults come first.
PARTICULAR = 12
AT_ONCE = os.cpu_count() or 2
# Longer than any test takes. A fault may make one wait for ever, which is noticed as well.
SECONDS = 200

# `program` is a test program after the folder in which it runs.
Test = collections.namedtuple("Test", "program name reached")


def main() -> None:
    planted, out, *programs = sys.argv[1:]
    data = json.loads(pathlib.Path(planted).read_text())
    notes = pathlib.Path(out).with_suffix(".reach.json")
    if not notes.exists():
        notes.write_text(json.dumps(reach(programs)))
    # The simulation reaches everything, and takes minutes: it comes last.
    tests = sorted(
        (Test(*test) for test in json.loads(notes.read_text())),
        key=lambda test: ("/seeds-" in test.program, len(test.reached)),
    )
    by_fault = collections.defaultdict(list)
    for test in tests:
        for number in test.reached:
            by_fault[number].append(test)
    judged = pathlib.Path(out)
    known = {int(line.split("\t")[0]) for line in judged.read_text().splitlines()} if judged.exists() else set()
    todo = [f for f in data["faults"] if str(f["number"]) not in data["left_out"] and f["number"] not in known]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool, judged.open("a") as file:
        runs = {pool.submit(judge, fault, by_fault[fault["number"]]): fault for fault in todo}
        for run in concurrent.futures.as_completed(runs):
            fault = runs[run]
            print(fault["number"], *run.result(), fault["name"], sep="\t", file=file, flush=True)
    lines = [line.split("\t") for line in judged.read_text().splitlines()]
    print(dict(collections.Counter(line[1] for line in lines)), f"{len(data['left_out'])} left out")
    print(*(line[3] for line in lines if line[1] in ("missed", "unreached")), sep="\n")


def reach(programs: list[str]) -> list:
    """Returns each test with the faults that it reaches."""
    tests = []
    for program in programs:
        folder, path = program.split(":")
        listed = subprocess.run([path, "--list", "--skip", "postgres"], cwd=folder, capture_output=True, text=True)
        tests += [(program, line.removesuffix(": test")) for line in listed.stdout.splitlines() if line.endswith(": test")]

    def alone(test: tuple[str, str]) -> list | None:
        program, name = test
        with tempfile.NamedTemporaryFile() as notes:
            verdict, _ = run(program, [name], AXME_FAULTS_REACHED=notes.name)
            if verdict == "noticed":
                sys.exit(f"{name} fails without a fault")
            if verdict == "hangs":
                print(f"{name} takes more than {SECONDS} s alone, so it judges nothing")
                return None
            return [program, name, sorted({int(line) for line in notes.read().split()})]

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        return [test for test in pool.map(alone, tests) if test]


def judge(fault: dict, tests: list[Test]) -> tuple[str, str]:
    number, stem = fault["number"], pathlib.Path(fault["file"]).stem
    first, rest = tests[:PARTICULAR], tests[PARTICULAR:]
    groups = collections.defaultdict(list)
    for test in (first + sorted(rest, key=lambda test: stem not in test.name))[:TESTS]:
        groups[test.program].append(test.name)
    for program, names in groups.items():
        for some in (names[:8], names[8:]):
            verdict = run(program, some, AXME_FAULT=str(number)) if some else ("missed", "")
            if verdict[0] != "missed":
                return verdict
    return ("missed" if groups else "unreached", "")


def run(program: str, names: list[str], **settings: str) -> tuple[str, str]:
    """Runs tests until one fails. Returns `noticed` and its name, `hangs`, or `missed`."""
    folder, path = program.split(":")
    environment = {**os.environ, "PROPTEST_CASES": "32", **settings}
    process = subprocess.Popen(
        [path, "--test-threads", "4", "--exact", *names],
        cwd=folder, env=environment, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )
    late = threading.Event()

    def kill() -> None:
        late.set()
        stop(process)

    timer = threading.Timer(SECONDS, kill)
    timer.start()
    failed = next((m[1] for line in process.stdout if (m := re.match(r"test (\S+).* FAILED$", line))), None)
    if failed:
        stop(process)
    process.wait()
    timer.cancel()
    if failed or (process.returncode and not late.is_set()):
        return "noticed", failed or f"exit {process.returncode}"
    return ("hangs", "") if late.is_set() else ("missed", "")


def stop(process: subprocess.Popen) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


if __name__ == "__main__":
    main()
