#include "transport.h"

#include <fcntl.h>
#include <sys/socket.h>
// After sys/socket.h, which it needs.
#include <linux/vm_sockets.h>

#include <cstdint>

#include "common/frame.h"
#include "common/sys-error.h"
#include "common/unix-socket.h"

namespace mocker {
namespace {

constexpr unsigned monitorPort = 1024;

/** libkrun before 1.18.1 dead-locks after 256 KiB with the kernel's own buffer sizes (upstream #772). */
constexpr uint64_t bufferBytes = 16u << 20;

class Vsock : public Transport {
 public:
  Fd dialControl() override { return dial(); }
  bool canRedial() const override { return true; }
  Fd dialStream(int) override {
    Fd fd = dial();
    if (!fd) throwErrno("cannot reach the monitor");
    return fd;
  }

 private:
  static Fd dial() {
    Fd fd(::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd) return fd;
    ::setsockopt(fd.get(), AF_VSOCK, SO_VM_SOCKETS_BUFFER_MAX_SIZE, &bufferBytes, sizeof bufferBytes);
    ::setsockopt(fd.get(), AF_VSOCK, SO_VM_SOCKETS_BUFFER_SIZE, &bufferBytes, sizeof bufferBytes);
    sockaddr_vm address{};
    address.svm_family = AF_VSOCK;
    address.svm_cid = VMADDR_CID_HOST;
    address.svm_port = monitorPort;
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return Fd();
    setNonBlocking(fd.get());
    return fd;
  }
};

class Inherited : public Transport {
 public:
  explicit Inherited(Fd control) : control_(std::move(control)) {}
  Fd dialControl() override { return std::move(control_); }
  bool canRedial() const override { return false; }
  Fd dialStream(int control) override {
    auto [ours, theirs] = socketPair();
    // An empty frame carries the descriptor; the monitor takes it as a new connection.
    if (!sendWithFd(control, frame(FrameType::in, ""), theirs.get())) throwErrno("cannot reach the monitor");
    setNonBlocking(ours.get());
    return std::move(ours);
  }

 private:
  Fd control_;
};

}  // namespace

std::unique_ptr<Transport> vsockTransport() {
  return std::make_unique<Vsock>();
}

std::unique_ptr<Transport> inheritedTransport(Fd control) {
  setNonBlocking(control.get());
  return std::make_unique<Inherited>(std::move(control));
}

}  // namespace mocker
