#!/usr/bin/env bash
# Plants faults in the code, one at a time, and lists those that no test notices. docs/testing.md explains the ones that
# remain. It takes hours, so it is not part of ./test, but of ./test --all.
#
#   tools/mutants.sh             the rules, then the files of the server that claim, lock, guard, fire, consume or compare
#   tools/mutants.sh rules       only the rules
#   tools/mutants.sh server      only the files of the server
#
# More arguments go to cargo-mutants: `tools/mutants.sh rules --file '**/guards.rs' --shard 0/8`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

VERSION=27.1.0
tools=${CARGO_TARGET_DIR:-target}/mutants-tools

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

install_tool() {
  if [[ $("$tools/bin/cargo-mutants" mutants --version 2>/dev/null) != "cargo-mutants $VERSION" ]]; then
    cargo install cargo-mutants --version "$VERSION" --locked --root "$tools"
  fi
}

# With all its cases, a property takes longer than all the other tests together.
rules() {
  export PROPTEST_CASES=${PROPTEST_CASES:-32}
  "$tools/bin/cargo-mutants" mutants --package axme-intent --timeout 120 --output "$tools/rules" "$@"
}

# The tests on SQLite, and the simulation. A mutant of the store or of the core is judged by the tests of the server.
server() {
  local files=()
  for file in "${FILES[@]}"; do files+=(--file "$file"); done
  "$tools/bin/cargo-mutants" mutants --workspace "${files[@]}" --test-package axme-core,axme-store,axme-server,axme-sim \
    --timeout 600 --output "$tools/server" "$@" -- --skip postgres
}

install_tool
case ${1:-} in
  "") rules && server ;;
  rules | server) "$@" ;;
  *) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p}' "$0" >&2; exit 2 ;;
esac
