//! Registration at a server that is a socket and a text.

use super::*;

pub(super) fn config_at(server: SocketAddr) -> PhoneConfig {
    PhoneConfig {
        server,
        transport: Transport::Udp,
        user: "1000".to_owned(),
        password: "secret".to_owned(),
        local: server.ip(),
    }
}

/// Answers one datagram after the other with the response that `answer` makes of it.
pub(super) async fn raw_server(
    answers: usize,
    answer: impl Fn(&str, usize) -> String + Send + 'static,
) -> SocketAddr {
    let socket = tokio::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a socket");
    let address = socket.local_addr().expect("an address");
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        for count in 0..answers {
            let (length, from) = socket.recv_from(&mut buffer).await.expect("a datagram");
            let request = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let copied: String = request
                .split_inclusive("\r\n")
                .filter(|line| {
                    ["Via:", "From:", "To:", "Call-ID:", "CSeq:"]
                        .iter()
                        .any(|name| line.starts_with(name))
                })
                .collect();
            let response = answer(&request, count).replace("COPIED\r\n", &copied);
            socket.send_to(response.as_bytes(), from).await.expect("sent");
        }
    });
    address
}

#[tokio::test]
async fn a_registration_answers_the_challenge_once_and_reads_the_expiry() {
    let server = raw_server(2, |request, count| {
        if count == 0 {
            assert!(!request.contains("Authorization:"), "{request}");
            return "SIP/2.0 401 Unauthorized\r\nCOPIED\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\", \
                algorithm=SHA-256, qop=\"auth\"\r\nContent-Length: 0\r\n\r\n"
                .to_owned();
        }
        assert!(request.contains("CSeq: 2 REGISTER\r\n"), "{request}");
        assert!(request.contains("username=\"1000\", realm=\"r\", nonce=\"n\""), "{request}");
        assert!(request.contains("algorithm=SHA-256, qop=auth, nc=00000001, cnonce="), "{request}");
        "SIP/2.0 200 OK\r\nCOPIED\r\nContact: <sip:1000@127.0.0.1>;expires=120\r\nContent-Length: 0\r\n\r\n".to_owned()
    })
    .await;
    let phone = Phone::bind(config_at(server)).await.expect("a socket");
    let registration = phone.register().await.expect("registered");
    assert_eq!(registration.expires, Duration::from_secs(120));
}

#[tokio::test]
async fn a_registration_that_is_refused_says_with_what() {
    let server = raw_server(1, |_, _| {
        "SIP/2.0 403 Forbidden\r\nCOPIED\r\nContent-Length: 0\r\n\r\n".to_owned()
    })
    .await;
    let phone = Phone::bind(config_at(server)).await.expect("a socket");
    let refused = phone.register().await.err();
    assert!(
        matches!(&refused, Some(PhoneError::Rejected { status: 403, reason, .. }) if reason == "Forbidden"),
        "{refused:?}"
    );
}
