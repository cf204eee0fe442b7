package network

import (
	"context"
	"errors"
	"net"
	"time"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"

	"mocker/netd/gateway"
	"mocker/netd/host"
)

// How long a destination has to answer. Then the guest's next SYN begins anew, until it gives up itself.
const connectTime = 30 * time.Second

// handleTCP is given a segment of no connection, of which SYNs begin one.
func (s *session) handleTCP(id stack.TransportEndpointID, packet *stack.PacketBuffer) bool {
	segment := header.TCP(packet.TransportHeader().Slice())
	if segment.Flags()&(header.TCPFlagSyn|header.TCPFlagAck) == header.TCPFlagSyn {
		s.mutex.Lock()
		// The forwarder drops SYNs when it has too many, and does not say which.
		if len(s.sequences) >= 2*maximumPending {
			clear(s.sequences)
		}
		s.sequences[id] = segment.SequenceNumber()
		s.mutex.Unlock()
	}
	return s.tcp.HandlePacket(id, packet)
}

// connect serves a guest's SYN: the destination is connected to first, so that the guest sees the truth.
func (s *session) connect(request *tcp.ForwarderRequest) {
	id := request.ID()
	destination, ok := s.network.policy.Route(gateway.AddrPort(id.LocalAddress, id.LocalPort), s.endpoint.hostGateway)
	if !ok || !s.connections.take() {
		s.takeSequence(id)
		request.Complete(true)
		return
	}
	defer s.connections.giveBack()
	limited, cancel := context.WithTimeout(s.context, connectTime)
	connection, err := host.Connect(limited, destination)
	cancel()
	// Until here the guest has repeated its SYN.
	sequence, isKnown := s.takeSequence(id)
	if err != nil {
		var timeout net.Error
		isSilent := errors.As(err, &timeout) && timeout.Timeout()
		code, hasNoRoute := unreachableCode(err)
		tells := hasNoRoute && isKnown
		request.Complete(!isSilent && !tells)
		if tells {
			s.gateway.SendUnreachable(code, header.TCPProtocolNumber, s.guest(id.RemotePort),
				gateway.AddrPort(id.LocalAddress, id.LocalPort), sequence)
		}
		return
	}
	accepted, err := gateway.Accept(request)
	request.Complete(false)
	if err != nil {
		connection.Abort()
		return
	}
	s.relay(accepted, connection)
}

func (s *session) takeSequence(id stack.TransportEndpointID) (sequence uint32, isKnown bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	sequence, isKnown = s.sequences[id]
	delete(s.sequences, id)
	return sequence, isKnown
}

// unreachableCode says what the host lacks where an error is for want of a way.
func unreachableCode(err error) (header.ICMPv4Code, bool) {
	switch {
	case errors.Is(err, unix.ENETUNREACH):
		return header.ICMPv4NetUnreachable, true
	case errors.Is(err, unix.EHOSTUNREACH):
		return header.ICMPv4HostUnreachable, true
	}
	return 0, false
}
