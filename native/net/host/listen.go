package host

import (
	"context"
	"io"
	"net"
	"net/netip"
)

// Listen opens a port of one family, a *net.TCPListener or a *net.UDPConn, and returns its number.
func Listen(protocol string, address netip.Addr, port uint16) (uint16, io.Closer, error) {
	family := "4"
	if address.Is6() && !address.Is4In6() {
		family = "6"
	}
	local := netip.AddrPortFrom(address, port).String()
	if protocol == "udp" {
		connection, err := (&net.ListenConfig{}).ListenPacket(context.Background(), "udp"+family, local)
		if err != nil {
			return port, nil, err
		}
		return connection.LocalAddr().(*net.UDPAddr).AddrPort().Port(), connection, nil
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp"+family, local)
	if err != nil {
		return port, nil, err
	}
	return listener.Addr().(*net.TCPAddr).AddrPort().Port(), listener, nil
}
