# Kamailio as proxy, registrar and load balancer beside the server under test. Source it after peers.sh.

# kamailio_start SERVER_PORT CALLED_PORT: on a free port, which it sets as kamailio_port. Requests of the server under test go to the phone
# that registered here, else to CALLED_PORT; everybody else's go to the first live server of its list: one that is dead, and ours. It
# records its route. Everybody may register here with $password; with `challenges=yes` the server under test has to prove itself for
# its calls, too, and a number that registered is called where it is.
kamailio_start() {
    kamailio_port=$(free_port)
    printf '1 sip:127.0.0.1:%s 0 10\n1 sip:127.0.0.1:%s 0 5\n' "$(free_port)" "$1" >"$work/dispatcher.list"
    cat >"$work/kamailio.cfg" <<LINES
#!KAMAILIO
debug=1
log_stderror=yes
fork=yes
children=2
auto_aliases=no
disable_tcp=yes
listen=udp:127.0.0.1:$kamailio_port
$(for module in tm tmx sl rr pv maxfwd textops siputils auth usrloc registrar dispatcher ctl; do echo "loadmodule \"$module.so\""; done)
modparam("dispatcher", "list_file", "$work/dispatcher.list")
modparam("dispatcher", "ds_ping_interval", 1)
modparam("dispatcher", "ds_probing_mode", 1)
modparam("dispatcher", "ds_probing_threshold", 1)
modparam("tm", "fr_timer", 2000)
modparam("ctl", "binrpc", "unix:$work/kamailio.socket")
request_route {
    if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
    if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
    if (has_totag()) {
        if (loose_route()) { t_relay(); exit; }
        if (is_method("ACK") && t_check_trans()) { t_relay(); exit; }
        sl_send_reply("404", "Not here"); exit;
    }
    t_check_trans();
    if (is_method("REGISTER")) {
        if (!pv_www_authenticate("kamailio.test", "$password", "0")) { www_challenge("kamailio.test", "0"); exit; }
        save("location");
        exit;
    }
    if (is_method("OPTIONS")) { sl_send_reply("200", "OK"); exit; }
    record_route();
    if (\$sp == $1) {
        $([ "${challenges:-}" = yes ] && echo "if (!pv_proxy_authenticate(\"kamailio.test\", \"$password\", \"0\")) { proxy_challenge(\"kamailio.test\", \"0\"); exit; }
        consume_credentials();")
        if (!lookup("location")) \$du = "sip:127.0.0.1:$2";
        t_relay();
        exit;
    }
    if (lookup("location")) { t_relay(); exit; }
    if (!ds_select_dst("1", "8")) { sl_send_reply("503", "No server"); exit; }
    t_relay();
}
LINES
    kamailio -c -f "$work/kamailio.cfg" >"$work/kamailio.check" 2>&1 || fail "Kamailio refuses its configuration: $(grep -a ERROR "$work/kamailio.check" | head -n 1)"
    kamailio -f "$work/kamailio.cfg" -m 64 -M 8 -DD -E -w "$work" >"$work/kamailio.log" 2>&1 &
    kamailio_pid=$!
    started+=("$kamailio_pid")
    wait_for 10 python3 "$helpers/ports.py" --taken "$kamailio_port" || fail "Kamailio did not start"
}
