package host

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// System calls on descriptors that never block, by unix.RawSyscall: for any other call Go's scheduler wakes its
// monitor thread, which then gives this thread's processor to another (runtime/proc.go, entersyscall and
// retake). A packet is a few such calls, so that on a slow machine with one CPU this was half of its cost.

func read(descriptor int, into []byte) (int, error) {
	return call(unix.SYS_READ, descriptor, unsafe.Pointer(unsafe.SliceData(into)), len(into))
}

func write(descriptor int, data []byte) (int, error) {
	return call(unix.SYS_WRITE, descriptor, unsafe.Pointer(unsafe.SliceData(data)), len(data))
}

func writeVectors(descriptor int, vectors []unix.Iovec) (int, error) {
	return call(unix.SYS_WRITEV, descriptor, unsafe.Pointer(unsafe.SliceData(vectors)), len(vectors))
}

func call(number uintptr, descriptor int, data unsafe.Pointer, size int) (int, error) {
	for {
		result, _, failure := unix.RawSyscall(number, uintptr(descriptor), uintptr(data), uintptr(size))
		switch failure {
		case 0:
			return int(result), nil
		case unix.EINTR:
		default:
			return 0, failure
		}
	}
}

func connect(descriptor int, address *unix.RawSockaddrInet4) error {
	_, _, failure := unix.RawSyscall(unix.SYS_CONNECT, uintptr(descriptor), uintptr(unsafe.Pointer(address)),
		unsafe.Sizeof(*address))
	return errorOf(failure)
}

func setOption(descriptor, level, option, value int) error {
	number := int32(value)
	_, _, failure := unix.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(descriptor), uintptr(level), uintptr(option),
		uintptr(unsafe.Pointer(&number)), unsafe.Sizeof(number), 0)
	return errorOf(failure)
}

// pendingError is a socket's SO_ERROR.
func pendingError(descriptor int) error {
	var number int32
	size := uint32(unsafe.Sizeof(number))
	_, _, failure := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(descriptor), unix.SOL_SOCKET, unix.SO_ERROR,
		uintptr(unsafe.Pointer(&number)), uintptr(unsafe.Pointer(&size)), 0)
	if failure != 0 {
		return failure
	}
	return errorOf(unix.Errno(number))
}

func shutdownWriting(descriptor int) error {
	_, _, failure := unix.RawSyscall(unix.SYS_SHUTDOWN, uintptr(descriptor), unix.SHUT_WR, 0)
	return errorOf(failure)
}

func errorOf(failure unix.Errno) error {
	if failure == 0 {
		return nil
	}
	return failure
}
