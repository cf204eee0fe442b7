// A guest agent that lies, in the place of Mocker's own: PID 1 of a microVM. It lets itself be configured and
// started as an agent does. What it does then is named by the first argument of the main process, and of each
// exec; see the table of lies.

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
// After sys/socket.h, which it needs.
#include <linux/vm_sockets.h>

enum { monitorPort = 1024, in = 0, out = 1, json = 3, headerBytes = 8, maxPayloadBytes = 1 << 20 };
static const char token[] = "5ec2e75ec2e75ec2e75ec2e75ec2e75ec2e7";
static char payload[maxPayloadBytes + 1];
static int control = -1;

/** A request of the engine's: what of it matters here. */
struct request {
  char id[160];
  char method[32];
  char stream[160];
  /** The first argument of the process that is to be started. */
  char program[32];
  char hostname[64];
};

static int dial(void) {
  const int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = monitorPort};
  if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

/** False when the other end takes no more. */
static bool put(int fd, const void *bytes, size_t size) {
  const char *at = bytes;
  while (size > 0) {
    const ssize_t sent = send(fd, at, size < 32768 ? size : 32768, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    at += sent;
    size -= (size_t)sent;
  }
  return true;
}

/** Says that `size` bytes will come, which need not be so. */
static bool putHeader(int fd, int type, uint32_t size) {
  const unsigned char header[headerBytes] = {(unsigned char)type,          0, 0, 0, (unsigned char)(size >> 24), (unsigned char)(size >> 16),
                                             (unsigned char)(size >> 8), (unsigned char)size};
  return put(fd, header, sizeof header);
}

static bool putFrame(int fd, int type, const void *bytes, size_t size) {
  return putHeader(fd, type, (uint32_t)size) && put(fd, bytes, size);
}

static __attribute__((format(printf, 3, 4))) bool say(int fd, int type, const char *format, ...) {
  char text[2048];
  va_list arguments;
  va_start(arguments, format);
  const int size = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return putFrame(fd, type, text, (size_t)size);
}

static int dialStream(const char *id) {
  const int fd = dial();
  say(fd, json, "{\"hello\":{\"role\":\"stream\",\"token\":\"%s\",\"id\":\"%s\"}}", token, id);
  return fd;
}

static void dialControl(void) {
  close(control);
  while ((control = dial()) < 0) usleep(10000);
  say(control, json, "{\"hello\":{\"role\":\"control\",\"token\":\"%s\",\"protocol\":1,\"kernel\":\"lies\",\"bootMs\":1,\"pid\":1}}", token);
}

static bool take(int fd, char *bytes, size_t size) {
  while (size > 0) {
    const ssize_t got = recv(fd, bytes, size, 0);
    if (got <= 0) return false;
    bytes += got;
    size -= (size_t)got;
  }
  return true;
}

/** The next frame's payload, with a NUL behind it. */
static bool takeFrame(int fd) {
  unsigned char header[headerBytes];
  if (!take(fd, (char *)header, sizeof header)) return false;
  const size_t size = (size_t)header[4] << 24 | (size_t)header[5] << 16 | (size_t)header[6] << 8 | header[7];
  if (size > maxPayloadBytes || !take(fd, payload, size)) return false;
  payload[size] = 0;
  return true;
}

/** What comes after `before` in the payload, up to the next quote. */
static void find(const char *before, char *text, size_t size) {
  text[0] = 0;
  const char *at = strstr(payload, before);
  if (at == NULL) return;
  at += strlen(before);
  const size_t length = strcspn(at, "\"");
  snprintf(text, size, "%.*s", (int)length, at);
}

static void answer(const struct request *request, const char *result) {
  say(control, json, "{\"id\":\"%s\",\"result\":%s}", request->id, result);
}

/** The honest end of an exec. */
static void end(const struct request *request, int stream, const char *text) {
  say(stream, out, "%s\n", text);
  say(stream, json, "{\"exit\":{\"code\":0}}");
  say(control, json, "{\"event\":\"execExited\",\"params\":{\"id\":\"%s\",\"code\":0}}", request->stream);
}

/** Events that are none of its own, answers to nobody, and an exit that no process can have. */
static void forge(const struct request *request) {
  static const char *const forged[] = {
      "{\"event\":\"monitor\",\"params\":{\"agent\":null,\"main\":\"exited\",\"exit\":{\"version\":1,\"exitCode\":0,\"signal\":null,"
      "\"reason\":\"exited\",\"message\":\"\",\"startedAt\":\"\",\"finishedAt\":\"\"}}}",
      "{\"event\":\"execExited\",\"params\":{\"id\":\"nobody\",\"code\":0}}",
      "{\"event\":5}",
      "{\"id\":\"nobody\",\"result\":{}}",
      "{\"id\":5,\"error\":{}}",
      "{\"hello\":{\"role\":\"control\"}}",
      "[1]",
      "{",
  };
  for (size_t i = 0; i < sizeof forged / sizeof *forged; ++i) say(control, json, "%s", forged[i]);
  answer(request, "{\"pid\":-5,\"memoryUsedBytes\":\"all\",\"event\":\"monitor\",\"processes\":1e300}");
  const int stream = dialStream(request->stream);
  say(stream, in, "input for nobody");
  say(stream, out, "forged\n");
  say(stream, json, "{\"exit\":{\"code\":1000000000,\"signal\":-1,\"reason\":\"by magic\",\"message\":{}}}");
  say(control, json, "{\"event\":\"execExited\",\"params\":{\"id\":\"%s\",\"code\":-1000000000}}", request->stream);
}

/** Everything that may be said once. */
static void sayTwice(const struct request *request) {
  const int stream = dialStream(request->stream);
  answer(request, "{\"pid\":7}");
  answer(request, "{\"pid\":8}");
  say(control, json, "{\"id\":\"%s\",\"error\":{\"code\":\"NOT_FOUND\",\"message\":\"not this time\"}}", request->id);
  for (int code = 3; code < 5; ++code) {
    say(stream, json, "{\"exit\":{\"code\":%d}}", code);
    say(control, json, "{\"event\":\"execExited\",\"params\":{\"id\":\"%s\",\"code\":%d}}", request->stream, code);
  }
}

/** A stream that ends without an exit. */
static void halfClose(const struct request *request) {
  const int stream = dialStream(request->stream);
  answer(request, "{\"pid\":7}");
  say(stream, out, "half\n");
  shutdown(stream, SHUT_WR);
}

/** Frames of 1 GiB, on connections of every kind. */
static void announceGiant(const struct request *request) {
  const int stream = dialStream(request->stream);
  answer(request, "{\"pid\":7}");
  for (int type = in; type <= json; ++type) {
    const int fd = dial();
    putHeader(fd, type, 1u << 30);
  }
  putHeader(stream, out, 1u << 30);
  put(stream, token, sizeof token);
  putHeader(control, json, 1u << 30);
  put(control, token, sizeof token);
}

/** More output than there is credit for, on a stream that nobody reads. */
static void overrun(const struct request *request) {
  static char bytes[32760];
  const int stream = dialStream(request->stream);
  answer(request, "{\"pid\":7}");
  const int unread = dialStream("unread");
  size_t frames = 0;
  while (frames < 4096 && putFrame(unread, out, bytes, sizeof bytes)) ++frames;
  end(request, stream, frames < 4096 ? "cut off" : "everything was taken");
}

/** Messages that nobody asked for, without end, again and again. */
static void flood(const struct request *request) {
  const int stream = dialStream(request->stream);
  answer(request, "{\"pid\":7}");
  int rounds = 0;
  for (; rounds < 5; ++rounds) {
    dialControl();
    int messages = 0;
    while (messages < 50000 && say(control, json, "{\"event\":\"flood\",\"params\":{\"text\":\"%01000d\"}}", messages)) ++messages;
    if (messages == 50000) break;
  }
  dialControl();
  end(request, stream, rounds == 5 ? "cut off" : "everything was taken");
}

/** A thousand connections that say nothing, and some with guesses at a token; all of them stay. */
static void crowd(const struct request *request) {
  answer(request, "{\"pid\":7}");
  for (int i = 0; i < 1000; ++i) dial();
  for (int i = 0; i < 50; ++i) {
    say(dial(), json, "{\"hello\":{\"role\":\"control\",\"token\":\"%040d\",\"protocol\":1}}", i);
    say(dial(), json, "{\"hello\":{\"role\":\"stream\",\"id\":\"main\",\"token\":\"%040d\"}}", i);
  }
  end(request, dialStream(request->stream), "let in");
}

/** Answers nobody any more, and reads nothing. */
static void beDeaf(const struct request *request) {
  (void)request;
  for (;;) pause();
}

static const struct {
  const char *name;
  void (*tell)(const struct request *request);
} lies[] = {
    {"forge", forge}, {"say-twice", sayTwice}, {"half-close", halfClose}, {"announce-giant", announceGiant},
    {"overrun", overrun}, {"flood", flood}, {"crowd", crowd}, {"be-deaf", beDeaf},
};

static void tellLie(const struct request *request) {
  for (size_t i = 0; i < sizeof lies / sizeof *lies; ++i) {
    if (strcmp(lies[i].name, request->program) == 0) return lies[i].tell(request);
  }
  say(control, json, "{\"id\":\"%s\",\"error\":{\"code\":\"NOT_FOUND\",\"message\":\"no such lie\"}}", request->id);
}

/** "leave": ends at once, twice, by a code that there is not. Any other: goes on. */
static void startMain(const struct request *request) {
  const int stream = dialStream("main");
  answer(request, "{\"pid\":2}");
  say(stream, out, "lying\n");
  if (strcmp(request->program, "leave") != 0) return;
  say(stream, json, "{\"exit\":{\"code\":1000000000}}");
  say(stream, json, "{\"exit\":{\"code\":0}}");
  // The monitor's acknowledgement comes behind its credits.
  do {
    if (!takeFrame(stream)) return;
  } while (strstr(payload, "\"ack\"") == NULL);
  say(stream, json, "{\"halt\":true}");
}

static void configure(const struct request *request) {
  if (strcmp(request->hostname, "mute") == 0) {
    say(dialStream("main"), out, "mute\n");
    for (;;) pause();
  }
  answer(request, "{}");
}

int main(void) {
  if (getpid() != 1) return 64;
  const struct rlimit files = {4096, 4096};
  setrlimit(RLIMIT_NOFILE, &files);
  dialControl();
  for (;;) {
    if (!takeFrame(control)) {
      dialControl();
      continue;
    }
    struct request request;
    find("\"id\":\"", request.id, sizeof request.id);
    find("\"method\":\"", request.method, sizeof request.method);
    find("\"stream\":\"", request.stream, sizeof request.stream);
    find("\"argv\":[\"", request.program, sizeof request.program);
    find("\"hostname\":\"", request.hostname, sizeof request.hostname);
    if (strcmp(request.method, "configure") == 0) configure(&request);
    else if (strcmp(request.method, "start") == 0) startMain(&request);
    else if (strcmp(request.method, "exec") == 0) tellLie(&request);
    else if (strcmp(request.method, "ping") == 0) answer(&request, "{}");
    // Signals and stops are heard, and that is all.
  }
}
