// A program of tests: `PROGRAM list` names them; `PROGRAM <name> <directory>` runs one and exits 0 or says
// why not.
#pragma once

#include <cstdio>
#include <exception>
#include <map>
#include <stdexcept>
#include <string>

namespace mocker {

inline void expect(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error("expected: " + what);
}

/** `prepare` is given the directory before the test runs. */
inline int runTest(const std::map<std::string, void (*)()>& tests, void (*prepare)(const std::string& directory), int argc,
                   char** argv) {
  const std::string name = argc > 1 ? argv[1] : "list";
  if (name == "list") {
    for (const auto& [title, body] : tests) std::printf("%s\n", title.c_str());
    return 0;
  }
  const auto test = tests.find(name);
  if (test == tests.end() || argc < 3) return 2;
  try {
    prepare(argv[2]);
    test->second();
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}

}  // namespace mocker
