// What the tests of native code share: a scratch directory, and checks that say what they found.
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <stdexcept>
#include <string>

#include "common/fd.h"
#include "common/file.h"
#include "tests.h"

namespace mocker {

/** The directory of the test that runs. */
inline std::string scratch;

inline void expectEqual(const std::string& actual, const std::string& wanted) {
  if (actual != wanted) throw std::runtime_error("expected \"" + wanted + "\", got \"" + actual + "\"");
}

inline void expectContains(const std::string& text, const std::string& part) {
  if (text.find(part) == std::string::npos) throw std::runtime_error("no \"" + part + "\" in \"" + text + "\"");
}

inline std::string messageOf(const std::function<void()>& body) {
  try {
    body();
  } catch (const std::exception& error) {
    return error.what();
  }
  throw std::runtime_error("expected a failure");
}

inline std::string fill(const std::string& name, const std::string& text) {
  const auto path = scratch + "/" + name;
  const Fd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  expect(fd && writeFully(fd.get(), text), "to write " + path);
  return path;
}

/**
 * Runs `body` in a child, which no sanitizer may examine any more once it is restricted; returns the wait
 * status.
 */
inline int inChild(const std::function<int()>& body) {
  const pid_t pid = fork();
  if (pid == 0) {
    try {
      _exit(body());
    } catch (const std::exception& error) {
      writeFully(STDERR_FILENO, std::string(error.what()) + "\n");
      _exit(99);
    }
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return status;
}

inline void expectExit(int status, int code) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == code) return;
  throw std::runtime_error("the child ended with wait status " + std::to_string(status));
}

/** errno of a call that must fail; 0 if it did not. */
template <typename Call>
int failure(Call call) {
  errno = 0;
  return call() < 0 ? errno : 0;
}

/** The test that the arguments name, in its directory. */
inline int runInScratch(const std::map<std::string, void (*)()>& tests, int argc, char** argv) {
  return runTest(tests, [](const std::string& directory) { scratch = directory; }, argc, argv);
}

}  // namespace mocker
