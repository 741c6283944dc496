#!/usr/bin/env python3
"""Simulates how evenly workspaces share several primaries, and prints the tables of docs/scaling.md.

    tools/balance.py [--workspaces 10000] [--seed 1]

The load of the workspace with rank r is proportional to 1 / r**s: many small tenants and few large ones. A workspace
cannot be split, so no placement is better than the largest workspace alone on a primary. Each number is the load of the
busiest primary, divided by that of the average one; it is the worst of nine shuffles.
"""

import argparse
import hashlib
import heapq
import random

SKEWS = (0.8, 1.0, 1.2)
PRIMARIES = (4, 8, 16, 64)
SLOTS = 4096
SHUFFLES = 9


def number(*parts: object) -> int:
    text = "/".join(map(str, parts))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


def by_hash(loads: dict[int, float], primaries: int) -> dict[int, int]:
    """Slots by hash, dealt out evenly: what a router without a directory does."""
    return {workspace: number(workspace) % SLOTS * primaries // SLOTS for workspace in loads}


def with_directory(named: int):
    """The largest workspaces stand in a directory, each on the primary with the least load; hashes place the others."""

    def place(loads: dict[int, float], primaries: int) -> dict[int, int]:
        largest = sorted(loads, key=loads.__getitem__, reverse=True)[:named]
        placed = by_hash({workspace: loads[workspace] for workspace in loads.keys() - set(largest)}, primaries)
        heap = [(load, primary) for primary, load in enumerate(sums(loads, placed, primaries))]
        heapq.heapify(heap)
        for workspace in largest:
            load, primary = heapq.heappop(heap)
            placed[workspace] = primary
            heapq.heappush(heap, (load + loads[workspace], primary))
        return placed

    return place


def sums(loads: dict[int, float], placed: dict[int, int], primaries: int) -> list[float]:
    total = [0.0] * primaries
    for workspace, primary in placed.items():
        total[primary] += loads[workspace]
    return total


def row(*cells: object) -> None:
    print("|", *(f"{cell:.2f} |" if isinstance(cell, float) else f"{cell} |" for cell in cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspaces", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    ways = {"hash": by_hash, "directory of 100": with_directory(100), "directory of all": with_directory(options.workspaces)}
    row("skew s", "primaries", "largest workspace", *ways)
    row("--:", "--:", "--:", *("--:" for _ in ways))
    for skew in SKEWS:
        worst: dict[tuple[int, str], float] = {}
        for shuffle in range(SHUFFLES):
            names = list(range(options.workspaces))
            random.Random(f"{options.seed}/{shuffle}").shuffle(names)
            loads = {name: 1 / (rank + 1) ** skew for rank, name in enumerate(names)}
            total = sum(loads.values())
            for primaries in PRIMARIES:
                worst[primaries, "largest"] = max(loads.values()) / total * primaries
                for way, place in ways.items():
                    busiest = max(sums(loads, place(loads, primaries), primaries)) / total * primaries
                    worst[primaries, way] = max(worst.get((primaries, way), 0), busiest)
        for primaries in PRIMARIES:
            row(str(skew), str(primaries), worst[primaries, "largest"], *(worst[primaries, way] for way in ways))

    print()
    row("from", "to", "hash modulo the number", "rendezvous hashing", "slots that move one by one")
    row("--:", "--:", "--:", "--:", "--:")
    for primaries in PRIMARIES:
        names, more = range(options.workspaces), primaries + 1
        modulo = sum(number(name) % primaries != number(name) % more for name in names)
        first = {name: max(range(more), key=lambda primary: number(name, primary)) for name in names}
        rendezvous = sum(primary == primaries for primary in first.values())
        slots = sum(number(name) % SLOTS < SLOTS // more for name in names)
        row(str(primaries), str(more), *(f"{100 * moved / len(names):.0f} %" for moved in (modulo, rendezvous, slots)))


if __name__ == "__main__":
    main()
