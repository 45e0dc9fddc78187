//! How the bytes of a segment are protected: each batch by a checksum, or, with a key, sealed so that nobody else can read or change it.
//!
//! ```text
//!  segment = magic (8) | key id (8, zeros: not encrypted) | salt (32), then sealed batches:
//!  batch   = length (u32, of what follows) | bytes | tag (16)
//! ```
//! AES-256-GCM under a key of the segment's own (HKDF-SHA-256 of the configured key with the salt); the nonce counts the segment's
//! batches from 0, and the segment's first 48 bytes are authenticated with each. Without a key the tag is the beginning of the SHA-256
//! over those 48 bytes, the batch's number and the batch: it finds accidents, not malice.

use std::fmt;
use std::sync::Arc;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use sha2::{Digest as _, Sha256};

const MAGIC: &[u8; 8] = b"SDSPOOL1";

/// Bytes before the first batch.
pub(super) const HEADER_BYTES: usize = 48;

/// Bytes of a batch on disk beside its own.
pub(super) const BATCH_BYTES: usize = 4 + TAG_BYTES;

const TAG_BYTES: usize = 16;

/// A batch is no longer than this: a length beyond it is no length.
pub(super) const LONGEST_BATCH: usize = 64 * 1024 * 1024;

/// The key that spools are encrypted with.
#[derive(Clone, PartialEq, Eq)]
pub struct SpoolKey {
    secret: Arc<[u8; 32]>,
    id: [u8; 8],
}

impl SpoolKey {
    /// The key that is written as 64 hexadecimal digits. `None` when the text is something else.
    pub fn from_hexadecimal(text: &str) -> Option<SpoolKey> {
        let text = text.trim();
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        let mut secret = [0; 32];
        for (place, byte) in secret.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
        }
        let digest = Sha256::new().chain_update(b"sidestream spool key").chain_update(secret);
        let mut id = [0; 8];
        id.copy_from_slice(&digest.finalize()[..8]);
        Some(SpoolKey { secret: Arc::new(secret), id })
    }
}

impl fmt::Debug for SpoolKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Keys by which segments are read; the first one is written with.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys(pub(super) Vec<SpoolKey>);

/// Why a segment cannot be read at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum HeaderError {
    #[error("it is no segment of a spool")]
    Foreign,
    #[error("it is encrypted with a key that is not configured: name it in spool.old_secrets")]
    UnknownKey,
}

/// Seals or opens the batches of one segment, in order.
pub(super) struct Seal {
    header: [u8; HEADER_BYTES],
    key: Option<LessSafeKey>,
    number: u64,
}

impl Seal {
    /// For a new segment; `salt` is chance.
    pub(super) fn new(keys: &Keys, salt: [u8; 32]) -> Seal {
        let key = keys.0.first();
        let mut header = [0; HEADER_BYTES];
        header[..8].copy_from_slice(MAGIC);
        header[8..16].copy_from_slice(&key.map_or([0; 8], |key| key.id));
        header[16..].copy_from_slice(&salt);
        Seal { header, key: key.map(|key| of_segment(key, &salt)), number: 0 }
    }

    /// For a segment that begins with `header`; `number` batches of it are passed over.
    pub(super) fn open(
        keys: &Keys,
        header: [u8; HEADER_BYTES],
        number: u64,
    ) -> Result<Seal, HeaderError> {
        let (magic, id, salt) = (&header[..8], &header[8..16], &header[16..]);
        if magic != MAGIC {
            return Err(HeaderError::Foreign);
        }
        let key = match id {
            [0, 0, 0, 0, 0, 0, 0, 0] => None,
            id => {
                let key = keys.0.iter().find(|key| key.id == id).ok_or(HeaderError::UnknownKey)?;
                Some(of_segment(key, salt))
            }
        };
        Ok(Seal { header, key, number })
    }

    /// The segment's first bytes.
    pub(super) fn header(&self) -> &[u8; HEADER_BYTES] {
        &self.header
    }

    /// How many batches were sealed or opened, those that were passed over included.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Puts the tag behind the batch.
    pub(super) fn seal(&mut self, batch: &mut Vec<u8>) {
        match &self.key {
            Some(key) => key
                .seal_in_place_append_tag(nonce(self.number), Aad::from(self.header), batch)
                .expect("a batch is far shorter than 64 GiB"),
            None => batch.extend(self.checksum(batch)),
        }
        self.number += 1;
    }

    /// Takes the tag off. `None` when the bytes are not what was sealed.
    pub(super) fn unseal(&mut self, mut sealed: Vec<u8>) -> Option<Vec<u8>> {
        let length = sealed.len().checked_sub(TAG_BYTES)?;
        match &self.key {
            Some(key) => {
                key.open_in_place(nonce(self.number), Aad::from(self.header), &mut sealed).ok()?;
            }
            None => {
                let (batch, tag) = sealed.split_at(length);
                if self.checksum(batch) != tag {
                    return None;
                }
            }
        }
        sealed.truncate(length);
        self.number += 1;
        Some(sealed)
    }

    fn checksum(&self, batch: &[u8]) -> [u8; TAG_BYTES] {
        let digest = Sha256::new()
            .chain_update(self.header)
            .chain_update(self.number.to_be_bytes())
            .chain_update(batch)
            .finalize();
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(&digest[..TAG_BYTES]);
        tag
    }
}

fn of_segment(key: &SpoolKey, salt: &[u8]) -> LessSafeKey {
    let extracted = Salt::new(HKDF_SHA256, salt).extract(&*key.secret);
    let expanded = extracted
        .expand(&[b"sidestream spool segment"], &AES_256_GCM)
        .expect("the key of a cipher is short enough for HKDF");
    LessSafeKey::new(UnboundKey::from(expanded))
}

fn nonce(number: u64) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[NONCE_LEN - 8..].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(digits: &[&str]) -> Keys {
        Keys(
            digits
                .iter()
                .map(|digit| SpoolKey::from_hexadecimal(&digit.repeat(64)).expect("a key"))
                .collect(),
        )
    }

    #[test]
    fn batches_come_out_as_they_went_in_and_in_no_other_order() {
        for keys in [keys(&[]), keys(&["a"])] {
            let mut seal = Seal::new(&keys, [7; 32]);
            let header = *seal.header();
            let sealed: Vec<_> = [b"first".as_slice(), b"second", b""]
                .map(|batch| {
                    let mut batch = batch.to_vec();
                    seal.seal(&mut batch);
                    batch
                })
                .into();
            let mut open = Seal::open(&keys, header, 0).expect("the same keys");
            assert_eq!(open.unseal(sealed[0].clone()).as_deref(), Some(b"first".as_slice()));
            assert_eq!(open.unseal(sealed[2].clone()), None, "another batch is due");
            assert_eq!(open.unseal(sealed[1].clone()).as_deref(), Some(b"second".as_slice()));
            let mut later = Seal::open(&keys, header, 2).expect("the same keys");
            assert_eq!(later.unseal(sealed[2].clone()), Some(Vec::new()));
            for place in 0..sealed[0].len() {
                let mut changed = sealed[0].clone();
                changed[place] ^= 1;
                let mut open = Seal::open(&keys, header, 0).expect("the same keys");
                assert_eq!(open.unseal(changed), None, "byte {place}");
            }
            let mut open = Seal::open(&keys, header, 0).expect("the same keys");
            assert_eq!(open.unseal(vec![0; 3]), None);
        }
    }

    #[test]
    fn old_keys_still_read_and_unknown_ones_are_told() {
        let mut seal = Seal::new(&keys(&["a"]), [7; 32]);
        let mut batch = b"secret words".to_vec();
        seal.seal(&mut batch);
        assert!(!batch.windows(6).any(|bytes| bytes == b"secret"));
        let mut open = Seal::open(&keys(&["b", "a"]), *seal.header(), 0).expect("an old key");
        assert_eq!(open.unseal(batch), Some(b"secret words".to_vec()));
        let unknown = Seal::open(&keys(&["b"]), *seal.header(), 0).err();
        assert_eq!(unknown, Some(HeaderError::UnknownKey));
        let foreign = Seal::open(&keys(&[]), [9; HEADER_BYTES], 0).err();
        assert_eq!(foreign, Some(HeaderError::Foreign));
    }

    #[test]
    fn a_key_is_sixty_four_hexadecimal_digits_and_stays_out_of_logs() {
        let key = SpoolKey::from_hexadecimal(&format!(" {}\n", "0f".repeat(32))).expect("a key");
        assert_eq!(format!("{key:?}"), "…");
        for wrong in ["", "0f", &"0g".repeat(32), &"é".repeat(32)] {
            assert_eq!(SpoolKey::from_hexadecimal(wrong), None, "{wrong}");
        }
    }
}
