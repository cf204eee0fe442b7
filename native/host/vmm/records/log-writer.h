// The VM's log. An entry is one line, in one of two forms:
//   `<RFC 3339 UTC> <stdout|stderr> <F|P> <bytes>\n`   Kubernetes' CRI format
//   `[<microseconds>]<O|o|E|e><bytes>\n`               so much later than the entry before it
// O and o are stdout, E and e stderr; O, E and F end a line of the output, o, e and P do not. A generation
// that had others before it begins with `# <bytes of these>\n`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/fd.h"
#include "common/frame.h"

namespace mocker {

/**
 * Every byte of output is in exactly one entry, in its stream's order, so that the output can be had back:
 * the bytes of an entry that ends a line are followed by a newline, those of others by nothing. Entries hold
 * at most 16 KiB; at least each 32 KiB there is one with its whole time. Full files are renamed to `log.1`,
 * `log.2` …; `maxFiles` counts the current one, too. A disk that cannot be written never stops the VM: what
 * was lost is said in the log when it can be written again.
 */
class LogWriter {
 public:
  struct Limits {
    uint64_t maxBytes;
    uint32_t maxFiles;
    /** False: nothing is written, and no file is made. */
    bool kept = true;
  };

  LogWriter(std::string path, Limits limits);

  void write(FrameType stream, std::string_view bytes);
  /** Whether bytes wait for their newline. */
  bool hasPartial() const { return !partial_[0].empty() || !partial_[1].empty(); }
  /** Writes what waits for its newline as partial entries. */
  void flushPartial();
  /** Hands everything that is complete to the kernel. What is written until the next call has one time. */
  void flush();

 private:
  void entry(FrameType stream, bool endsLine, std::string_view head, std::string_view tail);
  void appendTime(FrameType stream, bool endsLine);
  void fail(int error);
  /** Cuts off an entry at the end that is not whole: in its short form it may look like one. */
  void cutTorn();
  void open();
  void rotate();

  std::string path_;
  Limits limits_;
  Fd file_;
  uint64_t fileBytes_ = 0;
  /** Of the generations before this one, also of those that are gone. */
  uint64_t bytesBefore_ = 0;
  /** Nothing could be opened to go on with; tried again after the next flush. */
  bool rotationFailed_ = false;
  std::string buffer_;
  std::string partial_[2];
  /** Output in `buffer_`. */
  uint64_t bufferedBytes_ = 0;

  /** Microseconds since 1970 of what is written until the next flush; 0: not known yet. */
  int64_t nowUs_ = 0;
  /** The time of the entry before; 0: the next one needs its whole time. */
  int64_t lastUs_ = 0;
  uint64_t sinceWholeTime_ = 0;

  /** Output that could not be written, since when and why. */
  uint64_t lostBytes_ = 0;
  int64_t lostUs_ = 0;
  int lostError_ = 0;
};

}  // namespace mocker
