// Package resolver answers the guests' DNS queries.
package resolver

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"

	"mocker/netd/settings"
)

const (
	// As Docker's: names come and go with their VMs.
	localTTL = 600
	// How long all of a query may take.
	queryTime = 12 * time.Second
)

// Names are those of the guests.
type Names interface {
	// Addresses returns those of a name in lower case; none when nobody has it.
	Addresses(name string) []netip.Addr
	// NameOf returns the first name of the guest with this address, if there is one, which may be empty.
	NameOf(address netip.Addr) (name string, ok bool)
}

// Guests can be connected to, as a guest may be another's server.
type Guests interface {
	DialNet(ctx context.Context, network string, guest netip.AddrPort) (net.Conn, error)
}

// Server answers for a network: its guests' names by itself, all others as the host would.
type Server struct {
	settings *settings.Settings
	names    Names
	guests   Guests
	host     *hostResolvers
	suffix   string
}

// Client is a guest that asks.
type Client struct {
	// Those to ask in the place of the host's.
	Servers []netip.Addr
	// It asks those of other networks, too. They must have their turn for the names that only they know: a C
	// library goes on to the next server, or waits for it, after REFUSED, but takes NXDOMAIN or no records as
	// the answer. What an internal network refuses, the network that is the guest's way out answers.
	OtherResolvers bool
}

// New makes the server of a network.
func New(settings *settings.Settings, names Names, guests Guests) *Server {
	return &Server{
		settings: settings,
		names:    names,
		guests:   guests,
		host:     &hostResolvers{path: HostPath},
		suffix:   "." + strings.ToLower(settings.Name),
	}
}

// Answer returns the answer to a query; none to what is no query. It asks no longer than the context is there.
func (s *Server) Answer(ctx context.Context, client Client, query []byte, overTCP bool) []byte {
	var request dns.Msg
	if err := request.Unpack(query); err != nil || request.Response {
		return nil
	}
	response := s.respond(ctx, client, &request)
	response.Id = request.Id
	limit := dns.MaxMsgSize - 1
	if !overTCP {
		limit = dns.MinMsgSize
		if options := request.IsEdns0(); options != nil {
			limit = max(limit, int(options.UDPSize()))
		}
	}
	response.Truncate(limit)
	packed, err := response.Pack()
	if err != nil {
		packed, _ = failed(&request, dns.RcodeServerFailure).Pack()
	}
	return packed
}

func (s *Server) respond(ctx context.Context, client Client, request *dns.Msg) *dns.Msg {
	if request.Opcode != dns.OpcodeQuery {
		return failed(request, dns.RcodeNotImplemented)
	}
	if len(request.Question) != 1 {
		return failed(request, dns.RcodeFormatError)
	}
	question := request.Question[0]
	if question.Qclass == dns.ClassINET {
		if found := s.find(question); found != nil {
			return local(request, found)
		}
		if client.OtherResolvers && (s.settings.Internal || dns.CountLabel(question.Name) == 1) {
			return failed(request, dns.RcodeRefused)
		}
		// There is no route for IPv6: who got such an address would wait for nothing.
		if question.Qtype == dns.TypeAAAA {
			return local(request, []dns.RR{})
		}
	}
	if s.settings.Internal {
		return failed(request, dns.RcodeNameError)
	}
	ctx, cancel := context.WithTimeout(ctx, queryTime)
	defer cancel()
	servers := client.Servers
	if len(servers) == 0 {
		servers = s.host.servers()
	}
	return s.forward(ctx, request, servers)
}

// find returns the records of an endpoint's name or address; nil when there is no such, and none when there
// are no records of the type.
func (s *Server) find(question dns.Question) []dns.RR {
	name := strings.TrimSuffix(strings.ToLower(question.Name), ".")
	if address, ok := addressOfPointer(name); ok {
		return s.findPointer(address, question)
	}
	found := s.names.Addresses(name)
	if found == nil {
		found = s.names.Addresses(strings.TrimSuffix(name, s.suffix))
	}
	if found == nil {
		return nil
	}
	records := []dns.RR{}
	if question.Qtype == dns.TypeA || question.Qtype == dns.TypeANY {
		for _, i := range rand.Perm(len(found)) {
			records = append(records, &dns.A{Hdr: recordHeader(question, dns.TypeA), A: found[i].AsSlice()})
		}
	}
	return records
}

func (s *Server) findPointer(address netip.Addr, question dns.Question) []dns.RR {
	name, ok := s.names.NameOf(address)
	if !ok {
		// Nobody outside knows better.
		if s.settings.Subnet.Contains(address) {
			return []dns.RR{}
		}
		return nil
	}
	records := []dns.RR{}
	if name != "" && question.Qtype == dns.TypePTR {
		target := dns.Fqdn(name + s.suffix)
		records = append(records, &dns.PTR{Hdr: recordHeader(question, dns.TypePTR), Ptr: target})
	}
	return records
}

// addressOfPointer: 4.3.2.1.in-addr.arpa is 1.2.3.4 (RFC 1035, 3.5).
func addressOfPointer(name string) (netip.Addr, bool) {
	digits, ok := strings.CutSuffix(name, ".in-addr.arpa")
	if !ok {
		return netip.Addr{}, false
	}
	parts := strings.Split(digits, ".")
	if len(parts) != 4 {
		return netip.Addr{}, false
	}
	address, err := netip.ParseAddr(parts[3] + "." + parts[2] + "." + parts[1] + "." + parts[0])
	return address, err == nil && address.Is4()
}

func recordHeader(question dns.Question, kind uint16) dns.RR_Header {
	return dns.RR_Header{Name: question.Name, Rrtype: kind, Class: dns.ClassINET, Ttl: localTTL}
}

func local(request *dns.Msg, records []dns.RR) *dns.Msg {
	response := failed(request, dns.RcodeSuccess)
	response.Answer = records
	return response
}

func failed(request *dns.Msg, code int) *dns.Msg {
	response := new(dns.Msg)
	response.SetRcode(request, code)
	response.RecursionAvailable = true
	if options := request.IsEdns0(); options != nil {
		response.SetEdns0(maximumUDPAnswer, false)
	}
	return response
}
