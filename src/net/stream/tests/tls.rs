//! TLS: who is believed, by both sides.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::net::tls::{CertificateFiles, ClientCertificates};

/// An authority with a directory for its files.
pub(super) struct Authority {
    directory: TempDir,
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

/// A certificate and its key, as a client holds them.
pub(super) type Pair = (CertificateDer<'static>, PrivateKeyDer<'static>);

impl Authority {
    pub(super) fn new() -> Authority {
        let key = KeyPair::generate().expect("chance");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate");
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("ca.pem"), certificate.pem()).expect("written");
        Authority { directory, issuer: Issuer::new(params, key), certificate }
    }

    pub(super) fn ca(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// Issues a certificate for `names` and leaves it in files called `file`.
    pub(super) fn issue(&self, file: &str, names: &[&str]) -> (CertificateFiles, Pair) {
        let key = KeyPair::generate().expect("chance");
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let params = CertificateParams::new(names).expect("names");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let path = |end: &str| self.directory.path().join(format!("{file}{end}"));
        let files = CertificateFiles { certificate: path(".pem"), key: path("-key.pem") };
        std::fs::write(&files.certificate, certificate.pem()).expect("written");
        std::fs::write(&files.key, key.serialize_pem()).expect("written");
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        (files, (certificate.der().clone(), key))
    }

    /// A client that believes this authority.
    fn client(&self, own: Option<Pair>) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).expect("an authority");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
        let config = match own {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                builder.with_client_auth_cert(vec![certificate], key).expect("a pair")
            }
        };
        TlsConnector::from(Arc::new(config))
    }
}

pub(super) fn plan(certificates: Vec<CertificateFiles>) -> Plan {
    let plan = Plan::over(Transport::Tls);
    Plan { tls: TlsSettings { certificates, ..plan.tls.clone() }, ..plan }
}

async fn secure(
    bench: &Bench,
    client: &TlsConnector,
    name: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    client.connect(name, bench.connect().await).await
}

fn certificate_of(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().expect("one is shown")[0].clone().into_owned()
}

/// Talks over a connection: a message there, an answer back.
async fn assert_talks(bench: &mut Bench, peer: &mut TlsStream<TcpStream>) -> Flow {
    peer.write_all(OPTIONS).await.expect("open");
    let (flow, bytes) = bench.next_message().await;
    assert_eq!((bytes.as_ref(), flow.transport), (OPTIONS, Transport::Tls));
    bench.connections.send(flow, Bytes::from_static(b"answer")).expect("open");
    assert_eq!(read_some(peer).await, b"answer");
    flow
}

#[tokio::test]
async fn a_client_gets_the_certificate_of_the_server_it_names_and_otherwise_the_first() {
    let authority = Authority::new();
    let (first, a) = authority.issue("a", &["a.example", "127.0.0.1"]);
    let (second, b) = authority.issue("b", &["*.b.example"]);
    let mut bench = plan(vec![first, second]).start();
    let client = authority.client(None);
    for (name, expected) in [("a.example", &a), ("sip.b.example", &b), ("127.0.0.1", &a)] {
        let mut peer = secure(&bench, &client, name).await.expect("the certificate fits");
        assert_eq!(certificate_of(&peer), expected.0, "{name}");
        assert_talks(&mut bench, &mut peer).await;
    }
    assert!(secure(&bench, &client, "c.example").await.is_err(), "it is nobody here");
}

#[tokio::test]
async fn a_client_certificate_is_required_optional_or_not_asked_for() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let (files, _) = authority.issue("server", &["a.example"]);
    let ca = authority.ca();
    let known = || Some(authority.issue("phone", &["phone.example"]).1);
    let unknown = || Some(stranger.issue("phone", &["phone.example"]).1);
    let required = ClientCertificates::Required { ca: ca.clone() };
    let optional = ClientCertificates::Optional { ca };
    for (asked, own, talks) in [
        (ClientCertificates::Off, None, true),
        (ClientCertificates::Off, unknown(), true),
        (optional.clone(), None, true),
        (optional.clone(), known(), true),
        (optional, unknown(), false),
        (required.clone(), None, false),
        (required.clone(), known(), true),
        (required, unknown(), false),
    ] {
        let mut plan = plan(vec![files.clone()]);
        plan.tls.client_certificates = asked;
        let mut bench = plan.start();
        let client = authority.client(own);
        // TLS 1.3: the client hears of the refusal when it reads.
        let mut peer = secure(&bench, &client, "a.example").await.expect("the server is known");
        if talks {
            assert_talks(&mut bench, &mut peer).await;
        } else {
            let _ = peer.write_all(OPTIONS).await;
            assert_eq!(read_some(&mut peer).await, b"");
            assert_eq!(bench.counters.tls_failed.read(), 1);
            assert!(bench.inbound.try_recv().is_err(), "nothing of it reaches the driver");
        }
    }
}

#[tokio::test]
async fn new_certificates_are_taken_up_and_open_connections_stay() {
    let authority = Authority::new();
    let (files, old) = authority.issue("server", &["a.example"]);
    let mut bench = plan(vec![files]).start();
    let client = authority.client(None);
    let mut early = secure(&bench, &client, "a.example").await.expect("fits");
    assert_eq!(certificate_of(&early), old.0);
    assert_talks(&mut bench, &mut early).await;

    let (_, new) = authority.issue("server", &["a.example"]);
    bench.renew.notify_one();
    until(|| bench.counters.tls_reloads.read() == 1).await;
    let mut late = secure(&bench, &client, "a.example").await.expect("fits");
    assert_eq!(certificate_of(&late), new.0);
    assert_talks(&mut bench, &mut late).await;
    assert_talks(&mut bench, &mut early).await;
}

#[tokio::test]
async fn broken_foreign_and_expired_certificates_change_nothing() {
    let authority = Authority::new();
    let (files, old) = authority.issue("server", &["a.example"]);
    let mut bench = plan(vec![files.clone()]).start();
    let client = authority.client(None);
    let key = std::fs::read(&files.key).expect("there");
    let expired = {
        let mut params = CertificateParams::new(vec!["a.example".to_owned()]).expect("a name");
        params.not_after = rcgen::date_time_ymd(2001, 1, 1);
        let own = KeyPair::generate().expect("chance");
        (params.signed_by(&own, &authority.issuer).expect("signed").pem(), own.serialize_pem())
    };
    let foreign = authority.issue("other", &["a.example"]).0;
    let foreign = std::fs::read_to_string(foreign.certificate).expect("there");
    let broken = "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n".to_owned();
    for (number, (certificate, key)) in
        (1..).zip([(broken, key.clone()), (foreign, key), (expired.0, expired.1.into_bytes())])
    {
        std::fs::write(&files.certificate, certificate).expect("written");
        std::fs::write(&files.key, key).expect("written");
        bench.renew.notify_one();
        until(|| bench.counters.tls_reload_failed.read() == number).await;
        let mut peer = secure(&bench, &client, "a.example").await.expect("fits");
        assert_eq!(certificate_of(&peer), old.0);
        assert_talks(&mut bench, &mut peer).await;
    }
    assert_eq!(bench.counters.tls_reloads.read(), 0);
}

#[tokio::test]
async fn a_changed_file_is_found_without_being_asked() {
    let authority = Authority::new();
    let (files, _) = authority.issue("server", &["a.example"]);
    let mut plan = plan(vec![files]);
    plan.tls.look_every = Duration::from_millis(20);
    let bench = plan.start();
    authority.issue("server", &["a.example", "and.longer.by.a.name.example"]);
    until(|| bench.counters.tls_reloads.read() >= 1).await;
}

#[tokio::test]
async fn a_server_that_we_dial_has_to_be_whom_we_looked_up() {
    let authority = Authority::new();
    let (files, _) = authority.issue("server", &["a.example"]);
    let mut far = plan(vec![files]).start();
    let mut near = Plan::over(Transport::Tls);
    near.tls.trusted_ca = Some(authority.ca());
    let mut near = near.start();
    let (local, remote) = (near.address, far.address);
    let flow = Flow { transport: Transport::Tls, local, remote, connection: None };
    for (name, fits) in [(None, false), (Some("b.example"), false), (Some("a.example"), true)] {
        if let Some(name) = name {
            near.names.learn(remote, name);
        }
        near.connections.send(flow, Bytes::from_static(OPTIONS)).expect("dialling");
        if fits {
            assert_eq!(far.next_message().await.1, OPTIONS);
        } else {
            let Inbound::DialFailed { flow: failed } = near.next().await else {
                panic!("{name:?} must not fit")
            };
            near.connections.remove(&failed);
        }
    }
    // A connection is for whom it was dialled: another name at the same address gets one of its own.
    near.names.learn(remote, "b.example");
    near.connections.send(flow, Bytes::from_static(OPTIONS)).expect("dialling");
    assert!(matches!(near.next().await, Inbound::DialFailed { .. }));
}

#[tokio::test]
async fn a_server_is_heard_and_dialled_over_ipv6() {
    let authority = Authority::new();
    let (files, _) = authority.issue("server", &["a.example", "::1"]);
    let address = SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, 0));
    let mut far = Plan { address, ..plan(vec![files]) }.start();
    let mut peer = secure(&far, &authority.client(None), "a.example").await.expect("fits");
    let flow = assert_talks(&mut far, &mut peer).await;
    assert!(flow.local.is_ipv6() && flow.remote.is_ipv6(), "{flow:?}");

    let mut near = Plan { address, ..Plan::over(Transport::Tls) };
    near.tls.trusted_ca = Some(authority.ca());
    let mut near = near.start();
    let (local, remote) = (near.address, far.address);
    let flow = Flow { transport: Transport::Tls, local, remote, connection: None };
    // Nobody gave it a name: the certificate is for its address.
    near.connections.send(flow, Bytes::from_static(OPTIONS)).expect("dialling");
    let (heard, bytes) = far.next_message().await;
    assert_eq!(bytes, OPTIONS);
    far.connections.send(heard, Bytes::from_static(OPTIONS)).expect("open");
    assert_eq!(near.next_message().await.0.remote, remote);
    // And for no other name.
    near.names.learn(remote, "b.example");
    near.connections.send(flow, Bytes::from_static(OPTIONS)).expect("dialling");
    assert!(matches!(near.next().await, Inbound::DialFailed { .. }));
}

#[tokio::test]
async fn our_own_certificate_is_shown_to_a_server_that_asks() {
    let authority = Authority::new();
    let (files, _) = authority.issue("server", &["127.0.0.1"]);
    let (own, _) = authority.issue("own", &["sidestream.example"]);
    let mut far = plan(vec![files]);
    far.tls.client_certificates = ClientCertificates::Required { ca: authority.ca() };
    let mut far = far.start();
    let mut near = Plan::over(Transport::Tls);
    near.tls.trusted_ca = Some(authority.ca());
    near.tls.own_certificate = Some(own);
    let mut near = near.start();
    let (local, remote) = (near.address, far.address);
    let flow = Flow { transport: Transport::Tls, local, remote, connection: None };
    near.connections.send(flow, Bytes::from_static(OPTIONS)).expect("dialling");
    assert_eq!(far.next_message().await.1, OPTIONS);
}

/// RFC 5923: a peer that asks for it and proves its name is reached over its own connection, and nobody else is.
#[tokio::test]
async fn a_connection_is_used_towards_its_peer_when_the_certificate_is_for_the_name_in_its_via() {
    let authority = Authority::new();
    let (files, _) = authority.issue("server", &["a.example"]);
    for (via, is_alias) in [
        ("proxy.example:5071;branch=z9hG4bK1;alias", true),
        ("proxy.example:5071;branch=z9hG4bK1", false),
        ("other.example:5071;branch=z9hG4bK1;alias", false),
    ] {
        let mut plan = plan(vec![files.clone()]);
        plan.tls.client_certificates = ClientCertificates::Optional { ca: authority.ca() };
        let mut bench = plan.start();
        let own = authority.issue("proxy", &["proxy.example"]).1;
        let client = authority.client(Some(own));
        let mut peer = secure(&bench, &client, "a.example").await.expect("fits");
        let request = String::from_utf8_lossy(OPTIONS).replace("127.0.0.1;branch=z9hG4bK1", via);
        peer.write_all(request.as_bytes()).await.expect("open");
        let (flow, _) = bench.next_message().await;
        let remote: SocketAddr = "127.0.0.1:5071".parse().expect("an address");
        bench.names.learn(remote, "proxy.example");
        let asked_for = Flow { remote, connection: None, ..flow };
        bench.connections.send(asked_for, Bytes::from_static(b"request")).expect("taken");
        if is_alias {
            assert_eq!(read_some(&mut peer).await, b"request");
            assert_eq!(bench.connections.remove(&flow), Some(asked_for));
        } else {
            assert!(matches!(bench.next().await, Inbound::DialFailed { .. }), "{via}");
        }
    }
}

#[tokio::test]
async fn a_handshake_that_does_not_come_to_an_end_is_closed() {
    let authority = Authority::new();
    let (files, _) = authority.issue("server", &["a.example"]);
    let mut plan = plan(vec![files]);
    plan.limits.handshake_time = Duration::from_millis(80);
    let bench = plan.start();
    let mut mute = bench.connect().await;
    assert_eq!(read_some(&mut mute).await, b"");
    assert_eq!(bench.counters.tcp_closed_slow.read(), 1);
    // And plain SIP on a port for TLS.
    let mut plain = bench.connect().await;
    plain.write_all(OPTIONS).await.expect("open");
    until(|| bench.counters.tls_failed.read() == 1).await;
}

/// Waits until something is so that happens in another task.
async fn until(holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("it becomes so");
}
