package main

import "sync"

// eventHub tells every client of the control socket what happens.
type eventHub struct {
	mutex   sync.Mutex
	clients map[*lineQueue]struct{}
}

func (h *eventHub) add(client *lineQueue) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.clients == nil {
		h.clients = map[*lineQueue]struct{}{}
	}
	h.clients[client] = struct{}{}
}

func (h *eventHub) remove(client *lineQueue) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	delete(h.clients, client)
}

func (h *eventHub) send(event any) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	for client := range h.clients {
		client.push(event)
	}
}
