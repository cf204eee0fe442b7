package jail

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

const jailedVariable = "NETD_TEST_JAIL"

// TestJail enters the jail in a process of its own, which then tries what it may not do.
func TestJail(t *testing.T) {
	directory := os.Getenv(jailedVariable)
	if directory == "" {
		command := exec.Command(os.Args[0], "-test.run=^TestJail$", "-test.v")
		command.Env = append(os.Environ(), jailedVariable+"="+t.TempDir())
		if output, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, output)
		}
		return
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(directory, "netd.sock")
	const resolverPath = "/etc/resolv.conf"
	secret := filepath.Join(directory, "secret")
	if err := errors.Join(os.WriteFile(own, nil, 0o600), os.WriteFile(secret, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := Enter(resolverPath, own); err != nil {
		t.Fatal(err)
	}
	refused := func(what string, err error) {
		if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES) {
			t.Errorf("%s: %v", what, err)
		}
	}
	number := func(what string, call uintptr, arguments ...uintptr) {
		var all [6]uintptr
		copy(all[:], arguments)
		_, _, err := unix.Syscall6(call, all[0], all[1], all[2], all[3], all[4], all[5])
		refused(what, err)
	}
	refused("execve", unix.Exec("/bin/true", []string{"true"}, nil))
	number("fork", unix.SYS_CLONE, uintptr(unix.SIGCHLD))
	number("clone3", unix.SYS_CLONE3)
	number("unshare", unix.SYS_UNSHARE, unix.CLONE_NEWUSER)
	number("setns", unix.SYS_SETNS)
	number("mount", unix.SYS_MOUNT)
	number("ptrace", unix.SYS_PTRACE)
	number("process_vm_readv", unix.SYS_PROCESS_VM_READV)
	number("pidfd_open", unix.SYS_PIDFD_OPEN, uintptr(os.Getppid()))
	number("bpf", unix.SYS_BPF)
	number("keyctl", unix.SYS_KEYCTL)
	number("io_uring_setup", unix.SYS_IO_URING_SETUP)
	number("open_by_handle_at", unix.SYS_OPEN_BY_HANDLE_AT)
	number("memfd_create", unix.SYS_MEMFD_CREATE)
	refused("kill", unix.Kill(os.Getppid(), 0))
	refused("tgkill", unix.Tgkill(os.Getppid(), os.Getppid(), 0))
	_, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	refused("a Unix socket", err)
	_, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, 0)
	refused("a netlink socket", err)
	_, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_TCP)
	refused("a raw socket", err)
	_, err = unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_ANON|unix.MAP_PRIVATE)
	refused("executable memory", err)
	if os.Geteuid() == 0 {
		_, err = os.ReadFile("/etc/shadow")
		refused("/etc/shadow", err)
	}
	_, err = os.ReadFile(secret)
	refused("a file beside its sockets", err)
	_, err = os.Create(filepath.Join(directory, "new"))
	refused("a new file", err)
	_, err = os.ReadDir("/")
	refused("a directory", err)

	// And what it does is still possible.
	if err := os.Remove(own); err != nil {
		t.Error(err)
	}
	if _, err := os.ReadFile(resolverPath); err != nil && !os.IsNotExist(err) {
		t.Error(err)
	}
	connection, err := net.Dial("tcp4", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	connection.Close()
	if another, err := net.ListenPacket("udp6", "[::1]:0"); err == nil {
		another.Close()
	}
}
