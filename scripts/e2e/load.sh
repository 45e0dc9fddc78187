#!/usr/bin/env bash
# The short form of scripts/load: 10 calls a second for 10 s.
# Runs alone: it holds delays against limits.
set -euo pipefail
exec bash "$(dirname "$0")/../load" 10 10
