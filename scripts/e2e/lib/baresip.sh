# baresip as a phone of the server under test. Source it after peers.sh.

baresip_modules=$(dirname "$(dpkg -L baresip-core | grep '/aufile\.so$')")

# baresip_phone NAME SERVER [ARGUMENT…]: a baresip that registers as user NAME at SERVER, says NAME.wav of $work, answers by itself, and
# writes what it hears into $work/NAME/heard. $account_more is added to its account, $config_more to its configuration; `modules` of
# the caller's are loaded besides.
baresip_phone() {
    local name=$1 server=$2 own="$work/$1" rtp module
    shift 2
    mkdir -p "$own/heard"
    rtp=$(python3 "$helpers/ports.py" 40)
    cat >"$own/config" <<LINES
sip_listen 127.0.0.1:$(free_port)
call_max_calls 30
audio_source aufile,$work/$name.wav
audio_player aubridge,$name
audio_alert aubridge,$name
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
rtp_ports $rtp-$((rtp + 39))
snd_path $own/heard
module_path $baresip_modules
module g711.so
module aufile.so
module aubridge.so
$(for module in ${modules:-sndfile}; do echo "module $module.so"; done)
module_tmp account.so
module_app menu.so
${config_more:-}
LINES
    echo "<sip:$name@$server>;auth_pass=$password;regint=120;audio_codecs=pcmu;answermode=auto${account_more:-}" >"$own/accounts"
    (cd "$work" && exec timeout 60 baresip -f "$own" "$@") >"$work/$name.log" 2>&1 </dev/null &
    started+=("$!")
}

# baresip_tell NAME COMMAND [PARAMETER]: a command of its menu, to a baresip that was started with `modules=ctrl_tcp` among others and
# listens at ${NAME}_control, which baresip_control sets and prints as a line of configuration.
baresip_control() {
    declare -g "control_$1=$(free_port)"
    local port="control_$1"
    config_more="ctrl_tcp_listen 127.0.0.1:${!port}"
}
baresip_tell() {
    local port="control_$1"
    python3 - "${!port}" "$2" "${3:-}" <<'PYTHON' >>"$work/$1.control.log" 2>&1 || fail "baresip $1 does not take $2: $(tail -n 1 "$work/$1.control.log")"
import json, socket, sys

port, command, parameter = sys.argv[1:]
text = json.dumps({"command": command, "params": parameter}).encode()
with socket.create_connection(("127.0.0.1", int(port)), timeout=5) as control:
    control.sendall(b"%d:%s," % (len(text), text))
    while True:
        answer = control.recv(65536).decode(errors="replace")
        print(answer)
        if not answer or '"response":true' in answer.replace(" ", ""):
            sys.exit('"ok":true' not in answer.replace(" ", ""))
PYTHON
}
