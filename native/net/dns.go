package main

import (
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

const (
	// As Docker's: names come and go with their VMs.
	localTTL         = 600
	maximumResolvers = 16
	resolverIdleTime = 10 * time.Second
	// How long all of a query may take.
	queryTime = 12 * time.Second
)

// dnsServer answers at the gateway: the endpoints' names by itself, all others as the host would.
type dnsServer struct {
	network *network
	host    *hostResolvers
	suffix  string
}

func newDNSServer(network *network) *dnsServer {
	return &dnsServer{
		network: network,
		host:    &hostResolvers{path: hostResolverPath},
		suffix:  "." + strings.ToLower(network.settings.Name),
	}
}

// handleDatagram answers a query; more than a guest's share of them are lost.
func (d *dnsServer) handleDatagram(s *session, port uint16, payload []byte) {
	if !s.queries.take() {
		return
	}
	query := append([]byte(nil), payload...)
	go func() {
		defer s.queries.giveBack()
		if answer := d.answer(s, query, false); answer != nil {
			from := netip.AddrPortFrom(d.network.settings.Gateway, dnsPort)
			s.gateway.sendUDP(from, netip.AddrPortFrom(s.endpoint.address, port), answer)
		}
	}()
}

// serveDNS listens for queries over TCP.
func (g *gateway) serveDNS(d *dnsServer) error {
	queue := &waiter.Queue{}
	listener, err := g.stack.NewEndpoint(tcp.ProtocolNumber, ipv4.ProtocolNumber, queue)
	if err == nil {
		err = listener.Bind(tcpip.FullAddress{NIC: nicID, Addr: g.address, Port: dnsPort})
	}
	if err == nil {
		err = listener.Listen(maximumResolvers)
	}
	if err != nil {
		return &net.OpError{Op: "listen", Net: "dns", Err: errorOf(err)}
	}
	go d.accept(gonet.NewTCPListener(g.stack, queue, listener))
	return nil
}

func (d *dnsServer) accept(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		guest, ok := netip.AddrFromSlice(connection.RemoteAddr().(*net.TCPAddr).IP.To4())
		endpoint := d.network.table.Load().byAddress[guest]
		var s *session
		if ok && endpoint != nil {
			s = endpoint.session.Load()
		}
		if s == nil || !s.resolvers.take() {
			connection.Close()
			continue
		}
		go func() {
			defer s.resolvers.giveBack()
			d.serve(s, connection)
		}()
	}
}

// serve answers one query after the other. Over TCP each has its length before it (RFC 1035, 4.2.2).
func (d *dnsServer) serve(s *session, connection net.Conn) {
	defer connection.Close()
	stop := watchContext(s.context, connection)
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
		answer := d.answer(s, query, true)
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

// answer returns the answer to a query; none to what is no query.
func (d *dnsServer) answer(s *session, query []byte, overTCP bool) []byte {
	var request dns.Msg
	if err := request.Unpack(query); err != nil || request.Response {
		return nil
	}
	response := d.respond(s, &request)
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

func (d *dnsServer) respond(s *session, request *dns.Msg) *dns.Msg {
	if request.Opcode != dns.OpcodeQuery {
		return failed(request, dns.RcodeNotImplemented)
	}
	if len(request.Question) != 1 {
		return failed(request, dns.RcodeFormatError)
	}
	question := request.Question[0]
	if question.Qclass == dns.ClassINET {
		if found := d.find(question); found != nil {
			return local(request, found)
		}
		// There is no route for IPv6: who got such an address would wait for nothing.
		if question.Qtype == dns.TypeAAAA {
			return local(request, []dns.RR{})
		}
	}
	if d.network.settings.Internal {
		return failed(request, dns.RcodeNameError)
	}
	ctx, cancel := context.WithTimeout(s.context, queryTime)
	defer cancel()
	servers := s.endpoint.upstream
	if len(servers) == 0 {
		servers = d.host.servers()
	}
	return d.forward(ctx, request, servers)
}

// find returns the records of an endpoint's name or address; nil when there is no such, and none when there
// are no records of the type.
func (d *dnsServer) find(question dns.Question) []dns.RR {
	table := d.network.table.Load()
	name := strings.TrimSuffix(strings.ToLower(question.Name), ".")
	if address, ok := addressOfPointer(name); ok {
		return d.findPointer(table.byAddress[address], address, question)
	}
	found := table.byName[name]
	if found == nil {
		found = table.byName[strings.TrimSuffix(name, d.suffix)]
	}
	if found == nil {
		return nil
	}
	records := []dns.RR{}
	if question.Qtype == dns.TypeA || question.Qtype == dns.TypeANY {
		for _, i := range rand.Perm(len(found)) {
			records = append(records, &dns.A{Hdr: recordHeader(question, dns.TypeA), A: found[i].address.AsSlice()})
		}
	}
	return records
}

func (d *dnsServer) findPointer(found *endpoint, address netip.Addr, question dns.Question) []dns.RR {
	if found == nil {
		// Nobody outside knows better.
		if d.network.settings.Subnet.Contains(address) {
			return []dns.RR{}
		}
		return nil
	}
	records := []dns.RR{}
	if name := d.network.firstName(found); name != "" && question.Qtype == dns.TypePTR {
		target := dns.Fqdn(name + d.suffix)
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
