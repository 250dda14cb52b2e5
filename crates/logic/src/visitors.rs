//! What the analysis keeps of visitors, in bounded memory that no visitor can bend: how many there were, and which of them failed or
//! waited.
//!
//! A visitor is the hash of the sticky key with a seed of its own, so that it says nothing about the bucket. Sets keep the smallest hashes
//! of both variants together. Which visitors are kept therefore does not depend on their variant, and each kept visitor is on the canary
//! with the probability that the split says, whatever is cut.

/// Keys behind many of the requests.
mod heavy_keys;
/// Sets of visitors.
mod key_set;
/// Facts about a visitor.
mod marks;
/// Client networks.
mod network;
/// The number of distinct visitors.
mod sketch;

use hex::FromHexError;

pub use heavy_keys::HeavyKeys;
pub use key_set::{Entry, InvalidKeySet, KeySet};
pub use marks::Marks;
pub use network::Network;
pub use sketch::{InvalidSketch, VisitorSketch};

/// Bytes as hexadecimal digits, written at once: `hex::encode` goes digit by digit, which takes ten times as long.
fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = vec![0; bytes.len() * 2];
    // The text has room for all bytes.
    let _ = hex::encode_to_slice(bytes, &mut text);
    String::from_utf8(text).unwrap_or_default()
}

/// The bytes that hexadecimal digits stand for, read at once for the same reason.
fn from_hexadecimal(text: &str) -> Result<Vec<u8>, FromHexError> {
    let mut bytes = vec![0; text.len() / 2];
    hex::decode_to_slice(text, &mut bytes).map(|()| bytes)
}
