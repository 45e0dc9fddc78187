# Commands to jamid, whose SIP is pjsip: runs inside dbus-run-session. jami.sh DIRECTORY SERVER USER PASSWORD PORT
#
# Registers, answers the call that comes, hangs up after a while and unregisters. (It neither calls nor holds here: its own offers wait
# for ICE, which finds no network.) Each step is a line on standard
# output; a step waits until the call is in the state that it needs.
set -euo pipefail

own=$1 server=$2 user=$3 password=$4 port=$5
export HOME="$own" XDG_RUNTIME_DIR="$own" XDG_CONFIG_HOME="$own/config" XDG_DATA_HOME="$own/data" XDG_CACHE_HOME="$own/cache"
# Without a sound card: silence goes out in time, what comes is dropped.
printf 'pcm.!default { type null }\nctl.!default { type null }\n' >"$own/.asoundrc"
# A session that is ended from outside leaves its bus behind: whoever started this one ends that by its id.
gdbus call --session --dest org.freedesktop.DBus --object-path / --method org.freedesktop.DBus.GetConnectionUnixProcessID \
    org.freedesktop.DBus | tr -cd '0-9 ' | awk '{print $NF}' >"$own/bus.pid"
/usr/libexec/jamid -p -c >"$own/jamid.log" 2>&1 &
echo "$!" >"$own/pid"
trap 'kill "$(cat "$own/pid")" 2>/dev/null; wait' EXIT

ask() {
    local object=$1 method=$2
    shift 2
    timeout 10 gdbus call --session --dest cx.ring.Ring --object-path "/cx/ring/Ring/$object" --method "cx.ring.Ring.$object.$method" "$@"
}
text() { sed -E "s/[^']*'([^']*)'.*/\1/"; }
# until_is WHAT PATTERN COMMAND…: at most 30 s.
until_is() {
    local what=$1 pattern=$2 end=$((SECONDS + 30))
    shift 2
    until "$@" 2>/dev/null | grep -q "$pattern"; do
        [ "$SECONDS" -le "$end" ] || { echo "not $what"; exit 1; }
        sleep 0.2
    done
    echo "$what"
}

gdbus wait --session --timeout 30 cx.ring.Ring
account=$(ask ConfigurationManager addAccount "{'Account.type':'SIP','Account.alias':'$user','Account.hostname':'$server',
    'Account.username':'$user','Account.password':'$password','Account.localPort':'$port','Account.upnpEnabled':'false',
    'Account.videoEnabled':'false','SRTP.enable':'false','SRTP.keyExchange':'','Account.enable':'true'}" | text)
until_is "registered" "'REGISTERED'" ask ConfigurationManager getVolatileAccountDetails "$account"
until_is "called" "'" ask CallManager getCallList "$account"
call=$(ask CallManager getCallList "$account" | text)
details() { ask CallManager getCallDetails "$account" "$call"; }
until_is "alerted" "'INCOMING'" details
ask CallManager accept "$account" "$call" >/dev/null
until_is "talking" "'CURRENT'" details
sleep 4
ask CallManager hangUp "$account" "$call" >/dev/null
echo "hung up"
ask ConfigurationManager removeAccount "$account" >/dev/null
sleep 1
echo "unregistered"
