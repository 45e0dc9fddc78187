//! Who calls, as one side told it and as the other may know it: RFC 3323, RFC 3325, RFC 5806, RFC 7044.

use super::headers::is_protocol;
use super::line::address;
use crate::sip::{Address, Request, Uri};

/// Most Diversion or History-Info values that pass.
const MOST_ENTRIES: usize = 10;

/// What a side is told of who calls, and what it is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// RFC 3325 §3: whether it belongs to our trust domain. Its P-Asserted-Identity is believed then, and it is told who calls even
    /// when the caller wants that withheld, with the Privacy header that says so.
    pub trusted: bool,
    /// How it is told who calls.
    pub assert: Assert,
    /// Whether Diversion passes to it.
    pub diversion: bool,
    /// Whether History-Info passes to it.
    pub history: bool,
    /// Whether the Reason of an end passes to it.
    pub reason: bool,
}

/// Who is told in a header, beside From, who calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Assert {
    /// Nobody.
    #[default]
    No,
    /// P-Asserted-Identity.
    Asserted,
    /// P-Preferred-Identity: for a trunk that asserts it itself.
    Preferred,
}

impl Default for Identity {
    fn default() -> Self {
        Identity {
            trusted: false,
            assert: Assert::No,
            diversion: false,
            history: false,
            reason: true,
        }
    }
}

/// What a caller wants withheld, RFC 3323 §4.2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Privacy {
    /// `user`: its name and number everywhere.
    pub user: bool,
    /// `id`: its asserted identity, outside of the trust domain (RFC 3325 §9.3).
    pub id: bool,
    /// `history`: how the call came here (RFC 7044 §10.1).
    pub history: bool,
}

impl Privacy {
    /// What the Privacy header of a request asks.
    pub fn of(request: &Request) -> Privacy {
        Privacy::in_values(&request.header_values("Privacy"))
    }

    fn in_values(values: &[&str]) -> Privacy {
        let mut privacy = Privacy::default();
        for token in values.iter().flat_map(|value| value.split([';', ','])).map(str::trim) {
            match token.to_ascii_lowercase().as_str() {
                // `header` asks to hide what tells of the caller in other headers: a B2BUA does that always.
                "user" => privacy.user = true,
                "id" => privacy.id = true,
                "history" => privacy.history = true,
                // RFC 3323 §4.2: nothing at all is to be withheld, whoever else would like it.
                "none" => return Privacy::default(),
                _ => {}
            }
        }
        privacy
    }

    /// Whether From must not tell who calls, to a side that is trusted or not.
    pub fn hides_from(self, trusted: bool) -> bool {
        self.user || self.id && !trusted
    }

    fn to_header(self) -> Option<String> {
        let wanted = [("user", self.user), ("id", self.id), ("history", self.history)];
        let tokens: Vec<&str> =
            wanted.into_iter().filter(|(_, wanted)| *wanted).map(|(token, _)| token).collect();
        (!tokens.is_empty()).then(|| tokens.join(";"))
    }
}

/// A caller, as its INVITE and its standing with us present it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presented {
    /// The display name of From.
    pub display: Option<String>,
    /// The user part of From, after the trunk's rewriting; empty when there is none.
    pub number: String,
    /// The number that stands behind it: a user's name that was proved by digest, or what a trusted trunk asserted. `None`
    /// when nobody vouches for more than From.
    pub vouched: Option<String>,
    /// The display name of what was asserted.
    pub vouched_display: Option<String>,
    /// What is to be withheld.
    pub privacy: Privacy,
    /// Diversion values, the latest first (RFC 5806).
    pub diversion: Vec<String>,
    /// History-Info values, the oldest first (RFC 7044).
    pub history: Vec<String>,
    /// Headers of the INVITE that a line may let pass, as they came.
    pub passed: Vec<(String, String)>,
}

impl Presented {
    /// A party in a dialog of ours that proved to be of this number.
    pub fn vouched(number: String) -> Presented {
        Presented { vouched: Some(number), ..Presented::default() }
    }

    /// A party in a dialog with a side of the trust domain, by the values of P-Asserted-Identity and Privacy there; `None` when
    /// nobody is asserted.
    pub fn asserted(asserted: &[&str], privacy: &[&str]) -> Option<Presented> {
        let address = asserted.iter().find_map(|value| Address::parse(value).ok())?;
        Some(Presented {
            vouched: Some(number_of(address.uri)?),
            vouched_display: address.display.as_deref().map(str::to_owned),
            privacy: Privacy::in_values(privacy),
            ..Presented::default()
        })
    }

    /// What outlives the INVITE of a caller: who it is, and what of that is to be withheld.
    pub fn lasting(&self) -> Presented {
        Presented {
            vouched: self.vouched.clone(),
            vouched_display: self.vouched_display.clone(),
            privacy: self.privacy,
            ..Presented::default()
        }
    }

    /// Reads a caller's INVITE. `proved` is the user that proved itself by digest; `believed` is whether its P-Asserted-Identity
    /// counts; `rewrite` is what becomes of numbers that come from there.
    pub fn of(
        request: &Request,
        proved: Option<&str>,
        believed: bool,
        rewrite: impl Fn(&str) -> String,
    ) -> Presented {
        let from = request.from();
        let asserted = request.header_values("P-Asserted-Identity");
        let asserted: Vec<Address<'_>> =
            asserted.into_iter().filter_map(|value| Address::parse(value).ok()).collect();
        let asserted = asserted.first().filter(|_| believed);
        let by_assertion = asserted.and_then(|address| number_of(address.uri));
        let vouched = proved.map(str::to_owned).or(by_assertion.map(|number| rewrite(&number)));
        let lines = |name: &str| -> Vec<String> {
            let values = request.header_values(name);
            values.into_iter().take(MOST_ENTRIES).map(str::to_owned).collect()
        };
        Presented {
            display: from.display.as_deref().map(str::to_owned),
            number: rewrite(&number_of(from.uri).unwrap_or_default()),
            vouched,
            vouched_display: asserted
                .filter(|_| proved.is_none())
                .and_then(|address| address.display.as_deref().map(str::to_owned)),
            privacy: Privacy::of(request),
            diversion: lines("Diversion"),
            history: lines("History-Info"),
            passed: request
                .headers()
                .filter(|(name, _)| name.len() > 1 && !is_protocol(name))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        }
    }
}

impl Identity {
    /// The headers that tell a side who calls, and how the call came here.
    pub(super) fn headers(
        &self,
        caller: &Presented,
        shown: &str,
        domain: &str,
    ) -> Vec<(String, String)> {
        let mut headers = Vec::new();
        let mut put = |name: &str, value: String| headers.push((name.to_owned(), value));
        let withheld = caller.privacy.id || caller.privacy.user;
        // RFC 3325 §5: outside of the trust domain the identity goes only when nobody wants it withheld.
        if self.trusted || !withheld {
            let vouched = caller.vouched.as_deref().unwrap_or(shown);
            let display = caller.vouched_display.as_deref().or(caller.display.as_deref());
            let name = match self.assert {
                Assert::No => None,
                Assert::Asserted => Some("P-Asserted-Identity"),
                Assert::Preferred => Some("P-Preferred-Identity"),
            };
            if let Some(name) = name.filter(|_| !vouched.is_empty()) {
                put(name, address(display, vouched, domain));
            }
        }
        if self.trusted
            && let Some(privacy) = caller.privacy.to_header()
        {
            put("Privacy", privacy);
        }
        if self.diversion && (self.trusted || !caller.privacy.history) {
            caller.diversion.iter().for_each(|value| put("Diversion", value.clone()));
        }
        // RFC 7044 §10.1.2: entries leave the trust domain only when no privacy is asked for them.
        if self.history && (self.trusted || !caller.privacy.history && !withheld) {
            caller.history.iter().for_each(|value| put("History-Info", value.clone()));
        }
        headers
    }
}

/// The user part of a `sip:` or the digits of a `tel:` URI.
fn number_of(uri: &str) -> Option<String> {
    Uri::parse(uri).ok()?.user().map(|user| user.into_owned())
}
