package network

import (
	"net/netip"
	"slices"
	"strings"
)

// canonicalNames are names as they are looked up: DNS knows no case (RFC 4343).
func canonicalNames(names []string) []string {
	canonical := make([]string, 0, len(names))
	for _, name := range names {
		name = strings.ToLower(strings.TrimSuffix(name, "."))
		if !slices.Contains(canonical, name) {
			canonical = append(canonical, name)
		}
	}
	return canonical
}

// Addresses returns those of the endpoints that have this name.
func (n *Network) Addresses(name string) []netip.Addr {
	var addresses []netip.Addr
	for _, found := range n.table.Load().byName[name] {
		addresses = append(addresses, found.address)
	}
	return addresses
}

// NameOf returns the first name of the endpoint with this address.
func (n *Network) NameOf(address netip.Addr) (string, bool) {
	found := n.table.Load().byAddress[address]
	if found == nil {
		return "", false
	}
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if len(found.names) == 0 {
		return "", true
	}
	return found.names[0], true
}
