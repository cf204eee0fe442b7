#include "sys-error.h"

#include <cstring>

namespace mocker {

SysError::SysError(const std::string& what, int error)
    : std::runtime_error(what + ": " + errnoWords(error)), error_(error) {}

void throwErrno(const std::string& what, int error) {
  throw SysError(what, error);
}

std::string errnoWords(int error) {
  std::string words = ::strerror(error);
  // "Is a directory" becomes "is a directory", but "RPC …" stays.
  if (words.size() > 1 && words[0] >= 'A' && words[0] <= 'Z' && !(words[1] >= 'A' && words[1] <= 'Z')) {
    words[0] = static_cast<char>(words[0] - 'A' + 'a');
  }
  return words;
}

}  // namespace mocker
