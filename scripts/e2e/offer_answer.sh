#!/usr/bin/env bash
# Offer and answer in every place, from either side: hold in each style, offers in the 200, re-INVITE, UPDATE, glare, forks, early media.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

speech
configure
serve
pair caller_holds called_is_held
pair caller_is_held called_holds
pair caller_offers_late called_offers
pair caller_is_asked called_asks_for_offer
pair caller_updates called_updates
pair caller_in_glare called_in_glare
pair caller_glares called_is_crossed
pair caller_takes_back called_thinks
pair caller_thinks called_takes_back
pair caller_hears_early called_forks
pair caller_speaks_early called_listens_early
check_calls early 50
pair caller_cancels called_too_late
pair caller_switches_off called_is_switched_off
pair caller_is_switched_off called_switches_off
expect_empty
