package network

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"mocker/netd/gateway"
	"mocker/netd/host"
)

const maximumUDPClients = 1024

// udpPort is a published UDP port. Each client has a port of the gateway's, so that the guest's answers find
// their way back, from the address that the client asked.
type udpPort struct {
	session   *session
	socket    *host.UDPSocket
	guestPort uint16

	mutex   sync.Mutex
	clients map[udpPeers]*udpClient
}

// udpPeers are a client and the address of the host's that it asked.
type udpPeers struct {
	client netip.AddrPort
	asked  host.LocalAddress
}

// udpClient is one client's way to the guest and back.
type udpClient struct {
	peers    udpPeers
	guest    *gateway.Connection
	context  context.Context
	end      context.CancelFunc
	idle     *time.Timer
	lastUsed atomic.Int64
}

func newUDPPort(session *session, socket *net.UDPConn, guestPort uint16) *udpPort {
	return &udpPort{
		session:   session,
		socket:    host.NewUDPSocket(socket),
		guestPort: guestPort,
		clients:   map[udpPeers]*udpClient{},
	}
}

// serve passes the clients' datagrams on until the session ends.
func (p *udpPort) serve() {
	buffer := make([]byte, len(host.Buffer{}))
	for {
		count, from, asked, err := p.socket.Read(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// An earlier answer's ICMP error.
			continue
		}
		if client := p.clientAt(udpPeers{from, asked}); client != nil {
			client.touch()
			client.guest.WriteDatagram(buffer[:count])
		}
	}
}

func (p *udpPort) clientAt(peers udpPeers) *udpClient {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if client := p.clients[peers]; client != nil {
		return client
	}
	if len(p.clients) >= maximumUDPClients {
		p.endOldestClient()
	}
	guest, err := p.session.gateway.OpenDatagrams(p.session.guest(p.guestPort))
	if err != nil {
		return nil
	}
	client := &udpClient{peers: peers, guest: guest}
	client.context, client.end = context.WithCancel(p.session.context)
	client.idle = time.AfterFunc(flowIdleTime, client.end)
	client.touch()
	p.clients[peers] = client
	go p.serveClient(client)
	return client
}

func (p *udpPort) endOldestClient() {
	var oldest *udpClient
	for _, client := range p.clients {
		if oldest == nil || client.lastUsed.Load() < oldest.lastUsed.Load() {
			oldest = client
		}
	}
	delete(p.clients, oldest.peers)
	oldest.end()
}

// serveClient sends the guest's answers to a client until both are idle.
func (p *udpPort) serveClient(client *udpClient) {
	client.guest.CopyTo(client.context, writerFunc(func(answer []byte) (int, error) {
		client.touch()
		// A client that does not take it loses it.
		p.socket.Write(answer, client.peers.client, client.peers.asked)
		return len(answer), nil
	}))
	client.end()
	client.idle.Stop()
	client.guest.Close()
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.clients[client.peers] == client {
		delete(p.clients, client.peers)
	}
}

func (c *udpClient) touch() {
	c.lastUsed.Store(time.Now().UnixNano())
	c.idle.Reset(flowIdleTime)
}

// writerFunc is an io.Writer of one function.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(data []byte) (int, error) { return f(data) }
