//! The URL of a request, and `/health`'s query, against the URL standard's own algorithm.

use serin_logic::routing::target::Target;
use url::Url;

use super::text;

/// Reads the input as a request's URL.
pub fn check(input: &[u8]) {
    let text = text(input);
    let target = Target::of(&text);
    let parsed = Url::parse(&text).ok().filter(|url| ["http", "https"].contains(&url.scheme()));
    if let Some(url) = parsed {
        // Workers hear of URLs that were parsed already: what a parser wrote is taken apart as the parser would.
        let written = url.as_str();
        let target = Target::of(written);
        assert_eq!(Some(target.host), url.host_str(), "{written}");
        assert_eq!((target.path, target.query), (url.path(), url.query()), "{written}");
        let detailed = target.query_value("detailed");
        let plain = url.query().map(|query| query.split('&').find_map(|pair| pair.strip_prefix("detailed=")));
        if detailed.is_some_and(|value| !value.is_empty()) {
            assert_eq!(detailed, plain.flatten());
        }
        normal_is_what_a_parser_leaves(&target, &url);
    }
    let made_up = format!("https://shop.example/{}", text.trim_start_matches('/'));
    if let Ok(url) = Url::parse(&made_up) {
        normal_is_what_a_parser_leaves(&Target::of(&made_up), &url);
    }
    let _ = target.is_normal();
}

fn normal_is_what_a_parser_leaves(target: &Target<'_>, url: &Url) {
    if target.is_normal() {
        assert_eq!(target.path, url.path(), "{target:?} is not normal");
    }
}
