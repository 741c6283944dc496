#!/usr/bin/env bash
# Plants faults in the code, one per expression, and lists those that no test notices. docs/testing.md explains the ones that
# remain. It takes hours, so it is not part of ./test, but of ./test --all.
#
#   tools/faults.sh             the rules, and the files of the server that claim, lock, guard, fire, consume or compare
#   tools/faults.sh FILE…       only these files
#
# cargo-mutants lists the faults. It would build the server anew for each; here they are all in one build, and a variable
# of the environment chooses one. Only what is committed is tried. A run that was stopped goes on where it was, unless
# target/faults is removed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

VERSION=27.1.0
work=$PWD/${CARGO_TARGET_DIR:-target}/faults
[[ ${CARGO_TARGET_DIR:-} != /* ]] || work=$CARGO_TARGET_DIR/faults

# The files of the server in which a silent fault would be worst.
FILES=(
  crates/axme-core/src/claims.rs
  crates/axme-core/src/policy/admission.rs
  crates/axme-core/src/policy/asking.rs
  crates/axme-core/src/policy/guards.rs
  crates/axme-core/src/seal.rs
  crates/axme-core/src/signature.rs
  crates/axme-server/src/workers/timers.rs
  crates/axme-store/src/links.rs
  crates/axme-store/src/queue.rs
  crates/axme-store/src/replies.rs
  crates/axme-store/src/timers.rs
)

main() {
  case ${1:-} in -*) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" >&2; exit 2 ;; esac
  install_tools
  if [[ ! -e $work/planted.json ]]; then
    rm -rf "$work/checkout"
    git clone --quiet --shared . "$work/checkout"
    list "$@" >"$work/list.json"
    CARGO_TARGET_DIR=$work/target "$work/venv/bin/python" tools/faults/plant.py \
      "$work/list.json" "$work/checkout" "$work/planted.json" --workspace --exclude axme --exclude xtask
  fi
  # shellcheck disable=SC2046 # A path of a test program has no blanks.
  "$work/venv/bin/python" tools/faults/judge.py "$work/planted.json" "$work/judged.tsv" $(programs)
}

install_tools() {
  mkdir -p "$work"
  if [[ $("$work/tools/bin/cargo-mutants" mutants --version 2>/dev/null) != "cargo-mutants $VERSION" ]]; then
    cargo install cargo-mutants --version "$VERSION" --locked --root "$work/tools"
  fi
  if [[ ! -x $work/venv/bin/python ]]; then
    python3 -m venv "$work/venv"
    "$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement tools/faults/requirements.txt
  fi
}

list() {
  local files=()
  for file in "${@:-crates/axme-intent/**}"; do files+=(--file "$file"); done
  if [[ $# == 0 ]]; then for file in "${FILES[@]}"; do files+=(--file "$file"); done; fi
  "$work/tools/bin/cargo-mutants" mutants --dir "$work/checkout" --workspace --list --json "${files[@]}"
}

# Builds the tests with all faults, and prints the programs.
programs() {
  (cd "$work/checkout" && CARGO_TARGET_DIR=$work/target cargo test --quiet --workspace --exclude axme --exclude xtask \
    --no-run --message-format json) |
    "$work/venv/bin/python" -c '
import json, sys
for line in sys.stdin:
    made = json.loads(line)
    if made.get("executable") and made.get("profile", {}).get("test"):
        print(made["manifest_path"].removesuffix("/Cargo.toml") + ":" + made["executable"])'
}

main "$@"
