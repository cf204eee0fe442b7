package jail

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dropCapabilities leaves none but that to open ports below 1024, if it has it.
func dropCapabilities() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	for capability := uintptr(0); capability <= unix.CAP_LAST_CAP; capability++ {
		if capability == unix.CAP_NET_BIND_SERVICE {
			continue
		}
		// Who may not change the set (EPERM) could not use it either, with no new privileges.
		err := everyThread(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, capability)
		if err != nil && err != unix.EPERM && err != unix.EINVAL {
			return err
		}
	}
	kept := data[0].Permitted & (1 << unix.CAP_NET_BIND_SERVICE)
	data = [2]unix.CapUserData{{Effective: kept, Permitted: kept}}
	return everyThread(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data[0])))
}

// everyThread makes a system call in each of the process's threads, of which each has its own privileges.
func everyThread(number uintptr, arguments ...uintptr) error {
	var all [6]uintptr
	copy(all[:], arguments)
	_, _, err := syscall.AllThreadsSyscall6(number, all[0], all[1], all[2], all[3], all[4], all[5])
	if err != 0 {
		return err
	}
	return nil
}
