package frame

import (
	"net/netip"
	"testing"

	"gvisor.dev/gvisor/pkg/buffer"
)

func testFrame(size int) Frame { return OfView(buffer.NewViewSize(size)) }

func FuzzCheck(f *testing.F) {
	mac := MAC{2, 0, 0, 0, 0, 2}
	address := netip.MustParseAddr("172.18.0.2")
	own := append(append([]byte{2, 0, 0, 0, 0, 3}, mac[:]...), 0x08, 0x00)
	f.Add(append(own, 0x45, 0, 0, 20, 0, 0, 0, 0, 64, 17, 0, 0, 172, 18, 0, 2, 8, 8, 8, 8))
	f.Add(append(own[:12:12], 0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 2, 172, 18, 0, 2))
	f.Fuzz(func(t *testing.T, bytes []byte) {
		if _, ok := Check(bytes, mac, address); ok && MAC(bytes[6:12]) != mac {
			t.Error("another's address")
		}
	})
}

func TestQueueIsBounded(t *testing.T) {
	queue := NewQueue()
	accepted := 0
	for range 2 * maximumQueuedFrames {
		if queue.Push(testFrame(60)) {
			accepted++
		}
	}
	if accepted != maximumQueuedFrames {
		t.Errorf("%d frames", accepted)
	}
	queue.Close()
	if len(queue.Next(nil)) != 0 || queue.Push(testFrame(60)) {
		t.Error("a closed queue has frames")
	}
	large := NewQueue()
	bytes := 0
	for large.Push(testFrame(60_000)) {
		bytes += 60_000
	}
	if bytes > maximumQueuedBytes {
		t.Errorf("%d bytes", bytes)
	}
}
