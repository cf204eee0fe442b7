// Package host has the sockets that a network opens on its host.
package host

import (
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// Dialer opens the host's sockets. Without broadcast, which Go allows by default: only the host knows what
// its networks' broadcast addresses are.
var Dialer = net.Dialer{
	Control: func(_, _ string, raw syscall.RawConn) error {
		var failure error
		err := raw.Control(func(descriptor uintptr) {
			failure = unix.SetsockoptInt(int(descriptor), unix.SOL_SOCKET, unix.SO_BROADCAST, 0)
		})
		return errors.Join(err, failure)
	},
}
