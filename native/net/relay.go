package main

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// relay carries a connection until both directions have ended in order, or one has failed, or the session
// ends. Each direction has its own flow control: who does not read stops only this.
func (s *session) relay(guest *guestConnection, host *net.TCPConn) {
	size := s.buffers.take()
	defer s.buffers.giveBack(size)
	guest.setBuffers(size)
	ctx, cancel := context.WithCancel(s.context)
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		guest.abort()
		abortConnection(host)
	})
	unwatch := guest.onReset(cancel)
	defer unwatch()
	var both sync.WaitGroup
	both.Go(func() {
		if guest.copyTo(ctx, host) != nil || host.CloseWrite() != nil {
			cancel()
		}
	})
	if copyToGuest(ctx, host, guest) != nil {
		cancel()
	} else {
		guest.closeWrite()
	}
	both.Wait()
	if stop() {
		host.Close()
		guest.drain(s.context)
	}
}

// copyToGuest has a buffer only while there is something to carry.
func copyToGuest(ctx context.Context, host *net.TCPConn, guest *guestConnection) error {
	raw, err := host.SyscallConn()
	if err != nil {
		return err
	}
	for {
		buffer, count, err := readWhenReady(raw)
		if err != nil {
			return err
		}
		err = guest.write(ctx, buffer[:count])
		copyBuffers.Put(buffer)
		if count == 0 || err != nil {
			return err
		}
	}
}

// readWhenReady waits until a socket has something, and only then takes a buffer from the pool, which it
// returns. A count of zero is the end of a stream, or an empty datagram.
func readWhenReady(raw syscall.RawConn) (*copyBuffer, int, error) {
	var buffer *copyBuffer
	var count int
	var failure error
	err := raw.Read(func(descriptor uintptr) bool {
		taken := copyBuffers.Get().(*copyBuffer)
		for {
			count, failure = unix.Read(int(descriptor), taken[:])
			if failure != unix.EINTR {
				break
			}
		}
		if failure == nil {
			buffer = taken
			return true
		}
		copyBuffers.Put(taken)
		return failure != unix.EAGAIN
	})
	if buffer != nil {
		return buffer, count, nil
	}
	return nil, 0, errors.Join(err, failure)
}

// abortConnection ends a connection of the host's by a reset.
func abortConnection(connection *net.TCPConn) {
	connection.SetLinger(0)
	connection.Close()
}
