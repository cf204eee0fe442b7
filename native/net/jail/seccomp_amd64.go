package jail

import "golang.org/x/sys/unix"

const auditArchitecture = unix.AUDIT_ARCH_X86_64

// Calls that Go makes here in the place of newer ones.
var architectureCalls = []uint32{unix.SYS_NEWFSTATAT, unix.SYS_EPOLL_WAIT}
