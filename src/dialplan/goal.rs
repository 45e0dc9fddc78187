//! Where a route leads.

use std::fmt;
use std::str::FromStr;

use crate::sip::Uri;

/// One place that a route leads to. `{number}` in it stands for the number that is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal {
    /// The phones of a user: `user:1000`, or `user:{number}`.
    User(String),
    /// A trunk by its name: `trunk:acme`.
    Trunk(String),
    /// A number that the switch answers itself: `test:9196`.
    Test(String),
    /// A contact flow by its id or name: `flow:inbound`.
    Flow(String),
    /// Another server: `sip:{number}@192.0.2.7`.
    Uri(UriTemplate),
}

/// Why a text is no goal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GoalError {
    /// Neither a kind that is known nor a SIP URI.
    #[error(
        "`{0}` is not user:NAME, trunk:NAME, flow:NAME, test:NUMBER or a SIP URI like sip:{{number}}@192.0.2.7:5060"
    )]
    Unknown(String),
    /// A SIP URI that cannot be read.
    #[error("`{0}` is not a SIP URI like sip:{{number}}@192.0.2.7:5060")]
    NotUri(String),
}

impl Goal {
    /// Whether it is another server, for whose calls somebody may have to pay.
    pub fn leads_out(&self) -> bool {
        match self {
            Goal::Trunk(_) | Goal::Uri(_) => true,
            Goal::User(_) | Goal::Test(_) | Goal::Flow(_) => false,
        }
    }

    /// The user's name for the number that is called.
    pub fn user_name(template: &str, number: &str) -> String {
        template.replace("{number}", number)
    }
}

impl FromStr for Goal {
    type Err = GoalError;

    fn from_str(text: &str) -> Result<Goal, GoalError> {
        let unknown = || GoalError::Unknown(text.to_owned());
        let (kind, rest) =
            text.split_once(':').filter(|(_, rest)| !rest.is_empty()).ok_or_else(unknown)?;
        match kind {
            "user" => Ok(Goal::User(rest.to_owned())),
            "trunk" => Ok(Goal::Trunk(rest.to_owned())),
            "test" => Ok(Goal::Test(rest.to_owned())),
            "flow" => Ok(Goal::Flow(rest.to_owned())),
            "sip" | "sips" => UriTemplate::parse(text).map(Goal::Uri),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Goal::User(name) => write!(f, "user:{name}"),
            Goal::Trunk(name) => write!(f, "trunk:{name}"),
            Goal::Test(number) => write!(f, "test:{number}"),
            Goal::Flow(name) => write!(f, "flow:{name}"),
            Goal::Uri(template) => f.write_str(&template.template),
        }
    }
}

/// Another server's URI, in which `{number}` stands for the number that is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UriTemplate {
    template: String,
}

impl UriTemplate {
    /// Reads `sip:{number}@192.0.2.7:5060;transport=tcp`. The host may be a name.
    ///
    /// # Errors
    /// When it is not a SIP URI once the number stands in it.
    pub fn parse(template: &str) -> Result<UriTemplate, GoalError> {
        let sample = template.replace("{number}", "0");
        match Uri::parse(&sample) {
            Ok(uri) if uri.is_sip() => Ok(UriTemplate { template: template.to_owned() }),
            _ => Err(GoalError::NotUri(template.to_owned())),
        }
    }

    /// The Request-URI for a number. Nothing but the number crosses from what was dialled.
    pub fn uri(&self, number: &str) -> String {
        self.template.replace("{number}", &Uri::escape_user(number))
    }
}
