//! The node's key pair, and the public keys by which seals are verified.

use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What stands before the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo: RFC 8410 §4.
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0];

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file is not there, or is no PEM of the expected kind.
    #[error("{path} cannot be read as {what}: {error}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What it should be.
        what: &'static str,
        /// Why not.
        error: String,
    },
    /// A key of another kind.
    #[error("{0} holds no Ed25519 key; `openssl genpkey -algorithm ed25519 -out FILE` makes one")]
    NotEd25519(PathBuf),
    /// The operating system gives no randomness.
    #[error("no key can be made: the system gives no random numbers")]
    Random,
}

/// The pair that signs. Its private half is shown nowhere.
pub struct NodeKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl NodeKey {
    /// Reads a PKCS #8 key in PEM.
    pub fn read(path: &Path) -> Result<NodeKey, KeyError> {
        let der =
            PrivatePkcs8KeyDer::from_pem_file(path).map_err(|error| KeyError::Unreadable {
                path: path.into(),
                what: "a private key",
                error: error.to_string(),
            })?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der());
        pair.map(NodeKey::new).map_err(|_| KeyError::NotEd25519(path.into()))
    }

    /// Makes a new key that lives as long as this process.
    pub fn generate() -> Result<NodeKey, KeyError> {
        let document =
            Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| KeyError::Random)?;
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).map_err(|_| KeyError::Random)?;
        Ok(NodeKey::new(pair))
    }

    fn new(pair: Ed25519KeyPair) -> NodeKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(pair.public_key().as_ref());
        NodeKey { pair, public: PublicKey(bytes) }
    }

    /// The half that everybody may know.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    pub(super) fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        self.pair.sign(bytes).as_ref().to_vec()
    }
}

/// An Ed25519 public key.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id())
    }
}

impl PublicKey {
    /// The key's name in a seal's header: its thumbprint (RFC 7638).
    pub fn id(&self) -> String {
        let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, self.x());
        URL_SAFE_NO_PAD.encode(Sha256::digest(members))
    }

    fn x(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    pub(super) fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(signed, signature).is_ok()
    }
}

#[derive(Serialize, Deserialize)]
struct Jwk {
    kty: String,
    crv: String,
    x: String,
    #[serde(default)]
    kid: String,
    #[serde(default, rename = "use")]
    usage: String,
    #[serde(default)]
    alg: String,
}

#[derive(Serialize, Deserialize)]
struct JwkSet {
    keys: Vec<Jwk>,
}

/// The keys that a verifier trusts.
#[derive(Clone, Debug, Default)]
pub struct PublicKeys(Vec<PublicKey>);

impl From<PublicKey> for PublicKeys {
    fn from(key: PublicKey) -> Self {
        PublicKeys(vec![key])
    }
}

impl PublicKeys {
    /// Reads a file: a JSON Web Key Set (RFC 7517) as a server gives it, or a public key in PEM as `openssl pkey -pubout` writes it.
    pub fn read(path: &Path) -> Result<PublicKeys, KeyError> {
        let unreadable = |error: String| KeyError::Unreadable {
            path: path.into(),
            what: "a public key (PEM) or a set of them (JWKS)",
            error,
        };
        let bytes = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
        if bytes.trim_ascii_start().starts_with(b"{") {
            return PublicKeys::from_jwks(&bytes).map_err(|error| unreadable(error.to_string()));
        }
        let der = SubjectPublicKeyInfoDer::from_pem_slice(&bytes)
            .map_err(|error| unreadable(error.to_string()))?;
        let key = der.strip_prefix(&SPKI_PREFIX).and_then(|key| key.try_into().ok());
        let key = key.ok_or_else(|| KeyError::NotEd25519(path.into()))?;
        Ok(PublicKey(key).into())
    }

    /// Reads a JSON Web Key Set; keys of other kinds are passed over.
    pub fn from_jwks(json: &[u8]) -> Result<PublicKeys, serde_json::Error> {
        let set: JwkSet = serde_json::from_slice(json)?;
        let ed25519 = set.keys.iter().filter(|key| key.kty == "OKP" && key.crv == "Ed25519");
        let bytes = ed25519.filter_map(|key| URL_SAFE_NO_PAD.decode(&key.x).ok()?.try_into().ok());
        Ok(PublicKeys(bytes.map(PublicKey).collect()))
    }

    /// The set as JSON.
    pub fn to_jwks(&self) -> String {
        let jwk = |key: &PublicKey| Jwk {
            kty: "OKP".into(),
            crv: "Ed25519".into(),
            x: key.x(),
            kid: key.id(),
            usage: "sig".into(),
            alg: "EdDSA".into(),
        };
        let set = JwkSet { keys: self.0.iter().map(jwk).collect() };
        serde_json::to_string(&set).expect("a set of keys is text only")
    }

    /// The key of this name.
    pub(super) fn find(&self, id: &str) -> Option<&PublicKey> {
        self.0.iter().find(|key| key.id() == id)
    }
}
