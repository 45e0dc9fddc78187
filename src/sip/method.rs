//! Request methods.

use std::fmt;

macro_rules! methods {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// A request method. Method names are case-sensitive (RFC 3261 §7.1), and a name that is not listed here is still a
        /// well-formed method: it is answered with 405 or 501 above, not refused as bad syntax.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Method {
            $($(#[$doc])* $variant,)*
            /// Any other token.
            Other(Box<str>),
        }

        impl Method {
            /// The name on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Method::$variant => $text,)*
                    Method::Other(name) => name,
                }
            }
        }

        impl From<&str> for Method {
            fn from(name: &str) -> Method {
                match name {
                    $($text => Method::$variant,)*
                    other => Method::Other(other.into()),
                }
            }
        }
    };
}

methods! {
    /// RFC 3261 §13: opens or changes a session.
    Invite = "INVITE",
    /// RFC 3261 §13.2.2.4: the third step of an INVITE; never answered.
    Ack = "ACK",
    /// RFC 3261 §15: ends a session.
    Bye = "BYE",
    /// RFC 3261 §9: takes a pending INVITE back.
    Cancel = "CANCEL",
    /// RFC 3261 §11: asks what the peer can do.
    Options = "OPTIONS",
    /// RFC 3261 §10: binds an address of record to a contact.
    Register = "REGISTER",
    /// RFC 6086: application information within a session.
    Info = "INFO",
    /// RFC 3311: changes a session without a new INVITE.
    Update = "UPDATE",
    /// RFC 3262: acknowledges a reliable provisional response.
    Prack = "PRACK",
    /// RFC 3515: asks the peer to call somebody else.
    Refer = "REFER",
    /// RFC 6665: an event of a subscription.
    Notify = "NOTIFY",
    /// RFC 6665: asks for events.
    Subscribe = "SUBSCRIBE",
    /// RFC 3428: a text message.
    Message = "MESSAGE",
    /// RFC 3903: publishes event state.
    Publish = "PUBLISH",
}

impl Method {
    /// Whether a request of this method may create a dialog: INVITE, SUBSCRIBE, REFER (RFC 3261 §12, RFC 6665 §4.1, RFC 3515 §2.4.4).
    pub const fn forms_dialog(&self) -> bool {
        matches!(self, Method::Invite | Method::Subscribe | Method::Refer)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_name_and_its_method_are_the_same_and_case_counts() {
        for name in ["INVITE", "ACK", "PRACK", "PUBLISH", "REFER"] {
            let method = Method::from(name);
            assert_eq!(method.as_str(), name);
            assert!(!matches!(method, Method::Other(_)), "{name}");
        }
        assert_eq!(Method::from("invite"), Method::Other("invite".into()));
    }
}
