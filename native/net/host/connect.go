package host

import (
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	keepaliveIdleSeconds     = 15
	keepaliveIntervalSeconds = 15
	keepaliveProbes          = 9
)

// Connect opens a TCP connection to an IPv4 address. Its error is the host's, a unix.Errno, or when the context
// ends os.ErrDeadlineExceeded or context.Canceled.
func Connect(ctx context.Context, destination netip.AddrPort) (*Stream, error) {
	descriptor, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	// Relayed data have waited for their like at the sender's already.
	setOption(descriptor, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	// As package net has them: a peer that has gone without a word is noticed.
	setOption(descriptor, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	setOption(descriptor, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, keepaliveIdleSeconds)
	setOption(descriptor, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, keepaliveIntervalSeconds)
	setOption(descriptor, unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepaliveProbes)
	address := unix.RawSockaddrInet4{
		Family: unix.AF_INET,
		Addr:   destination.Addr().As4(),
		Port:   binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, destination.Port())),
	}
	begun := connect(descriptor, &address)
	if begun != nil && begun != unix.EINPROGRESS && begun != unix.EINTR {
		unix.Close(descriptor)
		return nil, begun
	}
	// Not before: the poller would be told that a socket which is not connected has hung up.
	file := os.NewFile(uintptr(descriptor), destination.String())
	made, err := NewStream(file)
	if err == nil && begun != nil {
		err = made.waitUntilConnected(ctx, file)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return made, nil
}

func (s *Stream) waitUntilConnected(ctx context.Context, file *os.File) error {
	stop := context.AfterFunc(ctx, func() { file.SetWriteDeadline(time.Unix(1, 0)) })
	var failure error
	// The first time before it waits: the connection may have been made before the poller knew of the socket.
	err := s.raw.Write(func(descriptor uintptr) bool {
		failure = pendingError(int(descriptor))
		if failure != nil {
			return failure != unix.EINPROGRESS && failure != unix.EALREADY
		}
		_, notConnected := unix.Getpeername(int(descriptor))
		return notConnected == nil
	})
	if !stop() {
		if errors.Is(ctx.Err(), context.Canceled) {
			return context.Canceled
		}
		return os.ErrDeadlineExceeded
	}
	return errors.Join(err, failure)
}
