package host

import (
	"encoding/binary"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// LocalAddress is an address of this host's at which a datagram came. The zero value is one that is not known.
type LocalAddress struct {
	address netip.Addr
	// Link-local addresses are those of one interface.
	interfaceIndex uint32
}

// UDPSocket is a socket on one address or on all of a family's. It knows at which of them a datagram came: a
// client takes an answer only from the one that it asked.
type UDPSocket struct {
	connection *net.UDPConn
	// The control messages of the datagram that is read.
	control [128]byte
}

// NewUDPSocket makes the socket tell of addresses (ip(7), ipv6(7)).
func NewUDPSocket(connection *net.UDPConn) *UDPSocket {
	if raw, err := connection.SyscallConn(); err == nil {
		raw.Control(func(descriptor uintptr) {
			// Of the two families one is not the socket's.
			unix.SetsockoptInt(int(descriptor), unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
			unix.SetsockoptInt(int(descriptor), unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
		})
	}
	return &UDPSocket{connection: connection}
}

// Read waits for a datagram, and returns its length, whose it is and where it came. There may be one reader.
func (s *UDPSocket) Read(buffer []byte) (int, netip.AddrPort, LocalAddress, error) {
	count, controlSize, _, from, err := s.connection.ReadMsgUDPAddrPort(buffer, s.control[:])
	if err != nil {
		return 0, from, LocalAddress{}, err
	}
	return count, from, localAddressOf(s.control[:controlSize]), nil
}

// Write sends a datagram from an address at which one came.
func (s *UDPSocket) Write(data []byte, to netip.AddrPort, from LocalAddress) error {
	var control []byte
	switch {
	case from.address.Is4():
		control = unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: from.address.As4()})
	case from.address.Is6() && !from.address.IsMulticast():
		control = unix.PktInfo6(&unix.Inet6Pktinfo{Addr: from.address.As16(), Ifindex: from.interfaceIndex})
	}
	_, _, err := s.connection.WriteMsgUDPAddrPort(data, control, to)
	return err
}

func localAddressOf(control []byte) LocalAddress {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return LocalAddress{}
	}
	for _, message := range messages {
		header := message.Header
		switch {
		case header.Level == unix.IPPROTO_IP && header.Type == unix.IP_PKTINFO &&
			len(message.Data) >= unix.SizeofInet4Pktinfo:
			// int ipi_ifindex; struct in_addr ipi_spec_dst, the host's own even of a broadcast; ipi_addr.
			return LocalAddress{address: netip.AddrFrom4([4]byte(message.Data[4:8]))}
		case header.Level == unix.IPPROTO_IPV6 && header.Type == unix.IPV6_PKTINFO &&
			len(message.Data) >= unix.SizeofInet6Pktinfo:
			found := LocalAddress{address: netip.AddrFrom16([16]byte(message.Data[:16]))}
			if found.address.IsLinkLocalUnicast() {
				found.interfaceIndex = binary.NativeEndian.Uint32(message.Data[16:20])
			}
			return found
		}
	}
	return LocalAddress{}
}
