#include "log-writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>

#include "common/file.h"
#include "common/sys-error.h"
#include "host/vmm/notice.h"

namespace mocker {
namespace {

constexpr size_t maxEntryBytes = 16 * 1024;
constexpr size_t bufferBytes = 64 * 1024;

}  // namespace

LogWriter::LogWriter(std::string path, uint64_t maxBytes, uint32_t maxFiles)
    : path_(std::move(path)), maxBytes_(maxBytes), maxFiles_(maxFiles) {
  open();
}

void LogWriter::open() {
  file_.reset(::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  struct stat status {};
  if (!file_ || ::fstat(file_.get(), &status) != 0) throwErrno(path_);
  fileBytes_ = static_cast<uint64_t>(status.st_size);
  // A monitor that was killed may have left half an entry; the next one must begin a line.
  char last = '\n';
  if (fileBytes_ > 0 && ::pread(file_.get(), &last, 1, status.st_size - 1) == 1 && last != '\n') {
    fileBytes_ += writeFully(file_.get(), "\n") ? 1 : 0;
  }
}

const char* LogWriter::stamp() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  if (now.tv_sec != stampSecond_ || stamp_[0] == '\0') {
    stampSecond_ = now.tv_sec;
    std::tm parts{};
    ::gmtime_r(&now.tv_sec, &parts);
    std::strftime(stamp_, sizeof stamp_, "%Y-%m-%dT%H:%M:%S.000000000Z", &parts);
  }
  long digits = now.tv_nsec;
  for (int i = 28; i >= 20; --i) {
    stamp_[i] = static_cast<char>('0' + digits % 10);
    digits /= 10;
  }
  return stamp_;
}

void LogWriter::entry(FrameType stream, char mark, std::string_view head, std::string_view tail) {
  const char* name = stream == FrameType::err ? " stderr " : " stdout ";
  const size_t size = 30 + 8 + 2 + head.size() + tail.size() + 1;
  if (fileBytes_ + buffer_.size() + size > maxBytes_ && fileBytes_ + buffer_.size() > 0) rotate();
  buffer_.append(stamp(), 30).append(name, 8).append(1, mark).append(1, ' ').append(head).append(tail).append(1, '\n');
  if (buffer_.size() >= bufferBytes) flush();
}

void LogWriter::write(FrameType stream, std::string_view bytes) {
  std::string& partial = partial_[stream == FrameType::err ? 1 : 0];
  while (!bytes.empty()) {
    const size_t room = maxEntryBytes - partial.size();
    const size_t newline = bytes.substr(0, room).find('\n');
    if (newline != std::string_view::npos) {
      entry(stream, 'F', partial, bytes.substr(0, newline));
      bytes.remove_prefix(newline + 1);
    } else if (bytes.size() >= room) {
      entry(stream, 'P', partial, bytes.substr(0, room));
      bytes.remove_prefix(room);
    } else {
      partial.append(bytes);
      return;
    }
    partial.clear();
  }
}

void LogWriter::flushPartial() {
  for (const FrameType stream : {FrameType::out, FrameType::err}) {
    std::string& partial = partial_[stream == FrameType::err ? 1 : 0];
    if (partial.empty()) continue;
    entry(stream, 'P', partial, {});
    std::string().swap(partial);
  }
  flush();
}

void LogWriter::flush() {
  if (buffer_.empty()) return;
  if (writeFully(file_.get(), buffer_)) {
    fileBytes_ += buffer_.size();
    failed_ = false;
  } else if (!failed_) {
    failed_ = true;
    notice(path_ + ": " + errnoWords(errno) + "; output is not being logged");
  }
  // The memory is kept: output comes in bursts.
  buffer_.clear();
}

void LogWriter::rotate() {
  flush();
  const auto numbered = [&](uint32_t number) { return path_ + "." + std::to_string(number); };
  if (maxFiles_ > 1) {
    for (uint32_t number = maxFiles_ - 1; number > 1; --number) {
      ::rename(numbered(number - 1).c_str(), numbered(number).c_str());
    }
    ::rename(path_.c_str(), numbered(1).c_str());
  } else {
    ::unlink(path_.c_str());
  }
  try {
    open();
  } catch (const std::exception& error) {
    notice(error.what());
  }
}

}  // namespace mocker
