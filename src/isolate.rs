//! What an isolate keeps between requests.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use serin_logic::Timestamp;
use serin_logic::breaker::Breaker;
use serin_logic::fallback::Budget;
use serin_logic::policy::Snapshot;
use serin_logic::routing::visitor::VisitorId;
use serin_logic::throttle::Throttle;
use serin_runtime::javascript::Env;
use serin_runtime::log;
use serin_runtime::settings::Settings;
use wasm_bindgen::prelude::*;

use crate::health::Checks;
use crate::observation::Observer;

/// An isolate, to JavaScript: what follows from a request and its answer is asked of it. The other files say what there is to ask.
#[wasm_bindgen]
pub struct Isolate {
    pub(crate) settings: Settings,
    /// None until the first read has ended.
    pub(crate) snapshot: RefCell<Option<Rc<Snapshot>>>,
    /// When the last read began: the lease of the refresh.
    pub(crate) read_begun_at: Cell<Timestamp>,
    pub(crate) breaker: RefCell<Breaker>,
    /// Of replays.
    pub(crate) budget: RefCell<Budget>,
    pub(crate) observer: Observer,
    /// Failed canary requests that stable answered.
    pub(crate) rescues: RefCell<Throttle>,
    /// Requests that nobody answered.
    pub(crate) outages: RefCell<Throttle>,
    pub(crate) checks: RefCell<Checks>,
    /// What the last route said there is to fetch.
    pub(crate) answer: Cell<JsValue>,
    pub(crate) visitor: Cell<Option<VisitorId>>,
    pub(crate) cookies: Cell<String>,
}

// === impl Isolate ===

#[wasm_bindgen]
impl Isolate {
    /// Set up by the first request.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(env: &Env) -> Self {
        log::panics();
        let (settings, misconfigured) = Settings::read(env);
        log::notices(&misconfigured);
        Self {
            settings,
            snapshot: RefCell::default(),
            read_begun_at: Cell::default(),
            breaker: RefCell::default(),
            budget: RefCell::default(),
            observer: Observer::new(),
            rescues: RefCell::default(),
            outages: RefCell::default(),
            checks: RefCell::default(),
            answer: Cell::default(),
            visitor: Cell::default(),
            cookies: Cell::default(),
        }
    }
}
