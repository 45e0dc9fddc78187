//! What the sockets did and what they gave up: one counter per reason, read by metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// A sum since the start.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts one.
    pub(crate) fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The sum.
    pub fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($($(#[doc = $doc:literal])* $name:ident,)*) => {
        /// Every counter of the sockets, summed over listeners and workers.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[doc = $doc])* pub $name: Counter,)*
        }

        impl Counters {
            /// Every counter as name, meaning and sum, in the order of declaration.
            pub fn figures(&self) -> Vec<(&'static str, &'static str, u64)> {
                vec![$((stringify!($name), concat!($($doc),*).trim_ascii(), self.$name.read()),)*]
            }
        }
    };
}

counters! {
    /// SIP datagrams received.
    udp_received,
    /// SIP datagrams dropped because the switch had not taken the ones before them.
    udp_dropped,
    /// Datagrams on a SIP port that are keep-alives: line ends, and STUN.
    udp_keep_alives,
    /// SIP datagrams sent.
    udp_sent,
    /// SIP datagrams that the kernel did not take.
    udp_send_failed,
    /// TCP connections accepted, whatever they carry: SIP, TLS, WebSocket.
    tcp_accepted,
    /// TCP connections dialled.
    tcp_dialled,
    /// TCP connections that could not be dialled.
    tcp_dial_failed,
    /// TCP connections refused because as many are open, or have not given a message, as may be, in all or from one address.
    tcp_refused,
    /// TCP connections that could not be accepted, out of descriptors for instance.
    tcp_accept_failed,
    /// SIP messages received over connections.
    tcp_received,
    /// SIP messages handed to a connection.
    tcp_sent,
    /// Keep-alives answered, RFC 5626 section 4.4.1.
    tcp_keep_alives,
    /// TCP connections closed because what came was no SIP.
    tcp_closed_framing,
    /// TCP connections closed because a message or a handshake took too long.
    tcp_closed_slow,
    /// TCP connections closed because nothing came for the idle time.
    tcp_closed_idle,
    /// TCP connections closed because the peer did not read what was sent.
    tcp_closed_full,
    /// TLS handshakes done, those that we began included.
    tls_handshakes,
    /// Connections that came and failed to agree on TLS, a client without a certificate that it has to show for instance.
    tls_failed,
    /// Times that the certificates were read again and took effect.
    tls_reloads,
    /// Times that new certificates were refused, so that the old ones stayed in force.
    tls_reload_failed,
    /// Connections that came and asked for no WebSocket, or for none with the sub-protocol sip, or as a page that may not.
    ws_refused,
    /// Questions put to the DNS or its cache.
    dns_questions,
    /// Questions that the DNS failed to answer; that a name has no such record is an answer.
    dns_failed,
    /// Look-ups that took too long with all their questions.
    dns_late,
    /// Look-ups that were given up because too many were under way.
    dns_refused,
    /// SIP messages given to the HEP collector.
    hep_sent,
    /// SIP messages that the HEP collector did not get.
    hep_lost,
    /// Messages that had no connection or socket to leave by.
    unroutable,
    /// Commands that were given up because the switch gave no answer in time.
    commands_unanswered,
    /// Times that a media worker's command queue was full and signalling had to wait.
    media_commands_delayed,
    /// Times that the event queue was full and a media worker had to keep an event back.
    media_events_delayed,
    /// Media ports that could not be bound.
    media_open_failed,
    /// RTP and RTCP packets that a full send buffer refused.
    media_send_full,
    /// RTP and RTCP packets whose destination refused them (ICMP).
    media_send_refused,
    /// RTP and RTCP packets that could not be sent for another reason.
    media_send_failed,
    /// Receives on a media port that failed.
    media_receive_failed,
    /// Errors in this program that a media worker survived.
    media_bugs,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_name_every_counter_with_its_meaning() {
        let counters = Counters::default();
        counters.udp_dropped.count();
        counters.udp_dropped.count();
        let figures = counters.figures();
        let dropped =
            figures.iter().find(|(name, _, _)| *name == "udp_dropped").expect("it is declared");
        assert_eq!(dropped.2, 2);
        assert!(dropped.1.starts_with("SIP datagrams dropped"));
        assert_eq!(figures.iter().map(|(_, _, sum)| sum).sum::<u64>(), 2);
    }
}
