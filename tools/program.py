"""Builds the program for the packages: for an old glibc, and with the same bytes in every folder."""

import hashlib
import os
import platform
import re
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The newest version of glibc that the program may need: that of Debian 10 and RHEL 8.
GLIBC = (2, 28)
TARGET = f"{platform.machine()}-unknown-linux-gnu"
# All times in packages, so that two builds of one commit are the same.
EPOCH = int(os.environ.get("SOURCE_DATE_EPOCH", "1764460800"))


def build(sources, target_folder):
    """Builds the program for an old glibc. zig comes from PyPI and brings the stubs of every glibc."""
    tools = ROOT / "target/dist-tools"
    if not (tools / "bin/cargo-zigbuild").exists():
        run(sys.executable, "-m", "venv", tools)
        run(tools / "bin/pip", "install", "--quiet", "ziglang", "cargo-zigbuild")
    # No folder of this machine may be in the program: neither that of the sources nor that of the crates.
    crates = os.environ.get("CARGO_HOME", str(Path.home() / ".cargo"))
    # The last one that fits a path counts, and the target folder may be in that of the sources.
    folders = [(crates, "/cargo"), (sources, "/axme"), (target_folder, "/target")]
    environment = {
        **os.environ, **commit(), "PATH": f"{tools / 'bin'}:{os.environ['PATH']}", "SOURCE_DATE_EPOCH": str(EPOCH),
        "CARGO_TARGET_DIR": str(target_folder),
        "RUSTFLAGS": " ".join(f"--remap-path-prefix={folder}={name}" for folder, name in folders),
        "CFLAGS": " ".join(f"-ffile-prefix-map={folder}={name}" for folder, name in folders),
    }
    target = f"{TARGET}.{GLIBC[0]}.{GLIBC[1]}"
    subprocess.run(
        ["cargo", "zigbuild", "--profile", "dist", "--package", "axme", "--target", target],
        cwd=sources, env=environment, check=True,
    )
    return target_folder / TARGET / "dist/axme"


def commit():
    """The commit and its day, which `axme version` shows. Sources without a history have neither."""
    shown = subprocess.run(["git", "show", "-s", "--format=%h %cs"], cwd=ROOT, capture_output=True, text=True)
    if shown.returncode != 0:
        return {}
    return dict(zip(["AXME_BUILD_COMMIT", "AXME_BUILD_DATE"], shown.stdout.split(), strict=True))


def compare_builds(first):
    """Builds the program from a copy of the sources in another folder. It must be the same, byte for byte."""
    with tempfile.TemporaryDirectory(prefix="again-", dir=ROOT / "target") as folder:
        sources = Path(folder) / "somewhere/else"
        for name in run("git", "ls-files", "-z", cwd=ROOT).rstrip("\0").split("\0"):
            put(sources / name, (ROOT / name).read_bytes(), stat.S_IMODE((ROOT / name).stat().st_mode))
        second = build(sources, Path(folder) / "target")
        if digest(first) != digest(second):
            fail(f"two builds differ: {digest(first)} and {digest(second)}")
    print(f"built in two folders with one result: sha256 {digest(first)}")


def check_glibc(binary, enforced):
    """Returns the newest version of glibc that a symbol of the program needs."""
    symbols = run("objdump", "-T", binary)
    needed = [tuple(map(int, found.split("."))) for found in re.findall(r"GLIBC_(\d+\.\d+)", symbols)]
    newest = max(needed)
    if enforced and newest > GLIBC:
        fail(f"the program needs glibc {newest[0]}.{newest[1]}")
    return newest


def fail(why):
    sys.exit(f"dist: {why}")


def run(*command, **more):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **more)
    if done.returncode != 0:
        fail(f"{command[0]} failed: {done.stdout}{done.stderr}")
    return done.stdout


def digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def put(path, content, mode):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
