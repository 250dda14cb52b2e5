//! The transition table. The other files find out which row applies and apply its transition.

use super::phase::{PauseKind, PhaseKind, RollbackKind};

/// The rows of the table: what an event means for the rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trigger {
    /// An analysis passed; the hold is not over, or the state is not written yet.
    Pass,
    /// An analysis passed and the hold is over.
    PassAndDue,
    /// An analysis passed and the hold is over, but the step waits for `promote`.
    PassNeedsApproval,
    /// An analysis passed and the hold is over, but a freeze window is open.
    PassInFreeze,
    /// An analysis failed without strong evidence, fewer times in a row than the limit.
    FailWeak,
    /// An analysis failed without strong evidence, as many times in a row as the limit.
    FailWeakAtLimit,
    /// An analysis failed with strong evidence.
    FailStrong,
    /// An analysis failed strongly or at the limit, and the plan says to hold.
    FailOnHold,
    /// An analysis was inconclusive.
    Inconclusive,
    /// Inconclusive analyses have reached the limit.
    InconclusiveAtLimit,
    /// An analysis could not be made.
    AnalysisError,
    /// `canary-state` was edited by hand.
    Edited,
    /// The commands.
    Start,
    Pause,
    Resume,
    PromoteNext,
    PromoteFull,
    Halt,
    Undo,
    Abort,
}

/// The cells of the table: what happens to the phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transition {
    /// Leave the phase as it is.
    Stay,
    /// The command has been executed already.
    Already,
    /// The command does not apply in this phase.
    Refuse,
    /// Start a new rollout.
    Begin,
    /// Go to the next step; after the last, complete.
    Advance,
    /// Go to the last step.
    Jump,
    /// Continue from where the rollout was paused.
    Continue,
    Pause(PauseKind),
    RollBack(RollbackKind),
    /// Undo a rollback: pause at its step, at 0 %.
    Restore,
    Abort,
    /// Accept the edited document.
    Yield,
}

/// The transition of `trigger` in `phase`.
#[rustfmt::skip]
#[allow(clippy::match_same_arms)] // a row for each trigger
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
