// Tests of native/host/core and of what the agent does with files, in a program of its own so that it can be
// built with the sanitizers.

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>

#include "guest/agent/files/changes.h"
#include "guest/agent/files/path-in-root.h"
#include "guest/agent/files/tar-extract.h"
#include "guest/agent/files/tree-archive.h"
#include "common/sys-error.h"
#include "host/os/files.h"
#include "host/core/krun-error.h"
#include "host/core/libkrun.h"
#include "host/os/process.h"
#include "scratch.h"

namespace {

using namespace mocker;

// --- libkrun ---

void krunErrors() {
  expectContains(krunErrorText("krun_set_vm_config", -EINVAL, "300 CPUs"), "(300 CPUs): libkrun does not accept");
  expectContains(krunErrorText("krun_add_disk2", -EINVAL, "/d"), "format is not known");
  expectContains(krunErrorText("krun_start_enter", -ENOSYS, ""), "built without the feature");
  expectEqual(krunErrorText("krun_other", -ENOSPC, ""), "krun_other: no space left on device");
}

std::string nameList(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += name + " ";
  return text;
}

void loadOldLibrary() {
  const auto library = Libkrun::load(scratch + "/libkrun-old.so", scratch + "/libkrunfw.so.5", "");
  expectEqual(library.version(), "≥ 1.9");
  expectEqual(nameList(library.features()), "shares ");
  expect(library.maxVcpus() == 0, "no number of CPUs");
  bool vmdk = false;
  for (const auto& [name, needs] : library.missing()) vmdk = vmdk || (name == "vmdk" && needs == "libkrun 1.17");
  expect(vmdk, "vmdk to be missing and to need 1.17");
}

void loadNewLibrary() {
  auto library = Libkrun::load(scratch + "/libkrun-new.so", std::nullopt, scratch);
  expectEqual(library.version(), "≥ 1.17");
  expectContains(nameList(library.features()), "vmdk");
  expectContains(nameList(library.features()), "blk");
  expect(nameList(library.features()).find("gpu") == std::string::npos, "no gpu");
  expect(library.maxVcpus() == 12, "12 CPUs");
  expectEqual(library.kernelPath(), scratch + "/libkrunfw.so.5");
  expect(!library.kernelIsImage(), "a library to be no image");
  fill("versions.json", "{\"libkrun\":\"1.17.9\"}");
  expectEqual(library.version(), "1.17.9");
  const Libkrun moved = std::move(library);
  expect(moved.api().add_vsock != nullptr, "the calls to move along");
}

void chooseKernelImage() {
  std::filesystem::create_directory(scratch + "/bundled");
  std::filesystem::copy(scratch + "/image", scratch + "/bundled/vmlinux");
  std::filesystem::create_directory(scratch + "/chosen");
  std::filesystem::copy(scratch + "/libkrun-new.so", scratch + "/chosen/libkrun.so.1");
  const auto image = Libkrun::load(scratch + "/chosen/libkrun.so.1", std::nullopt, scratch + "/bundled");
  expectEqual(image.kernelPath(), scratch + "/bundled/vmlinux");
  expect(image.kernelIsImage(), "the image");
  const auto beside = Libkrun::load(scratch + "/libkrun-new.so", std::nullopt, scratch + "/bundled");
  expectEqual(beside.kernelPath(), scratch + "/libkrunfw.so.5");
  const auto given = Libkrun::load(scratch + "/libkrun-new.so", scratch + "/image", "");
  expectEqual(given.kernelPath(), scratch + "/image");
  expectContains(messageOf([&] { Libkrun::load(scratch + "/libkrun-old.so", scratch + "/image", ""); }),
                 "cannot boot the kernel image");
}

void refuseOtherLibraries() {
  const auto kernel = scratch + "/libkrunfw.so.5";
  expectContains(messageOf([&] { Libkrun::load(scratch + "/libkrun-broken.so", kernel, ""); }),
                 "it has no krun_start_enter: Mocker needs libkrun 1.9 or later");
  expectContains(messageOf([&] { Libkrun::load(scratch + "/none.so", kernel, ""); }), "none.so");
  expectContains(messageOf([&] { Libkrun::load(scratch + "/libkrun-old.so", scratch + "/none.so", ""); }), "(libkrunfw) cannot be loaded");
}

// --- processes and files ---

void startTimes() {
  const auto own = processStartTime(getpid());
  expect(own && *own > 0, "a start time of our own");
  expect(!processStartTime(0) && !processStartTime(-1), "none of impossible processes");
  expect(bool(openProcess(getpid(), *own)), "to open ourselves");
  expect(!openProcess(getpid(), *own + 1), "not to open a process that began at another time");
  expect(killProcess(getpid(), *own, 0), "signal 0 to arrive");
  expect(!killProcess(getpid(), *own + 1, SIGKILL), "not to kill a namesake");
}

void spawnAndReap() {
  const auto log = scratch + "/spawn.log";
  const pid_t pid = spawnDetached({{"/bin/sh", "-c", "echo out; echo err >&2; env; ls /proc/self/fd | wc -l; exit 3"}, log});
  const auto started = processStartTime(pid);
  const Fd pidfd = openProcess(pid, started.value_or(0));
  siginfo_t info{};
  while (waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) != 0) expect(errno == EINTR, "a child");
  expect(!processStartTime(pid), "a zombie to count as gone");
  if (pidfd) {
    const auto status = reapProcess(pidfd.get());
    expect(status && status->exitCode == 3 && !status->signal, "exit code 3");
  } else {
    waitpid(pid, nullptr, 0);
  }
  const auto text = readFile(log, 1 << 16);
  expectContains(text, "out\nerr\n");
  // 0, 1, 2 and the directory that ls reads.
  expectContains(text, "\n4\n");
  expect(text.find("HOME=") == std::string::npos, "no environment");
  expectContains(messageOf([&] { spawnDetached({{scratch + "/none"}, log}); }), "none: no such file or directory");
}

void copyRanges() {
  const Fd from(open(fill("from", "0123456789").c_str(), O_RDONLY | O_CLOEXEC));
  const Fd to(open(fill("to", "").c_str(), O_RDWR | O_CLOEXEC));
  copyRange(from.get(), to.get(), 4, 2, 5);
  expectEqual(readFile(scratch + "/to", 100), std::string("\0\0", 2) + "45678");
  expectContains(messageOf([&] { copyRange(from.get(), to.get(), 4, 0, 100); }), "ends too early");
  copyRange(from.get(), to.get(), 0, 0, 0);
}

void fileLocks() {
  const auto path = scratch + "/lock";
  expect(!isFileLocked(path), "a missing file not to be locked");
  auto lock = tryLockFile(path);
  expect(lock.has_value(), "to get the lock");
  expect(isFileLocked(path), "the lock to be seen");
  expect(!tryLockFile(path), "a second one not to get it");
  lock.reset();
  expect(!isFileLocked(path), "it to be free again");
}

// --- archives of a tree ---

/** Names and contents of an archive of `path`, one line each. */
std::string copied(const std::string& root, const std::string& path, const std::string& name, bool follow) {
  const std::string target = scratch + "/archive.tar";
  const Fd out(::open(target.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600));
  const Fd tree(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  TreeArchive(out.get()).writePath(tree.get(), path, name, follow);
  const std::string archive = readFile(target, 1 << 20);
  std::string lines;
  for (size_t at = 0; at + 512 <= archive.size() && archive[at] != '\0';) {
    const size_t size = std::stoul(archive.substr(at + 124, 11), nullptr, 8);
    lines += std::string(archive.c_str() + at) + " " + archive[at + 156] + " " + std::string(archive.c_str() + at + 157) +
             archive.substr(at + 512, size) + "\n";
    at += 512 + (size + 511) / 512 * 512;
  }
  return lines;
}

void archivesPathsWithinTheTree() {
  namespace fs = std::filesystem;
  const std::string root = scratch + "/root";
  fs::create_directories(root + "/d/inner");
  const timespec whole[2] = {{1, 0}, {1, 0}};
  for (const char* name : {"/d/file", "/secret"}) {
    const std::string path = (name[1] == 's' ? scratch : root) + name;
    const Fd file(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    expect(::write(file.get(), "hi", 2) == 2, "written");
    expect(::futimens(file.get(), whole) == 0, "a time without a fraction");
  }
  fs::create_symlink("../../../d/file", root + "/d/up");
  fs::create_symlink("/d", root + "/absolute");
  fs::create_symlink("../secret", root + "/escape");
  fs::create_symlink("loop", root + "/loop");
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    expect(::utimensat(AT_FDCWD, entry.path().c_str(), whole, AT_SYMLINK_NOFOLLOW) == 0, "a time without a fraction");
  }
  expect(::utimensat(AT_FDCWD, root.c_str(), whole, 0) == 0, "a time without a fraction");
  expectEqual(copied(root, "/d/file", "file", false), "file 0 hi\n");
  expectEqual(copied(root, "/d", "x", false), "x/ 5 \nx/file 0 hi\nx/inner/ 5 \nx/up 2 ../../../d/file\n");
  expectEqual(copied(root, "/absolute/", ".", false), "./ 5 \n./file 0 hi\n./inner/ 5 \n./up 2 ../../../d/file\n");
  expectEqual(copied(root, "/absolute/up", "up", true), "up 0 hi\n");
  expectEqual(copied(root, "/absolute", "absolute", false), "absolute 2 /d\n");
  for (const char* path : {"/nope", "/nope/x", "/d/file/", "/d/file/x", "/loop/x", "/escape/"}) {
    bool missing = false;
    try {
      copied(root, path, "x", false);
    } catch (const NoSuchPath&) {
      missing = true;
    }
    expect(missing, std::string("nothing at ") + path);
  }
  for (const char* path : {"/loop", "/escape"}) {
    bool missing = false;
    try {
      copied(root, path, "x", true);
    } catch (const NoSuchPath&) {
      missing = true;
    }
    expect(missing, std::string("a link in the tree leads nowhere: ") + path);
  }
}

Fd openTree(const std::string& path) { return Fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)); }

void resolvesPathsWithinTheRoot() {
  namespace fs = std::filesystem;
  const std::string top = scratch + "/resolved";
  fs::create_directories(top + "/d/inner");
  fs::create_symlink("../../../../d/inner", top + "/d/up");
  fs::create_symlink("/d/none", top + "/dangling");
  fs::create_symlink("loop", top + "/loop");
  const Fd root = openTree(top);
  const auto resolved = [&](const char* path) { return resolveInRoot(root.get(), path, true); };
  expectEqual(resolved("/d/up"), "/d/inner");
  expectEqual(resolved("d/up/../x/y"), "/d/x/y");
  expectEqual(resolved("/dangling"), "/d/none");
  expectEqual(resolved("../../.."), "/");
  expectEqual(resolveInRoot(root.get(), "/d/up", false), "/d/up");
  expectContains(messageOf([&] { resolved("/loop"); }), "too many levels of symbolic links");
  expectEqual(statInRoot(root.get(), "/d/up").target, "/d/inner");
  expect(S_ISLNK(statInRoot(root.get(), "/dangling").mode), "a link is told as such");
  expect(S_ISDIR(statInRoot(root.get(), "/d/up/").mode), "with a slash what it leads to is");
  expectContains(messageOf([&] { statInRoot(root.get(), "/dangling/"); }), "no such file or directory");
}

/** A tar entry as the engine writes it. */
std::string tarEntry(const std::string& name, char type, const std::string& content, const std::string& link = "") {
  std::string block(512, '\0');
  char size[32];
  std::snprintf(size, sizeof size, "%011zo", type == '0' || type == 'x' ? content.size() : 0);
  name.copy(block.data(), 100);
  std::string(type == '5' ? "0000750" : "0000640").copy(block.data() + 100, 7);
  std::string("0000000").copy(block.data() + 108, 7);
  std::string("0000000").copy(block.data() + 116, 7);
  std::string(size, 11).copy(block.data() + 124, 11);
  std::string("00000001000").copy(block.data() + 136, 11);
  block[156] = type;
  link.copy(block.data() + 157, 100);
  return block + content + std::string((512 - content.size() % 512) % 512, '\0');
}

/** Makes files of an archive below `directory`; what went wrong, if anything did. */
std::string extracted(const std::string& top, const std::string& directory, const std::string& archive, bool whole = true) {
  const Fd in(::open(fill("in.tar", archive + (whole ? std::string(1024, '\0') : "")).c_str(), O_RDONLY | O_CLOEXEC));
  const Fd root = openTree(top);
  try {
    extractTar(in.get(), root.get(), {directory, true});
    return "";
  } catch (const std::exception& error) {
    return error.what();
  }
}

void extractsWithinTheRoot() {
  namespace fs = std::filesystem;
  const std::string top = scratch + "/extracted";
  fs::create_directories(top + "/data/dir");
  fill("victim", "untouched");
  fs::create_symlink("../../../../../.." + scratch + "/victim", top + "/data/file");
  fs::create_symlink(scratch, top + "/data/out");
  fs::create_symlink("/data", top + "/link");
  fill("extracted/data/plain", "old");

  expectEqual(extracted(top, "/link", tarEntry("file", '0', "hi") + tarEntry("new/", '5', "") + tarEntry("new/x", '0', "x")), "");
  expectEqual(readFile(top + "/data/file", 100), "hi");
  expect(!fs::is_symlink(top + "/data/file"), "a file takes the place of a link");
  expectEqual(readFile(top + "/data/new/x", 100), "x");
  expect(fs::status(top + "/data/new").permissions() == fs::perms(0750), "a directory has its mode");
  struct stat made {};
  expect(::stat((top + "/data/new").c_str(), &made) == 0 && made.st_mtim.tv_sec == 01000, "and its time, though something was made in it");
  expectEqual(extracted(top, "/data", tarEntry("hard", '1', "", "new/x")), "");
  expect(fs::hard_link_count(top + "/data/hard") == 2, "a hard link is one");

  // A link of the root's leads to the same path in the root, which is made.
  expectEqual(extracted(top, "/data", tarEntry("out/file", '0', "inside")), "");
  expectEqual(readFile(top + scratch + "/file", 100), "inside");
  expect(!fs::exists(scratch + "/file"), "nothing is made outside");
  expectEqual(readFile(scratch + "/victim", 100), "untouched");

  const std::string records = "24 SCHILY.xattr.user.a=b\n12 path=dir/longer\n";
  const std::string pax = "25 SCHILY.xattr.user.a=b\n19 path=dir/longer\n";
  expectEqual(extracted(top, "/data", tarEntry("PaxHeaders/x", 'x', pax) + tarEntry("dir/lo", '0', "long")), "");
  expectEqual(readFile(top + "/data/dir/longer", 100), "long");

  expectContains(extracted(top, "/data", tarEntry("../x", '0', "x")), "is outside of");
  expectContains(extracted(top, "/data", tarEntry("a/../../x", '0', "x")), "is outside of");
  expectContains(extracted(top, "/data", tarEntry("/x", '0', "x")), "is outside of");
  expectContains(extracted(top, "/data", tarEntry("y", '1', "", "../../victim")), "is outside of");
  expectEqual(extracted(top, "/data", tarEntry("dir", '0', "x")), "cannot overwrite directory \"/data/dir\" with non-directory \"/data\"");
  expectEqual(extracted(top, "/data", tarEntry("plain/", '5', "")), "cannot overwrite non-directory \"/data/plain\" with directory \"/data\"");
  expectEqual(extracted(top, "/data/plain", ""), "extraction point is not a directory");
  expectEqual(extracted(top, "/nope", ""), "no such file or directory");
  expectEqual(extracted(top, "/data", tarEntry("cut", '0', std::string(2000, 'x')).substr(0, 1500), false), "unexpected EOF");
  expectContains(extracted(top, "/data", tarEntry("PaxHeaders/x", 'x', records.substr(1)) + tarEntry("z", '0', "")), "malformed");
}

std::string changesOf(const std::string& upper, const std::string& image) {
  const Fd out(::open((scratch + "/changes").c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600));
  const Fd upperFd = openTree(upper);
  const Fd imageFd = openTree(image);
  Changes(upperFd.get(), imageFd.get()).list(out.get());
  std::string text = readFile(scratch + "/changes", 1 << 20);
  for (char& byte : text) byte = byte == '\0' ? ' ' : byte;
  return text;
}

void findsChanges() {
  namespace fs = std::filesystem;
  const std::string image = scratch + "/lower";
  const std::string upper = scratch + "/upper";
  for (const char* name : {"/etc", "/same/deep", "/opaque/inner", "/kept"}) fs::create_directories(image + name);
  for (const char* name : {"/etc", "/same/deep", "/opaque/inner", "/new/dir", "/proc/x"}) fs::create_directories(upper + name);
  for (const char* name : {"lower/etc/group", "lower/opaque/old", "lower/opaque/inner/gone", "upper/etc/hosts", "upper/new/dir/x"}) fill(name, "x");
  fill("lower/touched", "x");
  fill("upper/touched", "y");
  const timespec whole[2] = {{1, 0}, {1, 0}};
  for (const char* name : {"/lower/touched", "/upper/touched"}) {
    expect(::utimensat(AT_FDCWD, (scratch + name).c_str(), whole, 0) == 0, "a time");
  }
  if (::setxattr((upper + "/opaque").c_str(), "user.overlay.opaque", "y", 1, 0) != 0) return;
  // What is in an opaque directory has no mark of its own, and what only came along with it is no change.
  expectEqual(changesOf(upper, image), "A/new A/new/dir A/new/dir/x C/opaque C/opaque/inner D/opaque/inner/gone D/opaque/old ");
  fill("upper/same/deep/added", "x");
  fs::remove_all(upper + "/new");
  fs::remove_all(upper + "/opaque");
  expectEqual(changesOf(upper, image), "C/same C/same/deep A/same/deep/added ");
}

const std::map<std::string, void (*)()> tests = {
    {"libkrun errors are sentences", krunErrors},
    {"an old libkrun is usable and its limits are named", loadOldLibrary},
    {"a newer libkrun shows what it can do", loadNewLibrary},
    {"a kernel image is preferred to the system's libkrunfw, and not to one beside a chosen libkrun", chooseKernelImage},
    {"what is no libkrun is refused with a reason", refuseOtherLibraries},
    {"a process is known by its start time", startTimes},
    {"a program is started detached, without our environment, and reaped", spawnAndReap},
    {"ranges are copied between files", copyRanges},
    {"locks are seen by others", fileLocks},
    {"a path is archived, and no link leads out of the tree", archivesPathsWithinTheTree},
    {"a path is resolved, and no link leads out of the root", resolvesPathsWithinTheRoot},
    {"an archive becomes files, and nothing outside of the root", extractsWithinTheRoot},
    {"what was changed of an image is found, and nothing else", findsChanges},
};

}  // namespace

int main(int argc, char** argv) { return runInScratch(tests, argc, argv); }
