// Fuzz targets, which fuzz-driver.cc calls with inputs of its own making. libFuzzer finds them by
// LLVMFuzzerTestOneInput: built by clang with -fsanitize=fuzzer,address,undefined instead of the driver,
// MOCKER_FUZZ_TARGET names the target.

#include "fuzz-targets.h"

#include <sanitizer/lsan_interface.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "common/credit.h"
#include "common/frame.h"
#include "common/loop.h"
#include "common/unix-socket.h"
#include "fuzz-sandbox.h"
#include "guest/agent/machine.h"
#include "guest/agent/net/interfaces.h"
#include "guest/agent/process/process-request.h"
#include "guest/agent/process/user.h"
#include "guest/agent/rootfs/etc-files.h"
#include "guest/agent/rootfs/root-file-system.h"
#include "guest/agent/rootfs/root-tree.h"
#include "guest/agent/rootfs/volume-fill.h"
#include "guest/agent/rootfs/volumes.h"
#include "host/vmm/monitor/control-relay.h"
#include "host/vmm/monitor/guest-token.h"
#include "host/vmm/monitor/handshake.h"
#include "host/vmm/spec.h"
#include "host/vmm/streams/exec-stream.h"
#include "tests.h"

namespace mocker {
namespace {

/** What a decoder says, frame by frame, in a form that does not show in which pieces its bytes came. */
struct Transcript {
  std::string text;

  bool onHeader(FrameType type) {
    text += "\n" + std::to_string(static_cast<int>(type)) + " ";
    return true;
  }
  bool onData(FrameType, std::string_view bytes) {
    text += bytes;
    return true;
  }
  bool onJson(std::string&& json) {
    expect(json.size() <= 4096, "no more JSON than the decoder was told to take");
    text += json;
    return true;
  }
};

/** The first byte says how the others are cut. */
void frames(std::string_view input) {
  if (input.empty()) return;
  const size_t most = static_cast<unsigned char>(input[0]) + size_t{1};
  input.remove_prefix(1);
  const auto decode = [&](size_t pieceBytes) {
    Transcript transcript;
    FrameDecoder decoder(4096);
    try {
      for (size_t at = 0; at < input.size(); at += pieceBytes) {
        const auto piece = input.substr(at, pieceBytes);
        expect(decoder.feed(piece, transcript) == piece.size(), "all of a piece to be used");
      }
    } catch (const ProtocolError&) {
      transcript.text += "\nbroken";
    }
    return transcript.text;
  };
  expect(decode(most) == decode(input.size() + 1), "the same frames, however they come");
}

/**
 * A peer's frames out of lines: the first letter is the frame's type, the rest its payload; "!" is followed
 * by bytes that are to be a frame.
 */
std::string framesOf(std::string_view lines) {
  std::string bytes;
  while (!lines.empty()) {
    const size_t end = std::min(lines.find('\n'), lines.size());
    const auto line = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 1, lines.size()));
    if (line.empty()) continue;
    const auto payload = line.substr(1);
    if (line[0] == '!') bytes += payload;
    if (line[0] == 'i') bytes += frame(FrameType::in, payload);
    if (line[0] == 'o') bytes += frame(FrameType::out, payload);
    if (line[0] == 'e') bytes += frame(FrameType::err, payload);
    if (line[0] == 'j') bytes += frame(FrameType::json, payload);
  }
  return bytes;
}

struct Ends {
  Fd ours;
  Fd theirs;
};

Ends connection() {
  auto [ours, theirs] = socketPair();
  setNonBlocking(ours.get());
  return {std::move(ours), std::move(theirs)};
}

/** All that has been sent to this end so far. */
std::string received(const Fd& end) {
  std::string bytes;
  char piece[65536];
  for (;;) {
    const ssize_t got = ::recv(end.get(), piece, sizeof piece, MSG_DONTWAIT);
    if (got <= 0) return bytes;
    bytes.append(piece, static_cast<size_t>(got));
  }
}

/** Calls `each` with the JSON frames of what one of our own programs has sent, and counts the other bytes. */
template <typename Each>
size_t readOwn(std::string_view bytes, Each each) {
  struct {
    Each& each;
    size_t data = 0;
    bool onData(FrameType, std::string_view piece) {
      data += piece.size();
      return true;
    }
    bool onJson(std::string&& text) {
      const auto message = parseObject(text);
      expect(message.has_value(), "JSON from the monitor");
      each(*message);
      return true;
    }
  } reader{each};
  FrameDecoder decoder;
  decoder.feed(bytes, reader);
  return reader.data;
}

const std::string token = "5ec2e75ec2e75ec2e75ec2e75ec2e75ec2e7";

/** A connection's first bytes. */
void hello(std::string_view input) {
  Loop loop;
  auto [ours, theirs] = connection();
  // More than a socket takes at once is of no interest.
  input = input.substr(0, 32768);
  expect(writeSome(theirs.get(), input) == static_cast<long>(input.size()), "a socket with room");
  ::shutdown(theirs.get(), SHUT_WR);
  std::optional<Json> said;
  Handshake handshake(loop, std::move(ours), [&](Handshake&, Fd fd, const Json& message, std::string rest) {
    expect(!fd || message.is_object(), "a hello");
    expect(!fd || input.find(rest) != std::string_view::npos, "the rest as it came");
    if (fd) said = message;
    loop.stop();
  });
  loop.run();
  if (!said) return;
  GuestToken fresh;
  const bool isFirst = fresh.admits(*said);
  expect(!isFirst || stringOr(*said, "role", "") == "control", "that a control connection is the first");
  GuestToken known;
  expect(known.admits({{"role", "control"}, {"token", token}}), "the agent to be admitted");
  expect(known.admits(*said) == (stringOr(*said, "token", "") == token), "nobody without the token");
}

void relay(std::string_view input) {
  Loop loop;
  std::vector<std::shared_ptr<void>> ended;
  ControlRelay::Events events;
  events.onAgentConnected = [](bool) {};
  events.onGuestDisconnected = [] {};
  events.onEngineConnected = [] {};
  events.onStopRequested = [] {};
  events.deleteLater = [&](std::shared_ptr<void> object) { ended.push_back(std::move(object)); };
  ControlRelay control(loop, std::move(events));
  auto [engine, engineEnd] = connection();
  auto [guest, guestEnd] = connection();
  std::string asked;
  for (const char* id : {"1", "2", "3"}) asked += jsonFrame({{"id", id}, {"method", "stats"}});
  for (const char* id : {"e1", "e2"}) asked += jsonFrame({{"id", id}, {"method", "exec"}, {"params", {{"stream", id}}}});
  control.takeEngine(std::move(engine), asked);
  const Json agentHello{{"role", "control"}, {"token", token}};
  expect(control.admits(agentHello), "the agent to be admitted");
  control.takeGuest(std::move(guest), &agentHello, framesOf(input));

  std::set<std::string> waiting{"1", "2", "3", "e1", "e2"}, running{"e1", "e2"};
  const auto bytes = received(engineEnd);
  expect(bytes.size() < 65536, "little to be told to the engine");
  const size_t data = readOwn(bytes, [&](const Json& message) {
    if (message.contains("event")) {
      expect(message.size() == 2 && message["event"] == "execExited", "no other event");
      const auto& params = message["params"];
      expect(params.size() == 2 && running.erase(params["id"].get<std::string>()) == 1, "the end of an exec that runs");
      expect(params["code"].is_number() && params["code"] >= 0 && params["code"] <= 255, "an exit code");
      return;
    }
    expect(message.size() == 2 && waiting.erase(message["id"].get<std::string>()) == 1, "one answer to what was asked");
    const bool isError = message.contains("error");
    expect(isError != message.contains("result"), "a result or an error");
    if (!isError) {
      for (const auto& [name, number] : message["result"].items()) {
        expect(number.is_number_integer() && number >= 0, name + " to be a number");
      }
      return;
    }
    const auto& error = message["error"];
    expect(error.size() == 2 && error["code"].is_string() && error["message"].is_string(), "a code and a message");
    expect(error["message"].get_ref<const std::string&>().size() <= 3 * 4096, "a short message");
  });
  expect(data == 0, "messages alone");
  control.dropGuest();
}

void execStream(std::string_view input) {
  Loop loop;
  auto [guest, guestEnd] = connection();
  auto [client, clientEnd] = connection();
  {
    // The one byte says whether the client comes before the guest or after it.
    const bool isLate = !input.empty() && (input[0] & 1);
    ExecStream stream(loop, std::move(guest), framesOf(input.substr(std::min<size_t>(1, input.size()))), [] {});
    if (isLate) stream.begin();
    stream.join(std::move(client), "");
    if (!isLate) stream.begin();
    expect(stream.queuedBytes() <= 4 * creditWindowBytes, "little to be kept");
  }
  bool isOver = false;
  const size_t data = readOwn(received(clientEnd), [&](const Json& message) {
    expect(!isOver, "nothing after the end");
    isOver = true;
    expect(message.size() == 1 && message.contains("exit"), "an exit");
    const auto& exit = message["exit"];
    expect(exit["code"].is_number_integer() && exit["code"] >= 0 && exit["code"] <= 255, "an exit code");
    for (const auto& [name, value] : exit.items()) {
      expect(name == "code" || name == "signal" || name == "reason" || name == "message", "no other member");
      expect(!value.is_structured(), "nothing within it");
    }
  });
  expect(data <= creditWindowBytes, "no more than the guest's credit");
  readOwn(received(guestEnd), [](const Json& message) { expect(message.contains("credit"), "a credit"); });
}

void vmSpec(std::string_view input) {
  VmSpec spec;
  try {
    spec = parseVmSpec(std::string(input));
  } catch (const std::runtime_error& error) {
    expect(std::string_view(error.what()).starts_with("vmm.json: "), "to be told what is wrong");
    return;
  }
  expect(spec.vmId.size() == 64, "an id");
  for (const auto& path : {spec.stateDir, spec.runDir, spec.agentPath}) {
    expect(path[0] == '/' && path.find('\0') == std::string::npos, "a path");
  }
  expect(spec.krun.has_value() != spec.simulation.has_value(), "one runtime");
  expect(!spec.krun || (spec.krun->cpus >= 1 && spec.krun->cpus <= 255), "CPUs");
  expect(spec.cards.size() <= maxCards, "few cards");
  spec.hasHostNetwork();
}

void processRequest(std::string_view input) {
  const auto params = parseObject(input);
  if (!params) return;
  for (const bool isMain : {true, false}) {
    try {
      const auto request = parseProcessRequest(*params, isMain);
      expect(!request.argv.empty() && request.cwd[0] == '/', "a program and a directory");
      for (const auto* list : {&request.argv, &request.env}) {
        for (const auto& text : *list) expect(text.find('\0') == std::string::npos, "text that a program can be given");
      }
      expect(!isMain || !(request.detach || request.archive), "a main process");
    } catch (const RequestError& error) {
      expect(!error.code().empty(), "a code");
    } catch (const std::runtime_error& error) {
      expect(std::string_view(error.what()).starts_with("rlimits: "), "to be told what is wrong");
    }
  }
}

/** A user, and an image's passwd and group after NUL bytes. */
void user(std::string_view input) {
  std::string parts[3];
  for (auto& part : parts) {
    const size_t end = std::min(input.find('\0'), input.size());
    part = input.substr(0, end);
    input.remove_prefix(std::min(end + 1, input.size()));
  }
  try {
    const auto identity = resolveUser(parts[0], parts[1], parts[2]);
    expect(identity.uid <= 2147483647 && identity.gid <= 2147483647, "ids in Docker's range");
    expect(identity.groups.size() <= 1024, "few groups");
  } catch (const UserError& error) {
    expect(std::string_view(error.what()).starts_with("unable to find "), "to be told what is missing");
  }
}

bool isSandboxed = false;

/** An image as hostile as configure's mounts, below /stage, and a directory that nothing leads to. */
void makeStage() {
  for (const char* path : {"/stage/image", "/stage/image/etc", "/stage/image/data", "/stage/upper", "/stage/work",
                           "/stage/volume", "/stage/outside"}) {
    expect(::mkdir(path, 0755) == 0, path);
  }
  for (const auto& [target, path] : {std::pair{"/stage/outside", "/stage/image/absolute"},
                                     std::pair{"../../../stage/outside", "/stage/image/relative"},
                                     std::pair{"/stage/outside/hosts", "/stage/image/etc/hosts"},
                                     std::pair{"loop", "/stage/image/loop"}}) {
    expect(::symlink(target, path) == 0, path);
  }
  const Fd file(::open("/stage/image/data/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  expect(writeFully(file.get(), "content"), "a file");
}

/** Each must either be done or say why not. */
template <typename Step>
void attempt(Step step) {
  try {
    step();
  } catch (const std::runtime_error& error) {
    expect(*error.what() != '\0', "to be told what is wrong");
  }
}

void expectHosts(const Json& params, const std::string& text) {
  const auto count = [&](const char* key) { return params.contains(key) && params[key].is_array() ? params[key].size() : 0; };
  const size_t lines = static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
  expect(lines <= 7 + count("hosts") + count("interfaces"), "a line for each address and no more");
}

/**
 * The parts of configure that read what the engine says, over an image with links that lead out of it. The
 * rest of it takes nothing from there.
 */
void configureParts(std::string_view input) {
  static FuzzSandbox sandbox;
  isSandboxed = true;
  const auto params = parseObject(input);
  if (!params) return;
  const Json* rootfs = objectOrNull(*params, "rootfs");
  if (!rootfs) return;
  const auto member = [&](const char* key) { return params->contains(key) ? (*params)[key] : Json(); };
  sandbox.enter();
  makeStage();
  const Fd outside(::open("/stage/outside", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  {
    Machine machine;
    machine.simulation = flagOr(*params, "simulation", false);
    std::string place = "/stage/image";
    attempt([&] { place = mountRoot(*rootfs, machine); });
    const RootTree root(Fd(::open(place.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)));
    const auto hostname = stringOr(*params, "hostname", "");
    const auto domainname = stringOr(*params, "domainname", "");
    attempt([&] { writeEtcFiles(*params, hostname, domainname, root); });
    expectHosts(*params, hostsText(member("hosts"), member("interfaces"), hostname, domainname));
    if (member("interfaces").is_array()) attempt([&] { setUpInterfaces(member("interfaces"), Fd()); });
    if (member("mounts").is_array()) attempt([&] { mountVolumes(member("mounts"), root, machine); });
  }
  expect(isEmptyDirectory(outside.get()), "nothing to be written beside the image");
  sandbox.leave();
}

}  // namespace

const std::map<std::string, void (*)(std::string_view)> fuzzTargets = {
    {"configure", configureParts}, {"exec-stream", execStream}, {"frames", frames}, {"hello", hello},
    {"process-request", processRequest}, {"relay", relay}, {"vm-spec", vmSpec}, {"user", user},
};

}  // namespace mocker

/** LeakSanitizer looks for threads in /proc, which is out of reach then. */
extern "C" int __lsan_is_turned_off() {
  return mocker::isSandboxed;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto target = [] {
    const char* name = std::getenv("MOCKER_FUZZ_TARGET");
    return mocker::fuzzTargets.at(name ? name : "");
  }();
  target(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
