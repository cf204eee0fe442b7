// Which layers of a jail are on, and why the others are not: told to the engine, and in one line to the log.
#pragma once

#include <string>
#include <vector>

#include "common/json.h"

namespace mocker {

/** One thing that contains a process: `user namespace`, `Landlock`, … */
struct JailLayer {
  std::string name;
  bool on = false;
  /** What it is exactly, or why it is not on; may be empty. */
  std::string detail;
};

class JailReport {
 public:
  void on(std::string name, std::string detail = "") { layers_.push_back({std::move(name), true, std::move(detail)}); }
  void off(std::string name, std::string why) { layers_.push_back({std::move(name), false, std::move(why)}); }
  bool isOn(const std::string& name) const;

  /** `jail: PID namespace, Landlock (version 6); NOT active: seccomp (why not)`. */
  std::string summary() const;

  /** `[{"name": "Landlock", "on": true, "detail": "version 6"}, …]`, in the order of their entering. */
  Json json() const;

 private:
  std::vector<JailLayer> layers_;
};

}  // namespace mocker
