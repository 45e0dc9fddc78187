//! What holds for every input, target by target: shared by the fuzz targets and by the test that replays their seeds.

mod assembler;
#[cfg(feature = "server")]
mod config;
mod control;
mod dialect;
mod head;
mod identity;
mod refer;
mod registrar;
mod relay;
mod rtp;
mod script;
mod sdp;
mod sip;
mod switch;
mod uri;

pub use assembler::assembler;
#[cfg(feature = "server")]
pub use config::config;
pub use control::{contact_api, info};
pub use dialect::{audiohook_sink, jambonz_sink, native_sink, telnyx_sink, twilio_sink};
pub use identity::identity;
pub use refer::refer;
pub use registrar::registrar;
pub use relay::relay;
pub use rtp::rtp;
pub use sdp::sdp;
pub use sip::{digest, sip_message, sip_stream};
pub use switch::{strangers, switch};
pub use uri::uri;
