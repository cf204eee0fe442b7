package host

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// IsOutOfResources says whether a call failed for want of descriptors or memory, which may pass.
func IsOutOfResources(err error) bool {
	for _, number := range []unix.Errno{unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM, unix.ECONNABORTED} {
		if errors.Is(err, number) {
			return true
		}
	}
	return false
}

// WaitForResources waits a moment for them.
func WaitForResources() { time.Sleep(50 * time.Millisecond) }
