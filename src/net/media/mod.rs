//! The media workers: threads of their own, so that no packet waits for signalling, a sink or the runtime.
//!
//! Each worker owns a [`Relay`](crate::media::Relay) and the sockets of its ports. Both legs of a call live on the same worker, so
//! forwarding crosses no thread. Commands come by a bounded queue, events leave by one; neither ever holds a packet up.

mod port_sockets;
#[cfg(test)]
mod tests;
mod worker;

use std::collections::VecDeque;
use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::OwnedFd;
use tokio::sync::mpsc;

use super::Clock;
use super::counters::Counters;
use crate::id::CallId;
use crate::media::{MediaCommand, MediaEvent, Settings};
use worker::{Order, Worker};

/// Commands that may wait at a worker; a call's whole life takes about ten.
const COMMAND_LIMIT: usize = 4096;
/// Events of all workers that may wait for the driver.
const EVENT_LIMIT: usize = 4096;

/// What the workers are built from.
#[derive(Clone, Debug)]
pub struct MediaSettings {
    /// How many workers; `None` takes all cores but one.
    pub workers: Option<NonZeroUsize>,
    /// How a relay treats its ports.
    pub relay: Settings,
}

impl MediaSettings {
    fn worker_count(&self) -> usize {
        let spare = || {
            std::thread::available_parallelism()
                .map_or(1, |cores| cores.get().saturating_sub(1).max(1))
        };
        self.workers.map_or_else(spare, NonZeroUsize::get)
    }
}

/// The driver's end of every worker.
#[derive(Debug)]
pub(super) struct Workers {
    lanes: Vec<Lane>,
    counters: Arc<Counters>,
}

/// The driver's end of one worker.
#[derive(Debug)]
struct Lane {
    orders: SyncSender<Order>,
    /// Orders that did not fit; the driver takes no further input while any lane has some.
    waiting: VecDeque<Order>,
    wake: Arc<OwnedFd>,
    /// Whether orders were queued since the last wake.
    asleep: bool,
    thread: Option<JoinHandle<()>>,
}

impl Workers {
    /// Starts the threads. `seed` feeds each relay's SSRCs. Also gives the end where their events come out.
    pub(super) fn start(
        settings: &MediaSettings,
        clock: Clock,
        counters: Arc<Counters>,
        seed: u64,
    ) -> io::Result<(Workers, mpsc::Receiver<MediaEvent>)> {
        let (events, receiver) = mpsc::channel(EVENT_LIMIT);
        let mut lanes = Vec::new();
        for index in 0..settings.worker_count() {
            let (orders, incoming) = sync_channel(COMMAND_LIMIT);
            let wake = Arc::new(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?);
            let seed = seed.wrapping_add(index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let worker = Worker::new(
                settings,
                clock,
                seed,
                incoming,
                Arc::clone(&wake),
                events.clone(),
                Arc::clone(&counters),
            )?;
            let thread = std::thread::Builder::new()
                .name(format!("media-{index}"))
                .spawn(move || worker.run())?;
            lanes.push(Lane {
                orders,
                waiting: VecDeque::new(),
                wake,
                asleep: false,
                thread: Some(thread),
            });
        }
        Ok((Workers { lanes, counters }, receiver))
    }

    /// Queues one command for the worker of the call. [`flush`](Self::flush) lets the workers see it.
    pub(super) fn send(&mut self, call: CallId, command: MediaCommand) {
        let bits = call.as_u128();
        // The low 80 bits of a call's id are chance.
        let index = (bits as u64 ^ (bits >> 64) as u64) as usize % self.lanes.len();
        let Some(lane) = self.lanes.get_mut(index) else {
            return;
        };
        if !lane.push(Order::Command(command)) {
            self.counters.media_commands_delayed.count();
        }
    }

    /// Wakes every worker that was sent something, and tries again what did not fit.
    pub(super) fn flush(&mut self) {
        for lane in &mut self.lanes {
            lane.flush();
        }
    }

    /// Whether a worker is behind: then the driver takes no input that could ask for more.
    pub(super) fn behind(&self) -> bool {
        self.lanes.iter().any(|lane| !lane.waiting.is_empty())
    }
}

impl Lane {
    /// Queues an order, in order; `false` when it has to wait.
    fn push(&mut self, order: Order) -> bool {
        self.asleep = true;
        if self.waiting.is_empty() {
            match self.orders.try_send(order) {
                Ok(()) | Err(TrySendError::Disconnected(_)) => return true,
                Err(TrySendError::Full(order)) => self.waiting.push_back(order),
            }
        } else {
            self.waiting.push_back(order);
        }
        false
    }

    fn flush(&mut self) {
        while let Some(order) = self.waiting.pop_front() {
            self.asleep = true;
            if let Err(TrySendError::Full(order)) = self.orders.try_send(order) {
                self.waiting.push_front(order);
                break;
            }
        }
        if std::mem::take(&mut self.asleep) {
            // A full counter means that the worker has been woken already.
            let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
        }
    }
}

impl Drop for Workers {
    /// Stops the threads: each finishes the round that it is in.
    fn drop(&mut self) {
        for lane in &mut self.lanes {
            lane.waiting.clear();
            lane.asleep = true;
            lane.flush();
            // A full queue is emptied by the worker within its round; this wait is bounded by that.
            let _ = lane.orders.send(Order::Stop);
            lane.asleep = true;
            lane.flush();
        }
        for thread in self.lanes.iter_mut().filter_map(|lane| lane.thread.take()) {
            let _ = thread.join();
        }
    }
}
