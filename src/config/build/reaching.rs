//! How other servers are found, and where called parties may send a call on to.

use std::net::{IpAddr, SocketAddr};

use super::{Builder, DAY_S};
use crate::call::Redirects;
use crate::config::file::{Dns, RedirectPolicy, Sip};
use crate::config::place::Place;
use crate::net::DnsSettings;
use crate::sip::Uri;
use crate::switch::Reaching;

impl Builder {
    pub(super) fn reaching(&mut self, sip: &Sip) -> Reaching {
        if let Some(proxy) = &sip.outbound_proxy
            && !Uri::parse(proxy).is_ok_and(|uri| uri.is_sip() && !proxy.contains('?'))
        {
            let message = format!("`{proxy}` is not a SIP URI like sip:proxy.example.net;lr");
            self.wrong(Place::at("sip.outbound_proxy"), message);
        }
        for (index, domain) in sip.redirect_domains.iter().enumerate() {
            let is_host =
                Uri::parse(&format!("sip:{domain}")).is_ok_and(|uri| uri.host() == domain);
            if !is_host {
                let message = format!("`{domain}` is neither a domain nor an address");
                self.wrong(Place::at("sip.redirect_domains").index(index), message);
            }
        }
        Reaching {
            outbound_proxy: sip.outbound_proxy.clone(),
            redirects: match sip.redirects {
                RedirectPolicy::Off => Redirects::Refuse,
                RedirectPolicy::Known => Redirects::Known,
                RedirectPolicy::On => Redirects::Follow,
            },
            redirect_domains: sip.redirect_domains.clone(),
        }
    }

    pub(super) fn dns(&mut self, dns: &Dns) -> DnsSettings {
        let mut nameservers = Vec::new();
        for (index, text) in dns.nameservers.iter().enumerate() {
            // Without a port, the port of the DNS.
            let bare = || text.parse().map(|address: IpAddr| SocketAddr::new(address, 53));
            match text.parse().or_else(|_| bare()) {
                Ok(address) => nameservers.push(address),
                Err(_) => {
                    let message = format!("`{text}` is not an address like 192.0.2.53 or [::1]:53");
                    self.wrong(Place::at("sip.dns.nameservers").index(index), message);
                }
            }
        }
        DnsSettings {
            nameservers,
            timeout: self.millis("sip.dns.timeout_ms", dns.timeout_ms, 50..=30_000),
            attempts: self.count("sip.dns.attempts", dns.attempts, 1..=10),
            lookup_time: self.millis("sip.dns.lookup_time_ms", dns.lookup_time_ms, 50..=60_000),
            cache: self.number(
                Place::at("sip.dns.cached_answers"),
                dns.cached_answers,
                0..=1_000_000,
            ),
            max_ttl: self.seconds("sip.dns.max_ttl_s", dns.max_ttl_s, 0..=DAY_S),
            max_negative_ttl: self.seconds(
                "sip.dns.max_negative_ttl_s",
                dns.max_negative_ttl_s,
                0..=DAY_S,
            ),
        }
    }
}
