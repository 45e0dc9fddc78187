//! How sockets are made: one place for their options.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

/// Kernel buffer of a SIP port, each way: about a second of a storm. The kernel may grant less.
pub(super) const SIP_BUFFER_BYTES: usize = 4 << 20;
/// Kernel buffer of a media port, each way: a second of Opus at its highest rate with room for the kernel's own overhead.
pub(super) const MEDIA_BUFFER_BYTES: usize = 256 << 10;
/// Connections that the kernel holds ready until they are accepted.
const TCP_BACKLOG: i32 = 1024;

/// A bound, non-blocking UDP socket.
pub(super) fn udp(address: SocketAddr, buffer_bytes: usize) -> io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM.nonblocking().cloexec(),
        Some(Protocol::UDP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // A kernel that grants less is no reason to refuse the port.
    let _ = socket.set_recv_buffer_size(buffer_bytes);
    let _ = socket.set_send_buffer_size(buffer_bytes);
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// A listening, non-blocking TCP socket.
pub(super) fn tcp(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM.nonblocking().cloexec(),
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(TCP_BACKLOG)?;
    Ok(socket.into())
}
