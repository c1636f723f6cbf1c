# shellcheck shell=bash
# The Rust toolchain: whatever is there when it is new enough, else the house's own version by rustup.

readonly RUST_MIN=1.95
readonly RUST_HOUSE=1.95.0
readonly RUSTUP_URL=https://static.rust-lang.org/rustup/dist

# version_at_least WANTED HAVE
version_at_least() {
  [[ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" == "$1" ]]
}

# Prints the version of the rustc on the PATH; nothing when there is none that runs.
rust_version() {
  { rustc --version 2>/dev/null || true; } | awk '{ print $2 }'
}

rust_is_good() {
  local version
  version="$(rust_version)"
  [[ -n $version ]] && has cargo && version_at_least "$RUST_MIN" "$version"
}

# need_rust [COMPONENT…]: a toolchain new enough, with these components (clippy, rustfmt).
need_rust() {
  local cargo_home="${CARGO_HOME:-$HOME/.cargo}"
  rust_is_good || PATH="$cargo_home/bin:$PATH"
  rust_is_good || install_rust
  rust_is_good || fail "rustc $(rust_version) is on the PATH, $RUST_MIN or newer is needed: see https://rustup.rs"
  need_components "$@"
}

install_rust() {
  local have
  have="$(rust_version)"
  say "Rust $RUST_MIN or newer is needed; ${have:+rustc $have is too old}${have:-none is installed}"
  has rustup || install_rustup
  say "installing Rust $RUST_HOUSE with rustup (into ${RUSTUP_HOME:-$HOME/.rustup})"
  rustup toolchain install "$RUST_HOUSE" --profile minimal --component clippy,rustfmt >"$WORK_DIR/rustup.log" 2>&1 || {
    tail -n 20 "$WORK_DIR/rustup.log" >&2
    fail "rustup could not install Rust $RUST_HOUSE: install $RUST_MIN or newer as https://rustup.rs says"
  }
  export RUSTUP_TOOLCHAIN="$RUST_HOUSE"
  # A distribution's older rustc may stand first on the PATH.
  PATH="$(dirname "$(rustup which rustc)"):$PATH"
}

install_rustup() {
  local init="$WORK_DIR/rustup-init" url
  url="$RUSTUP_URL/$(uname -m)-unknown-linux-gnu/rustup-init"
  has curl || need_named_package curl "fetches rustup, Rust's installer"
  say "installing rustup from $url (into ${CARGO_HOME:-$HOME/.cargo}; your shell's start-up files stay as they are)"
  curl --proto '=https' --tlsv1.2 -fsSL -o "$init" "$url" || fail "cannot fetch rustup: install it as https://rustup.rs says"
  chmod +x "$init"
  "$init" -y --quiet --no-modify-path --default-toolchain none >"$WORK_DIR/rustup.log" 2>&1 || {
    tail -n 20 "$WORK_DIR/rustup.log" >&2
    fail "rustup's installer failed"
  }
  PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
}

# need_named_package NAME WHY: one package that is needed only on this road.
need_named_package() {
  [[ "$(package_manager)" == apt ]] || fail "$1 is missing ($2): install it and run this again"
  say "missing on this machine: $1: $2"
  apt_install "$1"
}

# Whether the compiler is of the house's own series; newer ones know lints that nobody here has met.
rust_is_the_house_s() {
  [[ "$(rust_version)" == "$RUST_MIN".* ]]
}

need_components() {
  local component
  for component in "$@"; do
    case "$component" in
      clippy) cargo clippy --version >/dev/null 2>&1 ;;
      rustfmt) cargo fmt --version >/dev/null 2>&1 ;;
    esac && continue
    has rustup || fail "$component is missing: install it beside your Rust (rustup: rustup component add $component)"
    say "adding $component with rustup"
    rustup component add "$component" >&2 || fail "rustup could not add $component"
  done
}
