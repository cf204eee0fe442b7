package main

import (
	"net/netip"
	"sync/atomic"
	"time"

	"gvisor.dev/gvisor/pkg/buffer"
)

// endpoint is a VM's place in the network. The network's mutex guards the names and the ports.
type endpoint struct {
	network     *network
	id          string
	mac         macAddress
	address     netip.Addr
	hostGateway bool
	upstream    []netip.Addr
	names       []string
	requests    []portRequest
	ports       []boundPort
	cardTimer   *time.Timer
	// There is none before the VM connects.
	card atomic.Pointer[card]
	// There is none while the endpoint is unplugged.
	session atomic.Pointer[session]
}

func newEndpoint(network *network, request *addRequest) *endpoint {
	return &endpoint{
		network:     network,
		id:          request.EndpointID,
		mac:         request.mac,
		address:     request.address,
		hostGateway: request.HostGateway,
		upstream:    request.upstream,
		names:       canonicalNames(request.Names),
		requests:    request.Ports,
	}
}

// plug opens the endpoint's ports and lets frames pass. The network's mutex is locked.
func (e *endpoint) plug() *requestError {
	if e.session.Load() != nil {
		return nil
	}
	made := newSession(e)
	ports, err := made.publish(e.requests)
	if err != nil {
		made.end()
		return err
	}
	e.ports = ports
	e.session.Store(made)
	return nil
}

// unplug ends all that the endpoint has open. The network's mutex is locked.
func (e *endpoint) unplug() {
	if ended := e.session.Swap(nil); ended != nil {
		ended.end()
	}
}

// serve carries frames until the card's connection ends, and the endpoint with it.
func (e *endpoint) serve(card *card) {
	go card.write()
	for {
		view, err := card.readFrame()
		if err != nil {
			break
		}
		if view != nil {
			card.received.Add(uint64(view.Size()))
			e.forward(card, view)
		}
	}
	card.close()
	e.network.removeWithCard(e)
}

// forward sends a frame of this endpoint's on its way, and takes it over.
func (e *endpoint) forward(card *card, view *buffer.View) {
	defer view.Release()
	bytes := view.AsSlice()
	session := e.session.Load()
	header, ok := checkFrame(bytes, e.mac, e.address)
	if session == nil || !ok || len(bytes) > ethernetSize+e.network.settings.MTU {
		card.dropped.Add(1)
		return
	}
	gateway := e.network.gateway
	// gvisor would answer for every address, as it does for NAT.
	if header.isARP && header.target == e.network.settings.Gateway {
		gateway.receive(view, true)
		return
	}
	switch {
	case header.destination == gateway.mac:
		if !header.isARP && !session.handleEcho(bytes[ethernetSize:]) {
			gateway.receive(view, false)
		}
	case header.destination == broadcastMAC:
		for _, other := range e.network.table.Load().byMAC {
			if other != e {
				other.send(frame{view: view.Clone()})
			}
		}
	default:
		// Multicast has no entry.
		if other := e.network.table.Load().byMAC[header.destination]; other != nil && other != e {
			other.send(frame{view: view.Clone()})
		} else {
			card.dropped.Add(1)
		}
	}
}

// send takes over a frame for the VM. It never blocks.
func (e *endpoint) send(f frame) {
	if card := e.card.Load(); card != nil && e.session.Load() != nil {
		card.send(f)
	} else {
		f.release()
	}
}

func (e *endpoint) status() endpointStatus {
	status := endpointStatus{
		EndpointID: e.id,
		MAC:        e.mac.String(),
		Address:    e.address,
		Names:      e.names,
		Up:         e.session.Load() != nil,
		Ports:      []boundPort{},
	}
	if status.Up {
		status.Ports = e.ports
	}
	if card := e.card.Load(); card != nil {
		status.Connected = true
		status.RxBytes = card.sent.Load()
		status.TxBytes = card.received.Load()
		status.DroppedFrames = card.dropped.Load()
	}
	return status
}
