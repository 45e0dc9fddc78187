//! Headers that cross a call or are made for a trunk: a list of what passes, and rules that add, set and remove.

use std::str::FromStr;

/// Longest header value that passes or is made, in bytes; a longer one is left out.
const LONGEST_VALUE: usize = 1_024;
/// Most headers that pass from one leg to the other.
const MOST_PASSED: usize = 32;

/// Headers that no rule and no list may touch: they are the protocol's, and a wrong one breaks the call or opens it to others.
const PROTOCOL: [&str; 63] = [
    "Accept",
    "Accept-Contact",
    "Accept-Encoding",
    "Allow",
    "Allow-Events",
    "Authentication-Info",
    "Authorization",
    "Call-ID",
    "Contact",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Language",
    "Content-Length",
    "Content-Type",
    "CSeq",
    "Date",
    "Diversion",
    "Event",
    "Expires",
    "Flow-Timer",
    "From",
    "History-Info",
    "Identity",
    "Info-Package",
    "Join",
    "Max-Breadth",
    "Max-Forwards",
    "MIME-Version",
    "Min-Expires",
    "Min-SE",
    "P-Asserted-Identity",
    "P-Preferred-Identity",
    "Path",
    "Permission-Missing",
    "Privacy",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Require",
    "RAck",
    "Reason",
    "Record-Route",
    "Recv-Info",
    "Refer-To",
    "Referred-By",
    "Reject-Contact",
    "Replaces",
    "Request-Disposition",
    "Require",
    "Retry-After",
    "Route",
    "RSeq",
    "Security-Client",
    "Security-Server",
    "Security-Verify",
    "Server",
    "Service-Route",
    "Session-Expires",
    "Subscription-State",
    "Supported",
    "To",
    "Unsupported",
    "User-Agent",
    "Via",
];

/// Which headers of a caller's INVITE pass to the other leg, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameRule {
    name: String,
    is_prefix: bool,
}

/// A change of the headers of an INVITE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderRule {
    /// One more of this name.
    Add(String, String),
    /// This one, and no other of the name.
    Set(String, String),
    /// None of this name.
    Remove(String),
}

/// Why a header rule is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderRuleError {
    /// Not a name.
    #[error("`{0}` is not the name of a header")]
    NotName(String),
    /// A header of the protocol.
    #[error("`{0}` is a header of the protocol, which no rule may touch")]
    Protocol(String),
    /// A value that cannot stand in a header.
    #[error("the value of `{0}` is too long or holds a control character")]
    Value(String),
}

/// What passes and what is changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    /// Headers of the other leg's INVITE that pass.
    pub pass: Vec<NameRule>,
    /// Changes, in their order.
    pub rules: Vec<HeaderRule>,
}

/// What a placeholder in a rule's value stands for.
#[derive(Clone, Copy, Debug)]
pub struct Placeholders<'a> {
    /// `{number}`: the number that is called.
    pub number: &'a str,
    /// `{caller}`: the caller's number, empty when it is withheld.
    pub caller: &'a str,
    /// `{trunk}`: the trunk's name.
    pub trunk: &'a str,
}

impl FromStr for NameRule {
    type Err = HeaderRuleError;

    /// `User-to-User`, or every name that begins like `X-*`.
    fn from_str(text: &str) -> Result<NameRule, HeaderRuleError> {
        let name = text.strip_suffix('*').unwrap_or(text);
        let is_prefix = name.len() < text.len();
        // A short prefix could hold headers of the protocol that nobody thought of.
        if is_prefix && !name.to_ascii_lowercase().starts_with("x-") && !name.starts_with("P-") {
            return Err(HeaderRuleError::NotName(text.to_owned()));
        }
        check_name(name)?;
        Ok(NameRule { name: name.to_owned(), is_prefix })
    }
}

impl NameRule {
    fn holds(&self, name: &str) -> bool {
        if self.is_prefix {
            let front = name.get(..self.name.len());
            return front.is_some_and(|front| front.eq_ignore_ascii_case(&self.name));
        }
        name.eq_ignore_ascii_case(&self.name)
    }
}

impl HeaderRule {
    /// One more header; see [`Placeholders`] for what `value` may hold.
    ///
    /// # Errors
    /// When the name is the protocol's or no name, or the value cannot stand in a header.
    pub fn add(name: &str, value: &str) -> Result<HeaderRule, HeaderRuleError> {
        check_name(name)?;
        check_value(name, value)?;
        Ok(HeaderRule::Add(name.to_owned(), value.to_owned()))
    }

    /// This header in place of all of its name.
    ///
    /// # Errors
    /// As [`HeaderRule::add`].
    pub fn set(name: &str, value: &str) -> Result<HeaderRule, HeaderRuleError> {
        check_name(name)?;
        check_value(name, value)?;
        Ok(HeaderRule::Set(name.to_owned(), value.to_owned()))
    }

    /// No header of this name.
    ///
    /// # Errors
    /// When the name is the protocol's or no name.
    pub fn remove(name: &str) -> Result<HeaderRule, HeaderRuleError> {
        check_name(name)?;
        Ok(HeaderRule::Remove(name.to_owned()))
    }
}

impl Headers {
    /// Whether a header of the other leg passes.
    pub fn passes(&self, name: &str) -> bool {
        !is_protocol(name) && self.pass.iter().any(|rule| rule.holds(name))
    }

    /// The headers of an INVITE: those of `passed` that pass, changed by the rules in their order.
    pub fn made_of(
        &self,
        passed: &[(String, String)],
        placeholders: Placeholders<'_>,
    ) -> Vec<(String, String)> {
        let mut headers: Vec<(String, String)> = passed
            .iter()
            .filter(|(name, value)| self.passes(name) && value.len() <= LONGEST_VALUE)
            .take(MOST_PASSED)
            .cloned()
            .collect();
        for rule in &self.rules {
            let (name, value, replaces) = match rule {
                HeaderRule::Add(name, value) => (name, Some(value), false),
                HeaderRule::Set(name, value) => (name, Some(value), true),
                HeaderRule::Remove(name) => (name, None, true),
            };
            if replaces {
                headers.retain(|(present, _)| !present.eq_ignore_ascii_case(name));
            }
            let filled = value.map(|value| placeholders.fill(value));
            // A caller's number may hold what was escaped in its URI.
            if let Some(filled) = filled.filter(|filled| check_value(name, filled).is_ok()) {
                headers.push((name.clone(), filled));
            }
        }
        headers
    }
}

impl Placeholders<'_> {
    /// The value with its placeholders filled, each once: what a caller's number holds is never filled again.
    fn fill(&self, value: &str) -> String {
        let mut filled = String::new();
        let mut rest = value;
        while let Some((before, after)) = rest.split_once('{') {
            filled += before;
            let known =
                [("number}", self.number), ("caller}", self.caller), ("trunk}", self.trunk)];
            match known.iter().find_map(|(name, with)| Some((after.strip_prefix(name)?, *with))) {
                Some((tail, with)) => {
                    filled += with;
                    rest = tail;
                }
                None => {
                    filled.push('{');
                    rest = after;
                }
            }
        }
        filled + rest
    }
}

fn check_name(name: &str) -> Result<(), HeaderRuleError> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte);
    // Compact forms are names of headers of the protocol, and nobody's own.
    if name.len() < 2 || name.len() > 64 || !name.bytes().all(is_token) {
        return Err(HeaderRuleError::NotName(name.to_owned()));
    }
    if is_protocol(name) { Err(HeaderRuleError::Protocol(name.to_owned())) } else { Ok(()) }
}

fn check_value(name: &str, value: &str) -> Result<(), HeaderRuleError> {
    if value.len() > LONGEST_VALUE || value.chars().any(char::is_control) {
        return Err(HeaderRuleError::Value(name.to_owned()));
    }
    Ok(())
}

pub(super) fn is_protocol(name: &str) -> bool {
    name.len() < 2 || PROTOCOL.iter().any(|known| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACES: Placeholders<'_> = Placeholders { number: "+4930", caller: "100", trunk: "acme" };

    fn owned(headers: &[(&str, &str)]) -> Vec<(String, String)> {
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn only_what_the_list_names_passes_and_never_a_header_of_the_protocol() {
        let pass = ["X-*", "User-to-User"].map(|name| name.parse().expect("a rule"));
        let headers = Headers { pass: pass.into(), rules: Vec::new() };
        let offered = owned(&[
            ("x-customer", "7"),
            ("User-to-User", "56a1;encoding=hex"),
            ("Via", "SIP/2.0/UDP evil"),
            ("P-Charge-Info", "1"),
            ("x", "90"),
            ("X-Long", &"y".repeat(2_000)),
        ]);
        let expected = owned(&[("x-customer", "7"), ("User-to-User", "56a1;encoding=hex")]);
        assert_eq!(headers.made_of(&offered, PLACES), expected);
        assert!(Headers::default().made_of(&offered, PLACES).is_empty());
    }

    #[test]
    fn rules_add_set_and_remove_in_their_order() {
        let rules = vec![
            HeaderRule::remove("X-Old").expect("a rule"),
            HeaderRule::set("X-Tenant", "{trunk}/{caller}").expect("a rule"),
            HeaderRule::add("X-Tenant", "{number} {nothing} {").expect("a rule"),
        ];
        let headers = Headers { pass: vec!["X-*".parse().expect("a rule")], rules };
        let offered = owned(&[("X-OLD", "1"), ("X-Tenant", "2"), ("X-Other", "3")]);
        let expected =
            owned(&[("X-Other", "3"), ("X-Tenant", "acme/100"), ("X-Tenant", "+4930 {nothing} {")]);
        assert_eq!(headers.made_of(&offered, PLACES), expected);
    }

    #[test]
    fn what_a_caller_calls_itself_is_no_placeholder() {
        let places = Placeholders { caller: "{number}{trunk}", ..PLACES };
        let headers = Headers {
            rules: vec![HeaderRule::add("X-A", "{caller}").expect("a rule")],
            pass: vec![],
        };
        assert_eq!(headers.made_of(&[], places), owned(&[("X-A", "{number}{trunk}")]));
        for caller in ["1\r\nVia: x", "1\u{b}2", &"1".repeat(2_000)] {
            let places = Placeholders { caller, ..PLACES };
            assert!(headers.made_of(&[], places).is_empty(), "{caller:?}");
        }
    }

    #[test]
    fn a_rule_for_a_header_of_the_protocol_or_for_none_is_refused() {
        for name in PROTOCOL.into_iter().chain(["", "v", "f", "X Y", "X:Y", "Vi\u{e4}"]) {
            assert!(HeaderRule::add(name, "1").is_err(), "{name}");
            assert!(HeaderRule::remove(name).is_err(), "{name}");
            assert!(name.parse::<NameRule>().is_err(), "{name}");
        }
        for prefix in ["*", "C*", "Con*"] {
            assert!(prefix.parse::<NameRule>().is_err(), "{prefix}");
        }
        assert!(HeaderRule::set("X-A", "1\r\nVia: x").is_err());
    }
}
