# shellcheck shell=bash
# `./dev overhead`: what the rig costs beside nothing and beside other tools, and the page that tells.

# shellcheck source=scripts/setup.sh
source scripts/setup.sh

# The page of whole runs; one in a hurry or of some loads only must not replace it.
readonly OVERHEAD_PAGE=docs/overhead.md
readonly OVERHEAD_DRAFT=target/bench/overhead.md

verb_overhead() {
  need_packages build overhead
  want_contenders
  need_rust
  cargo build --release --locked -p netrig -p netrig-bench
  as_root "loading kernel programs" target/release/netrig-bench --parts overhead --document "$(overhead_page "$@")" "$@"
}

# overhead_page ARGUMENTS…
overhead_page() {
  local argument
  for argument in "$@"; do
    case "$argument" in
      --quick | --only | --only=* | --rounds | --rounds=*)
        echo "$OVERHEAD_DRAFT"
        return
        ;;
    esac
  done
  echo "$OVERHEAD_PAGE"
}

# What people use today. Where one is missing its rows say so; the rest is measured all the same.
want_contenders() {
  local column
  column="$(package_manager)"
  local -a lines
  mapfile -t lines < <(missing_packages "${column/other/apt}" contenders)
  [[ ${#lines[@]} -gt 0 ]] || return 0
  if [[ $column == apt ]]; then
    (need_packages contenders) || say "not all of them could be installed; the page says which are missing"
    return 0
  fi
  local line
  for line in "${lines[@]}"; do
    say "not installed, and so not measured: ${line%%|*}: ${line#*|}"
  done
}
