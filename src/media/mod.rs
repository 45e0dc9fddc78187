//! The media plane: ports, the relay between them, the tap, and the timeline that a tap's packets are put on.
//!
//! ```text
//!   socket -> [`Relay`]: latch -> bridge, echo or prompt -> socket
//!                           | one copy
//!                           v
//!             [`TapWriter`] ring [`TapReader`] -> [`Assembler`]: timeline, account -> frames
//!   `---- a media worker's thread ----'           `------- the sink's task -------'
//! ```
//! The two halves share nothing but the ring. The relay's half allocates, locks and waits for nothing per packet; the
//! assembler's half may take its time, for whatever it is late with is counted, and typed in the manifest.

mod account;
mod assembly;
mod channels;
mod clock;
mod command;
mod conditions;
mod drift;
mod figures;
mod joiner;
mod latch;
mod outbox;
mod payload_map;
mod placement;
mod plan;
mod port;
mod port_hash;
mod ports;
mod prompt;
mod relay;
mod reports;
mod score;
mod sequencer;
mod slope;
mod source;
mod speaker;
mod standing;
mod tap;
#[cfg(test)]
mod tests;
mod timeline;
mod transcoder;
mod voice;

pub use assembly::Assembler;
pub use channels::{Channels, encoded, linear};
use command::INLINE_BYTES;
pub use command::{Forward, MediaCommand, MediaEvent, PROMPT_RATE_HZ, Prompt, Settings, Transmit};
pub use figures::{Drops, PortFigures, RelayFigures};
pub use joiner::{Joined, JoinedFrame, Joiner};
pub use payload_map::{Payload, PayloadMap};
pub use plan::{AssemblyPlan, Control, Encoding, Frame, Item, REDACTED};
pub use ports::{LocalPort, PortPool, REST};
pub use relay::Relay;
pub use standing::Standing;
pub use tap::{TapReader, TapWriter, Tapped, ring};
pub use voice::{Hearer, VoiceReader, VoiceWriter, voice};
