//! The visitor cookie. It carries a random id, never the variant, so that a new percentage applies at once.

use core::fmt;

use crate::console;

/// The cookie's name. The `__Host-` prefix makes browsers refuse it from any other host or path, or without TLS (RFC 6265bis).
pub const COOKIE: &str = "__Host-serin";

/// Lifetime of the cookie: a year, in seconds.
const MAX_AGE: u32 = 365 * 24 * 60 * 60;

/// Length of an id: the hexadecimal digits of 128 bits.
const DIGITS: usize = 32;

/// A visitor's random 128-bit id, in lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VisitorId([u8; DIGITS]);

// === impl VisitorId ===

impl VisitorId {
    /// Creates an id from 128 random bits.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        let mut digits = [b'0'; DIGITS];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
            for (digit, nibble) in pair.iter_mut().zip([byte >> 4, byte & 0xf]) {
                *digit = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
            }
        }
        Self(digits)
    }

    /// Parses a cookie's value. Only 32 lower-case hexadecimal digits are a valid id.
    pub fn parse(value: &str) -> Option<Self> {
        let digits: [u8; DIGITS] = value.as_bytes().try_into().ok()?;
        digits.as_chunks().0.iter().all(|eight| are_digits(u64::from_le_bytes(*eight))).then_some(Self(digits))
    }

    /// The 32 digits of the id.
    pub fn as_str(&self) -> &str {
        // Both constructors ensure ASCII digits.
        core::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The 32 digits of the id, as bytes.
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The `Set-Cookie` value that gives a browser this id for a year.
    pub fn set_cookie(&self) -> String {
        format!("{COOKIE}={}; Max-Age={MAX_AGE}; Path=/; Secure; HttpOnly; SameSite=Lax", self.as_str())
    }
}

/// Whether a `Set-Cookie` value gives a browser a cookie that it would send as Serin's own.
pub fn is_own_cookie(set_cookie: &str) -> bool {
    // A cookie without a name is sent as its value alone, so that `=__Host-serin=…` would come back as Serin's cookie.
    let pair = set_cookie.trim_start_matches(|character: char| character == '=' || character.is_ascii_whitespace());
    let is_named = |name| pair.strip_prefix(name).is_some_and(|rest: &str| rest.trim_ascii_start().starts_with('='));
    is_named(COOKIE) || is_named(console::COOKIE)
}

impl fmt::Debug for VisitorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether all eight bytes are lower-case hexadecimal digits. A dozen operations check all bytes at once.
fn are_digits(bytes: u64) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOP: u64 = ONES << 7;
    // The top bit of each byte is set if the byte is at least the limit. Bytes below 128 cause no carry into the next byte.
    let at_least = |least: u8| bytes.wrapping_add(ONES * u64::from(128 - least));
    let decimal = at_least(b'0') & !at_least(b'9' + 1);
    let letter = at_least(b'a') & !at_least(b'f' + 1);
    bytes & TOP == 0 && (decimal | letter) & TOP == TOP
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_set_cookie_of_serins_own_cookie_is_recognized() {
        for value in
            ["__Host-serin=0; Path=/", " __Host-serin = 0", "=__Host-serin=0", "= =\t__Host-serin=", "__Host-serin="]
        {
            assert!(is_own_cookie(value), "{value}");
        }
        for value in
            ["__Host-serinette=0", "a=__Host-serin=0", "__host-serin=0", "__Host-serin", "a=1; __Host-serin=0", ""]
        {
            assert!(!is_own_cookie(value), "{value}");
        }
    }

    #[test]
    fn the_cookie_is_frozen() {
        // A change of the name or the form would forget every visitor and re-assign all of them.
        let id = VisitorId::from_random([0x0f; 16]);
        assert_eq!(
            id.set_cookie(),
            "__Host-serin=0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f; Max-Age=31536000; Path=/; Secure; HttpOnly; SameSite=Lax"
        );
    }

    #[test]
    fn other_values_are_no_id() {
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

    #[test]
    fn every_byte_at_every_place_is_a_digit_or_not() {
        for (place, byte) in (0..8).flat_map(|place| (0..=u8::MAX).map(move |byte| (place, byte))) {
            let mut bytes = *b"09af09af";
            bytes[place] = byte;
            let expected = bytes.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            assert_eq!(are_digits(u64::from_le_bytes(bytes)), expected, "{byte} at {place}");
        }
    }

    proptest! {
        #[test]
        fn eight_bytes_are_digits_when_each_is(bytes: [u8; 8]) {
            // Few random bytes are digits, so each byte is moved near the digits.
            let bytes = bytes.map(|byte| if byte < 200 { b"/09:`afg"[usize::from(byte % 8)] } else { byte });
            let expected = bytes.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            prop_assert_eq!(are_digits(u64::from_le_bytes(bytes)), expected);
        }

        #[test]
        fn every_id_reads_back(bytes: [u8; 16]) {
            let id = VisitorId::from_random(bytes);
            prop_assert_eq!(VisitorId::parse(id.as_str()), Some(id));
        }
    }
}
