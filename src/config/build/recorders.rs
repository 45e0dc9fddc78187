//! Sinks that speak RTP: payload types, and the session recording servers.

use super::Builder;
use crate::config::error::Flaw;
use crate::config::file::{Encoding, Sink};
use crate::config::place::Place;
use crate::sink::{Carrier, Destinations, SipServer, Siprec};
use crate::sip::Transport;
use crate::trunk;

impl Builder {
    /// RFC 3551 §6: 0 is PCMU and 8 is PCMA, at 8000 Hz; 96 to 127 are what both ends agree on. `usual` is the encoding of a sink that
    /// names none.
    pub(super) fn payload_type(
        &mut self,
        place: &Place,
        sink: &Sink,
        usual: Option<Encoding>,
    ) -> u8 {
        let fixed = match sink.encoding.or(usual) {
            Some(Encoding::Pcmu) => Some(0),
            Some(Encoding::Pcma) => Some(8),
            Some(Encoding::L16) | None => None,
        };
        let payload_type = sink.payload_type.or(fixed).unwrap_or(96);
        if Some(payload_type) != fixed && !(96..=127).contains(&payload_type) {
            self.wrong(
                place.key("payload_type"),
                "a payload type is 96 to 127, or 0 for \"pcmu\" and 8 for \"pcma\"",
            );
        }
        u8::try_from(payload_type).unwrap_or(96)
    }

    pub(super) fn siprec(
        &mut self,
        place: &Place,
        sink: &Sink,
        destinations: &Destinations,
    ) -> Option<Siprec> {
        let keys = ["address", "addresses"];
        let example = "address = \"sip:srs.example;transport=tcp\"";
        let written = self.one_or_many(place, keys, &sink.address, &sink.addresses, example)?;
        let mut servers: Vec<SipServer> = Vec::new();
        for (place, text) in written {
            match text.parse::<SipServer>() {
                Ok(server) => {
                    let carrier = match server.transport() {
                        Transport::Udp => Carrier::Udp,
                        Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
                            Carrier::Tcp
                        }
                    };
                    let (host, port) = (server.at().host(), server.at().port());
                    self.check_destination(place, destinations, host, port, carrier);
                    servers.push(server);
                }
                Err(error) => self.wrong(place, error.to_string()),
            }
        }
        let account = sink.account.as_ref().map(|account| {
            let place = place.key("account");
            if account.user.is_empty() {
                self.wrong(place.key("user"), "an account has a user");
            }
            if account.password.is_empty() {
                let help = "write it as ${env:NAME} or ${file:PATH}";
                self.note(Flaw::at(place.key("password"), "a secret is missing").with_help(help));
            }
            let host = servers.first().map(|server| server.at().host().to_owned());
            trunk::Account {
                user: account.user.clone(),
                password: account.password.clone(),
                realm: account.realm.clone().or(host).unwrap_or_default(),
            }
        });
        let payload_type = self.payload_type(place, sink, Some(Encoding::Pcmu));
        (!servers.is_empty()).then_some(Siprec { servers, account, payload_type })
    }
}
