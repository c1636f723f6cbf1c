# shellcheck shell=bash
# `./dev fmt`: every source as the house writes it.

# shellcheck source=scripts/setup.sh
source scripts/setup.sh

c_sources() { find crates -name '*.[ch]' -not -path '*/target/*'; }
shell_sources() { find dev .ci/run scripts -type f -not -path 'scripts/grafana/*'; }

verb_fmt() {
  need_packages lint
  need_rust rustfmt
  cargo fmt --all
  c_sources | xargs -r clang-format -i
}
