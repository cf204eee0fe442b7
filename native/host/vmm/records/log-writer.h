// The VM's log in CRI format: `<RFC 3339 UTC> <stdout|stderr> <F|P> <bytes>\n`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/fd.h"
#include "common/frame.h"

namespace mocker {

/**
 * Every byte of output is in exactly one entry, in its stream's order, so that the output can be had back: an
 * F entry's bytes are followed by a newline, a P entry's by nothing. Entries hold at most 16 KiB. Full files
 * are renamed to `log.1`, `log.2` …; `maxFiles` counts the current one, too. A disk that cannot be written
 * never stops the VM.
 */
class LogWriter {
 public:
  LogWriter(std::string path, uint64_t maxBytes, uint32_t maxFiles);

  void write(FrameType stream, std::string_view bytes);
  /** Whether bytes wait for their newline. */
  bool hasPartial() const { return !partial_[0].empty() || !partial_[1].empty(); }
  /** Writes what waits for its newline as partial entries. */
  void flushPartial();
  /** Hands everything that is complete to the kernel. */
  void flush();

 private:
  void entry(FrameType stream, char mark, std::string_view head, std::string_view tail);
  const char* stamp();
  void open();
  void rotate();

  std::string path_;
  uint64_t maxBytes_;
  uint32_t maxFiles_;
  Fd file_;
  uint64_t fileBytes_ = 0;
  std::string buffer_;
  std::string partial_[2];
  bool failed_ = false;
  time_t stampSecond_ = 0;
  char stamp_[40] = {};
};

}  // namespace mocker
