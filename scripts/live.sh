#!/usr/bin/env bash
# Starts the rig, shows its live flows until it is told to stop, and ends it. Runs as root, called by `./dev run`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/common.sh
source scripts/common.sh

readonly NETRIG=target/release/netrig
readonly RIG_LOG="$WORK_DIR/rig.log"
readonly EVERY_SECONDS=5
rig_pid=
front_pid=
config=()

main() {
  remember_config "$@"
  trap end_all EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  "$NETRIG" run "$@" >"$RIG_LOG" 2>&1 &
  rig_pid=$!
  wait_until_it_answers
  if [[ -t 0 && -t 1 ]]; then
    show_top
  else
    print_flows_for_ever
  fi
}

# Who asks the rig needs its configuration too: it says where the rig listens.
remember_config() {
  while [[ $# -gt 0 ]]; do
    case "$1" in
      -c | --config) config=(-c "${2:-}") ;;
      --config=*) config=(-c "${1#*=}") ;;
    esac
    shift
  done
}

# If the rig ends instead, its own words say why. That it serves is asked first: another rig may answer at its address.
wait_until_it_answers() {
  until grep -q 'Serving' "$RIG_LOG" && "$NETRIG" flows "${config[@]}" --top 1 2>&1 >/dev/null | grep -q 'from the rig at'; do
    check_rig
    sleep 0.2
  done
  touch "$LIVE_MARK"
  say "the rig runs (log: $RIG_LOG); data in $NETRIG_STORE__DIR"
  say "try in another terminal: $NETRIG top · $NETRIG flows --top 10 · curl 127.0.0.1:9798/metrics"
}

# In the background for bash, in front for the terminal: so this script hears a signal at once, not when top has ended.
show_top() {
  local terminal
  terminal="$(stty -g)"
  "$NETRIG" top "${config[@]}" <&0 &
  front_pid=$!
  wait "$front_pid" || true
  stty "$terminal"
}

print_flows_for_ever() {
  local told=
  while check_rig; do
    if [[ -z $told && -n "$("$NETRIG" flows "${config[@]}" --top 1 --json 2>/dev/null)" ]]; then
      told=yes
      say "first live flows $(($(date +%s) - DEV_STARTED)) seconds after ./dev run began"
    fi
    "$NETRIG" flows "${config[@]}" --top 10 || true
    [[ -n $told ]] || say "no packet has crossed the watched interfaces yet"
    sleep "$EVERY_SECONDS" &
    front_pid=$!
    wait "$front_pid" || true
  done
}

check_rig() {
  kill -0 "$rig_pid" 2>/dev/null && return 0
  local code=0
  wait "$rig_pid" || code=$?
  rig_pid=
  cat "$RIG_LOG" >&2
  fail "the rig ended (exit $code); its words are above" "$((code == 0 ? 1 : code))"
}

end_all() {
  trap '' INT TERM HUP
  [[ -z $front_pid ]] || kill -TERM "$front_pid" 2>/dev/null || true
  end_rig
  end_query_build
  rm -f "$LIVE_MARK"
  # What root wrote below ./target belongs to whom the checkout belongs.
  chown -R --reference=. -- "$WORK_DIR" "$NETRIG_STORE__DIR" 2>/dev/null || true
}

end_rig() {
  [[ -n $rig_pid ]] || return 0
  kill -TERM "$rig_pid" 2>/dev/null || true
  local tenths=0
  while kill -0 "$rig_pid" 2>/dev/null; do
    if ((tenths++ >= 100)); then
      say "the rig did not stop within 10 s; ending it"
      kill -KILL "$rig_pid" 2>/dev/null || true
      break
    fi
    sleep 0.1
  done
  wait "$rig_pid" 2>/dev/null || true
  say "the rig has ended; nothing of it stays attached"
}

# Only a build that still is the one we were told of, the leader of its session: process ids come round again.
end_query_build() {
  local session
  # After the name in brackets: state, parent, group, session.
  session="$(sed 's/.*) //' "/proc/${QUERY_BUILD_PID:-none}/stat" 2>/dev/null | cut -d ' ' -f 4 || true)"
  [[ $session == "${QUERY_BUILD_PID:-none}" ]] || return 0
  say "stopping the build of netrig-query; it goes on at the next run, or with: cargo build --release -p netrig-query"
  kill -TERM -- "-$QUERY_BUILD_PID" 2>/dev/null || true
}

main "$@"
