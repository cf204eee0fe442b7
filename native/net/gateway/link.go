package gateway

import (
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"

	"mocker/netd/frame"
)

// link is the gateway's own card: what gvisor sends goes to the guests.
type link struct {
	guests     Guests
	mac        frame.MAC
	mtu        uint32
	dispatcher stack.NetworkDispatcher
}

var _ stack.LinkEndpoint = (*link)(nil)

func (l *link) MTU() uint32                               { return l.mtu }
func (l *link) SetMTU(mtu uint32)                         { l.mtu = mtu }
func (l *link) MaxHeaderLength() uint16                   { return frame.EthernetSize }
func (l *link) LinkAddress() tcpip.LinkAddress            { return tcpip.LinkAddress(l.mac[:]) }
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
	ethernet := header.Ethernet(packet.LinkHeader().Push(frame.EthernetSize))
	ethernet.Encode(&header.EthernetFields{
		SrcAddr: l.LinkAddress(),
		DstAddr: packet.EgressRoute.RemoteLinkAddress,
		Type:    packet.NetworkProtocolNumber,
	})
}

// WritePackets never blocks: gvisor calls it with a connection's lock.
func (l *link) WritePackets(packets stack.PacketBufferList) (int, tcpip.Error) {
	for _, packet := range packets.AsSlice() {
		l.guests.Deliver(frame.MAC([]byte(packet.EgressRoute.RemoteLinkAddress)), packet)
	}
	return packets.Len(), nil
}
