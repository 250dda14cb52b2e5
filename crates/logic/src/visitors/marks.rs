//! Facts about a visitor that count once.

use std::ops::{BitAnd, BitOr, BitOrAssign, Not};

/// A set of facts about a visitor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks(u8);

// === impl Marks ===

impl Marks {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// The visitor sent a request.
    pub const SEEN: Self = Self(1);
    /// A request of the visitor failed.
    pub const FAILED: Self = Self(2);
    /// An answer was slower than stable's p95, and on the canary also than the tolerance.
    pub const SLOWER_THAN_P95: Self = Self(4);
    /// An answer was slower than stable's p99, and on the canary also than the tolerance.
    pub const SLOWER_THAN_P99: Self = Self(8);
    /// An answer was slower than the ceiling of the p95.
    pub const ABOVE_CEILING: Self = Self(16);
    const ALL: u8 = 31;

    /// Whether there is no fact.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of `other` is known.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub(super) fn bits(self) -> u8 {
        self.0
    }

    pub(super) fn from_bits(bits: u8) -> Self {
        Self(bits & Self::ALL)
    }
}

impl BitOr for Marks {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for Marks {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl BitOrAssign for Marks {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl Not for Marks {
    type Output = Self;

    fn not(self) -> Self {
        Self(!self.0 & Self::ALL)
    }
}
