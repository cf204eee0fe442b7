package resolver

import "testing"

func TestResolversOfTheHost(t *testing.T) {
	text := "# nameserver 1.1.1.1\nsearch a b\nnameserver 127.0.0.53\n nameserver\tfe80::1%eth0\nnameserver x\n" +
		"nameserver 9.9.9.9 # last\nnameserver 8.8.8.8\noptions edns0"
	found := parseResolvers(text)
	if len(found) != 3 || found[0].String() != "127.0.0.53" || found[1].String() != "fe80::1%eth0" ||
		found[2].String() != "9.9.9.9" {
		t.Errorf("found %v", found)
	}
}
