package main

import (
	"encoding/binary"
	"net/netip"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

const (
	ethernetSize = header.EthernetMinimumSize
	// What fits into the 65,562 bytes of libkrun's buffers, beside its own header and Ethernet's.
	maximumMTU = 65_520
)

// macAddress is an Ethernet address.
type macAddress [6]byte

var broadcastMAC = macAddress{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

func (m macAddress) isUnicast() bool { return m[0]&1 == 0 && m != macAddress{} }

// frame is an Ethernet frame on its way to a card: the bytes that another card sent, or a packet of the
// gateway's.
type frame struct {
	view   *buffer.View
	packet *stack.PacketBuffer
}

func (f frame) size() int {
	if f.view != nil {
		return f.view.Size()
	}
	return f.packet.Size()
}

func (f frame) appendTo(slices [][]byte) [][]byte {
	if f.view != nil {
		return append(slices, f.view.AsSlice())
	}
	return append(slices, f.packet.AsSlices()...)
}

func (f frame) release() {
	if f.view != nil {
		f.view.Release()
	} else {
		f.packet.DecRef()
	}
}

// frameHeader is what the switch has to know of a frame that a card sent.
type frameHeader struct {
	destination macAddress
	isARP       bool
	// Of ARP: the address that is asked for.
	target netip.Addr
}

// checkFrame reads a frame's headers. A frame is refused unless it is ARP or IPv4 and carries the addresses
// of the endpoint that sent it: no endpoint can speak in the name of another.
func checkFrame(bytes []byte, mac macAddress, address netip.Addr) (frameHeader, bool) {
	var none frameHeader
	if len(bytes) < ethernetSize || macAddress(bytes[6:12]) != mac {
		return none, false
	}
	found := frameHeader{destination: macAddress(bytes[0:6])}
	payload := bytes[ethernetSize:]
	switch binary.BigEndian.Uint16(bytes[12:14]) {
	case uint16(header.ARPProtocolNumber):
		if !isOwnARP(payload, mac, address) {
			return none, false
		}
		found.isARP = true
		found.target = netip.AddrFrom4([4]byte(header.ARP(payload).ProtocolAddressTarget()))
		return found, true
	case uint16(header.IPv4ProtocolNumber):
		return found, isOwnIPv4(payload, address)
	}
	return none, false
}

// isOwnARP: RFC 826, for IPv4 on Ethernet only.
func isOwnARP(payload []byte, mac macAddress, address netip.Addr) bool {
	arp := header.ARP(payload)
	if !arp.IsValid() || (arp.Op() != header.ARPRequest && arp.Op() != header.ARPReply) {
		return false
	}
	return macAddress(arp.HardwareAddressSender()) == mac &&
		netip.AddrFrom4([4]byte(arp.ProtocolAddressSender())) == address
}

func isOwnIPv4(payload []byte, address netip.Addr) bool {
	if len(payload) < header.IPv4MinimumSize || payload[0]>>4 != 4 || payload[0]&0xf < 5 {
		return false
	}
	return netip.AddrFrom4([4]byte(payload[12:16])) == address
}
