//! Sessions of the console: a token is exchanged for a signed cookie, so that the token itself is not kept in the browser. The signature's
//! key is the token, so that a new token ends all sessions of the old one.
//!
//! `ROLE.EXPIRES.SIGNATURE`: the signature is HMAC-SHA256 over purpose, host, role and expiry in seconds.

use core::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::api::Role;
use crate::document;
use crate::problem::Problem;
use crate::timestamp::Timestamp;

/// The cookie. Its prefix binds it to this host, to TLS, and to a `Set-Cookie` of this host's own.
pub const COOKIE: &str = "__Host-serin-console";

/// The header that a call by cookie needs in order to change something. A form or a plain link cannot send it.
pub const CONFIRMATION: &str = "serin-console";

/// Lifetime of a session.
pub const LIFETIME: Duration = Duration::from_hours(8);

/// Keeps signatures of sessions apart from any other use of the tokens.
const PURPOSE: &str = "serin console session";

/// The configured tokens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tokens<'a> {
    /// `ADMIN_TOKEN`.
    pub admin: Option<&'a str>,
    /// `VIEWER_TOKEN`.
    pub viewer: Option<&'a str>,
}

/// A person who is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Role of the session, which is its token's.
    pub role: Role,
    /// End of the session.
    pub expires: Timestamp,
}

/// Body of `POST session`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// `ADMIN_TOKEN` or `VIEWER_TOKEN`.
    pub token: String,
}

/// Answer of `GET session` and `POST session`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SessionView {
    /// `admin` or `viewer`.
    pub role: &'static str,
    /// End of the session, in RFC 3339.
    pub expires: String,
    /// The identity that Cloudflare Access vouches for; none without Access.
    pub identity: Option<String>,
}

// === impl SignIn ===

impl SignIn {
    /// Reads the body of `POST session`.
    ///
    /// # Errors
    /// The problem names what is accepted.
    pub fn parse(body: &str) -> Result<Self, Problem> {
        Ok(document::read("body", document::parse_json("body", body)?)?)
    }

    /// The role of the token.
    ///
    /// # Errors
    /// It is no token's, or there is none.
    pub fn role(&self, tokens: Tokens<'_>) -> Result<Role, Problem> {
        Role::of(Some(&format!("Bearer {}", self.token)), tokens.admin, tokens.viewer)
    }
}

// === impl Session ===

impl Session {
    /// A session of this role that begins `now`.
    pub fn begin(role: Role, now: Timestamp) -> Self {
        // Whole seconds, as the cookie has them.
        Self { role, expires: Timestamp::from_seconds(now.after(LIFETIME).as_millis() / 1000) }
    }

    /// The `Set-Cookie` value that gives a browser this session on `host`; none without the role's token.
    pub fn set_cookie(&self, tokens: Tokens<'_>, host: &str) -> Option<String> {
        let signature = hex::encode(self.mac(tokens, host)?.finalize().into_bytes());
        let value = format!("{}.{}.{signature}", self.role.word(), self.expires.as_millis() / 1000);
        Some(format!("{COOKIE}={value}; Max-Age={}; {ATTRIBUTES}", LIFETIME.as_secs()))
    }

    /// The session of a cookie's value, if it is valid on `host` at `now`.
    pub fn open(value: &str, tokens: Tokens<'_>, host: &str, now: Timestamp) -> Option<Self> {
        let mut parts = value.split('.');
        let (role, expires, signature) = (parts.next()?, parts.next()?, parts.next()?);
        let role = Role::named(role)?;
        // Only the form that `set_cookie` writes.
        let seconds: i64 = expires.parse().ok().filter(|seconds: &i64| seconds.to_string() == expires)?;
        let session = Self { role, expires: Timestamp::from_seconds(seconds) };
        let in_time = now < session.expires && session.expires <= now.after(LIFETIME);
        // Compares in constant time.
        let is_genuine = session.mac(tokens, host)?.verify_slice(&hex::decode(signature).ok()?).is_ok();
        (parts.next().is_none() && in_time && is_genuine).then_some(session)
    }

    /// The session as the page sees it.
    pub fn view(&self, identity: Option<String>) -> SessionView {
        SessionView { role: self.role.word(), expires: self.expires.to_rfc3339(), identity }
    }

    fn mac(&self, tokens: Tokens<'_>, host: &str) -> Option<Hmac<Sha256>> {
        let token = match self.role {
            Role::Admin => tokens.admin,
            Role::Viewer => tokens.viewer,
        };
        // With an empty key anybody could sign.
        let key = Hmac::<Sha256>::new_from_slice(token.filter(|token| !token.is_empty())?.as_bytes()).ok()?;
        let expires = (self.expires.as_millis() / 1000).to_string();
        Some([PURPOSE, "\n", host, "\n", self.role.word(), "\n", &expires].iter().fold(key, Mac::chain_update))
    }
}

const ATTRIBUTES: &str = "Path=/; Secure; HttpOnly; SameSite=Strict";

/// The `Set-Cookie` value that ends a browser's session.
pub fn signed_out() -> String {
    format!("{COOKIE}=; Max-Age=0; {ATTRIBUTES}")
}

/// Whether a call by cookie is the page's own: it has the page's header, and the browser says that it comes from this origin.
pub fn is_own_call(confirmation: Option<&str>, origin: Option<&str>, own: &str) -> bool {
    confirmation == Some("1") && origin == Some(own)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const HOST: &str = "shop.example";
    const TOKENS: Tokens<'static> = Tokens { admin: Some("a"), viewer: Some("v") };

    fn value(role: Role, tokens: Tokens<'_>, host: &str) -> String {
        let cookie = Session::begin(role, NOW).set_cookie(tokens, host).unwrap();
        cookie.strip_prefix("__Host-serin-console=").unwrap().split(';').next().unwrap().to_owned()
    }

    #[test]
    fn a_session_has_the_role_of_its_token_for_eight_hours() {
        for role in [Role::Admin, Role::Viewer] {
            let value = value(role, TOKENS, HOST);
            let open = |now| Session::open(&value, TOKENS, HOST, now).map(|session| session.role);
            assert_eq!(open(NOW), Some(role));
            assert_eq!(open(NOW.after(LIFETIME).before(Duration::from_millis(1))), Some(role));
            assert_eq!(open(NOW.after(LIFETIME)), None);
            assert_eq!(open(NOW.before(Duration::from_secs(1))), None, "no session lasts longer");
        }
    }

    #[test]
    fn another_token_another_host_or_another_role_is_none() {
        let admin = value(Role::Admin, TOKENS, HOST);
        assert_eq!(
            Session::open(&admin, Tokens { admin: Some("b"), ..TOKENS }, HOST, NOW),
            None,
            "the token was replaced"
        );
        assert_eq!(Session::open(&admin, Tokens { admin: None, ..TOKENS }, HOST, NOW), None);
        assert_eq!(Session::open(&admin, TOKENS, "other.example", NOW), None);
        let promoted = value(Role::Viewer, TOKENS, HOST).replacen("viewer", "admin", 1);
        assert_eq!(Session::open(&promoted, TOKENS, HOST, NOW), None);
        let same = Tokens { admin: Some("s"), viewer: Some("s") };
        let promoted = value(Role::Viewer, same, HOST).replacen("viewer", "admin", 1);
        assert_eq!(Session::open(&promoted, same, HOST, NOW), None, "with one token for both, too");
    }

    #[test]
    fn an_empty_token_signs_nothing() {
        let empty = Tokens { admin: Some(""), viewer: None };
        assert_eq!(Session::begin(Role::Admin, NOW).set_cookie(empty, HOST), None);
        assert_eq!(Session::begin(Role::Viewer, NOW).set_cookie(empty, HOST), None);
    }

    #[test]
    fn the_cookie_is_bound_to_host_tls_and_site_and_no_script_reads_it() {
        let cookie = Session::begin(Role::Admin, NOW).set_cookie(TOKENS, HOST).unwrap();
        assert!(cookie.starts_with("__Host-serin-console=admin.1800028800."), "{cookie}");
        assert!(cookie.ends_with("; Max-Age=28800; Path=/; Secure; HttpOnly; SameSite=Strict"), "{cookie}");
        assert_eq!(signed_out(), "__Host-serin-console=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Strict");
    }

    #[test]
    fn only_the_pages_own_calls_change_something() {
        let own = "https://shop.example";
        assert!(is_own_call(Some("1"), Some(own), own));
        for (confirmation, origin) in [
            (None, Some(own)),
            (Some("0"), Some(own)),
            (Some("1"), None),
            (Some("1"), Some("null")),
            (Some("1"), Some("https://shop.example.evil.example")),
            (Some("1"), Some("http://shop.example")),
        ] {
            assert!(!is_own_call(confirmation, origin, own), "{confirmation:?} {origin:?}");
        }
    }

    proptest! {
        #[test]
        fn a_value_with_any_change_is_none(at in 0_usize..90, with in "[ -~]") {
            let good = value(Role::Admin, TOKENS, HOST);
            let at = at % good.len();
            let changed = format!("{}{with}{}", &good[..at], &good[at + 1..]);
            // Hexadecimal digits mean the same in upper case.
            prop_assume!(!changed.eq_ignore_ascii_case(&good));
            prop_assert_eq!(Session::open(&changed, TOKENS, HOST, NOW), None);
        }

        #[test]
        fn no_value_panics(value in "\\PC{0,80}") {
            prop_assert_eq!(Session::open(&value, TOKENS, HOST, NOW), None);
        }
    }
}
