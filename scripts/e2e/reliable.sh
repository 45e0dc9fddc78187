#!/usr/bin/env bash
# Provisional responses that are acknowledged (100rel) on both sides and on either side alone; offers in 183, PRACK and early UPDATE.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

configure
serve
pair caller_acknowledges called_reliably
pair caller_requires called_plainly
pair caller_plainly called_reliably
pair caller_updates_early called_updates_early
pair caller_answers_in_prack called_offers_reliably
pair caller_offers_in_prack called_is_offered_early
expect_empty
