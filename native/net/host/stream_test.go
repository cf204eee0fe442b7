package host

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pair is a stream and its peer, with so little room between them that no large write is whole.
func pair(t *testing.T) (*Stream, net.Conn) {
	t.Helper()
	descriptors, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix.SetsockoptInt(descriptors[0], unix.SOL_SOCKET, unix.SO_SNDBUF, 4096)
	made, err := NewStream(os.NewFile(uintptr(descriptors[0]), "stream"))
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(descriptors[1]), "peer")
	peer, err := net.FileConn(file)
	file.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		made.Close()
		peer.Close()
	})
	return made, peer
}

func TestStreamWritesAllSlicesInOrder(t *testing.T) {
	stream, peer := pair(t)
	random := rand.New(rand.NewPCG(1, 2))
	var slices [][]byte
	for range maximumVectors + 500 {
		slice := make([]byte, random.IntN(3000))
		for i := range slice {
			slice[i] = byte(random.Uint32())
		}
		slices = append(slices, slice)
	}
	written := make(chan error, 1)
	go func() {
		err := stream.WriteAll(slices)
		written <- errors.Join(err, stream.CloseWrite())
	}()
	read, err := io.ReadAll(peer)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(read, bytes.Join(slices, nil)) {
		t.Fatalf("%d bytes came, and not those that were written", len(read))
	}
}

func TestStreamReadsToTheEnd(t *testing.T) {
	stream, peer := pair(t)
	data := bytes.Repeat([]byte("data"), 100_000)
	go func() {
		peer.Write(data)
		peer.Close()
	}()
	read, err := io.ReadAll(stream)
	if err != nil || !bytes.Equal(read, data) {
		t.Fatalf("%d bytes, %v", len(read), err)
	}
}

func TestStreamToAPeerThatHasGone(t *testing.T) {
	stream, peer := pair(t)
	peer.Close()
	if _, err := stream.Write([]byte("data")); !errors.Is(err, unix.EPIPE) {
		t.Fatal(err)
	}
	if err := stream.WriteAll([][]byte{[]byte("data")}); !errors.Is(err, unix.EPIPE) {
		t.Fatal(err)
	}
}

func TestConnect(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := netip.MustParseAddrPort(listener.Addr().String())
	for range 200 {
		limited, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		connected, err := Connect(limited, address)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		connected.Abort()
	}
	listener.Close()
	if _, err := Connect(t.Context(), address); !errors.Is(err, unix.ECONNREFUSED) {
		t.Fatal(err)
	}
}

// A listener whose queue is full answers no SYN.
func TestConnectEndsWithItsContext(t *testing.T) {
	descriptor, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(descriptor)
	if err := errors.Join(unix.Bind(descriptor, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}),
		unix.Listen(descriptor, 0)); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(descriptor)
	if err != nil {
		t.Fatal(err)
	}
	address := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(name.(*unix.SockaddrInet4).Port))
	for range 10 {
		limited, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		connected, err := Connect(limited, address)
		cancel()
		if err == nil {
			defer connected.Abort()
			continue
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
		canceled, end := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, end)
		if _, err := Connect(canceled, address); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		return
	}
	t.Fatal("the queue was never full")
}
