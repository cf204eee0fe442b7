package network

import (
	"errors"
	"io"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"mocker/netd/host"
	"mocker/netd/request"
)

// How often another free port is tried when the one of the first family is taken in the second.
const freePortAttempts = 32

// publish opens an endpoint's ports on the host, all or none.
func (s *session) publish(wanted []request.Port) ([]request.BoundPort, *request.Error) {
	bound := []request.BoundPort{}
	for _, port := range wanted {
		opened, err := s.publishPort(port)
		if err != nil {
			return nil, portError(err, port)
		}
		bound = append(bound, opened...)
	}
	return bound, nil
}

var errHostAddress = errors.New("not an IP address")

func (s *session) publishPort(wanted request.Port) ([]request.BoundPort, error) {
	if wanted.HostAddress != "" {
		address, err := netip.ParseAddr(wanted.HostAddress)
		if err != nil {
			return nil, errHostAddress
		}
		port, opened, err := host.Listen(wanted.Protocol, address, wanted.HostPort)
		if err != nil {
			return nil, err
		}
		return []request.BoundPort{s.serve(wanted, address, port, opened)}, nil
	}
	for attempt := 1; ; attempt++ {
		bound, err := s.publishOnAll(wanted)
		if wanted.HostPort == 0 && errors.Is(err, unix.EADDRINUSE) && attempt < freePortAttempts {
			continue
		}
		return bound, err
	}
}

// publishOnAll opens a port on all addresses of both families, with the same number. A host without IPv6 has
// only one.
func (s *session) publishOnAll(wanted request.Port) ([]request.BoundPort, error) {
	port, opened, err := host.Listen(wanted.Protocol, netip.IPv4Unspecified(), wanted.HostPort)
	if err != nil {
		return nil, err
	}
	port, openedToo, err := host.Listen(wanted.Protocol, netip.IPv6Unspecified(), port)
	if err != nil && !errors.Is(err, unix.EAFNOSUPPORT) && !errors.Is(err, unix.EADDRNOTAVAIL) {
		opened.Close()
		return nil, err
	}
	bound := []request.BoundPort{s.serve(wanted, netip.IPv4Unspecified(), port, opened)}
	if err == nil {
		bound = append(bound, s.serve(wanted, netip.IPv6Unspecified(), port, openedToo))
	}
	return bound, nil
}

// serve carries what comes to an open port, until the session ends.
func (s *session) serve(wanted request.Port, address netip.Addr, port uint16, opened io.Closer) request.BoundPort {
	s.published = append(s.published, opened)
	switch opened := opened.(type) {
	case *net.TCPListener:
		go s.serveTCPPort(opened, wanted.GuestPort)
	case *net.UDPConn:
		go newUDPPort(s, opened, wanted.GuestPort).serve()
	}
	return request.BoundPort{
		Protocol:    wanted.Protocol,
		GuestPort:   wanted.GuestPort,
		HostAddress: address.String(),
		HostPort:    port,
	}
}

// serveTCPPort connects every client to the guest. One that the guest refuses is reset.
func (s *session) serveTCPPort(listener *net.TCPListener, guestPort uint16) {
	for {
		client, err := accept(listener)
		if err != nil {
			if errors.Is(err, net.ErrClosed) || s.context.Err() != nil {
				return
			}
			// Want of descriptors or memory, or what befell this one client (accept(2)): both pass.
			host.WaitForResources()
			continue
		}
		if s.endpoint.card.Load() == nil || !s.connections.take() {
			client.Abort()
			continue
		}
		go func() {
			defer s.connections.giveBack()
			guest, err := s.gateway.Dial(s.context, s.guest(guestPort))
			if err != nil {
				client.Abort()
				return
			}
			s.relay(guest, client)
		}()
	}
}

func accept(listener *net.TCPListener) (*host.Stream, error) {
	client, err := listener.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return host.NewStream(client)
}

func portError(err error, wanted request.Port) *request.Error {
	made := request.Failure("PORT_FAILED", "the port cannot be opened: %v", err)
	made.Details = &request.PortDetails{
		Protocol:    wanted.Protocol,
		HostAddress: wanted.HostAddress,
		HostPort:    wanted.HostPort,
	}
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		made.Code = "PORT_IN_USE"
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		made.Code = "PORT_DENIED"
	case errors.Is(err, unix.EADDRNOTAVAIL), errors.Is(err, unix.EAFNOSUPPORT), errors.Is(err, unix.EINVAL),
		errors.Is(err, errHostAddress):
		made.Code = "PORT_INVALID_ADDRESS"
	}
	return made
}
