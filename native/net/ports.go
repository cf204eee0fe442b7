package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// How often another free port is tried when the one of the first family is taken in the second.
const freePortAttempts = 32

// publish opens an endpoint's ports on the host, all or none.
func (s *session) publish(requests []portRequest) ([]boundPort, *requestError) {
	bound := []boundPort{}
	for _, request := range requests {
		opened, err := s.publishPort(request)
		if err != nil {
			return nil, portError(err, request)
		}
		bound = append(bound, opened...)
	}
	return bound, nil
}

var errHostAddress = errors.New("not an IP address")

func (s *session) publishPort(request portRequest) ([]boundPort, error) {
	if request.HostAddress != "" {
		address, err := netip.ParseAddr(request.HostAddress)
		if err != nil {
			return nil, errHostAddress
		}
		port, opened, err := listenOn(request.Protocol, address, request.HostPort)
		if err != nil {
			return nil, err
		}
		return []boundPort{s.serve(request, address, port, opened)}, nil
	}
	for attempt := 1; ; attempt++ {
		bound, err := s.publishOnAll(request)
		if request.HostPort == 0 && errors.Is(err, unix.EADDRINUSE) && attempt < freePortAttempts {
			continue
		}
		return bound, err
	}
}

// publishOnAll opens a port on all addresses of both families, with the same number. A host without IPv6 has
// only one.
func (s *session) publishOnAll(request portRequest) ([]boundPort, error) {
	port, opened, err := listenOn(request.Protocol, netip.IPv4Unspecified(), request.HostPort)
	if err != nil {
		return nil, err
	}
	port, openedToo, err := listenOn(request.Protocol, netip.IPv6Unspecified(), port)
	if err != nil && !errors.Is(err, unix.EAFNOSUPPORT) && !errors.Is(err, unix.EADDRNOTAVAIL) {
		opened.Close()
		return nil, err
	}
	bound := []boundPort{s.serve(request, netip.IPv4Unspecified(), port, opened)}
	if err == nil {
		bound = append(bound, s.serve(request, netip.IPv6Unspecified(), port, openedToo))
	}
	return bound, nil
}

// listenOn opens a port of one family and returns its number.
func listenOn(protocol string, address netip.Addr, port uint16) (uint16, io.Closer, error) {
	family := "4"
	if address.Is6() && !address.Is4In6() {
		family = "6"
	}
	local := netip.AddrPortFrom(address, port).String()
	if protocol == "udp" {
		connection, err := (&net.ListenConfig{}).ListenPacket(context.Background(), "udp"+family, local)
		if err != nil {
			return port, nil, err
		}
		return connection.LocalAddr().(*net.UDPAddr).AddrPort().Port(), connection, nil
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp"+family, local)
	if err != nil {
		return port, nil, err
	}
	return listener.Addr().(*net.TCPAddr).AddrPort().Port(), listener, nil
}

// serve carries what comes to an open port, until the session ends.
func (s *session) serve(request portRequest, address netip.Addr, port uint16, opened io.Closer) boundPort {
	s.published = append(s.published, opened)
	switch opened := opened.(type) {
	case *net.TCPListener:
		go s.serveTCPPort(opened, request.GuestPort)
	case *net.UDPConn:
		go newUDPPort(s, opened, request.GuestPort).serve()
	}
	return boundPort{
		Protocol:    request.Protocol,
		GuestPort:   request.GuestPort,
		HostAddress: address.String(),
		HostPort:    port,
	}
}

// serveTCPPort connects every client to the guest. One that the guest refuses is reset.
func (s *session) serveTCPPort(listener *net.TCPListener, guestPort uint16) {
	for {
		client, err := listener.AcceptTCP()
		if err != nil {
			if isOutOfResources(err) && s.context.Err() == nil {
				waitForResources()
				continue
			}
			return
		}
		if s.endpoint.card.Load() == nil || !s.connections.take() {
			abortConnection(client)
			continue
		}
		go func() {
			defer s.connections.giveBack()
			guest, err := s.dialGuest(guestPort)
			if err != nil {
				abortConnection(client)
				return
			}
			s.relay(guest, client)
		}()
	}
}

func portError(err error, request portRequest) *requestError {
	made := failure("PORT_FAILED", "the port cannot be opened: %v", err)
	made.Details = &portDetails{request.Protocol, request.HostAddress, request.HostPort}
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
