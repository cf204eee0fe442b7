// Package policy decides where a guest may go.
package policy

import "net/netip"

var (
	// Loopback is the host's own.
	Loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

	// Where no packet of a guest goes. The host's loopback is the host's own; link-local addresses have the
	// metadata services of most clouds, the single ones are those of Alibaba, Azure and Oracle; multicast and
	// the reserved block (with the broadcast address) have no place behind NAT.
	forbidden = []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),
		netip.MustParsePrefix("127.0.0.0/8"),
		netip.MustParsePrefix("169.254.0.0/16"),
		netip.MustParsePrefix("224.0.0.0/4"),
		netip.MustParsePrefix("240.0.0.0/4"),
		netip.MustParsePrefix("100.100.100.200/32"),
		netip.MustParsePrefix("168.63.129.16/32"),
		netip.MustParsePrefix("192.0.0.192/32"),
	}
)

// Policy decides where a guest's packets may go, before any socket of the host is opened.
type Policy struct {
	Subnet  netip.Prefix
	Gateway netip.Addr
	// Nothing leaves the network.
	Internal bool
}

// Route returns the address to use on the host for a guest's destination, and whether there is one.
// `hostGateway`: the guest may reach the host's loopback by the gateway's address.
func (p Policy) Route(destination netip.AddrPort, hostGateway bool) (netip.AddrPort, bool) {
	address := destination.Addr().Unmap()
	if p.Internal || !address.Is4() {
		return netip.AddrPort{}, false
	}
	if address == p.Gateway {
		return netip.AddrPortFrom(Loopback, destination.Port()), hostGateway
	}
	if p.Subnet.Contains(address) {
		return netip.AddrPort{}, false
	}
	for _, prefix := range forbidden {
		if prefix.Contains(address) {
			return netip.AddrPort{}, false
		}
	}
	return netip.AddrPortFrom(address, destination.Port()), true
}
