//! The query of `/health`, compared with the URL standard's own algorithm.

use serin_logic::health;
use url::Url;

use super::text;

/// Parses the input as a query.
pub fn check(input: &[u8]) {
    let text = text(input);
    let mut url = Url::parse("https://shop.example/health").unwrap();
    url.set_query(Some(&text));
    let detailed = url.query_pairs().find(|(name, _)| name == "detailed");
    let query = url.query().unwrap_or_default();
    assert_eq!(health::is_detailed(query), detailed.is_some_and(|(_, value)| value == "true"), "{query}");
}
