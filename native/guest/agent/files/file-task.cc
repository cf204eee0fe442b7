#include "file-task.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <exception>

#include "common/file.h"
#include "common/sys-error.h"
#include "changes.h"
#include "path-in-root.h"
#include "tar-extract.h"
#include "tree-archive.h"
#include "guest/agent/process/spawn.h"

namespace mocker {
namespace {

/**
 * The root with its volumes, as Docker's `cp` sees it: in a mount namespace of this process's, in which
 * nothing of the kernel's is mounted.
 */
Fd openRootWithVolumes() {
  if (::unshare(CLONE_NEWNS) != 0) throwErrno("cannot look at the root file system");
  ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  for (const char* kernels : {"/dev", "/sys", "/proc"}) ::umount2(kernels, MNT_DETACH);
  Fd root(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) throwErrno("cannot open the root file system");
  return root;
}

/** MODE SIZE SECONDS NANOSECONDS of lstat, a NUL, and where a link leads. */
std::string statText(const PathStat& found) {
  return std::to_string(found.mode) + " " + std::to_string(found.size) + " " + std::to_string(found.seconds) + " " +
         std::to_string(found.nanoseconds) + '\0' + found.target;
}

Fd again(const Fd& fd) {
  Fd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
  if (!copy) throwErrno("the image's changes");
  return copy;
}

void put(std::string_view text) {
  if (!writeFully(1, text)) throwErrno("cannot write the answer");
}

}  // namespace

FileTask::FileTask(const std::vector<std::string>& words, const Machine& machine)
    : words_(words), isFreezing_(!machine.simulation && words.size() > 1 && words[0] == "layer" && words[1] == "freeze") {
  words_.resize(4);
  const std::string& verb = words_[0];
  if (verb == "export") {
    first_.reset(openRootAlone());
  } else if (verb == "copy" || verb == "stat" || verb == "extract") {
    first_ = openRootWithVolumes();
  } else if (verb == "changes" || verb == "layer") {
    first_ = again(machine.changes);
    second_ = again(machine.image);
  } else {
    throw SpawnError("INTERNAL", "the file task \"" + verb + "\" is not known");
  }
}

void FileTask::keepOwnOnly() {
  // Above what they become, so that neither is overwritten.
  const Fd first(::fcntl(first_.get(), F_DUPFD_CLOEXEC, 5));
  const Fd second(second_ ? ::fcntl(second_.get(), F_DUPFD_CLOEXEC, 5) : ::fcntl(first_.get(), F_DUPFD_CLOEXEC, 5));
  if (::dup2(first.get(), 3) < 0 || ::dup2(second.get(), 4) < 0 || ::syscall(SYS_close_range, 5u, ~0u, 0u) != 0) {
    throwErrno("close_range");
  }
  first_.release();
  second_.release();
  first_.reset(3);
  second_.reset(4);
}

int FileTask::run() noexcept {
  std::string failure;
  try {
    work();
    return 0;
  } catch (const NoSuchPath& error) {
    failure = error.what();
    writeFully(2, failure + "\n");
    return noSuchPath;
  } catch (const std::exception& error) {
    failure = error.what();
  }
  writeFully(2, failure + "\n");
  return 1;
}

void FileTask::work() {
  const std::string& verb = words_[0];
  if (verb == "export") return TreeArchive(1).write(first_.get());
  if (verb == "copy") return TreeArchive(1).writePath(first_.get(), words_[1], words_[2], words_[3] == "follow");
  if (verb == "extract") return extractTar(0, first_.get(), {words_[1], words_[2] == "keep-kinds"});
  if (verb == "stat") {
    try {
      return put(statText(statInRoot(first_.get(), words_[1])));
    } catch (const SysError& error) {
      throw NoSuchPath(errnoWords(error.error()));
    }
  }
  if (isFreezing_ && ::ioctl(first_.get(), FIFREEZE, 0) != 0) {
    if (errno == EBUSY) throw std::runtime_error("the file system is frozen already: another commit is under way");
    throwErrno("cannot freeze the file system");
  }
  const Changes changes(first_.get(), second_.get());
  if (verb == "layer") {
    changes.archive(1);
  } else {
    changes.list(1);
  }
}

void thaw(const Machine& machine) {
  if (!machine.simulation && machine.changes) ::ioctl(machine.changes.get(), FITHAW, 0);
}

}  // namespace mocker
