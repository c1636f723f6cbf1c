# shellcheck shell=bash
# Everything the other verbs need, installed ahead.

# shellcheck source=scripts/packages.sh
source scripts/packages.sh
# shellcheck source=scripts/rust.sh
source scripts/rust.sh
# shellcheck source=scripts/tools.sh
source scripts/tools.sh

verb_setup() {
  local -a lists=("$@")
  [[ ${#lists[@]} -gt 0 ]] || lists=(build test lint)
  local list
  for list in "${lists[@]}"; do
    case "$list" in
      build) need_packages build && need_rust ;;
      test) need_packages build test && need_rust && need_prometheus && need_nginx ;;
      lint) need_packages build lint && need_rust clippy rustfmt ;;
      overhead) need_packages build overhead contenders && need_rust ;;
      *) fail "there is no package list \`$list\`: build, test, lint, overhead" 2 ;;
    esac
  done
  say "everything for ${lists[*]} is here: $(rustc --version), $(clang --version | head -n 1)"
}
