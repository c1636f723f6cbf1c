# shellcheck shell=bash
# `./dev run`: from a clone to live flows on the screen.

# shellcheck source=scripts/setup.sh
source scripts/setup.sh

readonly DATA_DIR=target/netrig-data
readonly QUERY_LOG="$WORK_DIR/query-build.log"

verb_run() {
  local began
  began="$(date +%s)"
  need_packages build
  need_rust
  can_be_root || fail "the rig needs root to load its kernel programs: run \`./dev run\` as root, or install sudo"
  say "building the rig (the first time takes some minutes)"
  cargo build --release --locked -p netrig
  start_query_build
  local -a watcher=(env
    NETRIG_STORE__DIR="${NETRIG_STORE__DIR:-$PWD/$DATA_DIR}" DEV_STARTED="$began" QUERY_BUILD_PID="$query_build_pid"
    NO_COLOR="${NO_COLOR:-}" TERM="${TERM:-dumb}" scripts/live.sh "$@")
  # The watcher takes this process's place: one process hears the signals, and ends all it has to end.
  if [[ $EUID -eq 0 ]]; then exec "${watcher[@]}"; fi
  say "using sudo: loading kernel programs needs root"
  exec sudo -- "${watcher[@]}"
}

query_build_pid=

# SQL needs DataFusion, which takes longer to build than all the rest: nobody should wait for it to see flows.
start_query_build() {
  [[ -x target/release/netrig-query ]] ||
    say "building netrig-query (for \`netrig query\`) beside the rig, at low priority; its log: $QUERY_LOG"
  rm -f "$LIVE_MARK"
  # A session of its own, so that ending it ends all of cargo's children with it.
  setsid scripts/query-build.sh >"$QUERY_LOG" 2>&1 </dev/null &
  query_build_pid=$!
}
