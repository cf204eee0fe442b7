// Package jail confines the process to what a network needs.
package jail

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
)

// RaiseLimits takes all the descriptors that it may have, and leaves no core, in which the guests' data were.
func RaiseLimits() {
	unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil {
		limit.Cur = limit.Max
		unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
	}
}

// Enter gives up, for all threads and for good, what the network does not need: other files, capabilities, and
// system calls. The sockets are open already. It may read on the host's resolver file at `resolverPath`, and
// remove files beside the `own` ones.
func Enter(resolverPath string, own ...string) error {
	if err := everyThread(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1); err != nil {
		return fmt.Errorf("no new privileges: %w", err)
	}
	if err := confineFiles(resolverPath, own); err != nil {
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
func confineFiles(resolverPath string, own []string) error {
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
	for _, path := range own {
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
