package network

import (
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"

	"mocker/netd/host"
	"mocker/netd/resolver"
)

const (
	maximumFlows = 1024
	// A flow that carries nothing either way ends after this time.
	flowIdleTime = 90 * time.Second
)

// flowKey is a guest's port and the address that it sends to.
type flowKey struct {
	port        uint16
	destination netip.AddrPort
}

// udpFlow is the host's socket for what a guest's port sends to one address.
type udpFlow struct {
	key        flowKey
	connection *net.UDPConn
	raw        syscall.RawConn
	lastUsed   atomic.Int64
}

// handleUDP forwards a guest's datagram; false when it may not go there.
func (s *session) handleUDP(destination netip.AddrPort, port uint16, packet *stack.PacketBuffer) bool {
	datagram := header.UDP(packet.TransportHeader().Slice())
	length := int(datagram.Length()) - header.UDPMinimumSize
	payload := packet.Data().AsRange().ToSlice()
	// What is longer than its header says is padding; a shorter one was cut.
	if length < 0 || length > len(payload) {
		return true
	}
	payload = payload[:length]
	if destination == netip.AddrPortFrom(s.network.Settings.Gateway, resolver.Port) {
		s.answerDatagram(port, payload)
		return true
	}
	target, ok := s.network.policy.Route(destination, s.endpoint.hostGateway)
	if !ok {
		return false
	}
	if flow := s.flowTo(flowKey{port: port, destination: destination}, target); flow != nil {
		flow.send(payload)
	}
	return true
}

// flowTo returns the flow for a key; none when the host has no way there.
func (s *session) flowTo(key flowKey, target netip.AddrPort) *udpFlow {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if flow := s.flows[key]; flow != nil {
		return flow
	}
	if s.context.Err() != nil {
		return nil
	}
	if len(s.flows) >= maximumFlows {
		s.endOldestFlow()
	}
	connection, err := host.Dialer.DialContext(s.context, "udp4", target.String())
	if err != nil {
		return nil
	}
	flow := &udpFlow{key: key, connection: connection.(*net.UDPConn)}
	if flow.raw, err = flow.connection.SyscallConn(); err != nil {
		connection.Close()
		return nil
	}
	flow.touch()
	s.flows[key] = flow
	go s.serveFlow(flow)
	return flow
}

// endOldestFlow makes room; the session's mutex is locked.
func (s *session) endOldestFlow() {
	var oldest *udpFlow
	for _, flow := range s.flows {
		if oldest == nil || flow.lastUsed.Load() < oldest.lastUsed.Load() {
			oldest = flow
		}
	}
	delete(s.flows, oldest.key)
	oldest.connection.Close()
}

// serveFlow sends the answers to the guest until the flow is idle.
func (s *session) serveFlow(flow *udpFlow) {
	stop := host.CloseAtEnd(s.context, flow.connection)
	defer stop()
	defer func() {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		if s.flows[flow.key] == flow {
			delete(s.flows, flow.key)
		}
		flow.connection.Close()
	}()
	guest := s.guest(flow.key.port)
	for {
		flow.connection.SetReadDeadline(flow.idleAt())
		buffer, count, err := host.ReadWhenReady(flow.raw)
		switch {
		case err == nil:
			flow.touch()
			s.gateway.SendUDP(flow.key.destination, guest, buffer[:count])
			host.Buffers.Put(buffer)
		case errors.Is(err, unix.ECONNREFUSED):
			s.gateway.SendUnreachable(
				header.ICMPv4PortUnreachable, header.UDPProtocolNumber, guest, flow.key.destination, 0)
		case isTimeout(err) && time.Now().Before(flow.idleAt()):
		default:
			return
		}
	}
}

// send never waits: a datagram that the host has no room for is lost, as on any network.
func (f *udpFlow) send(payload []byte) {
	f.touch()
	f.raw.Write(func(descriptor uintptr) bool {
		unix.Sendto(int(descriptor), payload, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, nil)
		return true
	})
}

func (f *udpFlow) touch() { f.lastUsed.Store(time.Now().UnixNano()) }

func (f *udpFlow) idleAt() time.Time { return time.Unix(0, f.lastUsed.Load()).Add(flowIdleTime) }

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
