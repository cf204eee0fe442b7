package main

import (
	"net/netip"
	"testing"

	"gvisor.dev/gvisor/pkg/buffer"
)

func testFrame(size int) frame { return frame{view: buffer.NewViewSize(size)} }

func FuzzCheckFrame(f *testing.F) {
	mac := macAddress{2, 0, 0, 0, 0, 2}
	address := netip.MustParseAddr("172.18.0.2")
	own := append(append([]byte{2, 0, 0, 0, 0, 3}, mac[:]...), 0x08, 0x00)
	f.Add(append(own, 0x45, 0, 0, 20, 0, 0, 0, 0, 64, 17, 0, 0, 172, 18, 0, 2, 8, 8, 8, 8))
	f.Add(append(own[:12:12], 0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 2, 172, 18, 0, 2))
	f.Fuzz(func(t *testing.T, bytes []byte) {
		if _, ok := checkFrame(bytes, mac, address); ok && macAddress(bytes[6:12]) != mac {
			t.Error("another's address")
		}
	})
}

func TestFrameQueueIsBounded(t *testing.T) {
	queue := newFrameQueue()
	accepted := 0
	for range 2 * maximumQueuedFrames {
		if queue.push(testFrame(60)) {
			accepted++
		}
	}
	if accepted != maximumQueuedFrames {
		t.Errorf("%d frames", accepted)
	}
	queue.close()
	if len(queue.next(nil)) != 0 || queue.push(testFrame(60)) {
		t.Error("a closed queue has frames")
	}
	large := newFrameQueue()
	bytes := 0
	for large.push(testFrame(60_000)) {
		bytes += 60_000
	}
	if bytes > maximumQueuedBytes {
		t.Errorf("%d bytes", bytes)
	}
}
