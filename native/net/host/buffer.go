package host

import (
	"errors"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Buffer has room for any datagram.
type Buffer [64 << 10]byte

// Buffers has the buffers of connections that have something to carry; one that waits has none.
var Buffers = sync.Pool{New: func() any { return new(Buffer) }}

// ReadWhenReady waits until a socket has something, and only then takes a buffer from the pool, which it
// returns. A count of zero is the end of a stream, or an empty datagram.
func ReadWhenReady(raw syscall.RawConn) (*Buffer, int, error) {
	var buffer *Buffer
	var count int
	var failure error
	err := raw.Read(func(descriptor uintptr) bool {
		taken := Buffers.Get().(*Buffer)
		count, failure = read(int(descriptor), taken[:])
		if failure == nil {
			buffer = taken
			return true
		}
		Buffers.Put(taken)
		return failure != unix.EAGAIN
	})
	if buffer != nil {
		return buffer, count, nil
	}
	return nil, 0, errors.Join(err, failure)
}
