package network

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"mocker/netd/frame"
	"mocker/netd/gateway"
	"mocker/netd/lines"
	"mocker/netd/request"
	"mocker/netd/settings"
)

func testSettings() *settings.Settings {
	return &settings.Settings{
		Version: settings.Version, NetworkID: strings.Repeat("a", 64), Name: "web",
		Subnet: netip.MustParsePrefix("172.18.0.0/16"), Gateway: netip.MustParseAddr("172.18.0.1"), MTU: frame.MaximumMTU,
		SocketPath: "/a", CardSocketPath: "/b", LockPath: "/c", IdleMs: 3_600_000,
	}
}

func TestEndpointWhoseCardDoesNotComeIsRemoved(t *testing.T) {
	network, err := New(testSettings())
	if err != nil {
		t.Fatal(err)
	}
	network.cardTime = time.Millisecond
	told := lines.NewQueue()
	network.Events.Add(told)
	late := &request.Add{EndpointID: "late", MAC: "02:00:00:00:00:02", Address: "172.18.0.2"}
	if err := late.Check(network.Settings); err != nil {
		t.Fatal(err)
	}
	if _, err := network.Add(late); err != nil {
		t.Fatal(err)
	}
	lines := told.Next()
	if want := `{"event":"endpoint.removed","endpointId":"late"}` + "\n"; string(lines[0]) != want {
		t.Errorf("told %q", lines)
	}
	if left := network.Status(); len(left) != 0 {
		t.Errorf("left: %v", left)
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
	if sizes[0] != gateway.LargeBuffer || sizes[len(sizes)-1] != gateway.SmallBuffer {
		t.Errorf("from %d to %d", sizes[0], sizes[len(sizes)-1])
	}
	if total > bufferBudgetBytes+maximumConnections*gateway.SmallBuffer {
		t.Errorf("%d bytes", total)
	}
	for _, size := range sizes {
		budget.giveBack(size)
	}
	if budget.left != bufferBudgetBytes {
		t.Errorf("%d left", budget.left)
	}
}
