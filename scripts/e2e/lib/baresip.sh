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
