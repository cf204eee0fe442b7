// Which user (or group) ids exist in a user namespace.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace mocker {

class IdMap {
 public:
  /** Every id exists: the initial user namespace. */
  static IdMap all();
  /** From the text of /proc/<pid>/uid_map: lines `inside outside count`. */
  static IdMap parse(const std::string& text);

  bool contains(uint32_t id) const;
  /** The last of those that follow each other from 0 on. */
  uint32_t last() const;

 private:
  std::vector<std::pair<uint32_t, uint64_t>> ranges_;
};

}  // namespace mocker
