package main

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// How long a destination has to answer. Then the guest's next SYN begins anew, until it gives up itself.
const connectTime = 30 * time.Second

// dialer opens the host's sockets. Without broadcast, which Go allows by default: only the host knows what
// its networks' broadcast addresses are.
var dialer = net.Dialer{
	Control: func(_, _ string, raw syscall.RawConn) error {
		var failure error
		err := raw.Control(func(descriptor uintptr) {
			failure = unix.SetsockoptInt(int(descriptor), unix.SOL_SOCKET, unix.SO_BROADCAST, 0)
		})
		return errors.Join(err, failure)
	},
}

// connect serves a guest's SYN: the destination is connected to first, so that the guest sees the truth.
func (s *session) connect(request *tcp.ForwarderRequest) {
	id := request.ID()
	destination, ok := s.network.policy.route(addrPort(id.LocalAddress, id.LocalPort), s.endpoint.hostGateway)
	if !ok || !s.connections.take() {
		request.Complete(true)
		return
	}
	defer s.connections.giveBack()
	limited, cancel := context.WithTimeout(s.context, connectTime)
	connection, err := dialer.DialContext(limited, "tcp4", destination.String())
	cancel()
	if err != nil {
		var timeout net.Error
		request.Complete(!errors.As(err, &timeout) || !timeout.Timeout())
		return
	}
	queue := &waiter.Queue{}
	accepted, failure := request.CreateEndpoint(queue)
	request.Complete(false)
	if failure != nil {
		abortConnection(connection.(*net.TCPConn))
		return
	}
	s.relay(&guestConnection{endpoint: accepted, queue: queue}, connection.(*net.TCPConn))
}
