//! What an isolate keeps between requests.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use serin_logic::Timestamp;
use serin_logic::breaker::Breaker;
use serin_logic::fallback::Budget;
use serin_logic::policy::Snapshot;
use serin_logic::throttle::Throttle;

use crate::dispatch::Callbacks;
use crate::observation::Observer;
use serin_runtime::bindings::Bindings;
use serin_runtime::javascript::Env;
use serin_runtime::log;

pub(crate) struct Isolate {
    pub(crate) bindings: Bindings,
    /// None until the first read has ended.
    pub(crate) snapshot: RefCell<Option<Rc<Snapshot>>>,
    /// When the last read began: the lease of the refresh.
    pub(crate) read_begun_at: RefCell<Timestamp>,
    pub(crate) breaker: RefCell<Breaker>,
    /// Of replays.
    pub(crate) budget: RefCell<Budget>,
    pub(crate) observer: Observer,
    /// Failed canary requests that stable answered.
    pub(crate) rescues: RefCell<Throttle>,
    /// Requests that nobody answered.
    pub(crate) outages: RefCell<Throttle>,
    pub(crate) callbacks: Callbacks,
}

// === impl Isolate ===

impl Isolate {
    /// This isolate's, set up by its first request. It lives as long as the isolate: one thread, nothing to free.
    pub(crate) fn get(env: &Env) -> &'static Self {
        thread_local! {
            static ISOLATE: &'static OnceCell<Isolate> = Box::leak(Box::default());
        }
        let cell = ISOLATE.with(|isolate| *isolate);
        cell.get_or_init(|| Self::new(env, cell))
    }

    fn new(env: &Env, cell: &'static OnceCell<Self>) -> Self {
        log::panics();
        let bindings = Bindings::read(env);
        log::notices(&bindings.misconfigured);
        Self {
            bindings,
            snapshot: RefCell::default(),
            read_begun_at: RefCell::default(),
            breaker: RefCell::default(),
            budget: RefCell::default(),
            observer: Observer::default(),
            rescues: RefCell::default(),
            outages: RefCell::default(),
            callbacks: Callbacks::new(cell),
        }
    }
}
