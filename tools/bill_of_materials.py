"""The bill of materials of the program, for tools/dist.py."""

import json
import subprocess
import sys
import tomllib


def bill_of_materials(root, target, version, out):
    """Lists the crates of the program with their versions, licenses and checksums, in CycloneDX."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", target]
    metadata = json.loads(subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout)
    locked = {(one["name"], one["version"]): one.get("checksum")
              for one in tomllib.loads((root / "Cargo.lock").read_text())["package"]}
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    wanted = [next(id for id, package in packages.items() if package["name"] == "axme")]
    found = set()
    while wanted:
        id = wanted.pop()
        if id not in found:
            found.add(id)
            # Tests are not in the program.
            wanted += [one["pkg"] for one in nodes[id]["deps"] if any(kind["kind"] != "dev" for kind in one["dep_kinds"])]
    components = []
    for package in sorted((packages[id] for id in found), key=lambda one: (one["name"], one["version"])):
        component = {"type": "library", "name": package["name"], "version": package["version"],
                     "purl": f"pkg:cargo/{package['name']}@{package['version']}"}
        if package.get("license"):
            component["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
        checksum = locked.get((package["name"], package["version"]))
        if checksum:
            component["hashes"] = [{"alg": "SHA-256", "content": checksum}]
        components.append(component)
    document = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
                "metadata": {"component": {"type": "application", "name": "axme", "version": version}},
                "components": components}
    path = out / f"axme-{version}.cdx.json"
    path.write_text(json.dumps(document, indent=1) + "\n")
    if len(components) < 50 or not any(one["name"] == "rusqlite" for one in components):
        sys.exit("dist: the bill of materials is not complete")
    return path
