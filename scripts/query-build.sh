#!/usr/bin/env bash
# Builds netrig-query at the lowest priority, once the rig answers: nobody waits for it, and what it downloads is traffic
# for the rig to show. Called by `./dev run`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/common.sh
source scripts/common.sh

until [[ -e $LIVE_MARK ]]; do
  sleep 0.2
done
exec_low cargo build --release --locked -p netrig-query
