//! The policy's keys in KV.

use core::time::Duration;

use serin_logic::policy::Switch;
use serin_logic::snapshot::KvValues;
use worker::KvStore;

use crate::platform::{exception, timeout};

/// How long a location may answer with an old value, in seconds: the shortest that KV accepts.
const CACHE_SECONDS: u64 = 30;

/// The KV namespace of the policy. Every call has a deadline.
pub(crate) struct PolicyStore {
    kv: Option<KvStore>,
    state_key: String,
}

// === impl PolicyStore ===

impl PolicyStore {
    pub(crate) fn new(kv: Option<KvStore>, state_key: String) -> Self {
        Self { kv, state_key }
    }

    /// The key of the policy document.
    pub(crate) fn state_key(&self) -> &str {
        &self.state_key
    }

    /// Reads the policy document and all switches in one operation of KV.
    pub(crate) async fn read(&self, limit: Duration) -> Result<KvValues, String> {
        let [first, second, third] = Switch::ALL.map(Switch::key);
        let values = self.kv()?.get_bulk(&[&self.state_key, first, second, third]).cache_ttl(CACHE_SECONDS).text();
        let read = async { values.await.map_err(exception::kv_text) };
        let mut values = timeout::attempt(limit, read).await?;
        let mut value = |key: &str| values.remove(key).flatten();
        Ok(KvValues { canary_state: value(&self.state_key), switches: Switch::ALL.map(|switch| value(switch.key())) })
    }

    /// Writes a value, or removes the key.
    pub(crate) async fn write(&self, key: &str, value: Option<&str>, limit: Duration) -> Result<(), String> {
        let kv = self.kv()?;
        let write = async {
            match value {
                Some(value) => kv.put(key, value)?.execute().await,
                None => kv.delete(key).await,
            }
        };
        timeout::attempt(limit, async { write.await.map_err(exception::kv_text) }).await
    }

    fn kv(&self) -> Result<&KvStore, String> {
        self.kv.as_ref().ok_or_else(|| "there is no KV binding CANARY_STATE".to_owned())
    }
}
