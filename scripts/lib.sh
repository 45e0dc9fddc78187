# Shared by scripts/test and scripts/e2e/*.sh: find the binary, start a server on free ports, wait for it, stop it by its id.
# Source it; it sets no options of its own.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
sidestream="${SIDESTREAM_BIN:-$root/target/debug/sidestream}"
venv="$root/target/venv"

say() { printf '%s\n' "$*" >&2; }
fail() {
    say "FAIL: $*"
    printf '%s\n' "$*" >"$work/why"
    exit 1
}

# A directory of this script's own, removed at its end together with the processes it started. The script's one line on standard
# output is `ok NAME` or `not ok NAME: why`. With KEEP=1 in the environment the directory stays.
work="$(mktemp -d "${TMPDIR:-/tmp}/sidestream-e2e.XXXXXX")"
started=()
cleanup() {
    local status=$? pid
    for pid in ${started[@]+"${started[@]}"}; do stop_process "$pid"; done
    if [ "$status" -ne 0 ]; then
        for log in "$work"/*.log; do
            [ -e "$log" ] || continue
            say "--- last lines of $(basename "$log")"
            tail -n 40 "$log" >&2
        done
    fi
    if [ "$status" -eq 0 ]; then
        echo "ok $(basename "$0" .sh)"
    else
        echo "not ok $(basename "$0" .sh): $(head -n 1 "$work/why" 2>/dev/null || echo "status $status")"
    fi
    [ -n "${KEEP:-}" ] || rm -rf "$work"
}
trap cleanup EXIT

# stop_process PID: TERM, then KILL after 5 s. A process that is gone is no error.
stop_process() {
    local pid=$1 tries=50
    kill -TERM "$pid" 2>/dev/null || return 0
    while kill -0 "$pid" 2>/dev/null && [ "$tries" -gt 0 ]; do
        sleep 0.1
        tries=$((tries - 1))
    done
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
}

# wait_for SECONDS COMMAND…: until the command succeeds.
wait_for() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -le "$end" ] || return 1
        sleep 0.05
    done
}

# start_server [ARGUMENT…]: a server on free ports (`serve --free-ports` unless a configuration is given).
# Sets server_pid, sip (host:port), http (URL), key, password and SIDESTREAM_URL, SIDESTREAM_KEY for the client commands.
start_server() {
    local ready="$work/ready.json"
    rm -f "$ready"
    if [ $# -eq 0 ]; then set -- --free-ports; fi
    "$sidestream" serve "$@" --ready-file "$ready" >"$work/server.log" 2>&1 &
    server_pid=$!
    started+=("$server_pid")
    wait_for 20 test -s "$ready" || fail "the server did not become ready"
    sip="$(json "$ready" sip)"
    http="$(json "$ready" url)"
    key="$(json "$ready" key)"
    password="$(json "$ready" password)"
    export SIDESTREAM_URL="$http" SIDESTREAM_KEY="$key"
}

# json FILE NAME: the text of a top-level member.
json() { python3 -c 'import json,sys; print(json.load(open(sys.argv[1])).get(sys.argv[2]) or "")' "$1" "$2"; }

# api METHOD PATH [BODY]: one request to the server under test; prints the body, fails on a status of 400 and above.
api() {
    local method=$1 path=$2
    shift 2
    curl --silent --show-error --fail-with-body --max-time 10 -X "$method" \
        -H "Authorization: Bearer $key" ${1+-H "Content-Type: application/json" --data "$1"} "$http$path"
}

# free_port: a UDP and TCP port of the loopback that nobody has at this moment.
free_port() {
    python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
