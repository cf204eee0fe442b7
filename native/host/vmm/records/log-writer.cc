#include "log-writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "common/file.h"
#include "common/sys-error.h"
#include "host/vmm/notice.h"

namespace mocker {
namespace {

constexpr size_t maxEntryBytes = 16 * 1024;
constexpr size_t bufferBytes = 64 * 1024;
/** As far as a reader that wants the last lines may have to look back for a time. */
constexpr uint64_t maxWithoutTimeBytes = 32 * 1024;
/** Two entries that are further apart have whole times. */
constexpr int64_t maxDeltaUs = 999'999;
/** What an entry has besides its bytes, at most. */
constexpr size_t maxEntryHeadBytes = 40;

int64_t clockUs() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
}

/** RFC 3339 with nanoseconds. */
std::string timeText(int64_t us) {
  const time_t seconds = us / 1'000'000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[40];
  const size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text + size, sizeof text - size, ".%06d000Z", static_cast<int>(us % 1'000'000));
  return text;
}

Fd openLog(const std::string& path, int flags) {
  return Fd(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | flags, 0600));
}

/** What a generation says of those before it. */
uint64_t readBytesBefore(int file) {
  char line[32] = {};
  if (::pread(file, line, sizeof line - 1, 0) < 2 || line[0] != '#' || line[1] != ' ') return 0;
  return std::strtoull(line + 2, nullptr, 10);
}

uint64_t sizeOf(int file) {
  struct stat status {};
  return ::fstat(file, &status) == 0 ? static_cast<uint64_t>(status.st_size) : 0;
}

}  // namespace

LogWriter::LogWriter(std::string path, Limits limits) : path_(std::move(path)), limits_(limits) {
  if (limits_.kept) open();
}

void LogWriter::open() {
  file_ = openLog(path_, 0);
  if (!file_) throwErrno(path_);
  fileBytes_ = sizeOf(file_.get());
  bytesBefore_ = readBytesBefore(file_.get());
  // A monitor that was killed may have left half an entry; the next one must begin a line.
  if (endsTorn()) fileBytes_ += writeFully(file_.get(), "\n") ? 1 : 0;
}

bool LogWriter::endsTorn() const {
  char last = '\n';
  const uint64_t size = sizeOf(file_.get());
  return size > 0 && ::pread(file_.get(), &last, 1, static_cast<off_t>(size - 1)) == 1 && last != '\n';
}

void LogWriter::appendTime(FrameType stream, bool endsLine) {
  const bool isErr = stream == FrameType::err;
  if (nowUs_ == 0) nowUs_ = clockUs();
  const int64_t delta = nowUs_ - lastUs_;
  if (lastUs_ != 0 && delta >= 0 && delta <= maxDeltaUs && sinceWholeTime_ < maxWithoutTimeBytes) {
    if (delta > 0) buffer_ += std::to_string(delta);
    buffer_ += isErr ? (endsLine ? 'E' : 'e') : (endsLine ? 'O' : 'o');
  } else {
    buffer_.append(timeText(nowUs_)).append(isErr ? " stderr " : " stdout ").append(endsLine ? "F " : "P ");
    sinceWholeTime_ = 0;
  }
  lastUs_ = nowUs_;
}

void LogWriter::entry(FrameType stream, bool endsLine, std::string_view head, std::string_view tail) {
  const size_t size = maxEntryHeadBytes + head.size() + tail.size() + 1;
  const uint64_t written = fileBytes_ + buffer_.size();
  if (written + size > limits_.maxBytes && written > 0 && !rotationFailed_) rotate();
  const size_t before = buffer_.size();
  appendTime(stream, endsLine);
  buffer_.append(head).append(tail).append(1, '\n');
  sinceWholeTime_ += buffer_.size() - before;
  bufferedBytes_ += head.size() + tail.size() + (endsLine ? 1 : 0);
  if (buffer_.size() >= bufferBytes) flush();
}

void LogWriter::write(FrameType stream, std::string_view bytes) {
  if (!limits_.kept) return;
  std::string& partial = partial_[stream == FrameType::err ? 1 : 0];
  while (!bytes.empty()) {
    const size_t room = maxEntryBytes - partial.size();
    const size_t newline = bytes.substr(0, room).find('\n');
    if (newline != std::string_view::npos) {
      entry(stream, true, partial, bytes.substr(0, newline));
      bytes.remove_prefix(newline + 1);
    } else if (bytes.size() >= room) {
      entry(stream, false, partial, bytes.substr(0, room));
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
    entry(stream, false, partial, {});
    std::string().swap(partial);
  }
  flush();
}

void LogWriter::flush() {
  nowUs_ = 0;
  rotationFailed_ = false;
  if (buffer_.empty()) return;
  if (lostBytes_ > 0) {
    std::string loss = endsTorn() ? "\n" : "";
    loss += timeText(lostUs_) + " stderr F mocker: " + std::to_string(lostBytes_) +
            " bytes of output are missing here, they could not be logged: " + errnoWords(lostError_) + "\n";
    buffer_.insert(0, loss);
  }
  if (writeFully(file_.get(), buffer_)) {
    fileBytes_ += buffer_.size();
    lostBytes_ = 0;
  } else {
    fail(errno);
  }
  bufferedBytes_ = 0;
  // The memory is kept: output comes in bursts.
  buffer_.clear();
}

void LogWriter::fail(int error) {
  if (lostBytes_ == 0) {
    lostUs_ = lastUs_;
    lostError_ = error;
    notice(path_ + ": " + errnoWords(error) + "; output is not being logged");
  }
  lostBytes_ += bufferedBytes_;
  fileBytes_ = sizeOf(file_.get());
  lastUs_ = 0;
}

void LogWriter::rotate() {
  flush();
  // First what to go on with: a disk or a table of descriptors that is full must not cost older generations.
  const std::string fresh = path_ + "~";
  const uint64_t bytesBefore = bytesBefore_ + fileBytes_;
  const std::string header = "# " + std::to_string(bytesBefore) + "\n";
  Fd next = openLog(fresh, O_TRUNC);
  const auto giveUp = [&] {
    notice(fresh + ": " + errnoWords(errno) + "; the log is not rotated");
    ::unlink(fresh.c_str());
    rotationFailed_ = true;
  };
  if (!next || !writeFully(next.get(), header)) return giveUp();
  const auto numbered = [&](uint32_t number) { return path_ + "." + std::to_string(number); };
  if (limits_.maxFiles > 1) {
    for (uint32_t number = limits_.maxFiles - 1; number > 1; --number) {
      ::rename(numbered(number - 1).c_str(), numbered(number).c_str());
    }
    if (::rename(path_.c_str(), numbered(1).c_str()) != 0 && errno != ENOENT) return giveUp();
  }
  if (::rename(fresh.c_str(), path_.c_str()) != 0) notice(path_ + ": " + errnoWords(errno));
  file_ = std::move(next);
  fileBytes_ = header.size();
  bytesBefore_ = bytesBefore;
  lastUs_ = 0;
}

}  // namespace mocker
