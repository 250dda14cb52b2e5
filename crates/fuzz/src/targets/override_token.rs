//! QA's override: a token selects a variant only if the key signed it, for this host, and it has not expired.

use core::time::Duration;

use serin_logic::routing::override_token::OverrideKey;
use serin_logic::{Timestamp, Variant};

use super::{NOW, line, request, text};

const HOST: &str = "shop.example";

/// Reads the first line as changes to a good token (positions and bytes), and the rest as a whole token.
pub fn check(input: &[u8]) {
    let text = text(input);
    let (changes, token) = line(&text);
    let key = OverrideKey::new("a secret of these targets").unwrap();
    never_without_the_key(&key, token);
    let good = key.sign(HOST, Variant::Canary, NOW.after(Duration::from_mins(30)));
    never_without_the_key(&key, &changed(&good, changes.as_bytes()));
}

/// Each pair of bytes in the changes replaces one byte of the token.
fn changed(token: &str, changes: &[u8]) -> String {
    let mut bytes = token.as_bytes().to_vec();
    for change in changes.chunks_exact(2) {
        if let [place, byte] = change {
            let place = usize::from(*place) % bytes.len();
            bytes.get_mut(place).into_iter().for_each(|old| *old = *byte);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn never_without_the_key(key: &OverrideKey, token: &str) {
    for name in ["header.serin-override", "cookie.serin_override"] {
        let query: String =
            form_urlencoded::Serializer::new(String::new()).append_pair("host", HOST).append_pair(name, token).finish();
        let served = request(&query).and_then(|request| key.variant_of(&request, NOW));
        let Some(variant) = served else { continue };
        // In the cookie percent-encoding is allowed. In cookie and header, blanks around the parts and both cases of hexadecimal digits
        // are.
        let plain: String = form_urlencoded::parse(format!("t={}", token.replace('+', "%2B")).as_bytes())
            .map(|(_, value)| value.into_owned())
            .collect();
        let parts: Vec<String> =
            [token, &plain].iter().flat_map(|token| token.split(';')).map(|part| part.trim().to_owned()).collect();
        let seconds = parts.iter().find_map(|part| part.strip_prefix("exp=")?.parse().ok()).unwrap();
        let expires = Timestamp::from_seconds(seconds);
        assert!(NOW < expires && expires <= NOW.after(Duration::from_hours(1)), "{token} is out of time");
        let signed = key.sign(HOST, variant, expires);
        for part in signed.split(';') {
            assert!(parts.iter().any(|given| given.eq_ignore_ascii_case(part)), "{token} was never signed: {signed}");
        }
    }
}
