package network

import (
	"context"
	"io"
	"net/netip"
	"sync"

	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"

	"mocker/netd/gateway"
)

const (
	maximumConnections = 1024
	// SYNs whose destination has not answered yet.
	maximumPending = 256
	maximumQueries = 64
)

// session is what an endpoint has open while it is plugged in. Everything ends with its context.
type session struct {
	endpoint *endpoint
	network  *Network
	gateway  *gateway.Gateway
	context  context.Context
	cancel   context.CancelFunc
	// The listeners and sockets of the published ports.
	published []io.Closer

	tcp *tcp.Forwarder
	// The sequence numbers of the SYNs that it has.
	sequences   map[stack.TransportEndpointID]uint32
	connections slots
	// TCP connections to the DNS server.
	resolvers slots
	queries   slots
	buffers   bufferBudget

	mutex  sync.Mutex
	flows  map[flowKey]*udpFlow
	echoes map[echoKey]*echoFlow
}

func newSession(e *endpoint) *session {
	made := &session{
		endpoint:    e,
		network:     e.network,
		gateway:     e.network.gateway,
		connections: newSlots(maximumConnections),
		resolvers:   newSlots(maximumResolvers),
		queries:     newSlots(maximumQueries),
		buffers:     bufferBudget{left: bufferBudgetBytes},
		sequences:   map[stack.TransportEndpointID]uint32{},
		flows:       map[flowKey]*udpFlow{},
		echoes:      map[echoKey]*echoFlow{},
	}
	made.context, made.cancel = context.WithCancel(context.Background())
	// One forwarder each: the SYNs that one endpoint waits for take no place from another's.
	made.tcp = made.gateway.NewForwarder(maximumPending, made.connect)
	return made
}

// end ends all that is open. The ports are free again when it returns.
func (s *session) end() {
	s.cancel()
	for _, opened := range s.published {
		opened.Close()
	}
}

// guest is a port of the endpoint's.
func (s *session) guest(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(s.endpoint.address, port)
}

// slots counts what may be open at a time.
type slots chan struct{}

func newSlots(count int) slots { return make(slots, count) }

func (s slots) take() bool {
	select {
	case s <- struct{}{}:
		return true
	default:
		return false
	}
}

func (s slots) giveBack() { <-s }
