#!/usr/bin/env bash
# Runs a test binary with root's rights; cargo calls it when `./dev test` is run by somebody else.
# sudo replaces the PATH, and the tests start tools that may lie in ./target.
exec sudo -E -- env PATH="$PATH" "$@"
