//! Digest answers of a client, RFC 7616 and RFC 8760: MD5 and SHA-256, qop `auth`. Written here because `rsip` names
//! SHA-256 in a way that no server understands.

use md5::Md5;
use sha2::{Digest, Sha256};

/// Who answers a challenge.
#[derive(Clone, Copy, Debug)]
pub(super) struct Credentials<'a> {
    pub(super) user: &'a str,
    pub(super) password: &'a str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Md5,
    Sha256,
}

impl Algorithm {
    fn named(name: &str) -> Option<Algorithm> {
        match name {
            name if name.eq_ignore_ascii_case("MD5") => Some(Algorithm::Md5),
            name if name.eq_ignore_ascii_case("SHA-256") => Some(Algorithm::Sha256),
            _ => None,
        }
    }

    fn hash(self, text: &str) -> String {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        match self {
            Algorithm::Md5 => hex(&Md5::digest(text)),
            Algorithm::Sha256 => hex(&Sha256::digest(text)),
        }
    }
}

/// The value of an Authorization header that answers the first challenge of a known algorithm, so the server's order of
/// preference holds (RFC 8760 §2.4). `None` when no challenge can be answered.
pub(super) fn answer(
    challenges: &[String],
    credentials: Credentials<'_>,
    method: &str,
    uri: &str,
    cnonce: &str,
) -> Option<String> {
    challenges.iter().find_map(|challenge| answer_one(challenge, credentials, method, uri, cnonce))
}

fn answer_one(
    challenge: &str,
    who: Credentials<'_>,
    method: &str,
    uri: &str,
    cnonce: &str,
) -> Option<String> {
    let parameters = parameters(challenge.trim().strip_prefix("Digest ")?);
    let of = |name: &str| {
        parameters
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, text)| text.as_str())
    };
    let (realm, nonce) = (of("realm")?, of("nonce")?);
    let named = of("algorithm").unwrap_or("MD5");
    let algorithm = Algorithm::named(named)?;
    let qop = match of("qop") {
        Some(offered) => {
            Some(offered.split(',').map(str::trim).find(|word| word.eq_ignore_ascii_case("auth"))?)
        }
        None => None,
    };
    let ha1 = algorithm.hash(&format!("{}:{realm}:{}", who.user, who.password));
    let ha2 = algorithm.hash(&format!("{method}:{uri}"));
    let response = match qop {
        Some(_) => algorithm.hash(&format!("{ha1}:{nonce}:00000001:{cnonce}:auth:{ha2}")),
        None => algorithm.hash(&format!("{ha1}:{nonce}:{ha2}")),
    };
    let mut header = format!(
        "Digest username=\"{}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\", algorithm={named}",
        who.user
    );
    if qop.is_some() {
        header.push_str(&format!(", qop=auth, nc=00000001, cnonce=\"{cnonce}\""));
    }
    if let Some(opaque) = of("opaque") {
        header.push_str(&format!(", opaque=\"{opaque}\""));
    }
    Some(header)
}

/// `name=value` pairs; a comma inside quotes does not part them.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut quoted = false;
    let pairs = text.split(|character: char| {
        quoted ^= character == '"';
        character == ',' && !quoted
    });
    let pair = |text: &str| {
        let (name, value) = text.split_once('=')?;
        Some((name.trim().to_owned(), value.trim().trim_matches('"').to_owned()))
    };
    pairs.filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7616 §3.9.1: the same request answered with both algorithms.
    #[test]
    fn the_examples_of_rfc_7616_come_out() {
        let who = Credentials { user: "Mufasa", password: "Circle of Life" };
        let cases = [
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ];
        for (algorithm, response) in cases {
            let challenge = format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
                 nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            );
            let header = answer(
                &[challenge],
                who,
                "GET",
                "/dir/index.html",
                "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            )
            .expect("a challenge that can be answered");
            assert!(header.contains(&format!("response=\"{response}\"")), "{header}");
            assert!(
                header.contains("opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""),
                "{header}"
            );
        }
    }

    #[test]
    fn an_unknown_algorithm_is_passed_over_for_the_next_challenge() {
        let challenges = ["SHA-512-256", "MD5"]
            .map(|name| format!("Digest realm=\"r\", nonce=\"n\", algorithm={name}, qop=\"auth\""));
        let who = Credentials { user: "u", password: "p" };
        let header = answer(&challenges, who, "INVITE", "sip:x", "c").expect("an answer");
        assert!(header.contains("algorithm=MD5"), "{header}");
        assert!(answer(&challenges[..1], who, "INVITE", "sip:x", "c").is_none());
    }
}
