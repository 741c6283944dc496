"""Plants every fault of a list into a checkout, all at once. AXME_FAULT=<number> chooses one when a program runs.

    plant.py LIST CHECKOUT OUT [cargo arguments]

LIST is what `cargo mutants --list --json` prints. A fault that does not compile is taken out again, as cargo-mutants would
call it unviable. OUT gets the numbered faults and the reason for each that is not planted.
"""

import collections
import json
import pathlib
import re
import subprocess
import sys

import tree_sitter
import tree_sitter_rust

PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_rust.language()))

# Stands at the end of each changed file. It answers whether a fault is chosen, and notes on request that it was reached.
SWITCH = """
#[allow(dead_code, clippy::all)]
pub(crate) fn is_fault(fault: usize) -> bool {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    static CHOSEN: OnceLock<usize> = OnceLock::new();
    static NOTES: OnceLock<Option<std::ffi::OsString>> = OnceLock::new();
    static REACHED: [AtomicBool; 8192] = [const { AtomicBool::new(false) }; 8192];
    if let Some(path) = NOTES.get_or_init(|| std::env::var_os("AXME_FAULTS_REACHED")) {
        if !REACHED[fault].swap(true, Relaxed) {
            if let Ok(mut file) = std::fs::OpenOptions::new().append(true).create(true).open(path) {
                let _ = std::io::Write::write_all(&mut file, format!("{fault}\\n").as_bytes());
            }
        }
    }
    *CHOSEN.get_or_init(|| std::env::var("AXME_FAULT").ok().and_then(|text| text.parse().ok()).unwrap_or(0)) == fault
}
"""


def main() -> None:
    listed, checkout, out, *cargo = sys.argv[1:]
    checkout = pathlib.Path(checkout)
    faults = json.loads(pathlib.Path(listed).read_text())
    for number, fault in enumerate(faults, 1):
        fault["number"] = number
        fault.pop("diff", None)
    # The type of such a function is that of its one expression.
    left_out = {
        fault["number"]: "returns impl"
        for fault in faults
        if fault["genre"] == "FnValue" and fault["function"]["return_type"].startswith("-> impl")
    }
    while True:
        subprocess.run(["git", "checkout", "--quiet", "."], cwd=checkout, check=True)
        for number in plant([fault for fault in faults if fault["number"] not in left_out], checkout):
            left_out[number] = "no place"
        wrong = unviable(checkout, cargo)
        print(f"{len(faults)} faults, {len(left_out)} left out, {len(wrong)} do not compile", flush=True)
        if not wrong:
            break
        left_out.update(dict.fromkeys(wrong, "does not compile"))
    pathlib.Path(out).write_text(json.dumps({"faults": faults, "left_out": left_out}))


def plant(faults: list[dict], checkout: pathlib.Path) -> list[int]:
    """Changes the files. Returns the faults that have no place in the text."""
    by_file = collections.defaultdict(list)
    for fault in faults:
        by_file[fault["file"]].append(fault)
    homeless = []
    for name, some in by_file.items():
        path = checkout / name
        file = File(path.read_bytes(), some)
        path.write_text(file.planted())
        homeless += file.homeless
    return homeless


def unviable(checkout: pathlib.Path, cargo: list[str]) -> set[int]:
    """Returns the faults that the compiler complains about."""
    run = subprocess.run(
        ["cargo", "check", "--message-format", "json", *cargo], cwd=checkout, capture_output=True, text=True
    )
    messages = [json.loads(line) for line in run.stdout.splitlines()]
    errors = [m["message"] for m in messages if m.get("reason") == "compiler-message" and m["message"]["level"] == "error"]
    wrong = set()
    for error in errors:
        spans = error["spans"] + [span for child in error["children"] for span in child["spans"]]
        for span in spans:
            wrong |= faults_at((checkout / span["file_name"]).read_bytes(), span["byte_start"])
    if errors and not wrong:
        sys.exit("\n".join(error["rendered"] for error in errors))
    if run.returncode and not errors:
        sys.exit(run.stderr)
    return wrong


def faults_at(text: bytes, at: int) -> set[int]:
    """Returns the faults between whose marks a place in a file is."""
    opened, found = {}, set()
    for mark in re.finditer(rb"/\*([Ff])(\d+)\*/", text):
        number = int(mark[2])
        if mark[1] == b"F":
            opened[number] = mark.end()
        elif opened[number] <= at < mark.start():
            found.add(number)
    return found


class File:
    """A file, its tree, and the faults at the nodes of the tree."""

    def __init__(self, source: bytes, faults: list[dict]) -> None:
        self.source = source
        self.root = PARSER.parse(source).root_node
        # Texts that may stand in the place of an expression, arms of a match that may be missing, and values that a body
        # may return at once. The last are by place, since a body may begin at no node.
        self.instead = collections.defaultdict(list)
        self.missing = {}
        self.at_once = collections.defaultdict(list)
        self.made = {}
        nodes = collections.defaultdict(list)
        for node in everything(self.root):
            nodes[node.start_byte, node.end_byte].append(node)
        self.homeless = [fault["number"] for fault in faults if not self.place(fault, nodes)]

    def place(self, fault: dict, nodes: dict) -> bool:
        number, text = fault["number"], fault["replacement"]
        begin, end = (self.offset(fault["span"][edge]) for edge in ("start", "end"))
        here = nodes.get((begin, end), [])
        match fault["genre"]:
            case "FnValue":
                self.at_once[begin].append((number, text))
                return True
            case "BinaryOperator":
                for whole in (node.parent for node in here):
                    if whole.type in ("binary_expression", "compound_assignment_expr"):
                        left, right = (self.text(whole.child_by_field_name(side)) for side in ("left", "right"))
                        self.instead[whole.id].append((number, f"{left} {text} {right}"))
                        return True
            case "UnaryOperator":
                for whole in (node.parent for node in here):
                    if whole.type == "unary_expression":
                        self.instead[whole.id].append((number, self.text(whole.children[1])))
                        return True
            case "MatchArmGuard":
                for node in here:
                    if node.parent.type == "match_pattern" and not node.type.startswith("let_"):
                        self.instead[node.id].append((number, text))
                        return True
            case "MatchArm":
                for node in everything(self.root):
                    if node.type == "match_arm" and node.start_byte == begin:
                        self.missing[node.id] = number
                        return True
            case "StructField":
                for node in everything(self.root):
                    if node.type == "field_initializer" and node.start_byte == begin:
                        return self.place_field(node, number)
        return False

    def place_field(self, node: tree_sitter.Node, number: int) -> bool:
        base = next((child for child in node.parent.children if child.type == "base_field_initializer"), None)
        if base is None:
            return False
        name = self.text(node.parent.parent.child_by_field_name("name"))
        field = self.text(node.child_by_field_name("field"))
        text = f"{{ let base: {name} = {self.text(base).removeprefix('..')}; base.{field} }}"
        self.instead[node.child_by_field_name("value").id].append((number, text))
        return True

    def planted(self) -> str:
        return self.make(self.root) + SWITCH

    def make(self, node: tree_sitter.Node) -> str:
        """Returns the text of a node with its faults. A fault has the plain text of its operands: one is chosen at a time."""
        parts, at = [], node.start_byte
        for child in node.children:
            parts += [self.between(at, child.start_byte), self.returns(child.start_byte), self.make(child)]
            at = child.end_byte
        text = "".join([*parts, self.between(at, node.end_byte)])
        if node.id in self.missing:
            text = self.may_be_missing(node, text, self.missing[node.id])
        for number, other in self.instead[node.id]:
            text = f"(if /*F{number}*/is_fault({number}) {{ {other} }} else/*f{number}*/ {{ {text} }})"
        self.made[node.id] = text
        return text

    def between(self, begin: int, end: int) -> str:
        for place in sorted(place for place in self.at_once if begin <= place < end):
            return self.source[begin:place].decode() + self.returns(place) + self.between(place, end)
        return self.source[begin:end].decode()

    def returns(self, place: int) -> str:
        faults = self.at_once.pop(place, [])
        return "".join(f"/*F{n}*/if is_fault({n}) {{ return {text}; }}/*f{n}*/ " for n, text in faults)

    def may_be_missing(self, arm: tree_sitter.Node, text: str, number: int) -> str:
        pattern = arm.child_by_field_name("pattern")
        condition = pattern.child_by_field_name("condition")
        head = self.made[pattern.id]
        test = f"/*F{number}*/!is_fault({number})/*f{number}*/"
        if condition is None:
            return f"{head} if {test}{text.removeprefix(head)}"
        guard = self.made[condition.id]
        plain = guard if condition.type.startswith("let_") else f"({guard})"
        return f"{head.removesuffix(guard)}{test} && {plain}{text.removeprefix(head)}"

    def text(self, node: tree_sitter.Node) -> str:
        return self.source[node.start_byte : node.end_byte].decode()

    def offset(self, place: dict) -> int:
        """Returns the byte of a line and a column, which count from 1 and in characters."""
        lines = self.source.split(b"\n")
        before = sum(len(line) + 1 for line in lines[: place["line"] - 1])
        return before + len(lines[place["line"] - 1].decode()[: place["column"] - 1].encode())


def everything(node: tree_sitter.Node):
    yield node
    for child in node.children:
        yield from everything(child)


if __name__ == "__main__":
    main()
