package frame

import (
	"encoding/binary"
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// Header is what the switch has to know of a frame that a card sent.
type Header struct {
	Destination MAC
	IsARP       bool
	// Of ARP: the address that is asked for.
	Target netip.Addr
}

// Check reads a frame's headers. A frame is refused unless it is ARP or IPv4 and carries the addresses
// of the endpoint that sent it: no endpoint can speak in the name of another.
func Check(bytes []byte, mac MAC, address netip.Addr) (Header, bool) {
	var none Header
	if len(bytes) < EthernetSize || MAC(bytes[6:12]) != mac {
		return none, false
	}
	found := Header{Destination: MAC(bytes[0:6])}
	payload := bytes[EthernetSize:]
	switch binary.BigEndian.Uint16(bytes[12:14]) {
	case uint16(header.ARPProtocolNumber):
		if !isOwnARP(payload, mac, address) {
			return none, false
		}
		found.IsARP = true
		found.Target = netip.AddrFrom4([4]byte(header.ARP(payload).ProtocolAddressTarget()))
		return found, true
	case uint16(header.IPv4ProtocolNumber):
		return found, isOwnIPv4(payload, address)
	}
	return none, false
}

// isOwnARP: RFC 826, for IPv4 on Ethernet only.
func isOwnARP(payload []byte, mac MAC, address netip.Addr) bool {
	arp := header.ARP(payload)
	if !arp.IsValid() || (arp.Op() != header.ARPRequest && arp.Op() != header.ARPReply) {
		return false
	}
	return MAC(arp.HardwareAddressSender()) == mac &&
		netip.AddrFrom4([4]byte(arp.ProtocolAddressSender())) == address
}

func isOwnIPv4(payload []byte, address netip.Addr) bool {
	if len(payload) < header.IPv4MinimumSize || payload[0]>>4 != 4 || payload[0]&0xf < 5 {
		return false
	}
	return netip.AddrFrom4([4]byte(payload[12:16])) == address
}
