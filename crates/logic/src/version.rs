//! Versions of one Worker as variants: the header that sends a request to one of them, and whether an answer is of the version that was
//! asked for. The platform ignores an override whose version is not in the Worker's current deployment, without an error, so answers are
//! checked. <https://developers.cloudflare.com/workers/versions-and-deployments/version-overrides/>

use std::fmt;
use std::ops::AddAssign;

use serde::de::{self, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::variant::Variant;

/// The platform's header that sends a request to a version: a dictionary of structured fields (RFC 9651 §3.2) from Workers to version ids.
pub const OVERRIDES_HEADER: &str = "Cloudflare-Workers-Version-Overrides";

/// The response header in which a Worker states its version id, unless `VERSION_HEADER` names another.
pub const VERSION_HEADER: &str = "serin-version";

/// Longest version id in characters. The platform's are UUIDs, of 36.
const MAX_ID_CHARS: usize = 128;

/// Longest name of a Worker in characters. The platform allows 255 in an account's own domain, and 63 in a subdomain.
const MAX_NAME_CHARS: usize = 255;

/// Id of a version: 1 to 128 printable ASCII characters, which is what a string of structured fields can carry (RFC 9651 §3.3.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct VersionId(String);

/// Name of the Worker whose versions are the variants: a key of structured fields (RFC 9651 §3.1.2), because the header needs it as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerName(String);

/// A Worker's name that cannot be a key of the header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not accepted, accepted: the name of a Worker of 1 to {MAX_NAME_CHARS} characters: a to z first, then a to z, 0 to 9, `-` or `_`"
)]
pub struct InvalidWorkerName(String);

/// The versions that a policy names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The version that is the canary.
    pub canary: VersionId,
    /// The version that is stable. Without one, requests for stable carry no override.
    pub stable: Option<VersionId>,
}

/// The overrides of a policy, made once when the policy is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionOverrides {
    versions: Versions,
    canary: String,
    stable: Option<String>,
}

/// Whether an answer is of the version that its request was sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VersionCheck {
    /// The answer states that version, or, where stable has no version of its own, another than the canary's.
    Right,
    /// The answer states a version of the other variant or of neither.
    Wrong,
    /// The answer states no version.
    Unmarked,
}

/// Answers to observed requests by their version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VersionCounts {
    /// Answers of the version that was asked for.
    pub right: u64,
    /// Answers of another version. Neither variant counts them.
    pub wrong: u64,
    /// Answers without a version. Their variant counts them.
    pub unmarked: u64,
}

// === impl VersionId ===

impl VersionId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn is_valid(text: &str) -> bool {
        (1..=MAX_ID_CHARS).contains(&text.len()) && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
    }
}

impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for VersionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(VersionIdVisitor)
    }
}

struct VersionIdVisitor;

impl Visitor<'_> for VersionIdVisitor {
    type Value = VersionId;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a version id of 1 to {MAX_ID_CHARS} printable ASCII characters")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<VersionId, E> {
        let id = VersionId::is_valid(text).then(|| VersionId(text.to_owned()));
        id.ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

// === impl WorkerName ===

impl WorkerName {
    /// Checks a name.
    ///
    /// # Errors
    /// The name cannot be a key of the header, and so no override can name this Worker.
    pub fn new(name: &str) -> Result<Self, InvalidWorkerName> {
        let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
        let is_valid = name.len() <= MAX_NAME_CHARS
            && name.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
            && name.bytes().all(is_inner);
        if is_valid { Ok(Self(name.to_owned())) } else { Err(InvalidWorkerName(name.chars().take(80).collect())) }
    }

    /// The value of [`OVERRIDES_HEADER`] that sends a request to this version.
    pub fn override_to(&self, version: &VersionId) -> String {
        let mut value = format!("{}=\"", self.0);
        for character in version.as_str().chars() {
            if matches!(character, '"' | '\\') {
                value.push('\\');
            }
            value.push(character);
        }
        value.push('"');
        value
    }
}

// === impl VersionOverrides ===

impl VersionOverrides {
    /// The overrides for a Worker's versions.
    pub fn new(worker: &WorkerName, versions: Versions) -> Self {
        let stable = versions.stable.as_ref().map(|version| worker.override_to(version));
        Self { canary: worker.override_to(&versions.canary), stable, versions }
    }

    /// The versions.
    pub fn versions(&self) -> &Versions {
        &self.versions
    }

    /// The value of [`OVERRIDES_HEADER`] for a request to a variant; none where the request is sent as it is.
    pub fn header(&self, variant: Variant) -> Option<&str> {
        match variant {
            Variant::Canary => Some(&self.canary),
            Variant::Stable => self.stable.as_deref(),
        }
    }

    /// Checks the version that an answer to a request for a variant states.
    pub fn check(&self, variant: Variant, stated: Option<&str>) -> VersionCheck {
        let Some(stated) = stated.filter(|stated| !stated.is_empty()) else { return VersionCheck::Unmarked };
        let Versions { canary, stable } = &self.versions;
        let is_right = match (variant, stable) {
            (Variant::Canary, _) => stated == canary.as_str(),
            (Variant::Stable, Some(stable)) => stated == stable.as_str(),
            (Variant::Stable, None) => stated != canary.as_str(),
        };
        if is_right { VersionCheck::Right } else { VersionCheck::Wrong }
    }
}

// === impl VersionCounts ===

impl VersionCounts {
    /// Counts an answer.
    pub fn record(&mut self, check: VersionCheck) {
        let count = match check {
            VersionCheck::Right => &mut self.right,
            VersionCheck::Wrong => &mut self.wrong,
            VersionCheck::Unmarked => &mut self.unmarked,
        };
        *count = count.saturating_add(1);
    }

    /// All answers that were checked.
    pub fn answers(&self) -> u64 {
        self.right.saturating_add(self.wrong).saturating_add(self.unmarked)
    }

    /// Whether no answer was checked.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl AddAssign for VersionCounts {
    fn add_assign(&mut self, other: Self) {
        self.right = self.right.saturating_add(other.right);
        self.wrong = self.wrong.saturating_add(other.wrong);
        self.unmarked = self.unmarked.saturating_add(other.unmarked);
    }
}

/// `3 of 120 answers are of another version`, and how many state none.
impl fmt::Display for VersionCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} answers are of another version", self.wrong, self.answers())?;
        if self.unmarked > 0 { write!(f, ", {} state none", self.unmarked) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sfv::{BareItem, Dictionary, ListEntry, Parser};

    use super::*;

    fn id(text: &str) -> Result<VersionId, serde_json::Error> {
        serde_json::from_value(text.into())
    }

    fn overrides(stable: Option<&str>) -> VersionOverrides {
        let versions = Versions { canary: id("new").unwrap(), stable: stable.map(|stable| id(stable).unwrap()) };
        VersionOverrides::new(&WorkerName::new("shop").unwrap(), versions)
    }

    #[test]
    fn the_header_is_what_the_platform_documents_byte_for_byte() {
        let version = id("dc8dcd28-271b-4367-9840-6c244f84cb40").unwrap();
        let value = WorkerName::new("my-worker-name").unwrap().override_to(&version);
        assert_eq!(value, r#"my-worker-name="dc8dcd28-271b-4367-9840-6c244f84cb40""#);
    }

    #[test]
    fn a_name_or_an_id_that_the_header_cannot_carry_is_an_error_that_says_what_is_accepted() {
        for name in
            ["", "Shop", "1shop", "_shop", "-shop", "sh op", "shöp", "shop.example", "a=b", "a\"", &"a".repeat(256)]
        {
            let error = WorkerName::new(name).unwrap_err().to_string();
            assert!(error.contains("accepted: the name of a Worker"), "{error}");
        }
        for text in ["", "ü", "a\tb", "a\r\nb", &"a".repeat(129)] {
            let error = id(text).unwrap_err().to_string();
            assert!(error.contains("expected a version id of 1 to 128 printable ASCII characters"), "{error}");
        }
    }

    proptest! {
        /// The parser is another implementation of RFC 9651.
        #[test]
        fn any_name_and_id_make_a_valid_dictionary_or_an_error(
            name in "([a-z][a-z0-9_-]{0,70})|([ -~]{0,70})|(\\PC{0,20})",
            text in "([0-9a-f-]{36})|([ -~]{0,130})|(\\PC{0,20})",
        ) {
            let (worker, version) = (WorkerName::new(&name), id(&text));
            prop_assert_eq!(version.is_ok(), (1..=128).contains(&text.len()) && text.chars().all(|c| (' '..='~').contains(&c)));
            if let (Ok(worker), Ok(version)) = (worker, version) {
                let value = worker.override_to(&version);
                let parsed = Parser::new(&value).parse::<Dictionary>().unwrap();
                prop_assert_eq!(parsed.len(), 1);
                let (key, entry) = parsed.first().unwrap();
                prop_assert_eq!(key.as_str(), name);
                let ListEntry::Item(item) = entry else { panic!("{value} is no item") };
                prop_assert!(item.params.is_empty());
                let BareItem::String(string) = &item.bare_item else { panic!("{value} is no string") };
                prop_assert_eq!(string.as_str(), text);
            }
        }
    }

    #[test]
    fn stable_carries_no_override_unless_it_has_a_version_of_its_own() {
        let header = |overrides: &VersionOverrides, variant| overrides.header(variant).map(str::to_owned);
        assert_eq!(header(&overrides(None), Variant::Canary).as_deref(), Some(r#"shop="new""#));
        assert_eq!(header(&overrides(None), Variant::Stable), None);
        assert_eq!(header(&overrides(Some("old")), Variant::Stable).as_deref(), Some(r#"shop="old""#));
    }

    #[test]
    fn an_answer_of_another_version_is_wrong_and_one_without_a_version_is_unmarked() {
        use Variant::{Canary, Stable};
        use VersionCheck::{Right, Unmarked, Wrong};
        for (stable, variant, stated, expected) in [
            (None, Canary, Some("new"), Right),
            (None, Canary, Some("old"), Wrong),
            (None, Stable, Some("old"), Right),
            (None, Stable, Some("new"), Wrong),
            (Some("old"), Stable, Some("old"), Right),
            (Some("old"), Stable, Some("older"), Wrong),
            (Some("old"), Canary, Some(""), Unmarked),
            (Some("old"), Stable, None, Unmarked),
        ] {
            assert_eq!(overrides(stable).check(variant, stated), expected, "{stable:?} {variant} {stated:?}");
        }
    }
}
