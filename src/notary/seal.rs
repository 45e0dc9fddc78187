//! One seal, and its place in the chain.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::key::NodeKey;
use crate::control::json::{ManifestView, Timestamp};
use crate::dialect::native;
use crate::event::Manifest;

/// What a seal's header says (RFC 7515 §4).
#[derive(Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) kid: String,
}

#[derive(Serialize)]
struct Statement<'a> {
    number: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<&'a str>,
    at: String,
    manifest: ManifestView,
}

/// A statement as a verifier reads it.
#[derive(Deserialize)]
pub(super) struct Stated {
    pub(super) number: u64,
    pub(super) previous: Option<String>,
    pub(super) manifest: native::ManifestView,
}

/// The end of a chain of seals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Link {
    /// How many seals there are.
    pub(super) number: u64,
    /// The digest of the last one.
    pub(super) digest: Option<String>,
}

impl Link {
    /// The end of a chain whose `number`-th seal is this.
    pub(super) fn at(number: u64, seal: &str) -> Link {
        Link { number, digest: Some(URL_SAFE_NO_PAD.encode(Sha256::digest(seal))) }
    }

    /// The chain has one more.
    pub(super) fn advance(&mut self, seal: &str) {
        *self = Link::at(self.number + 1, seal);
    }

    /// The seal that would come next.
    pub(super) fn seal(&self, key: &NodeKey, manifest: &Manifest, at: Timestamp) -> String {
        let header = Header { alg: "EdDSA".into(), kid: key.public().id() };
        let statement = Statement {
            number: self.number + 1,
            previous: self.digest.as_deref(),
            at: at.to_string(),
            manifest: ManifestView::from(manifest),
        };
        let mut seal = format!("{}.{}", part(&header), part(&statement));
        let signature = key.sign(seal.as_bytes());
        seal.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut seal);
        seal
    }
}

fn part(value: &impl Serialize) -> String {
    let json = serde_json::to_vec(value).expect("names, numbers and lists of them");
    URL_SAFE_NO_PAD.encode(json)
}

/// A seal taken apart; nothing in it is believed.
pub(super) struct Parts<'a> {
    pub(super) header: Header,
    /// What the signature is over.
    pub(super) signed: &'a str,
    pub(super) payload: Vec<u8>,
    pub(super) signature: Vec<u8>,
}

impl<'a> Parts<'a> {
    /// `None` when it is no JWS in compact form.
    pub(super) fn of(seal: &'a str) -> Option<Parts<'a>> {
        let (signed, signature) = seal.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
        Some(Parts {
            header: serde_json::from_slice(&decode(header)?).ok()?,
            signed,
            payload: decode(payload)?,
            signature: decode(signature)?,
        })
    }

    /// What it states.
    pub(super) fn stated(&self) -> Result<Stated, serde_json::Error> {
        serde_json::from_slice(&self.payload)
    }
}
