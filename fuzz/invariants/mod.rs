//! What holds for every input, target by target: shared by the fuzz targets and by the test that replays their seeds.

mod assembler;
#[cfg(feature = "server")]
mod config;
mod control;
mod dialect;
mod relay;
mod rtp;
mod script;
mod sdp;
mod sip;
mod switch;

pub use assembler::assembler;
#[cfg(feature = "server")]
pub use config::config;
pub use control::{contact_api, info};
pub use dialect::{audiohook_sink, jambonz_sink, native_sink, telnyx_sink, twilio_sink};
pub use relay::relay;
pub use rtp::rtp;
pub use sdp::sdp;
pub use sip::{digest, sip_message, sip_stream};
pub use switch::switch;
