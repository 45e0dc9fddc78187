//! The life of one terminal's task, and of what is owed behind it: whatever happens in there, its end is told.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::task::spawn_blocking;
use tracing::{error, info};

use super::arrears::Arrears;
use super::handle::{Inbox, Room};
use super::link::Link;
use super::outbox::Outbox;
use super::pool::{Place, Pool};
use super::settings::Policy;
use super::spool::{Identity, Left, recover};
use super::stream::{After, Ending};
use crate::call::{SinkEvent, StreamPlan};
use crate::event::{Cause, Delivery, DeliveryOutcome};

/// Runs the task of one terminal and tells its end, whatever that is.
pub(super) async fn run(
    room: Arc<Room>,
    plan: StreamPlan,
    pool: Arc<Pool>,
    mut inbox: Inbox,
    place: Place,
) {
    let terminal = plan.terminal;
    let life = async {
        let standing = inbox.joining.standing().await;
        room.stream(plan, Arc::clone(&pool), inbox, standing.as_ref()).run().await
    };
    let ending = guard(life).await.unwrap_or_else(|| {
        error!(%terminal, "a terminal's task panicked");
        pool.counters.panicked();
        Ending { cause: Cause::Bug, manifest: None, after: After::Nothing }
    });
    room.terminals.remove(&terminal);
    drop(place);
    let Ending { cause, manifest, after } = ending;
    // An error means that the switch is gone, and with it whoever asked.
    let _ = room.events.send(SinkEvent::Finished { terminal, cause, manifest }).await;
    match after {
        After::Nothing => {}
        After::Settled(delivery) => room.tell(Some(delivery)).await,
        After::Owed(arrears, link) => room.deliver(arrears, Some(link), &pool).await,
    }
}

/// Delivers what an earlier process left.
pub(super) async fn take_over(room: Arc<Room>, left: Left) {
    let file = left.file();
    let depot = Arc::clone(&room.depot);
    let recovered = spawn_blocking(move || recover(&depot, left)).await;
    let recovered = match recovered {
        Ok(Ok(recovered)) => recovered,
        Ok(Err(error)) => return room.depot.leave_alone(&file, &error.to_string()),
        Err(error) => return room.depot.leave_alone(&file, &error.to_string()),
    };
    let Identity { terminal, info, spoken } = recovered.identity.clone();
    let pool = room.pool(&info.sink).filter(|pool| pool.way.spoken() == Some(spoken));
    let Some((pool, Policy::Complete(limits))) = pool.map(|pool| {
        let policy = pool.settings.delivery;
        (pool, policy)
    }) else {
        let why = format!(
            "no sink {} is configured that takes everything, and in these words",
            info.sink
        );
        return room.depot.leave_alone(&file, &why);
    };
    let spool = recovered.into_spool(limits, Arc::clone(&room.depot));
    let Some(end) = spool.farewell() else {
        return;
    };
    info!(%terminal, sink = %info.sink, pending = spool.pending_samples(), "a spool is delivered that an earlier process left");
    let (depot, clock) = (Arc::clone(&room.depot), room.clock);
    let outbox = Outbox::Complete(Box::new(spool));
    let arrears = Arrears::new(terminal, end, outbox, Arc::clone(&pool), depot, clock);
    room.deliver(arrears, None, &pool).await;
}

/// A panic ends one stream, and no other; `None` tells of it.
async fn guard(life: impl Future<Output = Ending>) -> Option<Ending> {
    AssertUnwindSafe(life).catch_unwind().await.ok()
}

impl Room {
    /// Goes on until nothing is owed any more, and tells both ends of that.
    async fn deliver(&self, arrears: Arrears, link: Option<Link>, pool: &Pool) {
        self.tell(arrears.delivery(DeliveryOutcome::Pending)).await;
        let delivery = arrears.run(link, |spool| self.link_again(pool, spool)).await;
        self.tell(delivery).await;
    }

    async fn tell(&self, delivery: Option<Delivery>) {
        if let Some(delivery) = delivery {
            // An error means that the switch is gone, and with it whoever listens.
            let _ = self.events.send(SinkEvent::Delivery(delivery)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_the_end_of_one_stream_and_not_of_the_program() {
        let ending = guard(async {
            Ending { cause: Cause::Request, manifest: None, after: After::Nothing }
        })
        .await;
        assert_eq!(ending.map(|ending| ending.cause), Some(Cause::Request));
        assert!(guard(async { panic!("a bug") }).await.is_none());
    }
}
