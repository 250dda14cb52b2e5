//! The variants of the service.

use core::fmt;

use serde::{Deserialize, Serialize};

/// One of the two versions of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Variant {
    /// The version in production.
    Stable,
    /// The new version.
    Canary,
}

// === impl Variant ===

impl Variant {
    /// Both variants.
    pub const ALL: [Self; 2] = [Self::Canary, Self::Stable];

    /// The variant's name in documents, logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Canary => "canary",
        }
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
