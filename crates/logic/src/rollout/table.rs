//! The transitions, as a table. Everything else only finds out which row applies and carries out what it says.

use super::phase::{PauseKind, PhaseKind, RollbackKind};

/// What an event comes down to: the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trigger {
    /// A look passed; the hold is not over, or the state not yet written.
    Pass,
    /// A look passed and the hold is over.
    PassAndDue,
    /// The same, and the step waits for `promote`.
    PassNeedsApproval,
    /// The same, but in a window in which no step is taken.
    PassInFreeze,
    /// A look failed without strong evidence, fewer times in a row than the limit.
    FailWeak,
    /// As many times as the limit.
    FailWeakAtLimit,
    /// A look failed with strong evidence.
    FailStrong,
    /// One of the last two, and the plan says to hold.
    FailOnHold,
    /// A look told nothing.
    Inconclusive,
    /// Too many in a row.
    InconclusiveAtLimit,
    /// No look could be taken.
    AnalysisError,
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
pub(super) enum Transition {
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
pub(super) fn look_up(trigger: Trigger, phase: PhaseKind) -> Transition {
    use Transition::{Abort, Advance, Already, Begin, Continue, Jump, Pause, Refuse, Restore, RollBack, Stay, Yield};
    use PauseKind::{Approval, Failed, Halted, HandEdited, Inconclusive, Operator};
    use RollbackKind::{Ceiling, Evidence, Undone};

    let [progressing, paused, baking, completed, rolled_back, aborted] = match trigger {
        //                        progressing          paused              baking               completed         rolled back  aborted
        Trigger::Pass           => [Stay,                Stay,               Stay,                Stay,             Stay,        Stay],
        Trigger::PassAndDue     => [Advance,             Stay,               Advance,             Stay,             Stay,        Stay],
        Trigger::PassNeedsApproval   => [Pause(Approval),     Stay,               Pause(Approval),     Stay,             Stay,        Stay],
        Trigger::PassInFreeze  => [Stay,                Stay,               Stay,                Stay,             Stay,        Stay],
        Trigger::FailWeak           => [Stay,                Stay,               Stay,                Stay,             Stay,        Stay],
        Trigger::FailWeakAtLimit   => [RollBack(Ceiling),   RollBack(Ceiling),  RollBack(Ceiling),   Stay,             Stay,        Stay],
        Trigger::FailStrong            => [RollBack(Evidence),  RollBack(Evidence), RollBack(Evidence),  Stay,             Stay,        Stay],
        Trigger::FailOnHold     => [Pause(Failed),       Stay,               Pause(Failed),       Stay,             Stay,        Stay],
        Trigger::Inconclusive         => [Stay,                Stay,               Stay,                Stay,             Stay,        Stay],
        Trigger::InconclusiveAtLimit => [Pause(Inconclusive), Stay,               Pause(Inconclusive), Stay,             Stay,        Stay],
        Trigger::AnalysisError        => [Stay,                Stay,               Stay,                Stay,             Stay,        Stay],
        Trigger::Edited         => [Pause(HandEdited),   Pause(HandEdited),  Pause(HandEdited),   Yield,            Yield,       Yield],
        Trigger::Start          => [Refuse,              Refuse,             Refuse,              Begin,            Begin,       Begin],
        Trigger::Pause          => [Pause(Operator),     Already,            Pause(Operator),     Refuse,           Refuse,      Refuse],
        Trigger::Resume         => [Already,             Continue,           Already,             Refuse,           Refuse,      Refuse],
        Trigger::PromoteNext    => [Advance,             Advance,            Advance,             Already,          Refuse,      Refuse],
        Trigger::PromoteFull    => [Jump,                Jump,               Already,             Already,          Refuse,      Refuse],
        Trigger::Halt           => [Pause(Halted),       Stay,               Pause(Halted),       Stay,             Stay,        Stay],
        Trigger::Undo           => [Refuse,              Refuse,             Refuse,              RollBack(Undone), Restore,     Refuse],
        Trigger::Abort          => [Abort,               Abort,              Abort,               Abort,            Abort,       Already],
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
