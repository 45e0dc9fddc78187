//! TAPI 3 (tapi3if.h): the names of media events, which ride along with our own, and the stream-control resource, which answers
//! as `ITStream` and `ITStreamControl` do.

mod events;
mod hresult;
mod resource;

pub use events::{CallMediaEvent, CallMediaEventCause, MediaEvent, media_event};
pub use hresult::HResult;
pub use resource::{Arguments, Method, TapiAnswer, TapiStreamView};
