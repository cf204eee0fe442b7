#include "child-output.h"

#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "common/file.h"

namespace mocker {
namespace {

constexpr size_t maxLineBytes = 1024;

}  // namespace

ChildOutput::ChildOutput(Loop& loop, Fd pipe, Fd file, uint64_t maxBytes, WhenFull whenFull, std::string notable)
    : loop_(loop),
      pipe_(std::move(pipe)),
      file_(std::move(file)),
      maxBytes_(maxBytes),
      whenFull_(whenFull),
      notable_(std::move(notable)) {
  // Level-triggered and one piece at a time: a flood must not keep the loop from its other work.
  loop_.add(pipe_.get(), event::readable, [this](uint32_t) { readSome(); });
}

ChildOutput::~ChildOutput() {
  if (pipe_) loop_.remove(pipe_.get());
}

void ChildOutput::drain() {
  // At most what a pipe can hold (1 MiB by default limits), in case something still writes.
  for (int pieces = 0; pieces < 64 && readSome(); ++pieces) {
  }
}

bool ChildOutput::readSome() {
  if (!pipe_) return false;
  char bytes[16384];
  const ssize_t size = ::read(pipe_.get(), bytes, sizeof bytes);
  if (size > 0) {
    keep(bytes, static_cast<size_t>(size));
    return true;
  }
  if (size < 0 && errno == EINTR) return true;
  if (size < 0 && errno == EAGAIN) return false;
  loop_.remove(pipe_.get());
  pipe_.reset();
  return false;
}

void ChildOutput::keep(const char* bytes, size_t size) {
  for (const char c : std::string_view(bytes, size)) {
    if (c == '\n') {
      if (!line_.empty() && line_.find(notable_) != std::string::npos) lastLine_ = std::move(line_);
      line_.clear();
    } else if (line_.size() < maxLineBytes && static_cast<unsigned char>(c) >= ' ' && c != '\x7f') {
      line_ += c;
    }
  }
  if (full_) return;
  if (written_ + size > maxBytes_) {
    written_ = 0;
    if (whenFull_ == WhenFull::stop) {
      full_ = true;
      writeFully(file_.get(), "mocker-vmm: too many messages; the rest is dropped\n");
      return;
    }
    if (::ftruncate(file_.get(), 0) != 0) full_ = true;
  }
  // A full disk costs the log, never the VM.
  writeFully(file_.get(), std::string_view(bytes, size));
  written_ += size;
}

}  // namespace mocker
