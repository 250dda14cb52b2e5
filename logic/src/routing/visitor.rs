//! The visitor cookie: it carries who drew, never which side.

use core::fmt;

/// The cookie's name. The `__Host-` prefix makes browsers refuse it from any other host or path, or without TLS (RFC 6265bis).
pub const COOKIE: &str = "__Host-serin";

/// A year, in seconds.
const MAX_AGE: u32 = 365 * 24 * 60 * 60;

/// Hexadecimal digits of 128 bits.
const DIGITS: usize = 32;

/// A visitor's random 128-bit id, in lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VisitorId([u8; DIGITS]);

// === impl VisitorId ===

impl VisitorId {
    /// From 128 random bits.
    #[must_use]
    pub fn from_random(bytes: [u8; 16]) -> Self {
        let mut digits = [b'0'; DIGITS];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
            for (digit, nibble) in pair.iter_mut().zip([byte >> 4, byte & 0xf]) {
                *digit = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
            }
        }
        Self(digits)
    }

    /// Reads a cookie's value; anything but 32 lower-case hexadecimal digits is nobody's id.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let digits: [u8; DIGITS] = value.as_bytes().try_into().ok()?;
        digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')).then_some(Self(digits))
    }

    /// The 32 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // ASCII digits by both constructors.
        core::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The `Set-Cookie` value that gives a browser this id for a year.
    #[must_use]
    pub fn set_cookie(&self) -> String {
        format!("{COOKIE}={}; Max-Age={MAX_AGE}; Path=/; Secure; HttpOnly; SameSite=Lax", self.as_str())
    }
}

impl fmt::Debug for VisitorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_cookie_is_frozen() {
        // A changed name or form forgets every visitor and re-deals everybody.
        let id = VisitorId::from_random([0x0f; 16]);
        assert_eq!(
            id.set_cookie(),
            "__Host-serin=0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f; Max-Age=31536000; Path=/; Secure; HttpOnly; SameSite=Lax"
        );
    }

    #[test]
    fn anything_else_is_nobody() {
        for value in [
            "",
            "canary",
            "0F0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f",
            "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0",
            "é".repeat(16).as_str(),
        ] {
            assert_eq!(VisitorId::parse(value), None, "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn every_id_reads_back(bytes: [u8; 16]) {
            let id = VisitorId::from_random(bytes);
            prop_assert_eq!(VisitorId::parse(id.as_str()), Some(id));
        }
    }
}
