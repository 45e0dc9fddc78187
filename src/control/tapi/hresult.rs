//! What a TAPI method returns.

use crate::command::{Denied, StreamState};

/// An HRESULT, by its number: winerror.h and tapi3err.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
#[allow(missing_docs)] // The names are the header files' own.
pub enum HResult {
    Ok = 0,
    NotImplemented = 0x8000_4001,
    InvalidArgument = 0x8007_0057,
    NotSupported = 0x8004_0003,
    InvalidMediaType = 0x8004_0004,
    OperationFailed = 0x8004_0005,
    CallUnavailable = 0x8004_0007,
    InvalidPrivilege = 0x8004_0039,
    InvalidDirection = 0x8004_003a,
    InvalidTerminal = 0x8004_003b,
    MaxStreams = 0x8004_003e,
    NoTerminalSelected = 0x8004_003f,
    TerminalInUse = 0x8004_0040,
    NotStopped = 0x8004_0041,
    MaxTerminals = 0x8004_0042,
    InvalidStream = 0x8004_0043,
}

impl HResult {
    /// All of them.
    pub const ALL: [HResult; 16] = [
        HResult::Ok,
        HResult::NotImplemented,
        HResult::InvalidArgument,
        HResult::NotSupported,
        HResult::InvalidMediaType,
        HResult::OperationFailed,
        HResult::CallUnavailable,
        HResult::InvalidPrivilege,
        HResult::InvalidDirection,
        HResult::InvalidTerminal,
        HResult::MaxStreams,
        HResult::NoTerminalSelected,
        HResult::TerminalInUse,
        HResult::NotStopped,
        HResult::MaxTerminals,
        HResult::InvalidStream,
    ];

    /// The name in the header file.
    pub const fn name(self) -> &'static str {
        match self {
            HResult::Ok => "S_OK",
            HResult::NotImplemented => "E_NOTIMPL",
            HResult::InvalidArgument => "E_INVALIDARG",
            HResult::NotSupported => "TAPI_E_NOTSUPPORTED",
            HResult::InvalidMediaType => "TAPI_E_INVALIDMEDIATYPE",
            HResult::OperationFailed => "TAPI_E_OPERATIONFAILED",
            HResult::CallUnavailable => "TAPI_E_CALLUNAVAIL",
            HResult::InvalidPrivilege => "TAPI_E_INVALPRIVILEGE",
            HResult::InvalidDirection => "TAPI_E_INVALIDDIRECTION",
            HResult::InvalidTerminal => "TAPI_E_INVALIDTERMINAL",
            HResult::MaxStreams => "TAPI_E_MAXSTREAMS",
            HResult::NoTerminalSelected => "TAPI_E_NOTERMINALSELECTED",
            HResult::TerminalInUse => "TAPI_E_TERMINALINUSE",
            HResult::NotStopped => "TAPI_E_NOTSTOPPED",
            HResult::MaxTerminals => "TAPI_E_MAXTERMINALS",
            HResult::InvalidStream => "TAPI_E_INVALIDSTREAM",
        }
    }

    /// The number as programs compare it.
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// The number as the documentation writes it.
    pub fn code(self) -> String {
        format!("0x{:08X}", self.number())
    }
}

impl From<Denied> for HResult {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::NoSuchCall => HResult::CallUnavailable,
            Denied::NoSuchStream | Denied::WrongState(StreamState::Ended) => HResult::InvalidStream,
            Denied::WrongState(_) => HResult::OperationFailed,
            Denied::NoSuchSink | Denied::NoSuchTerminal => HResult::InvalidTerminal,
            Denied::NoSinkChosen | Denied::NoTerminal => HResult::NoTerminalSelected,
            Denied::NotPermitted => HResult::InvalidPrivilege,
            // The provider cannot do it; the call's media could.
            Denied::StreamingDisabled | Denied::UnsupportedFormat => HResult::NotSupported,
            // The call's media cannot be streamed at all.
            Denied::NoAudio => HResult::NotImplemented,
            Denied::AlreadyStarted => HResult::NotStopped,
            Denied::NoSuchTrack => HResult::InvalidDirection,
            Denied::TerminalInUse | Denied::SinkPoolFull => HResult::TerminalInUse,
            Denied::TooManyStreams => HResult::MaxStreams,
            Denied::TooManyTerminals => HResult::MaxTerminals,
            Denied::NoSuchLeg | Denied::NoSuchNumber | Denied::NotTransferable => {
                HResult::OperationFailed
            }
            Denied::AttributesTooLarge | Denied::RequestReused => HResult::InvalidArgument,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_denial_has_the_result_that_the_header_file_names() {
        let mut text = String::new();
        for denied in Denied::ALL {
            let result = HResult::from(denied);
            text += &format!("{:<19} {} {}\n", format!("{denied:?}"), result.code(), result.name());
        }
        expect_test::expect![[r#"
            NoSuchCall          0x80040007 TAPI_E_CALLUNAVAIL
            NoSuchStream        0x80040043 TAPI_E_INVALIDSTREAM
            NoSuchSink          0x8004003B TAPI_E_INVALIDTERMINAL
            NoSinkChosen        0x8004003F TAPI_E_NOTERMINALSELECTED
            NotPermitted        0x80040039 TAPI_E_INVALPRIVILEGE
            StreamingDisabled   0x80040003 TAPI_E_NOTSUPPORTED
            WrongState(Armed)   0x80040005 TAPI_E_OPERATIONFAILED
            WrongState(Active)  0x80040005 TAPI_E_OPERATIONFAILED
            WrongState(Paused)  0x80040005 TAPI_E_OPERATIONFAILED
            WrongState(Ended)   0x80040043 TAPI_E_INVALIDSTREAM
            AlreadyStarted      0x80040041 TAPI_E_NOTSTOPPED
            NoSuchTrack         0x8004003A TAPI_E_INVALIDDIRECTION
            NoAudio             0x80004001 E_NOTIMPL
            UnsupportedFormat   0x80040003 TAPI_E_NOTSUPPORTED
            SinkPoolFull        0x80040040 TAPI_E_TERMINALINUSE
            TooManyStreams      0x8004003E TAPI_E_MAXSTREAMS
            NoTerminal          0x8004003F TAPI_E_NOTERMINALSELECTED
            NoSuchTerminal      0x8004003B TAPI_E_INVALIDTERMINAL
            TerminalInUse       0x80040040 TAPI_E_TERMINALINUSE
            TooManyTerminals    0x80040042 TAPI_E_MAXTERMINALS
            NoSuchLeg           0x80040005 TAPI_E_OPERATIONFAILED
            NoSuchNumber        0x80040005 TAPI_E_OPERATIONFAILED
            NotTransferable     0x80040005 TAPI_E_OPERATIONFAILED
            AttributesTooLarge  0x80070057 E_INVALIDARG
            RequestReused       0x80070057 E_INVALIDARG
        "#]]
        .assert_eq(&text);
    }
}
