// A seccomp filter while it is written: the classic BPF program that the kernel runs at each system call.
#pragma once

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace mocker {

#if defined(__x86_64__)
constexpr uint32_t ourArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t ourArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "the system call filter does not know this architecture"
#endif

constexpr int namespaceFlags = CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
                               CLONE_NEWUTS | CLONE_NEWCGROUP | 0x80 /* CLONE_NEWTIME */;

/** The program's result for a call that fails with `error`. */
constexpr uint32_t fail(int error) { return SECCOMP_RET_ERRNO | static_cast<uint32_t>(error); }

class SeccompProgram {
 public:
  /**
   * Begins with what every filter must say: calls of another architecture are an attack, x32's do not exist.
   * @param refusedOnI386 unless it is empty, 32-bit programs may run on x86-64, but for these calls
   */
  explicit SeccompProgram(const std::vector<uint32_t>& refusedOnI386 = {}) {
    load(offsetof(seccomp_data, arch));
    const size_t ours = code_.size();
    ifEqualSkip(ourArchitecture, 0);
#if defined(__x86_64__)
    if (!refusedOnI386.empty()) {
      ifEqualSkip(AUDIT_ARCH_I386, 1);
      result(SECCOMP_RET_KILL_PROCESS);
      load(offsetof(seccomp_data, nr));
      for (const uint32_t number : refusedOnI386) answer(number, fail(EPERM));
      cloneWithoutNamespaces(120);
      result(SECCOMP_RET_ALLOW);
    }
#endif
    result(SECCOMP_RET_KILL_PROCESS);
    code_[ours].jt = static_cast<uint8_t>(code_.size() - ours - 1);
    load(offsetof(seccomp_data, nr));
#if defined(__x86_64__)
    // x32 has a second number for every call.
    unlessAtLeastSkip(0x40000000, 1);
    result(fail(ENOSYS));
#endif
  }

  void load(uint32_t offset) { code_.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)); }
  /** The lower half of an argument: all that are filtered are 32 bits wide for the kernel too. */
  void loadArgument(unsigned index) {
    load(static_cast<uint32_t>(offsetof(seccomp_data, args) + index * sizeof(uint64_t)));
  }
  void result(uint32_t value) { code_.push_back(BPF_STMT(BPF_RET | BPF_K, value)); }

  /** The accumulator is the call's number: if it is `number`, the next `length` instructions are run. */
  void onCall(uint32_t number, uint8_t length) { code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, length)); }
  void ifEqualSkip(uint32_t value, uint8_t count) {
    code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, count, 0));
  }
  void unlessEqualSkip(uint32_t value, uint8_t count) {
    code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, count));
  }
  void unlessAnyBitSkip(uint32_t bits, uint8_t count) {
    code_.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, count));
  }
  void unlessAtLeastSkip(uint32_t value, uint8_t count) {
    code_.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, value, 0, count));
  }

  /** A call's whole answer. */
  void answer(uint32_t number, uint32_t value) {
    onCall(number, 1);
    result(value);
  }

  /** A new process may be made, in no new namespace. Ends the treatment of clone and clone3. */
  void cloneWithoutNamespaces(uint32_t clone = SYS_clone) {
    // Its flags are behind a pointer; the C library then falls back to clone.
    answer(435 /* clone3 */, fail(ENOSYS));
    onCall(clone, 4);
    loadArgument(0);
    unlessAnyBitSkip(namespaceFlags, 1);
    result(fail(EPERM));
    result(SECCOMP_RET_ALLOW);
  }

  /** Threads may be made, but no process: it has none to run. Ends the treatment of clone and clone3. */
  void threadsOnly() {
    answer(435 /* clone3 */, fail(ENOSYS));
    onCall(SYS_clone, 6);
    loadArgument(0);
    unlessAnyBitSkip(namespaceFlags, 1);
    result(fail(EPERM));
    unlessAnyBitSkip(CLONE_THREAD, 1);
    result(SECCOMP_RET_ALLOW);
    result(fail(EPERM));
  }

  /** Where an argument of a call is one of `values`, it fails with `error`; else the call is allowed. */
  void refuseValues(uint32_t number, unsigned argument, const std::vector<uint32_t>& values, int error) {
    const auto count = static_cast<uint8_t>(values.size());
    onCall(number, static_cast<uint8_t>(count + 3));
    loadArgument(argument);
    for (uint8_t i = 0; i < count; ++i) ifEqualSkip(values[i], static_cast<uint8_t>(count - i));
    result(SECCOMP_RET_ALLOW);
    result(fail(error));
  }

  /** Where an argument of a call is none of `values`, it fails with `error`; else the call is allowed. */
  void allowValues(uint32_t number, unsigned argument, const std::vector<uint32_t>& values, int error) {
    const auto count = static_cast<uint8_t>(values.size());
    onCall(number, static_cast<uint8_t>(count + 3));
    loadArgument(argument);
    for (uint8_t i = 0; i < count; ++i) ifEqualSkip(values[i], static_cast<uint8_t>(count - i));
    result(fail(error));
    result(SECCOMP_RET_ALLOW);
  }

  /** For this thread and its children, for good; needs no_new_privs. @returns 0, or the errno */
  int install() {
    const sock_fprog filter{static_cast<unsigned short>(code_.size()), code_.data()};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0 ? 0 : errno;
  }

 private:
  std::vector<sock_filter> code_;
};

}  // namespace mocker
