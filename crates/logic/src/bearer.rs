//! The bearer token of the control API.

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Whether an `Authorization` header carries `token`. The digests are compared in constant time, so that the duration reveals neither the
/// content nor the length of the token. An empty token authorizes no request.
pub fn is_authorized(authorization: Option<&str>, token: &str) -> bool {
    let Some((scheme, given)) = authorization.and_then(|header| header.split_once(' ')) else { return false };
    let same = Sha256::digest(given.trim()).ct_eq(&Sha256::digest(token));
    scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && bool::from(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_accepted() {
        assert!(is_authorized(Some("Bearer s3cret"), "s3cret"));
        assert!(is_authorized(Some("bearer  s3cret "), "s3cret"));
        for header in ["Bearer s3cre", "Bearer s3crett", "Bearer S3cret", "Basic s3cret", "s3cret", "Bearer", "Bearer "]
        {
            assert!(!is_authorized(Some(header), "s3cret"), "{header}");
        }
        assert!(!is_authorized(None, "s3cret"));
        assert!(!is_authorized(Some("Bearer "), ""));
    }
}
