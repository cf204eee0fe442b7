// Package settings reads netd.json, which the engine writes.
package settings

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"mocker/netd/frame"
	"mocker/netd/lines"
)

// Version is that of netd.json.
const Version = 1

// Settings are what a network is made with.
type Settings struct {
	Version        int          `json:"version"`
	NetworkID      string       `json:"networkId"`
	Name           string       `json:"name"`
	Subnet         netip.Prefix `json:"subnet"`
	Gateway        netip.Addr   `json:"gateway"`
	MTU            int          `json:"mtu"`
	Internal       bool         `json:"internal"`
	SocketPath     string       `json:"socketPath"`
	CardSocketPath string       `json:"cardSocketPath"`
	LockPath       string       `json:"lockPath"`
	IdleMs         int          `json:"idleMs"`
}

var networkIDPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Read reads and checks netd.json.
func Read(path string) (*Settings, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var read Settings
	if err := lines.DecodeStrictly(text, &read); err != nil {
		return nil, err
	}
	return &read, read.Check()
}

// Check says what is wrong with the settings, if anything is.
func (s *Settings) Check() error {
	switch {
	case s.Version != Version:
		return fmt.Errorf("version %d is not known", s.Version)
	case !networkIDPattern.MatchString(s.NetworkID):
		return errors.New("networkId is not 64 hexadecimal digits")
	case !s.Subnet.Addr().Is4() || s.Subnet != s.Subnet.Masked() || s.Subnet.Bits() > 30 || s.Subnet.Bits() < 8:
		return fmt.Errorf("subnet %s is not an IPv4 network of /8 to /30", s.Subnet)
	case !IsHost(s.Subnet, s.Gateway):
		return fmt.Errorf("gateway %s is not a host of %s", s.Gateway, s.Subnet)
	case s.MTU < 576 || s.MTU > frame.MaximumMTU:
		return fmt.Errorf("mtu %d is not within 576 and %d", s.MTU, frame.MaximumMTU)
	case s.IdleMs <= 0:
		return errors.New("idleMs is not positive")
	}
	for _, path := range []string{s.SocketPath, s.CardSocketPath, s.LockPath} {
		if !filepath.IsAbs(path) {
			return fmt.Errorf("path %q is not absolute", path)
		}
	}
	return nil
}

// IdleTime is how long a network stays that has no endpoint.
func (s *Settings) IdleTime() time.Duration { return time.Duration(s.IdleMs) * time.Millisecond }

// IsHost says whether an address is one that a host may have: not the network's own, nor its broadcast.
func IsHost(subnet netip.Prefix, address netip.Addr) bool {
	return subnet.Contains(address) && address != subnet.Masked().Addr() && address != broadcastOf(subnet)
}

func broadcastOf(subnet netip.Prefix) netip.Addr {
	bytes := subnet.Masked().Addr().As4()
	for bit := subnet.Bits(); bit < 32; bit++ {
		bytes[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(bytes)
}
