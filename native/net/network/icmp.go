package network

import (
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"mocker/netd/gateway"
	"mocker/netd/host"
)

const (
	maximumEchoes = 64
	echoIdleTime  = 30 * time.Second
)

// echoKey is a guest's `ping`: its identifier and where it goes.
type echoKey struct {
	identifier  uint16
	destination netip.Addr
}

// echoFlow is a ping socket of the host's (icmp(7)), which gives requests an identifier of its own.
type echoFlow struct {
	connection net.Conn
	raw        syscall.RawConn
}

// handleEcho takes a guest's ICMP packets for the outside, which only echo requests reach. It says whether it
// did: what is for the gateway is gvisor's to answer.
func (s *session) handleEcho(packet []byte) bool {
	ip := header.IPv4(packet)
	if ip.TransportProtocol() != header.ICMPv4ProtocolNumber {
		return false
	}
	destination := netip.AddrFrom4(ip.DestinationAddress().As4())
	if destination == s.network.Settings.Gateway {
		return false
	}
	if !ip.IsValid(len(packet)) || ip.More() || ip.FragmentOffset() != 0 {
		return true
	}
	message := header.ICMPv4(ip.Payload())
	if len(message) < header.ICMPv4MinimumSize || message.Type() != header.ICMPv4Echo || message.Code() != 0 {
		return true
	}
	_, ok := s.network.policy.Route(netip.AddrPortFrom(destination, 0), false)
	if !ok || !s.sendEcho(echoKey{message.Ident(), destination}, message) {
		s.gateway.SendICMP(s.network.Settings.Gateway, s.endpoint.address,
			gateway.Unreachable(header.ICMPv4AdminProhibited, packet))
	}
	return true
}

// sendEcho is false when this host gives its users no ping sockets (net.ipv4.ping_group_range).
func (s *session) sendEcho(key echoKey, message header.ICMPv4) bool {
	s.mutex.Lock()
	flow := s.echoes[key]
	if flow == nil && len(s.echoes) < maximumEchoes && s.context.Err() == nil {
		flow = openEcho(key.destination)
		if flow != nil {
			s.echoes[key] = flow
			go s.serveEcho(key, flow)
		}
	}
	s.mutex.Unlock()
	if flow == nil {
		return false
	}
	flow.connection.SetReadDeadline(time.Now().Add(echoIdleTime))
	flow.raw.Write(func(descriptor uintptr) bool {
		unix.Sendto(int(descriptor), message, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, nil)
		return true
	})
	return true
}

func openEcho(destination netip.Addr) *echoFlow {
	descriptor, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_ICMP)
	if err != nil {
		return nil
	}
	file := os.NewFile(uintptr(descriptor), "ping")
	defer file.Close()
	if unix.Connect(descriptor, &unix.SockaddrInet4{Addr: destination.As4()}) != nil {
		return nil
	}
	connection, err := net.FileConn(file)
	if err != nil {
		return nil
	}
	raw, err := connection.(syscall.Conn).SyscallConn()
	if err != nil {
		connection.Close()
		return nil
	}
	return &echoFlow{connection: connection, raw: raw}
}

// serveEcho sends the replies to the guest.
func (s *session) serveEcho(key echoKey, flow *echoFlow) {
	stop := host.CloseAtEnd(s.context, flow.connection)
	defer stop()
	defer func() {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		delete(s.echoes, key)
		flow.connection.Close()
	}()
	for {
		buffer, count, err := host.ReadWhenReady(flow.raw)
		if err != nil {
			return
		}
		if message := header.ICMPv4(buffer[:count]); count >= header.ICMPv4MinimumSize {
			message.SetIdent(key.identifier)
			s.gateway.SendICMP(key.destination, s.endpoint.address, message)
		}
		host.Buffers.Put(buffer)
	}
}
