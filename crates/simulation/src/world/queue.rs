//! Events in order of time. Simultaneous events stay in the order in which they were scheduled.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;

use serin_logic::analysis::PerVariant;
use serin_logic::mirror::Slot;

use crate::edge::{Answer, Mirrored, Observing};

/// An answer in flight.
#[derive(Clone)]
pub(super) struct Answered {
    pub(super) slot: usize,
    pub(super) life: u64,
    pub(super) from: From,
    pub(super) observing: Option<Observing>,
    pub(super) answer: Answer,
    /// Whether a breaker sent the request to the canary as a probe.
    pub(super) is_probe: bool,
    /// Whether the request was sent during the stage of the canary that the scenario is about.
    pub(super) counts: bool,
}

/// A request that is copied, and the answers that the variants give to it.
#[derive(Clone)]
pub(super) struct Copied {
    pub(super) slot: usize,
    pub(super) life: u64,
    pub(super) mirrored: Mirrored,
    pub(super) answers: PerVariant<Answer>,
    /// Whether the request was sent during the stage of the canary that the scenario is about.
    pub(super) counts: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    Canary,
    StableShortCircuited,
    Stable,
}

/// An event.
#[derive(Clone)]
pub(super) enum Event {
    /// A visitor sends a request.
    Request,
    /// An outsider sends a request.
    Outsider { number: usize },
    /// A variant answers.
    Answered(Box<Answered>),
    /// Stable answers a request that is to be copied.
    CopyDue(Box<Copied>),
    /// The canary answers a copy.
    CopyAnswered(Box<Copied>, Slot),
    /// A request reached an isolate that is due to refresh.
    Refresh { slot: usize, life: u64 },
    /// A batch arrives at its shard.
    Flushed { slot: usize, life: u64, location: u32, batch: Rc<str> },
    /// The shard's answer arrives.
    FlushAnswered(Rc<FlushAnswer>),
    /// A report arrives at the controller.
    Reported { location: u32, report: Rc<str>, seq: u64, waiting: Waiting },
    /// The controller's answer arrives.
    ReportAnswered { location: u32, seq: u64, overlay: Rc<str>, waiting: Waiting },
    /// A shard with something to report wakes up.
    ShardWakes { location: u32 },
    /// The controller's alarm fires.
    Alarm { number: u64 },
    /// The platform replaces an isolate.
    Recycled { slot: usize, life: u64 },
    /// The control plane's clock is set.
    ClockJumps,
}

/// Isolates that wait until their shard has asked the controller: slot, generation and number of the batch.
pub(super) type Waiting = Rc<[(usize, u64, u64)]>;

/// Response of a shard.
#[derive(Debug)]
pub(super) struct FlushAnswer {
    pub(super) slot: usize,
    pub(super) life: u64,
    pub(super) seq: u64,
    pub(super) overlay: Option<Rc<str>>,
}

/// Future events.
#[derive(Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<Due>>,
    number: u64,
}

struct Due {
    at: u64,
    number: u64,
    event: Event,
}

// === impl Queue ===

impl Queue {
    pub(super) fn push(&mut self, at: u64, event: Event) {
        self.number += 1;
        self.heap.push(Reverse(Due { at, number: self.number, event }));
    }

    /// The next event, unless it is later than `until`.
    pub(super) fn pop_until(&mut self, until: u64) -> Option<(u64, Event)> {
        if self.next_at()? > until {
            return None;
        }
        self.heap.pop().map(|Reverse(Due { at, event, .. })| (at, event))
    }

    /// Time of the next event.
    pub(super) fn next_at(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse(due)| due.at)
    }
}

// === impl Due ===

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}
