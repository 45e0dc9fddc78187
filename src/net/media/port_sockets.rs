//! The two sockets of one media port: RTP on the even number, RTCP on the next one, RFC 3550 §11.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use rustix::event::epoll;

use crate::id::PortId;
use crate::net::socket;

/// The sockets of one port. Dropping them closes them, which also takes them off the readiness list.
#[derive(Debug)]
pub(super) struct PortSockets {
    rtp: UdpSocket,
    rtcp: UdpSocket,
}

/// Which socket of which port became readable, as the kernel gives it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) port: PortId,
    pub(super) rtcp: bool,
}

impl Token {
    /// The kernel's 64 bits: ports are numbered from 0 upwards, so the top bit is never needed.
    pub(super) fn to_data(self) -> epoll::EventData {
        epoll::EventData::new_u64(self.port.0 << 1 | u64::from(self.rtcp))
    }

    pub(super) fn from_data(data: u64) -> Token {
        Token { port: PortId(data >> 1), rtcp: data & 1 == 1 }
    }
}

impl PortSockets {
    /// Binds both numbers and puts them on the readiness list.
    pub(super) fn open(
        address: IpAddr,
        rtp: u16,
        port: PortId,
        list: &impl std::os::fd::AsFd,
    ) -> io::Result<PortSockets> {
        let bind =
            |number| socket::udp(SocketAddr::new(address, number), socket::MEDIA_BUFFER_BYTES);
        let rtcp = rtp.checked_add(1).ok_or(io::ErrorKind::InvalidInput)?;
        let sockets = PortSockets { rtp: bind(rtp)?, rtcp: bind(rtcp)? };
        epoll::add(
            list,
            &sockets.rtp,
            Token { port, rtcp: false }.to_data(),
            epoll::EventFlags::IN,
        )?;
        epoll::add(
            list,
            &sockets.rtcp,
            Token { port, rtcp: true }.to_data(),
            epoll::EventFlags::IN,
        )?;
        Ok(sockets)
    }

    /// Takes one datagram.
    pub(super) fn receive(&self, rtcp: bool, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket(rtcp).recv_from(buffer)
    }

    /// Sends one datagram.
    pub(super) fn send(&self, rtcp: bool, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.socket(rtcp).send_to(bytes, to)
    }

    fn socket(&self, rtcp: bool) -> &UdpSocket {
        if rtcp { &self.rtcp } else { &self.rtp }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_token_survives_the_kernel() {
        for token in
            [Token { port: PortId(0), rtcp: false }, Token { port: PortId(77), rtcp: true }]
        {
            assert_eq!(Token::from_data(token.to_data().u64()), token);
        }
    }

    #[test]
    fn a_port_whose_rtcp_number_is_taken_is_not_opened() {
        let list = epoll::create(epoll::CreateFlags::CLOEXEC).expect("an epoll");
        let address = IpAddr::from(Ipv4Addr::LOCALHOST);
        let taken = UdpSocket::bind((address, 0)).expect("a free port");
        let rtcp = taken.local_addr().expect("bound").port();
        let opened = PortSockets::open(address, rtcp - 1, PortId(1), &list);
        assert!(opened.is_err());
    }
}
