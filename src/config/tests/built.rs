use super::*;
use crate::sink::Kind;

#[test]
fn peers_are_told_what_is_advertised_else_what_was_bound() {
    let text = format!("{LEAST}[sip]\nlisten = [\"udp:127.0.0.1:0\"]\n");
    let bound = vec![Listener {
        transport: crate::sip::Transport::Udp,
        address: "127.0.0.1:33333".parse().unwrap(),
    }];
    let mut plain = read(&text, &[]).unwrap();
    plain.set_bound(bound.clone());
    assert_eq!((plain.listen.clone(), plain.switch.listeners), (bound.clone(), bound.clone()));
    let mut behind_nat =
        read(&format!("{text}advertise = [\"udp:192.0.2.7:5060\"]\n"), &[]).unwrap();
    behind_nat.set_bound(bound);
    assert_eq!(behind_nat.switch.listeners[0].address, "192.0.2.7:5060".parse().unwrap());
}

#[test]
fn a_development_server_is_on_loopback_with_credentials_that_nobody_knows() {
    let (one, two) = (
        development(DevelopmentPorts::default()),
        development(DevelopmentPorts { sip: 0, http: 0 }),
    );
    assert_ne!((&one.password, &one.key), (&two.password, &two.key));
    assert_eq!((one.password.len(), one.key.len()), (11, 29));
    assert_eq!((one.phones.first().map(String::as_str), one.phones.len()), (Some("1000"), 10));
    let config = &two.config;
    assert!(
        config
            .listen
            .iter()
            .all(|listener| listener.address.ip().is_loopback() && listener.address.port() == 0)
    );
    assert!(config.http.listen.ip().is_loopback());
    assert!(config.switch.call.media_addresses.iter().all(|address| address.bind.is_loopback()));
    assert!(matches!(config.sinks[0].kind, Kind::Scope));
    assert_eq!(config.http.tokens[0].secret.reveal(), two.key);
    assert!(!format!("{two:?}").contains(&two.password));
}
