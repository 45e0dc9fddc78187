# The real peers of the end-to-end scripts: a configured server, SIPp, sinks. Source it; it sources scripts/lib.sh.

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../../lib.sh"
scenarios="$root/scripts/sipp"
helpers="$here"

# configure [FILE…]: writes $work/sidestream.toml for a server on free ports of the loopback: phones 1000 and 1001 (password
# $password), everything from the loopback may call without one when `trusted=yes`, 7xxx goes to $uas_port, and the files'
# lines after that. Sets sip_port, uas_port, rtp_port (what a called SIPp hears) and uac_port.
trusted=yes
configure() {
    password=$(python3 -c 'import secrets; print(secrets.token_hex(12))')
    local token
    token=$(python3 -c 'import secrets; print(secrets.token_hex(20))')
    sip_port=${sip_port:-$(free_port)}
    uas_port=$(free_port)
    uac_port=$(free_port)
    rtp_port=$(python3 "$helpers/ports.py" 4)
    {
        echo "[sip]"
        echo "listen = [${listen:-\"udp:127.0.0.1:$sip_port\", \"tcp:127.0.0.1:$sip_port\"}]"
        echo "${sip_more:-}"
        echo "[media]"
        printf 'first_port = %s\nlast_port = %s\nfigures_every_s = 1\n' $(python3 "$helpers/ports.py" --range "${media_ports:-240}")
        echo "${media_more:-}"
        echo "[http]"
        echo 'listen = "127.0.0.1:0"'
        printf '[[http.tokens]]\nid = "local"\nsecret = "%s"\n' "$token"
        for phone in 1000 1001; do
            printf '[[users]]\nname = "%s"\npassword = "%s"\nmay_control_streams = true\n' "$phone" "$password"
        done
        if [ "$trusted" = yes ]; then
            printf '[[peers]]\nname = "loopback"\nnetworks = ["127.0.0.0/8", "::1"]\nmay_control_streams = true\n%s\n' "${peer_more:-}"
        fi
        printf '[[routes]]\npattern = "7*"\ntarget = "sip:{number}@127.0.0.1:%s"\n' "$uas_port"
        cat ${1+"$@"} </dev/null
    } >"$work/sidestream.toml"
}

# streaming [SINK…]: lines that let streams go to the first sink unless they name one; `Record: on` uses it as well.
# SINK is NAME=URL for a WebSocket or NAME=DIRECTORY for WAV files.
streaming() {
    local sink
    printf '[streaming]\ndefault_sink = "%s"\n' "${1%%=*}"
    printf '[streaming.record]\nsink = "%s"\ntracks = ["from_customer", "to_customer"]\nlabel = "record"\n' "${1%%=*}"
    for sink in "$@"; do
        case "${sink#*=}" in
        ws:*) printf '[[sinks]]\nname = "%s"\nkind = "websocket"\nurl = "%s"\n' "${sink%%=*}" "${sink#*=}" ;;
        *) printf '[[sinks]]\nname = "%s"\nkind = "wav"\ndirectory = "%s"\n' "${sink%%=*}" "${sink#*=}" ;;
        esac
    done
}

# serve: the server of $work/sidestream.toml.
serve() {
    local own=$password
    start_server --config "$work/sidestream.toml" --drain-seconds 0
    password=$own
}

# start_sink NAME [ARGUMENT…]: a WebSocket sink; sets sink_url and sink_pid, reports go to $work/NAME.json.
start_sink() {
    local name=$1
    shift
    "$sidestream" sink --listen 127.0.0.1:0 --json "$@" >"$work/$name.json" 2>"$work/$name.log" &
    sink_pid=$!
    started+=("$sink_pid")
    wait_for 10 grep -q listening "$work/$name.log" || fail "the sink did not start"
    sink_url=$(sed -nE 's/^listening on (.*)$/\1/p' "$work/$name.log")
}

# speech: customer.pcmu (8 kHz, mu-law) in $work, which SIPp streams from its working directory.
speech() {
    sox -t wav "$root/config/prompts/customer.wav" -t raw -e mu-law -b 8 -r 8000 -c 1 "$work/customer.pcmu"
}

# sipp_start NAME SCENARIO [ARGUMENT…]: SIPp in the background, with a scenario that is written as XML or as a ladder; sets sipp_pid.
# With `routed` set, ladders copy the route that a proxy recorded. SIPp talks to $through, the server unless told otherwise.
sipp_start() {
    local name=$1 scenario=$2 file="$scenarios/$2.xml"
    shift 2
    if [ -e "$scenarios/$scenario.ladder" ]; then
        file="$work/$scenario.xml"
        python3 "$scenarios/ladder.py" ${routed+--routed} "$scenarios/$scenario.ladder" >"$file" || fail "the ladder $scenario cannot be read"
    fi
    (cd "$work" && exec sipp -sf "$file" -i 127.0.0.1 -mi 127.0.0.1 -nostdin -trace_err -error_file "$work/$name.errors" \
        -m 1 -timeout "${sipp_timeout:-40}s" -timeout_error -cid_str "%u-%p-$name" -key tracks '["from_customer","to_customer"]' "$@" "${through:-$sip}") >"$work/$name.screen" 2>&1 &
    sipp_pid=$!
    started+=("$sipp_pid")
}

# sipp_wait NAME PID: until its calls are over; fails with its own words.
sipp_wait() {
    wait "$2" && return
    tr -d '\r' <"$work/$1.errors" 2>/dev/null | head -n 40 >&2 || tail -n 30 "$work/$1.screen" >&2
    fail "sipp $1 failed"
}

# call_from NAME SCENARIO [ARGUMENT…]: a calling SIPp on $uac_port, until its calls are over.
call_from() {
    local name=$1 scenario=$2
    shift 2
    sipp_start "$name" "$scenario" -p "$uac_port" "$@"
    sipp_wait "$name" "$sipp_pid"
}

# answer_with SCENARIO [ARGUMENT…]: a called SIPp on $uas_port that echoes RTP, in the background; `answered` waits for its end.
answer_with() {
    local scenario=$1
    shift
    sipp_start answering "$scenario" -p "$uas_port" -mp "$rtp_port" -rtp_echo "$@"
    answering_pid=$sipp_pid
    wait_for 5 python3 "$helpers/ports.py" --taken "$uas_port" || fail "sipp $scenario does not listen"
}
answered() { sipp_wait answering "$answering_pid"; }

# pair CALLER CALLED [ARGUMENT…]: one call between two scenarios; the arguments are the caller's.
pair() {
    local caller=$1 called=$2
    shift 2
    answer_with "$called"
    call_from "$caller" "$caller" -s 7001 "$@"
    answered
    say "$caller, $called"
}

# metric NAME: the value of a line of /metrics, name and labels as they stand there; 0 when it is not there yet.
metric() {
    api GET /metrics | awk -v name="$1" '$1 == name {value = $2} END {print value + 0}'
}

# metric_is NAME VALUE, lines_are FILE NUMBER: for wait_for.
metric_is() { [ "$(metric "$1")" = "$2" ]; }
lines_are() { [ "$(wc -l <"$1")" = "$2" ]; }

# expect_empty [SECONDS]: no call, dialog, port or stream is left. With `idle` instead of seconds no transaction either, whose timers
# last 32 s.
expect_empty() {
    if [ "${1:-}" = idle ]; then
        wait_for 45 test_empty transactions || fail "something is left: $(left)"
    else
        wait_for "${1:-5}" test_empty || fail "something is left: $(left)"
    fi
}
test_empty() {
    [ "$(api GET /v1/calls)" = '{"calls":[]}' ] && api GET /metrics | awk -v more="${1:-calls}" '
        $1 ~ "^sidestream_(calls_active|streams_active|switch_(calls|dialogs|ports|streams|" more "))$" {seen += 1; left += $2}
        END {exit !(seen >= 6 && left == 0)}'
}
left() { api GET /metrics | grep -E '^sidestream_(calls_active|streams_active|switch_)' | tr '\n' ' '; }

# last_error FILE: the last line of a Python program's complaint that names its error.
last_error() { grep -aE '^[A-Za-z.]*(Error|Exception|Exit)\b' "$1" | tail -n 1 || tail -n 1 "$1"; }

# check NAME [ARGUMENT…] <JSON: one of the checks of check.py.
check() { python3 "$helpers/check.py" "$@" 2>"$work/check.log" || fail "$1: $(last_error "$work/check.log")"; }

# holds VALUE, has_leg PARTY: for wait_for, whether a leg of the one live call holds the other (yes or no), and whether PARTY is in a call.
holds() { api GET /v1/calls | python3 "$helpers/check.py" holding "$1"; }
has_leg() { api GET /v1/calls | grep -q "\"party\":\"$1\""; }

# check_calls NAME [ARGUMENT…]: the same over the calls that have ended. Their last figures come a moment after their end.
check_calls() { wait_for 5 try_calls "$@" || fail "$1: $(last_error "$work/check.log")"; }
try_calls() { api GET '/v1/calls?state=ended' | python3 "$helpers/check.py" "$@" 2>"$work/check.log"; }
