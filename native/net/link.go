package main

import (
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// link is the gateway's own card: what gvisor sends goes to the endpoints' queues.
type link struct {
	gateway    *gateway
	mtu        uint32
	dispatcher stack.NetworkDispatcher
}

var _ stack.LinkEndpoint = (*link)(nil)

func (l *link) MTU() uint32                               { return l.mtu }
func (l *link) SetMTU(mtu uint32)                         { l.mtu = mtu }
func (l *link) MaxHeaderLength() uint16                   { return ethernetSize }
func (l *link) LinkAddress() tcpip.LinkAddress            { return tcpip.LinkAddress(l.gateway.mac[:]) }
func (l *link) SetLinkAddress(tcpip.LinkAddress)          {}
func (l *link) Attach(dispatcher stack.NetworkDispatcher) { l.dispatcher = dispatcher }
func (l *link) IsAttached() bool                          { return l.dispatcher != nil }
func (l *link) Wait()                                     {}
func (l *link) Close()                                    {}
func (l *link) SetOnCloseAction(func())                   {}
func (l *link) ARPHardwareType() header.ARPHardwareType   { return header.ARPHardwareEther }
func (l *link) ParseHeader(*stack.PacketBuffer) bool      { return true }

// Capabilities: frames come over a socket of this host, which changes no bit, so that a checksum tells
// nothing.
func (l *link) Capabilities() stack.LinkEndpointCapabilities {
	return stack.CapabilityResolutionRequired | stack.CapabilityRXChecksumOffload
}

func (l *link) AddHeader(packet *stack.PacketBuffer) {
	ethernet := header.Ethernet(packet.LinkHeader().Push(ethernetSize))
	ethernet.Encode(&header.EthernetFields{
		SrcAddr: l.LinkAddress(),
		DstAddr: packet.EgressRoute.RemoteLinkAddress,
		Type:    packet.NetworkProtocolNumber,
	})
}

// WritePackets never blocks: gvisor calls it with a connection's lock.
func (l *link) WritePackets(packets stack.PacketBufferList) (int, tcpip.Error) {
	table := l.gateway.network.table.Load()
	for _, packet := range packets.AsSlice() {
		destination := macAddress([]byte(packet.EgressRoute.RemoteLinkAddress))
		if destination == broadcastMAC {
			for _, found := range table.byMAC {
				found.send(frame{view: packet.ToView()})
			}
		} else if found := table.byMAC[destination]; found != nil {
			found.send(frame{packet: packet.IncRef()})
		}
	}
	return packets.Len(), nil
}
