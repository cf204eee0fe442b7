package main

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// isOutOfResources says whether a call failed for want of descriptors or memory, which may pass.
func isOutOfResources(err error) bool {
	for _, number := range []unix.Errno{unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM, unix.ECONNABORTED} {
		if errors.Is(err, number) {
			return true
		}
	}
	return false
}

func waitForResources() { time.Sleep(50 * time.Millisecond) }
