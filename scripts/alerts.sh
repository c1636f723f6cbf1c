# shellcheck shell=bash
# `./dev alerts`: each alert, by the fault it is for, made for real.

# shellcheck source=scripts/setup.sh
source scripts/setup.sh

# One after the other: a rig sees all of the machine, the faults of another test too.
verb_alerts() {
  need_packages build test
  need_rust
  need_prometheus
  cargo test --release --locked -p netrig --test end_to_end --no-run
  as_root "making faults" cargo test --release --locked -p netrig --test end_to_end -- --ignored --test-threads=1 "${1:-prometheus_alerts}"
}
