//! A transaction of the controller: load, act, settle, store, set the alarm; without waiting in between, so that the platform stores all
//! of it or nothing.

use std::collections::BTreeMap;
use std::rc::Rc;

use serin_logic::Timestamp;
use serin_logic::api::AuditRecord;
use serin_logic::controller::{CheckQuestion, Controller, KnownVisitors, QueuedMessage, SwitchWrite, documents};
use serin_logic::rollout::{Effect, Receipt, WriteState, pending};
use worker::{State, Storage};

use super::store::{StorageError, Store};
use crate::config::Config;
use crate::platform::clock;
use crate::policy_store::PolicyStore;

/// What the controller's object keeps in memory: nothing that is not in the platform's hands.
pub(crate) struct ControllerContext {
    pub(crate) state: State,
    pub(crate) config: Config,
    pub(crate) policy: PolicyStore,
}

/// Effects to perform outside, claimed by a transaction.
#[derive(Debug, Default)]
pub(crate) struct Claimed {
    pub(crate) write: Option<WriteState>,
    pub(crate) message: Option<QueuedMessage>,
    pub(crate) switch: Option<SwitchWrite>,
    pub(crate) question: Option<CheckQuestion>,
}

/// The stored documents as loaded, and their texts.
struct Transaction {
    store: Store,
    texts: [Option<String>; 5],
    /// The stored documents of the visitors that were counted, where they were loaded: they are large, and only alarms need them.
    known_texts: Option<[Option<String>; 6]>,
    controller: Controller,
    /// The alarm that is set.
    alarm: Option<Timestamp>,
    now: Timestamp,
}

/// Loads the controller.
pub(crate) fn load(context: &ControllerContext) -> Result<Controller, StorageError> {
    Transaction::begin(context).map(|transaction| transaction.controller)
}

/// Handles an alarm with the visitors that were counted.
pub(crate) fn run_alarm(
    context: &Rc<ControllerContext>,
    act: impl FnOnce(&mut Controller, Timestamp),
) -> Result<Claimed, StorageError> {
    let mut transaction = Transaction::begin(context)?;
    transaction.load_known()?;
    act(&mut transaction.controller, transaction.now);
    transaction.end(context)
}

/// Changes the controller. Returns the result and the effects to perform outside.
pub(crate) fn run<T>(
    context: &Rc<ControllerContext>,
    act: impl FnOnce(&mut Controller, &Store, Timestamp) -> Result<T, StorageError>,
) -> Result<(T, Claimed), StorageError> {
    let mut transaction = Transaction::begin(context)?;
    let given = act(&mut transaction.controller, &transaction.store, transaction.now)?;
    Ok((given, transaction.end(context)?))
}

// === impl Transaction ===

impl Transaction {
    fn begin(context: &ControllerContext) -> Result<Self, StorageError> {
        let store = Store::open(&context.state)?;
        let state = store.load(documents::STATE)?;
        let analysis = store.load(documents::ANALYSIS)?;
        let metrics = store.load(documents::METRICS)?;
        let switches = store.load(documents::SWITCHES)?;
        let outbox = store.load(documents::OUTBOX)?;
        let texts = [state.text, analysis.text, metrics.text, switches.text, outbox.text];
        let controller = Controller {
            state: state.document,
            analysis: analysis.document,
            metrics: metrics.document,
            switches: switches.document,
            outbox: outbox.document,
            known: KnownVisitors::default(),
        };
        let now = clock::now();
        Ok(Self { store, texts, known_texts: None, alarm: controller.next_alarm(now), controller, now })
    }

    fn load_known(&mut self) -> Result<(), StorageError> {
        let [scope, failed, slow, seen, worse, slower] = documents::KNOWN;
        let scope = self.store.load(scope)?;
        let [failed, slow, seen] = [self.store.load(failed)?, self.store.load(slow)?, self.store.load(seen)?];
        let [worse, slower] = [self.store.load(worse)?, self.store.load(slower)?];
        self.known_texts = Some([scope.text, failed.text, slow.text, seen.text, worse.text, slower.text]);
        self.controller.known = KnownVisitors {
            scope: scope.document,
            failed: failed.document,
            slow: slow.document,
            seen: seen.document,
            worse: worse.document,
            slower: slower.document,
        };
        Ok(())
    }

    fn end(mut self, context: &ControllerContext) -> Result<Claimed, StorageError> {
        let audited = self.settle(&context.config)?;
        let Self { store, texts, known_texts, mut controller, alarm: set, now } = self;
        let claimed = Claimed {
            write: controller.claim_write(now),
            message: controller.claim_message(now),
            switch: controller.claim_switch(now),
            question: controller.claim_check(now),
        };

        let Controller { state, analysis, metrics, switches, outbox, known } = &controller;
        let [state_text, analysis_text, metrics_text, switches_text, outbox_text] = &texts;
        let is_changed = [
            store.save(documents::STATE, state, state_text.as_deref())?,
            store.save(documents::ANALYSIS, analysis, analysis_text.as_deref())?,
        ];
        store.save(documents::METRICS, metrics, metrics_text.as_deref())?;
        store.save(documents::SWITCHES, switches, switches_text.as_deref())?;
        store.save(documents::OUTBOX, outbox, outbox_text.as_deref())?;
        if let Some([scope_text, failed_text, slow_text, seen_text, worse_text, slower_text]) = known_texts {
            let [scope, failed, slow, seen, worse, slower] = documents::KNOWN;
            store.save(scope, &known.scope, scope_text.as_deref())?;
            store.save(failed, &known.failed, failed_text.as_deref())?;
            store.save(slow, &known.slow, slow_text.as_deref())?;
            store.save(seen, &known.seen, seen_text.as_deref())?;
            store.save(worse, &known.worse, worse_text.as_deref())?;
            store.save(slower, &known.slower, slower_text.as_deref())?;
        }

        if is_changed.contains(&true) {
            let history = store.history()?;
            history.note(&controller, now)?;
            history.follow(&controller, &audited, now)?;
        }

        let alarm = controller.next_alarm(now);
        // A report changes no date: the alarm that is set stays, unless it is overdue.
        if alarm != set || alarm.is_some_and(|at| at <= now) {
            set_alarm(context.state.storage(), alarm);
        }
        Ok(claimed)
    }

    /// Performs the effects that need nothing from outside, and queues the webhook's messages. Returns the numbers of the
    /// rollout's new audit entries.
    fn settle(&mut self, config: &Config) -> Result<Vec<u64>, StorageError> {
        let unchanged = self.controller.state.summary();
        let changes = self.store.take_changes().into_iter();
        let mut news: Vec<_> = changes.map(|record| (record, unchanged.clone())).collect();
        let (mut stored, mut audited) = (BTreeMap::new(), Vec::new());
        for effect in pending(&self.controller.state, self.now) {
            let receipt = match effect {
                Effect::Audit(entry) => {
                    let record = AuditRecord::of_rollout(&entry);
                    let seq = self.store.append_of_machine(entry.seq, &record)?;
                    audited.extend(seq);
                    stored.insert(entry.seq, (AuditRecord { seq, ..record }, entry.after));
                    Receipt::Audited { seq: entry.seq }
                }
                // The overlay is made of what is stored.
                Effect::SetHalt(halt) => Receipt::Halted { epoch: halt.epoch },
                // An entry comes before its notification, in one transaction.
                Effect::Notify(notification) => {
                    news.extend(stored.remove(&notification.seq));
                    Receipt::Notified { seq: notification.seq }
                }
                Effect::WriteState(_) | Effect::SetAlarm(_) | Effect::TakeLook(_) => continue,
            };
            let _ = self.controller.done(receipt, self.now);
        }
        if config.webhook_url.is_some() {
            news.sort_by_key(|(record, _)| record.seq);
            for (record, summary) in news {
                let message = record.message(&summary, &self.controller, config.service_name.as_deref());
                let body = config.webhook_format.body(&message);
                self.controller.outbox.push(QueuedMessage { seq: message.seq, body });
            }
        }
        Ok(audited)
    }
}

/// Sets the alarm, or removes it. The call is not awaited: the platform stores it with the transaction. An alarm that could not be set is
/// set by the next transaction.
pub(crate) fn set_alarm(storage: Storage, at: Option<Timestamp>) {
    wasm_bindgen_futures::spawn_local(async move {
        let _ = match at {
            Some(at) => storage.set_alarm(clock::alarm_at(at)).await,
            None => storage.delete_alarm().await,
        };
    });
}
