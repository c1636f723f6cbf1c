# shellcheck shell=bash
# `./dev stress`: the rig under traffic made on purpose: one scenario, or all of them one after the other.

# shellcheck source=scripts/setup.sh
source scripts/setup.sh

# Reports are kept, so that two states of the house can be compared: `netrig stress compare A B`.
readonly STRESS_REPORTS=target/stress
# The page of costs has a section about stress.
readonly STRESS_PAGE=docs/overhead.md

# verb_stress [SCENARIO] [ARGUMENTS]…
verb_stress() {
  need_packages build stress
  need_rust
  cargo build --release --locked -p netrig -p netrig-bench
  mkdir -p "$STRESS_REPORTS"
  if [[ $# -gt 0 && $1 != -* ]]; then
    stress_one "$@"
    return
  fi
  local failed=0 scenario
  while read -r scenario _; do
    stress_one "$scenario" "$@" || failed=1
  done < <(target/release/netrig stress)
  target/release/netrig-bench --parts stress --reports "$STRESS_REPORTS" --document "$(stress_page "$@")"
  return "$failed"
}

# stress_page [ARGUMENTS]…
# A run that is not as it comes, such as a shorter one, must not replace the figures on the page.
stress_page() {
  if [[ $# -eq 0 ]]; then echo "$STRESS_PAGE"; else echo "$STRESS_REPORTS/overhead.md"; fi
}

# stress_one SCENARIO [ARGUMENTS]…
stress_one() {
  local name
  name="$(basename "$1" .toml)"
  as_root "network namespaces and kernel programs" target/release/netrig stress "$@" \
    --save "$STRESS_REPORTS/$name.json" --html "$STRESS_REPORTS/$name.html"
}
