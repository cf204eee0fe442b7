#include "notice.h"

#include "common/clock.h"
#include "common/file.h"

namespace mocker {

void notice(const std::string& text) {
  static int left = 200;
  if (left <= 0) return;
  --left;
  std::string line = rfc3339Now() + " mocker-vmm: ";
  for (const char c : text) line += static_cast<unsigned char>(c) < ' ' ? '?' : c;
  if (left == 0) line += " (no further lines are written)";
  writeFully(2, line + "\n");
}

}  // namespace mocker
