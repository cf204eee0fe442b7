// Package sockets has the Unix sockets by which a network is controlled and joined, and the lock of both.
package sockets

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"mocker/netd/host"
)

// Listen listens on a Unix socket that only this user may connect to. The path belongs to the
// holder of the lock, so a socket that is there was left by a process that has died.
func Listen(path string) (*net.UnixListener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	// The umask gives it the mode 0600 from the beginning.
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	return listener, os.Chmod(path, 0o600)
}

// Accept accepts the next connection of a process of this user; others are closed at once. It waits for
// free descriptors where there are none, and fails only when the listener is closed.
func Accept(listener *net.UnixListener) (*net.UnixConn, error) {
	for {
		connection, err := listener.AcceptUnix()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return nil, err
			}
			host.WaitForResources()
			continue
		}
		uid, err := peerUID(connection)
		if err == nil && uid == os.Geteuid() {
			return connection, nil
		}
		connection.Close()
	}
}

func peerUID(connection *net.UnixConn) (int, error) {
	raw, err := connection.SyscallConn()
	if err != nil {
		return 0, err
	}
	var credentials *unix.Ucred
	var failure error
	err = raw.Control(func(descriptor uintptr) {
		credentials, failure = unix.GetsockoptUcred(int(descriptor), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err := errors.Join(err, failure); err != nil {
		return 0, fmt.Errorf("the peer is not known: %w", err)
	}
	return int(credentials.Uid), nil
}
