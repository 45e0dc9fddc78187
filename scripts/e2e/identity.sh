#!/usr/bin/env bash
# Who calls and who answers, who diverted a call and why it ends: told to a party of the trust domain, withheld from others (RFC 3323,
# RFC 3325).
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

trusted=no
configure
cat >>"$work/sidestream.toml" <<LINES
[[routes]]
name = "trusted"
pattern = "8*"
target = "trunk:carrier"
[[trunks]]
name = "carrier"
addresses = ["sip:127.0.0.1:$uas_port"]
networks = ["127.0.0.1/32"]
trusted = true
identity = "asserted"
diversion = true
history_info = true
LINES
serve
pair caller_withholds called_is_told -s 8001
pair caller_withholds called_is_not_told
pair caller_hears_who called_tells_who -s 8001
pair caller_hears_nobody called_tells_who
pair caller_gives_up_with_reason called_is_given_up_with_reason
expect_empty
