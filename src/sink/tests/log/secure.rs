//! A log inside TLS: by the address that was judged, and held to the name that led there.

use super::super::bench::Bench;
use super::super::reaching::{asking, authority, issue, nameserver};
use super::server::{Server, nats, sink};
use crate::call::SinkEvent;
use crate::event::Cause;
use crate::sink::{Failure, Settings};

#[tokio::test]
async fn a_certificate_has_to_be_for_the_host_of_the_url_though_an_address_is_dialled() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let (issuer, ca) = authority();
    let (certificate, key) = issue(&issuer, "log.test");
    for (name, text) in
        [("ca.pem", ca.pem()), ("cert.pem", certificate.pem()), ("key.pem", key.serialize_pem())]
    {
        std::fs::write(path(name), text).expect("written");
    }
    let tls =
        format!("tls {{ cert_file: {:?}, key_file: {:?} }}", path("cert.pem"), path("key.pem"));
    let server = Server::start(&tls).await;
    let (dns, _) = nameserver(&[&[[127, 0, 0, 1]]]).await;
    let at = |host: &str, trusts: bool| -> Settings {
        let mut settings = sink(&server);
        let log = nats(&mut settings);
        log.urls = vec![format!("tls://{host}:{}", server.port).parse().expect("a URL")];
        log.extra_ca = trusts.then(|| path("ca.pem"));
        settings
    };
    let mut bench = Bench::reaching(vec![at("log.test", true)], asking(dns, "127.0.0.1"));
    let mut fed = bench.open("asr");
    fed.feed(50);
    bench.until(fed.stream, |event| matches!(event, SinkEvent::Flowing { .. })).await;
    for wrong in [at("other.test", true), at("log.test", false)] {
        let mut bench = Bench::reaching(vec![wrong], asking(dns, "127.0.0.1"));
        let fed = bench.open("asr");
        assert_eq!(bench.finished(fed.stream).await.cause, Cause::ConnectFailed);
        let failures = &bench.handle.pools()[0].connect_failures;
        let tls = failures.iter().find(|(failure, _)| *failure == Failure::Tls);
        assert!(tls.is_some_and(|(_, count)| *count > 0), "{failures:?}");
    }
    // An address that is not allowed is not dialled, whatever the name.
    let mut bench = Bench::reaching(vec![at("log.test", true)], asking(dns, "10.0.0.0/8"));
    let fed = bench.open("asr");
    assert_eq!(bench.finished(fed.stream).await.cause, Cause::ConnectFailed);
    let shown = bench.handle.pools()[0].places[0].last_failure.clone().unwrap_or_default();
    assert!(shown.contains("not in the list of allowed destinations"), "{shown}");
}
