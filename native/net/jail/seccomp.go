package jail

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// What a running network and Go's runtime need. No program can be executed, no process traced or signalled,
// no namespace or mount made; io_uring, BPF and keys are out of reach.
var allowedCalls = []uint32{
	// Files and descriptors.
	unix.SYS_READ, unix.SYS_WRITE, unix.SYS_READV, unix.SYS_WRITEV, unix.SYS_PREAD64, unix.SYS_CLOSE,
	unix.SYS_OPENAT, unix.SYS_FSTAT, unix.SYS_READLINKAT, unix.SYS_UNLINKAT, unix.SYS_LSEEK, unix.SYS_FCNTL,
	unix.SYS_PIPE2, unix.SYS_EVENTFD2, unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT,
	// Sockets.
	unix.SYS_BIND, unix.SYS_LISTEN, unix.SYS_ACCEPT4, unix.SYS_CONNECT, unix.SYS_GETSOCKNAME, unix.SYS_GETPEERNAME,
	unix.SYS_SETSOCKOPT, unix.SYS_GETSOCKOPT, unix.SYS_SENDTO, unix.SYS_RECVFROM, unix.SYS_SENDMSG, unix.SYS_RECVMSG,
	unix.SYS_SHUTDOWN,
	// Memory, threads and time.
	unix.SYS_MUNMAP, unix.SYS_MADVISE, unix.SYS_MINCORE, unix.SYS_FUTEX, unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP,
	unix.SYS_CLOCK_GETTIME, unix.SYS_GETTIMEOFDAY, unix.SYS_SCHED_YIELD, unix.SYS_SCHED_GETAFFINITY, unix.SYS_EXIT,
	unix.SYS_EXIT_GROUP, unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN,
	unix.SYS_SIGALTSTACK, unix.SYS_GETRANDOM, unix.SYS_RESTART_SYSCALL,
	// The process itself.
	unix.SYS_GETPID, unix.SYS_GETTID, unix.SYS_GETUID, unix.SYS_GETEUID, unix.SYS_GETGID, unix.SYS_GETEGID,
}

// Offsets in struct seccomp_data (linux/seccomp.h); of the arguments the low half, on little-endian machines.
const (
	numberOffset       = 0
	architectureOffset = 4
	argumentsOffset    = 16
	argumentSize       = 8
)

// filterSystemCalls refuses, with EPERM, all but the allowed calls, in every thread.
func filterSystemCalls() error {
	program := callFilter()
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	_, _, err := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(&filter)))
	if err != 0 {
		return err
	}
	return nil
}

func callFilter() []unix.SockFilter {
	var program filterProgram
	program.load(architectureOffset)
	program.unless(unix.BPF_JEQ, auditArchitecture, refuseCall)
	program.load(numberOffset)
	for _, number := range allowedCalls {
		program.allowIf(number)
	}
	for _, number := range architectureCalls {
		program.allowIf(number)
	}
	// No sockets but the Internet's: the engine's, and everybody else's, cannot be connected to.
	program.allowCall(unix.SYS_SOCKET, func() {
		program.loadArgument(0)
		program.allowIf(unix.AF_INET)
		program.allowIf(unix.AF_INET6)
	})
	// Threads, and neither processes nor namespaces.
	program.allowCall(unix.SYS_CLONE, func() {
		program.loadArgument(0)
		program.allowIf(threadFlags)
		program.allowIf(threadFlags | unix.CLONE_SETTLS)
	})
	// A signal to itself, by which Go interrupts its threads.
	program.allowCall(unix.SYS_TGKILL, func() {
		program.loadArgument(0)
		program.allowIf(uint32(unix.Getpid()))
	})
	for _, number := range []uint32{unix.SYS_MMAP, unix.SYS_MPROTECT} {
		program.allowCall(number, func() {
			program.loadArgument(2)
			program.add(unix.BPF_JMP|unix.BPF_JSET|unix.BPF_K, unix.PROT_EXEC, 1, 0)
			program.add(unix.BPF_RET|unix.BPF_K, unix.SECCOMP_RET_ALLOW, 0, 0)
		})
	}
	program.add(unix.BPF_RET|unix.BPF_K, refuseCall, 0, 0)
	return program.instructions
}

const (
	refuseCall = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	// As Go's runtime starts a thread (runtime/os_linux.go).
	threadFlags = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_SYSVSEM |
		unix.CLONE_THREAD
)

// filterProgram is a classic BPF program in the making.
type filterProgram struct{ instructions []unix.SockFilter }

func (p *filterProgram) add(code uint16, value uint32, onTrue, onFalse uint8) {
	p.instructions = append(p.instructions, unix.SockFilter{Code: code, Jt: onTrue, Jf: onFalse, K: value})
}

func (p *filterProgram) load(offset uint32) { p.add(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, offset, 0, 0) }

func (p *filterProgram) loadArgument(index uint32) { p.load(argumentsOffset + index*argumentSize) }

// unless returns a result when a comparison with what was loaded fails.
func (p *filterProgram) unless(comparison uint16, value, result uint32) {
	p.add(unix.BPF_JMP|comparison|unix.BPF_K, value, 1, 0)
	p.add(unix.BPF_RET|unix.BPF_K, result, 0, 0)
}

// allowIf allows the call when what was loaded is this value.
func (p *filterProgram) allowIf(value uint32) {
	p.add(unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K, value, 0, 1)
	p.add(unix.BPF_RET|unix.BPF_K, unix.SECCOMP_RET_ALLOW, 0, 0)
}

// allowCall allows a call on the conditions that `conditions` adds, and refuses it otherwise.
func (p *filterProgram) allowCall(number uint32, conditions func()) {
	jump := len(p.instructions)
	p.add(unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K, number, 0, 0)
	conditions()
	p.add(unix.BPF_RET|unix.BPF_K, refuseCall, 0, 0)
	p.instructions[jump].Jf = uint8(len(p.instructions) - jump - 1)
}
