package lines

import "sync"

// Hub tells every client what happens. The zero value has none.
type Hub struct {
	mutex   sync.Mutex
	clients map[*Queue]struct{}
}

// Add makes a client hear of all that happens from now on.
func (h *Hub) Add(client *Queue) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.clients == nil {
		h.clients = map[*Queue]struct{}{}
	}
	h.clients[client] = struct{}{}
}

// Remove undoes Add.
func (h *Hub) Remove(client *Queue) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	delete(h.clients, client)
}

// Send queues a message for every client.
func (h *Hub) Send(message any) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	for client := range h.clients {
		client.Push(message)
	}
}
