package main

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

func testSettings() *settings {
	return &settings{
		Version: settingsVersion, NetworkID: strings.Repeat("a", 64), Name: "web",
		Subnet: netip.MustParsePrefix("172.18.0.0/16"), Gateway: netip.MustParseAddr("172.18.0.1"), MTU: maximumMTU,
		SocketPath: "/a", CardSocketPath: "/b", LockPath: "/c", IdleMs: 3_600_000,
	}
}

func TestEndpointWhoseCardDoesNotComeIsRemoved(t *testing.T) {
	network, err := newNetwork(testSettings())
	if err != nil {
		t.Fatal(err)
	}
	network.cardTime = time.Millisecond
	told := newLineQueue()
	network.events.add(told)
	request := &addRequest{EndpointID: "late", MAC: "02:00:00:00:00:02", Address: "172.18.0.2"}
	if err := request.check(network.settings); err != nil {
		t.Fatal(err)
	}
	if _, err := network.add(request); err != nil {
		t.Fatal(err)
	}
	lines := told.next()
	if want := `{"event":"endpoint.removed","endpointId":"late"}` + "\n"; string(lines[0]) != want {
		t.Errorf("told %q", lines)
	}
	if left := network.status(); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	if err := testSettings().check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*settings){
		"version":        func(s *settings) { s.Version = 2 },
		"id":             func(s *settings) { s.NetworkID = "../.." },
		"IPv6 subnet":    func(s *settings) { s.Subnet = netip.MustParsePrefix("fd00::/64") },
		"no subnet":      func(s *settings) { s.Subnet = netip.Prefix{} },
		"host in subnet": func(s *settings) { s.Subnet = netip.MustParsePrefix("172.18.0.5/16") },
		"tiny subnet":    func(s *settings) { s.Subnet = netip.MustParsePrefix("172.18.0.0/31") },
		"outer gateway":  func(s *settings) { s.Gateway = netip.MustParseAddr("172.19.0.1") },
		"network itself": func(s *settings) { s.Gateway = netip.MustParseAddr("172.18.0.0") },
		"broadcast":      func(s *settings) { s.Gateway = netip.MustParseAddr("172.18.255.255") },
		"no gateway":     func(s *settings) { s.Gateway = netip.Addr{} },
		"MTU":            func(s *settings) { s.MTU = maximumMTU + 1 },
		"idle time":      func(s *settings) { s.IdleMs = 0 },
		"relative path":  func(s *settings) { s.LockPath = "netd.lock" },
	} {
		spoiled := testSettings()
		spoil(spoiled)
		if spoiled.check() == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestBufferBudgetHasAnEnd(t *testing.T) {
	budget := bufferBudget{left: bufferBudgetBytes}
	total, sizes := 0, []int{}
	for range maximumConnections {
		size := budget.take()
		sizes = append(sizes, size)
		total += size
	}
	if sizes[0] != largeBuffer || sizes[len(sizes)-1] != smallBuffer {
		t.Errorf("from %d to %d", sizes[0], sizes[len(sizes)-1])
	}
	if total > bufferBudgetBytes+maximumConnections*smallBuffer {
		t.Errorf("%d bytes", total)
	}
	for _, size := range sizes {
		budget.giveBack(size)
	}
	if budget.left != bufferBudgetBytes {
		t.Errorf("%d left", budget.left)
	}
}

func TestResolversOfTheHost(t *testing.T) {
	text := "# nameserver 1.1.1.1\nsearch a b\nnameserver 127.0.0.53\n nameserver\tfe80::1%eth0\nnameserver x\n" +
		"nameserver 9.9.9.9 # last\nnameserver 8.8.8.8\noptions edns0"
	found := parseResolvers(text)
	if len(found) != 3 || found[0].String() != "127.0.0.53" || found[1].String() != "fe80::1%eth0" ||
		found[2].String() != "9.9.9.9" {
		t.Errorf("found %v", found)
	}
}
