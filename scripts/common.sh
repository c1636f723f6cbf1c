# shellcheck shell=bash
# What all verbs of ./dev share: how they speak, how they become root, where they write.

readonly WORK_DIR=target/dev
# There while a rig that `./dev run` started is known to answer.
# shellcheck disable=SC2034  # for those that source this
readonly LIVE_MARK="$WORK_DIR/live"
mkdir -p "$WORK_DIR"

say() { printf 'dev: %s\n' "$*" >&2; }

# fail MESSAGE [EXIT_CODE]
fail() {
  say "error: $1"
  exit "${2:-1}"
}

has() { command -v "$1" >/dev/null 2>&1; }

# Whether root's rights can be had: by being root, by sudo without a password, or by sudo that can ask at a terminal.
can_be_root() {
  [[ $EUID -eq 0 ]] && return 0
  has sudo || return 1
  sudo -n true 2>/dev/null || [[ -t 0 && -t 2 ]]
}

# as_root WHY COMMAND…: runs the command with root's rights, saying why where that takes sudo.
as_root() {
  local why="$1"
  shift
  if [[ $EUID -eq 0 ]]; then
    "$@"
  elif can_be_root; then
    say "using sudo: $why"
    sudo -- "$@"
  else
    fail "$why needs root: run \`./dev\` as root, or install sudo"
  fi
}

# exec_low COMMAND…: becomes the command, at the lowest priority for CPU and disk: for work nobody waits for.
exec_low() {
  if has ionice; then
    exec ionice -c 3 nice -n 19 "$@"
  else
    exec nice -n 19 "$@"
  fi
}
