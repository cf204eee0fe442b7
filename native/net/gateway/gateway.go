// Package gateway is a network's own host: gvisor's TCP/IP, which ends the guests' connections.
package gateway

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"

	"mocker/netd/frame"
)

const (
	nicID      = 1
	defaultTTL = 64
	// SmallBuffer is where buffers begin; connections get more by their endpoint's budget.
	SmallBuffer = 32 << 10
	// LargeBuffer is the largest.
	LargeBuffer = 4 << 20
)

// Guests are those whose gateway it is.
type Guests interface {
	// Deliver takes a frame to the guest with this address, or to all. It must not block, and it takes
	// references of its own.
	Deliver(destination frame.MAC, packet *stack.PacketBuffer)
	// HandleTCP is given the segments that belong to no connection. When it returns false they are answered by
	// a reset.
	HandleTCP(id stack.TransportEndpointID, packet *stack.PacketBuffer) bool
	// HandleUDP is given the datagrams for no socket of the gateway's. When it returns false they are answered
	// by ICMP's "port unreachable".
	HandleUDP(id stack.TransportEndpointID, packet *stack.PacketBuffer) bool
}

// Options say where a gateway is.
type Options struct {
	MAC     frame.MAC
	Address netip.Addr
	Subnet  netip.Prefix
	MTU     int
}

// Gateway is the host that the guests of a network see as their way out.
type Gateway struct {
	Options
	address tcpip.Address
	stack   *stack.Stack
	link    *link
}

// New makes the gateway of guests.
func New(guests Guests, options Options) (*Gateway, error) {
	made := &Gateway{
		Options: options,
		address: tcpipAddress(options.Address),
		stack: stack.New(stack.Options{
			NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, arp.NewProtocol},
			TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4},
		}),
	}
	made.link = &link{guests: guests, mac: options.MAC, mtu: uint32(options.MTU)}
	if err := made.configure(); err != nil {
		return nil, fmt.Errorf("the gateway cannot be set up: %s", err)
	}
	made.stack.SetTransportProtocolHandler(tcp.ProtocolNumber, guests.HandleTCP)
	made.stack.SetTransportProtocolHandler(udp.ProtocolNumber, guests.HandleUDP)
	return made, nil
}

func (g *Gateway) configure() tcpip.Error {
	send := tcpip.TCPSendBufferSizeRangeOption{Min: 4096, Default: SmallBuffer, Max: LargeBuffer}
	receive := tcpip.TCPReceiveBufferSizeRangeOption{Min: 4096, Default: SmallBuffer, Max: LargeBuffer}
	selective := tcpip.TCPSACKEnabled(true)
	// Keeps the windows' scale fit for the largest buffer; sizes are set by the budget.
	moderate := tcpip.TCPModerateReceiveBufferOption(true)
	timeWait := tcpip.TCPTimeWaitTimeoutOption(time.Second)
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
	bits := g.Subnet.Bits()
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

// Learn tells the gateway a guest's MAC address, which it need not ask for.
func (g *Gateway) Learn(address netip.Addr, mac frame.MAC) {
	g.stack.AddStaticNeighbor(nicID, ipv4.ProtocolNumber, tcpipAddress(address), tcpip.LinkAddress(mac[:]))
}

// Forget undoes Learn.
func (g *Gateway) Forget(address netip.Addr) {
	g.stack.RemoveNeighbor(nicID, ipv4.ProtocolNumber, tcpipAddress(address))
}

// Receive takes in a frame for the gateway. It keeps a reference to the frame's bytes.
func (g *Gateway) Receive(view *buffer.View, isARP bool) {
	packet := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithView(view.Clone())})
	defer packet.DecRef()
	packet.LinkHeader().Consume(frame.EthernetSize)
	protocol := header.IPv4ProtocolNumber
	if isARP {
		protocol = header.ARPProtocolNumber
	}
	g.link.dispatcher.DeliverNetworkPacket(protocol, packet)
}

// NewForwarder is for HandleTCP: it calls `connect` for SYNs, of which no more than `maximum` wait at a time.
func (g *Gateway) NewForwarder(maximum int, connect func(*tcp.ForwarderRequest)) *tcp.Forwarder {
	return tcp.NewForwarder(g.stack, 0, maximum, connect)
}

// ListenTCP listens at the gateway's own address.
func (g *Gateway) ListenTCP(port uint16, backlog int) (net.Listener, error) {
	queue := &waiter.Queue{}
	listener, err := g.stack.NewEndpoint(tcp.ProtocolNumber, ipv4.ProtocolNumber, queue)
	if err == nil {
		err = listener.Bind(tcpip.FullAddress{NIC: nicID, Addr: g.address, Port: port})
	}
	if err == nil {
		err = listener.Listen(backlog)
	}
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: "gateway", Err: errorOf(err)}
	}
	return gonet.NewTCPListener(g.stack, queue, listener), nil
}

func tcpipAddress(address netip.Addr) tcpip.Address { return tcpip.AddrFrom4(address.As4()) }

// AddrPort is an address of gvisor's.
func AddrPort(address tcpip.Address, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4(address.As4()), port)
}

// errorOf makes an error of gvisor's.
func errorOf(err tcpip.Error) error { return errors.New(err.String()) }
