//! A wait that ends.

use core::pin::Pin;
use core::time::Duration;

use futures_util::future::{Either, select};

use crate::javascript;

/// Work that did not end in time, and can be waited for elsewhere.
pub type Unfinished<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// What `work` gives within `limit`. Boxed by the caller: the code is made once for each result, not for each work.
///
/// # Errors
/// The work, which goes on where it is waited for.
pub async fn within<T>(limit: Duration, work: Unfinished<'_, T>) -> Result<T, Unfinished<'_, T>> {
    let limit = Box::pin(javascript::wait(limit.as_secs_f64() * 1000.0));
    match select(work, limit).await {
        Either::Left((done, _)) => Ok(done),
        Either::Right(((), work)) => Err(work),
    }
}
