"""Judges a load run: one line of JSON; the last line says what is wrong, if anything is.

load.py CALLS METRICS STATISTICS REPORTS SERVER_PID
"""
import json
import os
import sys

calls, metrics_file, statistics_file, reports_file, pid = sys.argv[1:]
calls = int(calls)
metrics = dict(line.rsplit(" ", 1) for line in open(metrics_file) if not line.startswith("#"))


def metric(name):
    return int(float(metrics.get(f"sidestream_{name}", 0)))


names, *_, last = [line.rstrip("\n").split(";") for line in open(statistics_file)]
sipp = dict(zip(names, last))
reports = [json.loads(line) for line in open(reports_file)]
delays = [track["delay_ms"]["p95"] for report in reports for track in report["tracks"] if track["delay_ms"]]
spent = [int(field) for field in open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[11:13]]
dropped = {name.split('"')[1]: metric(name[11:]) for name in metrics if name.startswith("sidestream_rtp_dropped_packets_total")}
failed_sends = {name: metric(f"{name}_total") for name in ("media_send_full", "media_send_failed", "media_receive_failed", "media_open_failed", "media_bugs")}
result = {
    "calls": int(sipp["SuccessfulCall(C)"]),
    "failed": int(sipp["FailedCall(C)"]),
    "retransmissions": int(sipp["Retransmissions(C)"]),
    "rtp_received": metric('rtp_packets_total{direction="received"}'),
    "rtp_forwarded": metric('rtp_packets_total{direction="forwarded"}'),
    "rtp_lost": metric("rtp_lost_packets_total"),
    "rtp_dropped": {name: count for name, count in dropped.items() if count},
    "media_failures": {name: count for name, count in failed_sends.items() if count},
    "media_refused_after_the_end": metric("media_send_refused_total"),
    "sip_dropped": metric("udp_dropped_total"),
    "streams": len(reports),
    "discarded_samples": metric("sink_discarded_samples_total"),
    "sink_delay_p95_ms_worst": round(max(delays), 1),
    "sink_delay_p95_ms_median": round(sorted(delays)[len(delays) // 2], 1),
    "server_cpu_s": round(sum(spent) / os.sysconf("SC_CLK_TCK"), 1),
}
print(json.dumps(result))
wrong = [
    name
    for name, is_right in {
        "calls failed": result["calls"] == calls and result["failed"] == 0,
        "packets were lost on their way to the relay": result["rtp_lost"] == 0,
        "packets were not relayed": result["rtp_received"] == result["rtp_forwarded"] + sum(dropped.values()) and not set(result["rtp_dropped"]) - {"unbridged"},
        "the relay could not send": not result["media_failures"],
        "streams are missing": result["streams"] == calls,
    }.items()
    if not is_right
]
if wrong:
    print(f"{'; '.join(wrong)}: {json.dumps(result)}")
    sys.exit(1)
