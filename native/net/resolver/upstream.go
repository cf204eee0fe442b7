package resolver

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"mocker/netd/host"
	"mocker/netd/policy"
)

const (
	// HostPath is the file that names the host's own servers.
	HostPath = "/etc/resolv.conf"
	// Port is that of DNS.
	Port = 53
	// As in resolv.conf(5).
	maximumServers = 3
	serverTime     = 4 * time.Second
	// What DNS Flag Day 2020 recommends.
	maximumUDPAnswer = 1232
	checkInterval    = time.Second
)

// hostResolvers are the servers that the host asks, read again when they change.
type hostResolvers struct {
	path    string
	mutex   sync.Mutex
	checked time.Time
	known   os.FileInfo
	found   []netip.Addr
}

func (h *hostResolvers) servers() []netip.Addr {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if time.Since(h.checked) < checkInterval && h.found != nil {
		return h.found
	}
	h.checked = time.Now()
	info, err := os.Stat(h.path)
	unchanged := err == nil && h.known != nil && os.SameFile(info, h.known) &&
		info.ModTime().Equal(h.known.ModTime()) && info.Size() == h.known.Size()
	if !unchanged {
		if text, readError := os.ReadFile(h.path); readError == nil {
			h.known, h.found = info, parseResolvers(string(text))
		}
	}
	if len(h.found) == 0 {
		// resolv.conf(5): without a nameserver the local machine is asked.
		return []netip.Addr{policy.Loopback}
	}
	return h.found
}

// parseResolvers reads the nameservers of a resolv.conf.
func parseResolvers(text string) []netip.Addr {
	found := []netip.Addr{}
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() && len(found) < maximumServers {
		words := strings.Fields(lines.Text())
		if len(words) < 2 || words[0] != "nameserver" {
			continue
		}
		if address, err := netip.ParseAddr(words[1]); err == nil {
			found = append(found, address)
		}
	}
	return found
}

// forward asks one server after the other until one knows.
func (s *Server) forward(ctx context.Context, request *dns.Msg, servers []netip.Addr) *dns.Msg {
	asked := request.Copy()
	asked.Id = dns.Id()
	asked.RecursionDesired = true
	for _, server := range servers[:min(len(servers), maximumServers)] {
		response, err := s.ask(ctx, asked, server)
		if err == nil && response.Rcode != dns.RcodeServerFailure && response.Rcode != dns.RcodeRefused {
			if request.IsEdns0() == nil {
				response.Extra = slices.DeleteFunc(response.Extra, isOptions)
			}
			return response
		}
	}
	return failed(request, dns.RcodeServerFailure)
}

// isOptions: OPT is of one hop only, and for who asks with one (RFC 6891, 6.1.1).
func isOptions(record dns.RR) bool { return record.Header().Rrtype == dns.TypeOPT }

// ask asks over UDP, and over TCP what did not fit.
func (s *Server) ask(ctx context.Context, request *dns.Msg, server netip.Addr) (*dns.Msg, error) {
	response, err := s.exchange(ctx, "udp", request, server)
	if err == nil && response.Truncated {
		response, err = s.exchange(ctx, "tcp", request, server)
	}
	return response, err
}

func (s *Server) exchange(
	ctx context.Context, network string, request *dns.Msg, server netip.Addr,
) (*dns.Msg, error) {
	limited, cancel := context.WithTimeout(ctx, serverTime)
	defer cancel()
	connection, err := s.dial(limited, network, netip.AddrPortFrom(server, Port))
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	stop := host.CloseAtEnd(limited, connection)
	defer stop()
	client := dns.Client{Net: network, Timeout: serverTime, UDPSize: dns.MaxMsgSize - 1}
	response, _, err := client.ExchangeWithConn(request, &dns.Conn{Conn: connection, UDPSize: dns.MaxMsgSize - 1})
	if err != nil {
		return nil, err
	}
	if !response.Response || len(response.Question) != 1 || !sameQuestion(response.Question[0], request.Question[0]) {
		return nil, errors.New("the answer is to another question")
	}
	return response, nil
}

func sameQuestion(a, b dns.Question) bool {
	return a.Qtype == b.Qtype && a.Qclass == b.Qclass && strings.EqualFold(a.Name, b.Name)
}

// dial: a server may be a VM of this network.
func (s *Server) dial(ctx context.Context, network string, server netip.AddrPort) (net.Conn, error) {
	if s.settings.Subnet.Contains(server.Addr()) {
		return s.guests.DialNet(ctx, network, server)
	}
	return host.Dialer.DialContext(ctx, network, server.String())
}
