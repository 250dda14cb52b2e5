//! What an isolate keeps between requests. It owns its parts, and none of them names it.

use core::pin::pin;
use core::time::Duration;
use std::cell::OnceCell;
use std::rc::Rc;

use futures_util::future::{Either, join, select};
use serin_logic::rollout::Observation;
use serin_logic::snapshot::AgeLimits;
use worker::{Context, Delay, Env};

use crate::access::AccessVerifier;
use crate::canary_guard::CanaryGuard;
use crate::config::Config;
use crate::mirror::Mirror;
use crate::platform::{background, clock, log};
use crate::policy_cache::PolicyCache;
use crate::policy_store::PolicyStore;
use crate::proxy::Proxy;
use crate::request;
use crate::telemetry::{Flush, Telemetry};

/// How often a waiting request checks for the result of another request's read.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// One isolate's state. It is made by the isolate's first request, and again after a panic.
pub(crate) struct Isolate {
    pub(crate) config: Config,
    pub(crate) policy: PolicyCache,
    pub(crate) proxy: Proxy,
    pub(crate) guard: CanaryGuard,
    pub(crate) mirror: Mirror,
    pub(crate) telemetry: Telemetry,
    pub(crate) access: AccessVerifier,
}

thread_local! {
    static ISOLATE: OnceCell<Rc<Isolate>> = const { OnceCell::new() };
}

/// The isolate that this request runs in.
pub(crate) fn current(env: &Env) -> Rc<Isolate> {
    ISOLATE.with(|isolate| isolate.get_or_init(|| Rc::new(Isolate::new(env))).clone())
}

/// The isolate, if a request has made it since the instance began.
pub(crate) fn existing() -> Option<Rc<Isolate>> {
    ISOLATE.with(|isolate| isolate.get().cloned())
}

// === impl Isolate ===

impl Isolate {
    fn new(env: &Env) -> Self {
        request::intern_header_names();
        let (config, misconfigured) = Config::read(env);
        log::events(&misconfigured);
        let store = PolicyStore::new(config.canary_state.clone(), config.state_key.clone());
        let limits = AgeLimits { write: config.max_switch_age, read: config.routing.max_stale };
        Self {
            policy: PolicyCache::new(store, config.refresh, limits, config.service_worker.clone()),
            proxy: Proxy::new(config.stable.clone(), config.canary.clone()),
            guard: CanaryGuard::new(config.canary_deadline),
            mirror: Mirror::default(),
            telemetry: Telemetry::new(config.metrics.clone(), config.analytics.clone(), config.refresh),
            access: AccessVerifier::new(config.access.clone()),
            config,
        }
    }

    /// Reads the policy, and exchanges counts for the controller's answer, side by side.
    pub(crate) async fn refresh(&self) {
        let _ = join(self.read_policy(), self.flush()).await;
    }

    /// Asks KV and the location's shard at once, for a request that waits for a fresh policy. Calls `settled` when there is one, or when
    /// neither has brought one; a running read then continues. Where another request of this isolate asks already, this one waits
    /// for what comes of that, and asks as well if nothing does.
    pub(crate) async fn freshen(&self, is_write: bool, settled: impl Fn()) {
        let is_settled = || self.policy.is_settled(is_write, clock::now());
        let failed_before = self.policy.failed_reads();
        loop {
            let has_failed = self.policy.failed_reads() != failed_before;
            if is_settled() || (has_failed && !is_write) {
                return settled();
            }
            if has_failed || self.policy.claim_shared_read(clock::now()) {
                break;
            }
            Delay::from(LOOK_EVERY).await;
        }
        match select(pin!(self.read_policy()), pin!(self.flush())).await {
            Either::Left((_, asked)) => {
                if is_settled() {
                    settled();
                }
                let _ = asked.await;
            }
            Either::Right((_, read)) => {
                if is_settled() {
                    settled();
                }
                let _ = read.await;
            }
        }
        settled();
    }

    /// Reads the policy from KV. Where that fails, the last good policy stays.
    pub(crate) async fn read_policy(&self) -> Result<(), String> {
        let continues = self.policy.read().await?;
        self.reset_unless(continues);
        Ok(())
    }

    /// Sends what was counted to the location's shard, and applies the controller's answer. Counts that could not be sent stay for the next
    /// time.
    pub(crate) async fn flush(&self) -> Result<(), String> {
        if let Some(overlay) = Box::pin(self.telemetry.flush(self.policy.reading())).await? {
            self.reset_unless(self.policy.apply_overlay(overlay));
        }
        Ok(())
    }

    /// Sends the counts, behind the request.
    pub(crate) fn begin_flush(isolate: Rc<Self>, context: &Context, flush: Flush) {
        match flush {
            Flush::NotYet => {}
            Flush::Now => background::wait_until(context, async move {
                let _ = isolate.flush().await;
            }),
            Flush::AfterInterval => background::wait_until(context, async move {
                isolate.telemetry.interval().await;
                if isolate.telemetry.has_counts() {
                    let _ = isolate.flush().await;
                }
            }),
        }
    }

    /// Whether this observation is in force.
    pub(crate) fn observes(&self, observation: &Observation) -> bool {
        self.policy.known().observation_window().is_some_and(|present| *present.observation == *observation)
    }

    /// What the guard learnt about one rollout's canary does not apply to another's.
    fn reset_unless(&self, same_rollout_continues: bool) {
        if !same_rollout_continues {
            self.guard.reset();
        }
    }
}
