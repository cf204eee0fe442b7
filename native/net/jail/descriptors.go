package jail

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// CloseInheritedDescriptors closes what this process was given beside the standard streams. Those of the Go
// runtime, which may be open already, are left.
func CloseInheritedDescriptors() {
	const directory = "/proc/self/fd"
	entries, err := os.ReadDir(directory)
	if err != nil {
		return
	}
	for _, entry := range entries {
		descriptor, err := strconv.Atoi(entry.Name())
		if err != nil || descriptor <= 2 {
			continue
		}
		target, err := os.Readlink(filepath.Join(directory, entry.Name()))
		if err == nil && !strings.HasPrefix(target, "anon_inode:[event") {
			unix.Close(descriptor)
		}
	}
}
