#!/usr/bin/env bash
# A sink that is owed everything gets every sample once: over its own death, and over ours.
set -euo pipefail
set -- 4 10
. "$(dirname "$0")/../spool"
