//! How a server ends: no new calls, time for those that are up, then a BYE to each.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::net::NetHandle;

/// How often a drain looks whether the calls are gone.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long calls that were hung up may take for their BYEs' answers and their streams' accounts.
const HANG_UP_TIME: Duration = Duration::from_secs(5);

/// Ends calls first by themselves, for as long as `patience` lasts, then by hanging up; then stops the shell.
pub(super) async fn stop(
    net: &NetHandle,
    ready: &AtomicBool,
    http: &CancellationToken,
    patience: Duration,
) {
    ready.store(false, Ordering::Relaxed);
    net.drain().await;
    if !calls_gone(net, patience).await {
        net.hang_up_all().await;
        if !calls_gone(net, HANG_UP_TIME).await {
            tracing::warn!("calls were left when the server stopped");
        }
    }
    http.cancel();
    net.stop().await;
}

/// Whether no call is left before the time is over.
async fn calls_gone(net: &NetHandle, time: Duration) -> bool {
    let deadline = Instant::now() + time;
    loop {
        match net.status().await {
            None => return true,
            Some(status) if status.holdings.calls == 0 => return true,
            Some(_) if Instant::now() >= deadline => return false,
            Some(_) => sleep(LOOK_EVERY).await,
        }
    }
}
