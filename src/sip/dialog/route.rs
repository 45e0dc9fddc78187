//! Route sets, RFC 3261 §12.1 and §12.2.1.1, and the addresses that URIs name literally.

use std::borrow::Cow;

use crate::sip::{Address, Flow, Headers, Transport, Uri};

/// The proxies that requests of a dialog go through, each as a Route writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteSet(Vec<String>);

impl RouteSet {
    /// Of a request that opens a dialog with us.
    pub(super) fn in_order(headers: &Headers) -> Self {
        RouteSet(headers.record_route().into_iter().map(str::to_owned).collect())
    }

    /// Of a response that opens a dialog of ours.
    pub(super) fn reversed(headers: &Headers) -> Self {
        RouteSet(headers.record_route().into_iter().rev().map(str::to_owned).collect())
    }

    /// Of a request that opens a dialog of ours through proxies that we were told of: a Path, an outbound proxy (RFC 3261 §8.1.2,
    /// RFC 3327 §5.1).
    pub fn preloaded(routes: &[String]) -> Self {
        RouteSet(routes.to_vec())
    }

    /// The URI of the first proxy.
    pub(super) fn first(&self) -> Option<&str> {
        Address::parse(self.0.first()?).ok().map(|address| address.uri)
    }

    /// The Request-URI and the Route headers of a request to `target`. A first proxy without `lr` routes strictly: it wants to
    /// be the Request-URI itself and finds the target at the end.
    pub fn apply<'a>(&'a self, target: &'a str) -> (&'a str, Vec<Cow<'a, str>>) {
        let all = self.0.iter().map(|route| Cow::Borrowed(route.as_str()));
        let strict = self.first().filter(|first| {
            Uri::parse(first).is_ok_and(|uri| uri.is_sip() && uri.param("lr").is_none())
        });
        match strict {
            None => (target, all.collect()),
            Some(first) => {
                let rest = all.skip(1).chain([Cow::Owned(format!("<{target}>"))]);
                (first, rest.collect())
            }
        }
    }
}

/// The flow to the address that `uri` names, when it names one literally. RFC 3263 §4.1: without a transport parameter a literal
/// address means UDP, and TLS for a `sips:` URI.
pub(super) fn literal_flow(uri: &str, from: &Flow) -> Option<Flow> {
    let uri = Uri::parse(uri).ok()?;
    let named = match uri.param("transport") {
        Some(_) => Some(uri.transport()?),
        None => None,
    };
    let transport = match uri.is_sips() {
        true => named.unwrap_or(Transport::Tcp).secured()?,
        false => named.unwrap_or(Transport::Udp),
    };
    let remote = uri.socket_addr(transport.default_port())?;
    Some(Flow { transport, local: from.local, remote, connection: None })
}

/// The flow to dial for `uri` in place of a connection that is gone. A URI that names no transport is taken to mean the one that its
/// owner was just seen to speak.
pub(super) fn dialled_flow(uri: &str, gone: &Flow) -> Option<Flow> {
    let parsed = Uri::parse(uri).ok()?;
    let transport = match parsed.param("transport") {
        Some(_) => parsed.transport()?,
        None => gone.transport,
    };
    let is_dialable = transport == gone.transport && !transport.is_websocket();
    let remote = parsed.socket_addr(transport.default_port()).filter(|_| is_dialable)?;
    Some(Flow { remote, connection: None, ..*gone })
}
