package network

import (
	"net/netip"
	"sync/atomic"
	"time"

	"gvisor.dev/gvisor/pkg/buffer"

	"mocker/netd/frame"
	"mocker/netd/request"
	"mocker/netd/resolver"
)

// endpoint is a VM's place in the network. The network's mutex guards the names and the ports.
type endpoint struct {
	network     *Network
	id          string
	mac         frame.MAC
	address     netip.Addr
	hostGateway bool
	resolving   resolver.Client
	names       []string
	requests    []request.Port
	ports       []request.BoundPort
	cardTimer   *time.Timer
	// There is none before the VM connects.
	card atomic.Pointer[card]
	// There is none while the endpoint is unplugged.
	session atomic.Pointer[session]
}

func newEndpoint(network *Network, add *request.Add) *endpoint {
	return &endpoint{
		network:     network,
		id:          add.EndpointID,
		mac:         add.HardwareAddress,
		address:     add.IP,
		hostGateway: add.HostGateway,
		resolving:   resolver.Client{Servers: add.Servers, OtherResolvers: add.OtherResolvers},
		names:       canonicalNames(add.Names),
		requests:    add.Ports,
	}
}

// plug opens the endpoint's ports and lets frames pass. The network's mutex is locked.
func (e *endpoint) plug() *request.Error {
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
	header, ok := frame.Check(bytes, e.mac, e.address)
	if session == nil || !ok || len(bytes) > frame.EthernetSize+e.network.Settings.MTU {
		card.dropped.Add(1)
		return
	}
	gateway := e.network.gateway
	// gvisor would answer for every address, as it does for NAT.
	if header.IsARP && header.Target == e.network.Settings.Gateway {
		gateway.Receive(view, true)
		return
	}
	switch {
	case header.Destination == gateway.MAC:
		if !header.IsARP && !session.handleEcho(bytes[frame.EthernetSize:]) {
			gateway.Receive(view, false)
		}
	case header.Destination == frame.Broadcast:
		for _, other := range e.network.table.Load().byMAC {
			if other != e {
				other.send(frame.OfView(view.Clone()))
			}
		}
	default:
		// Multicast has no entry.
		if other := e.network.table.Load().byMAC[header.Destination]; other != nil && other != e {
			other.send(frame.OfView(view.Clone()))
		} else {
			card.dropped.Add(1)
		}
	}
}

// send takes over a frame for the VM. It never blocks.
func (e *endpoint) send(f frame.Frame) {
	if card := e.card.Load(); card != nil && e.session.Load() != nil {
		card.send(f)
	} else {
		f.Release()
	}
}

func (e *endpoint) status() request.EndpointStatus {
	status := request.EndpointStatus{
		EndpointID: e.id,
		MAC:        e.mac.String(),
		Address:    e.address,
		Names:      e.names,
		Up:         e.session.Load() != nil,
		Ports:      []request.BoundPort{},
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
