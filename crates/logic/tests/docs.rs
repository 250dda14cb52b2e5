//! The Worker accepts every plan in the documentation.

use serin_logic::rollout::Plan;

/// The code blocks of a page in the given language.
fn blocks<'a>(page: &'a str, language: &'a str) -> impl Iterator<Item = &'a str> {
    let fence = format!("```{language}\n");
    page.match_indices(&fence)
        .map(|(at, fence)| page[at + fence.len()..].split("\n```").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .into_iter()
}

#[test]
fn plans() {
    let page = include_str!("../../../docs/rollouts.md");
    let mut plans = 0;
    for block in blocks(page, "json") {
        Plan::parse(block).unwrap_or_else(|error| panic!("{block}\n{error}"));
        plans += 1;
    }
    assert!(plans >= 5, "{plans}");
}
