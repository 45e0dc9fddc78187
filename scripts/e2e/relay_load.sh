#!/usr/bin/env bash
# The short form of scripts/bench-relay: every packet of 20 two-way calls is relayed once and in order, without and with a WebSocket sink
# for each call, and nothing is left after the calls.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
(cd "$root" && cargo build --quiet --example relay_load) >"$work/build.log" 2>&1 || fail "the generator cannot be built"
export SIDESTREAM_BIN="$sidestream" RELAY_LOAD_BIN="$root/target/debug/examples/relay_load"
python3 "$root/scripts/bench-relay" --check >"$work/check.log" 2>&1 || fail "$(tail -n 1 "$work/check.log")"
