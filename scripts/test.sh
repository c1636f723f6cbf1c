# shellcheck shell=bash
# `./dev test`: every test of the house, with an honest count at the end.

# shellcheck source=scripts/setup.sh
source scripts/setup.sh

readonly TEST_LOG="$WORK_DIR/test.log"

verb_test() {
  need_packages build test
  need_rust
  need_prometheus
  need_nginx
  local began=$SECONDS status=0
  local -a scopes=("${WORKSPACE_SCOPES[@]}")
  if names_a_package "$@"; then
    scopes=("")
  else
    say "building everything (the first time takes long: DataFusion alone is most of it)"
    # The binaries too: tests start them as a user would.
    cargo build --release --locked -p netrig || status=$?
    cargo build --release --locked -p netrig-query || status=$?
  fi
  in_scopes build_tests "$@" || status=$?
  ((status == 0)) || say "not everything could be built; running the tests of what could"
  say "built in $((SECONDS - began)) s; running the tests"
  choose_rights
  : >"$TEST_LOG"
  in_scopes run_tests "$@" || status=$?
  summary "$status"
}

# netrig-query by itself: in one selection with the rest, cargo would unify their features and build DataFusion again.
readonly WORKSPACE_SCOPES=("--workspace --exclude netrig-query" "-p netrig-query")

# in_scopes COMMAND ARGUMENT…: runs COMMAND in each of `scopes`; goes on after a failure and tells it at the end.
in_scopes() {
  local command="$1" words code=0
  local -a scope
  shift
  for words in "${scopes[@]}"; do
    read -ra scope <<<"$words"
    "$command" "$@" || code=$?
  done
  return "$code"
}

build_tests() { cargo test --release --locked "${scope[@]}" --no-run --quiet "${@:1:$(cargo_arguments "$@")}"; }

run_tests() {
  cargo test --release --locked "${scope[@]}" --no-fail-fast --color never "$@" 2>&1 | tee -a "$TEST_LOG"
}

names_a_package() {
  local argument
  for argument in "$@"; do
    case "$argument" in
      --) return 1 ;;
      -p | -p* | --package | --package=*) return 0 ;;
    esac
  done
  return 1
}

# How many of the arguments are cargo's own (those before `--`, which go to the tests).
cargo_arguments() {
  local count=0 argument
  for argument in "$@"; do
    [[ $argument == -- ]] && break
    count=$((count + 1))
  done
  echo "$count"
}

# Tests that load kernel programs need root. Only the tests get it, not the build.
choose_rights() {
  [[ $EUID -ne 0 ]] || return 0
  if can_be_root; then
    say "using sudo for the tests: they load kernel programs into network namespaces of their own"
    local triple
    triple="$(rustc -vV | awk '/^host:/ { print toupper($2) }')"
    export "CARGO_TARGET_${triple//-/_}_RUNNER=$PWD/scripts/as-root.sh"
  else
    say "neither root nor sudo: tests of the real kernel will be skipped, each with its reason"
  fi
}

# summary CARGO_STATUS: what was skipped and why, each binary's result line, and the sum.
summary() {
  local passed failed ignored skipped
  read -r passed failed ignored < <(
    awk '/^test result:/ { for (i = 2; i <= NF; i++) { if ($i == "passed;") p += $(i-1); if ($i == "failed;") f += $(i-1); if ($i == "ignored;") g += $(i-1) } }
      END { print p + 0, f + 0, g + 0 }' "$TEST_LOG"
  )
  skipped="$(grep -c 'SKIPPED: ' "$TEST_LOG" || true)"
  if ((skipped > 0)); then
    say "skipped:"
    grep -o 'SKIPPED: .*' "$TEST_LOG" | sort | sed 's/^SKIPPED: /dev:   /' >&2
  fi
  # A test that skips itself counts as passed in the harness; here it does not.
  passed=$((passed - skipped))
  skipped=$((skipped + ignored))
  grep '^test result:' "$TEST_LOG" || true
  local code="$1"
  ((failed == 0 || code != 0)) || code=1
  ((code == 0)) || say "the tests failed; the whole output: $TEST_LOG"
  if ((passed + failed + skipped == 0)); then
    say "no test ran"
    code=$((code == 0 ? 1 : code))
  fi
  echo "$passed passed, $failed failed, $skipped skipped"
  return "$code"
}
