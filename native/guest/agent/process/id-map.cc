#include "id-map.h"

#include <algorithm>
#include <cstdio>

namespace mocker {

IdMap IdMap::all() {
  IdMap map;
  map.ranges_.emplace_back(0, uint64_t{1} << 32);
  return map;
}

IdMap IdMap::parse(const std::string& text) {
  IdMap map;
  size_t at = 0;
  while (at < text.size()) {
    size_t end = text.find('\n', at);
    if (end == std::string::npos) end = text.size();
    unsigned inside = 0;
    unsigned long long count = 0;
    if (std::sscanf(text.substr(at, end - at).c_str(), "%u %*u %llu", &inside, &count) == 2) {
      map.ranges_.emplace_back(inside, count);
    }
    at = end + 1;
  }
  return map;
}

uint32_t IdMap::last() const {
  uint32_t last = 0;
  while (last < UINT32_MAX) {
    uint64_t next = last;
    for (const auto& [first, count] : ranges_) {
      const uint64_t end = uint64_t{first} + count;
      if (first <= last + uint64_t{1} && end > next + 1) next = end - 1;
    }
    if (next == last) break;
    last = static_cast<uint32_t>(std::min<uint64_t>(next, UINT32_MAX));
  }
  return last;
}

bool IdMap::contains(uint32_t id) const {
  for (const auto& [first, count] : ranges_) {
    if (id >= first && id - uint64_t{first} < count) return true;
  }
  return false;
}

}  // namespace mocker
