package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

const settingsVersion = 1

// settings is netd.json, which the engine writes.
type settings struct {
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

// readSettings reads and checks netd.json.
func readSettings(path string) (*settings, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var read settings
	if err := decodeStrictly(text, &read); err != nil {
		return nil, err
	}
	return &read, read.check()
}

func (s *settings) check() error {
	switch {
	case s.Version != settingsVersion:
		return fmt.Errorf("version %d is not known", s.Version)
	case !networkIDPattern.MatchString(s.NetworkID):
		return errors.New("networkId is not 64 hexadecimal digits")
	case !s.Subnet.Addr().Is4() || s.Subnet != s.Subnet.Masked() || s.Subnet.Bits() > 30 || s.Subnet.Bits() < 8:
		return fmt.Errorf("subnet %s is not an IPv4 network of /8 to /30", s.Subnet)
	case !isHost(s.Subnet, s.Gateway):
		return fmt.Errorf("gateway %s is not a host of %s", s.Gateway, s.Subnet)
	case s.MTU < 576 || s.MTU > maximumMTU:
		return fmt.Errorf("mtu %d is not within 576 and %d", s.MTU, maximumMTU)
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

func (s *settings) idleTime() time.Duration { return time.Duration(s.IdleMs) * time.Millisecond }

// isHost says whether an address is one that a host may have: not the network's own, nor its broadcast.
func isHost(subnet netip.Prefix, address netip.Addr) bool {
	return subnet.Contains(address) && address != subnet.Masked().Addr() && address != broadcastOf(subnet)
}

func broadcastOf(subnet netip.Prefix) netip.Addr {
	bytes := subnet.Masked().Addr().As4()
	for bit := subnet.Bits(); bit < 32; bit++ {
		bytes[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(bytes)
}

// decodeStrictly decodes exactly one JSON value, and refuses what the target has no field for: to ignore a
// restriction that was asked for would be worse.
func decodeStrictly(text []byte, target any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(target); err != nil {
		return err
	}
	if decoder.More() {
		return errors.New("more than one JSON value")
	}
	return nil
}
