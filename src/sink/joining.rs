//! A terminal that is selected while its stream runs: where that stands, it is told by the oldest of the others.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::handle::Room;
use super::stream::Letter;
use crate::call::StreamPlan;
use crate::id::TerminalId;
use crate::media::Standing;

/// It begins so much later: its tap is there by then, and nothing that is said behind its beginning is missing in its ring.
const AFTER: Duration = Duration::from_millis(40);

/// So long it waits to be told. Without that it finds its own way.
const PATIENCE: Duration = Duration::from_millis(500);

/// What a terminal that joins will be told, if it has somebody to ask.
pub(super) struct Joining(Option<oneshot::Receiver<Standing>>);

impl Joining {
    /// Asks the oldest terminal of a running stream.
    pub(super) fn ask(room: &Room, plan: &StreamPlan) -> Joining {
        if plan.begin <= plan.start {
            return Joining(None);
        }
        let TerminalId { stream, number } = plan.terminal;
        let mut others = (0..number).map(|number| TerminalId { stream, number });
        let other = others.find_map(|other| room.terminals.get(&other));
        let (answer, standing) = oneshot::channel();
        let letter = Letter::Joining { at: plan.begin + AFTER, answer };
        let asked = other.is_some_and(|other| other.letters.try_send(letter).is_ok());
        Joining(asked.then_some(standing))
    }

    /// The other terminal's word, if it comes in time.
    pub(super) async fn standing(&mut self) -> Option<Standing> {
        timeout(PATIENCE, self.0.take()?).await.ok()?.ok()
    }
}
