//! Cloudflare Access: the person or service behind a request, from the assertion that Access adds to each request it lets through. The
//! assertion is a JSON Web Token (RFC 7519) with an RS256 signature (RFC 7518 §3.3). The signature is checked by the caller, with the
//! runtime's cryptography.
//! <https://developers.cloudflare.com/cloudflare-one/identity/authorization-cookie/validating-json/>

/// The public keys that sign assertions.
mod keys;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use self::keys::{KeyCache, PublicKey, parse_keys};
use crate::document::parse_own;
use crate::timestamp::Timestamp;

/// The request header in which Access sends its assertion.
pub const HEADER: &str = "cf-access-jwt-assertion";

/// The request header in which the edge hands a verified identity on to the controller. Clients' headers of this name are removed.
pub const IDENTITY_HEADER: &str = "serin-identity";

/// The longest assertion that is read, in bytes. Access keeps its cookies below 4 KiB.
const MAX_BYTES: usize = 16 << 10;

/// Largest time between now and the start of an assertion's validity, in seconds, because two machines' clocks differ. The end of its
/// validity has no such margin.
const CLOCK_SKEW: f64 = 30.0;

/// The application in Cloudflare Access whose assertions are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessApplication {
    /// `https://TEAM.cloudflareaccess.com`: the issuer of its assertions.
    issuer: String,
    /// The application's audience tag.
    audience: String,
}

/// An assertion whose signature is not verified yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Assertion {
    signed: String,
    signature: Vec<u8>,
    key_id: String,
    claims: Claims,
}

/// Why an assertion is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// The request did not pass through Access.
    #[error("the request has no header Cf-Access-Jwt-Assertion: it did not come through Cloudflare Access")]
    Missing,
    /// The header is no JSON Web Token, or one with a part that is not known.
    #[error("Cf-Access-Jwt-Assertion is not a JSON Web Token: {0}")]
    Malformed(&'static str),
    /// The signature is not RS256.
    #[error("Cf-Access-Jwt-Assertion is signed with another algorithm than RS256")]
    Algorithm,
    /// The team has no such key.
    #[error("Cf-Access-Jwt-Assertion is signed with a key that the team does not have")]
    UnknownKey,
    /// The signature does not match.
    #[error("the signature of Cf-Access-Jwt-Assertion does not match")]
    Signature,
    /// Another team's assertion.
    #[error("Cf-Access-Jwt-Assertion was issued by another team than ACCESS_TEAM_DOMAIN")]
    Issuer,
    /// Another application's assertion.
    #[error("Cf-Access-Jwt-Assertion is for another application than ACCESS_AUD")]
    Audience,
    /// The assertion is no longer valid.
    #[error("Cf-Access-Jwt-Assertion has expired")]
    Expired,
    /// The assertion is not valid yet.
    #[error("Cf-Access-Jwt-Assertion is not valid yet")]
    NotYet,
    /// The assertion has no name.
    #[error("Cf-Access-Jwt-Assertion has neither an email nor a common_name")]
    Nobody,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Claims {
    iss: String,
    /// A string or a list of strings (RFC 7519 §4.1.3).
    aud: Value,
    /// In seconds since the Unix epoch, as are all times of a token.
    exp: f64,
    #[serde(default)]
    nbf: Option<f64>,
    /// Of a person.
    #[serde(default)]
    email: Option<String>,
    /// Of a service token: its client id.
    #[serde(default)]
    common_name: Option<String>,
}

// === impl AccessApplication ===

impl AccessApplication {
    /// The application that the variables `ACCESS_TEAM_DOMAIN` and `ACCESS_AUD` name; none if neither is set.
    ///
    /// # Errors
    /// One of both is missing, or the domain is none. The message names the variable and what is accepted.
    pub fn new(team_domain: Option<&str>, audience: Option<&str>) -> Result<Option<Self>, String> {
        let (domain, audience) = match (team_domain, audience) {
            (None, None) => return Ok(None),
            (Some(_), None) => return Err("ACCESS_AUD is missing: the audience tag of the Access application".into()),
            (None, Some(_)) => return Err("ACCESS_TEAM_DOMAIN is missing: TEAM.cloudflareaccess.com".into()),
            (Some(domain), Some(audience)) => (domain.trim(), audience.trim()),
        };
        let host = domain.strip_prefix("https://").unwrap_or(domain);
        let host = host.strip_suffix('/').unwrap_or(host);
        let is_label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if !host.contains('.') || !host.split('.').all(is_label) {
            return Err(format!(
                "ACCESS_TEAM_DOMAIN is {domain:?}, accepted: a host such as TEAM.cloudflareaccess.com"
            ));
        }
        Ok(Some(Self { issuer: format!("https://{}", host.to_ascii_lowercase()), audience: audience.to_owned() }))
    }

    /// The address of the team's public keys.
    pub fn keys_url(&self) -> String {
        format!("{}/cdn-cgi/access/certs", self.issuer)
    }
}

// === impl Assertion ===

impl Assertion {
    /// Parses the value of the header. Nothing in it may be believed until the signature is verified.
    ///
    /// # Errors
    /// The value is no JSON Web Token with an RS256 signature and the claims that are needed.
    pub fn parse(token: &str) -> Result<Self, AccessError> {
        let malformed = AccessError::Malformed;
        if token.len() > MAX_BYTES {
            return Err(malformed("it is too long"));
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(malformed("it does not have three parts"))?;
        let (header, claims) = signed.split_once('.').ok_or(malformed("it does not have three parts"))?;
        let header: Header = decode(header).ok_or(malformed("its header has no alg and kid"))?;
        if header.alg != "RS256" {
            return Err(AccessError::Algorithm);
        }
        let claims = decode(claims).ok_or(malformed("its claims have no iss, aud and exp"))?;
        let signature =
            Base64UrlUnpadded::decode_vec(signature).map_err(|_| malformed("its signature is not Base64"))?;
        Ok(Self { signed: signed.to_owned(), signature, key_id: header.kid, claims })
    }

    /// The id of the key that signed.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The bytes that are signed.
    pub fn signed(&self) -> &[u8] {
        self.signed.as_bytes()
    }

    /// The signature.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The email of the person, or the client id of the service token. The caller has verified the signature.
    ///
    /// # Errors
    /// The assertion is another team's, another application's, not valid at `now`, or without a name.
    pub fn identity(self, application: &AccessApplication, now: Timestamp) -> Result<String, AccessError> {
        let Claims { iss, aud, exp, nbf, email, common_name } = self.claims;
        if iss != application.issuer {
            return Err(AccessError::Issuer);
        }
        let is_for = |aud: &Value| aud.as_str() == Some(&application.audience);
        if !is_for(&aud) && !aud.as_array().is_some_and(|all| all.iter().any(is_for)) {
            return Err(AccessError::Audience);
        }
        let now = now.as_millis() as f64 / 1000.0;
        if now >= exp {
            return Err(AccessError::Expired);
        }
        if nbf.is_some_and(|from| from > now + CLOCK_SKEW) {
            return Err(AccessError::NotYet);
        }
        [email, common_name].into_iter().flatten().find(|name| !name.is_empty()).ok_or(AccessError::Nobody)
    }
}

/// A verified identity as a header can carry it.
pub fn identity_to_header(identity: &str) -> String {
    utf8_percent_encode(identity, NON_ALPHANUMERIC).to_string()
}

/// The identity in a header of [`identity_to_header`]; none if it is empty.
pub fn identity_from_header(header: &str) -> Option<String> {
    Some(percent_decode_str(header).decode_utf8_lossy().into_owned()).filter(|identity| !identity.is_empty())
}

fn decode<T: DeserializeOwned>(part: &str) -> Option<T> {
    let json = String::from_utf8(Base64UrlUnpadded::decode_vec(part).ok()?).ok()?;
    parse_own("part", &json).ok()
}

#[cfg(test)]
mod tests;
