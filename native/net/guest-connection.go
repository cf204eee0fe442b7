package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

const (
	dialTime = 10 * time.Second
	// How long a connection that both sides have closed may still deliver what it has.
	lingerTime = 60 * time.Second
)

type copyBuffer [64 << 10]byte

// copyBuffers has the buffers of connections that have something to carry; one that waits has none.
var copyBuffers = sync.Pool{New: func() any { return new(copyBuffer) }}

// guestConnection is the guest's side of a connection, whose other end is in the guest.
type guestConnection struct {
	endpoint tcpip.Endpoint
	queue    *waiter.Queue
}

// dialGuest connects from the gateway's address to a port of the guest's.
func (s *session) dialGuest(port uint16) (*guestConnection, error) {
	queue := &waiter.Queue{}
	endpoint, err := s.gateway.stack.NewEndpoint(tcp.ProtocolNumber, ipv4.ProtocolNumber, queue)
	if err != nil {
		return nil, errorOf(err)
	}
	made := &guestConnection{endpoint: endpoint, queue: queue}
	entry, connected := waiter.NewChannelEntry(waiter.WritableEvents)
	queue.EventRegister(&entry)
	defer queue.EventUnregister(&entry)
	if err := endpoint.Bind(tcpip.FullAddress{NIC: nicID, Addr: s.gateway.address}); err != nil {
		made.abort()
		return nil, errorOf(err)
	}
	guest := tcpip.FullAddress{NIC: nicID, Addr: tcpipAddress(s.endpoint.address), Port: port}
	err = endpoint.Connect(guest)
	if _, started := err.(*tcpip.ErrConnectStarted); started {
		limited, cancel := context.WithTimeout(s.context, dialTime)
		defer cancel()
		select {
		case <-limited.Done():
			made.abort()
			return nil, limited.Err()
		case <-connected:
			err = endpoint.LastError()
		}
	}
	if err != nil {
		made.abort()
		return nil, errorOf(err)
	}
	return made, nil
}

// setBuffers enlarges the buffers.
func (g *guestConnection) setBuffers(size int) {
	options := g.endpoint.SocketOptions()
	options.SetReceiveBufferSize(int64(size), true)
	options.SetSendBufferSize(int64(size), true)
	options.SetKeepAlive(true)
}

// copyTo writes what the guest sends, until its end of the stream.
func (g *guestConnection) copyTo(ctx context.Context, writer io.Writer) error {
	entry, readable := waiter.NewChannelEntry(waiter.ReadableEvents)
	g.queue.EventRegister(&entry)
	defer g.queue.EventUnregister(&entry)
	for {
		err := g.copyOnce(writer)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, errWouldBlock):
			select {
			case <-readable:
			case <-ctx.Done():
				return ctx.Err()
			}
		case err != nil:
			return err
		}
	}
}

var errWouldBlock = errors.New("nothing to read")

func (g *guestConnection) copyOnce(writer io.Writer) error {
	buffer := copyBuffers.Get().(*copyBuffer)
	defer copyBuffers.Put(buffer)
	into := tcpip.SliceWriter(buffer[:])
	result, err := g.endpoint.Read(&into, tcpip.ReadOptions{})
	switch err.(type) {
	case nil:
		_, failure := writer.Write(buffer[:result.Count])
		return failure
	case *tcpip.ErrWouldBlock:
		return errWouldBlock
	case *tcpip.ErrClosedForReceive:
		return io.EOF
	}
	return errorOf(err)
}

// write sends to the guest, and waits while its window is closed.
func (g *guestConnection) write(ctx context.Context, data []byte) error {
	var reader bytes.Reader
	var entry waiter.Entry
	var writable <-chan struct{}
	for len(data) > 0 {
		reader.Reset(data)
		count, err := g.endpoint.Write(&reader, tcpip.WriteOptions{})
		data = data[count:]
		switch err.(type) {
		case nil:
		case *tcpip.ErrWouldBlock:
			if writable == nil {
				entry, writable = waiter.NewChannelEntry(waiter.WritableEvents)
				g.queue.EventRegister(&entry)
				defer g.queue.EventUnregister(&entry)
				continue
			}
			select {
			case <-writable:
			case <-ctx.Done():
				return ctx.Err()
			}
		default:
			return errorOf(err)
		}
	}
	return nil
}

// writeDatagram never waits.
func (g *guestConnection) writeDatagram(data []byte) {
	g.endpoint.Write(bytes.NewReader(data), tcpip.WriteOptions{})
}

func (g *guestConnection) closeWrite() { g.endpoint.Shutdown(tcpip.ShutdownWrite) }

func (g *guestConnection) abort() { g.endpoint.Abort() }

// drain closes a connection that has ended both ways, and waits until what it still has was delivered: a
// guest that does not read it must not keep it in memory for ever.
func (g *guestConnection) drain(ctx context.Context) {
	stop := context.AfterFunc(ctx, g.abort)
	timer := time.AfterFunc(lingerTime, g.abort)
	g.endpoint.Close()
	if waiting, ok := g.endpoint.(interface{ Wait() }); ok {
		waiting.Wait()
	}
	timer.Stop()
	stop()
}

// onReset calls `reset` when the guest has reset the connection, which nobody who waits for the host would
// notice. The function that it returns ends that.
func (g *guestConnection) onReset(reset func()) func() {
	entry := waiter.NewFunctionEntry(waiter.EventErr, func(waiter.EventMask) {
		if tcp.EndpointState(g.endpoint.State()) == tcp.StateError {
			reset()
		}
	})
	g.queue.EventRegister(&entry)
	return func() { g.queue.EventUnregister(&entry) }
}
