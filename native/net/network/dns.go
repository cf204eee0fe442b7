package network

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"time"

	"mocker/netd/host"
	"mocker/netd/resolver"
)

const (
	maximumResolvers = 16
	resolverIdleTime = 10 * time.Second
)

// answerDatagram answers a query; more than a guest's share of them are lost.
func (s *session) answerDatagram(port uint16, payload []byte) {
	if !s.queries.take() {
		return
	}
	query := append([]byte(nil), payload...)
	go func() {
		defer s.queries.giveBack()
		if answer := s.answer(query, false); answer != nil {
			from := netip.AddrPortFrom(s.network.Settings.Gateway, resolver.Port)
			s.gateway.SendUDP(from, netip.AddrPortFrom(s.endpoint.address, port), answer)
		}
	}()
}

func (s *session) answer(query []byte, overTCP bool) []byte {
	return s.network.resolver.Answer(s.context, s.endpoint.resolving, query, overTCP)
}

// serveQueries accepts the guests' connections for queries over TCP.
func (n *Network) serveQueries(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		var s *session
		if guest, ok := netip.AddrFromSlice(connection.RemoteAddr().(*net.TCPAddr).IP.To4()); ok {
			s = n.sessionOf(guest)
		}
		if s == nil || !s.resolvers.take() {
			connection.Close()
			continue
		}
		go func() {
			defer s.resolvers.giveBack()
			s.answerStream(connection)
		}()
	}
}

// answerStream answers one query after the other. Over TCP each has its length before it (RFC 1035, 4.2.2).
func (s *session) answerStream(connection net.Conn) {
	defer connection.Close()
	stop := host.CloseAtEnd(s.context, connection)
	defer stop()
	for {
		connection.SetDeadline(time.Now().Add(resolverIdleTime))
		var prefix [2]byte
		if _, err := io.ReadFull(connection, prefix[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(prefix[:]))
		if _, err := io.ReadFull(connection, query); err != nil {
			return
		}
		answer := s.answer(query, true)
		if answer == nil {
			return
		}
		connection.SetDeadline(time.Now().Add(resolverIdleTime))
		framed := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(answer)), uint16(len(answer)))
		if _, err := connection.Write(append(framed, answer...)); err != nil {
			return
		}
	}
}
