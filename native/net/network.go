package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// How long an endpoint waits for its card.
const defaultCardTime = 120 * time.Second

// network has the endpoints, and what they share: the switch's table, names, the gateway.
type network struct {
	settings *settings
	cardTime time.Duration
	policy   policy
	gateway  *gateway
	dns      *dnsServer
	// Closed when there has been no endpoint for the idle time.
	idle   chan struct{}
	events eventHub
	table  atomic.Pointer[table]

	mutex     sync.Mutex
	endpoints map[string]*endpoint
	idleTimer *time.Timer
	closed    bool
}

// table is the switch's view of the endpoints that are plugged in. It is replaced, never changed.
type table struct {
	byMAC     map[macAddress]*endpoint
	byAddress map[netip.Addr]*endpoint
	byName    map[string][]*endpoint
}

func newNetwork(settings *settings) (*network, error) {
	made := &network{
		settings:  settings,
		cardTime:  defaultCardTime,
		policy:    policy{subnet: settings.Subnet, gateway: settings.Gateway, internal: settings.Internal},
		idle:      make(chan struct{}),
		endpoints: map[string]*endpoint{},
	}
	made.table.Store(&table{})
	made.idleTimer = time.AfterFunc(settings.idleTime(), made.endIfIdle)
	made.dns = newDNSServer(made)
	gateway, err := newGateway(made, gatewayMAC(settings.NetworkID))
	if err != nil {
		return nil, err
	}
	made.gateway = gateway
	return made, gateway.serveDNS(made.dns)
}

// gatewayMAC is made from the network's id, so that it is the same after a restart.
func gatewayMAC(networkID string) macAddress {
	hash := sha256.Sum256([]byte("gateway of " + networkID))
	mac := macAddress(hash[:6])
	mac[0] = 0x02
	return mac
}

func (n *network) endIfIdle() {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if len(n.endpoints) == 0 && !n.closed {
		n.closed = true
		close(n.idle)
	}
}

// add makes an endpoint, with its ports or not at all.
func (n *network) add(request *addRequest) ([]boundPort, *requestError) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if n.closed {
		return nil, failure("ENDING", "the network is ending")
	}
	if _, exists := n.endpoints[request.EndpointID]; exists {
		return nil, failure("ENDPOINT_EXISTS", "endpoint %s exists", request.EndpointID)
	}
	if request.mac == n.gateway.mac {
		return nil, failure("ADDRESS_IN_USE", "the gateway has the MAC address %s", request.MAC)
	}
	for _, other := range n.endpoints {
		if other.address == request.address {
			return nil, failure("ADDRESS_IN_USE", "another endpoint has the address %s", request.address)
		}
		if other.mac == request.mac {
			return nil, failure("ADDRESS_IN_USE", "another endpoint has the MAC address %s", request.MAC)
		}
	}
	made := newEndpoint(n, request)
	if err := made.plug(); err != nil {
		return nil, err
	}
	n.idleTimer.Stop()
	n.endpoints[made.id] = made
	n.gateway.learn(made)
	n.rebuildTable()
	made.cardTimer = time.AfterFunc(n.cardTime, func() { n.removeWithoutCard(made) })
	return made.ports, nil
}

// update changes an endpoint's names, and plugs it in or out.
func (n *network) update(request *updateRequest) *requestError {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	found := n.endpoints[request.EndpointID]
	if found == nil {
		return failure("NOT_FOUND", "there is no endpoint %s", request.EndpointID)
	}
	if request.Up != nil && *request.Up {
		if err := found.plug(); err != nil {
			return err
		}
	}
	if request.Names != nil {
		found.names = canonicalNames(*request.Names)
	}
	if request.Up != nil && !*request.Up {
		found.unplug()
	}
	n.rebuildTable()
	return nil
}

// remove removes the endpoint with this id, if there is one.
func (n *network) remove(id string) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if found := n.endpoints[id]; found != nil {
		n.removeLocked(found)
	}
}

func (n *network) removeLocked(gone *endpoint) {
	delete(n.endpoints, gone.id)
	n.rebuildTable()
	gone.cardTimer.Stop()
	gone.unplug()
	n.gateway.forget(gone)
	if card := gone.card.Swap(nil); card != nil {
		card.close()
	}
	if len(n.endpoints) == 0 && !n.closed {
		n.idleTimer.Reset(n.settings.idleTime())
	}
}

// removeWithCard removes an endpoint whose card's connection has ended.
func (n *network) removeWithCard(gone *endpoint) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.removeAndTell(gone)
}

func (n *network) removeWithoutCard(gone *endpoint) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if gone.card.Load() == nil {
		n.removeAndTell(gone)
	}
}

func (n *network) removeAndTell(gone *endpoint) {
	if n.endpoints[gone.id] != gone {
		return
	}
	n.removeLocked(gone)
	n.events.send(removedEvent{Event: "endpoint.removed", EndpointID: gone.id})
}

// attach gives an endpoint its card.
func (n *network) attach(id string, card *card) (*endpoint, error) {
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

func (n *network) status() []endpointStatus {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	statuses := make([]endpointStatus, 0, len(n.endpoints))
	for _, id := range slices.Sorted(maps.Keys(n.endpoints)) {
		statuses = append(statuses, n.endpoints[id].status())
	}
	return statuses
}

func (n *network) rebuildTable() {
	made := &table{
		byMAC:     map[macAddress]*endpoint{},
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

// close ends everything that the endpoints have.
func (n *network) close() {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.closed = true
	for _, found := range n.endpoints {
		n.removeLocked(found)
	}
}

func (m macAddress) String() string {
	text := hex.EncodeToString(m[:])
	return fmt.Sprintf("%s:%s:%s:%s:%s:%s", text[0:2], text[2:4], text[4:6], text[6:8], text[8:10], text[10:12])
}
