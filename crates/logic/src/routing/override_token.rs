//! QA's signed override. A request with a valid token goes to the variant that the token names.
//!
//! `canary;exp=UNIX;sig=HEX` in the header `serin-override` or, percent-encoded (a cookie's value cannot hold `;`), in the
//! cookie `serin_override`. The signature is HMAC-SHA256 with `OVERRIDE_TOKEN` over host name, variant and expiry, so that
//! a token for a staging host is not valid in production.

use core::fmt;
use core::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac};
use percent_encoding::percent_decode_str;
use sha2::Sha256;

use crate::request_attributes::RequestAttributes;
use crate::timestamp::Timestamp;
use crate::variant::Variant;

/// The header that carries a token.
pub const HEADER: &str = "serin-override";
/// The cookie that carries a token.
pub const COOKIE: &str = "serin_override";
/// The longest time until a token expires.
pub const MAX_LIFETIME: Duration = Duration::from_hours(1);

/// The key that tokens are signed with.
pub struct OverrideKey(Hmac<Sha256>);

// === impl OverrideKey ===

impl OverrideKey {
    /// From the secret's text. `None` for an empty secret, with which anyone could sign tokens.
    pub fn new(secret: &str) -> Option<Self> {
        if secret.is_empty() {
            return None;
        }
        Hmac::new_from_slice(secret.as_bytes()).ok().map(Self)
    }

    /// A token for `host` that expires at `expires`.
    pub fn sign(&self, host: &str, variant: Variant, expires: Timestamp) -> String {
        let seconds = (expires.as_millis() / 1000).to_string();
        let signature = self.mac(host, variant.as_str(), &seconds).finalize().into_bytes();
        format!("{variant};exp={seconds};sig={}", hex::encode(signature))
    }

    /// The variant that the request's token names; `None` without a valid one.
    pub fn variant_of(&self, request: &impl RequestAttributes, now: Timestamp) -> Option<Variant> {
        if let Some(token) = request.header(HEADER) {
            return self.verify(&token, request.host(), now);
        }
        let token = percent_decode_str(request.cookie(COOKIE)?).decode_utf8().ok()?;
        self.verify(&token, request.host(), now)
    }

    fn verify(&self, token: &str, host: &str, now: Timestamp) -> Option<Variant> {
        let mut parts = token.split(';').map(str::trim);
        let name = parts.next()?;
        let variant = [Variant::Stable, Variant::Canary].into_iter().find(|variant| variant.as_str() == name)?;
        let seconds = parts.next()?.strip_prefix("exp=")?;
        let signature = hex::decode(parts.next()?.strip_prefix("sig=")?).ok()?;
        let expires = Timestamp::from_seconds(seconds.parse().ok()?);
        let in_time = now < expires && expires <= now.after(MAX_LIFETIME);
        // Compares in constant time.
        let genuine = self.mac(host, name, seconds).verify_slice(&signature).is_ok();
        (parts.next().is_none() && in_time && genuine).then_some(variant)
    }

    fn mac(&self, host: &str, variant: &str, expires: &str) -> Hmac<Sha256> {
        [host, "\n", variant, "\n", expires].iter().fold(self.0.clone(), Mac::chain_update)
    }
}

impl fmt::Debug for OverrideKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OverrideKey(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request_attributes::samples::SampleRequest;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const HOST: &str = "shop.example";

    fn key() -> OverrideKey {
        OverrideKey::new("a secret of QA's").unwrap()
    }

    fn served(token: &str, now: Timestamp) -> Option<Variant> {
        key().variant_of(&SampleRequest::get("/").header(HEADER, token), now)
    }

    fn token(minutes: u64) -> String {
        key().sign(HOST, Variant::Canary, NOW.after(Duration::from_mins(minutes)))
    }

    #[test]
    fn the_form_of_a_token_is_frozen() {
        // Scripts and browser extensions mint these: a changed form locks QA out.
        assert_eq!(
            token(10),
            "canary;exp=1800000600;sig=582ad1f6a2b285694b3008c0b9661e812f3b0aa2b169d9ba4a99a06d47d93295"
        );
    }

    #[test]
    fn the_right_token_serves_its_variant_until_it_expires() {
        assert_eq!(served(&token(10), NOW), Some(Variant::Canary));
        assert_eq!(served(&token(10), NOW.after(Duration::from_mins(10))), None);
        assert_eq!(served(&token(60), NOW), Some(Variant::Canary));
        assert_eq!(served(&token(61), NOW), None, "at most an hour ahead");
        let stable = key().sign(HOST, Variant::Stable, NOW.after(MAX_LIFETIME));
        assert_eq!(served(&stable, NOW), Some(Variant::Stable));
    }

    #[test]
    fn the_cookie_holds_the_token_percent_encoded() {
        let encoded = token(10).replace(';', "%3B").replace('=', "%3D");
        let request = SampleRequest::get("/").cookie(COOKIE, &encoded);
        assert_eq!(key().variant_of(&request, NOW), Some(Variant::Canary));
    }

    #[test]
    fn a_token_for_another_host_or_a_changed_token_is_not_valid() {
        let genuine = token(10);
        let elsewhere =
            SampleRequest { host: "other.example".into(), ..SampleRequest::get("/").header(HEADER, &genuine) };
        assert_eq!(key().variant_of(&elsewhere, NOW), None);
        for position in 0..genuine.len() {
            let mut bytes = genuine.clone().into_bytes();
            bytes[position] ^= 1;
            let forged = String::from_utf8(bytes).unwrap();
            assert_eq!(served(&forged, NOW), None, "{forged}");
            assert_eq!(served(&genuine[..position], NOW), None, "cut at {position}");
        }
        assert_eq!(served(&format!("{genuine};x=1"), NOW), None);
        assert_eq!(served("canary", NOW), None);
    }

    #[test]
    fn an_empty_secret_is_no_key() {
        assert!(OverrideKey::new("").is_none());
    }
}
