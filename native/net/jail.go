package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"unsafe"

	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
)

// raiseLimits takes all the descriptors that it may have, and leaves no core, in which the guests' data were.
func raiseLimits() {
	unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil {
		limit.Cur = limit.Max
		unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
	}
}

// enterJail gives up, for all threads and for good, what the network does not need: other files,
// capabilities, and system calls. The sockets are open already.
func enterJail(settings *settings, resolverPath string) error {
	if err := everyThread(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1); err != nil {
		return fmt.Errorf("no new privileges: %w", err)
	}
	if err := confineFiles(settings, resolverPath); err != nil {
		return fmt.Errorf("landlock: %w", err)
	}
	if err := dropCapabilities(); err != nil {
		return fmt.Errorf("capabilities: %w", err)
	}
	if err := filterSystemCalls(); err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	return nil
}

// confineFiles leaves the host's resolver and hosts files to be read, and its own sockets to be removed; of
// other processes, abstract sockets and signals are out of reach. Where the kernel has no Landlock, or an old
// one, what it lacks is guarded by the other parts only.
func confineFiles(settings *settings, resolverPath string) error {
	// A program that writes the resolver's file replaces it, so it is its directory that has to be allowed;
	// but not root's view of /etc.
	resolver, err := filepath.EvalSymlinks(resolverPath)
	if err != nil {
		resolver = resolverPath
	}
	readable := []string{resolver, resolverPath, "/etc/hosts"}
	rules := []landlock.Rule{landlock.ROFiles(readable...).IgnoreIfMissing()}
	if directory := filepath.Dir(resolver); os.Geteuid() != 0 || directory != "/etc" {
		rules = append(rules, landlock.PathAccess(landlock.AccessFSSet(accessReadFile), directory).IgnoreIfMissing())
	}
	for _, path := range []string{settings.SocketPath, settings.CardSocketPath} {
		rules = append(rules, landlock.PathAccess(landlock.AccessFSSet(accessRemoveFile), filepath.Dir(path)))
	}
	config := landlock.V6.BestEffort()
	return errors.Join(config.RestrictPaths(rules...), config.RestrictScoped())
}

// As in linux/landlock.h.
const (
	accessReadFile   = unix.LANDLOCK_ACCESS_FS_READ_FILE
	accessRemoveFile = unix.LANDLOCK_ACCESS_FS_REMOVE_FILE
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
