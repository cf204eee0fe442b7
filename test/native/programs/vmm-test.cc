// Tests of the monitor's parts: output, connections, jail. A program of its own, so that it can be built with
// the sanitizers.

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "common/loop.h"
#include "common/unix-socket.h"
#include "host/vmm/cards/card-relay.h"
#include "host/vmm/records/log-writer.h"
#include "host/vmm/streams/child-output.h"
#include "host/vmm/streams/framed-connection.h"
#include "host/os/linux/jail/jail.h"
#include "host/os/linux/jail/landlock.h"
#include "host/os/linux/jail/syscall-filter.h"
#include "host/vmm/monitor/handshake.h"
#include "scratch.h"

namespace {

using namespace mocker;

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
  loop.add(peer.get(), event::readable, [&, fd = peer.get()](uint32_t) {
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
  std::shared_ptr<FramedConnection> pendingDelete;
  int messages = 0;
  FramedConnection::Events events;
  events.message = [&](std::string&&) {
    if (++messages < 2) return;
    writeFully(peer.get(), "no frame");
  };
  events.drained = [] {};
  // As the monitor does.
  events.closed = [&] { pendingDelete = std::move(connection); };
  loop.beforeSleep([&] {
    if (pendingDelete) loop.stop();
    pendingDelete.reset();
  });
  connection = std::make_unique<FramedConnection>(loop, std::move(own), std::string(), 64, std::move(events));
  writeFully(peer.get(), frame(FrameType::json, "1") + frame(FrameType::err, "ignored") + frame(FrameType::json, "2"));
  loop.run();
  expect(messages == 2 && !connection, "two messages, and an end");
}

// --- handshakes ---

/** A hello, or what is none, that is read in the round in which its time is over. */
void handshakeInTheLastMoment(const std::string& sent) {
  Loop loop;
  auto [own, peer] = socketPair();
  std::unique_ptr<Handshake> handshake;
  int calls = 0;
  // As the monitor does: the object is destroyed after the round, in which its timer is due as well.
  handshake = std::make_unique<Handshake>(
      loop, std::move(own), [&](Handshake&, Fd fd, const Json&, std::string) { calls += fd ? 1 : 100; }, 0);
  expect(sent.empty() ? shutdown(peer.get(), SHUT_WR) == 0 : writeFully(peer.get(), sent), "what the peer does");
  loop.beforeSleep([&] {
    if (calls == 0) return;
    handshake.reset();
    loop.stop();
  });
  loop.run();
  expectEqual(std::to_string(calls), sent.empty() ? "100" : "1");
}

void helloInTheLastMoment() { handshakeInTheLastMoment(jsonFrame({{"hello", {{"role", "control"}}}})); }

void closeInTheLastMoment() { handshakeInTheLastMoment({}); }

void farTimersWait() {
  Loop loop;
  bool early = false;
  loop.after(std::numeric_limits<int64_t>::max(), [&] { early = true; });
  loop.after(0, [&] { loop.stop(); });
  loop.run();
  expect(!early, "the last of all moments not to have come");
}

// --- network cards ---

/** A relay between a tap, which a socket that keeps messages apart stands for, and a network. */
struct Cable {
  Loop loop;
  Fd machine;
  Fd network;
  std::unique_ptr<CardRelay> relay;

  Cable() {
    int ends[2];
    expect(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0, "a tap");
    machine.reset(ends[0]);
    auto [own, peer] = socketPair();
    network = std::move(peer);
    relay = std::make_unique<CardRelay>(loop, Fd(ends[1]), std::move(own), "web");
  }

  /** Lets the relay do what it can. */
  void settle() {
    loop.after(20, [this] { loop.stop(); });
    loop.run();
  }

  std::string delivered() {
    std::string got;
    char bytes[70000];
    for (ssize_t size = 0; (size = recv(machine.get(), bytes, sizeof bytes, MSG_DONTWAIT)) > 0;) {
      got += std::to_string(size) + " ";
    }
    return got;
  }
};

std::string wired(size_t bytes) {
  std::string text{0, 0, 0, 0};
  text[1] = static_cast<char>(bytes >> 16);
  text[2] = static_cast<char>(bytes >> 8);
  text[3] = static_cast<char>(bytes);
  return text + std::string(bytes, 'x');
}

void framesArriveWhole() {
  Cable cable;
  const auto text = wired(14) + wired(65534) + wired(60);
  // In pieces that are cut anywhere.
  expect(writeFully(cable.network.get(), text.substr(0, 20) + text.substr(20, 40000)), "some of it");
  expect(writeFully(cable.network.get(), text.substr(40020)), "the rest");
  expect(writeFully(cable.machine.get(), std::string(42, 'y')), "a frame of the machine's");
  cable.settle();
  expectEqual(cable.delivered(), "14 65534 60 ");
  char bytes[100];
  expect(recv(cable.network.get(), bytes, sizeof bytes, MSG_DONTWAIT) == 46 && bytes[3] == 42, "its length first");
}

void badFrameIsTheEnd(const std::string& sent) {
  Cable cable;
  expect(writeFully(cable.network.get(), wired(20) + sent), "what a network may say");
  cable.settle();
  expectEqual(cable.delivered(), "20 ");
  char byte = 0;
  expect(recv(cable.network.get(), &byte, 1, MSG_DONTWAIT) == 0, "the end of the connection");
  // The machine does not notice.
  expect(send(cable.machine.get(), "frame", 5, MSG_NOSIGNAL | MSG_DONTWAIT) == 5, "a tap that stays");
}

void tooLongFrame() { badFrameIsTheEnd(wired(65551).substr(0, 100)); }
void tooShortFrame() { badFrameIsTheEnd(wired(13)); }

// --- the jail ---

constexpr const char* outside = "/etc/passwd";

JailPlan somePlan() {
  JailPlan plan;
  plan.attachPoint = scratch;
  plan.directories = {"/boot/dev"};
  using Kind = JailEntry::Kind;
  plan.entries.push_back({fill("program", "#!/bin/sh\n"), "/boot/init", Kind::program, true});
  plan.entries.push_back({fill("disk", "disk"), scratch + "/disk", Kind::disk, false});
  plan.entries.push_back({fill("image", "image"), scratch + "/image", Kind::disk, true});
  for (const char* name : {"/writable", "/readonly"}) {
    expect(mkdir((scratch + name).c_str(), 0755) == 0 || errno == EEXIST, "a directory");
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
               expect(jail.enterNamespaces() == 0, "namespaces: " + jail.report().summary());
               jail.restrict("/boot");
               expectContains(jail.report().summary(), "own root");
               expectContains(jail.report().summary(), "seccomp");

               expect(opening(outside, O_RDONLY) != 0, "the host's files to be out of reach");
               expect(opening("/boot/init", O_RDONLY) == 0, "the program to be there");
               expect(opening("/boot/init", O_WRONLY) != 0, "the program to be read-only");
               expect(creating("/boot/x") != 0 && creating("/x") != 0, "the root to be read-only");
               expect(opening(scratch + "/disk", O_RDWR) == 0, "the disk to be writable");
               expect(opening(scratch + "/image", O_RDONLY) == 0, "the image to be readable");
               expect(opening(scratch + "/image", O_RDWR) != 0, "the image not to be writable");
               expect(opening(scratch + "/program", O_RDONLY) == ENOENT, "nothing else of that directory to be there");
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
  const auto boot = scratch + "/bootdirectory";
  expect(mkdir(boot.c_str(), 0755) == 0, "a directory");
  expectExit(inChild([&] {
               // As on a host that allows none: the layers that need no namespace still hold.
               Jail jail(plan);
               jail.restrict(boot);
               const bool landlocked = jail.report().isOn("Landlock");
               if (landlocked) {
                 expect(opening(outside, O_RDONLY) == EACCES, "Landlock to keep the host's files out of reach");
                 expect(creating(scratch + "/readonly/new2") == EACCES, "the read-only share to be so");
                 expect(opening(scratch + "/image", O_WRONLY) == EACCES, "the image not to be writable");
               }
               expect(creating(scratch + "/writable/new2") == 0, "the writable share to be writable");
               expect(opening(scratch + "/disk", O_RDWR) == 0, "the disk to be writable");
               expect(opening(boot, O_RDONLY | O_DIRECTORY) == 0, "the boot directory to be readable");
               return 0;
             }),
             0);
}

int filtered(bool withoutNetwork) {
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  return enterSyscallFilter(Calls::anyLibkrun, withoutNetwork);
}

int listening() {
  const Fd tcp(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return failure([&] { return listen(tcp.get(), 1); });
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
               // To libkrun's TSI this very number says: listen inside the guest.
               expect(listening() == EPERM, "no listening");
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

// --- the log ---

/** No file may grow beyond that: as a full disk, a write is short and then fails. */
void limitFiles(uint64_t bytes) {
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{bytes, RLIM_INFINITY};
  expect(::setrlimit(RLIMIT_FSIZE, &limit) == 0, "a limit of files");
}

void logIsMended() {
  expectExit(inChild([] {
               const auto path = scratch + "/log";
               LogWriter log(path, {1 << 20, 2});
               log.write(FrameType::out, "whole\n");
               log.flush();
               const std::string whole = readFile(path, 4096);
               limitFiles(whole.size() + 6);
               log.write(FrameType::out, "torn entry\n");
               log.flush();
               log.write(FrameType::out, "lost\n");
               log.flush();
               limitFiles(RLIM_INFINITY);
               log.write(FrameType::out, "next\n");
               log.flush();
               const std::string text = readFile(path, 4096);
               expect(text.starts_with(whole), "what was there to stay");
               expect(text.find("Oto") == std::string::npos, "no part of an entry to look like one");
               expectContains(text, "\n20");
               expectContains(text, "Z stderr F mocker: 16 bytes of output are missing here, they could not be logged: file too large\n");
               expectContains(text, " stdout F next\n");
               return 0;
             }),
             0);
}

void logWithoutDescriptorsIsKept() {
  expectExit(inChild([] {
               const auto path = scratch + "/log";
               LogWriter log(path, {4096, 3});
               const std::string line(100, 'x');
               const auto write = [&](int lines) {
                 for (int i = 0; i < lines; ++i) log.write(FrameType::out, line + "\n");
                 log.flush();
               };
               write(60);
               const std::string older = readFile(path + ".1", 8192);
               rlimit limit{};
               ::getrlimit(RLIMIT_NOFILE, &limit);
               const rlimit none{0, limit.rlim_max};
               ::setrlimit(RLIMIT_NOFILE, &none);
               write(200);
               ::setrlimit(RLIMIT_NOFILE, &limit);
               expectEqual(readFile(path + ".1", 8192), older);
               expect(readFile(path, 1 << 20).size() > 20000, "all of it in the one file there is");
               write(1);
               expect(readFile(path, 1 << 20).size() < 4096, "a rotation when it is possible");
               return 0;
             }),
             0);
}

void exitRecordIsReserved() {
  const auto path = scratch + "/exit.json";
  reserveForWriting(path, 4096);
  expect(readFile(path + ".tmp", 8192).size() == 4096, "room for the record");
  writeFileAtomic(path, "short");
  expectEqual(readFile(path, 4096), "short");
  expect(!std::filesystem::exists(path + ".tmp"), "no temporary file");
}

const std::map<std::string, void (*)()> tests = {
    {"a log on a full disk is mended, and says what it lost", logIsMended},
    {"a log that cannot be rotated keeps what there is", logWithoutDescriptorsIsKept},
    {"a record whose room was reserved is written whole", exitRecordIsReserved},
    {"a VM's messages stop at their limit", outputStops},
    {"a VM's console starts over at its limit", outputRestarts},
    {"a peer that reads no more is heard to its end", deafPeerIsHeard},
    {"what a slow peer does not take is kept for it, and what is too long ends it", slowPeerIsWaitedFor},
    {"a connection that breaks the protocol ends, and may be destroyed then", connectionEndsWithinItsCall},
    {"a hello that comes with the end of its time is taken once", helloInTheLastMoment},
    {"a connection that closes with the end of its time ends once", closeInTheLastMoment},
    {"a timer for the end of all times waits", farTimersWait},
    {"frames pass a card whole, however they come", framesArriveWhole},
    {"a frame that is too long cuts a network off", tooLongFrame},
    {"a frame that is too short cuts a network off", tooShortFrame},
    {"the jail shows what was planned and nothing else", jailContains},
    {"the jail names what does not exist", jailNamesWhatIsMissing},
    {"the jail's other layers hold without namespaces", jailWithoutNamespaces},
    {"the system call filter refuses", filterRefuses},
    {"the system call filter ends what starts programs", filterEndsAttackers},
};

}  // namespace

int main(int argc, char** argv) { return runInScratch(tests, argc, argv); }
