package network

import (
	"context"
	"errors"
	"net"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"

	"mocker/netd/gateway"
	"mocker/netd/host"
)

// How long a destination has to answer. Then the guest's next SYN begins anew, until it gives up itself.
const connectTime = 30 * time.Second

// connect serves a guest's SYN: the destination is connected to first, so that the guest sees the truth.
func (s *session) connect(request *tcp.ForwarderRequest) {
	id := request.ID()
	destination, ok := s.network.policy.Route(gateway.AddrPort(id.LocalAddress, id.LocalPort), s.endpoint.hostGateway)
	if !ok || !s.connections.take() {
		request.Complete(true)
		return
	}
	defer s.connections.giveBack()
	limited, cancel := context.WithTimeout(s.context, connectTime)
	connection, err := host.Dialer.DialContext(limited, "tcp4", destination.String())
	cancel()
	if err != nil {
		var timeout net.Error
		request.Complete(!errors.As(err, &timeout) || !timeout.Timeout())
		return
	}
	accepted, err := gateway.Accept(request)
	request.Complete(false)
	if err != nil {
		host.Abort(connection.(*net.TCPConn))
		return
	}
	s.relay(accepted, connection.(*net.TCPConn))
}
