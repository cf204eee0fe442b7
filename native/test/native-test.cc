// Tests of the native code below the N-API and the monitor's protocol, in one program so that it can be built with the
// sanitizers. The folder is a scratch folder.

#include <fcntl.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>

#include "../agent/tree-archive.h"
#include "../common/fd.h"
#include "../common/file.h"
#include "../common/loop.h"
#include "../common/sys-error.h"
#include "../common/unix-socket.h"
#include "../core/files.h"
#include "../core/krun-error.h"
#include "../core/libkrun.h"
#include "../core/process.h"
#include "../vmm/child-output.h"
#include "../vmm/framed-connection.h"
#include "../vmm/jail.h"
#include "../vmm/landlock.h"
#include "../vmm/syscall-filter.h"
#include "tests.h"

namespace {

using namespace mocker;

std::string scratch;

void expectEqual(const std::string& actual, const std::string& wanted) {
  if (actual != wanted) throw std::runtime_error("expected \"" + wanted + "\", got \"" + actual + "\"");
}

void expectContains(const std::string& text, const std::string& part) {
  if (text.find(part) == std::string::npos) throw std::runtime_error("no \"" + part + "\" in \"" + text + "\"");
}

std::string messageOf(const std::function<void()>& body) {
  try {
    body();
  } catch (const std::exception& error) {
    return error.what();
  }
  throw std::runtime_error("expected a failure");
}

std::string fill(const std::string& name, const std::string& text) {
  const auto path = scratch + "/" + name;
  const Fd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  expect(fd && writeFully(fd.get(), text), "to write " + path);
  return path;
}

/** Runs `body` in a child, which no sanitizer may examine any more once it is restricted; returns the wait status. */
int inChild(const std::function<int()>& body) {
  const pid_t pid = fork();
  if (pid == 0) {
    try {
      _exit(body());
    } catch (const std::exception& error) {
      writeFully(STDERR_FILENO, std::string(error.what()) + "\n");
      _exit(99);
    }
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return status;
}

void expectExit(int status, int code) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == code) return;
  throw std::runtime_error("the child ended with wait status " + std::to_string(status));
}

/** errno of a call that must fail; 0 if it did not. */
template <typename Call>
int failure(Call call) {
  errno = 0;
  return call() < 0 ? errno : 0;
}

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
  // 0, 1, 2 and the folder that ls reads.
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

// --- a VM's output ---

struct OutputPipe {
  Fd reading;
  Fd writing;
};

OutputPipe outputPipe() {
  int fds[2];
  expect(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0, "a pipe");
  return {Fd(fds[0]), Fd(fds[1])};
}

void outputStops() {
  Loop loop;
  auto pipe = outputPipe();
  const auto path = fill("output", "before\n");
  ChildOutput output(loop, std::move(pipe.reading), Fd(open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC)), 20,
                     ChildOutput::WhenFull::stop);
  writeFully(pipe.writing.get(), "first\n");
  output.drain();
  writeFully(pipe.writing.get(), "far too much for this file\n");
  output.drain();
  writeFully(pipe.writing.get(), "last\x1b[1m\n");
  pipe.writing.reset();
  output.drain();
  expectEqual(readFile(path, 1000), "before\nfirst\nmocker-vmm: too many messages; the rest is dropped\n");
  expectEqual(output.lastLine(), "last[1m");
}

void outputRestarts() {
  Loop loop;
  auto pipe = outputPipe();
  const auto path = fill("console", "");
  ChildOutput output(loop, std::move(pipe.reading), Fd(open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC)), 10,
                     ChildOutput::WhenFull::restart);
  for (const char* text : {"12345678", "abcdef", "gh"}) {
    writeFully(pipe.writing.get(), text);
    output.drain();
  }
  expectEqual(readFile(path, 1000), "abcdefgh");
}

// --- framed connections ---

/** What a connection has told, a line for each event. */
FramedConnection::Events telling(std::string& told, Loop& loop) {
  FramedConnection::Events events;
  events.data = [&told](FrameType type, std::string_view bytes) {
    told += std::to_string(static_cast<int>(type)) + " " + std::string(bytes) + "\n";
  };
  events.message = [&told](std::string&& text) { told += text + "\n"; };
  events.drained = [] {};
  events.closed = [&told, &loop] {
    told += "closed\n";
    loop.stop();
  };
  return events;
}

void deafPeerIsHeard() {
  Loop loop;
  std::string told;
  auto [own, peer] = socketPair();
  const auto said = frame(FrameType::out, "last") + frame(FrameType::json, "{}");
  // A few bytes came with the hello.
  FramedConnection connection(loop, std::move(own), said.substr(0, 5), 64, telling(told, loop));
  connection.begin();
  expect(shutdown(peer.get(), SHUT_RD) == 0, "a peer that reads no more");
  connection.send(FrameType::json, "{}");
  expect(connection.queuedBytes() == 0 && connection.isOpen(), "nothing is kept for it");
  expect(writeFully(peer.get(), said.substr(5)), "its words");
  peer.reset();
  loop.run();
  expectEqual(told, "1 last\n{}\nclosed\n");
  expect(!connection.isOpen(), "its end");
}

void slowPeerIsWaitedFor() {
  Loop loop;
  std::string told, taken;
  auto [own, peer] = socketPair();
  FramedConnection connection(loop, std::move(own), {}, 64, telling(told, loop));
  const std::string payload(1 << 20, 'x');
  connection.send(FrameType::in, payload);
  expect(connection.queuedBytes() > 0, "more than a socket takes");
  loop.add(peer.get(), EPOLLIN, [&, fd = peer.get()](uint32_t) {
    char bytes[65536];
    const ssize_t got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got > 0) taken.append(bytes, static_cast<size_t>(got));
    // Longer than a message of this connection may be.
    if (taken.size() == payload.size() + frameHeaderBytes) writeFully(fd, frame(FrameType::json, std::string(65, ' ')));
  });
  loop.run();
  expect(taken == frame(FrameType::in, payload), "all that was sent");
  expectEqual(told, "closed\n");
  loop.remove(peer.get());
}

void connectionEndsWithinItsCall() {
  Loop loop;
  auto [own, peer] = socketPair();
  std::unique_ptr<FramedConnection> connection;
  std::shared_ptr<FramedConnection> buried;
  int messages = 0;
  FramedConnection::Events events;
  events.message = [&](std::string&&) {
    if (++messages < 2) return;
    writeFully(peer.get(), "no frame");
  };
  events.drained = [] {};
  // As the monitor does.
  events.closed = [&] { buried = std::move(connection); };
  loop.beforeSleep([&] {
    if (buried) loop.stop();
    buried.reset();
  });
  connection = std::make_unique<FramedConnection>(loop, std::move(own), std::string(), 64, std::move(events));
  writeFully(peer.get(), frame(FrameType::json, "1") + frame(FrameType::err, "ignored") + frame(FrameType::json, "2"));
  loop.run();
  expect(messages == 2 && !connection, "two messages, and an end");
}

// --- the jail ---

constexpr const char* outside = "/etc/passwd";

JailPlan somePlan() {
  JailPlan plan;
  plan.attachPoint = scratch;
  plan.folders = {"/boot/dev"};
  using Kind = JailEntry::Kind;
  plan.entries.push_back({fill("program", "#!/bin/sh\n"), "/boot/init", Kind::program, true});
  plan.entries.push_back({fill("disk", "disk"), scratch + "/disk", Kind::disk, false});
  plan.entries.push_back({fill("image", "image"), scratch + "/image", Kind::disk, true});
  for (const char* name : {"/writable", "/readonly"}) {
    expect(mkdir((scratch + name).c_str(), 0755) == 0 || errno == EEXIST, "a folder");
    plan.entries.push_back({scratch + name, std::string("/share") + name, Kind::share, name[1] == 'r'});
  }
  plan.entries.push_back({"/dev/null", "/dev/null", Kind::device, false});
  return plan;
}

int creating(const std::string& path) {
  return failure([&] { return open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600); });
}

int opening(const std::string& path, int flags) {
  return failure([&] { return open(path.c_str(), flags | O_CLOEXEC); });
}

void jailContains() {
  const auto plan = somePlan();
  expectExit(inChild([&] {
               Jail jail(plan);
               expect(jail.enterNamespaces(), "namespaces: " + jail.summary());
               jail.restrict("/boot");
               expectContains(jail.summary(), "own root");
               expectContains(jail.summary(), "seccomp");

               expect(opening(outside, O_RDONLY) != 0, "the host's files to be out of reach");
               expect(opening("/boot/init", O_RDONLY) == 0, "the program to be there");
               expect(opening("/boot/init", O_WRONLY) != 0, "the program to be read-only");
               expect(creating("/boot/x") != 0 && creating("/x") != 0, "the root to be read-only");
               expect(opening(scratch + "/disk", O_RDWR) == 0, "the disk to be writable");
               expect(opening(scratch + "/image", O_RDONLY) == 0, "the image to be readable");
               expect(opening(scratch + "/image", O_RDWR) != 0, "the image not to be writable");
               expect(opening(scratch + "/program", O_RDONLY) == ENOENT, "nothing else of that folder to be there");
               expect(creating("/share/writable/new") == 0, "the writable share to be writable");
               expect(creating("/share/readonly/new") != 0, "the read-only share not to be");
               expect(opening("/dev/null", O_RDWR) == 0, "/dev/null to work");
               expect(opening("/proc/self/fd", O_RDONLY | O_DIRECTORY) == 0, "our descriptors to be listed");
               expect(opening("/proc/1/environ", O_RDONLY) == ENOENT, "no other process to be seen");
               expect(opening("/proc/self/fd/../../../etc/passwd", O_RDONLY) != 0, "no way up");
               if (geteuid() == 0) {
                 expect(failure([] { return mknod("/share/writable/device", S_IFCHR | 0666, 0x103); }) == EPERM, "no devices");
               }
               return 0;
             }),
             0);
  expect(opening(scratch + "/writable/new", O_RDONLY) == 0, "what was written to be on the host");
}

void jailNamesWhatIsMissing() {
  auto plan = somePlan();
  plan.entries.push_back({scratch + "/missing.img", scratch + "/missing.img", JailEntry::Kind::disk, true});
  expectExit(inChild([&] {
               Jail jail(plan);
               expectEqual(messageOf([&] { jail.enterNamespaces(); }), scratch + "/missing.img: no such file or directory");
               return 0;
             }),
             0);
}

void jailWithoutNamespaces() {
  const auto plan = somePlan();
  const auto boot = scratch + "/bootfolder";
  expect(mkdir(boot.c_str(), 0755) == 0, "a folder");
  expectExit(inChild([&] {
               // As on a host that allows none: the layers that need no namespace still hold.
               Jail jail(plan);
               jail.restrict(boot);
               const bool landlocked = jail.summary().find("NOT active: Landlock") == std::string::npos;
               if (landlocked) {
                 expect(opening(outside, O_RDONLY) == EACCES, "Landlock to keep the host's files out of reach");
                 expect(creating(scratch + "/readonly/new2") == EACCES, "the read-only share to be so");
                 expect(opening(scratch + "/image", O_WRONLY) == EACCES, "the image not to be writable");
               }
               expect(creating(scratch + "/writable/new2") == 0, "the writable share to be writable");
               expect(opening(scratch + "/disk", O_RDWR) == 0, "the disk to be writable");
               expect(opening(boot, O_RDONLY | O_DIRECTORY) == 0, "the boot folder to be readable");
               return 0;
             }),
             0);
}

int filtered(bool withoutNetwork) {
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  return enterSyscallFilter(withoutNetwork);
}

void filterRefuses() {
  expectExit(inChild([] {
               expect(filtered(true) == 0, "the filter to be taken");
               expect(failure([] { return unshare(CLONE_NEWUSER); }) == EPERM, "no namespaces");
               expect(failure([] { return mount("x", "/", "tmpfs", 0, nullptr); }) == EPERM, "no mounts");
               expect(failure([] { return kill(getppid(), 0); }) == EPERM, "no signals to others");
               expect(failure([] { return kill(getpid(), 0); }) == 0, "signals to ourselves");
               expect(failure([] { return socket(AF_INET, SOCK_STREAM, 0); }) == EAFNOSUPPORT, "no IPv4");
               expect(failure([] { return socket(AF_NETLINK, SOCK_RAW, 0); }) == EAFNOSUPPORT, "no netlink");
               expect(failure([] { return socket(AF_UNIX, SOCK_STREAM, 0); }) == 0, "unix sockets");
               bool ran = false;
               std::thread([&] { ran = true; }).join();
               expect(ran, "threads");
               return 0;
             }),
             0);
  expectExit(inChild([] {
               expect(filtered(false) == 0, "the filter to be taken");
               expect(failure([] { return socket(AF_INET6, SOCK_DGRAM, 0); }) == 0, "IPv6");
               expect(failure([] { return socket(AF_PACKET, SOCK_RAW, 0); }) == EAFNOSUPPORT, "no raw packets");
               return 0;
             }),
             0);
}

void filterEndsAttackers() {
  const int status = inChild([] {
    filtered(true);
    char* const arguments[] = {const_cast<char*>("true"), nullptr};
    execv("/bin/true", arguments);
    return 1;
  });
  expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "execve to be the end");
}

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
    {"a VM's messages stop at their limit", outputStops},
    {"a VM's console starts over at its limit", outputRestarts},
    {"a peer that reads no more is heard to its end", deafPeerIsHeard},
    {"what a slow peer does not take is kept for it, and what is too long ends it", slowPeerIsWaitedFor},
    {"a connection that breaks the protocol ends, and may be destroyed then", connectionEndsWithinItsCall},
    {"the jail shows what was planned and nothing else", jailContains},
    {"the jail names what does not exist", jailNamesWhatIsMissing},
    {"the jail's other layers hold without namespaces", jailWithoutNamespaces},
    {"a path is archived, and no link leads out of the tree", archivesPathsWithinTheTree},
    {"the system call filter refuses", filterRefuses},
    {"the system call filter ends what starts programs", filterEndsAttackers},
};

}  // namespace

int main(int argc, char** argv) {
  return runTest(tests, [](const std::string& folder) { scratch = folder; }, argc, argv);
}
