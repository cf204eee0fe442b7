package policy

import (
	"net/netip"
	"testing"
)

func testPolicy() Policy {
	return Policy{Subnet: netip.MustParsePrefix("172.18.0.0/16"), Gateway: netip.MustParseAddr("172.18.0.1")}
}

func TestPolicyAllows(t *testing.T) {
	for _, address := range []string{
		"1.1.1.1", "8.8.8.8", "10.0.0.1", "10.255.255.255", "172.17.0.1", "172.19.0.1", "192.168.1.1", "100.64.0.1",
		"100.100.100.199", "100.100.100.201", "168.63.129.15", "192.0.0.191", "223.255.255.255", "126.255.255.255",
		"128.0.0.1", "169.253.255.255", "169.255.0.0", "1.0.0.0",
	} {
		want := netip.AddrPortFrom(netip.MustParseAddr(address), 443)
		if got, ok := testPolicy().Route(want, false); !ok || got != want {
			t.Errorf("%s goes to %s, %t", address, got, ok)
		}
	}
}

func TestPolicyDenies(t *testing.T) {
	for _, address := range []string{
		"127.0.0.1", "127.255.255.255", "0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.0.1", "224.0.0.1",
		"239.255.255.255", "240.0.0.1", "255.255.255.255", "100.100.100.200", "168.63.129.16", "192.0.0.192",
		"172.18.0.0", "172.18.0.2", "172.18.255.255", "172.18.0.1",
		"::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:172.18.0.1", "::1", "fe80::1", "2001:db8::1", "::",
	} {
		if got, ok := testPolicy().Route(netip.AddrPortFrom(netip.MustParseAddr(address), 80), false); ok {
			t.Errorf("%s goes to %s", address, got)
		}
	}
}

func TestPolicyOfGatewayIsLoopbackOnlyWhenAskedFor(t *testing.T) {
	gateway := netip.MustParseAddrPort("172.18.0.1:5432")
	if got, ok := testPolicy().Route(gateway, true); !ok || got != netip.MustParseAddrPort("127.0.0.1:5432") {
		t.Errorf("it goes to %s, %t", got, ok)
	}
	if _, ok := testPolicy().Route(netip.MustParseAddrPort("127.0.0.1:5432"), true); ok {
		t.Error("loopback's own address is allowed")
	}
}

func TestPolicyOfInternalNetworksAllowsNothing(t *testing.T) {
	internal := testPolicy()
	internal.Internal = true
	for _, address := range []string{"1.1.1.1", "10.0.0.1", "172.18.0.1"} {
		if got, ok := internal.Route(netip.AddrPortFrom(netip.MustParseAddr(address), 80), true); ok {
			t.Errorf("%s goes to %s", address, got)
		}
	}
}
