package gateway

import (
	"encoding/binary"
	"net/netip"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

// SendUDP sends a datagram to a guest, from any address.
func (g *Gateway) SendUDP(from, to netip.AddrPort, payload []byte) {
	g.send(from.Addr(), to.Addr(), udp.ProtocolNumber, header.UDPMinimumSize, payload,
		func(route *stack.Route, transport []byte) {
			length := uint16(header.UDPMinimumSize + len(payload))
			datagram := header.UDP(transport)
			datagram.Encode(&header.UDPFields{SrcPort: from.Port(), DstPort: to.Port(), Length: length})
			sum := route.PseudoHeaderChecksum(udp.ProtocolNumber, length)
			sum = checksum.Combine(sum, checksum.Checksum(payload, 0))
			datagram.SetChecksum(nonZero(^datagram.CalculateChecksum(sum)))
		})
}

// nonZero: in UDP a checksum of zero says that there is none (RFC 768).
func nonZero(sum uint16) uint16 {
	if sum == 0 {
		return 0xffff
	}
	return sum
}

// SendICMP sends a message to a guest, from any address, and fills its checksum in.
func (g *Gateway) SendICMP(from, to netip.Addr, message []byte) {
	g.send(from, to, header.ICMPv4ProtocolNumber, header.ICMPv4MinimumSize, message[header.ICMPv4MinimumSize:],
		func(_ *stack.Route, transport []byte) {
			copy(transport, message[:header.ICMPv4MinimumSize])
			sum := checksum.Checksum(message[header.ICMPv4MinimumSize:], 0)
			header.ICMPv4(transport).SetChecksum(0)
			header.ICMPv4(transport).SetChecksum(header.ICMPv4Checksum(header.ICMPv4(transport), sum))
		})
}

func (g *Gateway) send(from, to netip.Addr, protocol tcpip.TransportProtocolNumber, headerSize int, payload []byte,
	fill func(route *stack.Route, transport []byte)) {
	route, err := g.stack.FindRoute(nicID, tcpipAddress(from), tcpipAddress(to), ipv4.ProtocolNumber, false)
	if err != nil {
		return
	}
	defer route.Release()
	packet := stack.NewPacketBuffer(stack.PacketBufferOptions{
		ReserveHeaderBytes: headerSize + int(route.MaxHeaderLength()),
		Payload:            buffer.MakeWithData(payload),
	})
	defer packet.DecRef()
	packet.TransportProtocolNumber = protocol
	fill(route, packet.TransportHeader().Push(headerSize))
	route.WritePacket(stack.NetworkHeaderParams{Protocol: protocol, TTL: defaultTTL}, packet)
}

// SendUnreachable tells a guest that a packet that it sent did not arrive. The guest knows it by the ports, and
// one of TCP by the sequence number, too.
func (g *Gateway) SendUnreachable(
	code header.ICMPv4Code, protocol tcpip.TransportProtocolNumber, guest, destination netip.AddrPort, sequence uint32,
) {
	packet := make([]byte, header.IPv4MinimumSize+quotedSize)
	ip := header.IPv4(packet)
	ip.Encode(&header.IPv4Fields{
		TotalLength: uint16(len(packet)),
		TTL:         defaultTTL,
		Protocol:    uint8(protocol),
		SrcAddr:     tcpipAddress(guest.Addr()),
		DstAddr:     tcpipAddress(destination.Addr()),
	})
	ip.SetChecksum(^ip.CalculateChecksum())
	quoted := ip.Payload()
	binary.BigEndian.PutUint16(quoted, guest.Port())
	binary.BigEndian.PutUint16(quoted[2:], destination.Port())
	if protocol == header.TCPProtocolNumber {
		binary.BigEndian.PutUint32(quoted[4:], sequence)
	} else {
		binary.BigEndian.PutUint16(quoted[4:], quotedSize)
	}
	g.SendICMP(destination.Addr(), guest.Addr(), Unreachable(code, packet))
}

// What a message quotes of a packet beside its header (RFC 792).
const quotedSize = 8

// Unreachable is the message about a packet, whose beginning it has.
func Unreachable(code header.ICMPv4Code, packet []byte) []byte {
	quoted := min(len(packet), int(header.IPv4(packet).HeaderLength())+quotedSize)
	message := header.ICMPv4(make([]byte, header.ICMPv4MinimumSize+quoted))
	message.SetType(header.ICMPv4DstUnreachable)
	message.SetCode(code)
	copy(message[header.ICMPv4MinimumSize:], packet[:quoted])
	return message
}
