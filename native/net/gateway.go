package main

import (
	"fmt"
	"net/netip"
	"time"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

const (
	nicID      = 1
	defaultTTL = 64
	// Where buffers begin; connections get more by their endpoint's budget.
	smallBuffer = 32 << 10
	largeBuffer = 4 << 20
)

// gateway is the network's own host: gvisor's TCP/IP, which ends the guests' connections.
type gateway struct {
	network *network
	mac     macAddress
	address tcpip.Address
	stack   *stack.Stack
	link    *link
}

func newGateway(network *network, mac macAddress) (*gateway, error) {
	made := &gateway{
		network: network,
		mac:     mac,
		address: tcpipAddress(network.settings.Gateway),
		stack: stack.New(stack.Options{
			NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, arp.NewProtocol},
			TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4},
		}),
	}
	made.link = &link{gateway: made, mtu: uint32(network.settings.MTU)}
	if err := made.configure(); err != nil {
		return nil, fmt.Errorf("the gateway cannot be set up: %s", err)
	}
	made.stack.SetTransportProtocolHandler(tcp.ProtocolNumber, made.handleTCP)
	made.stack.SetTransportProtocolHandler(udp.ProtocolNumber, made.handleUDP)
	return made, nil
}

func (g *gateway) configure() tcpip.Error {
	send := tcpip.TCPSendBufferSizeRangeOption{Min: 4096, Default: smallBuffer, Max: largeBuffer}
	receive := tcpip.TCPReceiveBufferSizeRangeOption{Min: 4096, Default: smallBuffer, Max: largeBuffer}
	selective := tcpip.TCPSACKEnabled(true)
	// Keeps the windows' scale fit for the largest buffer; sizes are set by the budget.
	moderate := tcpip.TCPModerateReceiveBufferOption(true)
	timeWait := tcpip.TCPTimeWaitTimeoutOption(5 * time.Second)
	// Half a minute: so long a guest that does not finish its handshakes keeps them.
	retries := tcpip.TCPSynRetriesOption(4)
	options := []tcpip.SettableTransportProtocolOption{&send, &receive, &selective, &moderate, &timeWait, &retries}
	for _, option := range options {
		if err := g.stack.SetTransportProtocolOption(tcp.ProtocolNumber, option); err != nil {
			return err
		}
	}
	if err := g.stack.CreateNIC(nicID, g.link); err != nil {
		return err
	}
	bits := g.network.settings.Subnet.Bits()
	address := tcpip.AddressWithPrefix{Address: g.address, PrefixLen: bits}
	protocol := tcpip.ProtocolAddress{Protocol: ipv4.ProtocolNumber, AddressWithPrefix: address}
	if err := g.stack.AddProtocolAddress(nicID, protocol, stack.AddressProperties{}); err != nil {
		return err
	}
	// It takes packets for every address, and answers as that address: that is what makes it a NAT.
	if err := g.stack.SetPromiscuousMode(nicID, true); err != nil {
		return err
	}
	if err := g.stack.SetSpoofing(nicID, true); err != nil {
		return err
	}
	g.stack.SetRouteTable([]tcpip.Route{{Destination: address.Subnet(), NIC: nicID}})
	return nil
}

// learn tells the gateway an endpoint's MAC address, which it need not ask for.
func (g *gateway) learn(e *endpoint) {
	g.stack.AddStaticNeighbor(nicID, ipv4.ProtocolNumber, tcpipAddress(e.address), tcpip.LinkAddress(e.mac[:]))
}

func (g *gateway) forget(e *endpoint) {
	g.stack.RemoveNeighbor(nicID, ipv4.ProtocolNumber, tcpipAddress(e.address))
}

// receive takes in a frame for the gateway. It keeps a reference to the frame's bytes.
func (g *gateway) receive(view *buffer.View, isARP bool) {
	packet := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithView(view.Clone())})
	defer packet.DecRef()
	packet.LinkHeader().Consume(ethernetSize)
	protocol := header.IPv4ProtocolNumber
	if isARP {
		protocol = header.ARPProtocolNumber
	}
	g.link.dispatcher.DeliverNetworkPacket(protocol, packet)
}

// sessionOf finds whose packet it is: a source address is only ever its endpoint's.
func (g *gateway) sessionOf(address tcpip.Address) *session {
	found := g.network.table.Load().byAddress[netip.AddrFrom4(address.As4())]
	if found == nil {
		return nil
	}
	return found.session.Load()
}

// handleTCP is given the segments that belong to no connection. When it returns false they are answered by a
// reset.
func (g *gateway) handleTCP(id stack.TransportEndpointID, packet *stack.PacketBuffer) bool {
	if session := g.sessionOf(id.RemoteAddress); session != nil {
		return session.tcp.HandlePacket(id, packet)
	}
	return false
}

// handleUDP is given the datagrams for no socket of the gateway's. When it returns false they are answered by
// ICMP's "port unreachable".
func (g *gateway) handleUDP(id stack.TransportEndpointID, packet *stack.PacketBuffer) bool {
	if session := g.sessionOf(id.RemoteAddress); session != nil {
		return session.handleUDP(addrPort(id.LocalAddress, id.LocalPort), id.RemotePort, packet)
	}
	return false
}

// sendUDP sends a datagram to a guest, from any address.
func (g *gateway) sendUDP(from, to netip.AddrPort, payload []byte) {
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

// sendICMP sends a message to a guest, from any address, and fills its checksum in.
func (g *gateway) sendICMP(from, to netip.Addr, message []byte) {
	g.send(from, to, header.ICMPv4ProtocolNumber, header.ICMPv4MinimumSize, message[header.ICMPv4MinimumSize:],
		func(_ *stack.Route, transport []byte) {
			copy(transport, message[:header.ICMPv4MinimumSize])
			sum := checksum.Checksum(message[header.ICMPv4MinimumSize:], 0)
			header.ICMPv4(transport).SetChecksum(0)
			header.ICMPv4(transport).SetChecksum(header.ICMPv4Checksum(header.ICMPv4(transport), sum))
		})
}

func (g *gateway) send(from, to netip.Addr, protocol tcpip.TransportProtocolNumber, headerSize int, payload []byte,
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

func tcpipAddress(address netip.Addr) tcpip.Address { return tcpip.AddrFrom4(address.As4()) }

func addrPort(address tcpip.Address, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4(address.As4()), port)
}
