package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"

	"mocker/netd/host"
)

const (
	dialTime = 10 * time.Second
	// How long a connection that both sides have closed may still deliver what it has.
	lingerTime    = 60 * time.Second
	shortestPause = 5 * time.Millisecond
	longestPause  = 200 * time.Millisecond
)

// Connection is the guest's side of a connection, whose other end is in the guest.
type Connection struct {
	endpoint tcpip.Endpoint
	queue    *waiter.Queue
}

// Dial connects from the gateway's address to a guest's port.
func (g *Gateway) Dial(ctx context.Context, guest netip.AddrPort) (*Connection, error) {
	queue := &waiter.Queue{}
	endpoint, err := g.stack.NewEndpoint(tcp.ProtocolNumber, ipv4.ProtocolNumber, queue)
	if err != nil {
		return nil, errorOf(err)
	}
	made := &Connection{endpoint: endpoint, queue: queue}
	entry, connected := waiter.NewChannelEntry(waiter.WritableEvents)
	queue.EventRegister(&entry)
	defer queue.EventUnregister(&entry)
	if err := endpoint.Bind(tcpip.FullAddress{NIC: nicID, Addr: g.address}); err != nil {
		made.Abort()
		return nil, errorOf(err)
	}
	err = endpoint.Connect(fullAddress(guest))
	if _, started := err.(*tcpip.ErrConnectStarted); started {
		limited, cancel := context.WithTimeout(ctx, dialTime)
		defer cancel()
		select {
		case <-limited.Done():
			made.Abort()
			return nil, limited.Err()
		case <-connected:
			err = endpoint.LastError()
		}
	}
	if err != nil {
		made.Abort()
		return nil, errorOf(err)
	}
	return made, nil
}

// Accept finishes the handshake that a guest has begun.
func Accept(request *tcp.ForwarderRequest) (*Connection, error) {
	queue := &waiter.Queue{}
	endpoint, err := request.CreateEndpoint(queue)
	if err != nil {
		return nil, errorOf(err)
	}
	return &Connection{endpoint: endpoint, queue: queue}, nil
}

// OpenDatagrams makes a UDP socket at the gateway's address for a guest's port.
func (g *Gateway) OpenDatagrams(guest netip.AddrPort) (*Connection, error) {
	queue := &waiter.Queue{}
	endpoint, err := g.stack.NewEndpoint(udp.ProtocolNumber, ipv4.ProtocolNumber, queue)
	if err != nil {
		return nil, errorOf(err)
	}
	err = endpoint.Bind(tcpip.FullAddress{NIC: nicID, Addr: g.address})
	if err == nil {
		err = endpoint.Connect(fullAddress(guest))
	}
	if err != nil {
		endpoint.Close()
		return nil, errorOf(err)
	}
	return &Connection{endpoint: endpoint, queue: queue}, nil
}

// DialNet connects to a guest's port as package net does, by "tcp" or "udp".
func (g *Gateway) DialNet(ctx context.Context, network string, guest netip.AddrPort) (net.Conn, error) {
	if network == "tcp" {
		return gonet.DialContextTCP(ctx, g.stack, fullAddress(guest), ipv4.ProtocolNumber)
	}
	address := fullAddress(guest)
	return gonet.DialUDP(g.stack, nil, &address, ipv4.ProtocolNumber)
}

func fullAddress(guest netip.AddrPort) tcpip.FullAddress {
	return tcpip.FullAddress{NIC: nicID, Addr: tcpipAddress(guest.Addr()), Port: guest.Port()}
}

// SetBuffers enlarges the buffers.
func (c *Connection) SetBuffers(size int) {
	options := c.endpoint.SocketOptions()
	options.SetReceiveBufferSize(int64(size), true)
	options.SetSendBufferSize(int64(size), true)
	options.SetKeepAlive(true)
}

// CopyTo writes what the guest sends, until its end of the stream.
func (c *Connection) CopyTo(ctx context.Context, writer io.Writer) error {
	entry, readable := waiter.NewChannelEntry(waiter.ReadableEvents)
	c.queue.EventRegister(&entry)
	defer c.queue.EventUnregister(&entry)
	for {
		err := c.copyOnce(writer)
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

func (c *Connection) copyOnce(writer io.Writer) error {
	buffer := host.Buffers.Get().(*host.Buffer)
	defer host.Buffers.Put(buffer)
	into := tcpip.SliceWriter(buffer[:])
	result, err := c.endpoint.Read(&into, tcpip.ReadOptions{})
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

// Write sends to the guest, and waits while its window is closed.
func (c *Connection) Write(ctx context.Context, data []byte) error {
	var reader bytes.Reader
	var entry waiter.Entry
	var writable <-chan struct{}
	for len(data) > 0 {
		reader.Reset(data)
		count, err := c.endpoint.Write(&reader, tcpip.WriteOptions{})
		data = data[count:]
		switch err.(type) {
		case nil:
		case *tcpip.ErrWouldBlock:
			if writable == nil {
				entry, writable = waiter.NewChannelEntry(waiter.WritableEvents)
				c.queue.EventRegister(&entry)
				defer c.queue.EventUnregister(&entry)
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

// WriteDatagram never waits.
func (c *Connection) WriteDatagram(data []byte) {
	c.endpoint.Write(bytes.NewReader(data), tcpip.WriteOptions{})
}

// CloseWrite ends what is sent to the guest.
func (c *Connection) CloseWrite() { c.endpoint.Shutdown(tcpip.ShutdownWrite) }

// Abort resets it.
func (c *Connection) Abort() { c.endpoint.Abort() }

// Drain closes a connection that has ended both ways, and waits until what it still has was delivered: a
// guest that does not read it must not keep it in memory for ever.
func (c *Connection) Drain(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, lingerTime)
	defer cancel()
	// In FIN-WAIT-2 it has nothing to wait for, see isDelivered.
	linger := tcpip.TCPLingerTimeoutOption(time.Second)
	c.endpoint.SetSockOpt(&linger)
	c.endpoint.Close()
	// gvisor tells nobody that it is done: it waits for late segments first (TIME-WAIT), for which a new
	// connection must not wait, too.
	for pause := shortestPause; !c.isDelivered(); pause = min(2*pause, longestPause) {
		select {
		case <-time.After(pause):
		case <-limited.Done():
			c.Abort()
			return
		}
	}
}

// isDelivered is for a connection whose guest has closed its side. Such a one should never be in FIN-WAIT-2, but
// gvisor's sender goes from LAST-ACK to FIN-WAIT-1 when it repeats a FIN (snd.go, maybeSendSegment).
func (c *Connection) isDelivered() bool {
	switch tcp.EndpointState(c.endpoint.State()) {
	case tcp.StateFinWait2, tcp.StateTimeWait, tcp.StateClose, tcp.StateError:
		return true
	}
	return false
}

// OnReset calls `reset` when the guest has reset the connection, which nobody who waits for the host would
// notice. The function that it returns ends that.
func (c *Connection) OnReset(reset func()) func() {
	entry := waiter.NewFunctionEntry(waiter.EventErr, func(waiter.EventMask) {
		if tcp.EndpointState(c.endpoint.State()) == tcp.StateError {
			reset()
		}
	})
	c.queue.EventRegister(&entry)
	return func() { c.queue.EventUnregister(&entry) }
}

// Close gives a socket of datagrams back.
func (c *Connection) Close() { c.endpoint.Close() }
