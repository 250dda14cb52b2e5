//! The isolate's copy of the policy: read from KV once per refresh interval, behind a request, and changed by the controller's answers.
//! A request waits for it only where it is too old to decide by.

use core::time::Duration;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use serin_logic::Timestamp;
use serin_logic::effective::Effective;
use serin_logic::log_event::LogEvent;
use serin_logic::policy::KvReading;
use serin_logic::rollout::Overlay;
use serin_logic::snapshot::{AgeLimits, Snapshot};
use serin_logic::version::{VersionOverrides, Versions, WorkerName};

use crate::platform::{clock, log};
use crate::policy_store::PolicyStore;

/// How long a request that writes waits for a fresh policy.
const WRITE_WAITS: Duration = Duration::from_secs(2);
/// How long any other request does.
const READ_WAITS: Duration = Duration::from_millis(250);
/// How long a read may take before it counts as failed.
const READ_LIMIT: Duration = Duration::from_secs(5);
/// How long a waiting request relies on the read of another one before it reads for itself.
const SHARED_READ: Duration = Duration::from_millis(100);
/// After a failed read, how long requests that read use the known policy instead of waiting: the policy is unreadable, and not merely
/// unread.
const UNREADABLE: Duration = Duration::from_secs(30);

/// The policy as this isolate last read it.
pub(crate) struct PolicyCache {
    store: PolicyStore,
    refresh: Duration,
    limits: AgeLimits,
    /// The Worker whose versions a policy may name.
    worker: Option<WorkerName>,
    /// The overrides of the policy's versions; none where it names none.
    overrides: RefCell<Option<Rc<VersionOverrides>>>,
    /// None until KV or the controller has been heard.
    snapshot: RefCell<Option<Rc<Snapshot>>>,
    /// What KV answered last, for the other isolates of the location.
    reading: RefCell<Option<KvReading>>,
    /// When the last read began: the lease of the refresh.
    read_begun_at: Cell<Timestamp>,
    /// Reads that failed, and when the last one did.
    failed_reads: Cell<u64>,
    failed_at: Cell<Option<Timestamp>>,
    /// The canary's share as it was last logged; none before the first policy.
    effective: Cell<Option<Effective>>,
}

// === impl PolicyCache ===

impl PolicyCache {
    pub(crate) fn new(store: PolicyStore, refresh: Duration, limits: AgeLimits, worker: Option<WorkerName>) -> Self {
        Self {
            store,
            refresh,
            limits,
            worker,
            overrides: RefCell::default(),
            snapshot: RefCell::default(),
            reading: RefCell::default(),
            read_begun_at: Cell::default(),
            failed_reads: Cell::default(),
            failed_at: Cell::default(),
            effective: Cell::default(),
        }
    }

    /// The policy's keys in KV.
    pub(crate) fn store(&self) -> &PolicyStore {
        &self.store
    }

    /// The policy. None where it is too old for the request, which then has to wait for [`limit`](Self::limit).
    pub(crate) fn snapshot(&self, is_write: impl Fn() -> bool, now: Timestamp) -> Option<Rc<Snapshot>> {
        let snapshot = self.snapshot.borrow();
        let is_too_old = |snapshot: &Rc<Snapshot>| snapshot.is_too_old(&is_write, self.limits, now);
        match &*snapshot {
            Some(snapshot) if !is_too_old(snapshot) => Some(snapshot.clone()),
            known if self.is_unreadable(now) && !is_write() => Some(known.clone().unwrap_or_default()),
            _ => None,
        }
    }

    /// The policy, however old, or what is assumed before the first read.
    pub(crate) fn known(&self) -> Rc<Snapshot> {
        self.snapshot.borrow().clone().unwrap_or_default()
    }

    /// Whether a waiting request may go on.
    pub(crate) fn is_settled(&self, is_write: bool, now: Timestamp) -> bool {
        self.snapshot(|| is_write, now).is_some() || self.known().refuses_by_order(is_write, now)
    }

    /// The overrides of the policy's versions; none where the variants are two Workers.
    pub(crate) fn overrides(&self) -> Option<Rc<VersionOverrides>> {
        self.overrides.borrow().clone()
    }

    /// How long a request may wait.
    pub(crate) fn limit(is_write: bool) -> Duration {
        if is_write { WRITE_WAITS } else { READ_WAITS }
    }

    /// What KV answered last.
    pub(crate) fn reading(&self) -> Option<KvReading> {
        self.reading.borrow().clone()
    }

    /// Number of reads that failed.
    pub(crate) fn failed_reads(&self) -> u64 {
        self.failed_reads.get()
    }

    /// Whether the caller is to refresh the policy behind its request. One caller in each interval is.
    pub(crate) fn claim_refresh(&self, now: Timestamp) -> bool {
        self.claim(self.refresh, now)
    }

    /// Whether a waiting caller is to read the policy. The others wait for that read's result, and one of them reads as well if it
    /// brings nothing for long: a read ends with the request that it belongs to, so no request relies only on another's.
    pub(crate) fn claim_shared_read(&self, now: Timestamp) -> bool {
        self.claim(SHARED_READ, now)
    }

    /// Reads the policy from KV. Where that fails, the last good policy stays. Returns whether the same rollout continues.
    pub(crate) async fn read(&self) -> Result<bool, String> {
        let read = self.store.read(READ_LIMIT).await;
        let (before, now) = (self.known(), clock::now());
        match read {
            Ok(values) => {
                self.failed_at.set(None);
                *self.reading.borrow_mut() = KvReading::new(&values, now);
                let (next, events) = before.apply_kv_values(self.store.state_key(), values, now);
                Ok(self.replace(next, &events, now))
            }
            Err(error) => {
                self.failed_at.set(Some(now));
                self.failed_reads.set(self.failed_reads.get().wrapping_add(1));
                let (next, event) = before.record_read_error(error.clone());
                self.replace(next, event.as_slice(), now);
                Err(error)
            }
        }
    }

    /// Applies the controller's answer, and what the location knows. Returns whether the same rollout continues.
    pub(crate) fn apply_overlay(&self, overlay: Overlay) -> bool {
        let now = clock::now();
        let (next, events) = self.known().apply_overlay(self.store.state_key(), overlay, now);
        self.replace(next, &events, now)
    }

    fn claim(&self, interval: Duration, now: Timestamp) -> bool {
        let is_due = now.is_due(self.read_begun_at.get(), interval);
        if is_due {
            self.read_begun_at.set(now);
        }
        is_due
    }

    fn is_unreadable(&self, now: Timestamp) -> bool {
        self.failed_at.get().is_some_and(|at| !now.is_due(at, UNREADABLE))
    }

    fn replace(&self, next: Snapshot, events: &[LogEvent], now: Timestamp) -> bool {
        log::events(events);
        let effective = Effective::of(&next, self.limits.read, now);
        let before = self.effective.replace(Some(effective)).unwrap_or_default();
        log::events(effective.changed_since(before).as_slice());
        let continues = next.continues(&self.known());
        self.adopt_versions(next.last_good().and_then(|state| state.versions.as_ref()));
        *self.snapshot.borrow_mut() = Some(Rc::new(next));
        continues
    }

    /// Makes the overrides of a policy's versions, unless they are the present ones.
    fn adopt_versions(&self, versions: Option<&Versions>) {
        let mut present = self.overrides.borrow_mut();
        let named = self.worker.as_ref().zip(versions);
        if present.as_ref().map(|overrides| overrides.versions()) != named.map(|(_, versions)| versions) {
            *present = named.map(|(worker, versions)| Rc::new(VersionOverrides::new(worker, versions.clone())));
        }
    }
}
