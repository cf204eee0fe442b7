// Package network joins the VMs of one network: the switch, and what each of them has open outside of it.
package network

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/stack"

	"mocker/netd/frame"
	"mocker/netd/gateway"
	"mocker/netd/lines"
	"mocker/netd/policy"
	"mocker/netd/request"
	"mocker/netd/resolver"
	"mocker/netd/settings"
)

// How long an endpoint waits for its card.
const defaultCardTime = 120 * time.Second

// Network has the endpoints, and what they share: the switch's table, names, the gateway.
type Network struct {
	// Settings are not changed.
	Settings *settings.Settings
	// Idle is closed when there has been no endpoint for the idle time.
	Idle chan struct{}
	// Events are told of endpoints that have gone by themselves.
	Events lines.Hub

	cardTime time.Duration
	policy   policy.Policy
	gateway  *gateway.Gateway
	resolver *resolver.Server
	table    atomic.Pointer[table]

	mutex     sync.Mutex
	endpoints map[string]*endpoint
	idleTimer *time.Timer
	closed    bool
}

// table is the switch's view of the endpoints that are plugged in. It is replaced, never changed.
type table struct {
	byMAC     map[frame.MAC]*endpoint
	byAddress map[netip.Addr]*endpoint
	byName    map[string][]*endpoint
}

// New makes a network without endpoints.
func New(settings *settings.Settings) (*Network, error) {
	made := &Network{
		Settings:  settings,
		Idle:      make(chan struct{}),
		cardTime:  defaultCardTime,
		policy:    policy.Policy{Subnet: settings.Subnet, Gateway: settings.Gateway, Internal: settings.Internal},
		endpoints: map[string]*endpoint{},
	}
	made.table.Store(&table{})
	made.idleTimer = time.AfterFunc(settings.IdleTime(), made.endIfIdle)
	gateway, err := gateway.New(made, gateway.Options{
		MAC:     gatewayMAC(settings.NetworkID),
		Address: settings.Gateway,
		Subnet:  settings.Subnet,
		MTU:     settings.MTU,
	})
	if err != nil {
		return nil, err
	}
	made.gateway = gateway
	made.resolver = resolver.New(settings, made, gateway)
	queries, err := gateway.ListenTCP(resolver.Port, maximumResolvers)
	if err != nil {
		return nil, err
	}
	go made.serveQueries(queries)
	return made, nil
}

// gatewayMAC is made from the network's id, so that it is the same after a restart.
func gatewayMAC(networkID string) frame.MAC {
	hash := sha256.Sum256([]byte("gateway of " + networkID))
	mac := frame.MAC(hash[:6])
	mac[0] = 0x02
	return mac
}

func (n *Network) endIfIdle() {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if len(n.endpoints) == 0 && !n.closed {
		n.closed = true
		close(n.Idle)
	}
}

// Add makes an endpoint, with its ports or not at all.
func (n *Network) Add(add *request.Add) ([]request.BoundPort, *request.Error) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if n.closed {
		return nil, request.Failure("ENDING", "the network is ending")
	}
	if _, exists := n.endpoints[add.EndpointID]; exists {
		return nil, request.Failure("ENDPOINT_EXISTS", "endpoint %s exists", add.EndpointID)
	}
	if add.HardwareAddress == n.gateway.MAC {
		return nil, request.Failure("ADDRESS_IN_USE", "the gateway has the MAC address %s", add.MAC)
	}
	for _, other := range n.endpoints {
		if other.address == add.IP {
			return nil, request.Failure("ADDRESS_IN_USE", "another endpoint has the address %s", add.IP)
		}
		if other.mac == add.HardwareAddress {
			return nil, request.Failure("ADDRESS_IN_USE", "another endpoint has the MAC address %s", add.MAC)
		}
	}
	made := newEndpoint(n, add)
	if err := made.plug(); err != nil {
		return nil, err
	}
	n.idleTimer.Stop()
	n.endpoints[made.id] = made
	n.gateway.Learn(made.address, made.mac)
	n.rebuildTable()
	made.cardTimer = time.AfterFunc(n.cardTime, func() { n.removeWithoutCard(made) })
	return made.ports, nil
}

// Update changes an endpoint's names, and plugs it in or out.
func (n *Network) Update(update *request.Update) *request.Error {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	found := n.endpoints[update.EndpointID]
	if found == nil {
		return request.Failure("NOT_FOUND", "there is no endpoint %s", update.EndpointID)
	}
	if update.Up != nil && *update.Up {
		if err := found.plug(); err != nil {
			return err
		}
	}
	if update.Names != nil {
		found.names = canonicalNames(*update.Names)
	}
	if update.Up != nil && !*update.Up {
		found.unplug()
	}
	n.rebuildTable()
	return nil
}

// Remove removes the endpoint with this id, if there is one.
func (n *Network) Remove(id string) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if found := n.endpoints[id]; found != nil {
		n.removeLocked(found)
	}
}

func (n *Network) removeLocked(gone *endpoint) {
	delete(n.endpoints, gone.id)
	n.rebuildTable()
	gone.cardTimer.Stop()
	gone.unplug()
	n.gateway.Forget(gone.address)
	if card := gone.card.Swap(nil); card != nil {
		card.close()
	}
	if len(n.endpoints) == 0 && !n.closed {
		n.idleTimer.Reset(n.Settings.IdleTime())
	}
}

// removeWithCard removes an endpoint whose card's connection has ended.
func (n *Network) removeWithCard(gone *endpoint) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.removeAndTell(gone)
}

func (n *Network) removeWithoutCard(gone *endpoint) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if gone.card.Load() == nil {
		n.removeAndTell(gone)
	}
}

func (n *Network) removeAndTell(gone *endpoint) {
	if n.endpoints[gone.id] != gone {
		return
	}
	n.removeLocked(gone)
	n.Events.Send(request.RemovedEvent{Event: "endpoint.removed", EndpointID: gone.id})
}

// attach gives an endpoint its card.
func (n *Network) attach(id string, card *card) (*endpoint, error) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	found := n.endpoints[id]
	if found == nil {
		return nil, fmt.Errorf("there is no endpoint %q", id)
	}
	if !found.card.CompareAndSwap(nil, card) {
		return nil, fmt.Errorf("endpoint %q has a card", id)
	}
	return found, nil
}

// Status says what each endpoint has.
func (n *Network) Status() []request.EndpointStatus {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	statuses := make([]request.EndpointStatus, 0, len(n.endpoints))
	for _, id := range slices.Sorted(maps.Keys(n.endpoints)) {
		statuses = append(statuses, n.endpoints[id].status())
	}
	return statuses
}

func (n *Network) rebuildTable() {
	made := &table{
		byMAC:     map[frame.MAC]*endpoint{},
		byAddress: map[netip.Addr]*endpoint{},
		byName:    map[string][]*endpoint{},
	}
	for _, id := range slices.Sorted(maps.Keys(n.endpoints)) {
		found := n.endpoints[id]
		if found.session.Load() == nil {
			continue
		}
		made.byMAC[found.mac] = found
		made.byAddress[found.address] = found
		for _, name := range found.names {
			made.byName[name] = append(made.byName[name], found)
		}
	}
	n.table.Store(made)
}

// Close ends everything that the endpoints have.
func (n *Network) Close() {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.closed = true
	for _, found := range n.endpoints {
		n.removeLocked(found)
	}
}

// Deliver takes a frame of the gateway's to its endpoint.
func (n *Network) Deliver(destination frame.MAC, packet *stack.PacketBuffer) {
	table := n.table.Load()
	if destination == frame.Broadcast {
		for _, found := range table.byMAC {
			found.send(frame.OfView(packet.ToView()))
		}
	} else if found := table.byMAC[destination]; found != nil {
		found.send(frame.OfPacket(packet.IncRef()))
	}
}

// HandleTCP passes a SYN to the endpoint that it comes from.
func (n *Network) HandleTCP(id stack.TransportEndpointID, packet *stack.PacketBuffer) bool {
	if session := n.sessionOf(gateway.AddrPort(id.RemoteAddress, id.RemotePort).Addr()); session != nil {
		return session.handleTCP(id, packet)
	}
	return false
}

// HandleUDP passes a datagram to the endpoint that it comes from.
func (n *Network) HandleUDP(id stack.TransportEndpointID, packet *stack.PacketBuffer) bool {
	guest := gateway.AddrPort(id.RemoteAddress, id.RemotePort)
	if session := n.sessionOf(guest.Addr()); session != nil {
		return session.handleUDP(gateway.AddrPort(id.LocalAddress, id.LocalPort), guest.Port(), packet)
	}
	return false
}

// sessionOf finds whose packet it is: a source address is only ever its endpoint's.
func (n *Network) sessionOf(address netip.Addr) *session {
	found := n.table.Load().byAddress[address]
	if found == nil {
		return nil
	}
	return found.session.Load()
}
