//! The isolate's copy of the policy: read from KV once per refresh interval, behind a request, and changed by what the controller says.
//! Only the first requests of an isolate wait for it.

use core::time::Duration;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use serin_logic::Timestamp;
use serin_logic::log_event::LogEvent;
use serin_logic::rollout::Overlay;
use serin_logic::snapshot::Snapshot;

use crate::platform::{clock, log};
use crate::policy_store::PolicyStore;

/// How long a request waits for the first read.
pub(crate) const FIRST_READ_LIMIT: Duration = Duration::from_millis(250);
/// How long a read may take before it counts as failed.
const READ_LIMIT: Duration = Duration::from_secs(5);

/// The policy as this isolate last read it.
pub(crate) struct PolicyCache {
    store: PolicyStore,
    refresh: Duration,
    /// None until the first read has ended, or nobody waits for it any longer.
    snapshot: RefCell<Option<Rc<Snapshot>>>,
    /// When the last read began: the lease of the refresh.
    read_begun_at: Cell<Timestamp>,
    /// When the first request asked for a policy. Requests wait for [`FIRST_READ_LIMIT`] from then on.
    first_asked_at: Cell<Option<Timestamp>>,
}

// === impl PolicyCache ===

impl PolicyCache {
    pub(crate) fn new(store: PolicyStore, refresh: Duration) -> Self {
        Self {
            store,
            refresh,
            snapshot: RefCell::default(),
            read_begun_at: Cell::default(),
            first_asked_at: Cell::default(),
        }
    }

    /// The policy's keys in KV.
    pub(crate) fn store(&self) -> &PolicyStore {
        &self.store
    }

    /// The policy. None where the caller is to read it and wait: each of the first requests reads for itself, because a read that another
    /// request owns ends with that request.
    pub(crate) fn snapshot(&self, now: Timestamp) -> Option<Rc<Snapshot>> {
        if let Some(snapshot) = &*self.snapshot.borrow() {
            return Some(snapshot.clone());
        }
        let first_asked_at = self.first_asked_at.get().unwrap_or(now);
        self.first_asked_at.set(Some(first_asked_at));
        if now.since(first_asked_at) >= FIRST_READ_LIMIT {
            return Some(Rc::default());
        }
        self.read_begun_at.set(now);
        None
    }

    /// The policy, or what is assumed before the first read.
    pub(crate) fn known(&self) -> Rc<Snapshot> {
        self.snapshot.borrow().clone().unwrap_or_default()
    }

    /// Whether the caller is to refresh the policy behind its request. One caller in each interval is.
    pub(crate) fn claim_refresh(&self, now: Timestamp) -> bool {
        let is_due = now.since(self.read_begun_at.get()) >= self.refresh;
        if is_due {
            self.read_begun_at.set(now);
        }
        is_due
    }

    /// Reads the policy from KV. Where that fails, the last good policy stays. Returns whether the same rollout continues.
    pub(crate) async fn read(&self) -> Result<bool, String> {
        let read = self.store.read(READ_LIMIT).await;
        let before = self.known();
        match read {
            Ok(values) => {
                let (next, events) = before.apply_kv_values(self.store.state_key(), values, clock::now());
                Ok(self.replace(next, &events))
            }
            Err(error) => {
                let (next, event) = before.record_read_error(error.clone());
                self.replace(next, event.as_slice());
                Err(error)
            }
        }
    }

    /// Takes over what the controller says. Returns whether the same rollout continues.
    pub(crate) fn apply_overlay(&self, overlay: Overlay) -> bool {
        let (next, events) = self.known().apply_overlay(self.store.state_key(), overlay, clock::now());
        self.replace(next, &events)
    }

    fn replace(&self, next: Snapshot, events: &[LogEvent]) -> bool {
        log::events(events);
        let continues = next.continues(&self.known());
        *self.snapshot.borrow_mut() = Some(Rc::new(next));
        continues
    }
}
