package settings

import (
	"net/netip"
	"strings"
	"testing"

	"mocker/netd/frame"
)

func testSettings() *Settings {
	return &Settings{
		Version: Version, NetworkID: strings.Repeat("a", 64), Name: "web",
		Subnet: netip.MustParsePrefix("172.18.0.0/16"), Gateway: netip.MustParseAddr("172.18.0.1"), MTU: frame.MaximumMTU,
		SocketPath: "/a", CardSocketPath: "/b", LockPath: "/c", IdleMs: 3_600_000,
	}
}

func TestSettingsAreChecked(t *testing.T) {
	if err := testSettings().Check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Settings){
		"version":        func(s *Settings) { s.Version = 2 },
		"id":             func(s *Settings) { s.NetworkID = "../.." },
		"IPv6 subnet":    func(s *Settings) { s.Subnet = netip.MustParsePrefix("fd00::/64") },
		"no subnet":      func(s *Settings) { s.Subnet = netip.Prefix{} },
		"host in subnet": func(s *Settings) { s.Subnet = netip.MustParsePrefix("172.18.0.5/16") },
		"tiny subnet":    func(s *Settings) { s.Subnet = netip.MustParsePrefix("172.18.0.0/31") },
		"outer gateway":  func(s *Settings) { s.Gateway = netip.MustParseAddr("172.19.0.1") },
		"network itself": func(s *Settings) { s.Gateway = netip.MustParseAddr("172.18.0.0") },
		"broadcast":      func(s *Settings) { s.Gateway = netip.MustParseAddr("172.18.255.255") },
		"no gateway":     func(s *Settings) { s.Gateway = netip.Addr{} },
		"MTU":            func(s *Settings) { s.MTU = frame.MaximumMTU + 1 },
		"idle time":      func(s *Settings) { s.IdleMs = 0 },
		"relative path":  func(s *Settings) { s.LockPath = "netd.lock" },
	} {
		spoiled := testSettings()
		spoil(spoiled)
		if spoiled.Check() == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
