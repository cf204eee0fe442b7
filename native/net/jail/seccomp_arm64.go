package jail

import "golang.org/x/sys/unix"

const auditArchitecture = unix.AUDIT_ARCH_AARCH64

// Calls that are named differently here.
var architectureCalls = []uint32{unix.SYS_FSTATAT}
