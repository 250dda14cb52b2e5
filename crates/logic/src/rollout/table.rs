//! The transitions, as a table. Everything else only finds out which row applies and carries out what it says.

use super::phase::{PauseKind, PhaseKind, RollbackKind};

/// What an event comes down to: the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// A look passed; the hold is not over, or the state not yet written.
    Good,
    /// A look passed and the hold is over.
    GoodAndDue,
    /// The same, and the step waits for `promote`.
    GoodButGated,
    /// The same, but in a window in which no step is taken.
    GoodButFrozen,
    /// A look failed without strong evidence, fewer times in a row than the limit.
    Poor,
    /// As many times as the limit.
    PoorTooOften,
    /// A look failed with strong evidence.
    Bad,
    /// One of the last two, and the plan says to hold.
    BadButHeld,
    /// A look told nothing.
    Unsure,
    /// Too many in a row.
    UnsureTooOften,
    /// No look could be taken.
    Trouble,
    /// `canary-state` was edited by hand.
    Edited,
    /// Orders.
    Start,
    Pause,
    Resume,
    PromoteNext,
    PromoteFull,
    Halt,
    Undo,
    Abort,
}

/// What to do: the cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// Leave the phase as it is.
    Stay,
    /// An order that is carried out already.
    Already,
    /// An order that makes no sense here.
    Refuse,
    /// A new rollout.
    Begin,
    /// The next step; after the last, complete.
    Advance,
    /// The last step.
    Jump,
    /// On from where it was paused.
    Continue,
    Pause(PauseKind),
    RollBack(RollbackKind),
    /// Undo a rollback: paused where it was, at 0 %.
    Restore,
    Abort,
    /// Let the edited document hold.
    Yield,
}

/// What `signal` does in `phase`.
#[rustfmt::skip]
#[allow(clippy::match_same_arms)] // a row for each signal
pub(super) fn look_up(signal: Signal, phase: PhaseKind) -> Move {
    use Move::{Abort, Advance, Already, Begin, Continue, Jump, Pause, Refuse, Restore, RollBack, Stay, Yield};
    use PauseKind::{Approval, Failed, Halted, HandEdited, Inconclusive, Operator};
    use RollbackKind::{Ceiling, Evidence, Undone};

    let [progressing, paused, baking, completed, rolled_back, aborted] = match signal {
        //                        progressing          paused              baking               completed         rolled back  aborted
        Signal::Good           => [Stay,                Stay,               Stay,                Stay,             Stay,        Stay],
        Signal::GoodAndDue     => [Advance,             Stay,               Advance,             Stay,             Stay,        Stay],
        Signal::GoodButGated   => [Pause(Approval),     Stay,               Pause(Approval),     Stay,             Stay,        Stay],
        Signal::GoodButFrozen  => [Stay,                Stay,               Stay,                Stay,             Stay,        Stay],
        Signal::Poor           => [Stay,                Stay,               Stay,                Stay,             Stay,        Stay],
        Signal::PoorTooOften   => [RollBack(Ceiling),   RollBack(Ceiling),  RollBack(Ceiling),   Stay,             Stay,        Stay],
        Signal::Bad            => [RollBack(Evidence),  RollBack(Evidence), RollBack(Evidence),  Stay,             Stay,        Stay],
        Signal::BadButHeld     => [Pause(Failed),       Stay,               Pause(Failed),       Stay,             Stay,        Stay],
        Signal::Unsure         => [Stay,                Stay,               Stay,                Stay,             Stay,        Stay],
        Signal::UnsureTooOften => [Pause(Inconclusive), Stay,               Pause(Inconclusive), Stay,             Stay,        Stay],
        Signal::Trouble        => [Stay,                Stay,               Stay,                Stay,             Stay,        Stay],
        Signal::Edited         => [Pause(HandEdited),   Pause(HandEdited),  Pause(HandEdited),   Yield,            Yield,       Yield],
        Signal::Start          => [Refuse,              Refuse,             Refuse,              Begin,            Begin,       Begin],
        Signal::Pause          => [Pause(Operator),     Already,            Pause(Operator),     Refuse,           Refuse,      Refuse],
        Signal::Resume         => [Already,             Continue,           Already,             Refuse,           Refuse,      Refuse],
        Signal::PromoteNext    => [Advance,             Advance,            Advance,             Already,          Refuse,      Refuse],
        Signal::PromoteFull    => [Jump,                Jump,               Already,             Already,          Refuse,      Refuse],
        Signal::Halt           => [Pause(Halted),       Stay,               Pause(Halted),       Stay,             Stay,        Stay],
        Signal::Undo           => [Refuse,              Refuse,             Refuse,              RollBack(Undone), Restore,     Refuse],
        Signal::Abort          => [Abort,               Abort,              Abort,               Abort,            Abort,       Already],
    };
    match phase {
        PhaseKind::Progressing => progressing,
        PhaseKind::Paused => paused,
        PhaseKind::Baking => baking,
        PhaseKind::Completed => completed,
        PhaseKind::RolledBack => rolled_back,
        PhaseKind::Aborted => aborted,
    }
}
