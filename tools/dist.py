#!/usr/bin/env python3
"""Builds the packages of the server and tries each of them. `cargo xtask dist` runs it.

    tools/dist.py [--binary FILE] [--out FOLDER] [--key FILE] [--twice]

Without --binary, it builds the program with cargo-zigbuild, so that it needs no glibc newer than 2.28. --twice builds it again
from a copy of the sources in another folder, and compares the two: that takes as long again. It needs Python's
standard library, and `dpkg-deb`, `systemd-analyze`, `pip` and `npm` for the packages of that name; a package whose tool is
missing is an error. --key names an Ed25519 key in PEM, which signs SHA256SUMS for `axme update`; without it, the packages are
not signed, and the update is tried with a key of the moment.
"""

import argparse
import base64
import gzip
import hashlib
import io
import json
import os
import platform
import shutil
import socket
import stat
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import urllib.request
import zipfile
from pathlib import Path

from bill_of_materials import bill_of_materials
from program import EPOCH, ROOT, TARGET, build, check_glibc, compare_builds, digest, fail, put, run

DEBIAN_ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
NPM_ARCHITECTURE = {"x86_64": "x64", "aarch64": "arm64"}[platform.machine()]
SUMMARY = "Coordination server for operations that take minutes to days"
DESCRIPTION = "AXME carries intents between programs, agents and people, and keeps each of them until it ends."


def main():
    parser = argparse.ArgumentParser(description="Builds the packages of the server and tries each of them.")
    parser.add_argument("--binary", type=Path, help="package this program instead of building one")
    parser.add_argument("--out", type=Path, default=ROOT / "target/packages", help="folder for the packages")
    parser.add_argument("--key", type=Path, help="sign SHA256SUMS with this Ed25519 key (PEM)")
    parser.add_argument("--twice", action="store_true", help="build a second time in another folder, and compare")
    options = parser.parse_args()
    if options.twice and options.binary:
        parser.error("--twice compares two builds, and --binary builds none")
    binary = (options.binary or build(ROOT, ROOT / "target")).resolve()
    if options.twice:
        compare_builds(binary)
    needs = check_glibc(binary, enforced=options.binary is None)
    out = options.out.resolve()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    made = []
    for make, check in [
        (archive, try_archive),
        (debian, try_debian),
        (image, try_image),
        (wheel, try_wheel),
        (npm, try_npm),
    ]:
        package = make(binary, out)
        # Everything is made of the same bytes in the same order, so a second build must be the same.
        with tempfile.TemporaryDirectory() as again:
            second = make(binary, Path(again))
            if digest(second) != digest(package):
                fail(f"{package.name}: a second build differs")
        check(package)
        made.append(package)
        print(f"{package.name}: {package.stat().st_size} bytes, made twice and tried")
    made.append(bill_of_materials(ROOT, TARGET, version(), out))
    sums = "".join(f"{digest(path)}  {path.name}\n" for path in made)
    (out / "SHA256SUMS").write_text(sums)
    try_installer(out)
    try_update(out, options.key)
    print(f"needs glibc {needs[0]}.{needs[1]}; all packages are in {out}")


def version():
    return tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]


def tar_bytes(entries):
    """Packs (name, bytes or None for a folder, mode) in order, with fixed times and owners."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, content, mode in entries:
            info = tarfile.TarInfo(name)
            info.mode, info.mtime, info.uname, info.gname = mode, EPOCH, "root", "root"
            if content is None:
                info.type = tarfile.DIRTYPE
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def gzipped(content):
    return gzip.compress(content, compresslevel=6, mtime=0)


def documents():
    return [(name, (ROOT / name).read_bytes()) for name in ["LICENSE-APACHE", "LICENSE-MIT", "README.md"]]


# The archive, and the script that installs it.


def archive(binary, out):
    folder = f"axme-{version()}-{TARGET}"
    entries = [(f"{folder}/axme", binary.read_bytes(), 0o755)]
    entries += [(f"{folder}/{name}", content, 0o644) for name, content in documents()]
    entries += [(f"{folder}/{name}", (ROOT / "deploy" / name).read_bytes(), 0o644)
                for name in ["axme.toml", *(f"systemd/{unit}" for unit in UNITS)]]
    package = out / f"{folder}.tar.gz"
    package.write_bytes(gzipped(tar_bytes(entries)))
    return package


def try_archive(package):
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(package) as tar:
            tar.extractall(folder, filter="data")
        program = next(Path(folder).glob("*/axme"))
        try_program(program)


def try_installer(out):
    package = next(out.glob("axme-*.tar.gz"))
    with tempfile.TemporaryDirectory() as prefix:
        run("sh", ROOT / "deploy/install.sh", "--from", package, "--prefix", prefix)
        try_version(Path(prefix) / "bin/axme")
        here = {**os.environ, "AXME_INSTALL_DIR": f"{prefix}/here"}
        run("sh", ROOT / "deploy/install.sh", "--from", package, env=here)
        try_version(Path(prefix) / "here/axme")
        broken = Path(prefix) / package.name
        broken.write_bytes(package.read_bytes()[:-1] + b"x")
        shutil.copy(out / "SHA256SUMS", prefix)
        refused = subprocess.run(
            ["sh", ROOT / "deploy/install.sh", "--from", broken, "--prefix", Path(prefix) / "other"],
            capture_output=True, text=True,
        )
        if refused.returncode == 0 or "checksum" not in refused.stderr or (Path(prefix) / "other/bin/axme").exists():
            fail(f"install.sh accepted a damaged archive: {refused.stderr}")


def try_update(out, key):
    """Signs the checksums, and updates a copy of the program from the archive beside them."""
    package = next(out.glob("axme-*.tar.gz"))
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        pem, public, program = key, folder / "public.txt", folder / "axme"
        if pem is None:
            pem = folder / "key.pem"
            run("openssl", "genpkey", "-algorithm", "ed25519", "-out", pem)
        signature = folder / "signature"
        run("openssl", "pkeyutl", "-sign", "-rawin", "-inkey", pem, "-in", out / "SHA256SUMS", "-out", signature)
        der = folder / "public.der"
        run("openssl", "pkey", "-in", pem, "-pubout", "-outform", "DER", "-out", der)
        # The last 32 bytes are the key.
        public.write_bytes(base64.b64encode(der.read_bytes()[-32:]) + b"\n")
        release = out if key else folder / "release"
        release.mkdir(exist_ok=True)
        (release / "SHA256SUMS.sig").write_bytes(base64.b64encode(signature.read_bytes()) + b"\n")
        if key is None:
            shutil.copy(out / "SHA256SUMS", release)
            shutil.copy(package, release)
        with tarfile.open(package) as tar:
            tar.extractall(folder, filter="data")
        shutil.copy(next(folder.glob("axme-*/axme")), program)
        run(program, "update", "--from", release / package.name, "--public-key", public, env={"HOME": str(folder)})
        try_version(program)


# The Debian package.

# The package enables the service. An operator enables the socket.
UNITS = ["axme.service", "axme.socket"]

CONTROL = """Package: axme
Version: {version}
Section: net
Priority: optional
Architecture: {architecture}
Depends: libc6 (>= {glibc}), libgcc-s1, ca-certificates, adduser
Maintainer: The AXME developers <axme@localhost>
Description: {summary}
 {description}
 The package has the server, the command line and its systemd units.
"""

POSTINST = """#!/bin/sh
set -e
if [ "$1" = configure ]; then
  getent passwd axme >/dev/null || adduser --system --group --home /var/lib/axme --no-create-home --quiet axme
  chmod 600 /etc/axme/axme.toml
  if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    systemctl enable --quiet axme.service
    systemctl restart axme.service || echo "axme: the server did not start; see: journalctl -u axme" >&2
  fi
fi
"""

PRERM = """#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
  systemctl disable --now --quiet axme.socket axme.service || true
fi
"""

POSTRM = """#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
# A purge keeps /var/lib/axme: it holds the only copy of your data.
if [ "$1" = purge ]; then echo "axme: /var/lib/axme is kept; remove it yourself if you no longer need its data" >&2; fi
"""


def debian(binary, out):
    glibc = ".".join(map(str, check_glibc(binary, enforced=False)))
    files = [
        ("usr/bin/axme", binary.read_bytes(), 0o755),
        ("etc/axme/axme.toml", (ROOT / "deploy/axme.toml").read_bytes(), 0o600),
    ]
    files += [(f"lib/systemd/system/{unit}", (ROOT / "deploy/systemd" / unit).read_bytes(), 0o644) for unit in UNITS]
    files += [(f"usr/share/doc/axme/{name}", content, 0o644) for name, content in documents()]
    files += [(name, content, 0o644) for name, content in command_line_help(binary)]
    control = CONTROL.format(version=version(), architecture=DEBIAN_ARCHITECTURE, glibc=glibc, summary=SUMMARY,
                             description=DESCRIPTION)
    scripts = {"postinst": POSTINST, "prerm": PRERM, "postrm": POSTRM}
    package = out / f"axme_{version()}_{DEBIAN_ARCHITECTURE}.deb"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        for name, content, mode in files:
            put(root / name, content, mode)
        put(root / "DEBIAN/control", control.encode(), 0o644)
        put(root / "DEBIAN/conffiles", b"/etc/axme/axme.toml\n", 0o644)
        sums = "".join(f"{hashlib.md5(content).hexdigest()}  {name}\n" for name, content, _ in files)
        put(root / "DEBIAN/md5sums", sums.encode(), 0o644)
        for name, text in scripts.items():
            put(root / "DEBIAN" / name, text.encode(), 0o755)
        for path in [root, *root.rglob("*")]:
            if path.is_dir():
                path.chmod(0o755)
            os.utime(path, (EPOCH, EPOCH))
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH)}
        run("dpkg-deb", "--root-owner-group", "-Zxz", "--build", root, package, env=environment)
    return package


# Where a shell of Debian looks for the completions of a command.
COMPLETIONS = {
    "bash": "usr/share/bash-completion/completions/axme",
    "zsh": "usr/share/zsh/vendor-completions/_axme",
    "fish": "usr/share/fish/vendor_completions.d/axme.fish",
}


def command_line_help(binary):
    """Returns the manual pages and the completions, as pairs of path and content."""
    files = [(place, run(binary, "completion", shell).encode()) for shell, place in COMPLETIONS.items()]
    with tempfile.TemporaryDirectory() as folder:
        run(binary, "man", folder)
        for page in sorted(Path(folder).iterdir()):
            files.append((f"usr/share/man/man1/{page.name}.gz", gzipped(page.read_bytes())))
    return files


def try_debian(package):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        run("dpkg-deb", "--extract", package, root)
        try_program(root / "usr/bin/axme")
        for unit in UNITS:
            # systemd checks that the program is there, and that a socket has its service beside it.
            text = (root / "lib/systemd/system" / unit).read_text()
            (root / unit).write_text(text.replace("/usr/bin/axme", str(root / "usr/bin/axme")))
        verify = ["systemd-analyze", "verify", "--man=no", *(root / unit for unit in UNITS)]
        checked = subprocess.run(verify, capture_output=True, text=True)
        complaints = [line for line in checked.stderr.splitlines() if any(unit in line for unit in UNITS)]
        if complaints:
            fail("systemd-analyze: " + "; ".join(complaints))
        modes = {name: stat.S_IMODE((root / name).stat().st_mode) for name in ["etc/axme/axme.toml", "usr/bin/axme"]}
        if modes != {"etc/axme/axme.toml": 0o600, "usr/bin/axme": 0o755}:
            fail(f"wrong modes: {modes}")
        for name in [*COMPLETIONS.values(), "usr/share/man/man1/axme.1.gz"]:
            if not (root / name).stat().st_size:
                fail(f"{name} is empty")
        settings = root / "etc/axme/axme.toml"
        run(root / "usr/bin/axme", "serve", "--check", "--config", settings, env={"HOME": folder})


# The image: OCI layout in a tar file, which `docker load`, `podman load` and `skopeo copy oci-archive:` read.

# What the program needs of a system: the C library and its loader, libgcc, and the certificates of public authorities.
LIBRARIES = ["libc.so.6", "libm.so.6", "libgcc_s.so.1", "libdl.so.2", "libpthread.so.0", "librt.so.1"]


def image(binary, out):
    loader = Path(run("readelf", "-p", ".interp", binary).split("]")[1].split()[0])
    files = {str(loader).lstrip("/"): (loader.resolve(), 0o755)}
    for line in run("ldd", binary).splitlines():
        name, _, place = line.strip().partition(" => ")
        if name in LIBRARIES and place:
            path = Path(place.split()[0])
            files[str(path).lstrip("/")] = (path.resolve(), 0o755)
    # Names are resolved by modules that the C library loads itself.
    for name in ["libnss_dns.so.2", "libnss_files.so.2", "libresolv.so.2"]:
        for path in [loader_folder(binary) / name]:
            if path.exists():
                files[str(path).lstrip("/")] = (path.resolve(), 0o755)
    certificates = Path("/etc/ssl/certs/ca-certificates.crt")
    folders = {"tmp": 0o1777, "var/lib/axme": 0o700, "etc": 0o755}
    system = [
        ("etc/passwd", b"root:x:0:0:root:/root:/sbin/nologin\naxme:x:65532:65532:axme:/var/lib/axme:/sbin/nologin\n", 0o644),
        ("etc/group", b"root:x:0:\naxme:x:65532:\n", 0o644),
        ("etc/nsswitch.conf", b"passwd: files\ngroup: files\nhosts: files dns\n", 0o644),
        (str(certificates).lstrip("/"), certificates.read_bytes(), 0o644),
    ]
    system += [(name, path.read_bytes(), mode) for name, (path, mode) in sorted(files.items())]
    base = layer(system, folders)
    top = layer([("usr/bin/axme", binary.read_bytes(), 0o755)], {})
    config = json_bytes({
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(EPOCH)),
        "architecture": DEBIAN_ARCHITECTURE,
        "os": "linux",
        "config": {
            "User": "65532:65532",
            "Entrypoint": ["/usr/bin/axme"],
            "Cmd": ["serve"],
            "Env": ["PATH=/usr/bin", "HOME=/var/lib/axme", "AXME_DATA=/var/lib/axme", "AXME_LISTEN=0.0.0.0:8100"],
            "ExposedPorts": {"8100/tcp": {}},
            "Volumes": {"/var/lib/axme": {}},
            "WorkingDir": "/var/lib/axme",
            "StopSignal": "SIGTERM",
            "Healthcheck": {"Test": ["CMD", "/usr/bin/axme", "--data", "/var/lib/axme", "status"],
                            "Interval": 30_000_000_000, "Timeout": 5_000_000_000, "StartPeriod": 60_000_000_000},
            "Labels": {"org.opencontainers.image.title": "axme", "org.opencontainers.image.version": version(),
                       "org.opencontainers.image.licenses": "MIT OR Apache-2.0"},
        },
        "rootfs": {"type": "layers", "diff_ids": [sha(base), sha(top)]},
        "history": [{"created_by": "libraries and certificates"}, {"created_by": "axme"}],
    })
    layers = [gzipped(base), gzipped(top)]
    kind = "application/vnd.oci.image"
    manifest = json_bytes({
        "schemaVersion": 2,
        "mediaType": f"{kind}.manifest.v1+json",
        "config": described(config, f"{kind}.config.v1+json"),
        "layers": [described(one, f"{kind}.layer.v1.tar+gzip") for one in layers],
    })
    index = json_bytes({
        "schemaVersion": 2,
        "mediaType": f"{kind}.index.v1+json",
        "manifests": [{**described(manifest, f"{kind}.manifest.v1+json"),
                       "annotations": {"org.opencontainers.image.ref.name": version(),
                                       "io.containerd.image.name": f"docker.io/library/axme:{version()}"}}],
    })
    # `docker load` of older versions reads this file instead of the index.
    legacy = json_bytes([{
        "Config": f"blobs/sha256/{hexsha(config)}",
        "RepoTags": [f"axme:{version()}"],
        "Layers": [f"blobs/sha256/{hexsha(one)}" for one in layers],
    }])
    blobs = [(f"blobs/sha256/{hexsha(blob)}", blob, 0o644) for blob in [*layers, config, manifest]]
    layout = [("oci-layout", b'{"imageLayoutVersion":"1.0.0"}', 0o644), ("index.json", index, 0o644),
              ("manifest.json", legacy, 0o644)]
    package = out / f"axme-{version()}-{DEBIAN_ARCHITECTURE}.oci.tar"
    package.write_bytes(tar_bytes([("blobs", None, 0o755), ("blobs/sha256", None, 0o755), *sorted(blobs), *layout]))
    return package


def loader_folder(binary):
    for line in run("ldd", binary).splitlines():
        if "libc.so.6 =>" in line:
            return Path(line.split("=>")[1].split()[0]).parent
    fail("the program is not linked with glibc")


def layer(files, folders):
    parents = {str(parent): 0o755 for name, _, _ in files for parent in Path(name).parents if str(parent) != "."}
    for name in folders:
        parents.update({str(parent): 0o755 for parent in Path(name).parents if str(parent) != "."})
    parents.update(folders)
    entries = [(name, None, mode) for name, mode in sorted(parents.items())] + files
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, content, mode in entries:
            info = tarfile.TarInfo(name)
            info.mode, info.mtime = mode, EPOCH
            if name == "var/lib/axme":
                info.uid = info.gid = 65532
            if content is None:
                info.type = tarfile.DIRTYPE
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def json_bytes(value):
    return json.dumps(value, separators=(",", ":")).encode()


def hexsha(content):
    return hashlib.sha256(content).hexdigest()


def sha(content):
    return f"sha256:{hexsha(content)}"


def described(content, kind):
    return {"mediaType": kind, "digest": sha(content), "size": len(content)}


def try_image(package):
    """Follows the index to the layers, compares every digest, and starts the server in the root file system."""
    with tarfile.open(package) as tar:
        read = lambda name: tar.extractfile(name).read()
        blob = lambda at: checked(read(f"blobs/sha256/{at['digest'].removeprefix('sha256:')}"), at)
        manifest = json.loads(blob(json.loads(read("index.json"))["manifests"][0]))
        config = json.loads(blob(manifest["config"]))
        layers = [gzip.decompress(blob(at)) for at in manifest["layers"]]
    if [sha(one) for one in layers] != config["rootfs"]["diff_ids"]:
        fail("the layers are not those of the image's configuration")
    if os.geteuid() != 0:
        print("not root: the image is not started by chroot")
        return
    with tempfile.TemporaryDirectory() as folder:
        for one in layers:
            with tarfile.open(fileobj=io.BytesIO(one)) as tar:
                tar.extractall(folder, filter="tar", numeric_owner=True)
        os.chmod(folder, 0o755)
        port = free_port()
        settings = dict(entry.split("=", 1) for entry in config["config"]["Env"])
        settings["AXME_LISTEN"] = f"127.0.0.1:{port}"
        user = int(config["config"]["User"].split(":")[0])
        inside = [shutil.which("chroot"), f"--userspec={user}:{user}", folder]
        serve = [*inside, *config["config"]["Entrypoint"], *config["config"]["Cmd"]]
        with started(serve, settings, port):
            run(*inside, *config["config"]["Healthcheck"]["Test"][1:], env=settings)


def checked(content, at):
    if sha(content) != at["digest"] or len(content) != at["size"]:
        fail(f"{at['digest']} has other bytes")
    return content


# The packages of languages: both carry the program.


def wheel(binary, out):
    tag = f"py3-none-manylinux_{'_'.join(map(str, check_glibc(binary, enforced=False)))}_{platform.machine()}"
    name = f"axme_server-{version()}"
    metadata = (f"Metadata-Version: 2.1\nName: axme-server\nVersion: {version()}\nSummary: {SUMMARY}\n"
                f"License: MIT OR Apache-2.0\nDescription-Content-Type: text/markdown\n\n{DESCRIPTION}\n")
    files = [
        (f"{name}.data/scripts/axme", binary.read_bytes(), 0o755),
        (f"{name}.dist-info/METADATA", metadata.encode(), 0o644),
        (f"{name}.dist-info/WHEEL",
         f"Wheel-Version: 1.0\nGenerator: axme\nRoot-Is-Purelib: false\nTag: {tag}\n".encode(), 0o644),
    ]
    files += [(f"{name}.dist-info/licenses/{title}", content, 0o644) for title, content in documents()[:2]]
    record = "".join(f"{path},sha256={unpadded(content)},{len(content)}\n" for path, content, _ in files)
    files.append((f"{name}.dist-info/RECORD", f"{record}{name}.dist-info/RECORD,,\n".encode(), 0o644))
    package = out / f"{name}-{tag}.whl"
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as packed:
        for path, content, mode in files:
            info = zipfile.ZipInfo(path, time.gmtime(EPOCH)[:6])
            info.external_attr = (stat.S_IFREG | mode) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(info, content)
    return package


def unpadded(content):
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def try_wheel(package):
    with tempfile.TemporaryDirectory() as folder:
        run(sys.executable, "-m", "venv", folder)
        run(Path(folder) / "bin/pip", "install", "--quiet", "--no-index", "--no-deps", package)
        try_version(Path(folder) / "bin/axme")
        run(Path(folder) / "bin/pip", "uninstall", "--quiet", "--yes", "axme-server")


def npm(binary, out):
    described = {
        "name": "axme-server", "version": version(), "description": SUMMARY, "license": "MIT OR Apache-2.0",
        "bin": {"axme": "bin/axme"}, "os": ["linux"], "cpu": [NPM_ARCHITECTURE], "libc": ["glibc"],
        "files": ["bin/axme", "LICENSE-APACHE", "LICENSE-MIT"],
    }
    entries = [("package/package.json", json.dumps(described, indent=2).encode(), 0o644),
               ("package/bin/axme", binary.read_bytes(), 0o755)]
    entries += [(f"package/{name}", content, 0o644) for name, content in documents()]
    package = out / f"axme-server-{version()}.tgz"
    package.write_bytes(gzipped(tar_bytes(entries)))
    return package


def try_npm(package):
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "HOME": folder}
        run("npm", "install", "--silent", "--offline", "--no-audit", "--no-fund", "--prefix", folder, package,
            env=environment)
        try_version(Path(folder) / "node_modules/.bin/axme")


# Trying a program.


def try_version(program):
    said = run(program, "--version", env={"HOME": "/nonexistent"})
    if said.split() != ["axme", version()]:
        fail(f"{program} says {said}")


def try_program(program):
    """Starts a server, and calls it by a command on the same folder."""
    try_version(program)
    with tempfile.TemporaryDirectory() as home:
        port = free_port()
        environment = {"HOME": home, "AXME_LISTEN": f"127.0.0.1:{port}"}
        with started([program, "serve"], environment, port):
            if "sqlite" not in run(program, "status", env=environment):
                fail("the server does not answer its command line")


class started:
    """Runs a server until the block ends; it must answer, and stop with 0."""

    def __init__(self, command, environment, port):
        self.command, self.environment, self.port = [str(word) for word in command], environment, port

    def __enter__(self):
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(self.command, env=self.environment, stdout=self.log, stderr=self.log)
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/ready", timeout=2) as answer:
                    if answer.status == 200:
                        return self
            except OSError:
                pass
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        self.process.kill()
        self.log.seek(0)
        fail(f"{self.command} does not answer: {self.log.read()}")

    def __exit__(self, *_):
        self.process.terminate()
        if self.process.wait(timeout=30) != 0:
            self.log.seek(0)
            fail(f"{self.command} ended with {self.process.returncode}: {self.log.read()}")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


if __name__ == "__main__":
    main()
