# shellcheck shell=bash
# `./dev lint`: nothing that a machine can see goes to a reviewer.

# shellcheck source=scripts/fmt.sh
source scripts/fmt.sh

failures=()

verb_lint() {
  need_packages build lint
  need_rust clippy rustfmt
  check "rustfmt" cargo fmt --all --check
  check "clang-format" clang_format_check
  check "shellcheck" shellcheck_all
  check "house rules" cargo test --release --locked --quiet -p netrig-tidy
  check "clippy" clippy_all
  if has cargo-deny; then
    check "licences and sources" cargo deny --locked check bans licenses sources
  else
    say "lint: licences and sources: skipped, cargo-deny is not installed (cargo install cargo-deny)"
  fi
  [[ ${#failures[@]} -eq 0 ]] || fail "lint failed: ${failures[*]}"
  say "lint: all is well"
}

# check NAME COMMAND…: goes on after a failure, so that one run shows all there is to mend.
check() {
  local name="$1" began=$SECONDS
  shift
  if "$@"; then
    say "lint: $name: fine ($((SECONDS - began)) s)"
  else
    say "lint: $name: failed"
    failures+=("$name")
  fi
}

clang_format_check() { c_sources | xargs -r clang-format --dry-run -Werror; }

clippy_all() {
  local -a strict=(-- -D warnings)
  rust_is_the_house_s || {
    say "lint: rustc $(rust_version) is newer than the house's $RUST_HOUSE: what its clippy says is shown, not held against you"
    strict=()
  }
  cargo clippy --release --locked --workspace --all-targets --keep-going "${strict[@]}"
}

shellcheck_all() { shell_sources | xargs -r shellcheck -x; }
