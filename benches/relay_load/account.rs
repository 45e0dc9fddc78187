//! Which packets of a run came, each flow by itself.

use crate::packet::Stamp;

/// What came of one flow.
#[derive(Clone, Copy, Default)]
struct Flow {
    /// The number behind the highest that came.
    next: u32,
    /// Which of the 64 numbers before `next` came; the lowest bit is the highest number.
    came: u64,
}

/// What came of all flows.
pub(crate) struct Account {
    flows: Vec<Flow>,
    /// Each packet once.
    pub(crate) received: u64,
    pub(crate) duplicated: u64,
    /// Packets that came behind one that was sent later.
    pub(crate) reordered: u64,
}

impl Account {
    pub(crate) fn new(flows: usize) -> Account {
        Account { flows: vec![Flow::default(); flows], received: 0, duplicated: 0, reordered: 0 }
    }

    /// Counts a packet; whether it came for the first time.
    pub(crate) fn count(&mut self, stamp: Stamp) -> bool {
        let Some(flow) = self.flows.get_mut(stamp.flow as usize) else {
            return false;
        };
        if stamp.number >= flow.next {
            let step = stamp.number - flow.next + 1;
            flow.came = flow.came.checked_shl(step).unwrap_or(0) | 1;
            flow.next = stamp.number + 1;
        } else {
            let bit = 1u64.checked_shl(flow.next - 1 - stamp.number).unwrap_or(0);
            if flow.came & bit != 0 {
                self.duplicated += 1;
                return false;
            }
            flow.came |= bit;
            self.reordered += 1;
        }
        self.received += 1;
        true
    }
}
