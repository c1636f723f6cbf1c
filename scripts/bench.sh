# shellcheck shell=bash
# `./dev bench`: what a packet costs.

# shellcheck source=scripts/setup.sh
source scripts/setup.sh

verb_bench() {
  need_packages build test
  need_rust
  cargo build --release --locked -p netrig -p netrig-bench
  as_root "loading kernel programs" target/release/netrig-bench "$@"
}
