package main

import (
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

func (n *network) firstName(e *endpoint) string {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if len(e.names) == 0 {
		return ""
	}
	return e.names[0]
}
