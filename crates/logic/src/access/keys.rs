use core::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::document::{self, InvalidDocument};
use crate::timestamp::Timestamp;

/// The age at which keys are read again. Access changes its key every six weeks, and accepts the last one for a week more.
const REFRESH: Duration = Duration::from_hours(1);

/// The pause between two reads for a key that is not known, so that made-up key ids cause no flood of reads.
const RETRY: Duration = Duration::from_mins(1);

/// The age up to which keys are used while they cannot be read again.
const LIFETIME: Duration = Duration::from_hours(24);

/// An RSA key as a JSON Web Key (RFC 7517): exactly the members that an import needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    /// Id of the key.
    pub kid: String,
    /// Type of the key: `RSA`.
    pub kty: String,
    /// Exponent, in Base64.
    pub e: String,
    /// Modulus, in Base64.
    pub n: String,
}

/// The team's keys, as they were last read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyCache {
    keys: Vec<PublicKey>,
    read_at: Option<Timestamp>,
}

// === impl KeyCache ===

impl KeyCache {
    /// Whether to read the keys before this one is looked for.
    pub fn needs_refresh(&self, key_id: &str, now: Timestamp) -> bool {
        let Some(read_at) = self.read_at else { return true };
        let is_known = self.keys.iter().any(|key| key.kid == key_id);
        now.since(read_at) >= if is_known { REFRESH } else { RETRY }
    }

    /// The key with this id, unless the keys were last read too long ago.
    pub fn find(&self, key_id: &str, now: Timestamp) -> Option<&PublicKey> {
        self.read_at.filter(|read_at| now.since(*read_at) < LIFETIME)?;
        self.keys.iter().find(|key| key.kid == key_id)
    }

    /// Takes over the keys that were read at `now`.
    pub fn replace(&mut self, keys: Vec<PublicKey>, now: Timestamp) {
        *self = Self { keys, read_at: Some(now) };
    }
}

/// The RSA keys of a JSON Web Key Set (RFC 7517 §5); keys of other types are left out.
///
/// # Errors
/// The text is not such a set.
pub fn parse_keys(text: &str) -> Result<Vec<PublicKey>, InvalidDocument> {
    let set = document::parse_object("keys", text)?;
    let Some(Value::Array(keys)) = set.get("keys") else {
        return Err(InvalidDocument::new("keys", &set.get("keys"), "a list of keys"));
    };
    let keys = keys.iter().filter_map(|key| PublicKey::deserialize(key).ok());
    Ok(keys.filter(|key| key.kty == "RSA").collect())
}
