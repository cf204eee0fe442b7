package network

import (
	"context"
	"sync"

	"mocker/netd/gateway"
	"mocker/netd/host"
)

// relay carries a connection until both directions have ended in order, or one has failed, or the session
// ends. Each direction has its own flow control: who does not read stops only this.
func (s *session) relay(guest *gateway.Connection, outer *host.Stream) {
	size := s.buffers.take()
	defer s.buffers.giveBack(size)
	guest.SetBuffers(size)
	ctx, cancel := context.WithCancel(s.context)
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		guest.Abort()
		outer.Abort()
	})
	unwatch := guest.OnReset(cancel)
	defer unwatch()
	var both sync.WaitGroup
	both.Go(func() {
		if guest.CopyTo(ctx, outer) != nil || outer.CloseWrite() != nil {
			cancel()
		}
	})
	if copyToGuest(ctx, outer, guest) != nil {
		cancel()
	} else {
		guest.CloseWrite()
	}
	both.Wait()
	if stop() {
		outer.Close()
		guest.Drain(s.context)
	}
}

// copyToGuest has a buffer only while there is something to carry.
func copyToGuest(ctx context.Context, outer *host.Stream, guest *gateway.Connection) error {
	for {
		buffer, count, err := outer.ReadWhenReady()
		if err != nil {
			return err
		}
		err = guest.Write(ctx, buffer[:count])
		host.Buffers.Put(buffer)
		if count == 0 || err != nil {
			return err
		}
	}
}
