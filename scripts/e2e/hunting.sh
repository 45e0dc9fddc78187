#!/usr/bin/env bash
# Several targets: all at once, one after the other by answer and by time, a redirection, and the failure that tells most.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

# also SCENARIO, also_over: a further called party at $also_port, and its end.
also() {
    sipp_start also "$1" -p "$also_port"
    also_pid=$sipp_pid
    wait_for 5 python3 "$helpers/ports.py" --taken "$also_port" || fail "sipp $1 does not listen"
}
also_over() { sipp_wait also "$also_pid"; }
# targets NUMBER STAGE…: a route with a stage for each argument: places and commas, and `@SECONDS` behind a stage that has a time.
targets() {
    local number=$1 stage to
    shift
    printf '[[routes]]\nname = "n%s"\npattern = "%s"\n' "$number" "$number"
    for stage in "$@"; do
        to=$(printf '"sip:{number}@127.0.0.1:%s", ' ${stage%@*})
        printf '[[routes.targets]]\nto = [%s]\n' "${to%, }"
        if [ "$stage" != "${stage%@*}" ]; then printf 'ring_s = %s\n' "${stage#*@}"; fi
    done
}

# The first called party is $uas_port, which `configure` finds.
also_port=$(free_port)
sip_more='redirects = "known"'
configure
{
    targets 61 "$uas_port $also_port"
    targets 62 "$also_port" "$uas_port"
    targets 63 "$also_port@2" "$uas_port"
    targets 64 "$also_port" "$uas_port"
    printf '[[routes]]\nname = "n65"\npattern = "65"\ntarget = "sip:{number}@127.0.0.1:%s"\n' "$also_port"
} >>"$work/sidestream.toml"
serve

say "both ring, one answers"
also called_is_given_up
pair caller_talks called_plainly -s 61 -d 300
also_over
say "busy, then the next"
also uas_busy
pair caller_talks called_plainly -s 62 -d 300
also_over
say "no answer in time, then the next"
also called_is_given_up
pair caller_talks called_plainly -s 63 -d 300
also_over
say "a redirection to another number"
also called_redirects
pair caller_talks called_plainly -s 65 -d 300
also_over
say "busy tells more than not found"
also uas_busy
pair caller_finds_busy uas_absent -s 64
also_over
expect_empty
