# shellcheck shell=bash
# `./dev panels`: the dashboards' panels as pictures, of a real rig's metrics in a real Prometheus.

# shellcheck source=scripts/setup.sh
source scripts/setup.sh

verb_panels() {
  need_packages build test
  need_rust
  need_prometheus
  need_nginx
  cargo test --release --locked -p netrig --test end_to_end --no-run
  as_root "network namespaces and kernel programs" cargo test --release --locked -p netrig --test end_to_end -- --ignored panels_are_drawn
  say "look at target/panels/index.html"
}
