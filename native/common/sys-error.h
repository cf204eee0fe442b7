// Failures of system calls, with the errno kept for callers that must tell them apart.
#pragma once

#include <cerrno>
#include <stdexcept>
#include <string>

namespace mocker {

class SysError : public std::runtime_error {
 public:
  SysError(const std::string& what, int error);
  int error() const { return error_; }

 private:
  int error_;
};

/** Throws SysError `what: <text of errno>`. */
[[noreturn]] void throwErrno(const std::string& what, int error = errno);

/** The text of an errno as Go (and so Docker) writes it: `no such file or directory`. */
std::string errnoWords(int error);

}  // namespace mocker
